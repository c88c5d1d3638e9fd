//! What is to be done about an answer that somebody gave. Pure: person, incident, policy and time in, one step out.
//!
//! Nothing here lets anything happen in the cluster: an answer is recorded, and whether it still holds is the plan's to say.

use super::private::Private;
use crate::alert::story;
use jiff::{SignedDuration, Timestamp};
use podmender_policy::{
    approval::{Answer, ApprovalRequest, NoRight, SlackPerson},
    audit::Fact,
    decide::Reason,
    incident::{Incident, Phase},
    rules::Policy,
    verify::after,
};
use std::time::Duration;

/// A snooze that would add less than this to the one that holds is none.
const NOTICEABLE: SignedDuration = SignedDuration::from_mins(5);

/// What a person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Do it.
    Approve,
    /// Leave it.
    Deny,
    /// Ask again after so long.
    Snooze(Duration),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Record the answer in the first free place of this question.
    Answer(Answer, Box<ApprovalRequest>),
    /// Record that it is put off, for so long.
    Snooze(Duration),
    /// Say why not, to the one who asked.
    Refuse(Refusal),
}

/// Why nothing is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The button carries nothing that is known here.
    Unknown,
    /// The agent has just started, and does not know its policies yet.
    Starting,
    /// No policy covers the workload any more.
    OutOfScope,
    /// The person may not answer.
    NoRight(NoRight),
    /// Nothing is asked now.
    NotAsked(Phase),
    /// It was decided before: by whom, and what is done about it.
    Decided {
        /// Who, as the incident notes it.
        by: String,
        /// Where it stands.
        phase: Phase,
    },
    /// The same person has approved it before, and another one is needed.
    Voted,
    /// The time for an answer is over, since then.
    Expired(Timestamp),
    /// It is put off already, until then.
    Snoozed(Timestamp),
}

impl Refusal {
    /// A short word for metrics.
    #[must_use]
    pub fn category(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Starting => "starting",
            Self::OutOfScope => "out_of_scope",
            Self::NoRight(NoRight::NobodyListed) => "nobody_listed",
            Self::NoRight(NoRight::NotListed) => "not_listed",
            Self::NoRight(NoRight::OtherWorkspace) => "other_workspace",
            Self::NoRight(NoRight::Guest) => "guest",
            Self::NoRight(NoRight::Bot) => "bot",
            Self::NotAsked(_) => "not_asked",
            Self::Decided { .. } => "decided",
            Self::Voted => "voted",
            Self::Expired(_) => "expired",
            Self::Snoozed(_) => "snoozed",
        }
    }

    /// For the person who pressed.
    #[must_use]
    pub fn explain(&self, now: Timestamp) -> Private {
        match self {
            Self::Unknown => Private::text(
                "This button belongs to a question that is no longer open, or to another installation of Podmender. Nothing was done. The newest card of the workload has the buttons that count.",
            ),
            Self::Starting => Private::text(
                "Podmender has just started and has not read its policies yet, so nothing was done. Please press again in a moment.",
            ),
            Self::OutOfScope => Private::text(
                "No policy covers this workload any more, so nobody is asked. Nothing was done.",
            ),
            Self::NoRight(why) => Private::text(format!("{} Nothing was done.", why.explain())),
            Self::NotAsked(phase) => Private::text(format!(
                "Nothing is asked any more: {}. Nothing was done.",
                standing(*phase)
            )),
            Self::Decided { by, phase } => Private::default().by(by).then(format!(
                " decided it: {}. Your press changed nothing.",
                standing(*phase)
            )),
            Self::Voted => Private::text(
                "You have approved it already; another person has to approve it, too.",
            ),
            Self::Expired(at) => Private::text(format!(
                "The time for an answer ended at {}, so nothing is done.",
                story::clock(*at, now)
            )),
            Self::Snoozed(until) => Private::text(format!(
                "It is snoozed already, until {}.",
                story::clock(*until, now)
            )),
        }
    }
}

/// Where an incident stands, as the end of a sentence.
fn standing(phase: Phase) -> &'static str {
    match phase {
        Phase::Detected => "it is watched",
        Phase::AwaitingApproval => "it waits for an answer",
        Phase::Remediating => "it is being mended",
        Phase::Verifying => "it was mended, and whether that helped is being checked",
        Phase::Resolved => "the workload is well again",
        Phase::Escalated => "it was left to a person",
    }
}

/// Decides. `policy` is the strictest of those that cover the workload; `None`: none does.
#[must_use]
pub fn rule(
    wish: Wish,
    who: &SlackPerson,
    incident: &Incident,
    policy: Option<&Policy>,
    now: Timestamp,
) -> Step {
    let Some(policy) = policy else {
        return Step::Refuse(Refusal::OutOfScope);
    };
    if let Err(why) = policy.approvers.admit(who) {
        return Step::Refuse(Refusal::NoRight(why));
    }
    match wish {
        Wish::Snooze(span) => snooze(incident, span, now),
        Wish::Approve => answer(Answer::Approve, who, incident, policy, now),
        Wish::Deny => answer(Answer::Deny, who, incident, policy, now),
    }
}

/// Details change nothing: whoever sees the card may see them, unless the policy names a workspace and they are of another one.
/// (Asking Slack who they are takes longer than the trigger of a modal may wait.)
///
/// # Errors
/// Why not.
pub fn may_look(team: &str, policy: Option<&Policy>) -> Result<(), Refusal> {
    let Some(policy) = policy else {
        return Err(Refusal::OutOfScope);
    };
    match &policy.approvers.slack_team {
        Some(ours) if ours.as_str() != team => Err(Refusal::NoRight(NoRight::OtherWorkspace)),
        _ => Ok(()),
    }
}

fn answer(
    answer: Answer,
    who: &SlackPerson,
    incident: &Incident,
    policy: &Policy,
    now: Timestamp,
) -> Step {
    let status = &incident.status;
    let asked = match &status.approval {
        Some(asked) if status.phase == Phase::AwaitingApproval => asked,
        _ => return Step::Refuse(closed(incident)),
    };
    if now >= asked.expires_at {
        return Step::Refuse(Refusal::Expired(asked.expires_at));
    }
    let voted = asked
        .votes
        .iter()
        .any(|vote| vote.by.as_str() == who.user.as_str());
    if voted && answer == Answer::Approve {
        return Step::Refuse(Refusal::Voted);
    }
    let mut asked = asked.clone();
    // A policy that wants more people by now has more places.
    asked.needed = asked.needed.max(policy.needed(asked.remedy));
    Step::Answer(answer, Box::new(asked))
}

/// Why an incident that asks for nothing asks for nothing.
fn closed(incident: &Incident) -> Refusal {
    let status = &incident.status;
    let is_end = |fact: &Fact| {
        let expired = Answer::Expired;
        matches!(fact, Fact::Expired)
            || matches!(fact, Fact::Answered { answer, .. } if *answer == expired)
    };
    let mut newest = status.timeline.iter().rev();
    let ended = match status.reason {
        Reason::ApprovalExpired => newest.find(|record| is_end(&record.fact)),
        _ => None,
    };
    match (ended, &status.decided_by) {
        (Some(record), _) => Refusal::Expired(record.at),
        (None, Some(by)) => Refusal::Decided {
            by: by.to_string(),
            phase: status.phase,
        },
        (None, None) => Refusal::NotAsked(status.phase),
    }
}

/// Puts an incident off for `span`, whether or not something is asked.
fn snooze(incident: &Incident, span: Duration, now: Timestamp) -> Step {
    let status = &incident.status;
    if !incident.is_open() {
        return Step::Refuse(Refusal::NotAsked(status.phase));
    }
    if let (Phase::AwaitingApproval, Some(asked)) = (status.phase, &status.approval)
        && now >= asked.expires_at
    {
        return Step::Refuse(Refusal::Expired(asked.expires_at));
    }
    match status.snoozed_until {
        Some(until) if after(now, span).duration_since(until) < NOTICEABLE => {
            Step::Refuse(Refusal::Snoozed(until))
        }
        _ => Step::Snooze(span),
    }
}

#[cfg(test)]
#[path = "ruling_tests.rs"]
mod tests;
