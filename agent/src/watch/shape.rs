//! What all pods of one revision have in common, kept once.

use super::slim::{pod, quantity};
use podmender_policy::{
    bounds::{Message, Name},
    observation::{ContainerRole, RestartPolicy},
};
use std::{
    collections::HashSet,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Labels that differ from pod to pod of one revision; [`Shape::label`] puts the first two back.
const PER_POD: [&str; 5] = [
    POD_NAME,
    POD_INDEX,
    "batch.kubernetes.io/job-completion-index",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
];
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// Where the revision is written: on the pods of a ReplicaSet, and of a StatefulSet or DaemonSet.
const REVISION: [&str; 2] = ["pod-template-hash", "controller-revision-hash"];

/// At most this many labels and containers of a pod are kept: more are hostile (a pod with its labels is at most 1.5 MiB).
const MOST: usize = 64;

/// The parts of a pod that come from its template.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) revision: Option<Name>,
    pub(super) restart_policy: RestartPolicy,
    pub(super) is_static: bool,
    pub(super) containers: Box<[Part]>,
    labels: Box<[(Name, Name)]>,
}

/// One container of a template: init containers first, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: Name,
    pub(super) role: ContainerRole,
    pub(super) image: Message,
    pub(super) memory_limit: Option<u64>,
    /// Whether other resources can take a restart of it.
    pub(super) restarts_on_resize: bool,
}

impl Hash for Shape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.revision.hash(state);
        self.labels.hash(state);
        for part in &self.containers {
            part.name.hash(state);
            part.image.hash(state);
        }
    }
}

impl Shape {
    /// Reads a pod's.
    pub(super) fn of(pod: &pod::Pod) -> Self {
        let labels = pod.metadata.labels.iter().flatten();
        let label = |name: &&str| pod.metadata.labels.as_ref()?.get(*name);
        Self {
            revision: REVISION.iter().find_map(label).map(|r| Name::new(r)),
            restart_policy: match pod.spec.restart_policy.as_deref() {
                Some("Never") => RestartPolicy::Never,
                Some("OnFailure") => RestartPolicy::OnFailure,
                _ => RestartPolicy::Always,
            },
            is_static: pod
                .metadata
                .annotations
                .as_ref()
                .is_some_and(|a| a.contains_key("kubernetes.io/config.mirror")),
            containers: parts(&pod.spec),
            labels: labels
                .filter(|(key, _)| !PER_POD.contains(&key.as_str()))
                .take(MOST)
                .map(|(key, value)| (Name::new(key), Name::new(value)))
                .collect(),
        }
    }

    /// A label of the pod called `pod`, which has this shape.
    pub(super) fn label<'a>(&'a self, pod: &'a str, key: &str) -> Option<&'a str> {
        match key {
            POD_NAME => Some(pod),
            POD_INDEX => pod.rsplit_once('-').map(|(_, index)| index),
            _ => self
                .labels
                .iter()
                .find(|(k, _)| k.as_str() == key)
                .map(|(_, v)| v.as_str()),
        }
    }

    /// The labels that all pods of this shape share.
    pub(super) fn labels(&self) -> &[(Name, Name)] {
        &self.labels
    }
}

fn parts(spec: &pod::Spec) -> Box<[Part]> {
    let part = |c: &pod::Container, role| Part {
        name: Name::new(&c.name),
        role,
        image: Message::new(c.image.as_deref().unwrap_or_default()),
        memory_limit: c
            .resources
            .limits
            .memory
            .as_deref()
            .and_then(quantity::bytes),
        restarts_on_resize: c
            .resize_policy
            .iter()
            .any(|p| p.restart_policy.as_deref() == Some("RestartContainer")),
    };
    let init = spec.init_containers.iter().map(|c| {
        let sidecar = c.restart_policy.as_deref() == Some("Always");
        part(
            c,
            if sidecar {
                ContainerRole::Sidecar
            } else {
                ContainerRole::Init
            },
        )
    });
    let main = spec.containers.iter().map(|c| part(c, ContainerRole::Main));
    init.chain(main).take(MOST).collect()
}

/// Shares equal values (10,000 pods of 40 Deployments have 40 shapes).
pub(super) struct Shared<T: ?Sized> {
    known: HashSet<Arc<T>>,
    sweep_at: usize,
}

impl<T: ?Sized> Default for Shared<T> {
    fn default() -> Self {
        Self {
            known: HashSet::new(),
            sweep_at: 64,
        }
    }
}

impl<T: ?Sized + Eq + Hash> Shared<T> {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// The shared form of `value`.
    pub(super) fn share(&mut self, value: Arc<T>) -> Arc<T> {
        if let Some(known) = self.known.get(&value) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.sweep_at {
            self.known.retain(|v| Arc::strong_count(v) > 1);
            self.sweep_at = (self.known.len() * 2).max(64);
        }
        self.known.insert(Arc::clone(&value));
        value
    }
}
