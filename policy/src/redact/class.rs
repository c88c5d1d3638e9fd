//! Which bytes may stand in what: one table, so that ordinary text costs one look-up a byte and pass.

/// Letters, digits and `_`.
pub(super) const WORD: u8 = 1;
/// `[A-Za-z0-9_.~-]`: what the tokens without a prefix are made of.
pub(super) const TOKEN: u8 = 2;
/// `[A-Za-z0-9_.-]`: a key of a file, an environment, a header.
pub(super) const NAME: u8 = 4;
/// `[A-Za-z0-9+/_-]`
pub(super) const OPAQUE: u8 = 8;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = match b as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => WORD | TOKEN | NAME | OPAQUE,
            b'-' => TOKEN | NAME | OPAQUE,
            b'.' => TOKEN | NAME,
            b'~' => TOKEN,
            b'+' | b'/' => OPAQUE,
            _ => 0,
        };
        b += 1;
    }
    table
}

/// Letters, digits and `_`, as comparisons: many bytes are compared at once.
pub(super) fn is_word(b: u8) -> bool {
    is_alphanumeric(b) | (b == b'_')
}

/// `[A-Za-z0-9+/_-]`, as comparisons.
pub(super) fn is_opaque(b: u8) -> bool {
    is_word(b) | (b == b'-') | (b == b'+') | (b == b'/')
}

fn is_alphanumeric(b: u8) -> bool {
    ((b | 0x20).wrapping_sub(b'a') < 26) | (b.wrapping_sub(b'0') < 10)
}

/// Whether `b` is of the class.
pub(super) fn is(b: u8, class: u8) -> bool {
    CLASSES[usize::from(b)] & class != 0
}

/// The first place from `at` on where a run of the class begins; the end if there is none.
pub(super) fn begin(bytes: &[u8], at: usize, class: u8) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let skip = rest.iter().position(|b| is(*b, class));
    skip.map_or(bytes.len(), |n| at + n)
}

/// Where the run of the class ends in which `at` is.
pub(super) fn end(bytes: &[u8], at: usize, class: u8) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let run = rest.iter().position(|b| !is(*b, class));
    run.map_or(bytes.len(), |n| at + n)
}

/// Where the run of the class begins in which `at` is, not before `from`.
pub(super) fn back(bytes: &[u8], from: usize, at: usize, class: u8) -> usize {
    let before = bytes.get(from..at).unwrap_or_default();
    let gap = before.iter().rposition(|b| !is(*b, class));
    gap.map_or(from, |n| from + n + 1)
}
