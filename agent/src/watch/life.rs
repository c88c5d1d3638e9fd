//! Signs of life of each watch, and what is wrong with it.

use podmender_policy::bounds::{Message, Name};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// A watch without a sign of life for this long is stale, and nothing may be done on what it says (invariant 10, faults 2 and 16).
pub const STALE_AFTER: Duration = Duration::from_secs(60);

/// What is watched in each scoped namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// v1 Pod.
    Pods,
    /// v1 Event on pods and their owners.
    Events,
    /// apps/v1 ReplicaSet.
    ReplicaSets,
    /// apps/v1 Deployment.
    Deployments,
    /// apps/v1 StatefulSet.
    StatefulSets,
    /// apps/v1 DaemonSet.
    DaemonSets,
    /// batch/v1 Job.
    Jobs,
    /// batch/v1 CronJob.
    CronJobs,
    /// policy/v1 PodDisruptionBudget.
    Budgets,
    /// The namespace object itself: read every few seconds, not watched (a Role allows `get` on its own namespace only).
    Namespace,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Pods,
        Self::Events,
        Self::ReplicaSets,
        Self::Deployments,
        Self::StatefulSets,
        Self::DaemonSets,
        Self::Jobs,
        Self::CronJobs,
        Self::Budgets,
        Self::Namespace,
    ];

    /// The plural, as in a URL and in RBAC, and as the metric label.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Events => "events",
            Self::ReplicaSets => "replicasets",
            Self::Deployments => "deployments",
            Self::StatefulSets => "statefulsets",
            Self::DaemonSets => "daemonsets",
            Self::Jobs => "jobs",
            Self::CronJobs => "cronjobs",
            Self::Budgets => "poddisruptionbudgets",
            Self::Namespace => "namespaces",
        }
    }
}

/// How one watch is doing: for conditions, metrics and `/readyz`.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchState {
    /// Its namespace.
    pub namespace: Name,
    /// What it watches.
    pub resource: Resource,
    /// Whether the first complete list is in.
    pub synced: bool,
    /// Since the last sign of life (data, bookmark, accepted request); `None`: never yet.
    pub silent: Option<Duration>,
    /// What is wrong, until the next sign of life.
    pub trouble: Option<WatchTrouble>,
    /// Objects that could not be decoded and were left out, since the start (fault 12, K8).
    pub quarantined: u64,
    /// Complete lists since the start: 1 is usual, more are relists (after 410).
    pub lists: u64,
}

impl WatchState {
    /// Whether decisions may rest on it: synced, and a sign of life within [`STALE_AFTER`].
    #[must_use]
    pub fn fresh(&self) -> bool {
        self.synced && self.silent.is_some_and(|s| s <= STALE_AFTER)
    }
}

/// Why a watch does not work.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchTrouble {
    /// 403: the Role or its binding is missing in this namespace. Retried every 30 s (fault 9).
    Forbidden,
    /// 401: the token is not accepted. Retried with back-off (fault 8).
    Unauthorized,
    /// 404: the namespace or the resource is not there.
    NotFound,
    /// Anything else, in the client's words without any response body.
    Failing(Message),
}

/// The life of one watch, written by the connection and the watch loop, read by the world; no lock on the way of data.
pub(super) struct Life {
    born: Instant,
    /// Milliseconds after `born`, plus 1; 0: never.
    last: AtomicU64,
    lists: AtomicU64,
    quarantined: AtomicU64,
    troubled: AtomicBool,
    trouble: Mutex<Option<WatchTrouble>>,
    first: Notify,
}

impl Life {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            born: Instant::now(),
            last: AtomicU64::new(0),
            lists: AtomicU64::new(0),
            quarantined: AtomicU64::new(0),
            troubled: AtomicBool::new(false),
            trouble: Mutex::new(None),
            first: Notify::new(),
        })
    }

    /// A sign of life came.
    pub(super) fn sign(&self) {
        let millis = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.last.store(millis + 1, Relaxed);
        if self.troubled.swap(false, Relaxed) {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// A complete list is in.
    pub(super) fn listed(&self) {
        self.lists.fetch_add(1, Relaxed);
        self.first.notify_waiters();
    }

    /// Waits for the first complete list.
    pub(super) async fn first_list(&self) {
        let first = self.first.notified();
        if !self.synced() {
            first.await;
        }
    }

    /// An object was set aside.
    pub(super) fn quarantine(&self) {
        self.quarantined.fetch_add(1, Relaxed);
    }

    /// Something is wrong. Gives whether it is news.
    pub(super) fn fail(&self, trouble: WatchTrouble) -> bool {
        let mut known = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        self.troubled.store(true, Relaxed);
        let news = known.as_ref() != Some(&trouble);
        *known = Some(trouble);
        news
    }

    pub(super) fn synced(&self) -> bool {
        self.lists.load(Relaxed) > 0
    }

    pub(super) fn troubled(&self) -> bool {
        self.troubled.load(Relaxed)
    }

    pub(super) fn fresh(&self) -> bool {
        self.synced() && self.silent().is_some_and(|s| s <= STALE_AFTER)
    }

    fn silent(&self) -> Option<Duration> {
        let last = self.last.load(Relaxed).checked_sub(1)?;
        Some(
            self.born
                .elapsed()
                .saturating_sub(Duration::from_millis(last)),
        )
    }

    pub(super) fn state(&self, namespace: &Name, resource: Resource) -> WatchState {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        WatchState {
            namespace: namespace.clone(),
            resource,
            synced: self.synced(),
            silent: self.silent(),
            trouble: trouble.clone(),
            quarantined: self.quarantined.load(Relaxed),
            lists: self.lists.load(Relaxed),
        }
    }
}

/// The lives of one namespace's watches.
#[derive(Clone)]
pub(super) struct Lives(Arc<[Arc<Life>]>);

impl Lives {
    pub(super) fn new() -> Self {
        Self(Resource::ALL.iter().map(|_| Life::new()).collect())
    }

    /// One watch's.
    pub(super) fn of(&self, resource: Resource) -> &Arc<Life> {
        &self.0[resource as usize]
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Resource, &Arc<Life>)> {
        Resource::ALL.into_iter().zip(self.0.iter())
    }
}
