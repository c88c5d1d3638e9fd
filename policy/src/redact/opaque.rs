//! Long opaque strings: random enough to be a key, and in a suspicious place or of a suspicious shape.

use super::{Span, class};

/// The shortest string that is looked at behind a telling word.
const NEAR: usize = 20;
/// The shortest string that is taken without one.
const ALONE: usize = 40;
/// Bits per character that a random base64 string of that length exceeds, and no name, path or word does.
const RANDOM_NEAR: f32 = 3.6;
const RANDOM_ALONE: f32 = 4.6;
/// How far back a telling word may stand.
const BEFORE: usize = 40;
/// Words that make what follows suspicious (`true`), or a name or a digest, by their first letter.
fn words(first: u8) -> &'static [(&'static str, bool)] {
    match first.to_ascii_lowercase() {
        b'k' => &[("keyspace", false), ("key", true)],
        b't' => &[("token", true), ("trace", false)],
        b's' => &[("secret", true), ("signature", true), ("sha256", false)],
        b'p' => &[("password", true), ("passwd", true)],
        b'c' => &[
            ("credential", true),
            ("commit", false),
            ("container", false),
        ],
        b'a' => &[("auth", true), ("apikey", true)],
        b'b' => &[("bearer", true)],
        b'd' => &[("digest", false)],
        b'u' => &[("uid", false)],
        b'r' => &[("request", false)],
        _ => &[],
    }
}

pub(super) fn find(text: &str, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    // A run of `NEAR` that begins at `from` or later has a byte here, or begins behind it: most of a text is never looked at.
    while let Some(b) = bytes.get(from + NEAR - 1) {
        let probe = from + NEAR - 1;
        if !class::is(*b, class::OPAQUE) {
            from = probe + 1;
            continue;
        }
        let mut at = class::back(bytes, probe, class::OPAQUE).max(from);
        // The `n` of an escaped line break is not part of what follows it.
        let escape = at > 0 && bytes.get(at - 1) == Some(&b'\\');
        at += usize::from(escape && matches!(bytes.get(at), Some(b'n' | b'r' | b't')));
        let body = class::end(bytes, probe, class::OPAQUE);
        let after = bytes.get(body..).unwrap_or_default();
        let padding = after.iter().take(2).take_while(|b| **b == b'=').count();
        let end = body + padding;
        if body >= at + NEAR && is_secret(text, at, text.get(at..body).unwrap_or_default()) {
            spans.push(Span {
                start: at,
                end,
                class: "opaque",
            });
        }
        from = end;
    }
}

fn is_secret(text: &str, at: usize, word: &str) -> bool {
    if word.len() < NEAR || is_name(word) {
        return false;
    }
    let hex = word.bytes().all(|b| b.is_ascii_hexdigit());
    if hex {
        return word.len() >= 32 && tells(text, at);
    }
    if !is_mixed(word) {
        return false;
    }
    let bits = entropy(word);
    if bits < RANDOM_NEAR {
        return false;
    }
    let near = tells(text, at);
    near || (word.len() >= ALONE && bits >= RANDOM_ALONE && !word.contains('/'))
}

/// Upper and lower case and digits.
fn is_mixed(word: &str) -> bool {
    let any = |f: fn(&u8) -> bool| word.as_bytes().iter().any(f);
    any(u8::is_ascii_uppercase) && any(u8::is_ascii_lowercase) && any(u8::is_ascii_digit)
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
    let mut from = at.saturating_sub(BEFORE);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let before = text.get(from..at).unwrap_or_default();
    let line = before.as_bytes();
    let line = line.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    let sense = |at: usize| {
        let rest = line.get(at..).unwrap_or_default();
        let begins = |word: &str| {
            let head = rest.get(..word.len());
            head.is_some_and(|h| h.eq_ignore_ascii_case(word.as_bytes()))
        };
        let found = words(*rest.first()?)
            .iter()
            .find(|(word, _)| begins(word))?;
        Some(found.1)
    };
    // Of several, the one that stands last.
    (0..line.len()).rev().find_map(sense).unwrap_or(false)
}

/// Shannon entropy in bits per character.
fn entropy(word: &str) -> f32 {
    let mut counts = [0u16; 128];
    for b in word.bytes() {
        if let Some(n) = counts.get_mut(usize::from(b)) {
            *n = n.saturating_add(1);
        }
    }
    let len = word.len() as f32;
    let part = |n: &u16| {
        let p = f32::from(*n) / len;
        p * p.log2()
    };
    -counts.iter().filter(|n| **n > 0).map(part).sum::<f32>()
}
