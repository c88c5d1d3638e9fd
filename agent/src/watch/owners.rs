//! Who owns whom: the forest from pods up to workloads, of one namespace.
//!
//! Nodes are keyed by UID, so an owner reference with a stale UID can never attach a pod to a namesake. A node is there as soon
//! as anything names it; what its own object says is filled in when the watch brings it, in whatever order that happens.

use super::{facts::Facts, notes::Notes, uid::Uid};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use podmender_policy::{
    bounds::{Name, Text},
    workload::WorkloadKind,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// The longest chain of owners that is followed (fault 93). CronJob, Job, pod is 2.
const DEPTH: usize = 5;

/// A workload inside its namespace.
pub(super) type Key = (WorkloadKind, Arc<str>);

/// A link to an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) kind: WorkloadKind,
    pub(super) written: Text<63>,
    pub(super) name: Arc<str>,
    pub(super) uid: Uid,
}

impl Link {
    /// The controller among `refs`: the others are for garbage collection only.
    pub(super) fn controller(refs: Option<&Vec<OwnerReference>>) -> Option<Self> {
        let owner = refs?.iter().find(|r| r.controller == Some(true))?;
        let group = owner.api_version.split_once('/').map_or("", |(g, _)| g);
        Some(Self {
            kind: kind(group, &owner.kind),
            written: Text::new(&owner.kind),
            name: Name::new(&owner.name).as_str().into(),
            uid: Uid::parse(&owner.uid),
        })
    }
}

fn kind(group: &str, kind: &str) -> WorkloadKind {
    match (group, kind) {
        ("apps", "Deployment") => WorkloadKind::Deployment,
        ("apps", "StatefulSet") => WorkloadKind::StatefulSet,
        ("apps", "DaemonSet") => WorkloadKind::DaemonSet,
        ("apps", "ReplicaSet") => WorkloadKind::ReplicaSet,
        ("batch", "Job") => WorkloadKind::Job,
        ("batch", "CronJob") => WorkloadKind::CronJob,
        _ => WorkloadKind::Foreign,
    }
}

/// One owner.
pub(super) struct Node {
    pub(super) kind: WorkloadKind,
    pub(super) written: Text<63>,
    pub(super) name: Arc<str>,
    pub(super) parent: Option<Uid>,
    pub(super) children: BTreeSet<Uid>,
    pub(super) pods: BTreeSet<Uid>,
    /// How many of `pods` fail.
    pub(super) failing: u32,
    /// What its object says, once it has been seen.
    pub(super) facts: Option<Box<Facts>>,
    /// Warning Events on it (a quota that refuses its pods, say).
    pub(super) notes: Notes,
}

/// All owners of one namespace.
#[derive(Default)]
pub(super) struct Owners {
    nodes: HashMap<Uid, Node>,
    names: HashMap<Arc<str>, BTreeSet<Uid>>,
    failing: BTreeSet<Uid>,
}

impl Owners {
    pub(super) fn get(&self, uid: &Uid) -> Option<&Node> {
        self.nodes.get(uid)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Uid, &Node)> {
        self.nodes.iter()
    }

    /// For tests: how much is kept, by structure.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> [(&'static str, usize); 3] {
        let notes = self.nodes.values().map(|n| n.notes.len());
        [
            ("owners", self.nodes.len()),
            ("owners by name", self.names.len()),
            ("notes on owners", notes.sum()),
        ]
    }

    /// Makes sure that the owner is there, if only by name.
    pub(super) fn ensure(&mut self, link: &Link) {
        if !self.nodes.contains_key(&link.uid) {
            let named = self.names.entry(Arc::clone(&link.name)).or_default();
            named.insert(link.uid.clone());
            let node = Node {
                kind: link.kind,
                written: link.written.clone(),
                name: Arc::clone(&link.name),
                parent: None,
                children: BTreeSet::new(),
                pods: BTreeSet::new(),
                failing: 0,
                facts: None,
                notes: Notes::default(),
            };
            self.nodes.insert(link.uid.clone(), node);
        }
    }

    /// Fills in what its object says.
    pub(super) fn put(&mut self, link: &Link, parent: Option<&Link>, facts: Facts) {
        self.ensure(link);
        if let Some(parent) = parent {
            self.ensure(parent);
        }
        let parent = parent.map(|p| p.uid.clone());
        let Some(node) = self.nodes.get_mut(&link.uid) else {
            return;
        };
        node.facts = Some(Box::new(facts));
        let old = std::mem::replace(&mut node.parent, parent.clone());
        if old == parent {
            return;
        }
        if let Some(old) = old {
            if let Some(node) = self.nodes.get_mut(&old) {
                node.children.remove(&link.uid);
            }
            self.sweep(&old);
        }
        if let Some(node) = parent.and_then(|p| self.nodes.get_mut(&p)) {
            node.children.insert(link.uid.clone());
        }
    }

    /// Its object cannot be read: as if it were paused.
    pub(super) fn pause(&mut self, uid: &Uid) {
        if let Some(facts) = self.nodes.get_mut(uid).and_then(|n| n.facts.as_mut()) {
            facts.consent = podmender_policy::observation::Consent::Paused;
        }
    }

    /// Its object is gone; what it owned may outlive it for a while, and its place is kept that long.
    pub(super) fn remove(&mut self, uid: &Uid) {
        if let Some(node) = self.nodes.get_mut(uid) {
            node.facts = None;
        }
        self.sweep(uid);
    }

    /// Adds a Warning Event.
    pub(super) fn note(&mut self, uid: &Uid, note: super::notes::Note) -> bool {
        self.nodes.get_mut(uid).is_some_and(|n| n.notes.add(note))
    }

    /// A pod joins its owner.
    pub(super) fn join(&mut self, owner: &Uid, pod: &Uid, failing: bool) {
        if let Some(node) = self.nodes.get_mut(owner) {
            node.pods.insert(pod.clone());
            self.count(owner, false, failing);
        }
    }

    /// A pod leaves its owner.
    pub(super) fn leave(&mut self, owner: &Uid, pod: &Uid, failing: bool) {
        if let Some(node) = self.nodes.get_mut(owner) {
            node.pods.remove(pod);
            self.count(owner, failing, false);
            self.sweep(owner);
        }
    }

    /// A pod of this owner began or ceased to fail.
    pub(super) fn count(&mut self, owner: &Uid, before: bool, now: bool) {
        let Some(node) = self.nodes.get_mut(owner) else {
            return;
        };
        match (before, now) {
            (false, true) => node.failing += 1,
            (true, false) => node.failing = node.failing.saturating_sub(1),
            _ => return,
        }
        if node.failing > 0 {
            self.failing.insert(owner.clone());
        } else {
            self.failing.remove(owner);
        }
    }

    /// How many workloads have a failing pod.
    pub(super) fn workloads_failing(&self) -> usize {
        let keys: BTreeSet<Key> = self
            .failing
            .iter()
            .filter_map(|uid| self.key(uid))
            .collect();
        keys.len()
    }

    /// The workload that `uid` belongs to.
    pub(super) fn key(&self, uid: &Uid) -> Option<Key> {
        let Some(top) = self.top(uid) else {
            // A cycle, or too long a chain: named after where it began, and nothing is done about it.
            let node = self.nodes.get(uid)?;
            return Some((WorkloadKind::Foreign, Arc::clone(&node.name)));
        };
        let node = self.nodes.get(&top)?;
        let kind = if self.usurped(&top, node) {
            WorkloadKind::Foreign
        } else {
            node.kind
        };
        Some((kind, Arc::clone(&node.name)))
    }

    /// The nodes whose pods make up the workload `key`.
    pub(super) fn members(&self, key: &Key) -> Vec<&Uid> {
        let mut found = Vec::new();
        let mut next: Vec<&Uid> = self.names.get(&key.1).into_iter().flatten().collect();
        while let Some(uid) = next.pop() {
            if found.contains(&uid) || self.key(uid).as_ref() != Some(key) {
                continue;
            }
            found.push(uid);
            next.extend(self.nodes.get(uid).into_iter().flat_map(|n| &n.children));
        }
        found
    }

    /// The highest owner that the agent can name. The object of an operator's own kind above, say, a StatefulSet is passed over:
    /// the StatefulSet is what restarts pods. But a ReplicaSet below such a kind (an Argo Rollout) is never the workload (fault 94).
    fn top(&self, uid: &Uid) -> Option<Uid> {
        let mut at = uid;
        for _ in 0..DEPTH {
            let node = self.nodes.get(at)?;
            let Some((parent, owner)) = node
                .parent
                .as_ref()
                .and_then(|p| Some((p, self.nodes.get(p)?)))
            else {
                return Some(at.clone());
            };
            if owner.kind == WorkloadKind::Foreign && node.kind != WorkloadKind::ReplicaSet {
                return Some(at.clone());
            }
            at = parent;
        }
        None
    }

    /// Whether another object has its name now: an owner reference with a UID that is no longer, or never was, its owner's.
    fn usurped(&self, uid: &Uid, node: &Node) -> bool {
        let same = |other: &Uid| {
            let other_node = self.nodes.get(other);
            other != uid && other_node.is_some_and(|n| n.kind == node.kind && n.facts.is_some())
        };
        node.facts.is_none()
            && self
                .names
                .get(&node.name)
                .is_some_and(|uids| uids.iter().any(same))
    }

    /// Forgets nodes, from `uid` upwards, that nothing names any more.
    fn sweep(&mut self, uid: &Uid) {
        let mut at = uid.clone();
        while let Some(node) = self.nodes.get(&at) {
            if node.facts.is_some() || !node.pods.is_empty() || !node.children.is_empty() {
                return;
            }
            let parent = node.parent.clone();
            let name = Arc::clone(&node.name);
            self.nodes.remove(&at);
            self.failing.remove(&at);
            if let Some(named) = self.names.get_mut(&name) {
                named.remove(&at);
                if named.is_empty() {
                    self.names.remove(&name);
                }
            }
            let Some(parent) = parent else { return };
            if let Some(node) = self.nodes.get_mut(&parent) {
                node.children.remove(&at);
            }
            at = parent;
        }
    }
}
