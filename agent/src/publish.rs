//! Kubernetes Events on the workload: what `kubectl describe` shows. A courtesy: the incident is the record.

use crate::context::{Context, within};
use futures::StreamExt;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use podmender_policy::{
    audit::Fact,
    incident::Incident,
    observation::Observation,
    plan::Plan,
    redact,
    remedy::{Act, Effect, Outcome},
    workload::{WorkloadKind, WorkloadRef},
};
use std::convert::Infallible;
use tokio::sync::mpsc;

/// The API refuses longer notes (events.k8s.io/v1: 1 kB).
const MAX_NOTE: usize = 1000;

/// An Event to publish.
#[derive(Clone, Debug)]
pub struct Notice {
    on: ObjectReference,
    kind: EventType,
    reason: &'static str,
    action: &'static str,
    note: String,
}

impl Notice {
    /// The Event for a fact, if it is one that people look for in `kubectl describe`.
    #[must_use]
    pub fn of(fact: &Fact, incident: &Incident, seen: &Observation) -> Option<Self> {
        let status = &incident.status;
        let (kind, reason, action, note) = match fact {
            Fact::Detected { failure } => (
                EventType::Warning,
                "IncidentDetected",
                "Detect",
                format!(
                    "{failure:?}: {} ({})",
                    status.evidence.sentence, incident.id
                ),
            ),
            Fact::Asked { .. } => (
                EventType::Warning,
                "ApprovalRequested",
                "Ask",
                format!(
                    "A person is asked: podmender approve {} -n {}",
                    incident.id, incident.spec.workload.namespace
                ),
            ),
            Fact::Escalated { .. } => (
                EventType::Warning,
                "IncidentEscalated",
                "Escalate",
                format!("{} ({})", status.message, incident.id),
            ),
            Fact::Resolved { .. } => (
                EventType::Normal,
                "IncidentResolved",
                "Resolve",
                format!("{} ({})", status.message, incident.id),
            ),
            _ => return None,
        };
        Some(Self {
            on: reference(&seen.workload.id, seen.workload.uid.as_str()),
            kind,
            reason,
            action,
            note,
        })
    }
}

/// Publishes how an act ended.
pub fn outcome(act: &Act, outcome: Outcome, plan: &Plan, ctx: &Context) {
    let Some(incident) = &plan.incident else {
        return;
    };
    let what = match &act.effect {
        Effect::Evict { pod, .. } => format!("evicted pod {pod}"),
        Effect::RolloutRestart { .. } => "restarted the rollout".to_owned(),
    };
    let (kind, reason, note) = match outcome {
        Outcome::Executed => (
            EventType::Normal,
            "RemediationApplied",
            format!(
                "Podmender {what}: {} ({})",
                plan.decision.reason.explain(),
                incident.id
            ),
        ),
        Outcome::Refused(why) => (
            EventType::Warning,
            "RemediationRefused",
            format!(
                "Podmender would have {what}, refused: {why:?} ({})",
                incident.id
            ),
        ),
        Outcome::Abandoned | Outcome::Failed => (
            EventType::Warning,
            "RemediationFailed",
            format!("Podmender would have {what}: {outcome:?} ({})", incident.id),
        ),
    };
    let on = reference(&act.workload, incident.spec.workload_uid.as_str());
    let _ = ctx.outlets.events.try_send(Notice {
        on,
        kind,
        reason,
        action: "Remediate",
        note,
    });
}

fn reference(workload: &WorkloadRef, uid: &str) -> ObjectReference {
    let api_version = match workload.kind {
        WorkloadKind::Deployment
        | WorkloadKind::StatefulSet
        | WorkloadKind::DaemonSet
        | WorkloadKind::ReplicaSet => "apps/v1",
        WorkloadKind::Job | WorkloadKind::CronJob => "batch/v1",
        WorkloadKind::Pod | WorkloadKind::Foreign => "v1",
    };
    ObjectReference {
        api_version: Some(api_version.to_owned()),
        kind: Some(workload.kind.as_str().to_owned()),
        namespace: Some(workload.namespace.to_string()),
        name: Some(workload.name.to_string()),
        uid: Some(uid.to_owned()).filter(|u| !u.is_empty()),
        ..Default::default()
    }
}

/// Publishes what comes, one at a time. RBAC: `create, patch` on `events.events.k8s.io` in the workload's namespace.
pub async fn run(
    notices: mpsc::Receiver<Notice>,
    client: Client,
    pod_name: String,
) -> Option<Infallible> {
    let reporter = Reporter {
        controller: "podmender".to_owned(),
        instance: Some(pod_name),
    };
    let recorder = Recorder::new(client, reporter);
    let mut notices = std::pin::pin!(futures::stream::unfold(notices, |mut rx| async {
        rx.recv().await.map(|n| (n, rx))
    }));
    while let Some(notice) = notices.next().await {
        let mut note = redact::raw(&notice.note);
        while note.len() > MAX_NOTE {
            note.pop();
        }
        let event = Event {
            type_: notice.kind,
            reason: notice.reason.to_owned(),
            note: Some(note),
            action: notice.action.to_owned(),
            secondary: None,
        };
        if within(recorder.publish(&event, &notice.on)).await.is_err() {
            tracing::debug!(reason = notice.reason, "an Event could not be published");
        }
    }
    None
}
