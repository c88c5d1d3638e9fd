//! A notice: what an alert needs of an incident, small enough to keep thousands of; and when one is due.

use crate::alert::sentence::Sentence;
use jiff::Timestamp;
use podmender_policy::{
    approval::{Answer, ApprovalRequest, Entrance, Ticket},
    audit::{AuditRecord, Fact},
    bounds::{Message, Name, Text},
    decide::{DecisionKind, Reason},
    diagnose::Diagnosis,
    incident::{Attempt, Incident, IncidentId, Phase, Post},
    observation::Replicas,
    redact::RedactedEvidence,
    severity::Severity,
    summary::Summary,
    workload::WorkloadRef,
};

/// How readers of a card can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// By its buttons.
    ByButton,
    /// By kubectl only: nothing that is pressed in Slack would come in.
    ByCommand,
}

/// What is to be told of one incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// The incident.
    pub id: IncidentId,
    /// The workload.
    pub workload: WorkloadRef,
    /// Where the incident stands.
    pub phase: Phase,
    /// What is wrong.
    pub diagnosis: Diagnosis,
    /// When the incident was first seen.
    pub first_seen: Timestamp,
    /// The evidence, without secrets.
    pub evidence: RedactedEvidence,
    /// The decision.
    pub decision: DecisionKind,
    /// Why.
    pub reason: Reason,
    /// Why, for a person.
    pub message: Message,
    /// Replicas.
    pub replicas: Replicas,
    /// What is asked.
    pub approval: Option<ApprovalRequest>,
    /// What was tried.
    pub attempts: Vec<Attempt>,
    /// What came of the last question, once there is an answer to it.
    pub answer: Option<Sentence>,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
    /// What was told before, if anything: then this is a follow-up.
    pub told: Option<Phase>,
    /// What a language model makes of it, if it was asked: a guess.
    pub summary: Option<Summary>,
    /// The worst that it has been.
    pub severity: Severity,
    /// The policy that covers it.
    pub policy: Name,
    /// How readers of its card can answer.
    pub answers: Answers,
    /// What the buttons of its card carry.
    pub ticket: Ticket,
    /// Until when a person put it off.
    pub snoozed_until: Option<Timestamp>,
    /// Who did.
    pub snoozed_by: Option<Sentence>,
    /// Where its cards stand.
    pub posts: Vec<Post>,
}

impl Notice {
    /// Copies what is needed; the timeline, which is most of an incident, is not.
    #[must_use]
    pub fn of(incident: &Incident) -> Self {
        let (spec, status) = (&incident.spec, &incident.status);
        Self {
            id: incident.id.clone(),
            workload: spec.workload.clone(),
            phase: status.phase,
            diagnosis: status.diagnosis.clone(),
            first_seen: spec.first_seen,
            evidence: status.evidence.clone(),
            decision: status.decision,
            reason: status.reason,
            message: status.message.clone(),
            replicas: status.replicas,
            approval: status.approval.clone(),
            attempts: status.attempts.clone(),
            answer: answer(&status.timeline, status.approval.as_ref()),
            resolved_at: status.resolved_at,
            told: status.told.as_ref().map(|told| told.phase),
            summary: incident.guess().cloned(),
            severity: incident.severity(),
            policy: spec.policy.clone(),
            answers: Answers::ByCommand,
            ticket: match &status.approval {
                Some(asked) => asked.ticket(&incident.id),
                None => incident.ticket(),
            },
            snoozed_until: status.snoozed_until,
            snoozed_by: snoozed_by(&status.timeline),
            posts: status.posts.clone(),
        }
    }

    /// As [`Notice::of`], for those who are to be told at `now`: a second question is news too, and one that was put off is
    /// put again when the time is over.
    #[must_use]
    pub fn at(incident: &Incident, now: Timestamp) -> Self {
        let mut notice = Self::of(incident);
        let asked = notice.approval.as_ref().map(|a| a.asked_at);
        let again = notice.snoozed_until.filter(|until| *until <= now);
        let told = incident.status.told.as_ref();
        let told = told.filter(|t| t.phase == Phase::AwaitingApproval);
        if told.is_some_and(|told| asked.max(again).is_some_and(|since| told.at < since)) {
            notice.told = Some(Phase::Detected);
        }
        notice
    }

    /// By what a receiver knows that two messages are about the same: the same in every channel, for the incident's whole life.
    #[must_use]
    pub fn dedup_key(&self) -> String {
        format!("podmender/{}/{}", self.workload.namespace, self.id)
    }

    /// As what this counts once it is told: a first message that says already that a person is needed if it happens again
    /// leaves nothing to say when it does.
    #[must_use]
    pub fn tells(&self) -> Phase {
        match self.reason {
            Reason::PersonIfAgain => Phase::Escalated,
            _ => self.phase,
        }
    }

    /// Drops what a digest does not show.
    pub(crate) fn slim(&mut self) {
        self.evidence.lines = Vec::new();
        self.evidence.event = None;
        self.attempts = Vec::new();
        self.message = Message::default();
        self.summary = None;
    }
}

/// What became of the newest question: who decided, or why an answer did not count. `None`: none is asked, or nobody has answered.
fn answer(timeline: &[AuditRecord], asked: Option<&ApprovalRequest>) -> Option<Sentence> {
    let facts = timeline.iter().rev().map(|record| &record.fact);
    let mut since = facts.take_while(|fact| !matches!(fact, Fact::Asked { .. }));
    let newest = since.find(|fact| {
        matches!(
            fact,
            Fact::Answered { .. }
                | Fact::Expired
                | Fact::Withdrawn { .. }
                | Fact::ApprovalRefused { .. }
        )
    })?;
    Some(match newest {
        Fact::Answered {
            answer: Answer::Approve,
            by,
            via,
            ..
        } => {
            let earlier = since.filter_map(|fact| match fact {
                Fact::Answered {
                    answer: Answer::Approve,
                    by,
                    via,
                    ..
                } => Some((by, via)),
                _ => None,
            });
            let mut people: Vec<_> = earlier.collect();
            people.reverse();
            people.push((by, via));
            approved(&people, asked)
        }
        Fact::Answered {
            answer: Answer::Deny | Answer::Snooze,
            by,
            via,
            ..
        } => Sentence::text("Denied by ").by(by.as_str(), via).then("."),
        Fact::ApprovalRefused {
            by, because, via, ..
        } => Sentence::text("The answer of ")
            .by(by.as_str(), via)
            .then(format!(" did not count. {}", because.explain())),
        Fact::Withdrawn { because } => Sentence::text(format!(
            "Nobody needs to answer any more. {}",
            because.explain()
        )),
        _ => Sentence::text("Nobody answered in time."),
    })
}

/// Who put it off last.
fn snoozed_by(timeline: &[AuditRecord]) -> Option<Sentence> {
    timeline.iter().rev().find_map(|record| match &record.fact {
        Fact::Snoozed { by, via, .. } => Some(Sentence::default().by(by.as_str(), via)),
        _ => None,
    })
}

/// Who has approved, and whether that is enough.
fn approved(people: &[(&Text<256>, &Entrance)], asked: Option<&ApprovalRequest>) -> Sentence {
    let mut said = Sentence::text("Approved by ");
    for (n, (by, via)) in people.iter().enumerate() {
        let before = match n {
            0 => "",
            n if n + 1 == people.len() => " and ",
            _ => ", ",
        };
        said = said.then(before).by(by.as_str(), via);
    }
    let open = asked.map_or(0, |a| usize::from(a.needed).saturating_sub(a.votes.len()));
    match open {
        0 => said.then("."),
        1 => said.then("; one more person must approve."),
        n => said.then(format!("; {n} more people must approve.")),
    }
}

/// Whether `now` is news to people who were told `told` last.
///
/// One message when it begins, one when a person is needed, one when it ends: not one for each step between.
#[must_use]
pub fn is_news(told: Option<Phase>, now: Phase) -> bool {
    let Some(told) = told else {
        return true;
    };
    match now {
        Phase::Resolved => told != Phase::Resolved,
        Phase::Escalated => told != Phase::Escalated,
        Phase::AwaitingApproval => told != Phase::AwaitingApproval,
        // It failed again after it was well; otherwise a step on the way.
        Phase::Detected | Phase::Remediating | Phase::Verifying => told == Phase::Resolved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mend_that_helps_is_two_messages() {
        let mut told = None;
        let mut messages = 0;
        for now in [
            Phase::Detected,
            Phase::Remediating,
            Phase::Verifying,
            Phase::Detected,
            Phase::Remediating,
            Phase::Verifying,
            Phase::Resolved,
            Phase::Resolved,
        ] {
            if is_news(told, now) {
                told = Some(now);
                messages += 1;
            }
        }
        assert_eq!(messages, 2);
    }

    #[test]
    fn a_question_that_was_put_off_is_put_again_once() {
        let mut incident = crate::alert::sample::incident("api");
        let [told, until, later] = ["03:02", "04:02", "04:03"]
            .map(|at| crate::alert::sample::time(&format!("2026-11-21T{at}:00Z")));
        incident.status.phase = Phase::AwaitingApproval;
        incident.status.snoozed_until = Some(until);
        let mut is_due = |told, now| {
            let phase = Phase::AwaitingApproval;
            incident.status.told = Some(podmender_policy::incident::Told { phase, at: told });
            let notice = Notice::at(&incident, now);
            is_news(notice.told, notice.phase)
        };
        assert!(!is_due(told, told));
        assert!(is_due(told, later));
        assert!(!is_due(later, later));
    }

    #[test]
    fn a_person_is_called_once_for_each_reason() {
        assert!(is_news(Some(Phase::Detected), Phase::AwaitingApproval));
        assert!(is_news(Some(Phase::AwaitingApproval), Phase::Escalated));
        assert!(!is_news(Some(Phase::Escalated), Phase::Escalated));
        assert!(is_news(Some(Phase::Resolved), Phase::Detected));
        assert!(is_news(None, Phase::Resolved));
    }
}
