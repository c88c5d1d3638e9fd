//! Where an incident stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an incident stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Phase {
    /// Seen; not (or no longer) being acted on.
    Detected,
    /// A person was asked.
    AwaitingApproval,
    /// An act is intended; whether it happened is not yet recorded.
    Remediating,
    /// The act is done; does it help?
    Verifying,
    /// The workload is well.
    Resolved,
    /// A person is needed.
    Escalated,
}

impl Phase {
    /// The phase as status and tables show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detected => "Detected",
            Self::AwaitingApproval => "AwaitingApproval",
            Self::Remediating => "Remediating",
            Self::Verifying => "Verifying",
            Self::Resolved => "Resolved",
            Self::Escalated => "Escalated",
        }
    }
}
