//! Row 99: restarts that the kubelet makes for a reason other than the container's own end.

use super::{
    failures::{found, named},
    *,
};
use podmender_policy::diagnose::FailureKind;

const UID: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
const OF: (WorkloadKind, &str) = (WorkloadKind::Deployment, "healthy");

fn time(seconds: i64) -> Value {
    let at = now() + jiff::SignedDuration::from_secs(seconds);
    json!(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// A healthy pod, `seconds` from now, as each of `changes` leaves it.
struct Story {
    rig: Rig,
    pod: Value,
    version: u32,
}

impl Story {
    fn new(spec: &Value) -> Self {
        let mut pod = healthy(UID, 5);
        json_patch::merge(&mut pod["spec"], spec);
        let mut rig = Rig::synced();
        rig.put::<Deployment>(&captured("deployments", "healthy"));
        rig.put::<ReplicaSet>(&captured("replicasets", "healthy"));
        let mut story = Self {
            rig,
            pod,
            version: 5,
        };
        story.at(0, |_| ());
        story
    }

    /// Time passes until then, and the pod changes; gives what is named.
    fn at(&mut self, seconds: i64, change: impl FnOnce(&mut Value)) -> Option<FailureKind> {
        self.rig.at = now() + jiff::SignedDuration::from_secs(seconds);
        change(&mut self.pod["status"]);
        self.version += 1;
        self.pod["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.rig.pod(&self.pod);
        named(&self.rig, OF)
    }
}

fn set_condition(status: &mut Value, kind: &str, is: bool, since: &Value) {
    let conditions = status["conditions"].as_array_mut().expect("conditions");
    conditions.retain(|c| c["type"] != kind);
    conditions.push(json!({"type": kind, "status": if is { "True" } else { "False" }, "lastTransitionTime": since}));
}

fn set_ready(status: &mut Value, is: bool, since: &Value) {
    set_condition(status, "Ready", is, since);
    set_condition(status, "ContainersReady", is, since);
}

/// A container's status.
fn container(name: &str, restarts: u32, state: &Value, last: &Value) -> Value {
    let runs = state.get("running").is_some();
    json!({"name": name, "ready": runs, "started": runs, "restartCount": restarts, "state": state, "lastState": last})
}

fn running(since: i64) -> Value {
    json!({"running": {"startedAt": time(since)}})
}

fn ended(code: i32, reason: &str, from: i64, to: i64) -> Value {
    json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": time(from), "finishedAt": time(to)}})
}

/// What the kubelet leaves of a container that it removed to restart all of them (pkg/kubelet/kubelet_pods.go).
fn removed() -> Value {
    json!({"terminated": {"exitCode": 137, "reason": "RestartingAllContainers", "message": "The container is removed because RestartAllContainers in place"}})
}

#[test]
fn fault_99_containers_that_are_restarted_because_of_another_do_not_fail() {
    let rule = json!({"restartPolicy": "Never", "restartPolicyRules": [{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}}]});
    let mut web = json!({"name": "web", "image": "web:1"});
    json_patch::merge(&mut web, &rule);
    let mut story = Story::new(&json!({"containers": [web, {"name": "side", "image": "side:1"}]}));
    let started = story.at(1, |status| {
        status["containerStatuses"] = json!([
            container("web", 0, &running(-300), &json!({})),
            container("side", 0, &running(-300), &json!({})),
        ]);
    });
    assert_eq!(started, None);
    // The container whose rule it is: its own end counts, once.
    let exits = story.at(2, |status| {
        set_condition(status, "AllContainersRestarting", true, &time(2));
        set_ready(status, false, &time(2));
        status["containerStatuses"][0] =
            container("web", 0, &ended(42, "Error", -300, 2), &json!({}));
    });
    assert_eq!(exits, Some(FailureKind::Error));
    let diagnosis = found(&story.rig, OF).expect("a finding").diagnosis;
    let who = diagnosis.container.as_ref().map(Name::as_str);
    assert_eq!((who, diagnosis.exit_code), (Some("web"), Some(42)));
    let waiting = json!({"waiting": {"reason": "RestartingAllContainers", "message": "The container is removed because RestartAllContainers in place"}});
    let cleared = story.at(3, |status| {
        status["containerStatuses"] = json!([
            container("web", 1, &waiting, &removed()),
            container("side", 1, &waiting, &removed()),
        ]);
    });
    assert_eq!(cleared, None);
    assert_eq!(
        story
            .rig
            .world
            .failing([&story.rig.namespace])
            .workloads_failing,
        1,
        "not Ready"
    );
    let again = story.at(5, |status| {
        set_condition(status, "AllContainersRestarting", false, &time(5));
        set_ready(status, true, &time(5));
        status["containerStatuses"] = json!([
            container("web", 1, &running(4), &removed()),
            container("side", 1, &running(4), &removed()),
        ]);
    });
    assert_eq!(again, None, "nobody is killed, SIGKILL");
}

/// A pod whose container is restarted for other memory.
fn resizable() -> Story {
    Story::new(
        &json!({"containers": [{"name": "web", "image": "web:1", "resources": {"limits": {"memory": "64Mi"}},
        "resizePolicy": [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]}]}),
    )
}

/// The kubelet has begun, one second from now.
fn resizing(story: &mut Story) -> Option<FailureKind> {
    story.at(1, |status| {
        status["containerStatuses"] = json!([container("web", 0, &running(-300), &json!({}))]);
        set_condition(status, "PodResizeInProgress", true, &time(1));
    })
}

/// It has ended the container and started it again.
fn resized(status: &mut Value, last: &Value) {
    let conditions = status["conditions"].as_array_mut().expect("conditions");
    conditions.retain(|c| c["type"] != "PodResizeInProgress");
    set_ready(status, true, &time(4));
    status["containerStatuses"] = json!([container("web", 1, &running(3), last)]);
}

#[test]
fn fault_99_a_resize_that_restarts_a_container_is_no_failure() {
    for code in [137, 143, 1] {
        let mut story = resizable();
        assert_eq!(resizing(&mut story), None);
        let end = ended(code, "Error", -300, 3);
        let down = story.at(3, |status| {
            set_ready(status, false, &time(3));
            status["containerStatuses"] = json!([container("web", 0, &end, &json!({}))]);
        });
        assert_eq!(down, None, "{code}");
        assert_eq!(story.at(4, |status| resized(status, &end)), None, "{code}");
        // What the new run does is its own doing.
        let crashed = story.at(60, |status| {
            let crash = ended(1, "Error", 3, 60);
            set_ready(status, false, &time(60));
            status["containerStatuses"] = json!([container("web", 1, &crash, &end)]);
        });
        assert_eq!(crashed, Some(FailureKind::Error), "{code}");
    }
}

#[test]
fn fault_99_too_small_a_limit_is_a_failure_during_a_resize_too() {
    let mut story = resizable();
    resizing(&mut story);
    let end = ended(137, "OOMKilled", -300, 3);
    let killed = story.at(4, |status| resized(status, &end));
    assert_eq!(killed, Some(FailureKind::OOMKilled));
}

#[test]
fn fault_99_a_resize_that_needs_no_restart_hides_no_crash() {
    let mut story = resizable();
    resizing(&mut story);
    let done = story.at(2, |status| {
        let conditions = status["conditions"].as_array_mut().expect("conditions");
        conditions.retain(|c| c["type"] != "PodResizeInProgress");
    });
    assert_eq!(done, None);
    let end = ended(1, "Error", -300, 30);
    let crashed = story.at(31, |status| {
        status["containerStatuses"] = json!([container("web", 1, &running(31), &end)]);
    });
    assert_eq!(crashed, Some(FailureKind::Error));
}
