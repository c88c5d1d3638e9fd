//! Text of a stranger (a language model) that is no more than text wherever it is shown: no link, mention, markup or picture.

use crate::{bounds::Text, escapes, hidden, redact};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};
use std::{borrow::Cow, fmt};

/// What stands where an address was: previews of links carry data out.
const LINK: &str = "(link removed)";

/// Bounded text on one line that nobody's chat, terminal or browser takes for more. Whichever way one is made, it was made so.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Inert<const MAX: usize>(Text<MAX>);

impl<const MAX: usize> Inert<MAX> {
    /// Takes secrets out, and everything that is not plain text. Secrets are looked for in what will be seen: no markup or
    /// full-width letter hides one.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        Self::plain(&redact::raw(&seen(&escapes::removed(raw))))
    }

    fn plain(raw: &str) -> Self {
        let characters: String = seen(raw).chars().map(bracket).collect();
        let words: Vec<Cow<'_, str>> = characters.split_whitespace().map(word).collect();
        Self(Text::new(&words.join(" ")))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The characters of a text that may be seen.
fn seen(raw: &str) -> String {
    raw.chars().filter_map(character).collect()
}

/// One character as it may be seen. `None`: not at all.
fn character(c: char) -> Option<char> {
    // Full-width forms of ASCII would get past whatever looks for the plain ones.
    let c = match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        c => c,
    };
    match c {
        '*' | '|' => None,
        c if c.is_whitespace() || matches!(c, '\u{2028}' | '\u{2029}') => Some(' '),
        c if hidden::is_hidden(c) || is_private(c) || is_picture(c) => None,
        c => Some(c),
    }
}

/// Brackets are others, because of `<!channel>`, `<url|text>` and `[text](url)`.
fn bracket(c: char) -> char {
    match c {
        '<' => '‹',
        '>' => '›',
        '[' => '(',
        ']' => ')',
        '`' => '\'',
        c => c,
    }
}

/// What looks as each font likes.
fn is_private(c: char) -> bool {
    matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}')
}

/// Signs by which a text could pass for a card of ours: ticks, lights, boxes, flags.
fn is_picture(c: char) -> bool {
    matches!(c, '\u{2300}'..='\u{23FF}' | '\u{2460}'..='\u{27BF}' | '\u{2900}'..='\u{2BFF}' | '\u{3030}' | '\u{303D}'
        | '\u{1F000}'..='\u{1FAFF}')
}

/// One word as it may be shown.
fn word(raw: &str) -> Cow<'_, str> {
    let mut word = Cow::Borrowed(raw);
    if word.contains('@') {
        word = word.replace('@', "(at)").into();
    }
    while let Some(next) = without_emoji(&word) {
        word = next.into();
    }
    if is_link(&word) { LINK.into() } else { word }
}

/// An address that somebody's client would turn into a link.
fn is_link(word: &str) -> bool {
    const SCHEMES: [&str; 6] = ["mailto:", "javascript:", "data:", "tel:", "file:", "www."];
    let lower = word.to_ascii_lowercase();
    let bare = lower.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    lower.contains("://") || SCHEMES.iter().any(|s| bare.starts_with(s))
}

/// The word without the colons around the name of an emoji (`:white_check_mark:`), if there is one in it.
fn without_emoji(word: &str) -> Option<String> {
    word.match_indices(':').find_map(|(at, _)| {
        let (before, after) = (word.get(..at)?, word.get(at + 1..)?);
        let (name, rest) = after.split_once(':')?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+');
        let named = name.bytes().any(|b| b.is_ascii_alphabetic()) && name.bytes().all(plain);
        // `std::io::Error` and `db:x:5` are none.
        let apart = !before.ends_with(|c: char| c.is_alphanumeric() || c == ':');
        (named && apart).then(|| format!("{before}{name}{rest}"))
    })
}

impl<const MAX: usize> fmt::Display for Inert<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MAX: usize> fmt::Debug for Inert<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Inert<MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Text::<MAX>::deserialize(from).map(|raw| Self::plain(raw.as_str()))
    }
}

impl<const MAX: usize> JsonSchema for Inert<MAX> {
    fn schema_name() -> Cow<'static, str> {
        Text::<MAX>::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Text::<MAX>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(raw: &str) -> String {
        Inert::<400>::new(raw).to_string()
    }

    #[test]
    fn fault_60_no_link_mention_markup_or_picture_is_left() {
        for (raw, plain) in [
            (
                "see https://evil.example/x?d=1 now",
                "see (link removed) now",
            ),
            ("(HTTP://evil.example)", "(link removed)"),
            ("www.evil.example", "(link removed)"),
            ("mailto:a@b.example", "(link removed)"),
            ("[Approve](https://evil.example)", "(link removed)"),
            (
                "![x](data:image/png;base64,AAAA)",
                "!(x)(data:image/png;base64,AAAA)",
            ),
            (
                "<!channel> <@U123> @everyone",
                "‹!channel› ‹(at)U123› (at)everyone",
            ),
            ("＠everyone ＜!here＞", "(at)everyone ‹!here›"),
            ("**bold** `code` ||hidden||", "bold 'code' hidden"),
            (":white_check_mark: done :x:", "white_check_mark done x"),
            ("✅ 🟢 well\u{202e}\u{200b} again ┃", "well again"),
            ("a\n\n> b\u{2028}c\0\u{1b}[31m", "a › b c"),
        ] {
            assert_eq!(shown(raw), plain, "{raw}");
        }
    }

    #[test]
    fn what_engineers_write_stays_readable() {
        for text in [
            "The database at db.shop.svc:5432 refuses connections (ECONNREFUSED).",
            "DATABASE_URL is not set; check the ConfigMap api-config, key url.",
            "Exit code 137: more than 128Mi at 09:30:45, ~2x the usual.",
            "Die Datei /etc/app/config.yaml fehlt – prüfen.",
            "数据库拒绝连接。",
        ] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(
            shown("password=hunter2-and-more was refused"),
            "password=‹password-1› was refused"
        );
    }

    #[test]
    fn fault_60_no_markup_hides_a_secret() {
        let token = ["gh", "p_", "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zCaB3d"].concat();
        let full: String = token
            .chars()
            .filter_map(|c| char::from_u32(u32::from(c) + 0xFEE0))
            .collect();
        let (head, tail) = token.split_at(12);
        for hidden in [
            full,
            format!("{head}**{tail}"),
            format!("{head}||{tail}"),
            format!("{head}\u{200b}{tail}"),
            format!("{head}✅{tail}"),
            format!("{head}\u{1b}[31m{tail}"),
            format!("{head}\u{e000}{tail}"),
        ] {
            assert_eq!(
                shown(&format!("with {hidden} in")),
                "with ‹github-token-1› in",
                "{hidden:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn once_is_enough(raw in "(\\PC|[<>@:\\[\\]*`| a-z/.]){0,60}") {
            let once = Inert::<200>::plain(&raw);
            prop_assert_eq!(&Inert::<200>::plain(once.as_str()), &once);
            prop_assert!(!once.as_str().contains(['<', '>', '@', '`', '[', ']', '*', '|', '\n']));
            prop_assert!(!once.as_str().contains("://"));
        }
    }
}
