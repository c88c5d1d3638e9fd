//! The alphabets of tokens, and how far a text keeps to one.

/// The longest token that is looked at.
const MAX: usize = 8 * 1024;

/// Which characters a token has after its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    /// `[A-Za-z0-9]`
    Word,
    /// `[A-Z0-9]`
    Upper,
    /// `[a-fA-F0-9]`
    Hex,
    /// `[A-Za-z0-9_-]`
    Url,
    /// `[A-Za-z0-9_.-]`
    Dotted,
    /// `[A-Za-z0-9+/=_-]`
    Base64,
    /// All of them, and `:`, `%`, `?`, `&`, `@`: the path of a webhook.
    Path,
}

/// How far the alphabet goes. A trailing `.` is the sentence's.
pub(super) fn run(text: &str, at: usize, set: Set) -> usize {
    let in_set = |b: u8| {
        b.is_ascii_alphanumeric() && !matches!(set, Set::Upper | Set::Hex)
            || match set {
                Set::Word => false,
                Set::Upper => b.is_ascii_uppercase() || b.is_ascii_digit(),
                Set::Hex => b.is_ascii_hexdigit(),
                Set::Url => matches!(b, b'_' | b'-'),
                Set::Dotted => matches!(b, b'_' | b'-' | b'.'),
                Set::Base64 => matches!(b, b'+' | b'/' | b'=' | b'_' | b'-'),
                Set::Path => b"_-./:%?&@=+".contains(&b),
            }
    };
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    let len = rest.iter().take(MAX).take_while(|b| in_set(**b)).count();
    let taken = rest.get(..len).unwrap_or_default();
    let dots = taken
        .iter()
        .rev()
        .take_while(|b| matches!(b, b'.' | b':'))
        .count();
    len - dots
}
