//! Properties: any observation at all, in any order.

use super::*;
use proptest::prelude::*;

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        8 => (0i64..1_000).prop_map(at),
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::MAX),
    ]
}

fn text() -> impl Strategy<Value = crate::bounds::Message> {
    let texts = prop_oneof![
        Just(String::new()),
        Just("configmap \"x\" not found".to_owned()),
        Just("couldn't find key k in Secret n/s".to_owned()),
        "[a-z\" :]{0,40}",
        ".{0,40}",
    ];
    texts.prop_map(|t| t.as_str().into())
}

fn terminated() -> impl Strategy<Value = Terminated> {
    let reason = prop_oneof![
        Just(TerminatedReason::Completed),
        Just(TerminatedReason::Error),
        Just(TerminatedReason::OOMKilled),
        Just(TerminatedReason::StartError),
        Just(TerminatedReason::ContainerStatusUnknown),
        Just(TerminatedReason::Other),
    ];
    let code = prop_oneof![
        Just(0),
        Just(1),
        Just(127),
        Just(137),
        Just(143),
        any::<i32>()
    ];
    let times = (proptest::option::of(time()), proptest::option::of(time()));
    (reason, code, text(), times).prop_map(|(reason, exit_code, message, (started, finished))| {
        Terminated {
            reason,
            exit_code,
            message,
            started,
            finished,
        }
    })
}

fn state() -> impl Strategy<Value = ContainerState> {
    let reasons = prop_oneof![
        Just(WaitingReason::CrashLoopBackOff),
        Just(WaitingReason::ErrImagePull),
        Just(WaitingReason::ImagePullBackOff),
        Just(WaitingReason::CreateContainerConfigError),
        Just(WaitingReason::RunContainerError),
        Just(WaitingReason::PodInitializing),
        Just(WaitingReason::ContainerCreating),
        Just(WaitingReason::Other),
    ];
    prop_oneof![
        (reasons, text()).prop_map(|(reason, message)| ContainerState::Waiting { reason, message }),
        proptest::option::of(time()).prop_map(ContainerState::Running),
        terminated().prop_map(ContainerState::Terminated),
        Just(ContainerState::Unknown),
    ]
}

fn any_container() -> impl Strategy<Value = ContainerSeen> {
    let role = prop_oneof![
        Just(ContainerRole::Init),
        Just(ContainerRole::Sidecar),
        Just(ContainerRole::Main)
    ];
    let flags = (any::<bool>(), any::<bool>());
    let restarts = prop_oneof![0u32..5, Just(u32::MAX)];
    let last = proptest::option::of(terminated());
    let limit = proptest::option::of(any::<u64>());
    ("[a-c]", role, restarts, flags, state(), last, limit).prop_map(
        |(name, role, restarts, (ready, started), state, last, memory_limit)| ContainerSeen {
            name: name.as_str().into(),
            role,
            restarts,
            ready,
            started,
            last,
            memory_limit,
            ..container(state)
        },
    )
}

fn any_probe() -> impl Strategy<Value = ProbeFailure> {
    let which = prop_oneof![
        Just(Probe::Liveness),
        Just(Probe::Readiness),
        Just(Probe::Startup)
    ];
    (
        "[a-c]",
        which,
        text(),
        time(),
        time(),
        any::<u32>(),
        proptest::option::of(time()),
    )
        .prop_map(
            |(container, probe, message, first, last, count, killed)| ProbeFailure {
                container: container.as_str().into(),
                probe,
                message,
                first,
                last,
                count,
                killed,
            },
        )
}

fn any_event() -> impl Strategy<Value = EventSeen> {
    let reason = prop_oneof![
        Just("FailedMount"),
        Just("Failed"),
        Just("BackOff"),
        Just("x")
    ];
    (reason, text(), time(), any::<u32>()).prop_map(|(reason, message, last, count)| EventSeen {
        reason: reason.into(),
        message,
        last,
        count,
    })
}

fn any_pod() -> impl Strategy<Value = PodSeen> {
    let phase = prop_oneof![
        3 => Just(PodPhase::Running),
        2 => Just(PodPhase::Pending),
        1 => Just(PodPhase::Failed),
        1 => Just(PodPhase::Unknown),
    ];
    let ready = prop_oneof![
        time().prop_map(Ready::Yes),
        time().prop_map(Ready::No),
        time().prop_map(Ready::NodeLost),
        Just(Ready::Unknown)
    ];
    let policy = prop_oneof![
        Just(RestartPolicy::Always),
        Just(RestartPolicy::OnFailure),
        Just(RestartPolicy::Never)
    ];
    let what = (
        proptest::collection::vec(any_container(), 0..4),
        proptest::collection::vec(any_probe(), 0..3),
        proptest::collection::vec(any_event(), 0..3),
        proptest::option::of(text()),
    );
    (phase, ready, policy, any::<bool>(), time(), what).prop_map(
        |(
            phase,
            ready,
            restart_policy,
            was_ready,
            created,
            (containers, probes, events, unschedulable),
        )| PodSeen {
            phase,
            ready,
            restart_policy,
            was_ready,
            created,
            probes,
            events,
            unschedulable,
            ..pod("web", containers)
        },
    )
}

fn pods() -> impl Strategy<Value = Vec<PodSeen>> {
    proptest::collection::vec(any_pod(), 0..5).prop_map(|mut pods| {
        for (i, p) in pods.iter_mut().enumerate() {
            p.name = format!("web-{i}").as_str().into();
        }
        pods
    })
}

fn any_rollout() -> impl Strategy<Value = Rollout> {
    let state = prop_oneof![
        Just(RolloutState::Complete),
        Just(RolloutState::Progressing),
        Just(RolloutState::Stuck),
        Just(RolloutState::Unknown)
    ];
    (state, any::<bool>()).prop_map(|(state, has_previous)| rollout(state, "r1", has_previous))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_observation_gives_a_sane_finding_or_none(
        suspects in pods(),
        r in any_rollout(),
        job in any::<bool>(),
        now in time(),
    ) {
        let mut seen = seen(suspects);
        seen.workload.rollout = r;
        if job {
            seen.workload.id.kind = crate::workload::WorkloadKind::Job;
        }
        if let Some(found) = diagnose(&seen, now) {
            let d = found.diagnosis;
            prop_assert!(d.since <= d.last);
            prop_assert!(d.occurrences >= 1 && d.pods_failing >= 1);
            prop_assert!(d.pods_failing as usize <= seen.suspects.len());
            prop_assert!(found.evidence.confidence <= 100);
            prop_assert!(!found.evidence.sentence.is_empty());
            prop_assert!(found.evidence.lines.len() <= 10);
        }
        prop_assert!(look_again(&seen, now).is_none_or(|at| at > now));
    }

    #[test]
    fn the_order_of_pods_never_matters(suspects in pods(), now in time(), by in 0usize..5) {
        let straight = diagnose(&seen(suspects.clone()), now);
        let mut turned = suspects;
        turned.reverse();
        let len = turned.len().max(1);
        turned.rotate_left(by % len);
        prop_assert_eq!(diagnose(&seen(turned), now), straight);
    }

    #[test]
    fn a_well_pod_gives_none(restarts in 0u32..100, age in 700i64..10_000, last in proptest::option::of(terminated())) {
        let last = last.map(|t| Terminated { started: Some(at(0)), finished: Some(at(600)), ..t });
        let c = ContainerSeen { restarts, ready: true, last, ..container(running(601)) };
        let p = PodSeen { ready: Ready::Yes(at(602)), was_ready: true, ..pod("web-1", vec![c]) };
        prop_assert_eq!(one(p, age), None);
    }
}
