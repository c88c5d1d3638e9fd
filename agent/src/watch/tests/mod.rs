//! The watch against objects captured from a real kubelet (fixtures/cluster.json, Kubernetes 1.36) and a mocked API server.

mod failures;
mod naming;
mod restarts;
mod wire;

use super::{
    World,
    follow::Watched,
    life::Resource,
    slim::{
        budget::Budget,
        event::Event,
        owner::{DaemonSet, Deployment, Job, ReplicaSet, StatefulSet},
        pod::Pod,
    },
    space::Space,
    world::Seen,
};
use jiff::Timestamp;
use podmender_policy::{
    bounds::Name,
    observation::PodSeen,
    workload::{WorkloadKind, WorkloadRef},
};
use serde_json::{Value, json};

/// A little after the fixtures were captured.
const NOW: &str = "2026-11-21T09:56:30Z";

fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

fn fixtures() -> Value {
    serde_json::from_str(include_str!("../fixtures/cluster.json")).expect("fixtures")
}

/// One captured object whose name begins with `name`.
fn captured(resource: &str, name: &str) -> Value {
    let all = fixtures()[resource].as_array().expect("a list").clone();
    let begins = |o: &Value| {
        o["metadata"]["name"]
            .as_str()
            .is_some_and(|n| n.starts_with(name))
    };
    all.into_iter().find(begins).expect("captured")
}

fn id(kind: WorkloadKind, name: &str) -> WorkloadRef {
    WorkloadRef {
        kind,
        namespace: Name::from("watch-dev"),
        name: Name::from(name),
    }
}

/// A world of one namespace.
struct Rig {
    world: World,
    namespace: Name,
    at: Timestamp,
}

impl Rig {
    /// With every list complete and empty, unless told otherwise.
    fn new() -> Self {
        let started = "2026-11-21T09:54:00Z".parse().expect("a time");
        let mut world = World::new(started);
        let namespace = Name::from("watch-dev");
        world.open_space(&namespace);
        Self {
            world,
            namespace,
            at: now(),
        }
    }

    fn synced() -> Self {
        let mut rig = Self::new();
        rig.sync();
        rig
    }

    fn sync(&mut self) -> Vec<WorkloadRef> {
        self.change(|space, _| {
            for (_, life) in space.lives.all() {
                life.sign();
                life.listed();
            }
        })
    }

    fn change(&mut self, change: impl FnOnce(&mut Space, Timestamp)) -> Vec<WorkloadRef> {
        let at = self.at;
        self.world
            .change(&self.namespace, |space| change(space, at))
    }

    fn put<K: Watched>(&mut self, object: &Value) -> Vec<WorkloadRef> {
        let object: K = serde_json::from_str(&object.to_string()).expect("decodes");
        self.change(|space, now| object.put(space, now))
    }

    fn pod(&mut self, object: &Value) -> Vec<WorkloadRef> {
        self.put::<Pod>(object)
    }

    fn event(&mut self, object: &Value) -> Vec<WorkloadRef> {
        self.put::<Event>(object)
    }

    /// Everything that was captured, pods before their owners.
    fn load(&mut self) {
        self.load_without_events();
        let events = fixtures()["events"].as_array().cloned().unwrap_or_default();
        events.iter().for_each(|o| drop(self.event(o)));
    }

    fn load_without_events(&mut self) {
        let all = fixtures();
        let each = |resource: &str| all[resource].as_array().cloned().unwrap_or_default();
        each("pods").iter().for_each(|o| drop(self.put::<Pod>(o)));
        each("replicasets")
            .iter()
            .for_each(|o| drop(self.put::<ReplicaSet>(o)));
        each("deployments")
            .iter()
            .for_each(|o| drop(self.put::<Deployment>(o)));
        each("statefulsets")
            .iter()
            .for_each(|o| drop(self.put::<StatefulSet>(o)));
        each("jobs").iter().for_each(|o| drop(self.put::<Job>(o)));
        each("poddisruptionbudgets")
            .iter()
            .for_each(|o| drop(self.put::<Budget>(o)));
    }

    fn see(&self, kind: WorkloadKind, name: &str) -> Seen {
        self.world.observe(&id(kind, name), self.at)
    }

    /// The one suspect of a Deployment.
    fn suspect(&self, name: &str) -> PodSeen {
        let seen = self.see(WorkloadKind::Deployment, name);
        assert_eq!(seen.suspects.len(), 1, "{name}");
        seen.suspects.into_iter().next().expect("a suspect")
    }
}

/// A healthy pod of a ReplicaSet, and changes to it.
fn healthy(uid: &str, version: u32) -> Value {
    let mut pod = captured("pods", "healthy");
    pod["metadata"]["uid"] = json!(uid);
    pod["metadata"]["name"] = json!(format!("healthy-{uid}"));
    pod["metadata"]["resourceVersion"] = json!(version.to_string());
    pod
}

fn relist(space: &mut Space, resource: Resource, fill: impl FnOnce(&mut Space)) {
    space.begin(resource);
    fill(space);
    space.end(resource);
}
