//! Long opaque strings: random enough to be a key, and in a suspicious place or of a suspicious shape.

use super::{
    Span, class,
    quads::{Case, Quads},
    scan,
};

/// The shortest string that is looked at behind a telling word.
const NEAR: usize = 20;
/// The shortest string that is taken without one.
const ALONE: usize = 40;
/// Bits per character that a random base64 string of that length exceeds, and no name, path or word does.
const RANDOM_NEAR: f64 = 3.6;
const RANDOM_ALONE: f64 = 4.6;
/// How far back a telling word may stand.
const BEFORE: usize = 40;
/// Words that make what follows suspicious (`true`), or a name or a digest. Of two that begin alike, the longer is first.
const WORDS: [(&str, bool); 18] = [
    ("keyspace", false),
    ("key", true),
    ("token", true),
    ("trace", false),
    ("secret", true),
    ("signature", true),
    ("sha256", false),
    ("password", true),
    ("passwd", true),
    ("credential", true),
    ("commit", false),
    ("container", false),
    ("auth", true),
    ("apikey", true),
    ("bearer", true),
    ("digest", false),
    ("uid", false),
    ("request", false),
];

/// How these words begin; each has a bucket of its own.
static BEGINS: Quads = begins();

const fn begins() -> Quads {
    let mut quads = Quads::NONE;
    let mut i = 0;
    while i < WORDS.len() {
        quads = quads.with(i, WORDS[i].0, Case::Any);
        i += 1;
    }
    quads
}

pub(super) fn find(text: &str, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    scan::runs::<NEAR>(bytes, class::is_opaque, |start| {
        // The `n` of an escaped line break is not part of what follows it.
        let escape = start > 0 && bytes.get(start - 1) == Some(&b'\\');
        let escaped = escape && matches!(bytes.get(start), Some(b'n' | b'r' | b't'));
        let at = start + usize::from(escaped);
        let body = class::end(bytes, start + NEAR, class::OPAQUE);
        if is_secret(text, at, text.get(at..body).unwrap_or_default()) {
            let after = bytes.get(body..).unwrap_or_default();
            let padding = after.iter().take(2).take_while(|b| **b == b'=').count();
            spans.push(Span {
                start: at,
                end: body + padding,
                class: "opaque",
            });
        }
    });
}

fn is_secret(text: &str, at: usize, word: &str) -> bool {
    // The cheap questions first: one of them is nearly always the last.
    let hex = word.bytes().all(|b| b.is_ascii_hexdigit());
    if word.len() < NEAR || !(hex || is_mixed(word)) || is_name(word) {
        return false;
    }
    if hex {
        return word.len() >= 32 && tells(text, at);
    }
    let alone = word.len() >= ALONE && !word.contains('/');
    let random = |bits| entropy(word) >= bits;
    (alone && random(RANDOM_ALONE)) || (tells(text, at) && random(RANDOM_NEAR))
}

/// Upper and lower case and digits.
fn is_mixed(word: &str) -> bool {
    let any = |f: fn(&u8) -> bool| word.as_bytes().iter().any(f);
    any(u8::is_ascii_digit) && any(u8::is_ascii_uppercase) && any(u8::is_ascii_lowercase)
}

/// Paths, UUIDs, mangled symbols and words joined by dashes.
fn is_name(word: &str) -> bool {
    let dashes = word.bytes().filter(|b| matches!(b, b'-' | b'_')).count();
    let slashes = word.bytes().filter(|b| *b == b'/').count();
    let uuid = word.len() == 36 && dashes == 4;
    let mangled = word.starts_with("_ZN") || word.starts_with("_R") || word.starts_with("_Z");
    let joined = dashes >= 3 && dashes * 12 >= word.len();
    let path = word.starts_with('/') || slashes >= 3 || (slashes >= 1 && word.len() < 36);
    uuid || mangled || joined || path
}

/// Whether a telling word stands shortly before, on the same line, and no harmless one after it.
fn tells(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let before = bytes.get(at.saturating_sub(BEFORE)..at).unwrap_or_default();
    let line = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    let sense = |from: usize| {
        let quad = bytes.get(from..)?.first_chunk()?;
        let mut buckets = BEGINS.buckets(*quad);
        let rest = bytes.get(from..at)?;
        while buckets != 0 {
            let (word, sense) = WORDS.get(buckets.trailing_zeros() as usize)?;
            let head = rest.get(..word.len());
            if head.is_some_and(|h| h.eq_ignore_ascii_case(word.as_bytes())) {
                return Some(*sense);
            }
            buckets &= buckets - 1;
        }
        None
    };
    // Of several, the one that stands last.
    let nearest = (at - line.len()..at).rev().find_map(sense);
    nearest.unwrap_or(false)
}

/// Shannon entropy in bits per character: how many it takes to tell the place of a character, less those that its likes take.
fn entropy(word: &str) -> f64 {
    let mut counts = [0u16; 256];
    for b in word.bytes() {
        let count = &mut counts[usize::from(b)];
        *count = count.saturating_add(1);
    }
    let len = word.len() as f64;
    // A logarithm of a product is cheaper than many; of 32 counts it cannot be too large.
    let alike = word.as_bytes().chunks(32).map(|part| {
        let product: f64 = part
            .iter()
            .map(|b| f64::from(counts[usize::from(*b)]))
            .product();
        product.log2()
    });
    len.log2() - alike.sum::<f64>() / len
}
