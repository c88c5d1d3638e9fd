//! What the agent knows about the scoped namespaces.

use super::life::WatchState;
use jiff::Timestamp;
use podmender_policy::{
    bounds::Name,
    observation::{Disruption, Freshness, PodSeen, Replicas, WorkloadSeen},
    workload::WorkloadRef,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The [`World`], shared between the watches and the reconciler: short synchronous locks only, never across an `.await`.
#[derive(Clone)]
pub struct Worlds(Arc<Mutex<World>>);

impl Worlds {
    /// Shares `world`.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// Locks it. A guard is not `Send`, so the compiler refuses to hold it across an `.await` in a spawned task.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Compact records of pods, owners and budgets, by namespace.
pub struct World {
    started: Timestamp,
}

/// Everything the world knows about one workload: becomes an `Observation` with policy-wide facts added.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The workload's own facts; `presence` is `Gone` when neither it nor a pod of it is known.
    pub workload: WorkloadSeen,
    /// Its labels, for the policy's selector.
    pub labels: Vec<(Name, Name)>,
    /// Pods that are not plainly healthy, with their probe failures and Events; `log` of the containers is not filled in.
    pub suspects: Vec<PodSeen>,
    /// UIDs of all of its pods.
    pub pod_uids: Vec<Name>,
    /// Replica counts.
    pub replicas: Replicas,
    /// What a PodDisruptionBudget would say to evicting a suspect.
    pub disruption: Disruption,
    /// Whether every watch of the namespace is synced and gave a sign of life within 60 s.
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
        Self { started }
    }

    /// What is known about `id` now. Costs no API request; O(pods of the workload).
    #[must_use]
    pub fn observe(&self, id: &WorkloadRef, now: Timestamp) -> Seen {
        let _ = (self.started, now);
        skeleton(id)
    }

    /// Counts over `namespaces` (a policy's scope); O(workloads) at most, kept up to date with each event.
    #[must_use]
    pub fn failing<'a>(&self, namespaces: impl IntoIterator<Item = &'a Name>) -> Counts {
        let _ = namespaces.into_iter().count();
        Counts::default()
    }

    /// Every workload of which a pod or the object itself is known, in order.
    #[must_use]
    pub fn workloads(&self) -> BTreeSet<WorkloadRef> {
        BTreeSet::new()
    }

    /// Workloads with at least one pod that is not plainly healthy: what a full pass has to look at.
    #[must_use]
    pub fn suspects(&self) -> BTreeSet<WorkloadRef> {
        BTreeSet::new()
    }

    /// Says that `id` has an open incident (or no longer): every change of it then wakes it, also a pod becoming healthy.
    pub fn mark_open(&mut self, id: &WorkloadRef, open: bool) {
        let _ = (id, open);
    }

    /// How each watch is doing.
    #[must_use]
    pub fn watch_states(&self) -> Vec<WatchState> {
        Vec::new()
    }

    /// The watches that are not fresh: what `/readyz` and the condition `Degraded` name.
    #[must_use]
    pub fn degraded(&self) -> Vec<WatchState> {
        self.watch_states()
            .into_iter()
            .filter(|w| !w.fresh())
            .collect()
    }

    /// Whether every watch of every namespace has its first complete list.
    #[must_use]
    pub fn synced(&self) -> bool {
        self.watch_states().iter().all(|w| w.synced)
    }
}

/// What is said about a workload of which nothing is known.
fn skeleton(id: &WorkloadRef) -> Seen {
    use podmender_policy::{
        bounds::Text,
        observation::{Consent, Manager, Presence, Rollout, RolloutState},
    };
    Seen {
        workload: WorkloadSeen {
            id: id.clone(),
            uid: Name::default(),
            generation: 0,
            owner_kind: Text::new(id.kind.as_str()),
            presence: Presence::Gone,
            consent: Consent::Given,
            rollout: Rollout {
                state: RolloutState::Unknown,
                revision: None,
                since: None,
                has_previous: false,
            },
            restarted_at: None,
            manager: Manager::None,
        },
        labels: Vec::new(),
        suspects: Vec::new(),
        pod_uids: Vec::new(),
        replicas: Replicas::default(),
        disruption: Disruption::Allowed,
        freshness: Freshness::Stale,
    }
}
