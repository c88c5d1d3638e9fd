//! Incidents for tests, as the agent writes them.

use jiff::Timestamp;
use podmender_policy::{
    bounds::{LogLine, Name, Text},
    decide::{DecisionKind, Reason},
    diagnose::{Diagnosis, FailureKind, Onset},
    incident::{Attempt, Incident, IncidentId, IncidentSpec, IncidentStatus, Phase},
    observation::{ContainerRole, LogCause, Replicas},
    redact::RedactedEvidence,
    remedy::{ActionId, Effect, Outcome},
    verify::Verdict,
    workload::{WorkloadKind, WorkloadRef},
};

pub(crate) fn time(raw: &str) -> Timestamp {
    raw.parse().expect(raw)
}

pub(crate) fn now() -> Timestamp {
    time("2026-11-21T03:04:30Z")
}

/// Deployment `name` in `shop`, crashing because its database is away.
pub(crate) fn incident(name: &str) -> Incident {
    let first_seen = time("2026-11-21T03:01:05Z");
    Incident {
        id: IncidentId(Name::new(&format!("{name}-1"))),
        spec: IncidentSpec {
            workload: WorkloadRef {
                kind: WorkloadKind::Deployment,
                namespace: "shop".into(),
                name: name.into(),
            },
            workload_uid: "uid-w".into(),
            failure: FailureKind::CrashLoopBackOff,
            container: Some("web".into()),
            first_seen,
            policy: "podmender/shop".into(),
        },
        status: IncidentStatus {
            standing: Default::default(),
            phase: Phase::Detected,
            diagnosis: diagnosis(name, first_seen),
            evidence: evidence(),
            decision: DecisionKind::Hold,
            reason: Reason::EvidencePending,
            message: "logs and Events are being read".into(),
            replicas: Replicas {
                desired: 3,
                ready: 1,
            },
            approval: None,
            consumed: Vec::new(),
            attempts: Vec::new(),
            healthy_since: None,
            resolved_at: None,
            decided_by: None,
            snoozed_until: None,
            told: None,
            summary: None,
            posts: Vec::new(),
            timeline: Vec::new(),
        },
    }
}

fn diagnosis(name: &str, since: Timestamp) -> Diagnosis {
    Diagnosis {
        failure: FailureKind::CrashLoopBackOff,
        container: Some("web".into()),
        role: Some(ContainerRole::Main),
        pod: Text::new(&format!("{name}-7c9f8d6b5-x2x4z")),
        pod_uid: "uid-p".into(),
        pod_created: since,
        exit_code: Some(1),
        restarts: 5,
        occurrences: 5,
        pods_failing: 2,
        since,
        last: since,
        onset: Onset::AfterRunning,
        revision: None,
        missing: None,
        standing: Default::default(),
    }
}

fn evidence() -> RedactedEvidence {
    RedactedEvidence {
        sentence: "The database at db:5432 refuses connections.".into(),
        confidence: 90,
        cause: LogCause::ConnectionRefused,
        message: "back-off 40s restarting failed container=web".into(),
        lines: vec![LogLine::new(
            "ERROR dial tcp 10.96.0.7:5432: connect: connection refused",
        )],
        event: None,
        image: "registry.example/shop/api:1.4".into(),
    }
}

/// An incident that waits for an answer, and does not say what exactly a yes would do.
pub(crate) fn asking() -> Incident {
    let mut incident = incident("api");
    incident.status.phase = Phase::AwaitingApproval;
    incident.status.approval = serde_json::from_value(serde_json::json!({
        "remedy": "restart", "uid": "uid-w", "generation": 7, "because": "it is the last Ready replica",
        "askedAt": "2026-11-21T03:02:00Z", "expiresAt": "2026-11-21T03:32:00Z",
    }))
    .expect("request");
    incident
}

/// An eviction that was done.
pub(crate) fn evicted(verdict: Verdict) -> Attempt {
    Attempt {
        action: ActionId("a1".into()),
        effect: Effect::Evict {
            pod: "api-7c9f8d6b5-x2x4z".into(),
            uid: "uid-p".into(),
        },
        at: time("2026-11-21T03:01:12Z"),
        outcome: Some(Outcome::Executed),
        ended_at: None,
        verdict,
    }
}
