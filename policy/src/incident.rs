//! Incidents: one failing workload from detection to resolution, and the only functions that change a phase.

use crate::{
    approval::ApprovalRequest,
    audit::AuditRecord,
    bounds::{Message, Name, Text},
    decide::{DecisionKind, Reason},
    diagnose::{Diagnosis, FailureKind},
    observation::Replicas,
    redact::RedactedEvidence,
    remedy::{ActionId, Effect, Outcome},
    verify::Verdict,
    workload::WorkloadRef,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most attempts that an incident keeps (the daily budget is far below it).
pub const MAX_ATTEMPTS: usize = 16;
/// The most audit records that an incident keeps; from [`ROOM_FOR_REOPENING`] on, a relapse opens a new incident.
pub const MAX_TIMELINE: usize = 64;
/// An incident with more records than this is not reopened.
pub const ROOM_FOR_REOPENING: usize = 40;

/// An incident's name: that of its object.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct IncidentId(pub Name);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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

/// What does not change over an incident's life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentSpec {
    /// The workload.
    pub workload: WorkloadRef,
    /// The workload's UID.
    pub workload_uid: Name,
    /// What was seen to fail first.
    pub failure: FailureKind,
    /// Which container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Name>,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// The policy that covers it.
    pub policy: Name,
}

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

/// What the people who are alerted were last told, so that nobody is told twice, across restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// The phase that was told.
    pub phase: Phase,
    /// When.
    pub at: Timestamp,
}

/// What changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentStatus {
    /// Where it stands.
    pub phase: Phase,
    /// The newest diagnosis.
    pub diagnosis: Diagnosis,
    /// The evidence, without secrets.
    pub evidence: RedactedEvidence,
    /// The last decision.
    pub decision: DecisionKind,
    /// Why.
    pub reason: Reason,
    /// Why, for a person.
    pub message: Message,
    /// Replicas before the fault (desired) and now (ready).
    pub replicas: Replicas,
    /// What a person is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalRequest>,
    /// Approvals that were used up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub consumed: Vec<Name>,
    /// What was tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub attempts: Vec<Attempt>,
    /// Since when the workload has been well again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_since: Option<Timestamp>,
    /// When it ended (Resolved).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// Who decided the last approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Text<256>>,
    /// What people were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// The audit records of this incident, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub timeline: Vec<AuditRecord>,
}

/// An incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Its name.
    pub id: IncidentId,
    /// What does not change.
    pub spec: IncidentSpec,
    /// What does.
    pub status: IncidentStatus,
}
