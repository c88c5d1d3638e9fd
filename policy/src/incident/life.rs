//! From detection to the end: the only functions that change a phase, each with its facts.

use super::{Attempt, Incident, Phase};
use crate::{
    approval::ApprovalRequest,
    audit::Fact,
    bounds::Message,
    decide::{Decision, DecisionKind, Reason},
    observation::Observation,
    remedy::{Act, ActionId, Outcome, Refusal},
    verify::Verdict,
};
use jiff::Timestamp;

impl Incident {
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
            Outcome::Refused(Refusal::Healthy) => {
                self.status.phase = Phase::Detected;
                self.decide(hold(Reason::Healthy), "");
            }
            Outcome::Refused(
                Refusal::Gone | Refusal::Consent | Refusal::Overloaded | Refusal::Changed,
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
        if let Some(last) = self.status.attempts.last_mut().filter(|a| {
            let failed = matches!(a.verdict, Verdict::Relapsed | Verdict::Reverted);
            a.outcome == Some(Outcome::Executed) && !failed
        }) {
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
}
