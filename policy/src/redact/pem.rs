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
    let mut at = 0;
    let mut begins = Search::of(BEGIN);
    let mut ends = Search::of(END);
    loop {
        let (begin, end) = (begins.from(text, at), ends.from(text, at));
        at = match (begin, end) {
            (None, None) => return,
            // What ends without having begun began before the text, or in a line that is broken.
            (begin, Some(end)) if begin.is_none_or(|b| end < b) => {
                tail_of_a_cut_block(text, at, end, spans)
            }
            (Some(begin), _) => block(text, begin, spans),
            (None, Some(end)) => end + END.len(),
        };
    }
}

/// Finds the next place of one word, and looks for it once.
struct Search {
    word: &'static str,
    next: Option<Option<usize>>,
}

impl Search {
    fn of(word: &'static str) -> Self {
        Self { word, next: None }
    }

    fn from(&mut self, text: &str, at: usize) -> Option<usize> {
        let known = self
            .next
            .filter(|next| next.is_none_or(|place| place >= at));
        let search = || Some(text.get(at..)?.find(self.word)? + at);
        let next = known.unwrap_or_else(search);
        self.next = Some(next);
        next
    }
}

/// The block that begins at `start`; gives where to go on.
fn block(text: &str, start: usize, spans: &mut Vec<Span>) -> usize {
    let after = start + BEGIN.len();
    match label(text, after) {
        Some((label, body)) if is_private(label) => {
            let end = end_of_block(text, body).unwrap_or_else(|| end_of_words(text, body));
            spans.push(span(start, end));
            end
        }
        _ => after,
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

/// The label after `-----BEGIN ` or `-----END `, and where it is over.
fn label(text: &str, at: usize) -> Option<(&str, usize)> {
    let rest = text.get(at..)?;
    // A single dash belongs to a word (`<password-1>`), unless the text is cut behind it.
    let closes = |at: usize| {
        matches!(
            rest.as_bytes().get(at + 1),
            None | Some(b'-' | b'\r' | b'\n')
        )
    };
    let near = rest.bytes().take(64).enumerate();
    let len = near
        .filter(|(_, b)| *b == b'-')
        .map(|(at, _)| at)
        .find(|at| closes(*at))?;
    let dashes = rest.get(len..)?.bytes().take_while(|b| *b == b'-').count();
    let over = at + len + dashes;
    // Another block may follow at once: its dashes are its own.
    let follows = text.get(over..)?.starts_with(BEGIN.trim_start_matches('-'));
    let kept = if follows { dashes.min(5) } else { 0 };
    Some((rest.get(..len)?, over - kept))
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

/// An end without its beginning, at `last`: a key is all that looks like its body before it, back to `from`.
fn tail_of_a_cut_block(text: &str, from: usize, last: usize, spans: &mut Vec<Span>) -> usize {
    let after = last + END.len();
    let Some((_, end)) = label(text, after).filter(|(name, _)| is_private(name)) else {
        return after;
    };
    let before = text.get(from..last).unwrap_or_default();
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
