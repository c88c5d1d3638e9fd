//! Bounded text: every string that can leave the cluster or be stored has a size limit in its type.

use crate::hidden::is_hidden;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use std::{borrow::Cow, fmt};

/// Text of at most `MAX` bytes, without control and other hidden characters (a tab or line break becomes a space).
///
/// Longer input is cut at a character boundary and ends in `…`; nothing is refused, because this is
/// how evidence from a cluster (names, messages, log lines) is stored, and evidence is never trusted.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(Box<str>);

/// An object or container name (DNS subdomain: at most 253 bytes).
pub type Name = Text<253>;
/// A message as Kubernetes and runtimes write it.
pub type Message = Text<512>;
/// One line of a log that matters.
pub type LogLine = Text<300>;
/// A line of a log in which secrets are replaced.
pub type CleanLine = crate::clean::Clean<300>;

impl<const MAX: usize> Text<MAX> {
    /// Cleans and cuts `raw`.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        let fits = raw.len() <= MAX && !raw.chars().any(is_unwanted);
        if fits {
            return Self(raw.into());
        }
        let mut out = String::with_capacity(raw.len().min(MAX + 4));
        for c in raw.chars() {
            let c = match c {
                '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
                c if is_unwanted(c) => continue,
                c => c,
            };
            if out.len() + c.len_utf8() > MAX {
                while out.len() + '…'.len_utf8() > MAX && out.pop().is_some() {}
                if MAX >= '…'.len_utf8() {
                    out.push('…');
                }
                break;
            }
            out.push(c);
        }
        Self(out.into_boxed_str())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Line breaks of every kind, and what nobody sees: it reorders or hides text in a chat window.
fn is_unwanted(c: char) -> bool {
    is_hidden(c) || matches!(c, '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize> From<&str> for Text<MAX> {
    fn from(raw: &str) -> Self {
        Self::new(raw)
    }
}

impl<const MAX: usize> From<String> for Text<MAX> {
    fn from(raw: String) -> Self {
        Self::new(&raw)
    }
}

impl<const MAX: usize> AsRef<str> for Text<MAX> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(d).map(|s| Self::new(&s))
    }
}

impl<const MAX: usize> JsonSchema for Text<MAX> {
    fn schema_name() -> Cow<'static, str> {
        format!("Text{MAX}").into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::Text;
    use proptest::prelude::*;

    #[test]
    fn control_characters_never_pass() {
        assert_eq!(
            Text::<64>::new("a\n\u{1b}[31mred\u{202e}x\0").as_str(),
            "a [31mredx"
        );
    }

    proptest! {
        #[test]
        fn never_longer_than_its_limit(raw in ".{0,80}") {
            prop_assert!(Text::<17>::new(&raw).as_str().len() <= 17);
            prop_assert!(Text::<2>::new(&raw).as_str().len() <= 2);
        }

        #[test]
        fn cleaning_twice_changes_nothing(raw in ".{0,80}") {
            let once = Text::<31>::new(&raw);
            prop_assert_eq!(Text::<31>::new(once.as_str()), once);
        }
    }
}
