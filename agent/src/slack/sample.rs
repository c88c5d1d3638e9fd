//! For tests: a question, the policy behind it and the people who answer.

use super::interaction::Speaker;
use crate::alert::sample;
use jiff::{SignedDuration, Timestamp};
use podmender_policy::{
    approval::{ApprovalRequest, PersonKind, SlackPerson},
    bounds::Text,
    incident::{Incident, Phase},
    remedy::RemedyName,
    rules::{Approvers, Policy},
};

/// An incident that asks since a minute before `now`, for half an hour.
pub(crate) fn asking(now: Timestamp) -> Incident {
    let mut incident = sample::incident("api");
    incident.status.phase = Phase::AwaitingApproval;
    incident.status.approval = Some(ApprovalRequest {
        remedy: RemedyName::Restart,
        uid: "uid-w".into(),
        generation: 4,
        asked_at: now - SignedDuration::from_mins(1),
        expires_at: now + SignedDuration::from_mins(30),
        because: "asked".into(),
        effect: None,
        needed: 1,
        votes: Vec::new(),
        round: 0,
    });
    incident
}

/// The ticket of its question.
pub(super) fn ticket(incident: &Incident) -> String {
    let asked = incident.status.approval.as_ref().expect("a question");
    asked.ticket(&incident.id).to_string()
}

/// Ada and Carl may answer, and whoever is in S0ONCALL.
pub(crate) fn policy() -> Policy {
    Policy {
        name: "shop".into(),
        namespace: "podmender".into(),
        namespaces: ["shop".into()].into(),
        paused: false,
        approvers: Approvers {
            slack_users: [
                "U0ADA0001".into(),
                "U0CARL001".into(),
                "U0EVE0001".into(),
                "U0GIL0001".into(),
                "U0ROBO001".into(),
            ]
            .into(),
            slack_groups: ["S0ONCALL".into()].into(),
            slack_team: Some("T0SHOP001".into()),
        },
        ..Policy::strictest(Vec::new())
    }
}

pub(super) fn speaker(user: &str) -> Speaker {
    let team = if user == "U0EVE0001" {
        "T0OTHER01"
    } else {
        "T0SHOP001"
    };
    Speaker {
        user: user.into(),
        team: team.into(),
        enterprise: None,
    }
}

pub(super) fn person(user: &str, kind: PersonKind) -> SlackPerson {
    let speaker = speaker(user);
    SlackPerson {
        user: speaker.user,
        team: speaker.team,
        enterprise: None,
        kind,
        groups: std::iter::empty::<Text<32>>().collect(),
    }
}
