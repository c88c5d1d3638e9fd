//! The ledger: past remediations inside the longest window; budget, cooldown and back-off arithmetic.

use crate::{
    audit::Head,
    bounds::Name,
    incident::IncidentId,
    observation::StormSeen,
    remedy::{Act, Outcome},
    verify::Verdict,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One remediation that was paid for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spend {
    /// What was intended.
    pub act: Act,
    /// For which incident.
    pub incident: IncidentId,
    /// When it was paid for.
    pub at: Timestamp,
    /// How the act ended, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Whether it helped. `Pending` counts against `maxConcurrent`.
    pub verdict: Verdict,
}

/// Everything that outlives the process and is not an incident.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// Remediations of the last 24 h, oldest first.
    #[serde(default)]
    #[schemars(length(max = 2048))]
    pub spent: Vec<Spend>,
    /// The newest audit record.
    #[serde(default)]
    pub head: Head,
    /// Where verification may start: everything before it was pruned with its incident.
    #[serde(default)]
    pub anchor: Head,
    /// Storms, by policy.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub storms: Vec<StormEntry>,
}

/// A storm of one policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StormEntry {
    /// The policy, as `namespace/name`.
    pub policy: Name,
    /// The storm.
    #[serde(flatten)]
    pub seen: StormSeen,
}
