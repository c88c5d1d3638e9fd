//! Observations for tests, put together from short words. Times are seconds since an arbitrary start.

use crate::{bounds::Name, observation::*, workload::*};
use jiff::Timestamp;

/// `secs` after the start of every test.
pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + secs).unwrap()
}

/// A Deployment with a completed rollout of revision `r1` and the given suspects.
pub(crate) fn seen(suspects: Vec<PodSeen>) -> Observation {
    Observation {
        workload: WorkloadSeen {
            id: WorkloadRef {
                kind: WorkloadKind::Deployment,
                namespace: "shop".into(),
                name: "web".into(),
            },
            uid: "w-uid".into(),
            generation: 1,
            owner_kind: "Deployment".into(),
            presence: Presence::Present,
            consent: Consent::Given,
            rollout: rollout(RolloutState::Complete, "r1", false),
            restarted_at: None,
            manager: Manager::None,
            gave_up: None,
        },
        events: Vec::new(),
        pod_uids: suspects.iter().map(|p| p.uid.clone()).collect(),
        suspects,
        replicas: Replicas::default(),
        surroundings: Surroundings::default(),
        approvals: Vec::new(),
        unclosable: None,
        freshness: Freshness::Fresh,
        evidence: EvidenceState::Complete,
        disruption: Disruption::Allowed,
    }
}

pub(crate) fn rollout(state: RolloutState, revision: &str, has_previous: bool) -> Rollout {
    Rollout {
        state,
        revision: Some(revision.into()),
        since: Some(at(0)),
        has_previous,
        replaces: Replaces::Gradually,
    }
}

/// A running pod of revision `r1`, made at 0, never Ready.
pub(crate) fn pod(name: &str, containers: Vec<ContainerSeen>) -> PodSeen {
    PodSeen {
        name: name.into(),
        uid: Name::new(&format!("{name}-uid")),
        created: at(0),
        node: Some("node1".into()),
        revision: Some("r1".into()),
        phase: PodPhase::Running,
        leaving: Leaving::No,
        ready: Ready::No(at(0)),
        was_ready: false,
        unschedulable: None,
        restart_policy: RestartPolicy::Always,
        is_static: false,
        containers,
        probes: Vec::new(),
        events: Vec::new(),
    }
}

/// Container `c` in `state`, never restarted, not ready.
pub(crate) fn container(state: ContainerState) -> ContainerSeen {
    let runs = matches!(state, ContainerState::Running(_));
    ContainerSeen {
        name: "c".into(),
        role: ContainerRole::Main,
        image: "docker.io/local/busybox:1".into(),
        restarts: 0,
        ready: false,
        started: runs,
        state,
        last: None,
        resized: None,
        memory_limit: None,
        log: None,
    }
}

pub(crate) fn waiting(reason: WaitingReason, message: &str) -> ContainerState {
    ContainerState::Waiting {
        reason,
        message: message.into(),
    }
}

pub(crate) fn running(since: i64) -> ContainerState {
    ContainerState::Running(Some(at(since)))
}

/// Ended with `exit_code`, ran from `from` to `to`.
pub(crate) fn ended(reason: TerminatedReason, exit_code: i32, from: i64, to: i64) -> Terminated {
    Terminated {
        reason,
        exit_code,
        message: "".into(),
        started: Some(at(from)),
        finished: Some(at(to)),
    }
}

pub(crate) fn error(exit_code: i32, from: i64, to: i64) -> Terminated {
    ended(TerminatedReason::Error, exit_code, from, to)
}

/// Container `c` in back-off after `last`.
pub(crate) fn backed_off(restarts: u32, last: Terminated) -> ContainerSeen {
    ContainerSeen {
        restarts,
        last: Some(last),
        ..container(waiting(
            WaitingReason::CrashLoopBackOff,
            "back-off 40s restarting failed container=c pod=web-1_shop(web-1-uid)",
        ))
    }
}

pub(crate) fn probe(
    probe: Probe,
    message: &str,
    first: i64,
    last: i64,
    count: u32,
    killed: bool,
) -> ProbeFailure {
    ProbeFailure {
        container: "c".into(),
        probe,
        message: message.into(),
        first: at(first),
        last: at(last),
        count,
        killed: killed.then(|| at(last)),
    }
}

pub(crate) fn event(reason: &str, message: &str, last: i64, count: u32) -> EventSeen {
    EventSeen {
        reason: reason.into(),
        message: message.into(),
        last: at(last),
        count,
    }
}
