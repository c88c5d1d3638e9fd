//! Why something was decided: a closed list, each with a sentence for the person who asks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    PausedByPerson,
    Snoozed,
    WorkloadPaused,
    OptedOut,
    Ignored,
    Frozen,
    OutOfScope,
    Storm,
    BudgetSpent,
    NamespaceBudgetSpent,
    LedgerFull,
    TooManyAtOnce,
    Cooldown,
    TooFewOccurrences,
    PersonIfAgain,
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
    SamePerson,
    NotProven,
    NotAnApprover,
    TimeIsLeft,
}

impl Reason {
    /// The reason as a sentence for the person who asks why nothing (or something) was done.
    #[must_use]
    pub fn explain(self) -> &'static str {
        match self {
            Self::Healthy => "Nothing fails.",
            Self::WatchStale => {
                "A watch gave no sign of life for 60 s: what is known may be old, so nothing is done until it is back."
            }
            Self::Paused => "The policy is paused (spec.autonomy.paused).",
            Self::PausedByPerson => "A person paused the policy from chat; `resume` there ends it.",
            Self::Snoozed => "A person snoozed it.",
            Self::WorkloadPaused => {
                "Paused by the annotation podmender.io/paused on the workload or its namespace."
            }
            Self::OptedOut => "Opted out by the annotation podmender.io/enabled: \"false\".",
            Self::Ignored => "Ignored for now by the annotation podmender.io/ignore-until.",
            Self::Frozen => "A freeze window of the policy is open.",
            Self::OutOfScope => "The policy no longer covers this namespace.",
            Self::Storm => {
                "So much fails at once that there must be a shared cause: nothing is done to single workloads until it is calm."
            }
            Self::BudgetSpent => {
                "The restart budget of this workload is spent: more restarts would only hide the fault."
            }
            Self::NamespaceBudgetSpent => {
                "The namespace has used up its actions for now (limits.maxActions)."
            }
            Self::LedgerFull => {
                "So much was done within a day that the ledger holds no more: it goes on when the oldest is a day old."
            }
            Self::TooManyAtOnce => {
                "Other remedies are still being verified (limits.maxConcurrent)."
            }
            Self::Cooldown => "Cooling down after the last remedy of this workload.",
            Self::TooFewOccurrences => "Seen too few times to act on; it may have been a blip.",
            Self::PersonIfAgain => {
                "Seen once. A restart cannot mend it: if it happens again, a person is needed."
            }
            Self::EvidencePending => "Logs and Events are still being read.",
            Self::RolloutInProgress => "A rollout is in progress.",
            Self::StillMayRecover => {
                "The kubelet restarts it already; given time to recover by itself."
            }
            Self::Observing => "The policy only observes: this is what would have been done.",
            Self::CapabilityDisabled => {
                "A restart could help, but the policy does not enable autoRestart."
            }
            Self::DisruptionBudget => "A PodDisruptionBudget does not allow the eviction.",
            Self::LastReadyReplica => "It is the last Ready replica: a person must agree.",
            Self::ExpectedDisruption => "Being deleted, drained or scaled down: expected.",
            Self::NodeNotReady => "Its node is not ready: restarting pods does not help.",
            Self::Verifying => "The remedy is done; watching whether it helps.",
            Self::BeingRecorded => "A remedy was intended; finding out whether it happened.",
            Self::ApprovalRequired => "The policy wants a person to approve this.",
            Self::RestartCannotHelp => "A restart cannot mend this.",
            Self::NoTypedRemedy => "There is no remedy for this.",
            Self::BarePod => "The pod belongs to no controller: evicting it would destroy it.",
            Self::ForeignOwner => "The pod belongs to a kind that Podmender does not know.",
            Self::OwnedByJob => "It belongs to a Job: its backoffLimit decides about retries.",
            Self::VerifyFailed => "What was tried did not help: nothing more will be tried.",
            Self::Denied => "A person denied the remedy.",
            Self::ApprovalExpired => "Nobody approved in time, so it is not done.",
            Self::Refused => "The cluster refused the remedy.",
            Self::RestartMayHelp => "It ran well before; a restart may help.",
            Self::Approved => "Approved by a person.",
            Self::Resumed => "Intended before the agent was restarted, and still valid.",
            Self::Mended => "The remedy helped.",
            Self::RecoveredByItself => "It recovered by itself.",
            Self::WorkloadGone => "The workload is gone or scaled to zero.",
            Self::NotAsked => "Nobody had asked for this approval.",
            Self::ChangedSince => "The workload has changed since the approval was asked.",
            Self::AlreadyDecided => "It had been decided already.",
            Self::SamePerson => {
                "Another person is needed: this one had answered already, or cannot be told from one who had."
            }
            Self::NotProven => {
                "More than one person must approve, and nothing proves who this was: the admission policy podmender-approvals was not in force when it was given."
            }
            Self::NotAnApprover => "The person is not among the approvers of the policy.",
            Self::TimeIsLeft => "There is still time for an answer.",
        }
    }

    /// The reason as status and metrics show it.
    #[must_use]
    pub fn as_str(self) -> String {
        format!("{self:?}")
    }
}
