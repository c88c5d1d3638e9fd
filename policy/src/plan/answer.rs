//! Asking a person, and what an answer is worth (invariant 7).

use super::{Plan, pass::Pass};
use crate::{
    approval::{Answer, Approval, ApprovalRequest},
    audit::Fact,
    decide::{Consented, Decision, DecisionKind, Reason},
    diagnose::Diagnosis,
    remedy::Effect,
    verify::after,
};
use jiff::Timestamp;

impl Pass<'_> {
    pub(super) fn ask(mut self, decision: Decision, effect: &Effect) -> Plan {
        let request = ApprovalRequest {
            remedy: effect.remedy(),
            uid: self.seen.workload.uid.clone(),
            generation: self.seen.workload.generation,
            asked_at: self.now,
            expires_at: after(self.now, self.policy.approval_timeout),
            because: decision.reason.explain().into(),
        };
        let until = Some(request.expires_at);
        self.incident.ask(request, decision, &mut self.facts);
        self.finish(decision, until)
    }

    /// A person was asked: is there an answer, and does it still hold?
    pub(super) fn await_answer(mut self, diagnosis: &Diagnosis) -> Plan {
        let Some(request) = self.incident.status.approval.clone() else {
            return self.escalate(Reason::NotAsked, "");
        };
        let approval = self
            .seen
            .approval
            .clone()
            .filter(|a| a.incident == self.incident.id && self.incident.is_unused(a));
        let Some(approval) = approval else {
            return self.awaiting(None);
        };
        if let Some(reason) = self.invalid(&approval, &request) {
            self.incident
                .consume(&approval, Some(reason), &mut self.facts);
            return self.awaiting(None);
        }
        if approval.answer == Answer::Deny {
            self.incident.consume(&approval, None, &mut self.facts);
            return self.escalate(Reason::Denied, &format!("By {}.", approval.by));
        }
        let ruling = self.rule(diagnosis, Consented::ByPerson);
        let counts = matches!(
            ruling.decision.kind,
            DecisionKind::Remediate | DecisionKind::Escalate
        );
        self.incident.consume(
            &approval,
            (!counts).then_some(ruling.decision.reason),
            &mut self.facts,
        );
        if counts {
            self.apply(ruling)
        } else {
            self.awaiting(None)
        }
    }

    /// Why an approval does not count (invariant 7), or `None` if it does.
    fn invalid(&self, approval: &Approval, request: &ApprovalRequest) -> Option<Reason> {
        let same = approval.remedy == request.remedy
            && approval.uid == request.uid
            && approval.generation == request.generation;
        let unchanged = self.seen.workload.uid == request.uid
            && self.seen.workload.generation == request.generation;
        if approval.at >= request.expires_at || self.now >= request.expires_at {
            Some(Reason::ApprovalExpired)
        } else if !same {
            Some(Reason::NotAsked)
        } else if approval.answer == Answer::Approve && !unchanged {
            Some(Reason::ChangedSince)
        } else {
            None
        }
    }

    /// Waits for an answer, or gives up when the time is over (closed: not done).
    pub(super) fn awaiting(mut self, until: Option<Timestamp>) -> Plan {
        let expires = self
            .incident
            .status
            .approval
            .as_ref()
            .map_or(self.now, |r| r.expires_at);
        if self.now >= expires {
            self.incident.note(Fact::Expired, &mut self.facts);
            return self.escalate(Reason::ApprovalExpired, "");
        }
        self.keep(Some(until.map_or(expires, |u| u.min(expires))))
    }
}
