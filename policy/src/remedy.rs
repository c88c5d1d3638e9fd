//! Remedies: what can be done, by name, and which of them can help which diagnosis.

use crate::{
    bounds::{Name, Text},
    workload::WorkloadRef,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Every remedy and request by name, as `requireApproval` lists them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
#[allow(
    missing_docs,
    reason = "the names are the documentation; what each does stands in docs"
)]
pub enum RemedyName {
    Restart,
    Rollback,
    RaiseMemory,
    Scale,
    DeleteStuckPod,
    DeleteDeployment,
    ScaleToZero,
    ModifySecrets,
}

impl RemedyName {
    /// The name as users write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Rollback => "rollback",
            Self::RaiseMemory => "raiseMemory",
            Self::Scale => "scale",
            Self::DeleteStuckPod => "deleteStuckPod",
            Self::DeleteDeployment => "deleteDeployment",
            Self::ScaleToZero => "scaleToZero",
            Self::ModifySecrets => "modifySecrets",
        }
    }
}

/// Identifies one act, everywhere: ledger, audit, incident, log.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct ActionId(pub Text<32>);

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The only things that may be done to a workload. Each names its object, UID and every parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "type"
)]
pub enum Effect {
    /// Evict one pod, with its UID as precondition. RBAC: `create` on `pods/eviction`.
    Evict {
        /// The pod.
        pod: Name,
        /// Its UID.
        uid: Name,
    },
    /// Restart the rollout the way kubectl does (annotation `kubectl.kubernetes.io/restartedAt`).
    /// RBAC: `patch` on the workload's kind.
    RolloutRestart {
        /// The workload's UID.
        uid: Name,
        /// The generation that was judged.
        generation: i64,
        /// The annotation's value, fixed before the act, so that a read-back can recognise it.
        stamp: Timestamp,
    },
}

impl Effect {
    /// The remedy that this effect belongs to.
    #[must_use]
    pub fn remedy(&self) -> RemedyName {
        match self {
            Self::Evict { .. } | Self::RolloutRestart { .. } => RemedyName::Restart,
        }
    }
}

/// An effect with its id and the workload that it is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Act {
    /// Its id.
    pub id: ActionId,
    /// The workload.
    pub workload: WorkloadRef,
    /// What is done.
    pub effect: Effect,
}

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Outcome {
    /// The API server accepted it (or a read-back shows that it did).
    Executed,
    /// The cluster or a last look refused it: nothing was changed.
    Refused(Refusal),
    /// It was intended, and not done: too late, or no longer valid.
    Abandoned,
    /// The call failed, and a read-back shows that nothing was changed.
    Failed,
}

/// Why an act was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Refusal {
    /// The target is gone or another one (UID).
    Gone,
    /// The target is healthy again.
    Healthy,
    /// A PodDisruptionBudget does not allow it.
    DisruptionBudget,
    /// More than one PodDisruptionBudget selects the pod.
    ConflictingBudgets,
    /// The agent lacks the permission.
    Forbidden,
    /// An admission policy or webhook denies it.
    Admission,
    /// Paused, opted out or out of scope meanwhile.
    Consent,
    /// The API server is overloaded (429 without a PodDisruptionBudget behind it).
    Overloaded,
    /// The spec has changed since it was judged.
    Changed,
}
