//! Incidents: one failing workload from detection to resolution, and the only functions that change a phase.

use crate::{
    approval::{Answer, Approval, ApprovalRequest, SNOOZE},
    audit::{AuditRecord, Fact},
    bounds::{Message, Name, Text},
    decide::{Decision, DecisionKind, Reason},
    diagnose::{Diagnosis, FailureKind, Finding, Standing},
    observation::{Observation, Replicas},
    redact::{RedactedEvidence, redact},
    remedy::{Act, ActionId, Effect, Outcome, Refusal},
    rules::duration,
    summary::Summary,
    verify::{Verdict, after},
    workload::WorkloadRef,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most attempts in one incident; after that it is a person's.
pub const MAX_ATTEMPTS: usize = 6;
/// The most audit records that an incident keeps.
pub const MAX_TIMELINE: usize = 96;
/// From this many records on, only what was done is recorded (three records an attempt still fit), and a relapse opens a
/// new incident instead of reopening this one.
pub const CROWDED_TIMELINE: usize = 36;
/// The most approvals that one incident looks at.
const MAX_CONSUMED: usize = 16;

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
    /// The policy that covers it, as `namespace/name`.
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

/// The most cards of an incident whose places are kept.
pub const MAX_POSTS: usize = 8;

/// Where a card about the incident stands, so that it is brought up to date after a restart too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    /// The channel as the policy names it.
    pub channel: Text<80>,
    /// The channel's id.
    pub conversation: Text<32>,
    /// The message's id in the channel.
    pub ts: Text<32>,
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

    /// Records a decision that changes no phase; returns whether its reason is new.
    pub fn hold(&mut self, decision: Decision, extra: &str) -> bool {
        let is_new = self.status.reason != decision.reason;
        self.decide(decision, extra);
        is_new
    }

    fn decide(&mut self, decision: Decision, extra: &str) {
        self.status.decision = decision.kind;
        self.status.reason = decision.reason;
        let explained = decision.reason.explain();
        self.status.message = if extra.is_empty() {
            explained.into()
        } else {
            Message::new(&format!("{explained} {extra}"))
        };
    }

    /// Asks a person.
    pub fn ask(&mut self, request: ApprovalRequest, decision: Decision, facts: &mut Vec<Fact>) {
        self.decide(decision, "");
        self.note(
            Fact::Asked {
                expires_at: request.expires_at,
            },
            facts,
        );
        self.status.approval = Some(request);
        self.status.phase = Phase::AwaitingApproval;
    }

    /// Takes a question back: what it asked about is no more.
    pub fn withdraw(&mut self, because: Reason, facts: &mut Vec<Fact>) {
        self.note(Fact::Withdrawn { because }, facts);
        self.status.approval = None;
        self.status.phase = Phase::Detected;
    }

    /// Whether `approval` can still be used up here. The last place is kept for the end of a question's time.
    #[must_use]
    pub fn is_unused(&self, approval: &Approval) -> bool {
        let room = match approval.answer {
            Answer::Expired => MAX_CONSUMED,
            Answer::Approve | Answer::Deny | Answer::Snooze => MAX_CONSUMED - 1,
        };
        approval.incident == self.id
            && self.status.consumed.len() < room
            && !self.status.consumed.contains(&approval.id)
    }

    /// Whether no more answers are used up here.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.status.consumed.len() >= MAX_CONSUMED
    }

    /// Uses up those of `answers` that are this incident's and still unused: they count for nothing.
    pub fn refuse<'a>(
        &mut self,
        answers: impl IntoIterator<Item = &'a Approval>,
        because: Reason,
        facts: &mut Vec<Fact>,
    ) {
        for answer in answers {
            if self.is_unused(answer) {
                self.consume(answer, Some(because), facts);
            }
        }
    }

    /// Uses an approval up, whatever comes of it.
    pub fn consume(&mut self, approval: &Approval, refused: Option<Reason>, facts: &mut Vec<Fact>) {
        self.status.consumed.push(approval.id.clone());
        let (by, name) = (approval.by.clone(), approval.id.clone());
        let via = approval.entrance.clone();
        // Each answer is recorded, also in a crowded timeline: there are at most MAX_CONSUMED of them.
        match refused {
            None => {
                // Of a question whose time ended nobody decided.
                let person = (approval.answer != Answer::Expired).then(|| by.clone());
                self.status.decided_by = person.or(self.status.decided_by.take());
                facts.push(Fact::Answered {
                    answer: approval.answer,
                    by,
                    approval: name,
                    via,
                });
            }
            Some(because) => {
                if let Some(asked) = &mut self.status.approval {
                    asked.round = asked.round.saturating_add(1);
                }
                facts.push(Fact::ApprovalRefused {
                    by,
                    approval: name,
                    because,
                    via,
                });
            }
        }
    }

    /// Puts it off: nothing new is done until then, and a question waits for so much longer.
    pub fn snooze(
        &mut self,
        approval: &Approval,
        timeout: std::time::Duration,
        facts: &mut Vec<Fact>,
    ) {
        let span = duration::SNOOZE.cap(approval.snooze_for.unwrap_or(SNOOZE));
        let until = after(approval.at, span);
        let until = self.status.snoozed_until.map_or(until, |u| u.max(until));
        self.status.snoozed_until = Some(until);
        if let Some(asked) = &mut self.status.approval {
            asked.expires_at = asked.expires_at.max(after(until, timeout));
        }
        self.status.consumed.push(approval.id.clone());
        facts.push(Fact::Snoozed {
            until,
            by: approval.by.clone(),
            approval: approval.id.clone(),
            via: approval.entrance.clone(),
        });
    }

    /// Intends an act: the phase is `Remediating` until its end is known.
    pub fn intend(&mut self, act: &Act, decision: Decision, now: Timestamp, facts: &mut Vec<Fact>) {
        self.decide(decision, "");
        facts.push(Fact::Intended {
            action: act.id.clone(),
            effect: act.effect.clone(),
        });
        self.adopt(act, now);
    }

    /// Takes over an act that the ledger knows and this incident does not (the agent was killed between the two writes).
    pub fn adopt(&mut self, act: &Act, at: Timestamp) {
        self.status.attempts.push(Attempt {
            action: act.id.clone(),
            effect: act.effect.clone(),
            at,
            outcome: None,
            ended_at: None,
            verdict: Verdict::Pending,
        });
        self.status.approval = None;
        self.status.snoozed_until = None;
        self.status.healthy_since = None;
        self.status.phase = Phase::Remediating;
    }

    /// Notes an act that the ledger knows, and that is not carried out any more. The unit stays spent.
    pub fn disown(&mut self, act: &Act, at: Timestamp, now: Timestamp, facts: &mut Vec<Fact>) {
        self.status.attempts.push(Attempt {
            action: act.id.clone(),
            effect: act.effect.clone(),
            at,
            outcome: Some(Outcome::Abandoned),
            ended_at: Some(now),
            verdict: Verdict::NotApplied,
        });
        facts.push(Fact::Ended {
            action: act.id.clone(),
            outcome: Outcome::Abandoned,
        });
    }

    /// Records how an act ended.
    pub fn end_act(
        &mut self,
        action: &ActionId,
        outcome: Outcome,
        now: Timestamp,
        facts: &mut Vec<Fact>,
    ) {
        let Some(attempt) = self
            .status
            .attempts
            .iter_mut()
            .find(|a| a.action == *action && a.outcome.is_none())
        else {
            return;
        };
        attempt.outcome = Some(outcome);
        attempt.ended_at = Some(now);
        if outcome != Outcome::Executed {
            attempt.verdict = Verdict::NotApplied;
        }
        facts.push(Fact::Ended {
            action: action.clone(),
            outcome,
        });
        let hold = |reason| Decision {
            kind: DecisionKind::Hold,
            reason,
            remedy: None,
        };
        match outcome {
            Outcome::Executed => {
                self.status.phase = Phase::Verifying;
                self.decide(hold(Reason::Verifying), "");
            }
            Outcome::Refused(Refusal::DisruptionBudget | Refusal::ConflictingBudgets) => {
                self.escalate(Reason::DisruptionBudget, "", facts)
            }
            Outcome::Refused(Refusal::Forbidden) => {
                self.escalate(
                    Reason::Refused,
                    "The agent lacks the permission: `podmender doctor` says which.",
                    facts,
                );
            }
            Outcome::Refused(Refusal::Admission) => self.escalate(
                Reason::Refused,
                "An admission policy or webhook denied it.",
                facts,
            ),
            Outcome::Refused(
                Refusal::Gone
                | Refusal::Healthy
                | Refusal::Consent
                | Refusal::Overloaded
                | Refusal::Changed,
            )
            | Outcome::Abandoned
            | Outcome::Failed => {
                self.status.phase = Phase::Detected;
                self.decide(hold(Reason::StillMayRecover), "");
            }
        }
    }

    /// Records whether an executed act helped.
    pub fn verified(&mut self, action: &ActionId, verdict: Verdict, facts: &mut Vec<Fact>) {
        let Some(attempt) = self
            .status
            .attempts
            .iter_mut()
            .find(|a| a.action == *action)
        else {
            return;
        };
        attempt.verdict = verdict;
        facts.push(Fact::Verified {
            action: action.clone(),
            verdict,
        });
        self.status.phase = Phase::Detected;
        self.status.healthy_since = None;
    }

    /// Hands the incident to a person. From then on nothing is done and nothing more is said, until it is well.
    pub fn escalate(&mut self, reason: Reason, extra: &str, facts: &mut Vec<Fact>) {
        self.decide(
            Decision {
                kind: DecisionKind::Escalate,
                reason,
                remedy: None,
            },
            extra,
        );
        facts.push(Fact::Escalated { reason });
        self.status.approval = None;
        self.status.phase = Phase::Escalated;
    }

    /// Ends the incident.
    pub fn resolve(
        &mut self,
        reason: Reason,
        seen: &Observation,
        now: Timestamp,
        facts: &mut Vec<Fact>,
    ) {
        self.decide(
            Decision {
                kind: DecisionKind::Resolve,
                reason,
                remedy: None,
            },
            "",
        );
        facts.push(Fact::Resolved { reason });
        self.status.replicas = seen.replicas;
        self.status.approval = None;
        self.status.resolved_at = Some(now);
        self.status.phase = Phase::Resolved;
    }

    /// Opens it again after a relapse: the last remedy did not help after all.
    pub fn reopen(&mut self, facts: &mut Vec<Fact>) {
        self.note(Fact::Reopened, facts);
        if let Some(last) = self
            .status
            .attempts
            .last_mut()
            .filter(|a| a.outcome == Some(Outcome::Executed))
        {
            last.verdict = Verdict::Relapsed;
            facts.push(Fact::Verified {
                action: last.action.clone(),
                verdict: Verdict::Relapsed,
            });
        }
        self.status.healthy_since = None;
        self.status.resolved_at = None;
        self.status.phase = Phase::Detected;
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
            .filter(|a| a.verdict == Verdict::Relapsed || a.outcome == Some(Outcome::Failed))
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

impl IncidentId {
    /// A name of at most 63 bytes that is valid for an object: the workload's, cut, with a short hash of workload, UID and time.
    #[must_use]
    pub fn derive(workload: &WorkloadRef, uid: &Name, at: Timestamp) -> Self {
        let digest = short_hash(&[
            workload.to_string().as_str(),
            uid.as_str(),
            &at.as_nanosecond().to_string(),
        ]);
        let name: String = workload
            .name
            .as_str()
            .chars()
            .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')
            .take(52)
            .collect();
        let name = name.trim_matches('-');
        let name = if name.is_empty() { "incident" } else { name };
        Self(Name::new(&format!(
            "{name}-{}",
            digest.get(..10).unwrap_or(&digest)
        )))
    }
}

/// The first 16 hex digits of a SHA-256 over `parts`, each closed by a zero byte.
#[must_use]
pub fn short_hash(parts: &[&str]) -> String {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher
        .finalize()
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect()
}
