//! What is wrong with a pod, as a real kubelet says it.

use super::*;
use podmender_policy::{
    diagnose::{FailureKind, Finding, diagnose},
    observation::{
        ContainerState, Disruption, EvidenceState, Freshness, Leaving, Observation, PodPhase,
        Presence, Probe, Ready, Surroundings, TerminatedReason, WaitingReason,
    },
};

fn loaded() -> Rig {
    let mut rig = Rig::synced();
    rig.load();
    rig
}

fn waiting(pod: &PodSeen, container: usize) -> Option<WaitingReason> {
    match &pod.containers[container].state {
        ContainerState::Waiting { reason, .. } => Some(*reason),
        _ => None,
    }
}

/// What a workload fails by, if it does.
pub(super) fn named(rig: &Rig, of: (WorkloadKind, &str)) -> Option<FailureKind> {
    found(rig, of).map(|found| found.diagnosis.failure)
}

/// What is made of a workload.
pub(super) fn found(rig: &Rig, (kind, name): (WorkloadKind, &str)) -> Option<Finding> {
    let seen = rig.see(kind, name);
    let observation = Observation {
        workload: seen.workload,
        suspects: seen.suspects,
        events: seen.events,
        unclosable: None,
        pod_uids: seen.pod_uids,
        replicas: seen.replicas,
        surroundings: Surroundings::default(),
        freshness: seen.freshness,
        evidence: EvidenceState::Complete,
        disruption: seen.disruption,
        approvals: Vec::new(),
    };
    diagnose(&observation, rig.at)
}

#[test]
fn fault_21_without_any_event_each_failure_is_found_by_its_status() {
    let with = loaded();
    let mut without = Rig::synced();
    without.load_without_events();
    let all = fixtures();
    let deployments = all["deployments"].as_array().expect("deployments");
    let (mut same, mut other) = (Vec::new(), Vec::new());
    for deployment in deployments {
        let name = deployment["metadata"]["name"].as_str().expect("a name");
        let of = (WorkloadKind::Deployment, name);
        match (named(&with, of), named(&without, of)) {
            (before, after) if before == after => same.push(name),
            pair => other.push((name, pair)),
        }
    }
    // Which probe it is that the kubelet kills for only Events say.
    let loop_of = |name, probe| (name, (Some(probe), Some(FailureKind::CrashLoopBackOff)));
    let expected = [
        loop_of("liveness", FailureKind::LivenessProbeFailed),
        loop_of("startup", FailureKind::StartupProbeFailed),
    ];
    assert_eq!(other, expected);
    assert_eq!(same.len() + other.len(), deployments.len());
}

#[test]
fn each_failure_is_seen_as_what_it_is() {
    let rig = loaded();
    let crash = rig.suspect("crash");
    let last = crash.containers[0].last.as_ref();
    assert_eq!(last.map(|l| l.exit_code), Some(3));
    assert!(crash.containers[0].restarts >= 3);
    let oom = rig.suspect("oom");
    let reason = |pod: &PodSeen| pod.containers[0].last.as_ref().map(|l| l.reason);
    assert_eq!(reason(&oom), Some(TerminatedReason::OOMKilled));
    assert_eq!(oom.containers[0].memory_limit, Some(20 << 20));
    let image = rig.suspect("badimage");
    assert!(matches!(
        waiting(&image, 0),
        Some(WaitingReason::ImagePullBackOff | WaitingReason::ErrImagePull)
    ));
    assert_eq!(
        waiting(&rig.suspect("noconfig"), 0),
        Some(WaitingReason::CreateContainerConfigError)
    );
    let init = rig.suspect("initcrash");
    assert_eq!(waiting(&init, 0), Some(WaitingReason::CrashLoopBackOff));
    assert_eq!(init.containers[0].name.as_str(), "setup");
    let big = rig.suspect("big");
    assert_eq!(big.phase, PodPhase::Pending);
    assert!(
        big.unschedulable
            .is_some_and(|m| m.as_str().contains("Insufficient memory"))
    );
    assert_eq!(
        big.events.last().map(|e| e.reason.as_str()),
        Some("FailedScheduling")
    );
    assert!(
        rig.see(WorkloadKind::Deployment, "healthy")
            .suspects
            .is_empty()
    );
}

#[test]
fn probe_failures_come_from_events() {
    let rig = loaded();
    let liveness = rig.suspect("liveness");
    let probe = liveness
        .probes
        .iter()
        .find(|p| p.probe == Probe::Liveness)
        .expect("a failure");
    assert!(probe.killed.is_some());
    assert_eq!(probe.container.as_str(), "web");
    assert!(probe.message.as_str().starts_with("Liveness probe failed"));
    let startup = rig.suspect("startup");
    assert!(
        startup
            .probes
            .iter()
            .any(|p| p.probe == Probe::Startup && p.killed.is_some())
    );
    let readiness = rig.suspect("readiness");
    assert!(
        readiness
            .probes
            .iter()
            .any(|p| p.probe == Probe::Readiness && p.killed.is_none())
    );
}

#[test]
fn fault_89_the_pods_of_a_job_belong_to_it() {
    let rig = loaded();
    let job = rig.see(WorkloadKind::Job, "fails");
    assert_eq!(job.pod_uids.len(), 2);
    assert_eq!(job.suspects.len(), 2);
    assert_eq!(
        job.events.last().map(|e| e.reason.as_str()),
        Some("BackoffLimitExceeded")
    );
}

#[test]
fn counts_leave_out_what_is_healthy() {
    let rig = loaded();
    let counts = rig.world.failing([&rig.namespace]);
    assert_eq!(counts.pods, 15);
    assert!((9..=13).contains(&counts.pods_failing), "{counts:?}");
    assert!(counts.workloads_failing < counts.pods_failing, "{counts:?}");
    let suspects = rig.world.suspects();
    assert!(suspects.contains(&id(WorkloadKind::Deployment, "crash")));
    assert!(!suspects.contains(&id(WorkloadKind::Deployment, "healthy")));
}

#[test]
fn a_healthy_pod_is_a_record_and_its_probe_failure_brings_it_back() {
    let mut rig = Rig::synced();
    let pod = healthy("6f9619ff-8b86-d011-b42d-00c04fc964ff", 5);
    rig.pod(&pod);
    assert!(
        rig.see(WorkloadKind::ReplicaSet, "healthy-64d8678dc9")
            .suspects
            .is_empty()
    );
    let mut event = captured("events", "liveness");
    event["reason"] = json!("Unhealthy");
    event["message"] = json!("Liveness probe failed: HTTP probe failed with statuscode: 500");
    event["involvedObject"]["uid"] = pod["metadata"]["uid"].clone();
    event["involvedObject"]["fieldPath"] = json!("spec.containers{web}");
    event["lastTimestamp"] = json!(NOW);
    rig.event(&event);
    let seen = rig.see(WorkloadKind::ReplicaSet, "healthy-64d8678dc9");
    let whole: Pod = serde_json::from_value(pod).expect("decodes");
    let shape = super::super::shape::Shape::of(&whole);
    let mut want = super::super::seen::seen(&whole, &shape, false, None);
    want.probes = seen.suspects[0].probes.clone();
    assert_eq!(want.probes.len(), 1);
    assert_eq!(
        seen.suspects,
        [want],
        "the record gives back what the pod was"
    );
}

#[test]
fn old_events_are_not_news() {
    let mut rig = Rig::synced();
    rig.pod(&healthy("a", 5));
    let mut event = captured("events", "liveness");
    event["reason"] = json!("Killing");
    event["message"] = json!("Container web failed liveness probe, will be restarted");
    event["involvedObject"]["uid"] = json!("a");
    event["lastTimestamp"] = json!("2026-11-21T09:53:00Z");
    assert!(rig.event(&event).is_empty());
    assert!(rig.world.suspects().is_empty());
}

#[test]
fn fault_19_the_same_event_again_and_an_older_state_of_it_change_nothing() {
    let mut rig = Rig::synced();
    rig.pod(&healthy("a", 5));
    let mut event = captured("events", "liveness");
    event["reason"] = json!("Unhealthy");
    event["message"] = json!("Liveness probe failed: x");
    event["involvedObject"]["uid"] = json!("a");
    event["involvedObject"]["fieldPath"] = json!("spec.containers{web}");
    event["metadata"]["resourceVersion"] = json!("100");
    event["count"] = json!(4);
    event["lastTimestamp"] = json!("2026-11-21T09:56:20Z");
    rig.change(|space, _| space.open.clear());
    rig.event(&event);
    let before = rig.see(WorkloadKind::ReplicaSet, "healthy-64d8678dc9");
    assert!(rig.event(&event).is_empty());
    event["metadata"]["resourceVersion"] = json!("90");
    event["count"] = json!(9);
    event["lastTimestamp"] = json!("2026-11-21T09:56:25Z");
    assert!(rig.event(&event).is_empty());
    let mut older = healthy("a", 4);
    older["status"]["phase"] = json!("Failed");
    assert!(rig.pod(&older).is_empty());
    assert_eq!(
        rig.see(WorkloadKind::ReplicaSet, "healthy-64d8678dc9"),
        before
    );
}

#[test]
fn an_event_ahead_of_its_pod_is_kept_for_it() {
    let mut rig = Rig::synced();
    let event = captured("events", "noconfig");
    rig.event(&event);
    rig.pod(&captured("pods", "noconfig"));
    rig.put::<ReplicaSet>(&captured("replicasets", "noconfig"));
    let pod = rig.suspect("noconfig");
    assert!(pod.events[0].message.as_str().contains("nothere"));
}

#[test]
fn a_crash_is_forgotten_after_ten_good_minutes() {
    let mut rig = Rig::synced();
    let mut pod = healthy("a", 5);
    pod["status"]["containerStatuses"][0]["restartCount"] = json!(1);
    pod["status"]["containerStatuses"][0]["lastState"] = json!({"terminated": {
        "exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-21T09:50:00Z"}});
    rig.pod(&pod);
    assert_eq!(rig.world.suspects().len(), 1);
    rig.at = "2026-11-21T10:00:01Z".parse().expect("a time");
    assert!(
        rig.see(WorkloadKind::ReplicaSet, "healthy-64d8678dc9")
            .suspects
            .is_empty()
    );
    rig.change(Space::tick);
    assert!(rig.world.suspects().is_empty());
}

#[test]
fn fault_101_what_leaves_on_purpose_does_not_fail() {
    let mut rig = Rig::synced();
    let mut pod = captured("pods", "crash");
    pod["status"]["conditions"].as_array_mut().expect("conditions").push(
        json!({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}),
    );
    rig.pod(&pod);
    assert_eq!(rig.world.failing([&rig.namespace]).pods_failing, 0);
    rig.put::<ReplicaSet>(&captured("replicasets", "crash"));
    assert_eq!(rig.suspect("crash").leaving, Leaving::Disrupted);
}

#[test]
fn fault_84_a_lost_node_is_told_from_a_failing_probe() {
    let mut rig = Rig::synced();
    let mut pod = healthy("a", 5);
    for condition in pod["status"]["conditions"]
        .as_array_mut()
        .expect("conditions")
    {
        if condition["type"] == "Ready" {
            condition["status"] = json!("False");
        }
    }
    rig.pod(&pod);
    let seen = rig.see(WorkloadKind::ReplicaSet, "healthy-64d8678dc9");
    assert!(matches!(seen.suspects[0].ready, Ready::NodeLost(_)));
    assert!(seen.suspects[0].was_ready);
}

#[test]
fn fault_105_what_a_budget_says() {
    let mut rig = loaded();
    let ask = |rig: &Rig| rig.see(WorkloadKind::Deployment, "crash").disruption;
    // captured: minAvailable 1 and nothing healthy; the pod is not ready, but the application is down already
    assert_eq!(ask(&rig), Disruption::Blocked);
    let mut budget = captured("poddisruptionbudgets", "crash");
    budget["spec"]["unhealthyPodEvictionPolicy"] = json!("AlwaysAllow");
    rig.put::<Budget>(&budget);
    assert_eq!(ask(&rig), Disruption::Allowed);
    budget["spec"]["unhealthyPodEvictionPolicy"] = json!("IfHealthyBudget");
    budget["status"]["currentHealthy"] = json!(1);
    rig.put::<Budget>(&budget);
    assert_eq!(ask(&rig), Disruption::Allowed);
    budget["metadata"]["name"] = json!("second");
    rig.put::<Budget>(&budget);
    assert_eq!(ask(&rig), Disruption::Conflicting);
}

#[test]
fn fault_106_a_terminating_namespace_takes_everything_with_it() {
    let mut rig = loaded();
    let meta = serde_json::from_value(json!({"name": "watch-dev", "deletionTimestamp": NOW}))
        .expect("decodes");
    let wakes = rig.change(|space, _| space.put_namespace(&meta));
    assert!(wakes.contains(&id(WorkloadKind::Deployment, "crash")));
    let seen = rig.see(WorkloadKind::Deployment, "crash");
    assert_eq!(seen.workload.presence, Presence::Deleting);
}

#[test]
fn fault_12_an_undecodable_pod_makes_its_workload_stale() {
    let mut rig = loaded();
    assert_eq!(
        rig.see(WorkloadKind::Deployment, "crash").freshness,
        Freshness::Fresh
    );
    let meta =
        serde_json::from_value(captured("pods", "crash")["metadata"].clone()).expect("decodes");
    rig.change(|space, now| space.blind_pod(&meta, now));
    let seen = rig.see(WorkloadKind::Deployment, "crash");
    assert_eq!(seen.freshness, Freshness::Stale);
    assert_eq!(seen.pod_uids.len(), 1);
    assert_eq!(
        rig.see(WorkloadKind::Deployment, "oom").freshness,
        Freshness::Fresh
    );
}
