//! Remedies: what can be done, by name, and which of them can help which diagnosis.

use crate::{
    bounds::{Name, Text},
    decide::Reason,
    diagnose::{Diagnosis, FailureKind, Onset},
    observation::{Manager, Observation, Replaces, RolloutState},
    rules::{Policy, RestartHow},
    verify::after,
    workload::{WorkloadKind, WorkloadRef},
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

/// How an act ended. Stored as `{type: Executed}` or `{type: Refused, why: Gone}`: a structural schema allows no
/// "a string or an object".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "why")]
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

/// What the remedy table says for one diagnosis at one moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing, and not a person either: it may still mend itself until then.
    Wait(Timestamp),
    /// A restart can help.
    Restart(Effect),
    /// Only a person can help.
    Person(Reason),
}

/// The remedy table (design.md, section 5): where a restart can help at all.
///
/// `failed` counts the attempts of this incident that were verified and did not help.
#[must_use]
pub fn next(
    policy: &Policy,
    diagnosis: &Diagnosis,
    seen: &Observation,
    failed: usize,
    now: Timestamp,
) -> Step {
    match seen.workload.id.kind {
        WorkloadKind::Pod => return Step::Person(Reason::BarePod),
        WorkloadKind::Foreign => return Step::Person(Reason::ForeignOwner),
        WorkloadKind::Job | WorkloadKind::CronJob => return Step::Person(Reason::OwnedByJob),
        WorkloadKind::Deployment
        | WorkloadKind::StatefulSet
        | WorkloadKind::DaemonSet
        | WorkloadKind::ReplicaSet => {}
    }
    let restart = || Step::Restart(restart_effect(policy, diagnosis, seen, now));
    let after_hold = || {
        let until = after(diagnosis.since, policy.restart.hold);
        if now < until {
            Step::Wait(until)
        } else {
            restart()
        }
    };
    match (diagnosis.failure, diagnosis.onset) {
        (
            FailureKind::CrashLoopBackOff | FailureKind::Error | FailureKind::OOMKilled,
            Onset::NewRevision | Onset::AtStart,
        ) => Step::Person(Reason::RestartCannotHelp),
        (FailureKind::CrashLoopBackOff | FailureKind::Error, Onset::AfterRunning) => restart(),
        // A leak: one restart buys time; the second OOM in the same incident needs more memory, which a person gives.
        (FailureKind::OOMKilled, Onset::AfterRunning) if failed == 0 => restart(),
        (
            FailureKind::LivenessProbeFailed | FailureKind::StartupProbeFailed,
            Onset::AfterRunning | Onset::AtStart,
        ) if failed == 0 => after_hold(),
        // Every replica not ready at once points at something they share: a restart would only add to it.
        (FailureKind::ReadinessProbeFailed, Onset::AfterRunning | Onset::AtStart)
            if seen.replicas.ready > 0 || seen.replicas.desired <= 1 =>
        {
            after_hold()
        }
        (FailureKind::NodeNotReady, _) => Step::Person(Reason::NodeNotReady),
        (FailureKind::JobFailed, _) => Step::Person(Reason::OwnedByJob),
        (
            FailureKind::OOMKilled
            | FailureKind::LivenessProbeFailed
            | FailureKind::StartupProbeFailed
            | FailureKind::ReadinessProbeFailed
            | FailureKind::ErrImagePull
            | FailureKind::ImagePullBackOff
            | FailureKind::InvalidImageName
            | FailureKind::ErrImageNeverPull
            | FailureKind::CreateContainerConfigError
            | FailureKind::CreateContainerError
            | FailureKind::RunContainerError
            | FailureKind::ContainerCannotRun
            | FailureKind::Unschedulable
            | FailureKind::FailedMount,
            _,
        ) => Step::Person(Reason::RestartCannotHelp),
    }
}

/// Eviction, unless the policy asks for a rollout restart and nobody else owns the spec (A12) and a rollout would start now,
/// reach every pod (rows 90, 91, 103) and take down nothing that serves (row 96).
fn restart_effect(
    policy: &Policy,
    diagnosis: &Diagnosis,
    seen: &Observation,
    now: Timestamp,
) -> Effect {
    let kind_has_rollout = matches!(
        seen.workload.id.kind,
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet
    );
    let spec_is_free = matches!(seen.workload.manager, Manager::None | Manager::Helm)
        && !matches!(
            seen.workload.rollout.state,
            RolloutState::Paused | RolloutState::Held
        );
    // Restarting one pod must not take down those that serve (row 96).
    let spares_others =
        seen.workload.rollout.replaces == Replaces::Gradually || seen.replicas.ready == 0;
    if policy.restart.how == RestartHow::Rollout
        && kind_has_rollout
        && spec_is_free
        && spares_others
    {
        return Effect::RolloutRestart {
            uid: seen.workload.uid.clone(),
            generation: seen.workload.generation,
            stamp: now,
        };
    }
    Effect::Evict {
        pod: diagnosis.pod.clone(),
        uid: diagnosis.pod_uid.clone(),
    }
}
