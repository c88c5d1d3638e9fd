//! A sentence of ours in which people are named: who reads it in Slack sees a member's name, everybody else reads the id.

use podmender_policy::{approval::Entrance, bounds::Text};
use serde_json::{Value, json};

/// Words, and members of Slack between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentence(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Shown as it is.
    Plain(String),
    /// Shown as the member's name.
    Member(Text<32>),
}

impl Sentence {
    /// Words.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::default().then(text)
    }

    /// More words.
    #[must_use]
    pub fn then(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Plain(before)) => before.push_str(&text),
            _ => self.0.push(Piece::Plain(text)),
        }
        self
    }

    /// A member of Slack, by id. What has not the form of one is text.
    #[must_use]
    pub fn member(mut self, id: &str) -> Self {
        if !is_member(id) {
            return self.then(id);
        }
        self.0.push(Piece::Member(Text::new(id)));
        self
    }

    /// Whoever answered by that entrance. A Kubernetes user is text, whatever the name looks like.
    #[must_use]
    pub fn by(self, name: &str, via: &Entrance) -> Self {
        match via {
            Entrance::Slack { user, .. } => self.member(user.as_str()),
            Entrance::Kubernetes if name.is_empty() => self.then("somebody"),
            Entrance::Kubernetes => self.then(name),
            Entrance::Agent => self.then("Podmender"),
        }
    }

    /// As words, for receivers that know no members. Not escaped.
    #[must_use]
    pub fn words(&self) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Plain(text) => text.as_str(),
            Piece::Member(id) => id.as_str(),
        });
        pieces.collect()
    }

    /// As elements of a rich text section, of which Slack parses nothing: at most `room` characters of words.
    #[must_use]
    pub fn elements(&self, mut room: usize) -> Vec<Value> {
        let mut elements = Vec::new();
        for piece in &self.0 {
            elements.push(match piece {
                Piece::Plain(text) => {
                    let text: String = text.chars().take(room).collect();
                    room -= text.chars().count();
                    if text.is_empty() {
                        break;
                    }
                    json!({"type": "text", "text": text})
                }
                Piece::Member(id) => json!({"type": "user", "user_id": id}),
            });
        }
        elements
    }
}

/// The id of a member.
fn is_member(name: &str) -> bool {
    let digits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    (6..=16).contains(&name.len()) && name.starts_with(['U', 'W']) && name.chars().all(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slack(user: &str) -> Entrance {
        Entrance::Slack {
            user: user.into(),
            team: "T0SHOP".into(),
        }
    }

    /// Row 55.
    #[test]
    fn fault_55_only_what_came_from_slack_can_be_a_member() {
        let said = Sentence::text("Approved by ")
            .by("whatever stands there", &slack("U0ADA0001"))
            .then(" and ")
            .by("U0BEN0001", &Entrance::Kubernetes)
            .then(", ")
            .by("x", &slack("<!channel>"));
        assert_eq!(
            said.elements(1_000),
            [
                json!({"type": "text", "text": "Approved by "}),
                json!({"type": "user", "user_id": "U0ADA0001"}),
                json!({"type": "text", "text": " and U0BEN0001, <!channel>"}),
            ]
        );
        assert_eq!(
            said.words(),
            "Approved by U0ADA0001 and U0BEN0001, <!channel>"
        );
    }
}
