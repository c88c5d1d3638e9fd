//! Escape sequences of terminals (ECMA-48): colours and the like, which belong to no text.

use crate::hidden::is_hidden;
use std::borrow::Cow;

const ESCAPE: char = '\u{1b}';
const BELL: char = '\u{7}';
/// What begins a sequence with parameters, in one character.
const CSI: char = '\u{9b}';
/// What ends a string, in one character.
const ST: char = '\u{9c}';
/// How an escape is spelt in the strings of JSON, Go, Python and C.
const SPELT: [&str; 5] = ["u001b", "u001B", "x1b", "x1B", "033"];

/// `text` without them: colours (`ESC [ … m`, also spelt: `\u001b[31m`), titles and links (`ESC ] … BEL`), other strings
/// (`ESC P … ESC \`), character sets (`ESC ( B`), and those of two characters; also as one character of the C1 set. None
/// reaches over the end of its line.
pub(crate) fn removed(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((at, len)) = first(rest) {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + len..).unwrap_or_default();
    }
    match rest.len() == text.len() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(out + rest),
    }
}

/// The first sequence of a text: where it begins, and its length.
fn first(text: &str) -> Option<(usize, usize)> {
    let mut places = text.match_indices(|c| c == '\\' || begins(c));
    places.find_map(|(at, begin)| {
        let behind = text.get(at + begin.len()..)?;
        let len = match begin.chars().next()? {
            '\\' => spelt(behind)?,
            c => length(c, behind),
        };
        Some((at, begin.len() + len))
    })
}

fn begins(c: char) -> bool {
    matches!(
        c,
        ESCAPE | CSI | '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}'
    )
}

/// The length of what is spelt behind a backslash, if it is a colour or a character that nobody would see. (`\u0000` stays: it
/// is what some programs complain of.)
pub(crate) fn spelt(behind: &str) -> Option<usize> {
    if let Some(escape) = SPELT.iter().find(|e| behind.starts_with(**e)) {
        let parameters = behind.get(escape.len()..)?.strip_prefix('[')?;
        let len = parameters.find(|c: char| !matches!(c, '0'..='9' | ';' | ':' | '?'))?;
        let ends = parameters
            .get(len..)?
            .starts_with(|c: char| c.is_ascii_alphabetic());
        return ends.then_some(escape.len() + 1 + len + 1);
    }
    let digits = behind.strip_prefix('u')?.get(..4)?;
    let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    (c > '\u{9f}' && is_hidden(c)).then_some(1 + digits.len())
}

/// The length of what belongs to a sequence that `begin` begins.
fn length(begin: char, behind: &str) -> usize {
    let mut line = Line {
        rest: behind,
        taken: 0,
    };
    match begin {
        ESCAPE => match line.next() {
            Some('[') => line.to(ends_parameters),
            Some(' '..='/') => line.to(|c| matches!(c, '0'..='~')),
            Some(']' | 'P' | 'X' | '^' | '_') => line.string(),
            _ => {}
        },
        CSI => line.to(ends_parameters),
        _ => line.string(),
    }
    line.taken
}

fn ends_parameters(c: char) -> bool {
    matches!(c, '@'..='~')
}

/// The rest of a line, and how much of it was taken.
struct Line<'t> {
    rest: &'t str,
    taken: usize,
}

impl<'t> Line<'t> {
    /// Skips a string; it may end with a sequence of two characters instead of one.
    fn string(&mut self) {
        let ends = |c: &char| matches!(*c, BELL | ESCAPE | ST);
        let end = std::iter::from_fn(|| self.next()).find(ends);
        if end == Some(ESCAPE) && self.behind().starts_with('\\') {
            self.taken += 1;
        }
    }

    /// Skips to behind the first character that ends a sequence.
    fn to(&mut self, ends: fn(char) -> bool) {
        let _ = std::iter::from_fn(|| self.next()).find(|c| ends(*c));
    }

    /// The next one that counts: a terminal does not take what is hidden in a sequence for a part of it.
    fn next(&mut self) -> Option<char> {
        let counts = |c: char| !is_hidden(c) || matches!(c, ESCAPE | BELL | ST);
        loop {
            let c = self.behind().chars().next()?;
            if matches!(c, '\n' | '\r') {
                return None;
            }
            self.taken += c.len_utf8();
            if counts(c) {
                return Some(c);
            }
        }
    }

    fn behind(&self) -> &'t str {
        self.rest.get(self.taken..).unwrap_or_default()
    }
}
