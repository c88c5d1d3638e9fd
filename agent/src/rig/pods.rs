//! Workloads as a cluster would show them: healthy, or in a crash loop after they had run well.

use super::After;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

fn ago(now: Timestamp, seconds: i64) -> String {
    let at = now - SignedDuration::from_secs(seconds);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn condition(kind: &str, is: bool, since: &str) -> Value {
    json!({"type": kind, "status": if is { "True" } else { "False" }, "lastTransitionTime": since})
}

/// A Deployment of so many replicas that was rolled out an hour ago.
pub(crate) fn deployment(name: &str, replicas: u32, now: Timestamp) -> Value {
    let made = ago(now, 3600);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-of-{name}"), "creationTimestamp": made,
            "labels": {"app": name}, "generation": 1, "annotations": {"deployment.kubernetes.io/revision": "1"}},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}}}},
        "status": {"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas, "availableReplicas": replicas, "conditions": [
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", "lastUpdateTime": made, "lastTransitionTime": made}]},
    })
}

/// Its ReplicaSet.
pub(crate) fn replica_set(name: &str, replicas: u32, now: Timestamp) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": format!("{name}-1"), "namespace": "shop", "uid": format!("uid-of-{name}-1"), "creationTimestamp": ago(now, 3600),
            "labels": {"app": name, "pod-template-hash": "1"}, "generation": 1, "annotations": {"deployment.kubernetes.io/revision": "1"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": format!("uid-of-{name}"), "controller": true}]},
        "spec": {"replicas": replicas}, "status": {"observedGeneration": 1, "replicas": replicas},
    })
}

/// A pod of it that was started an hour ago and is Ready.
pub(crate) fn healthy(name: &str, nth: u64, now: Timestamp) -> Value {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("{name}-1-{nth}"), "namespace": "shop", "creationTimestamp": ago(now, 3600),
            "labels": {"app": name, "pod-template-hash": "1"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{name}-1"), "uid": format!("uid-of-{name}-1"), "controller": true}]},
        "spec": {"nodeName": "node1", "restartPolicy": "Always", "containers": [{"name": "web", "image": "web:1", "resources": {}}]},
    });
    ready_since(pod, &ago(now, 3590))
}

fn ready_since(mut pod: Value, since: &str) -> Value {
    let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"];
    pod["status"] = json!({"phase": "Running", "startTime": since,
        "conditions": conditions.map(|kind| condition(kind, true, since)),
        "containerStatuses": [{"name": "web", "ready": true, "started": true, "restartCount": 0, "state": {"running": {"startedAt": since}}, "lastState": {}}]});
    pod
}

/// The same pod, ended three times after five good minutes each, and in its back-off now.
pub(crate) fn crashing(mut pod: Value, now: Timestamp) -> Value {
    let (began, ended) = (ago(now, 305), ago(now, 5));
    set_ready(&mut pod, false, &ended);
    let terminated =
        json!({"exitCode": 1, "reason": "Error", "startedAt": began, "finishedAt": ended});
    pod["status"]["containerStatuses"] = json!([{"name": "web", "ready": false, "started": false, "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}}, "lastState": {"terminated": terminated}}]);
    pod
}

/// The same pod, whose container has just ended with this code: it is in its back-off.
pub(crate) fn ends(mut pod: Value, code: i32, now: Timestamp) -> Value {
    let status = &mut pod["status"]["containerStatuses"][0];
    let began = status["state"]["running"]["startedAt"].clone();
    let restarts = status["restartCount"].as_i64().unwrap_or(0);
    let terminated =
        json!({"exitCode": code, "reason": "Error", "startedAt": began, "finishedAt": ago(now, 0)});
    *status = json!({"name": "web", "ready": false, "started": false, "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}}, "lastState": {"terminated": terminated}});
    set_ready(&mut pod, false, &ago(now, 0));
    pod
}

/// The same pod, whose container the kubelet has started again: it is Ready at once.
pub(crate) fn starts_again(mut pod: Value, now: Timestamp) -> Value {
    let since = ago(now, 0);
    let status = &mut pod["status"]["containerStatuses"][0];
    status["restartCount"] = json!(status["restartCount"].as_i64().unwrap_or(0) + 1);
    status["state"] = json!({"running": {"startedAt": since}});
    (status["ready"], status["started"]) = (json!(true), json!(true));
    set_ready(&mut pod, true, &since);
    pod
}

fn set_ready(pod: &mut Value, is: bool, since: &str) {
    let conditions = pod["status"]["conditions"].as_array_mut();
    for condition in conditions.expect("conditions") {
        if condition["type"] == "Ready" || condition["type"] == "ContainersReady" {
            *condition = self::condition(condition["type"].as_str().expect("a type"), is, since);
        }
    }
}

/// When its container was started, if it runs.
pub(crate) fn runs_since(pod: &Value) -> Option<Timestamp> {
    time(&pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])
}

/// When its container ended last, if it ever did.
pub(crate) fn ended_at(pod: &Value) -> Option<Timestamp> {
    time(&pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["finishedAt"])
}

fn time(raw: &Value) -> Option<Timestamp> {
    raw.as_str()?.parse().ok()
}

/// The same pod, running on and no longer Ready: as when its probe fails, or its node lost touch for a moment.
pub(crate) fn unready(mut pod: Value, now: Timestamp) -> Value {
    for condition in pod["status"]["conditions"]
        .as_array_mut()
        .expect("conditions")
    {
        if condition["type"] == "Ready" {
            condition["status"] = json!("False");
            condition["lastTransitionTime"] = json!(ago(now, 0));
        }
    }
    pod
}

/// A pod that was made just now, and is Ready already.
pub(crate) fn fresh(name: &str, nth: u64, now: Timestamp) -> Value {
    let mut pod = healthy(name, nth, now);
    pod["metadata"]["creationTimestamp"] = json!(ago(now, 0));
    ready_since(pod, &ago(now, 0))
}

/// The same pod before its containers are made.
pub(crate) fn starting(mut pod: Value) -> Value {
    let since = pod["metadata"]["creationTimestamp"].clone();
    let since = since.as_str().unwrap_or_default();
    let kinds = [
        ("PodScheduled", true),
        ("Initialized", true),
        ("ContainersReady", false),
        ("Ready", false),
    ];
    pod["status"] = json!({"phase": "Pending", "startTime": since,
        "conditions": kinds.map(|(kind, is)| condition(kind, is, since)),
        "containerStatuses": [{"name": "web", "ready": false, "started": false, "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}, "lastState": {}}]});
    pod
}

/// The same pod while it is being deleted.
pub(crate) fn leaving(mut pod: Value, now: Timestamp) -> Value {
    pod["metadata"]["deletionTimestamp"] = json!(ago(now, -30));
    unready(pod, now)
}

/// The same pod as the eviction API marks it.
pub(crate) fn disrupted(mut pod: Value, now: Timestamp) -> Value {
    let mark = json!({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "lastTransitionTime": ago(now, 0)});
    let conditions = pod["status"]["conditions"].as_array_mut();
    conditions.expect("conditions").push(mark);
    pod
}

/// What the controller puts in the place of `evicted`.
pub(super) fn next(evicted: &Value, after: After, now: Timestamp, version: u64) -> Value {
    let app = evicted["metadata"]["labels"]["app"].as_str().unwrap_or("x");
    let pod = fresh(app, 1000 + version, now);
    match after {
        After::Healthy => pod,
        After::Crashing => crashing(pod, now),
        After::Unmounted => starting(pod),
    }
}
