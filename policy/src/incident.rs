//! Incidents: one failing workload from detection to resolution.

use crate::{
    approval::ApprovalRequest,
    audit::{AuditRecord, Fact},
    bounds::{Message, Name, Text},
    decide::{DecisionKind, Reason},
    diagnose::{Diagnosis, FailureKind, Finding, Standing},
    observation::{Observation, Replicas},
    redact::{RedactedEvidence, redact},
    remedy::Outcome,
    summary::Summary,
    verify::Verdict,
    workload::WorkloadRef,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod answers;
mod attempt;
mod id;
mod life;
mod phase;
mod told;

pub use attempt::Attempt;
pub use id::{IncidentId, short_hash};
pub use phase::Phase;
pub use told::{MAX_POSTS, Post, Told};

/// The most attempts in one incident; after that it is a person's.
pub const MAX_ATTEMPTS: usize = 6;
/// The most audit records that an incident keeps.
pub const MAX_TIMELINE: usize = 96;
/// From this many records on, only what was done is recorded (three records an attempt still fit), and a relapse opens a
/// new incident instead of reopening this one.
pub const CROWDED_TIMELINE: usize = 36;

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
    /// The policy that covers it, as `namespace/name`.
    pub policy: Name,
}

/// What changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentStatus {
    /// Where it stands.
    pub phase: Phase,
    /// The newest diagnosis.
    pub diagnosis: Diagnosis,
    /// Whether it has failed at any time, or only threatened to: what never failed is nobody's news.
    #[serde(default)]
    pub standing: Standing,
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
    /// Until when a person snoozed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Timestamp>,
    /// What people were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// What a language model makes of it: a guess that nobody has checked, and that no decision reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Where cards about it stand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub posts: Vec<Post>,
    /// The audit records of this incident, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 96))]
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

impl Incident {
    /// Opens an incident.
    #[must_use]
    pub fn open(
        finding: &Finding,
        seen: &Observation,
        policy: &Name,
        now: Timestamp,
        facts: &mut Vec<Fact>,
    ) -> Self {
        let d = &finding.diagnosis;
        facts.push(Fact::Detected { failure: d.failure });
        Self {
            id: IncidentId::derive(&seen.workload.id, &seen.workload.uid, now),
            spec: IncidentSpec {
                workload: seen.workload.id.clone(),
                workload_uid: seen.workload.uid.clone(),
                failure: d.failure,
                container: d.container.clone(),
                first_seen: now,
                policy: policy.clone(),
            },
            status: IncidentStatus {
                phase: Phase::Detected,
                diagnosis: d.clone(),
                standing: d.standing,
                evidence: redact(&finding.evidence),
                decision: DecisionKind::Hold,
                reason: Reason::EvidencePending,
                message: Message::default(),
                replicas: seen.replicas,
                approval: None,
                consumed: Vec::new(),
                attempts: Vec::new(),
                healthy_since: None,
                resolved_at: None,
                decided_by: None,
                snoozed_until: None,
                told: None,
                summary: None,
                posts: Vec::new(),
                timeline: Vec::new(),
            },
        }
    }

    /// As it was when it was opened: nothing was decided or tried yet.
    #[must_use]
    pub fn before_its_acts(&self) -> Self {
        let mut opened = self.clone();
        let status = &mut opened.status;
        status.phase = Phase::Detected;
        (status.decision, status.reason) = (DecisionKind::Hold, Reason::EvidencePending);
        status.message = Message::default();
        status.attempts.clear();
        status.decided_by = None;
        opened
    }

    /// Takes over a newer finding. Log lines that were read once are kept while the failure stays the same.
    pub fn update(&mut self, finding: &Finding, seen: &Observation, facts: &mut Vec<Fact>) {
        let status = &mut self.status;
        let same = status.diagnosis.failure.family() == finding.diagnosis.failure.family();
        let (known, new) = (&status.diagnosis, &finding.diagnosis);
        if same && new.pod.as_str().is_empty() && !known.pod.as_str().is_empty() {
            return; // what a pod showed before it went says more
        }
        if !same {
            self.note(
                Fact::Rediagnosed {
                    failure: finding.diagnosis.failure,
                },
                facts,
            );
        }
        let status = &mut self.status;
        let keeps_log =
            same && finding.evidence.lines.is_empty() && !status.evidence.lines.is_empty();
        // What reads like its redacted form needs no second look: redacting twice changes nothing.
        if !keeps_log && status.evidence != finding.evidence {
            status.evidence = redact(&finding.evidence);
        }
        status.standing = status.standing.max(finding.diagnosis.standing);
        status.diagnosis = finding.diagnosis.clone();
        status.replicas = seen.replicas;
    }

    /// Whether it was over once and came back: what flaps is believed well only when it was so for as long as a relapse counts.
    #[must_use]
    pub fn came_back(&self) -> bool {
        let reopened = |r: &AuditRecord| r.fact == Fact::Reopened;
        self.status.timeline.iter().any(reopened)
    }

    /// Records a fact that may be left out when the timeline is crowded.
    pub fn note(&mut self, fact: Fact, facts: &mut Vec<Fact>) {
        if self.status.timeline.len() + facts.len() < CROWDED_TIMELINE {
            facts.push(fact);
        }
    }

    /// The attempt whose end is not known.
    #[must_use]
    pub fn unsettled(&self) -> Option<&Attempt> {
        self.status.attempts.iter().find(|a| a.outcome.is_none())
    }

    /// The executed attempt that is being verified.
    #[must_use]
    pub fn verifying(&self) -> Option<&Attempt> {
        self.status
            .attempts
            .iter()
            .rev()
            .find(|a| a.outcome == Some(Outcome::Executed) && a.verdict == Verdict::Pending)
    }

    /// How many attempts did not help.
    #[must_use]
    pub fn failed_attempts(&self) -> usize {
        self.status
            .attempts
            .iter()
            .filter(|a| {
                matches!(a.verdict, Verdict::Relapsed | Verdict::Reverted)
                    || a.outcome == Some(Outcome::Failed)
            })
            .count()
    }

    /// The model's guess, if it is about what fails now: an image that cannot be pulled is the same failure while the kubelet
    /// backs off.
    #[must_use]
    pub fn guess(&self) -> Option<&Summary> {
        let now = self.status.diagnosis.failure.family();
        let about = |s: &&Summary| s.explains.family() == now;
        self.status.summary.as_ref().filter(about)
    }

    /// Notes where a card stands (`None`: that of this channel is gone). There is one a channel.
    pub fn note_post(&mut self, channel: &Text<80>, post: Option<Post>) {
        let posts = &mut self.status.posts;
        posts.retain(|p| p.channel != *channel);
        posts.extend(post);
        let surplus = posts.len().saturating_sub(MAX_POSTS);
        posts.drain(..surplus);
    }

    /// Whether anybody still has to look at it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status.phase != Phase::Resolved
    }
}
