//! An incident as a scenario looks at it.
use anyhow::{Result, ensure};
use serde_json::Value;

/// The object as the API server gives it.
#[derive(Debug, Clone)]
pub struct Incident(pub Value);

impl Incident {
    /// A field of the object as text, empty if there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.0
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// Where it stands.
    pub fn phase(&self) -> &str {
        self.text("/status/phase")
    }

    /// Why it stands there.
    pub fn reason(&self) -> &str {
        self.text("/status/reason")
    }

    /// Why, in words.
    pub fn message(&self) -> &str {
        self.text("/status/message")
    }

    /// The phase of which people were told last; empty if of none.
    pub fn told_phase(&self) -> &str {
        self.text("/status/told/phase")
    }

    /// What fails.
    pub fn failure(&self) -> &str {
        self.text("/status/diagnosis/failure")
    }

    /// The name of the workload.
    pub fn workload(&self) -> &str {
        self.text("/spec/workload/name")
    }

    /// When it was first seen; orders incidents.
    pub fn first_seen(&self) -> &str {
        self.text("/spec/firstSeen")
    }

    /// The facts of its timeline, oldest first.
    pub fn facts(&self) -> Vec<&Value> {
        let timeline = self.0.pointer("/status/timeline").and_then(Value::as_array);
        timeline
            .map(|t| t.iter().filter_map(|r| r.get("fact")).collect())
            .unwrap_or_default()
    }

    /// The facts of one type.
    pub fn facts_of(&self, kind: &str) -> Vec<&Value> {
        let mut facts = self.facts();
        facts.retain(|f| f.get("type").and_then(Value::as_str) == Some(kind));
        facts
    }

    /// Fails unless it stands there, for that reason.
    pub fn stands(&self, phase: &str, reason: &str) -> Result<()> {
        ensure!(
            self.phase() == phase && self.reason() == reason,
            "expected {phase} ({reason}), is {} ({}): {} {}",
            self.phase(),
            self.reason(),
            self.failure(),
            self.message()
        );
        Ok(())
    }

    /// Fails unless that is what it says fails.
    pub fn fails_with(&self, failures: &[&str]) -> Result<()> {
        let failure = self.failure();
        ensure!(
            failures.contains(&failure),
            "named {failure}, expected one of {failures:?}"
        );
        Ok(())
    }
}
