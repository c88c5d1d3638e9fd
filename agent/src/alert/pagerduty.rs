//! PagerDuty's form: one event of the Events API v2 for each step of an incident, under one dedup key.
//!
//! Source: <https://developer.pagerduty.com/docs/events-api-v2-overview>. Never a digest: each incident is resolved by itself.

use crate::alert::{notice::Notice, slack::clip, story};
use jiff::Timestamp;
use podmender_policy::incident::Phase;
use serde_json::{Map, Value, json};

/// Where events go unless the policy names another address (that of the EU, for one).
pub const ADDRESS: &str = "https://events.pagerduty.com/v2/enqueue";
/// PagerDuty takes 1,024 characters in a summary.
const SUMMARY: usize = 1_024;
const SOURCE: usize = 255;
/// Lines of the cluster's own words.
const EVIDENCE: usize = 4_000;

/// What the event asks PagerDuty to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Trigger,
    /// A person has answered, and it is being dealt with.
    Acknowledge,
    Resolve,
}

fn action(notice: &Notice) -> Action {
    match notice.phase {
        Phase::Resolved => Action::Resolve,
        Phase::Remediating | Phase::Verifying if notice.told == Some(Phase::AwaitingApproval) => {
            Action::Acknowledge
        }
        Phase::Detected
        | Phase::AwaitingApproval
        | Phase::Remediating
        | Phase::Verifying
        | Phase::Escalated => Action::Trigger,
    }
}

/// The event about one incident. `key` is the service's integration key.
#[must_use]
pub fn event(notice: &Notice, key: &str, now: Timestamp) -> Vec<u8> {
    let action = match action(notice) {
        Action::Trigger => "trigger",
        Action::Acknowledge => "acknowledge",
        Action::Resolve => "resolve",
    };
    let w = &notice.workload;
    let story = story::of(notice, now);
    let mut details: Map<String, Value> = story
        .facts
        .iter()
        .map(|(label, text)| ((*label).to_owned(), text.as_str().into()))
        .collect();
    if !story.evidence.is_empty() {
        let evidence = clip(&story.evidence.join("\n"), EVIDENCE);
        details.insert("What the cluster says".to_owned(), evidence.into());
    }
    details.insert("Look closer".to_owned(), story.commands.join("\n").into());
    details.insert("Incident".to_owned(), notice.id.to_string().into());
    json!({
        "routing_key": key,
        "event_action": action,
        "dedup_key": notice.dedup_key(),
        "client": "Podmender",
        "payload": {
            "summary": clip(&story.title, SUMMARY),
            "source": clip(&format!("{}/{}", w.namespace, w.name), SOURCE),
            "severity": notice.severity.as_str(),
            "timestamp": notice.first_seen.to_string(),
            "component": w.name.as_str(),
            "group": w.namespace.as_str(),
            "class": format!("{:?}", notice.diagnosis.failure),
            "custom_details": details,
        },
    })
    .to_string()
    .into_bytes()
}

/// An event that opens and at once ends an alert of its own (`podmender doctor --send-test`).
#[must_use]
pub fn test(from: &str, key: &str) -> Vec<u8> {
    json!({
        "routing_key": key,
        "event_action": "resolve",
        "dedup_key": format!("podmender/test/{from}"),
        "client": "Podmender",
    })
    .to_string()
    .into_bytes()
}
