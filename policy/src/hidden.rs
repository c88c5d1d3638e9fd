//! Characters that nobody sees: a reader passes over them, and so must whoever looks for a secret.

use crate::{escapes, redact::floor};
use std::borrow::Cow;

/// So many bytes are looked at together.
const BLOCK: usize = 64;
/// What is taken out may leave something new to be taken out (`\u00\u200b1b[31m`): so often is looked.
const PASSES: usize = 16;

/// Control characters but for tab and line breaks, and what Unicode calls ignorable by default: zero-width and joining
/// characters, marks and overrides of direction, soft hyphens, fillers, variation selectors, tags. (Source:
/// DerivedCoreProperties.txt, `Default_Ignorable_Code_Point`, and the noncharacters and annotation marks of the BMP.)
pub(crate) fn is_hidden(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | ' '..='~' => false,
        c if c <= '\u{9F}' => true,
        c => matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FDD0}'..='\u{FDEF}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{FFFE}' | '\u{FFFF}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'),
    }
}

/// `text` as a terminal or a chat shows it: without these characters, and without escape sequences.
pub(crate) fn removed(text: &str) -> Cow<'_, str> {
    if !is_any(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = text.to_owned();
    for _ in 0..PASSES {
        let bare = escapes::removed(&shown);
        let fewer: String = bare.chars().filter(|c| !is_hidden(*c)).collect();
        if fewer.len() == shown.len() {
            break;
        }
        shown = fewer;
    }
    Cow::Owned(shown)
}

/// Whether one of them is in `text`. Ordinary text is passed over in blocks, so that this costs next to nothing.
fn is_any(text: &str) -> bool {
    let (blocks, rest) = text.as_bytes().as_chunks::<BLOCK>();
    let end = text.len() - rest.len();
    let mut ends = (BLOCK..=end).step_by(BLOCK).zip(blocks);
    ends.any(|(to, block)| is_odd(block) && is_in(text, to - BLOCK, to))
        || is_in(text, end, text.len())
}

/// Whether there is anything but printable ASCII, tabs and line breaks, or what may spell something else: comparisons alone,
/// so that many bytes are compared at once.
fn is_odd(block: &[u8; BLOCK]) -> bool {
    let odd = |b: u8| {
        let plain = (b.wrapping_sub(b' ') < 0x5F) & (b != b'\\');
        let space = (b == b'\t') | (b == b'\n') | (b == b'\r');
        !(plain | space)
    };
    block.iter().fold(false, |any, b| any | odd(*b))
}

/// Whether one begins in these bytes. (A character that goes on behind them belongs to what follows: that is looked at, too.)
fn is_in(text: &str, from: usize, to: usize) -> bool {
    let [from, to] = [from, to].map(|at| floor(text, at));
    let mut part = text.get(from..to).unwrap_or_default().char_indices();
    part.any(|(at, c)| match c {
        '\\' => text.get(from + at + 1..).and_then(escapes::spelt).is_some(),
        c => is_hidden(c),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_write_is_seen() {
        let text = "tab\tline\r\n“Größe” – 数据库拒绝连接 … база данных נתונים قاعدة ✓ naïve e\u{301} \u{a0}\u{3000}\u{2028}";
        assert_eq!(removed(text), text);
        assert!(matches!(removed(text), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn wherever_one_stands_it_goes(before in "[a-z …数\n]{0,140}", after in "[a-z …数\t]{0,140}", c in any::<char>()) {
            let text = format!("{before}{c}{after}");
            let shown = removed(&text);
            prop_assert!(!shown.chars().any(is_hidden));
            // An escape takes with it what follows.
            let escape = ('\u{1b}'..='\u{9f}').contains(&c);
            match is_hidden(c) {
                true if escape => {}
                true => prop_assert_eq!(shown, format!("{before}{after}")),
                false => prop_assert_eq!(&shown, &text),
            }
        }
    }
}
