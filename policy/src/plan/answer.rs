//! Asking people, and what their answers are worth (invariant 7).
//!
//! Any valid no decides. A yes counts with as many others as the policy wants, of surely different people. Every answer,
//! counted or refused, is used up and recorded; after a refusal the question stays open to another answer. Only while too much is under
//! way at once does a yes wait.

use super::{Plan, pass::Pass};
use crate::{
    approval::{Answer, Approval, ApprovalRequest, Entrance, Proof, Vote},
    audit::Fact,
    decide::{Consented, Decision, DecisionKind, Reason},
    diagnose::Diagnosis,
    incident::Phase,
    remedy::Effect,
    verify::{after, lasted},
};
use jiff::{SignedDuration, Timestamp};

/// Creation times have a grain of a second: an answer in the second of the question is one to it.
const GRAIN: SignedDuration = SignedDuration::from_secs(1);

impl Pass<'_> {
    pub(super) fn ask(mut self, decision: Decision, effect: &Effect) -> Plan {
        let request = ApprovalRequest {
            remedy: effect.remedy(),
            uid: self.seen.workload.uid.clone(),
            generation: self.seen.workload.generation,
            asked_at: self.now,
            expires_at: after(self.now, self.policy.approval_timeout),
            because: decision.reason.explain().into(),
            effect: Some(effect.clone()),
            needed: self.policy.needed(effect.remedy()),
            votes: Vec::new(),
            round: 0,
        };
        let until = Some(request.expires_at);
        self.incident.ask(request, decision, &mut self.facts);
        self.finish(decision, until)
    }

    /// People were asked: are there answers, and do they still hold?
    pub(super) fn await_answer(mut self, diagnosis: &Diagnosis) -> Plan {
        let needed = match &mut self.incident.status.approval {
            None => return self.escalate(Reason::NotAsked, ""),
            Some(asked) => {
                // Who wants more people now than when it was asked gets more.
                asked.needed = asked.needed.max(self.policy.needed(asked.remedy));
                usize::from(asked.needed)
            }
        };
        let valid = self.sift();
        if let Some(no) = valid.iter().find(|a| a.answer == Answer::Deny) {
            self.incident.consume(no, None, &mut self.facts);
            self.refuse(
                valid.iter().filter(|a| a.id != no.id),
                Reason::AlreadyDecided,
            );
            return self.escalate(Reason::Denied, &format!("By {}.", no.by));
        }
        if self.has_changed() {
            // Every yes was refused for it.
            return self.ask_anew(diagnosis);
        }
        if valid.is_empty() && self.is_moot(diagnosis) {
            return self.ask_anew(diagnosis);
        }
        let mut votes = self.votes();
        let mut last = None;
        let mut yes = valid.into_iter();
        for approval in yes.by_ref() {
            let vote = vote_of(&approval);
            if !votes.iter().all(|v| v.is_surely_another(&vote)) {
                self.refuse([&approval], Reason::SamePerson);
                continue;
            }
            votes.push(vote);
            if votes.len() >= needed {
                last = Some(approval);
                break;
            }
            self.incident.consume(&approval, None, &mut self.facts);
            self.set_votes(votes.clone());
        }
        let rest: Vec<_> = yes.collect();
        let Some(last) = last else {
            return self.awaiting(None);
        };
        let mut ruling = self.rule(diagnosis, Consented::ByPerson);
        if ruling.decision.reason == Reason::TooManyAtOnce {
            // What is under way elsewhere ends by itself: nobody has to say it again for that.
            return self.awaiting(ruling.until);
        }
        if ruling.decision.kind == DecisionKind::Remediate {
            ruling.effect = match ruling.effect.map(|effect| self.as_shown(effect)) {
                Some(None) => {
                    self.refuse([last].iter().chain(&rest), Reason::ChangedSince);
                    // Whoever answers waits for nothing more.
                    self.incident.status.snoozed_until = None;
                    return self.ask_anew(diagnosis);
                }
                Some(shown) => shown,
                None => None,
            };
        }
        let counts = matches!(
            ruling.decision.kind,
            DecisionKind::Remediate | DecisionKind::Escalate
        );
        let refused = (!counts).then_some(ruling.decision.reason);
        self.incident.consume(&last, refused, &mut self.facts);
        self.refuse(&rest, refused.unwrap_or(Reason::AlreadyDecided));
        if counts {
            let names: Vec<_> = votes.iter().map(|v| v.by.as_str()).collect();
            self.incident.status.decided_by = Some(names.join(", ").into());
            self.apply(ruling)
        } else {
            self.awaiting(None)
        }
    }

    /// What was shown is what is done, also if another pod of the workload would come first by now. `None`: what would be
    /// done now was never shown.
    fn as_shown(&self, effect: Effect) -> Option<Effect> {
        let asked = self.incident.status.approval.as_ref();
        match (asked.and_then(|a| a.effect.clone()), effect) {
            (None, effect) => Some(effect),
            (Some(shown @ Effect::Evict { .. }), Effect::Evict { .. }) => {
                let is_there =
                    matches!(&shown, Effect::Evict { uid, .. } if self.seen.pod_uids.contains(uid));
                is_there.then_some(shown)
            }
            // Workload and generation were compared already.
            (Some(Effect::RolloutRestart { .. }), effect @ Effect::RolloutRestart { .. }) => {
                Some(effect)
            }
            (
                Some(Effect::Evict { .. } | Effect::RolloutRestart { .. }),
                Effect::Evict { .. } | Effect::RolloutRestart { .. },
            ) => None,
        }
    }

    /// Whether it was asked only to spare the last Ready replica, and that is Ready no more: it would be done without asking
    /// now. Whose time is over, or was put off, stays as it is.
    fn is_moot(&self, diagnosis: &Diagnosis) -> bool {
        self.incident.status.reason == Reason::LastReadyReplica
            && self.time_is_left().is_some()
            && self.snoozed_until().is_none()
            && self.rule(diagnosis, Consented::NotYet).decision.kind == DecisionKind::Remediate
    }

    /// What was asked about is no more: the question is taken back, and put again as it is now, if it still has to be.
    fn ask_anew(mut self, diagnosis: &Diagnosis) -> Plan {
        self.incident
            .withdraw(Reason::ChangedSince, &mut self.facts);
        self.undecided(diagnosis)
    }

    /// Takes what needs no judgement of the failure: snoozes, and answers that cannot count. Gives the others, oldest first.
    fn sift(&mut self) -> Vec<Approval> {
        let mut answers = self.seen.approvals.clone();
        answers.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.id.cmp(&b.id)));
        answers.dedup_by(|a, b| a.id == b.id);
        let (mut valid, mut ends) = (Vec::new(), Vec::new());
        for answer in answers {
            if !self.incident.is_unused(&answer) {
                continue;
            }
            if answer.answer == Answer::Expired {
                ends.push(answer);
                continue;
            }
            match self.invalid(&answer) {
                Some(reason) => self.refuse([&answer], reason),
                None if answer.answer == Answer::Snooze => self.snooze(&answer),
                None => valid.push(answer),
            }
        }
        // The time that is over now need not be over if somebody snoozed it: that is known only here.
        if self.time_is_left().is_some() {
            self.refuse(&ends, Reason::TimeIsLeft);
        }
        valid
    }

    /// Until when an answer may still be given, if there is time left.
    fn time_is_left(&self) -> Option<Timestamp> {
        let asked = self.incident.status.approval.as_ref();
        asked.map(|a| a.expires_at).filter(|end| self.now < *end)
    }

    /// Answers that come when nothing is asked: a snooze counts on any open incident, the rest is refused by its reason.
    /// (Of a closed incident all are refused, by `plan`.)
    pub(super) fn unasked(&mut self) {
        let because = match self.incident.status.phase {
            // A closed incident never comes here: `plan` refuses its answers.
            Phase::AwaitingApproval | Phase::Resolved => return,
            Phase::Detected => Reason::NotAsked,
            Phase::Remediating | Phase::Verifying | Phase::Escalated => Reason::AlreadyDecided,
        };
        for answer in &self.seen.approvals {
            let is_unused = self.incident.is_unused(answer);
            if is_unused && answer.answer == Answer::Snooze && self.is_approver(answer) {
                self.snooze(answer);
            } else {
                self.refuse([answer], because);
            }
        }
    }

    fn snooze(&mut self, answer: &Approval) {
        self.incident
            .snooze(answer, self.policy.approval_timeout, &mut self.facts);
    }

    /// Until when it is snoozed, if it is.
    pub(super) fn snoozed_until(&self) -> Option<Timestamp> {
        self.incident
            .status
            .snoozed_until
            .filter(|until| *until > self.now)
    }

    fn votes(&self) -> Vec<Vote> {
        let asked = self.incident.status.approval.as_ref();
        asked.map(|a| a.votes.clone()).unwrap_or_default()
    }

    fn set_votes(&mut self, votes: Vec<Vote>) {
        if let Some(asked) = &mut self.incident.status.approval {
            asked.votes = votes;
        }
    }

    fn refuse<'a>(&mut self, answers: impl IntoIterator<Item = &'a Approval>, because: Reason) {
        self.incident.refuse(answers, because, &mut self.facts);
    }

    fn is_approver(&self, answer: &Approval) -> bool {
        match &answer.entrance {
            Entrance::Kubernetes => true,
            // The agent gives no answers but that nobody gave one.
            Entrance::Agent => false,
            Entrance::Slack { user, team } => self.policy.approvers.may_have_answered(user, team),
        }
    }

    /// Whether the workload is another one, or has another spec, than when it was asked.
    fn has_changed(&self) -> bool {
        let seen = &self.seen.workload;
        let asked = self.incident.status.approval.as_ref();
        asked.is_some_and(|a| (&a.uid, a.generation) != (&seen.uid, seen.generation))
    }

    /// Why an answer does not count (invariant 7), or `None` if it may.
    ///
    /// An answer that was given in time counts also if the agent was away when the time ended, until as long again as a
    /// question waits has passed: whoever answered expects it, and a yes of yesterday is none.
    fn invalid(&self, answer: &Approval) -> Option<Reason> {
        let Some(request) = &self.incident.status.approval else {
            return Some(Reason::NotAsked);
        };
        let same = answer.answer == Answer::Snooze
            || (answer.remedy == request.remedy
                && answer.uid == request.uid
                && answer.generation == request.generation);
        let stale = lasted(request.expires_at, self.now, self.policy.approval_timeout);
        if !self.is_approver(answer) {
            Some(Reason::NotAnApprover)
        } else if answer.at + GRAIN <= request.asked_at || !same {
            Some(Reason::NotAsked)
        } else if answer.at >= request.expires_at || stale {
            Some(Reason::ApprovalExpired)
        } else if answer.answer == Answer::Approve && self.has_changed() {
            Some(Reason::ChangedSince)
        } else if answer.answer == Answer::Approve
            && request.needed > 1
            && answer.proof == Proof::Noted
        {
            Some(Reason::NotProven)
        } else {
            None
        }
    }

    /// Waits for an answer, or gives up when the time is over (closed: not done).
    pub(super) fn awaiting(mut self, until: Option<Timestamp>) -> Plan {
        if let Some(end) = self.time_is_left() {
            return self.keep(Some(until.map_or(end, |u| u.min(end))));
        }
        // Nothing fails just now: what was given in time is judged when it fails again, and void when it is well.
        let given = self.sift();
        match self.time_is_left() {
            Some(end) => self.keep(Some(until.map_or(end, |u| u.min(end)))),
            None if given.is_empty() => self.close(),
            None => self.keep(until),
        }
    }

    /// The time is over, and no answer that was given in it is left. That is recorded like an answer, in the place of one:
    /// whoever was faster by a moment has that place, and is heard first.
    fn close(mut self) -> Plan {
        let ends = |a: &&Approval| a.answer == Answer::Expired && self.incident.is_unused(a);
        if let Some(end) = self.seen.approvals.iter().find(ends).cloned() {
            self.incident.consume(&end, None, &mut self.facts);
            return self.escalate(Reason::ApprovalExpired, "");
        }
        let asked = self.incident.status.approval.clone();
        let first = asked.as_ref().map(|a| a.slot(&self.incident.id, 1));
        if asked.is_none() || self.incident.is_full() || first == self.seen.unclosable {
            self.incident.note(Fact::Expired, &mut self.facts);
            return self.escalate(Reason::ApprovalExpired, "");
        }
        Plan {
            closes: asked,
            ..self.keep(None)
        }
    }
}

fn vote_of(approval: &Approval) -> Vote {
    Vote {
        by: approval.by.clone(),
        via: approval.entrance.clone(),
        proof: approval.proof,
        approval: approval.id.clone(),
    }
}
