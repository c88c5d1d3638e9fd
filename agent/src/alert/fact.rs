//! A fact of the audit in words: for the timeline on a terminal and in Slack.

use crate::alert::story;
use podmender_policy::{approval::Answer, audit::Fact};

/// A fact of the audit in words.
#[must_use]
pub fn words(fact: &Fact) -> String {
    match fact {
        Fact::Detected { failure } => format!("seen: {failure:?}"),
        Fact::Rediagnosed { failure } => format!("it is rather {failure:?}"),
        Fact::Held { reason } => format!("nothing is done: {}", reason.explain()),
        Fact::WouldHave { effect } => format!("would have done: {}", story::effect(effect)),
        Fact::Asked { expires_at } => format!(
            "a person is asked, until {}",
            expires_at.strftime("%H:%M:%S UTC")
        ),
        Fact::Answered {
            answer: Answer::Expired,
            approval,
            ..
        } => format!("nobody answered in time ({approval})"),
        Fact::Answered {
            answer,
            by,
            approval,
            ..
        } => format!("{answer:?} by {by} ({approval})"),
        Fact::Snoozed { until, by, .. } => {
            format!("snoozed by {by} until {}", until.strftime("%H:%M:%S UTC"))
        }
        Fact::Expired => "nobody answered in time".to_owned(),
        Fact::Withdrawn { because } => format!("the question is withdrawn: {}", because.explain()),
        Fact::ApprovalRefused {
            by,
            approval,
            because,
            ..
        } => {
            format!(
                "the answer of {by} ({approval}) does not count: {}",
                because.explain()
            )
        }
        Fact::Intended { action, effect } => {
            format!("decided: {} ({action})", story::effect(effect))
        }
        Fact::Ended { action, outcome } => format!("the call ended: {outcome:?} ({action})"),
        Fact::Verified { action, verdict } => format!("did it help? {verdict:?} ({action})"),
        Fact::Reopened => "failing again".to_owned(),
        Fact::Escalated { reason } => format!("left to a person: {}", reason.explain()),
        Fact::Resolved { reason } => format!("well again: {}", reason.explain()),
        Fact::Paused { policy, by, .. } => format!("{by} paused policy {policy}"),
        Fact::Resumed { policy, by, .. } => format!("{by} ended the pause of policy {policy}"),
        Fact::Foreign(stored) => format!("written by another version: {stored}"),
    }
}
