//! What a language model made of an incident: shown as its guess, and never an input to a decision ([`crate::plan::plan`] does
//! not get to see it).

mod brief;

pub use brief::{Brief, Line, LineKind};

use crate::{
    bounds::{LogLine, Text},
    diagnose::FailureKind,
    inert::Inert,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most words that a summary has.
pub const MAX_WORDS: usize = 120;
/// The most lines of evidence that it cites.
pub const MAX_CITES: usize = 4;

/// A model's guess at the cause, unverified. Its words are text and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The probable cause, in the model's words. Nobody has checked it.
    pub cause: Inert<1024>,
    /// What to look at next, in the model's words. Nobody has checked it.
    #[serde(default, skip_serializing_if = "Inert::is_empty")]
    pub next: Inert<512>,
    /// The lines of evidence that the model names, in the cluster's words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub cites: Vec<Cite>,
    /// How sure the model says it is.
    pub confidence: Confidence,
    /// The model, as the policy names it.
    pub model: Text<128>,
    /// When it answered.
    pub at: Timestamp,
    /// The failure that it explains: a summary of another one is old.
    pub explains: FailureKind,
}

/// A line of the evidence that a summary rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cite {
    /// Its number in what the model was shown.
    pub line: u8,
    /// What it says, without secrets.
    pub text: LogLine,
}

/// How sure a model says it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Confidence {
    Low,
    Medium,
    High,
}

impl Confidence {
    /// As it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
