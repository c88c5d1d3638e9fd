//! What one person reads and nobody else: sentences of ours, in which only the names of members are more than text.

use crate::alert::sentence::Sentence;
use podmender_policy::approval::Given;
use serde_json::{Value, json};

/// More than this is cut: a private answer is a few sentences, or a short list.
const MOST: usize = 2_900;

/// A private answer. In a message that only one person sees, nobody is notified by a name in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Private(Sentence);

impl Private {
    /// Sentences.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self(Sentence::text(text))
    }

    /// More text.
    #[must_use]
    pub fn then(self, text: impl Into<String>) -> Self {
        Self(self.0.then(text))
    }

    /// Whoever gave that answer.
    #[must_use]
    pub fn whose(self, given: &Given) -> Self {
        Self(self.0.by(given.by.as_str(), &given.via))
    }

    /// Whoever decided, as an incident notes it: one name or several. Members of Slack appear by name.
    #[must_use]
    pub fn by(self, names: &str) -> Self {
        let mut said = self.0;
        for (n, name) in names.split(", ").enumerate() {
            if n > 0 {
                said = said.then(", ");
            }
            said = match name {
                "" => said.then("somebody"),
                name => said.member(name),
            };
        }
        Self(said)
    }

    /// As words, for a notification and for receivers without blocks. Not escaped.
    #[must_use]
    pub fn words(&self) -> String {
        clip(&self.0.words())
    }

    /// As one block. Slack parses nothing in it.
    #[must_use]
    pub fn block(&self) -> Value {
        let elements = self.0.elements(MOST);
        json!({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]})
    }
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_names_and_everything_else_is_text() {
        let said = Private::default()
            .by("U0ADA0001, system:admin")
            .then(" <!channel> denied it.");
        assert_eq!(
            said.block()["elements"][0]["elements"],
            json!([
                {"type": "user", "user_id": "U0ADA0001"},
                {"type": "text", "text": ", system:admin <!channel> denied it."},
            ])
        );
        assert_eq!(
            said.words(),
            "U0ADA0001, system:admin <!channel> denied it."
        );
    }

    #[test]
    fn however_long_it_stays_within_a_section() {
        let said = Private::text("ü".repeat(5_000)).by("U0ADA0001").then("x");
        assert_eq!(said.words().chars().count(), MOST + 1);
        let text = said.block().to_string();
        assert_eq!(text.matches('ü').count(), MOST);
    }
}
