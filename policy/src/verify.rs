//! Did the remedy help? Observations since the act, and now, give a verdict.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a remedy helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// Not yet known.
    Pending,
    /// Well for `healthyDelay`.
    Recovered,
    /// Failed again, not well by the deadline, or again within the relapse window.
    Relapsed,
}
