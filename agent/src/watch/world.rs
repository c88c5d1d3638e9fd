//! What the agent knows about the scoped namespaces.

use super::{
    life::{Lives, WatchState},
    observe,
    owners::Key,
    space::Space,
};
use jiff::Timestamp;
use podmender_policy::{
    bounds::Name,
    observation::{Disruption, EventSeen, Freshness, PodSeen, Replicas, WorkloadSeen},
    workload::WorkloadRef,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// The [`World`], shared between the watches and the reconciler: short synchronous locks only, never across an `.await`.
#[derive(Clone)]
pub struct Worlds(Arc<Mutex<World>>);

impl Worlds {
    /// Shares `world`.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// Locks it. A guard is not `Send`, so the compiler refuses to hold it across an `.await` in a spawned task. Take one guard
    /// for a statement: a second `lock()` in the arguments of the same call waits for the first for ever.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Compact records of pods, owners and budgets, by namespace.
pub struct World {
    started: Timestamp,
    spaces: BTreeMap<Name, Space>,
    /// Open workloads of namespaces that are not watched (yet).
    parked: BTreeMap<Name, BTreeSet<Key>>,
}

/// Everything the world knows about one workload: becomes an `Observation` with policy-wide facts added.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The workload's own facts; `presence` is `Gone` when neither it nor a pod of it is known.
    pub workload: WorkloadSeen,
    /// Its labels, for the policy's selector; of a kind that is not watched, those of one of its pods.
    pub labels: Vec<(Name, Name)>,
    /// Pods that are not plainly healthy, with their probe failures and Events; `log` of the containers is not filled in.
    pub suspects: Vec<PodSeen>,
    /// Warning Events on the workload itself or a ReplicaSet or Job of it (`FailedCreate` when a quota refuses its pods, say),
    /// oldest first, at most 8.
    pub events: Vec<EventSeen>,
    /// UIDs of all of its pods.
    pub pod_uids: Vec<Name>,
    /// Replica counts.
    pub replicas: Replicas,
    /// What a PodDisruptionBudget would say to evicting a suspect.
    pub disruption: Disruption,
    /// Whether every watch of the namespace but that of Events is synced and gave a sign of life within 60 s.
    pub freshness: Freshness,
}

/// How much fails in some namespaces (becomes `Surroundings`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pods.
    pub pods: u32,
    /// Pods that fail (not: that start, leave or have ended well).
    pub pods_failing: u32,
    /// Workloads with at least one failing pod.
    pub workloads_failing: u32,
}

impl World {
    /// An empty world. Events that happened more than 30 s before `started` are not news.
    #[must_use]
    pub fn new(started: Timestamp) -> Self {
        Self {
            started,
            spaces: BTreeMap::new(),
            parked: BTreeMap::new(),
        }
    }

    /// What is known about `id` now. Costs no API request; O(pods of the workload).
    #[must_use]
    pub fn observe(&self, id: &WorkloadRef, now: Timestamp) -> Seen {
        match self.spaces.get(&id.namespace) {
            Some(space) => observe::workload(space, id, now),
            None => observe::unknown(id),
        }
    }

    /// Counts over `namespaces` (a policy's scope); kept up to date with each event, O(workloads that fail) here.
    #[must_use]
    pub fn failing<'a>(&self, namespaces: impl IntoIterator<Item = &'a Name>) -> Counts {
        let mut counts = Counts::default();
        for space in namespaces.into_iter().filter_map(|ns| self.spaces.get(ns)) {
            let workloads = space.owners.workloads_failing();
            counts.pods += u32::try_from(space.pods.len()).unwrap_or(u32::MAX);
            counts.pods_failing += space.failing;
            counts.workloads_failing += u32::try_from(workloads).unwrap_or(u32::MAX);
        }
        counts
    }

    /// Every workload of which a pod or the object itself is known, in order.
    #[must_use]
    pub fn workloads(&self) -> BTreeSet<WorkloadRef> {
        self.named(|space| {
            let owners = space.owners.iter().map(|(uid, _)| uid);
            owners.filter_map(|uid| space.owners.key(uid)).collect()
        })
    }

    /// Workloads with at least one pod that is not plainly healthy: what a full pass has to look at.
    #[must_use]
    pub fn suspects(&self) -> BTreeSet<WorkloadRef> {
        self.named(Space::suspected_keys)
    }

    /// Says that `id` has an open incident (or no longer): every change of it then wakes it, also a pod becoming healthy.
    /// May be called before its namespace is watched, and is remembered.
    pub fn mark_open(&mut self, id: &WorkloadRef, open: bool) {
        let keys = match self.spaces.get_mut(&id.namespace) {
            Some(space) => &mut space.open,
            None => self.parked.entry(id.namespace.clone()).or_default(),
        };
        let key = (id.kind, id.name.as_str().into());
        if open {
            keys.insert(key);
        } else {
            keys.remove(&key);
        }
    }

    /// For tests: how much is kept of all namespaces, by structure.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> BTreeMap<&'static str, usize> {
        let mut all = BTreeMap::new();
        for (what, count) in self.spaces.values().flat_map(Space::remembered) {
            *all.entry(what).or_default() += count;
        }
        all
    }

    /// How each watch is doing.
    #[must_use]
    pub fn watch_states(&self) -> Vec<WatchState> {
        let all = self.spaces.iter().flat_map(|(namespace, space)| {
            let lives = space.lives.all();
            lives.map(|(resource, life)| life.state(namespace, resource))
        });
        all.collect()
    }

    /// The watches that are not fresh: what `/readyz` and the condition `Degraded` name.
    #[must_use]
    pub fn degraded(&self) -> Vec<WatchState> {
        let mut states = self.watch_states();
        states.retain(|w| !w.fresh());
        states
    }

    /// Whether every watch of every namespace has its first complete list. True while no namespace is watched.
    #[must_use]
    pub fn synced(&self) -> bool {
        let mut lives = self.spaces.values().flat_map(|s| s.lives.all());
        lives.all(|(_, life)| life.synced())
    }

    /// Begins to keep a namespace.
    pub(super) fn open_space(&mut self, namespace: &Name) -> (Lives, Arc<Notify>) {
        let mut space = Space::new(self.started);
        space.open = self.parked.remove(namespace).unwrap_or_default();
        let handles = (space.lives.clone(), Arc::clone(&space.alert));
        self.spaces.insert(namespace.clone(), space);
        handles
    }

    /// Forgets a namespace, but for which of its workloads are open.
    pub(super) fn close_space(&mut self, namespace: &Name) {
        if let Some(space) = self.spaces.remove(namespace).filter(|s| !s.open.is_empty()) {
            self.parked.insert(namespace.clone(), space.open);
        }
    }

    /// Changes a namespace; gives the workloads to look at.
    pub(super) fn change(
        &mut self,
        namespace: &Name,
        change: impl FnOnce(&mut Space),
    ) -> Vec<WorkloadRef> {
        let Some(space) = self.spaces.get_mut(namespace) else {
            return Vec::new();
        };
        change(space);
        let keys = space.take_wakes();
        keys.into_iter().map(|key| named(namespace, &key)).collect()
    }

    fn named(&self, keys: impl Fn(&Space) -> BTreeSet<Key>) -> BTreeSet<WorkloadRef> {
        let mut all = BTreeSet::new();
        for (namespace, space) in &self.spaces {
            all.extend(keys(space).iter().map(|key| named(namespace, key)));
        }
        all
    }

    /// Whether a suspect or an open incident is there: then opt-outs must be known within seconds.
    pub(super) fn busy(&self, namespace: &Name) -> bool {
        let space = self.spaces.get(namespace);
        space.is_some_and(|s| !s.suspects.is_empty() || !s.open.is_empty())
    }
}

fn named(namespace: &Name, key: &Key) -> WorkloadRef {
    WorkloadRef {
        kind: key.0,
        namespace: namespace.clone(),
        name: Name::new(&key.1),
    }
}
