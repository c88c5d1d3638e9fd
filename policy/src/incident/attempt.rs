//! What was tried, and what came of it.

use crate::{
    remedy::{ActionId, Effect, Outcome},
    verify::Verdict,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One attempt to mend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Its id.
    pub action: ActionId,
    /// What was done.
    pub effect: Effect,
    /// When it was intended (and paid for).
    pub at: Timestamp,
    /// How the act ended; absent while that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// When that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Whether it helped.
    pub verdict: Verdict,
}
