//! Private keys in PEM or a like armour, over as many lines as they take, whole or cut.

use super::{Span, floor};

/// The longest armoured key that is looked for (RSA 16384 is 12.7 KiB).
const MAX_BLOCK: usize = 16 * 1024;
/// A body has lines of 64 characters (70 for OpenSSH): a shorter word than this is not one of them, save the last.
const LINE: usize = 16;
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

pub(super) fn find(text: &str, spans: &mut Vec<Span>) {
    // Most texts have no armour at all: one fast search says so.
    if !text.contains("-----") {
        return;
    }
    let mut at = tail_of_a_cut_block(text, spans);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find(BEGIN)) {
        let start = at + found;
        let after = start + BEGIN.len();
        at = match label(text, after) {
            Some((label, body)) if is_private(label) => {
                let end = end_of_block(text, body).unwrap_or_else(|| end_of_words(text, body));
                spans.push(span(start, end));
                end
            }
            _ => after,
        };
    }
}

fn span(start: usize, end: usize) -> Span {
    Span {
        start,
        end,
        class: "private-key",
    }
}

fn is_private(label: &str) -> bool {
    label.contains("PRIVATE KEY") || label.contains("SECRET KEY")
}

/// The label after `-----BEGIN ` and where the body begins.
fn label(text: &str, at: usize) -> Option<(&str, usize)> {
    let rest = text.get(at..)?;
    let len = rest.bytes().take(64).position(|b| b == b'-')?;
    let dashes = rest.get(len..)?.bytes().take_while(|b| *b == b'-').count();
    Some((rest.get(..len)?, at + len + dashes))
}

/// Behind the `-----END ...-----` that closes the block at `body`.
fn end_of_block(text: &str, body: usize) -> Option<usize> {
    // Bounded, so that a text of nothing but beginnings does not cost its square.
    let near = floor(text, body + MAX_BLOCK + END.len());
    let found = text.get(body..near)?.find(END)?;
    let after = body + found + END.len();
    Some(label(text, after).map_or(after, |(_, end)| end))
}

/// The end of a block without its last line: as long as words look like its body.
fn end_of_words(text: &str, body: usize) -> usize {
    let rest = text.get(body..).unwrap_or_default();
    let (mut end, mut at) = (body, body);
    for word in rest.split_inclusive([' ', '\n', '\r', '\t']) {
        let bare = word.trim().trim_end_matches('…');
        let long = bare.len() >= LINE;
        // The last line may be short; a word of prose is short too, but then no body stands before it.
        if !bare.bytes().all(is_body) || !(long || bare.is_empty() || end > body) {
            break;
        }
        if !bare.is_empty() {
            end = at + word.trim_end().len();
        }
        at += word.len();
        if !long && !bare.is_empty() {
            break;
        }
    }
    end
}

/// A text that begins inside a block (the end of a log): everything before its last line that looks like its body.
fn tail_of_a_cut_block(text: &str, spans: &mut Vec<Span>) -> usize {
    let Some(last) = text.find(END) else { return 0 };
    let opened = text.find(BEGIN).is_some_and(|first| first < last);
    let closed = label(text, last + END.len()).filter(|(name, _)| is_private(name) && !opened);
    let Some((_, end)) = closed else { return 0 };
    let before = text.get(..last).unwrap_or_default();
    let mut start = last;
    let mut at = last;
    for word in before.rsplit([' ', '\n', '\r', '\t']) {
        if !word.bytes().all(is_body) {
            break;
        }
        at -= word.len();
        if !word.is_empty() {
            start = at;
        }
        at = at.saturating_sub(1);
    }
    spans.push(span(start, end));
    end
}

/// Bytes of base64, and the backslash of an escaped line break in it.
fn is_body(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\\')
}
