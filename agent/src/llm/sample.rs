//! Briefs, rules and summaries for tests.

use super::cache::Key;
use crate::alert::sample::{self, time};
use podmender_policy::{
    bounds::{LogLine, Message},
    incident::Incident,
    inert::Inert,
    observation::{
        Disruption, EventSeen, EvidenceState, Freshness, Leaving, Manager, Observation, PodPhase,
        PodSeen, Presence, Ready, Replicas, RestartPolicy, Rollout, RolloutState, Surroundings,
        WorkloadSeen,
    },
    rules::{Reach, SummaryRules},
    summary::{Brief, Cite, Confidence, Summary},
};

pub(crate) fn rules() -> SummaryRules {
    SummaryRules {
        base_url: None,
        model: "a-model".into(),
        api_key: None,
        language: "English".into(),
        per_minute: 60,
        per_day: 10_000,
        reach: Reach::Public,
    }
}

pub(crate) fn key() -> Key {
    Key {
        policy: "podmender/shop".into(),
        namespace: "shop".into(),
        rules: rules(),
        fingerprint: "0123456789abcdef".into(),
    }
}

pub(crate) fn summary() -> Summary {
    Summary {
        cause: Inert::new("The database refuses connections."),
        next: Inert::new("Look at the database's pods."),
        cites: vec![Cite {
            line: 4,
            text: "ERROR dial tcp".into(),
        }],
        confidence: Confidence::Medium,
        model: "a-model".into(),
        at: sample::now(),
        explains: sample::incident("api").status.diagnosis.failure,
    }
}

/// What is seen of [`sample::incident`], with Events of this text.
pub(crate) fn observation(incident: &Incident, events: &[String]) -> Observation {
    let d = &incident.status.diagnosis;
    let at = time("2026-11-21T03:01:05Z");
    let event = |text: &String| EventSeen {
        reason: "BackOff".into(),
        message: Message::new(text),
        last: at,
        count: 2,
    };
    Observation {
        workload: WorkloadSeen {
            id: incident.spec.workload.clone(),
            uid: incident.spec.workload_uid.clone(),
            generation: 1,
            owner_kind: "Deployment".into(),
            presence: Presence::Present,
            consent: podmender_policy::observation::Consent::Given,
            rollout: Rollout {
                state: RolloutState::Complete,
                revision: Some("r1".into()),
                since: Some(at),
                has_previous: true,
                replaces: podmender_policy::observation::Replaces::Gradually,
            },
            restarted_at: None,
            manager: Manager::Helm,
            gave_up: None,
        },
        suspects: vec![PodSeen {
            name: d.pod.clone(),
            uid: d.pod_uid.clone(),
            created: at,
            node: None,
            revision: None,
            phase: PodPhase::Running,
            leaving: Leaving::No,
            ready: Ready::No(at),
            was_ready: true,
            unschedulable: None,
            restart_policy: RestartPolicy::Always,
            is_static: false,
            containers: Vec::new(),
            probes: Vec::new(),
            events: events.iter().map(event).collect(),
        }],
        events: Vec::new(),
        pod_uids: vec![d.pod_uid.clone()],
        replicas: Replicas {
            desired: 3,
            ready: 1,
        },
        surroundings: Surroundings::default(),
        approvals: Vec::new(),
        unclosable: None,
        freshness: Freshness::Fresh,
        evidence: EvidenceState::Complete,
        disruption: Disruption::Allowed,
    }
}

pub(crate) fn brief() -> Brief {
    let incident = sample::incident("api");
    Brief::of(&incident, &observation(&incident, &[]), sample::now())
}

/// An incident whose log and Events say this.
pub(crate) fn saying(text: &str) -> Brief {
    let mut incident = sample::incident("api");
    incident.status.evidence.lines = vec![LogLine::new(text)];
    let seen = observation(&incident, &[text.to_owned()]);
    Brief::of(&incident, &seen, sample::now())
}

/// As much evidence as there can be, each line different.
pub(crate) fn flooded(filler: &str) -> Brief {
    let line = |n: usize| format!("{n:x}-{}", filler.repeat(300));
    let mut incident = sample::incident("api");
    incident.status.evidence.lines = (0..10).map(|n| LogLine::new(&line(n))).collect();
    let events: Vec<String> = (100..116).map(line).collect();
    Brief::of(&incident, &observation(&incident, &events), sample::now())
}
