//! Which workload a pod belongs to, and who is woken.

use super::*;
use podmender_policy::observation::{Consent, Manager, Presence, RolloutState};

/// A crashing pod with this controller.
fn owned(uid: &str, api_version: &str, kind: &str, name: &str, owner: &str) -> Value {
    let mut pod = captured("pods", "crash");
    pod["metadata"]["uid"] = json!(uid);
    pod["metadata"]["name"] = json!(format!("pod-{uid}"));
    pod["metadata"]["ownerReferences"] = json!([{"apiVersion": api_version, "kind": kind, "name": name, "uid": owner, "controller": true}]);
    pod
}

fn set(uid: &str, name: &str, owner: Value) -> Value {
    let mut set = captured("replicasets", "crash");
    set["metadata"]["uid"] = json!(uid);
    set["metadata"]["name"] = json!(name);
    set["metadata"]["ownerReferences"] = owner;
    set
}

fn controller(api_version: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!([{"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": true}])
}

#[test]
fn a_pod_ahead_of_its_owners_ends_named_right() {
    let mut rig = Rig::new();
    rig.load();
    let wakes = rig.sync();
    assert!(
        wakes.contains(&id(WorkloadKind::Deployment, "crash")),
        "{wakes:?}"
    );
    assert!(
        wakes.contains(&id(WorkloadKind::StatefulSet, "db")),
        "{wakes:?}"
    );
    assert!(
        wakes.iter().all(|w| w.kind != WorkloadKind::ReplicaSet),
        "{wakes:?}"
    );
    let seen = rig.see(WorkloadKind::Deployment, "crash");
    assert_eq!(seen.workload.presence, Presence::Present);
    assert_eq!(
        seen.workload.rollout.revision.as_ref(),
        seen.suspects[0].revision.as_ref()
    );
    assert_eq!(seen.replicas.desired, 1);
    assert_eq!(seen.labels, [(Name::from("app"), Name::from("crash"))]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_a_moment_ahead_of_its_replica_set_wakes_the_deployment_only() {
    let mut rig = Rig::synced();
    rig.put::<Deployment>(&captured("deployments", "crash"));
    assert!(rig.pod(&captured("pods", "crash")).is_empty());
    let wakes = rig.put::<ReplicaSet>(&captured("replicasets", "crash"));
    assert_eq!(wakes, [id(WorkloadKind::Deployment, "crash")]);
    // one that never comes is given up
    assert!(
        rig.pod(&owned("x", "apps/v1", "ReplicaSet", "lost", "nowhere"))
            .is_empty()
    );
    tokio::time::advance(std::time::Duration::from_secs(3)).await;
    let wakes = rig.change(Space::tick);
    assert_eq!(wakes, [id(WorkloadKind::ReplicaSet, "lost")]);
    let seen = rig.see(WorkloadKind::ReplicaSet, "lost");
    assert_eq!(seen.workload.presence, Presence::Gone);
    assert_eq!(seen.suspects.len(), 1);
}

#[test]
fn fault_88_bare_and_static_pods_are_their_own_workload() {
    let mut rig = Rig::synced();
    let wakes = rig.pod(&captured("pods", "bare"));
    assert_eq!(wakes, [id(WorkloadKind::Pod, "bare")]);
    let mut pod = owned("s", "v1", "Node", "node1", "n");
    pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    rig.pod(&pod);
    let seen = rig.see(WorkloadKind::Pod, "pod-s");
    assert!(seen.suspects[0].is_static);
    assert_eq!(seen.replicas.desired, 1);
    rig.change(|space, _| space.remove_pod(&super::super::uid::Uid::parse("s")));
    assert_eq!(
        rig.see(WorkloadKind::Pod, "pod-s").workload.presence,
        Presence::Gone
    );
}

#[test]
fn fault_93_odd_owners() {
    let mut rig = Rig::synced();
    // a ReplicaSet without a Deployment is the workload
    rig.put::<ReplicaSet>(&set("rs", "alone", json!([])));
    rig.pod(&owned("a", "apps/v1", "ReplicaSet", "alone", "rs"));
    assert_eq!(
        rig.see(WorkloadKind::ReplicaSet, "alone").workload.presence,
        Presence::Present
    );
    // a wrong UID never attaches to the namesake
    rig.pod(&owned("b", "apps/v1", "ReplicaSet", "alone", "other"));
    assert_eq!(rig.see(WorkloadKind::ReplicaSet, "alone").pod_uids.len(), 1);
    let stray = rig.see(WorkloadKind::Foreign, "alone");
    assert_eq!(stray.workload.presence, Presence::Unresolved);
    assert_eq!(stray.pod_uids.len(), 1);
    // a cycle is walked once and left alone
    rig.put::<ReplicaSet>(&set(
        "c1",
        "one",
        controller("apps/v1", "ReplicaSet", "two", "c2"),
    ));
    rig.put::<ReplicaSet>(&set(
        "c2",
        "two",
        controller("apps/v1", "ReplicaSet", "one", "c1"),
    ));
    rig.pod(&owned("c", "apps/v1", "ReplicaSet", "one", "c1"));
    let cycle = rig.see(WorkloadKind::Foreign, "one");
    assert_eq!(cycle.workload.presence, Presence::Unresolved);
    assert_eq!(cycle.suspects.len(), 1);
    // an owner reference that is not a controller owns nothing
    let mut pod = owned("d", "v1", "ConfigMap", "x", "y");
    pod["metadata"]["ownerReferences"][0]["controller"] = json!(false);
    rig.pod(&pod);
    assert_eq!(rig.see(WorkloadKind::Pod, "pod-d").suspects.len(), 1);
}

#[test]
fn fault_94_a_rollout_of_argo_is_foreign_and_never_its_replica_set() {
    let mut rig = Rig::synced();
    let rollout = controller("argoproj.io/v1alpha1", "Rollout", "web", "ro");
    rig.put::<ReplicaSet>(&set("rs", "web-1", rollout));
    rig.pod(&owned("a", "apps/v1", "ReplicaSet", "web-1", "rs"));
    let seen = rig.see(WorkloadKind::Foreign, "web");
    assert_eq!(seen.workload.owner_kind.as_str(), "Rollout");
    assert_eq!(seen.workload.presence, Presence::Unresolved);
    assert_eq!(seen.suspects.len(), 1);
    assert!(
        rig.see(WorkloadKind::ReplicaSet, "web-1")
            .pod_uids
            .is_empty()
    );
}

#[test]
fn fault_95_an_operator_above_a_stateful_set_is_noted() {
    let mut rig = Rig::synced();
    let mut db = captured("statefulsets", "db");
    db["metadata"]["ownerReferences"] = controller("acid.zalan.do/v1", "postgresql", "db", "pg");
    rig.put::<StatefulSet>(&db);
    rig.pod(&captured("pods", "db"));
    let seen = rig.see(WorkloadKind::StatefulSet, "db");
    assert_eq!(seen.workload.manager, Manager::Operator);
    assert_eq!(seen.suspects.len(), 1);
    assert!(rig.see(WorkloadKind::Foreign, "db").pod_uids.is_empty());
    // an operator's own kind that only shares a name with ours
    rig.pod(&owned(
        "k",
        "apps.kruise.io/v1beta1",
        "StatefulSet",
        "db2",
        "ks",
    ));
    assert_eq!(rig.see(WorkloadKind::Foreign, "db2").suspects.len(), 1);
}

#[test]
fn fault_102_and_103_where_a_rollout_stands() {
    let mut rig = Rig::synced();
    rig.load();
    let state = |rig: &Rig, name: &str| {
        rig.see(WorkloadKind::Deployment, name)
            .workload
            .rollout
            .state
    };
    assert_eq!(state(&rig, "healthy"), RolloutState::Complete);
    assert_eq!(state(&rig, "badimage"), RolloutState::Progressing);
    let mut web = captured("deployments", "badimage");
    for condition in web["status"]["conditions"]
        .as_array_mut()
        .expect("conditions")
    {
        if condition["type"] == "Progressing" {
            condition["reason"] = json!("ProgressDeadlineExceeded");
        }
    }
    let wakes = rig.put::<Deployment>(&web);
    assert_eq!(wakes, [id(WorkloadKind::Deployment, "badimage")]);
    assert_eq!(state(&rig, "badimage"), RolloutState::Stuck);
    web["metadata"]["generation"] = json!(99);
    rig.put::<Deployment>(&web);
    assert_eq!(state(&rig, "badimage"), RolloutState::Progressing);
    web["spec"]["paused"] = json!(true);
    rig.put::<Deployment>(&web);
    assert_eq!(state(&rig, "badimage"), RolloutState::Paused);
    web["spec"]["paused"] = json!(false);
    web["spec"]["replicas"] = json!(0);
    rig.put::<Deployment>(&web);
    assert_eq!(state(&rig, "badimage"), RolloutState::ScaledToZero);
}

#[test]
fn fault_90_and_91_what_no_rollout_reaches_is_held_and_never_under_way_for_ever() {
    let mut rig = Rig::synced();
    let mut db = captured("statefulsets", "db");
    db["spec"]["replicas"] = json!(3);
    db["status"]["updatedReplicas"] = json!(1);
    db["status"]["updateRevision"] = json!("db-newer");
    let rolling = |partition: u32| json!({"type": "RollingUpdate", "rollingUpdate": {"partition": partition}});
    for (strategy, state) in [
        (rolling(0), RolloutState::Progressing),
        (rolling(1), RolloutState::Progressing),
        (rolling(2), RolloutState::Held),
        (rolling(9), RolloutState::Held),
        (json!({"type": "OnDelete"}), RolloutState::Held),
    ] {
        db["spec"]["updateStrategy"] = strategy.clone();
        rig.put::<StatefulSet>(&db);
        let seen = rig.see(WorkloadKind::StatefulSet, "db");
        assert_eq!(seen.workload.rollout.state, state, "{strategy}");
    }
    let mut logs = json!({
        "metadata": {"name": "logs", "namespace": "watch-dev", "uid": "logs", "generation": 2},
        "spec": {"updateStrategy": {"type": "OnDelete"}},
        "status": {"desiredNumberScheduled": 2, "updatedNumberScheduled": 0, "observedGeneration": 2},
    });
    for (strategy, state) in [
        ("OnDelete", RolloutState::Held),
        ("RollingUpdate", RolloutState::Progressing),
    ] {
        logs["spec"]["updateStrategy"]["type"] = json!(strategy);
        rig.put::<DaemonSet>(&logs);
        let seen = rig.see(WorkloadKind::DaemonSet, "logs");
        assert_eq!(seen.workload.rollout.state, state, "{strategy}");
    }
}

#[test]
fn the_newest_replica_set_is_the_revision_and_there_is_one_before() {
    let mut rig = Rig::synced();
    rig.load();
    let mut newer = captured("replicasets", "crash");
    newer["metadata"]["uid"] = json!("newer");
    newer["metadata"]["name"] = json!("crash-newer");
    newer["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("10");
    newer["metadata"]["labels"]["pod-template-hash"] = json!("newer");
    newer["metadata"]["creationTimestamp"] = json!("2026-11-21T09:56:00Z");
    rig.put::<ReplicaSet>(&newer);
    let rollout = rig.see(WorkloadKind::Deployment, "crash").workload.rollout;
    assert_eq!(rollout.revision, Some(Name::from("newer")));
    assert_eq!(rollout.since, "2026-11-21T09:56:00Z".parse().ok());
    assert!(rollout.has_previous);
}

#[test]
fn consent_of_the_workload_and_its_namespace_the_stricter_wins() {
    let mut rig = Rig::synced();
    rig.load();
    let said = |rig: &Rig| rig.see(WorkloadKind::Deployment, "crash").workload.consent;
    assert_eq!(said(&rig), Consent::Given);
    let mut web = captured("deployments", "crash");
    web["metadata"]["annotations"] = json!({"podmender.io/enabled": "false"});
    let wakes = rig.put::<Deployment>(&web);
    assert_eq!(wakes, [id(WorkloadKind::Deployment, "crash")]);
    let meta = json!({"name": "watch-dev", "annotations": {"podmender.io/paused": "true"}});
    let meta = serde_json::from_value(meta).expect("decodes");
    rig.change(|space, _| space.put_namespace(&meta));
    assert_eq!(said(&rig), Consent::OptedOut);
    assert_eq!(
        rig.see(WorkloadKind::Deployment, "oom").workload.consent,
        Consent::Paused
    );
}

#[test]
fn routine_updates_wake_nobody_unless_an_incident_is_open() {
    let mut rig = Rig::synced();
    rig.load();
    assert!(rig.pod(&healthy("a", 900_001)).is_empty());
    assert!(rig.pod(&healthy("a", 900_002)).is_empty());
    let web = id(WorkloadKind::Deployment, "healthy");
    rig.world.mark_open(&web, true);
    assert_eq!(rig.pod(&healthy("a", 900_003)), std::slice::from_ref(&web));
    rig.world.mark_open(&web, false);
    assert!(rig.pod(&healthy("a", 900_004)).is_empty());
}

#[test]
fn fault_13_and_15_a_list_deletes_only_when_it_is_complete() {
    let mut rig = Rig::synced();
    rig.load();
    let pod: Pod = serde_json::from_value(captured("pods", "crash")).expect("decodes");
    // the same state again: nobody is woken
    let wakes = rig.change(|space, now| {
        space.begin(Resource::Pods);
        space.put_pod(&pod, now);
    });
    assert!(wakes.is_empty(), "{wakes:?}");
    // the list breaks off and begins anew
    rig.change(|space, _| space.begin(Resource::Pods));
    assert_eq!(rig.world.failing([&rig.namespace]).pods, 15);
    let wakes = rig.change(|space, now| relist(space, Resource::Pods, |s| s.put_pod(&pod, now)));
    assert_eq!(rig.world.failing([&rig.namespace]).pods, 1);
    assert!(wakes.contains(&id(WorkloadKind::Deployment, "oom")));
    assert!(!wakes.contains(&id(WorkloadKind::Deployment, "crash")));
}

#[test]
fn churn_leaves_nothing_behind() {
    let mut rig = Rig::synced();
    for round in 0..50 {
        let name = format!("job-{round}");
        let mut pod = owned(&format!("p{round}"), "batch/v1", "Job", &name, &name);
        pod["metadata"]["labels"] = json!({"job-name": name});
        rig.pod(&pod);
        rig.change(|space, _| {
            space.remove_pod(&super::super::uid::Uid::parse(&format!("p{round}")))
        });
    }
    assert!(rig.world.workloads().is_empty());
    assert_eq!(
        rig.world.failing([&rig.namespace]),
        super::super::Counts::default()
    );
}
