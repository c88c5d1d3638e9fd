//! What one person reads and nobody else: sentences of ours, in which only the names of members are more than text.

use podmender_policy::bounds::Text;
use serde_json::{Value, json};

/// More than this is cut: a private answer is a few sentences, or a short list.
const MOST: usize = 2_900;

/// A private answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Private(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Shown as it is.
    Plain(String),
    /// Shown as the member's name. In a message that only one person sees, nobody is notified by it.
    Member(Text<32>),
}

impl Private {
    /// Sentences.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::default().then(text)
    }

    /// More text.
    #[must_use]
    pub fn then(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.0.push(Piece::Plain(text));
        }
        self
    }

    /// Whoever decided, as an incident or an Approval notes it: one name or several. Members of Slack appear by name.
    #[must_use]
    pub fn by(mut self, names: &str) -> Self {
        for (n, name) in names.split(", ").enumerate() {
            if n > 0 {
                self = self.then(", ");
            }
            if is_member(name) {
                self.0.push(Piece::Member(Text::new(name)));
            } else if name.is_empty() {
                self = self.then("somebody");
            } else {
                self = self.then(name);
            }
        }
        self
    }

    /// As words, for a notification and for receivers without blocks. Not escaped.
    #[must_use]
    pub fn words(&self) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Plain(text) => text.as_str(),
            Piece::Member(id) => id.as_str(),
        });
        clip(&pieces.collect::<String>())
    }

    /// As one block. Slack parses nothing in it.
    #[must_use]
    pub fn block(&self) -> Value {
        let mut room = MOST;
        let mut elements = Vec::new();
        for piece in &self.0 {
            let element = match piece {
                Piece::Plain(text) => {
                    let text: String = text.chars().take(room).collect();
                    room -= text.chars().count();
                    if text.is_empty() {
                        break;
                    }
                    json!({"type": "text", "text": text})
                }
                Piece::Member(id) => json!({"type": "user", "user_id": id}),
            };
            elements.push(element);
        }
        json!({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]})
    }
}

/// The id of a member: anything else is shown as text.
fn is_member(name: &str) -> bool {
    let digits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    (6..=16).contains(&name.len()) && name.starts_with(['U', 'W']) && name.chars().all(digits)
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
                {"type": "text", "text": ", "},
                {"type": "text", "text": "system:admin"},
                {"type": "text", "text": " <!channel> denied it."},
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
