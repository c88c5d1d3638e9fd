//! Endings: recovery, onset, jobs, several pods.

use super::*;
use crate::workload::WorkloadKind;

fn recovered(restarts: u32, last: Terminated, since: i64) -> PodSeen {
    let c = ContainerSeen {
        restarts,
        ready: true,
        last: Some(last),
        ..container(running(since))
    };
    PodSeen {
        ready: Ready::Yes(at(since)),
        was_ready: true,
        ..pod("web-1", vec![c])
    }
}

#[test]
fn history_is_no_failure() {
    assert_eq!(named(recovered(7, error(1, 0, 3_000), 3_001), 3_012), None);
    assert_eq!(
        named(
            recovered(1, ended(TerminatedReason::OOMKilled, 137, 0, 3_000), 3_001),
            3_100
        ),
        None
    );
}

#[test]
fn a_loop_must_outlive_its_last_run_to_count_as_recovered() {
    let looping = |now| named(recovered(4, error(1, 0, 20), 100), now);
    assert_eq!(looping(119), Some(FailureKind::CrashLoopBackOff));
    assert_eq!(looping(124), Some(FailureKind::CrashLoopBackOff));
    assert_eq!(looping(125), None);
    let seen = seen(vec![recovered(4, error(1, 0, 20), 100)]);
    assert_eq!(look_again(&seen, at(110)), Some(at(125)));
    assert_eq!(look_again(&seen, at(125)), None);
}

#[test]
fn running_and_not_ready_after_an_error_still_fails() {
    let mut p = recovered(1, error(1, 0, 3_000), 3_001);
    p.ready = Ready::No(at(3_000));
    p.containers[0].ready = false;
    assert_eq!(named(p, 3_030), Some(FailureKind::Error));
}

#[test]
fn a_lost_status_is_no_error() {
    let p = |t| {
        let mut p = recovered(1, t, 3_001);
        p.containers[0].ready = false;
        p
    };
    let lost = ended(TerminatedReason::ContainerStatusUnknown, 137, 0, 3_000);
    assert_eq!(named(p(lost), 3_002), None);
    let reboot = ended(TerminatedReason::Other, 255, 0, 3_000);
    assert_eq!(named(p(reboot), 3_002), None);
}

#[test]
fn exit_0_is_a_failure_only_in_a_loop() {
    let done = |restarts, last| PodSeen {
        ..pod("web-1", vec![backed_off(restarts, last)])
    };
    let found = one(done(3, ended(TerminatedReason::Completed, 0, 1, 2)), 3).unwrap();
    assert_eq!(found.diagnosis.failure, FailureKind::CrashLoopBackOff);
    assert!(
        found
            .evidence
            .sentence
            .as_str()
            .contains("should keep running")
    );
    let once = container(ContainerState::Terminated(ended(
        TerminatedReason::Completed,
        0,
        1,
        2,
    )));
    assert_eq!(named(pod("web-1", vec![once]), 3), None);
}

#[test]
fn old_endings_are_not_counted_with_new_ones() {
    let c = ContainerSeen {
        restarts: 9,
        ..container(ContainerState::Terminated(error(1, 0, 4_000)))
    };
    let found = one(pod("web-1", vec![c]), 4_001).unwrap();
    assert_eq!(found.diagnosis.failure, FailureKind::Error);
    assert_eq!(found.diagnosis.occurrences, 1);
    assert_eq!(found.diagnosis.restarts, 9);
}

#[test]
fn onset_tells_revision_start_and_after_running_apart() {
    let crash = || pod("web-1", vec![backed_off(3, error(1, 1, 2))]);
    let onset = |p: PodSeen, r: Rollout| {
        let mut seen = seen(vec![p]);
        seen.workload.rollout = r;
        diagnose(&seen, at(5)).unwrap().diagnosis.onset
    };
    let new = rollout(RolloutState::Progressing, "r1", true);
    assert_eq!(onset(crash(), new.clone()), Onset::NewRevision);
    let old = PodSeen {
        revision: Some("r0".into()),
        was_ready: true,
        created: at(-3_600),
        ..crash()
    };
    assert_eq!(onset(old, new), Onset::AfterRunning);
    let first = rollout(RolloutState::Progressing, "r1", false);
    assert_eq!(onset(crash(), first.clone()), Onset::AtStart);
    let ran = pod("web-1", vec![backed_off(3, error(1, 1, 61))]);
    assert_eq!(onset(ran, first), Onset::AfterRunning);
    let complete = rollout(RolloutState::Complete, "r1", true);
    // Complete for a few seconds (there is no readiness probe) is not well; complete for a while is.
    assert_eq!(onset(crash(), complete.clone()), Onset::NewRevision);
    let only = rollout(RolloutState::Complete, "r1", false);
    assert_eq!(onset(crash(), only.clone()), Onset::AtStart);
    let settled = Rollout {
        since: Some(at(-3_600)),
        ..complete.clone()
    };
    assert_eq!(onset(crash(), settled), Onset::AfterRunning);
    let oom = |to| PodSeen {
        was_ready: true,
        ..pod(
            "web-1",
            vec![backed_off(
                3,
                ended(TerminatedReason::OOMKilled, 137, 0, to),
            )],
        )
    };
    assert_eq!(onset(oom(5), only), Onset::AtStart);
    assert_eq!(onset(oom(5), complete.clone()), Onset::NewRevision);
    assert_eq!(onset(oom(3_000), complete), Onset::AfterRunning);
}

#[test]
fn fault_101_106_leaving_and_finished_pods_are_expected() {
    let crash = || pod("web-1", vec![backed_off(3, error(1, 1, 2))]);
    for leaving in [Leaving::Deleting, Leaving::Disrupted] {
        assert_eq!(named(PodSeen { leaving, ..crash() }, 5), None);
    }
    for phase in [PodPhase::Failed, PodPhase::Succeeded] {
        assert_eq!(named(PodSeen { phase, ..crash() }, 5), None);
    }
    for presence in [Presence::Deleting, Presence::Gone] {
        let mut seen = seen(vec![crash()]);
        seen.workload.presence = presence;
        assert_eq!(diagnose(&seen, at(5)), None);
    }
}

#[test]
fn fault_89_a_job_is_a_failure_when_it_gives_up() {
    let attempt = |name: &str, created: i64| PodSeen {
        phase: PodPhase::Failed,
        restart_policy: RestartPolicy::Never,
        created: at(created),
        ..pod(
            name,
            vec![container(ContainerState::Terminated(error(
                3,
                created,
                created + 1,
            )))],
        )
    };
    let mut job = seen(vec![attempt("job-a", 1), attempt("job-b", 10)]);
    job.workload.id.kind = WorkloadKind::Job;
    job.workload.rollout.state = RolloutState::Unknown;
    assert_eq!(diagnose(&job, at(20)), None, "within its backoffLimit");
    job.workload.rollout.state = RolloutState::Stuck;
    let found = diagnose(&job, at(20)).unwrap();
    assert_eq!(found.diagnosis.failure, FailureKind::JobFailed);
    assert_eq!(found.diagnosis.pod.as_str(), "job-b");
    assert_eq!(
        found.evidence.sentence.as_str(),
        "the Job has given up: container c exits with 3"
    );

    let looping = PodSeen {
        restart_policy: RestartPolicy::OnFailure,
        ..pod("job-c", vec![backed_off(2, error(1, 1, 2))])
    };
    job.suspects = vec![looping];
    job.workload.rollout.state = RolloutState::Unknown;
    assert_eq!(diagnose(&job, at(20)), None);
    job.suspects = vec![pod(
        "job-d",
        vec![container(waiting(WaitingReason::ErrImagePull, ""))],
    )];
    assert!(
        diagnose(&job, at(20)).is_some(),
        "a Job never counts what never starts"
    );
}

#[test]
fn fault_89_a_job_without_pods_speaks_for_itself() {
    let mut job = seen(Vec::new());
    job.workload.id.kind = WorkloadKind::Job;
    job.workload.rollout.state = RolloutState::Stuck;
    assert_eq!(diagnose(&job, at(20)), None, "it gave up long ago");
    job.workload.gave_up = Some(GaveUp {
        reason: "BackoffLimitExceeded".into(),
        message: "Job has reached the specified backoff limit".into(),
        at: at(10),
    });
    let found = diagnose(&job, at(20)).unwrap();
    let d = &found.diagnosis;
    assert_eq!((d.failure, d.pod.as_str()), (FailureKind::JobFailed, ""));
    assert_eq!((d.since, d.last), (at(10), at(10)));
    assert_eq!(
        found.evidence.sentence.as_str(),
        "the Job has given up (BackoffLimitExceeded): Job has reached the specified backoff limit; no pod is left that shows why"
    );
    job.workload.rollout.state = RolloutState::Unknown;
    assert_eq!(diagnose(&job, at(20)), None, "it runs again");
    job.workload.id.kind = WorkloadKind::Deployment;
    job.workload.rollout.state = RolloutState::Stuck;
    assert_eq!(diagnose(&job, at(20)), None);
}

#[test]
fn of_several_pods_the_most_telling_is_shown_and_its_family_counted() {
    let crash = |name| pod(name, vec![backed_off(3, error(1, 1, 2))]);
    let oom = pod(
        "web-9",
        vec![backed_off(1, ended(TerminatedReason::OOMKilled, 137, 1, 3))],
    );
    let first = pod(
        "web-2",
        vec![container(ContainerState::Terminated(error(1, 1, 2)))],
    );
    let found = diagnose(
        &seen(vec![crash("web-3"), first.clone(), crash("web-1")]),
        at(5),
    );
    assert_eq!(found.as_ref().map(|f| f.diagnosis.pods_failing), Some(3));
    let found = diagnose(&seen(vec![crash("web-3"), oom, first]), at(5)).unwrap();
    assert_eq!(found.diagnosis.pod.as_str(), "web-9");
    assert_eq!(found.diagnosis.pods_failing, 1);
}

#[test]
fn fault_97_one_of_three_containers_and_a_sidecar_are_named() {
    let well = |name: &str| ContainerSeen {
        name: name.into(),
        ready: true,
        ..container(running(1))
    };
    let bad = ContainerSeen {
        name: "b".into(),
        ..backed_off(2, error(1, 1, 2))
    };
    let found = one(pod("web-1", vec![well("a"), bad, well("d")]), 5).unwrap();
    assert_eq!(found.diagnosis.container, Some("b".into()));
    let sidecar = ContainerSeen {
        name: "proxy".into(),
        role: ContainerRole::Sidecar,
        ..backed_off(2, error(1, 1, 2))
    };
    let found = one(pod("web-1", vec![sidecar, well("a")]), 5).unwrap();
    assert_eq!(found.diagnosis.role, Some(ContainerRole::Sidecar));
    assert!(
        found
            .evidence
            .sentence
            .as_str()
            .starts_with("sidecar proxy exits with 1")
    );
}

#[test]
fn fault_84_a_lost_node_is_named_instead_of_its_pods_containers() {
    let p = PodSeen {
        ready: Ready::NodeLost(at(50)),
        was_ready: true,
        ..pod("web-1", vec![backed_off(2, error(1, 1, 2))])
    };
    let found = one(p, 60).unwrap();
    assert_eq!(found.diagnosis.failure, FailureKind::NodeNotReady);
    assert_eq!(found.diagnosis.since, at(50));
}

#[test]
fn the_sentence_says_what_the_log_says_and_else_what_the_exit_code_means() {
    let sentence = |code, message: &str, log: Option<&str>| {
        let end = Terminated {
            message: message.into(),
            ..error(code, 1, 2)
        };
        let c = ContainerSeen {
            log: log.and_then(|l| crate::logs::analyse(l.as_bytes())),
            ..backed_off(3, end)
        };
        let found = one(pod("web-1", vec![c]), 5).unwrap();
        (
            found.evidence.sentence.to_string(),
            found.evidence.confidence,
        )
    };
    let refused = "dial tcp 10.0.0.1:5432: connect: connection refused";
    let (said, sure) = sentence(1, "", Some(refused));
    assert_eq!(
        said,
        "container c exits with 1: cannot connect to 10.0.0.1:5432 (PostgreSQL's port, connection refused)"
    );
    assert!(sure >= 80);
    assert_eq!(
        sentence(1, refused, None),
        (said, sure),
        "from the termination message"
    );
    let (said, sure) = sentence(139, "", None);
    assert_eq!(
        said,
        "container c exits with 139 (segmentation fault, SIGSEGV)"
    );
    assert!(sure <= 40);
    let (said, _) = sentence(1, "", Some("starting\nbye"));
    assert_eq!(
        said,
        "container c exits with 1 (a general error of the program); its log ends with: bye"
    );
    assert!(
        sentence(137, "", None)
            .0
            .contains("not for its memory limit")
    );
    assert_eq!(sentence(42, "", None).0, "container c exits with 42");
}
