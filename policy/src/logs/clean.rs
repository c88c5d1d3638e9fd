//! From bytes to text: the last 64 KiB, lossy UTF-8, without escape sequences, NUL and other control characters.

use super::MAX_BYTES;
use crate::escapes;

/// A line with more unreadable characters than one in this many is binary and dropped.
const READABLE: usize = 8;
/// Longer lines keep their beginning and their end.
const MAX_LINE: usize = 4096;

/// The readable text of a log.
pub(super) fn text(bytes: &[u8]) -> String {
    let cut = bytes.len().saturating_sub(MAX_BYTES);
    let kept = bytes.get(cut..).unwrap_or_default();
    // Cut inside a line, its first half is lost: half a line misleads, and may hold half a secret that no rule knows.
    let skip = if cut == 0 {
        0
    } else {
        kept.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1)
    };
    let raw = String::from_utf8_lossy(kept.get(skip..).unwrap_or_default());
    let mut out = String::with_capacity(raw.len().min(MAX_BYTES));
    for line in raw.split(['\n', '\r']) {
        push(&escapes::removed(line), &mut out);
    }
    out
}

fn push(line: &str, out: &mut String) {
    let bad = line
        .chars()
        .filter(|c| *c == '\u{FFFD}' || (c.is_control() && *c != '\t'))
        .count();
    let readable = line.chars().any(char::is_alphanumeric) && bad * READABLE <= line.len();
    if !readable {
        return;
    }
    let clean = line.chars().filter(|c| !c.is_control() || *c == '\t');
    if line.len() <= MAX_LINE {
        out.extend(clean);
    } else {
        let all: Vec<char> = clean.collect();
        let half = MAX_LINE / 2;
        out.extend(all.iter().take(half));
        if all.len() > half {
            out.push_str(" … ");
            out.extend(all.iter().skip(all.len().saturating_sub(half).max(half)));
        }
    }
    out.push('\n');
}
