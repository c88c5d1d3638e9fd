//! Signs of life of each watch, and what is wrong with it.

use podmender_policy::bounds::{Message, Name};
use std::time::Duration;

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
