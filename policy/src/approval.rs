//! Approvals: who decided what, for which incident, remedy, object and generation, until when.

mod person;
mod place;
mod ticket;

pub use person::{NoRight, PersonKind, SlackPerson};
pub use place::{Given, NoPlace, Search};
pub use ticket::Ticket;

use crate::{
    bounds::{Name, Text},
    incident::IncidentId,
    remedy::{Effect, RemedyName},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a snooze lasts if nothing else is said. (Its bounds: [`crate::rules::duration::SNOOZE`].)
pub const SNOOZE: Duration = Duration::from_secs(3600);

/// What a person is asked. Part of an incident's status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRequest {
    /// Which remedy would be applied.
    pub remedy: RemedyName,
    /// The workload's UID when it was asked.
    pub uid: Name,
    /// The workload's generation when it was asked.
    pub generation: i64,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Until when an answer counts; after that the answer is no.
    pub expires_at: Timestamp,
    /// Why a person is asked.
    pub because: Text<256>,
    /// What exactly a yes does, as it is shown. Absent: an older version asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// How many different people must approve.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 5))]
    pub needed: u8,
    /// Who has approved so far, where more than one must.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub votes: Vec<Vote>,
    /// Grows with each answer that did not count, so that the question can be answered again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub round: u8,
}

fn one() -> u8 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(n: &u8) -> bool {
    *n == 0
}

/// One of the approvals that a question needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Vote {
    /// Whose.
    pub by: Text<256>,
    /// By which entrance.
    #[serde(default)]
    pub via: Entrance,
    /// Whether it is proven that it is theirs.
    pub proof: Proof,
    /// The Approval object.
    pub approval: Name,
}

impl Vote {
    /// Whether these are surely two people. What is only noted could be anybody, and nobody can tell whether a Slack member
    /// and a Kubernetes user are one person: then it counts as one (fail closed).
    #[must_use]
    pub fn is_surely_another(&self, other: &Self) -> bool {
        let proven = self.proof == Proof::Proven && other.proof == Proof::Proven;
        proven
            && match (&self.via, &other.via) {
                (Entrance::Kubernetes, Entrance::Kubernetes) => self.by != other.by,
                (Entrance::Slack { user: a, .. }, Entrance::Slack { user: b, .. }) => a != b,
                _ => false,
            }
    }
}

/// Whether it is proven who answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Proof {
    /// A note by whoever wrote the object.
    #[default]
    Noted,
    /// An admission policy compares the note with the API server's user, or this agent wrote it.
    Proven,
}

/// By which entrance an answer came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "type")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "(self.type == 'slack') == (has(self.user) && has(self.team))", "message": "user and team belong to slack, and to nothing else"}
]))]
pub enum Entrance {
    /// kubectl or the CLI.
    #[default]
    Kubernetes,
    /// A button or command in Slack; written by the agent.
    Slack {
        /// The member.
        user: Text<32>,
        /// Their workspace.
        team: Text<32>,
    },
    /// Nobody answered: the agent itself, when the time was over.
    Agent,
}

impl Entrance {
    /// Whether it came through the API server.
    #[must_use]
    pub fn is_kubernetes(&self) -> bool {
        *self == Self::Kubernetes
    }
}

/// Yes, no, not now, or nothing in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Answer {
    /// Do it.
    Approve,
    /// Leave it.
    Deny,
    /// Ask again later: nothing is done and nothing new is told meanwhile.
    Snooze,
    /// Nobody answered in time: it is not done. Written by the agent, and worth nothing before the time is over.
    Expired,
}

impl Answer {
    /// What whoever gave it has done: `approved`, as in "ada approved it".
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Deny => "denied",
            Self::Snooze => "snoozed",
            Self::Expired => "closed",
        }
    }
}

/// A decision, as an `Approval` object holds it: a person's, or that nobody took one in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The object's own name (an approval is consumed once, by name).
    pub id: Name,
    /// Which incident.
    pub incident: IncidentId,
    /// Which.
    pub answer: Answer,
    /// Which remedy was shown to the person.
    pub remedy: RemedyName,
    /// The workload's UID as shown to the person.
    pub uid: Name,
    /// The workload's generation as shown to the person.
    pub generation: i64,
    /// Who decided (a user name, a Slack user id).
    pub by: Text<256>,
    /// When the decision was recorded, by the API server's clock (a grain of a second).
    pub at: Timestamp,
    /// By which entrance it came.
    #[serde(default)]
    pub entrance: Entrance,
    /// Whether it is proven who it was.
    #[serde(default)]
    pub proof: Proof,
    /// Of a snooze: how long. Absent: an hour.
    #[serde(default)]
    pub snooze_for: Option<Duration>,
}
