//! What never starts: commands, config, images, volumes, nodes; and startup probes.

use super::*;

fn pending(reason: WaitingReason, message: &str) -> PodSeen {
    PodSeen {
        phase: PodPhase::Pending,
        ..pod("web-1", vec![container(waiting(reason, message))])
    }
}

#[test]
fn what_is_missing_is_read_from_every_wording_of_the_kubelet() {
    let missing = |message: &str| {
        let p = pending(WaitingReason::CreateContainerConfigError, message);
        let found = one(p, 2).unwrap();
        let m = found.diagnosis.missing;
        m.map(|m| (m.kind, m.name.to_string(), m.key.map(|k| k.to_string())))
    };
    use MissingKind::*;
    let gone = |kind, name: &str| Some((kind, name.to_owned(), None));
    let key = |kind, name: &str, key: &str| Some((kind, name.to_owned(), Some(key.to_owned())));
    assert_eq!(missing("secret \"db\" not found"), gone(Secret, "db"));
    assert_eq!(
        missing("couldn't find key LOG_LEVEL in ConfigMap shop/app-config"),
        key(ConfigMap, "app-config", "LOG_LEVEL")
    );
    assert_eq!(
        missing("couldn't find key password in Secret shop/db: x"),
        key(Secret, "db", "password")
    );
    for odd in [
        "",
        "configmap",
        "configmap \"",
        "secret \"\" not found",
        "couldn't find key ",
        "couldn't find key a in B c",
        "container has runAsNonRoot and image will run as root",
    ] {
        assert_eq!(missing(odd), None, "{odd}");
    }
}

#[test]
fn a_command_that_cannot_run_keeps_one_name_while_its_state_alternates() {
    let runc = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: \"nope\": executable file not found in $PATH";
    let end = Terminated {
        message: runc.into(),
        ..ended(TerminatedReason::StartError, 128, 1, 1)
    };
    let states = [
        container(ContainerState::Terminated(end.clone())),
        ContainerSeen {
            last: Some(end.clone()),
            ..container(waiting(WaitingReason::RunContainerError, runc))
        },
        backed_off(2, end),
    ];
    for c in states {
        let found = one(pod("web-1", vec![c]), 5).unwrap();
        assert_eq!(found.diagnosis.failure, FailureKind::ContainerCannotRun);
        assert_eq!(
            found.evidence.sentence.as_str(),
            "container c cannot start: the command is not in the image (executable not found in $PATH)"
        );
    }
}

#[test]
fn exits_126_and_127_are_the_shells_and_a_plain_128_is_the_programs_own() {
    let exit = |code| named(pod("web-1", vec![backed_off(2, error(code, 1, 1))]), 5);
    assert_eq!(exit(126), Some(FailureKind::ContainerCannotRun));
    assert_eq!(exit(127), Some(FailureKind::ContainerCannotRun));
    assert_eq!(exit(128), Some(FailureKind::CrashLoopBackOff));
    let p = pending(
        WaitingReason::CreateContainerError,
        "context deadline exceeded",
    );
    assert_eq!(named(p, 5), Some(FailureKind::CreateContainerError));
    let p = pending(WaitingReason::PostStartHookError, "");
    assert_eq!(named(p, 5), Some(FailureKind::RunContainerError));
    let p = pending(
        WaitingReason::RunContainerError,
        "exec /app: exec format error",
    );
    let found = one(p, 5).unwrap();
    assert_eq!(found.diagnosis.failure, FailureKind::RunContainerError);
    assert!(
        found
            .evidence
            .sentence
            .as_str()
            .contains("another architecture")
    );
}

#[test]
fn images_say_why_they_cannot_be_had() {
    let why = |reason, message: &str| {
        let found = one(pending(reason, message), 5).unwrap();
        (found.diagnosis.failure, found.evidence.sentence.to_string())
    };
    let (kind, said) = why(
        WaitingReason::InvalidImageName,
        "couldn't parse image name \"A:::b\"",
    );
    assert_eq!(kind, FailureKind::InvalidImageName);
    assert!(said.contains("not a valid reference"));
    let (kind, said) = why(WaitingReason::ErrImageNeverPull, "");
    assert_eq!(kind, FailureKind::ErrImageNeverPull);
    assert!(said.contains("not on the node"));
    for (message, part) in [
        (
            "rpc error: code = NotFound desc = docker.io/x:9: not found",
            "no such image or tag",
        ),
        (
            "pull access denied, repository does not exist or may require authorization: authorization failed",
            "refuses access",
        ),
        (
            "429 Too Many Requests - toomanyrequests: You have reached your pull rate limit",
            "rate limit",
        ),
        (
            "dial tcp: lookup registry.example on 10.0.0.10:53: no such host",
            "cannot be resolved",
        ),
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "TLS certificate",
        ),
        (
            "no match for platform in manifest: not found",
            "architecture",
        ),
    ] {
        assert!(
            why(WaitingReason::ErrImagePull, message).1.contains(part),
            "{message}"
        );
    }
    assert!(
        why(WaitingReason::SignatureValidationFailed, "")
            .1
            .contains("signature")
    );
}

#[test]
fn fault_100_a_pod_that_no_node_takes_is_named_after_a_while() {
    let p = PodSeen {
        phase: PodPhase::Pending,
        unschedulable: Some("0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.".into()),
        ..pod("web-1", vec![])
    };
    assert_eq!(named(p.clone(), 29), None);
    assert_eq!(look_again(&seen(vec![p.clone()]), at(1)), Some(at(30)));
    let found = one(p, 30).unwrap();
    assert_eq!(found.diagnosis.failure, FailureKind::Unschedulable);
    assert_eq!(
        found.evidence.sentence.as_str(),
        "no node takes the pod: 0/3 nodes are available: 3 Insufficient cpu"
    );
}

#[test]
fn fault_100_a_failing_mount_is_named_at_once_when_something_is_missing() {
    let make = |message: &str| PodSeen {
        events: vec![event("FailedMount", message, 1, 1)],
        ..pending(WaitingReason::ContainerCreating, "")
    };
    let gone = make("MountVolume.SetUp failed for volume \"cfg\" : configmap \"app\" not found");
    let found = one(gone, 2).unwrap();
    assert_eq!(found.diagnosis.failure, FailureKind::FailedMount);
    assert_eq!(
        found.evidence.sentence.as_str(),
        "volume \"cfg\" cannot be mounted: ConfigMap \"app\" does not exist"
    );
    let slow = make(
        "MountVolume.SetUp failed for volume \"cfg\" : failed to sync configmap cache: timed out waiting for the condition",
    );
    assert_eq!(named(slow.clone(), 2), None);
    assert_eq!(look_again(&seen(vec![slow.clone()]), at(2)), Some(at(30)));
    assert_eq!(named(slow.clone(), 31), Some(FailureKind::FailedMount));
    let mounted = PodSeen {
        phase: PodPhase::Running,
        containers: vec![container(running(3))],
        ..slow
    };
    assert_eq!(named(mounted, 31), None);
}

#[test]
fn fault_78_a_startup_probe_counts_when_it_kills_and_not_while_it_waits() {
    let c = ContainerSeen {
        started: false,
        ..container(running(1))
    };
    let make = |p| PodSeen {
        probes: vec![p],
        ..pod("web-1", vec![c.clone()])
    };
    let said = "Startup probe failed: dial tcp 10.0.0.1:80: connect: connection refused";
    let slow = make(probe(Probe::Startup, said, 5, 50, 10, false));
    assert_eq!(named(slow, 51), None, "a slow start");
    let endless = make(probe(Probe::Startup, said, 5, 400, 40, false));
    assert_eq!(named(endless, 401), Some(FailureKind::StartupProbeFailed));
    let killing = make(probe(Probe::Startup, said, 5, 55, 3, true));
    assert_eq!(
        named(killing, 56),
        Some(FailureKind::StartupProbeFailed),
        "the kubelet kills for it, and the program takes its grace to end"
    );
    let next_start = PodSeen {
        probes: vec![ProbeFailure {
            killed: Some(at(0)),
            ..probe(Probe::Startup, said, 0, 5, 1, false)
        }],
        ..pod("web-1", vec![c.clone()])
    };
    assert_eq!(
        named(next_start, 6),
        None,
        "an earlier run was killed, this one only starts"
    );
    let killed = ContainerSeen {
        started: false,
        restarts: 1,
        last: Some(error(137, 1, 60)),
        ..container(running(61))
    };
    let killed = PodSeen {
        probes: vec![probe(Probe::Startup, said, 5, 55, 3, true)],
        ..pod("web-1", vec![killed])
    };
    let found = one(killed, 62).unwrap();
    assert_eq!(found.diagnosis.failure, FailureKind::StartupProbeFailed);
    assert!(
        found
            .evidence
            .sentence
            .as_str()
            .contains("its startup probe never succeeds")
    );
}

#[test]
fn fault_102_a_rollouts_new_pods_are_no_failure_while_they_start() {
    let p = probe(
        Probe::Readiness,
        "Readiness probe failed: x",
        2,
        20,
        9,
        false,
    );
    let starting = PodSeen {
        probes: vec![p],
        ..pod("web-1", vec![container(running(1))])
    };
    assert_eq!(named(starting, 21), None);
    let creating = pending(WaitingReason::ContainerCreating, "");
    assert_eq!(named(creating, 500), None);
    assert_eq!(named(pod("web-1", vec![]), 500), None);
}
