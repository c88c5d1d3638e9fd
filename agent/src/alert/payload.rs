//! The JSON of a plain webhook, version 1: keys are added, never renamed or removed.

use crate::alert::{digest::Digest, lane::Form, notice::Notice, story};
use jiff::Timestamp;
use podmender_policy::{
    approval::ApprovalRequest,
    bounds::{LogLine, Name, Text},
    decide::{DecisionKind, Reason},
    diagnose::FailureKind,
    incident::{Attempt, IncidentId, Phase},
    observation::{EventSeen, LogCause, Replicas},
    severity::Severity,
    summary::Summary,
    workload::WorkloadKind,
};
use serde::Serialize;

/// The version of the schema.
pub const VERSION: u32 = 1;

/// What every message starts with.
#[derive(Debug, Serialize)]
struct Head {
    version: u32,
    /// `incident`, `digest` or `test`.
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct Workload<'a> {
    kind: WorkloadKind,
    name: &'a Name,
}

/// What stands in a digest for each incident, and first in a message about one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Brief<'a> {
    incident: &'a IncidentId,
    /// The same in every channel.
    dedup_key: String,
    severity: Severity,
    policy: &'a Name,
    namespace: &'a Name,
    workload: Workload<'a>,
    /// What fails, spelt as Kubernetes spells the reason.
    failure: FailureKind,
    /// The same again, under the name that most receivers look for.
    reason: FailureKind,
    phase: Phase,
    decision: DecisionKind,
    decision_reason: Reason,
    pod: &'a Name,
    pods_failing: u32,
    since: Timestamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Evidence<'a> {
    /// The state's message, in the kubelet's or the runtime's words.
    message: &'a str,
    lines: &'a [LogLine],
    event: Option<&'a EventSeen>,
    image: &'a Text<512>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Incident<'a> {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    brief: Brief<'a>,
    /// Whether people were told of this incident before.
    follow_up: bool,
    /// Why it is decided so, for a person.
    message: &'a str,
    container: Option<&'a Name>,
    exit_code: Option<i32>,
    restarts: u32,
    replicas: Replicas,
    resolved_at: Option<Timestamp>,
    /// The probable cause in one sentence.
    cause: &'a str,
    cause_kind: LogCause,
    /// In percent.
    confidence: u8,
    evidence: Option<Evidence<'a>>,
    approval: Option<&'a ApprovalRequest>,
    attempts: &'a [Attempt],
    /// What a language model makes of it: a guess that nobody has checked. Only where one was asked before this was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a Summary>,
    /// Commands to look closer or to answer.
    commands: Vec<String>,
    /// All of it, for a person.
    text: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DigestMessage<'a> {
    #[serde(flatten)]
    head: Head,
    /// How many are named here.
    count: usize,
    /// How many come with the next message.
    more: usize,
    incidents: Vec<Brief<'a>>,
    text: String,
}

#[derive(Debug, Serialize)]
struct Test<'a> {
    #[serde(flatten)]
    head: Head,
    text: &'a str,
}

/// The message about one incident.
#[must_use]
pub fn incident(notice: &Notice, form: Form, now: Timestamp) -> Vec<u8> {
    let story = story::of(notice, now);
    let d = &notice.diagnosis;
    let full = form == Form::Full;
    let e = &notice.evidence;
    bytes(&Incident {
        head: head("incident"),
        brief: brief(notice),
        follow_up: notice.told.is_some(),
        message: notice.message.as_str(),
        container: d.container.as_ref(),
        exit_code: d.exit_code,
        restarts: d.restarts,
        replicas: notice.replicas,
        resolved_at: notice.resolved_at,
        cause: e.sentence.as_str(),
        cause_kind: e.cause,
        confidence: e.confidence,
        evidence: full.then(|| Evidence {
            message: e.message.as_str(),
            lines: &e.lines,
            event: e.event.as_ref(),
            image: &e.image,
        }),
        approval: notice.approval.as_ref(),
        attempts: if full { &notice.attempts } else { &[] },
        summary: notice.summary.as_ref().filter(|_| full),
        text: if full { story.text() } else { story.title },
        commands: story.commands,
    })
}

/// The message about many.
#[must_use]
pub fn digest(digest: &Digest) -> Vec<u8> {
    bytes(&DigestMessage {
        head: head("digest"),
        count: digest.named.len(),
        more: digest.more,
        incidents: digest.named.iter().map(|notice| brief(notice)).collect(),
        text: digest.text(),
    })
}

/// A message to see whether a channel works (`podmender doctor --send-test`).
#[must_use]
pub fn test(from: &str) -> Vec<u8> {
    let text = format!("Podmender ({from}) can send alerts here. Nothing is wrong.");
    bytes(&Test {
        head: head("test"),
        text: &text,
    })
}

fn head(kind: &'static str) -> Head {
    Head {
        version: VERSION,
        kind,
    }
}

fn brief(notice: &Notice) -> Brief<'_> {
    let d = &notice.diagnosis;
    Brief {
        incident: &notice.id,
        dedup_key: notice.dedup_key(),
        severity: notice.severity,
        policy: &notice.policy,
        namespace: &notice.workload.namespace,
        workload: Workload {
            kind: notice.workload.kind,
            name: &notice.workload.name,
        },
        failure: d.failure,
        reason: d.failure,
        phase: notice.phase,
        decision: notice.decision,
        decision_reason: notice.reason,
        pod: &d.pod,
        pods_failing: d.pods_failing,
        since: notice.first_seen,
    }
}

fn bytes(message: &impl Serialize) -> Vec<u8> {
    // These types hold nothing that JSON cannot: no maps with odd keys, no foreign Serialize. If that ever changes, an
    // empty object is a message that the receiver refuses, which shows.
    serde_json::to_vec(message).unwrap_or_else(|_| b"{}".to_vec())
}
