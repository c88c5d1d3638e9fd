//! A model's guess in the words of an alert: marked as unverified wherever it stands.

use podmender_policy::summary::Summary;

/// What is said of a summary, each line with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// What stands over it: nobody may take it for something that was found out.
    pub heading: String,
    /// Label and text, in the order in which a person asks.
    pub facts: Vec<(&'static str, String)>,
}

impl Guess {
    /// Puts a summary into words.
    #[must_use]
    pub fn of(summary: &Summary) -> Self {
        let mut facts = vec![("Perhaps", summary.cause.to_string())];
        if !summary.cites.is_empty() {
            let cited = summary.cites.iter();
            let cited: Vec<String> = cited.map(|c| format!("[{}] {}", c.line, c.text)).collect();
            facts.push(("It points at", cited.join("; ")));
        }
        if !summary.next.is_empty() {
            facts.push(("To check", summary.next.to_string()));
        }
        let (model, sure) = (&summary.model, summary.confidence.as_str());
        facts.push(("Says", format!("{model}, with {sure} confidence")));
        Self {
            heading: "A language model's guess, checked by nobody".to_owned(),
            facts,
        }
    }
}
