//! One pass over one open incident, phase by phase.

use super::Plan;
use crate::{
    audit::Fact,
    bounds::Text,
    decide::{Consented, Decision, DecisionKind, Reason, Ruling, asks, decide, gates},
    diagnose::{Diagnosis, Finding, look_again},
    incident::{Attempt, Incident, MAX_ATTEMPTS, Phase, short_hash},
    ledger::{Ledger, Spend},
    observation::{EventSeen, Freshness, Leaving, Observation, Presence, RolloutState},
    remedy::{Act, ActionId, Effect, Outcome},
    rules::{Level, Policy, VerifyRules},
    verify::{self, Health, Verdict, after, health_after, is_well, lasted},
};
use jiff::Timestamp;
use std::time::Duration;

/// While an incident is open, look again after this long at the latest: diagnoses depend on time too (a crash-looping
/// container that runs for ten seconds has recovered without any event to say so).
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// An escalated incident waits for a person: look seldom.
const LOOK_SELDOM: Duration = Duration::from_secs(30);
/// An intent that is older than this is not carried out after a restart of the agent (faults.md, row 29).
const INTENT_VALID: Duration = Duration::from_secs(60);
/// An act is begun within this time after it was intended, or not at all: then its end is known before anybody gives it up.
pub(super) const ACT_WITHIN: Duration = Duration::from_secs(45);

/// One pass over one open incident.
pub(super) struct Pass<'a> {
    pub(super) policy: &'a Policy,
    pub(super) ledger: &'a Ledger,
    pub(super) seen: &'a Observation,
    pub(super) now: Timestamp,
    pub(super) finding: Option<Finding>,
    pub(super) incident: Incident,
    pub(super) facts: Vec<Fact>,
}

impl Pass<'_> {
    pub(super) fn run(mut self) -> Plan {
        self.unasked();
        if let Some(finding) = self.finding.take() {
            self.incident.update(&finding, self.seen, &mut self.facts);
            self.finding = Some(finding);
        }
        if self.seen.freshness == Freshness::Stale {
            return self.blind();
        }
        if let Some(plan) = self.settle() {
            return plan;
        }
        let scaled_to_zero = self.seen.workload.rollout.state == RolloutState::ScaledToZero
            && self.finding.is_none();
        if matches!(
            self.seen.workload.presence,
            Presence::Gone | Presence::Deleting
        ) || scaled_to_zero
        {
            return self.resolve(Reason::WorkloadGone);
        }
        if self.incident.status.phase == Phase::Verifying
            && let Some(plan) = self.verify()
        {
            return plan;
        }
        match self.finding.take() {
            Some(finding) => self.failing(&finding),
            None => self.calm(),
        }
    }

    /// What is known may be old: what is missing is not gone, what is quiet is not well, and nothing is judged or done.
    fn blind(mut self) -> Plan {
        match self.incident.status.phase {
            Phase::Detected => self.hold(Reason::WatchStale, None),
            Phase::AwaitingApproval
            | Phase::Remediating
            | Phase::Verifying
            | Phase::Escalated
            | Phase::Resolved => self.keep(None),
        }
    }

    /// An act whose end is not known: find out from what is there, and go on or give it up.
    fn settle(&mut self) -> Option<Plan> {
        if let Some(spend) = self.ledger.unsettled(&self.incident.id)
            && !self
                .incident
                .status
                .attempts
                .iter()
                .any(|a| a.action == spend.act.id)
        {
            self.facts.push(Fact::Intended {
                action: spend.act.id.clone(),
                effect: spend.act.effect.clone(),
            });
            let asks = self.finding.as_ref().is_some_and(|f| {
                let effect = &spend.act.effect;
                asks(self.policy, &f.diagnosis, self.seen, effect, self.now).is_some()
            });
            if self.incident.status.phase == Phase::Detected && !asks {
                self.incident.adopt(&spend.act, spend.at);
            } else {
                // Paid for from an older state of this incident: somebody was asked, or decided, or did something since. It
                // was never carried out (that needs the incident written), and the yes that it rested on may not count.
                let act = spend.act.clone();
                self.incident
                    .disown(&act, spend.at, self.now, &mut self.facts);
            }
        }
        let attempt = self.incident.unsettled()?.clone();
        if is_visible(&attempt, self.seen) {
            self.incident.end_act(
                &attempt.action,
                Outcome::Executed,
                self.now,
                &mut self.facts,
            );
            return None;
        }
        if lasted(attempt.at, self.now, INTENT_VALID) {
            self.incident.end_act(
                &attempt.action,
                Outcome::Abandoned,
                self.now,
                &mut self.facts,
            );
            return None;
        }
        let still_valid = self.finding.is_some()
            && !lasted(attempt.at, self.now, ACT_WITHIN)
            && self.policy.level > Level::Observe
            && self.policy.restart.enabled
            && gates(self.policy, self.ledger, self.seen, self.now).is_none();
        if !still_valid {
            // Another replica may be about to do it: what it did must not be called abandoned.
            return Some(self.keep(Some(after(attempt.at, INTENT_VALID))));
        }
        let decision = Decision {
            kind: DecisionKind::Remediate,
            reason: Reason::Resumed,
            remedy: Some(attempt.effect.remedy()),
        };
        self.incident.hold(decision, "");
        let act = Act {
            id: attempt.action,
            workload: self.seen.workload.id.clone(),
            effect: attempt.effect,
        };
        Some(Plan {
            act: Some(act),
            ..self.finish(decision, None)
        })
    }

    /// After an act: does it help?
    fn verify(&mut self) -> Option<Plan> {
        let attempt = self.incident.verifying()?.clone();
        let health = health_after(&attempt, self.finding.as_ref(), self.seen, self.now);
        self.track_health(health == Health::Well);
        let rules = VerifyRules {
            healthy_delay: self.healthy_delay(),
            ..self.policy.verify
        };
        let verdict = verify::verdict(
            &attempt,
            &health,
            self.incident.status.healthy_since,
            &rules,
            self.now,
        );
        match verdict {
            Verdict::Pending => {
                let until = match self.incident.status.healthy_since {
                    Some(since) => verify::believed_at(&attempt, since, &rules),
                    None => after(attempt.ended_at.unwrap_or(attempt.at), rules.deadline),
                };
                Some(self.hold(Reason::Verifying, Some(until)))
            }
            Verdict::Recovered => {
                self.incident
                    .verified(&attempt.action, verdict, &mut self.facts);
                // Another pod of the workload that still fails is the next thing to mend.
                self.finding.is_none().then(|| self.resolve(Reason::Mended))
            }
            Verdict::Reverted => {
                self.incident
                    .verified(&attempt.action, verdict, &mut self.facts);
                None // what fails still is decided anew, and not by a rollout
            }
            Verdict::Relapsed | Verdict::NotApplied => {
                self.incident
                    .verified(&attempt.action, verdict, &mut self.facts);
                if let Health::FailsAgain(finding) = health {
                    self.incident.update(&finding, self.seen, &mut self.facts);
                    self.finding = Some(*finding);
                }
                self.finding.is_none().then(|| {
                    let why = not_ready_in_time(self.seen, &attempt);
                    self.escalate(Reason::VerifyFailed, &why)
                })
            }
        }
    }

    /// How long it must be well to be over. What was over once and came back has to stay away for as long as a relapse counts:
    /// a program that ends every three minutes is one trouble, and people hear of it once (row 110).
    fn healthy_delay(&self) -> Duration {
        let rules = &self.policy.verify;
        if self.incident.came_back() {
            rules.healthy_delay.max(rules.relapse_window)
        } else {
            rules.healthy_delay
        }
    }

    /// Nothing fails (now).
    fn calm(mut self) -> Plan {
        self.track_health(is_well(None, self.seen));
        let Some(since) = self.incident.status.healthy_since else {
            return match self.incident.status.phase {
                Phase::Detected => self.hold(Reason::StillMayRecover, None),
                Phase::AwaitingApproval => self.awaiting(None),
                Phase::Escalated | Phase::Remediating | Phase::Verifying | Phase::Resolved => {
                    self.keep(None)
                }
            };
        };
        let mended = self.incident.status.attempts.last().is_some_and(|a| {
            let helped = !matches!(a.verdict, Verdict::Relapsed | Verdict::Reverted);
            a.outcome == Some(Outcome::Executed) && helped
        });
        let delay = self.healthy_delay();
        if lasted(since, self.now, delay) {
            return self.resolve(if mended {
                Reason::Mended
            } else {
                Reason::RecoveredByItself
            });
        }
        let until = Some(after(since, delay));
        match self.incident.status.phase {
            Phase::Detected => self.hold(Reason::Healthy, until),
            Phase::AwaitingApproval => self.awaiting(until),
            Phase::Escalated | Phase::Remediating | Phase::Verifying | Phase::Resolved => {
                self.keep(until)
            }
        }
    }

    /// Something fails, and no act is under way.
    fn failing(mut self, finding: &Finding) -> Plan {
        self.incident.status.healthy_since = None;
        match self.incident.status.phase {
            Phase::Escalated => self.keep(None),
            Phase::AwaitingApproval => self.await_answer(&finding.diagnosis),
            Phase::Detected | Phase::Remediating | Phase::Verifying | Phase::Resolved => {
                self.undecided(&finding.diagnosis)
            }
        }
    }

    /// Nothing is asked or under way: what is to be done?
    pub(super) fn undecided(mut self, diagnosis: &Diagnosis) -> Plan {
        let until = self.snoozed_until();
        if self.incident.status.phase == Phase::Detected && until.is_some() {
            return self.hold(Reason::Snoozed, until);
        }
        let ruling = self.rule(diagnosis, Consented::NotYet);
        self.apply(ruling)
    }

    pub(super) fn rule(&self, diagnosis: &Diagnosis, consented: Consented) -> Ruling {
        decide(
            self.policy,
            self.ledger,
            diagnosis,
            self.seen,
            self.incident.failed_attempts(),
            consented,
            self.now,
        )
    }

    /// Turns a ruling into a plan.
    pub(super) fn apply(mut self, ruling: Ruling) -> Plan {
        let Ruling {
            decision,
            effect,
            until,
        } = ruling;
        match (decision.kind, effect) {
            (DecisionKind::Remediate, Some(_))
                if self.incident.status.attempts.len() >= MAX_ATTEMPTS =>
            {
                self.escalate(Reason::BudgetSpent, "")
            }
            (DecisionKind::Remediate, Some(effect)) => self.remediate(decision, effect),
            (DecisionKind::RequestApproval, Some(effect)) => self.ask(decision, &effect),
            (DecisionKind::Hold, Some(effect)) => {
                if self.incident.hold(decision, &would_have(&effect)) {
                    self.incident
                        .note(Fact::WouldHave { effect }, &mut self.facts);
                }
                self.finish(decision, until)
            }
            (DecisionKind::Escalate, _) => self.escalate(decision.reason, ""),
            (
                DecisionKind::Hold
                | DecisionKind::Remediate
                | DecisionKind::RequestApproval
                | DecisionKind::Resolve,
                _,
            ) => self.hold(decision.reason, until),
        }
    }

    fn remediate(mut self, decision: Decision, effect: Effect) -> Plan {
        let ordinal = self.incident.status.attempts.len().to_string();
        let id = ActionId(Text::from(short_hash(&[
            self.incident.id.0.as_str(),
            &ordinal,
            &self.now.to_string(),
        ])));
        let act = Act {
            id,
            workload: self.seen.workload.id.clone(),
            effect,
        };
        self.incident
            .intend(&act, decision, self.now, &mut self.facts);
        let spend = Spend {
            act: act.clone(),
            incident: self.incident.id.clone(),
            at: self.now,
            outcome: None,
            verdict: Verdict::Pending,
        };
        Plan {
            act: Some(act),
            spend: Some(spend),
            ..self.finish(decision, None)
        }
    }

    fn track_health(&mut self, well: bool) {
        self.incident.status.healthy_since = if well {
            self.incident.status.healthy_since.or(Some(self.now))
        } else {
            None
        };
        self.incident.status.replicas = self.seen.replicas;
    }

    fn hold(&mut self, reason: Reason, until: Option<Timestamp>) -> Plan {
        let decision = Decision {
            kind: DecisionKind::Hold,
            reason,
            remedy: None,
        };
        // A time that moves with every pass would be a write with every pass.
        let moves = matches!(reason, Reason::Storm | Reason::TooManyAtOnce);
        let extra = until
            .filter(|_| !moves)
            .map(|u| format!("Next look at {}.", second(u)))
            .unwrap_or_default();
        if self.incident.hold(decision, &extra) && reason != Reason::Verifying {
            self.incident.note(Fact::Held { reason }, &mut self.facts);
        }
        self.finish(decision, until)
    }

    /// Keeps phase and decision as they are.
    pub(super) fn keep(&mut self, until: Option<Timestamp>) -> Plan {
        let decision = Decision {
            kind: self.incident.status.decision,
            reason: self.incident.status.reason,
            remedy: None,
        };
        self.finish(decision, until)
    }

    pub(super) fn escalate(&mut self, reason: Reason, extra: &str) -> Plan {
        self.incident.escalate(reason, extra, &mut self.facts);
        self.finish(
            Decision {
                kind: DecisionKind::Escalate,
                reason,
                remedy: None,
            },
            None,
        )
    }

    fn resolve(&mut self, reason: Reason) -> Plan {
        self.incident
            .resolve(reason, self.seen, self.now, &mut self.facts);
        self.finish(
            Decision {
                kind: DecisionKind::Resolve,
                reason,
                remedy: None,
            },
            None,
        )
    }

    /// Puts the plan together.
    pub(super) fn finish(&mut self, decision: Decision, until: Option<Timestamp>) -> Plan {
        let look = match self.incident.status.phase {
            Phase::Resolved => None,
            Phase::Escalated => Some(after(self.now, LOOK_SELDOM)),
            Phase::Detected | Phase::AwaitingApproval | Phase::Remediating | Phase::Verifying => {
                Some(after(self.now, LOOK_AGAIN))
            }
        };
        Plan {
            incident: Some(self.incident.clone()),
            decision,
            act: None,
            spend: None,
            closes: None,
            facts: std::mem::take(&mut self.facts),
            wake_at: look.map(|l| {
                let lapse = look_again(self.seen, self.now);
                until
                    .into_iter()
                    .chain(lapse)
                    .fold(l, std::cmp::min)
                    .max(self.now)
            }),
        }
    }
}

/// Whether what an attempt intended has happened.
fn is_visible(attempt: &Attempt, seen: &Observation) -> bool {
    match &attempt.effect {
        Effect::Evict { uid, .. } => {
            let leaving = seen
                .suspects
                .iter()
                .any(|p| p.uid == *uid && p.leaving != Leaving::No);
            leaving || !seen.pod_uids.contains(uid)
        }
        Effect::RolloutRestart { stamp, .. } => seen
            .workload
            .restarted_at
            .is_some_and(|at| second(at) == second(*stamp)),
    }
}

/// That nothing came of it, and what the cluster says about that (a quota that refuses the new pod, say).
fn not_ready_in_time(seen: &Observation, attempt: &Attempt) -> String {
    let since = |e: &&EventSeen| e.last >= attempt.at && e.reason.as_str() == "FailedCreate";
    let said = seen.events.iter().rev().find(since);
    let said = said.map_or_else(String::new, |e| format!(" The cluster says: {}", e.message));
    format!("It did not become ready in time.{said}")
}

fn would_have(effect: &Effect) -> String {
    match effect {
        Effect::Evict { pod, .. } => format!("It would have evicted pod {pod}."),
        Effect::RolloutRestart { .. } => "It would have restarted the rollout.".to_owned(),
    }
}

/// A time without fractions, as annotations and people have it.
fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
