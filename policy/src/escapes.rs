//! Escape sequences of terminals (ECMA-48): colours and the like, which belong to no text.

use std::{borrow::Cow, iter::Peekable, str::Chars};

const ESCAPE: char = '\u{1b}';
const BELL: char = '\u{7}';

/// `text` without them: colours (`ESC [ … m`), titles and links (`ESC ] … BEL`), character sets (`ESC ( B`), and those of
/// two characters. None reaches over the end of its line.
pub(crate) fn removed(text: &str) -> Cow<'_, str> {
    if !text.contains(ESCAPE) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == ESCAPE {
            skip(&mut chars);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Skips what follows an escape.
fn skip(chars: &mut Peekable<Chars<'_>>) {
    let last = match next(chars) {
        Some('[') => to(chars, |c| matches!(c, '@'..='~')),
        Some(' '..='/') => to(chars, |c| matches!(c, '0'..='~')),
        Some(']') => to(chars, |c| matches!(c, BELL | ESCAPE)),
        other => other,
    };
    // A title may end with a sequence of two characters instead of the bell.
    if last == Some(ESCAPE) {
        chars.next_if_eq(&'\\');
    }
}

/// Skips to behind the first character that ends a sequence.
fn to(chars: &mut Peekable<Chars<'_>>, ends: fn(char) -> bool) -> Option<char> {
    std::iter::from_fn(|| next(chars)).find(|c| ends(*c))
}

fn next(chars: &mut Peekable<Chars<'_>>) -> Option<char> {
    chars.next_if(|c| !matches!(c, '\n' | '\r'))
}
