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

#[cfg(test)]
mod tests {
    use crate::{
        alert::{lane::Form, notice::Notice, sample, slack_card},
        llm,
    };

    #[test]
    fn fault_60_a_guess_is_marked_and_changes_the_card_once() {
        let mut incident = sample::incident("api");
        let before = Notice::of(&incident);
        incident.status.summary = Some(llm::sample::summary());
        let after = Notice::of(&incident);
        let card = slack_card::card(&after, Form::Full, sample::now());
        let blocks = serde_json::to_string(&card.blocks).expect("JSON");
        for said in [
            "checked by nobody",
            "The database refuses connections.",
            "[4] ERROR dial tcp",
            "a-model, with medium confidence",
        ] {
            assert!(blocks.contains(said), "{said}: {blocks}");
        }
        // Nothing of it stands where Slack reads mark-up.
        assert!(!blocks.contains("\"mrkdwn\""), "{blocks}");
        assert_ne!(slack_card::face(&before), slack_card::face(&after));
        // A guess about another failure is old, and not shown.
        incident.status.diagnosis.failure = podmender_policy::diagnose::FailureKind::OOMKilled;
        assert_eq!(Notice::of(&incident).summary, None);
    }
}
