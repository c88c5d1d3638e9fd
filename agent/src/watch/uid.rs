//! The UID of an object, in 24 bytes instead of a 36-byte string on the heap.

use podmender_policy::bounds::Name;
use std::fmt::Write;

/// A UID: 16 bytes if it is a UUID as Kubernetes writes them, else its text (a mock or a converted object may carry any).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Uid {
    Uuid([u8; 16]),
    Other(Box<str>),
}

impl Uid {
    /// Reads it; reading and [`Uid::name`] give the same text back.
    pub(super) fn parse(raw: &str) -> Self {
        canonical(raw).map_or_else(|| Self::Other(raw.into()), Self::Uuid)
    }

    /// As text.
    pub(super) fn name(&self) -> Name {
        let bytes = match self {
            Self::Other(raw) => return Name::new(raw),
            Self::Uuid(bytes) => bytes,
        };
        let mut out = String::with_capacity(36);
        for (i, byte) in bytes.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                out.push('-');
            }
            let _ = write!(out, "{byte:02x}");
        }
        Name::new(&out)
    }
}

/// The bytes of a UUID in lower case with dashes at 8, 13, 18 and 23: the only form that can be given back unchanged.
fn canonical(raw: &str) -> Option<[u8; 16]> {
    let raw = raw.as_bytes();
    if raw.len() != 36 {
        return None;
    }
    let mut out = [0u8; 16];
    let mut digits = 0;
    for (i, byte) in raw.iter().enumerate() {
        if matches!(i, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        out[digits / 2] = out[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::Uid;

    #[test]
    fn text_comes_back_unchanged() {
        for raw in [
            "6f9619ff-8b86-d011-b42d-00c04fc964ff",
            "6F9619FF-8b86-d011-b42d-00c04fc964ff",
            "uid-1",
            "",
        ] {
            assert_eq!(Uid::parse(raw).name().as_str(), raw);
        }
        assert!(matches!(
            Uid::parse("6f9619ff-8b86-d011-b42d-00c04fc964ff"),
            Uid::Uuid(_)
        ));
    }
}
