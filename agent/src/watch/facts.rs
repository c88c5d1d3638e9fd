//! What an owner's own object says: rollout, consent, manager, replicas.

use super::{
    consent, seen,
    slim::owner::{Condition, Spec, Status},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use podmender_policy::{
    bounds::{Name, Text},
    observation::{Consent, GaveUp, Manager, Replaces, RolloutState},
    workload::WorkloadKind,
};

/// Labels of a workload that are kept for the policy's selector.
const MOST_LABELS: usize = 64;

/// One owner's own object.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Facts {
    pub(super) generation: i64,
    pub(super) deleting: bool,
    pub(super) created: Option<Timestamp>,
    pub(super) consent: Consent,
    pub(super) manager: Manager,
    pub(super) desired: u32,
    pub(super) rollout: RolloutState,
    pub(super) replaces: Replaces,
    /// Of a Job.
    pub(super) gave_up: Option<GaveUp>,
    /// The newest revision, as far as the object itself names it (a StatefulSet does; a ReplicaSet is one).
    pub(super) revision: Option<Name>,
    /// Whether the object itself tells of an older revision.
    pub(super) has_previous: bool,
    /// A ReplicaSet's `deployment.kubernetes.io/revision`.
    pub(super) number: u64,
    pub(super) restarted_at: Option<Timestamp>,
    pub(super) labels: Box<[(Name, Name)]>,
    pub(super) version: u64,
    /// The list in which it was seen last.
    pub(super) round: u32,
}

impl Facts {
    /// Reads them from any of the kinds that own pods.
    pub(super) fn of(kind: WorkloadKind, meta: &ObjectMeta, spec: &Spec, status: &Status) -> Self {
        let annotation = |key: &str| meta.annotations.as_ref()?.get(key).map(String::as_str);
        let label = |key: &str| meta.labels.as_ref()?.get(key).map(String::as_str);
        let revision = match kind {
            WorkloadKind::ReplicaSet => label("pod-template-hash"),
            WorkloadKind::StatefulSet => status.update_revision.as_deref(),
            _ => None,
        };
        let has_previous = match kind {
            WorkloadKind::StatefulSet => {
                status.current_revision.is_some()
                    && status.current_revision != status.update_revision
            }
            WorkloadKind::DaemonSet => annotation("deprecated.daemonset.template.generation")
                .and_then(|g| g.parse::<u64>().ok())
                .is_some_and(|g| g > 1),
            _ => false,
        };
        let restarted_at = spec.template.metadata.annotations.restarted_at.as_deref();
        Self {
            generation: meta.generation.unwrap_or(0),
            deleting: meta.deletion_timestamp.is_some(),
            created: meta.creation_timestamp.as_ref().map(|t| t.0),
            consent: consent::read(meta.annotations.as_ref()),
            manager: consent::manager(meta),
            desired: desired(kind, spec, status),
            rollout: rollout(kind, meta, spec, status),
            replaces: match spec.strategy.kind.as_deref() {
                Some("Recreate") => Replaces::AllAtOnce,
                _ => Replaces::Gradually,
            },
            gave_up: gave_up(kind, status),
            revision: revision.filter(|r| !r.is_empty()).map(Name::new),
            has_previous,
            number: annotation("deployment.kubernetes.io/revision")
                .and_then(|n| n.parse().ok())
                .unwrap_or(0),
            restarted_at: restarted_at.and_then(|at| at.parse().ok()),
            labels: labels(meta),
            version: super::record::version(meta.resource_version.as_deref()),
            round: 0,
        }
    }

    /// Whether anything but the bookkeeping differs.
    pub(super) fn differs(&self, other: &Self) -> bool {
        let other = Self {
            version: self.version,
            round: self.round,
            ..other.clone()
        };
        *self != other
    }
}

/// An object's labels, bounded.
pub(super) fn labels(meta: &ObjectMeta) -> Box<[(Name, Name)]> {
    let labels = meta.labels.iter().flatten().take(MOST_LABELS);
    labels.map(|(k, v)| (Name::new(k), Name::new(v))).collect()
}

fn desired(kind: WorkloadKind, spec: &Spec, status: &Status) -> u32 {
    let count = match kind {
        WorkloadKind::DaemonSet => status.desired_number_scheduled,
        WorkloadKind::Job => spec.parallelism.unwrap_or(1),
        WorkloadKind::CronJob => 0,
        _ => spec.replicas.unwrap_or(1),
    };
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}

fn rollout(kind: WorkloadKind, meta: &ObjectMeta, spec: &Spec, status: &Status) -> RolloutState {
    let rolls = matches!(
        kind,
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet
    );
    let lags = status.observed_generation.unwrap_or(0) < meta.generation.unwrap_or(0);
    let wanted = i64::from(desired(kind, spec, status));
    if failed(kind, status).is_some() {
        // It gave up (BackoffLimitExceeded, DeadlineExceeded).
        RolloutState::Stuck
    } else if !rolls {
        RolloutState::Unknown
    } else if spec.paused {
        RolloutState::Paused
    } else if wanted == 0 && kind != WorkloadKind::DaemonSet {
        RolloutState::ScaledToZero
    } else if lags {
        RolloutState::Progressing
    } else {
        match kind {
            WorkloadKind::Deployment => deployment(status, wanted),
            _ if spec.update_strategy.kind.as_deref() == Some("OnDelete") => RolloutState::Held,
            WorkloadKind::StatefulSet => stateful_set(spec, status, wanted),
            _ => by_count(status.updated_number_scheduled, wanted, false),
        }
    }
}

/// A Job's `Failed` condition, if it holds.
fn failed(kind: WorkloadKind, status: &Status) -> Option<&Condition> {
    let condition = status
        .condition("Failed")
        .filter(|_| kind == WorkloadKind::Job);
    condition.filter(|c| c.status == "True")
}

fn gave_up(kind: WorkloadKind, status: &Status) -> Option<GaveUp> {
    let condition = failed(kind, status)?;
    Some(GaveUp {
        reason: Text::new(condition.reason.as_deref().unwrap_or("Failed")),
        message: seen::message(condition.message.as_deref()),
        at: condition.last_transition_time.as_ref()?.0,
    })
}

/// With a partition only the pods above it are ever of the newest revision.
fn stateful_set(spec: &Spec, status: &Status, wanted: i64) -> RolloutState {
    let kept = spec
        .update_strategy
        .rolling_update
        .partition
        .clamp(0, wanted);
    let done = status.current_revision == status.update_revision;
    match by_count(status.updated_replicas, wanted - kept, done) {
        RolloutState::Complete if kept > 0 => RolloutState::Held,
        state => state,
    }
}

/// The Progressing condition (pkg/controller/deployment/util: `NewReplicaSetAvailable`, `ProgressDeadlineExceeded`). It stays
/// `NewReplicaSetAvailable` when pods of a completed rollout fail later. Without it (no deadline), the counts say it.
fn deployment(status: &Status, wanted: i64) -> RolloutState {
    let reason = status
        .condition("Progressing")
        .and_then(|c| c.reason.as_deref());
    match reason {
        Some("NewReplicaSetAvailable") => RolloutState::Complete,
        Some("ProgressDeadlineExceeded") => RolloutState::Stuck,
        Some(_) => RolloutState::Progressing,
        None => by_count(
            status.updated_replicas.min(status.available_replicas),
            wanted,
            status.replicas == wanted,
        ),
    }
}

/// A StatefulSet or DaemonSet has no progress deadline: it is done when every pod is of the newest revision.
fn by_count(updated: i64, wanted: i64, done: bool) -> RolloutState {
    if done || updated >= wanted {
        RolloutState::Complete
    } else {
        RolloutState::Progressing
    }
}
