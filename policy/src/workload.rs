//! The workload: what an incident, a budget and a decision are keyed by (a pod would die with the remedy).

use crate::bounds::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Kinds of owner that the agent can name. Spelt as Kubernetes spells them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum WorkloadKind {
    /// apps/v1 Deployment.
    Deployment,
    /// apps/v1 StatefulSet.
    StatefulSet,
    /// apps/v1 DaemonSet.
    DaemonSet,
    /// apps/v1 ReplicaSet without a Deployment.
    ReplicaSet,
    /// batch/v1 Job without a CronJob.
    Job,
    /// batch/v1 CronJob.
    CronJob,
    /// A pod that nothing owns, or a static pod: eviction would destroy it.
    Pod,
    /// Owned by a kind that the agent does not know (an operator's own).
    Foreign,
}

impl WorkloadKind {
    /// The kind's name, as in `kubectl get`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::Pod => "Pod",
            Self::Foreign => "Foreign",
        }
    }
}

/// Names one workload of one cluster.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRef {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
}

impl fmt::Display for WorkloadRef {
    /// `namespace/Kind/name`, as logs and messages show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.kind.as_str(), self.name)
    }
}
