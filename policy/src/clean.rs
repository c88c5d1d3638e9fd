//! A text in which every secret has been replaced: made by the redactor alone, so that nobody need look again.

use crate::{bounds::Text, redact};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};
use std::{borrow::Cow, ops::Deref};

/// A bounded text without secrets. Whichever way one is made, the redactor has read it: a log is read once and planned with
/// many times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Clean<const MAX: usize>(Text<MAX>);

impl<const MAX: usize> Clean<MAX> {
    /// Redacts `raw`. What was cut off is gone: redact a whole text with [`redact::raw`] before it is cut.
    #[must_use]
    pub fn new(raw: &Text<MAX>) -> Self {
        Self(redact::text(raw))
    }

    /// The text, to be shown.
    #[must_use]
    pub fn into_text(self) -> Text<MAX> {
        self.0
    }
}

impl<const MAX: usize> Deref for Clean<MAX> {
    type Target = Text<MAX>;

    fn deref(&self) -> &Text<MAX> {
        &self.0
    }
}

impl<const MAX: usize> PartialEq<Clean<MAX>> for Text<MAX> {
    fn eq(&self, clean: &Clean<MAX>) -> bool {
        *self == clean.0
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Clean<MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Text::deserialize(from).map(|raw| Self::new(&raw))
    }
}

impl<const MAX: usize> JsonSchema for Clean<MAX> {
    fn schema_name() -> Cow<'static, str> {
        Text::<MAX>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Text::<MAX>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_59_no_way_to_a_clean_line_keeps_a_secret() {
        let raw = Text::<300>::new("login with password=hunter2-and-more failed");
        assert!(!Clean::new(&raw).as_str().contains("hunter2"));
        let json = serde_json::to_string(&raw).expect("a text");
        let read: Clean<300> = serde_json::from_str(&json).expect("a text");
        assert!(!read.as_str().contains("hunter2"), "{read:?}");
        assert_eq!(read, Clean::new(&read), "redacting twice changes nothing");
    }
}
