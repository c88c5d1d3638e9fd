//! Alertmanager's form (API v2): alerts that stay as long as they are sent again, and end when their time says so.
//!
//! Source: <https://prometheus.io/docs/alerting/latest/clients/>. The labels are an alert's identity: nothing in them changes but
//! the severity, which only rises; the alert of the lower one lapses.

use crate::alert::{notice::Notice, slack::clip, story};
use jiff::{SignedDuration, Timestamp};
use podmender_policy::incident::Phase;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// How often an active alert is sent again.
pub const EVERY: Duration = Duration::from_secs(60);
/// So long it counts without being sent again: an agent that is gone leaves no alert behind for ever.
const LAPSES: SignedDuration = SignedDuration::from_mins(5);
const TEXT: usize = 4_000;
/// So many go in one message.
pub const AT_ONCE: usize = 100;

/// The alerts about these.
#[must_use]
pub fn alerts(notices: &[Arc<Notice>], now: Timestamp) -> Vec<u8> {
    let alerts: Vec<Value> = notices.iter().map(|notice| alert(notice, now)).collect();
    json!(alerts).to_string().into_bytes()
}

fn alert(notice: &Notice, now: Timestamp) -> Value {
    let (w, story) = (&notice.workload, story::of(notice, now));
    let until = now.checked_add(LAPSES).unwrap_or(now);
    let ends = match notice.phase {
        Phase::Resolved => notice.resolved_at.unwrap_or(now),
        Phase::Detected
        | Phase::AwaitingApproval
        | Phase::Remediating
        | Phase::Verifying
        | Phase::Escalated => until,
    };
    json!({
        "labels": {
            "alertname": "PodmenderIncident",
            "namespace": w.namespace,
            "workload_kind": w.kind.as_str(),
            "workload": w.name,
            "incident": notice.id,
            "policy": notice.policy,
            "severity": notice.severity.as_str(),
        },
        "annotations": {
            "summary": story.title,
            "description": clip(&story.text(), TEXT),
            "dedup_key": notice.dedup_key(),
        },
        "startsAt": notice.first_seen.to_string(),
        "endsAt": ends.to_string(),
    })
}

/// An alert that has ended already (`podmender doctor --send-test`).
#[must_use]
pub fn test(from: &str, now: Timestamp) -> Vec<u8> {
    json!([{
        "labels": {"alertname": "PodmenderTest", "namespace": from, "severity": "info"},
        "annotations": {"summary": "Podmender can send alerts here. Nothing is wrong."},
        "startsAt": (now - SignedDuration::from_secs(1)).to_string(),
        "endsAt": now.to_string(),
    }])
    .to_string()
    .into_bytes()
}
