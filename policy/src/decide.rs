//! The ladder, first match wins: paused, frozen, out of scope, storm, budget, cooldown, approval, remediate.

use crate::remedy::RemedyName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is decided.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[allow(missing_docs, reason = "the words of design.md, section 2")]
pub enum DecisionKind {
    Remediate,
    RequestApproval,
    Hold,
    Escalate,
    Resolve,
}

/// Why. Each has a sentence for a person (`Reason::explain`) and is a metric label.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[allow(missing_docs, reason = "`explain` says each in a sentence")]
pub enum Reason {
    // Hold
    Healthy,
    WatchStale,
    Paused,
    WorkloadPaused,
    OptedOut,
    Ignored,
    Frozen,
    OutOfScope,
    Storm,
    BudgetSpent,
    NamespaceBudgetSpent,
    TooManyAtOnce,
    Cooldown,
    TooFewOccurrences,
    EvidencePending,
    RolloutInProgress,
    StillMayRecover,
    Observing,
    CapabilityDisabled,
    DisruptionBudget,
    LastReadyReplica,
    ExpectedDisruption,
    NodeNotReady,
    Verifying,
    BeingRecorded,
    // RequestApproval
    ApprovalRequired,
    // Escalate
    RestartCannotHelp,
    NoTypedRemedy,
    BarePod,
    ForeignOwner,
    OwnedByJob,
    VerifyFailed,
    Denied,
    ApprovalExpired,
    Refused,
    // Remediate
    RestartMayHelp,
    Approved,
    Resumed,
    // Resolve
    Mended,
    RecoveredByItself,
    WorkloadGone,
    // Refused approvals
    NotAsked,
    ChangedSince,
    AlreadyDecided,
}

/// A decision with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What.
    pub kind: DecisionKind,
    /// Why.
    pub reason: Reason,
    /// Which remedy it is about.
    pub remedy: Option<RemedyName>,
}

impl Decision {
    /// Nothing is wrong.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            kind: DecisionKind::Hold,
            reason: Reason::Healthy,
            remedy: None,
        }
    }
}
