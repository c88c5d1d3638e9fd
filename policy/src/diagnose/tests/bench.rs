//! The seven failures that every agent is measured with (bench tools, faults.py), as the kubelet shows them over time.

use super::*;

const NOT_FOUND: &str = "failed to pull and unpack image \"127.0.0.1:5999/nope:1\": failed to resolve reference \"127.0.0.1:5999/nope:1\": failed to do request: Head \"https://127.0.0.1:5999/v2/nope/manifests/1\": dial tcp 127.0.0.1:5999: connect: connection refused";

#[test]
fn crash_is_named_from_its_first_ending_through_the_whole_loop() {
    let first = container(ContainerState::Terminated(error(1, 1, 2)));
    let found = one(pod("web-1", vec![first]), 3).unwrap();
    assert_eq!(found.diagnosis.failure, FailureKind::Error);
    assert_eq!(found.diagnosis.exit_code, Some(1));
    assert_eq!(found.diagnosis.occurrences, 1);
    assert_eq!(found.diagnosis.since, at(2));

    let again = ContainerSeen {
        restarts: 1,
        ready: true,
        last: Some(error(1, 1, 2)),
        ..container(running(3))
    };
    let ready = |c| PodSeen {
        ready: Ready::Yes(at(3)),
        was_ready: true,
        ..pod("web-1", vec![c])
    };
    assert_eq!(named(ready(again), 4), Some(FailureKind::Error));

    let off = pod("web-1", vec![backed_off(1, error(1, 3, 4))]);
    let found = one(off, 5).unwrap();
    assert_eq!(found.diagnosis.failure, FailureKind::CrashLoopBackOff);
    assert_eq!(found.diagnosis.occurrences, 2);

    let flips = ContainerSeen {
        restarts: 2,
        ready: true,
        last: Some(error(1, 3, 4)),
        ..container(running(14))
    };
    assert_eq!(
        named(ready(flips), 15),
        Some(FailureKind::CrashLoopBackOff),
        "running for a moment is no recovery, and no other failure either"
    );
}

#[test]
fn oom_is_named_by_the_runtimes_word_only() {
    let oom = ended(TerminatedReason::OOMKilled, 137, 1, 2);
    let c = ContainerSeen {
        memory_limit: Some(24 << 20),
        ..backed_off(3, oom)
    };
    let found = one(pod("oom-1", vec![c]), 5).unwrap();
    assert_eq!(found.diagnosis.failure, FailureKind::OOMKilled);
    assert_eq!(found.diagnosis.onset, Onset::AtStart);
    assert_eq!(
        found.evidence.sentence.as_str(),
        "container c was killed for exceeding its memory limit of 24Mi, 1 s after it started"
    );
    let killed = backed_off(3, error(137, 1, 2));
    assert_eq!(
        named(pod("web-1", vec![killed]), 5),
        Some(FailureKind::CrashLoopBackOff)
    );
}

#[test]
fn live_is_named_for_its_probe_and_never_for_the_137_it_ends_with() {
    let said = "Liveness probe failed: HTTP probe failed with statuscode: 404";
    let running_pod = |c: ContainerSeen, p: ProbeFailure| PodSeen {
        ready: Ready::Yes(at(1)),
        was_ready: true,
        probes: vec![p],
        ..pod("live-1", vec![c])
    };
    let up = ContainerSeen {
        ready: true,
        ..container(running(1))
    };
    let first = running_pod(up, probe(Probe::Liveness, said, 12, 12, 1, false));
    let found = one(first, 12).unwrap();
    assert_eq!(found.diagnosis.failure, FailureKind::LivenessProbeFailed);
    assert_eq!(
        found.evidence.sentence.as_str(),
        "container c fails its liveness probe (HTTP probe failed with statuscode: 404)"
    );
    assert_eq!(found.evidence.event.unwrap().reason.as_str(), "Unhealthy");

    let kill = probe(Probe::Liveness, said, 12, 15, 2, true);
    let dead = container(ContainerState::Terminated(error(137, 1, 16)));
    assert_eq!(
        named(running_pod(dead, kill.clone()), 17),
        Some(FailureKind::LivenessProbeFailed)
    );
    let again = ContainerSeen {
        restarts: 1,
        ready: true,
        last: Some(error(137, 1, 16)),
        ..container(running(17))
    };
    let pod_again = running_pod(again, kill.clone());
    assert_eq!(
        named(pod_again.clone(), 20),
        Some(FailureKind::LivenessProbeFailed)
    );
    let seen_again = seen(vec![pod_again.clone()]);
    assert_eq!(look_again(&seen_again, at(20)), Some(at(37)));
    assert_eq!(named(pod_again, 46), None, "it has run well since");
    let off = pod("live-1", vec![backed_off(4, error(137, 1, 16))]);
    let off = PodSeen {
        probes: vec![kill],
        ..off
    };
    assert_eq!(named(off, 60), Some(FailureKind::LivenessProbeFailed));
}

#[test]
fn a_liveness_kill_that_ends_with_0_or_143_is_one_too() {
    for (exit, reason) in [
        (0, TerminatedReason::Completed),
        (143, TerminatedReason::Error),
        (1, TerminatedReason::Error),
    ] {
        let c = ContainerSeen {
            restarts: 1,
            ..container(running(20))
        };
        let c = ContainerSeen {
            last: Some(ended(reason, exit, 1, 18)),
            ..c
        };
        let p = probe(Probe::Liveness, "Liveness probe failed: x", 12, 15, 3, true);
        let pod = PodSeen {
            probes: vec![p],
            ..pod("live-1", vec![c])
        };
        assert_eq!(
            named(pod, 21),
            Some(FailureKind::LivenessProbeFailed),
            "{exit}"
        );
    }
}

#[test]
fn ready_is_named_once_the_pod_was_ready_and_is_not() {
    let c = container(running(1));
    let p = probe(
        Probe::Readiness,
        "Readiness probe failed: HTTP probe failed with statuscode: 404",
        12,
        14,
        2,
        false,
    );
    let lost = PodSeen {
        ready: Ready::No(at(14)),
        was_ready: true,
        probes: vec![p.clone()],
        ..pod("ready-1", vec![c.clone()])
    };
    let found = one(lost.clone(), 15).unwrap();
    assert_eq!(found.diagnosis.failure, FailureKind::ReadinessProbeFailed);
    assert_eq!(found.diagnosis.since, at(14));
    assert_eq!(found.diagnosis.onset, Onset::AfterRunning);
    let without_events = PodSeen {
        probes: vec![],
        ..lost.clone()
    };
    assert_eq!(
        named(without_events, 15),
        Some(FailureKind::ReadinessProbeFailed)
    );
    let starting = PodSeen {
        was_ready: false,
        ..lost
    };
    assert_eq!(named(starting, 15), None, "a start is no failure");
}

#[test]
fn pull_keeps_its_family_while_kubernetes_alternates_its_word() {
    let make = |reason, message: &str| PodSeen {
        phase: PodPhase::Pending,
        events: vec![event("Failed", NOT_FOUND, 30, 3)],
        ..pod(
            "pull-1",
            vec![ContainerSeen {
                image: "127.0.0.1:5999/nope:1".into(),
                ..container(waiting(reason, message))
            }],
        )
    };
    let err = one(make(WaitingReason::ErrImagePull, NOT_FOUND), 31).unwrap();
    let off = make(
        WaitingReason::ImagePullBackOff,
        "Back-off pulling image \"127.0.0.1:5999/nope:1\"",
    );
    let off = one(off, 33).unwrap();
    assert_eq!(err.diagnosis.failure, FailureKind::ErrImagePull);
    assert_eq!(off.diagnosis.failure, FailureKind::ImagePullBackOff);
    assert_eq!(
        err.diagnosis.failure.family(),
        off.diagnosis.failure.family()
    );
    let sentence =
        "container c cannot start: the registry cannot be reached (127.0.0.1:5999/nope:1)";
    assert_eq!(err.evidence.sentence.as_str(), sentence);
    assert_eq!(
        off.evidence.sentence.as_str(),
        sentence,
        "the Event names the cause"
    );
    assert_eq!(off.diagnosis.occurrences, 3);
}

#[test]
fn cm_names_the_config_map() {
    let c = container(waiting(
        WaitingReason::CreateContainerConfigError,
        "configmap \"does-not-exist\" not found",
    ));
    let found = one(
        PodSeen {
            phase: PodPhase::Pending,
            ..pod("cm-1", vec![c])
        },
        2,
    )
    .unwrap();
    assert_eq!(
        found.diagnosis.failure,
        FailureKind::CreateContainerConfigError
    );
    assert_eq!(
        found.diagnosis.missing,
        Some(Missing {
            kind: MissingKind::ConfigMap,
            name: "does-not-exist".into(),
            key: None
        })
    );
    assert_eq!(
        found.evidence.sentence.as_str(),
        "container c cannot start: ConfigMap \"does-not-exist\" does not exist"
    );
}

#[test]
fn fault_97_init_names_the_init_container() {
    let init = |state, restarts, last| ContainerSeen {
        name: "migrate".into(),
        role: ContainerRole::Init,
        restarts,
        last,
        ..container(state)
    };
    let main = container(waiting(WaitingReason::PodInitializing, ""));
    let make = |c| PodSeen {
        phase: PodPhase::Pending,
        ..pod("init-1", vec![c, main.clone()])
    };
    let failing = make(init(ContainerState::Terminated(error(1, 1, 2)), 0, None));
    let found = one(failing, 2).unwrap();
    assert_eq!(found.diagnosis.container, Some("migrate".into()));
    assert_eq!(found.diagnosis.role, Some(ContainerRole::Init));
    assert!(
        found
            .evidence
            .sentence
            .as_str()
            .starts_with("init container migrate exits with 1")
    );
    let runs = make(init(running(1), 0, None));
    assert_eq!(
        named(runs, 500),
        None,
        "an init container may take its time"
    );
    let again = make(init(running(3), 1, Some(error(1, 1, 2))));
    assert_eq!(named(again, 4), Some(FailureKind::Error));
}

#[test]
fn a_first_failed_readiness_probe_is_suspected_and_lapses() {
    let ready = |c: ContainerSeen| PodSeen {
        ready: Ready::Yes(at(0)),
        was_ready: true,
        probes: vec![ProbeFailure {
            container: c.name.clone(),
            probe: Probe::Readiness,
            message: "Readiness probe failed: HTTP probe failed with statuscode: 503".into(),
            first: at(100),
            last: at(100),
            count: 1,
            killed: None,
        }],
        ..pod("ready-1", vec![c])
    };
    let c = ContainerSeen {
        ready: true,
        started: true,
        ..container(running(0))
    };
    let observed = seen(vec![ready(c)]);
    let found = diagnose(&observed, at(101)).unwrap().diagnosis;
    assert_eq!(found.failure, FailureKind::ReadinessProbeFailed);
    assert_eq!(found.standing, Standing::Suspected);
    assert_eq!(diagnose(&observed, at(131)), None, "it passed");
}
