//! `Observation -> Option<Finding>`: names the failure, from states before Events, and the evidence for it.

mod command;
mod config;
mod crash;
mod image;
mod job;
mod kind;
mod memory;
mod probe;
mod rollout;
mod schedule;
mod sentence;
mod sign;
mod volume;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

use crate::{
    bounds::{CleanLine, Message, Name, Text},
    observation::{ContainerRole, EventSeen, LogCause, Observation, PodSeen, Presence},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sign::Sign;

pub use crash::{BACKOFF_FORGOTTEN, RAN_WELL, SETTLES_AFTER};
pub use kind::{FailureFamily, FailureKind};
pub use probe::RECENT;
pub use schedule::SCHEDULED_WITHIN;
pub use volume::MOUNTED_WITHIN;

/// When the fault began, as far as it tells what could help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Onset {
    /// With the newest revision, and an older one is known.
    NewRevision,
    /// At start: it never ran well, and there is no older revision to compare with.
    AtStart,
    /// It ran well before.
    AfterRunning,
}

/// A ConfigMap, Secret or key that is missing (name and key as the kubelet's message gives them).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// What is missing.
    pub kind: MissingKind,
    /// The object's name.
    pub name: Name,
    /// The key in it, if the object is there but not the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Name>,
}

/// Kinds of object that a container can miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "Kubernetes kinds")]
pub enum MissingKind {
    ConfigMap,
    Secret,
    ServiceAccount,
    Volume,
}

/// Whether what fails already shows in what the cluster does, or only threatens to.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Standing {
    /// A first sign: a Ready pod's readiness probe has failed, and the kubelet still counts up to its threshold. Recorded, not
    /// told and not acted on: most pass.
    Suspected,
    /// It fails.
    #[default]
    Confirmed,
}

/// What is wrong: enums, numbers, ids and times only (invariant 3: no free text decides).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// What fails.
    pub failure: FailureKind,
    /// Which container, if it is one's fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Name>,
    /// What that container is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<ContainerRole>,
    // Empty, if none is left that does (of a Job that gave up).
    /// The pod that shows it best.
    pub pod: Name,
    /// That pod's UID.
    pub pod_uid: Name,
    /// When that pod was created.
    pub pod_created: Timestamp,
    /// Exit code of the last termination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Restarts of that container.
    pub restarts: u32,
    /// How often the failure happened in that pod.
    pub occurrences: u32,
    /// How many pods of the workload show it.
    pub pods_failing: u32,
    /// Since when.
    pub since: Timestamp,
    /// The newest sign of it.
    pub last: Timestamp,
    /// When it began, relative to revision and start.
    pub onset: Onset,
    /// The revision of that pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Name>,
    /// What is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// Whether it fails, or only threatens to.
    #[serde(default)]
    pub standing: Standing,
}

/// What a person needs to see to believe the diagnosis. Free text: shown, never decided from.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The probable cause in one sentence.
    pub sentence: Message,
    /// How sure, in percent.
    pub confidence: u8,
    /// What the log says.
    pub cause: LogCause,
    /// The message of the state, in the kubelet's or the runtime's words.
    pub message: Message,
    /// The log lines that matter, at most 10, redacted when the log was read.
    pub lines: Vec<CleanLine>,
    /// The Event that says it.
    pub event: Option<EventSeen>,
    /// The image of the container.
    pub image: Text<512>,
}

/// A diagnosis and its evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What is decided from.
    pub diagnosis: Diagnosis,
    /// What is shown.
    pub evidence: Evidence,
}

/// Names what fails, or `None` when nothing does (or what happens is expected: a drain, a deletion, a rollout's old pods).
///
/// Of several failing pods the one with the most telling failure is shown (see [`FailureFamily`]), then the one that
/// failed first, then by name: the order of `suspects` never matters.
#[must_use]
pub fn diagnose(seen: &Observation, now: Timestamp) -> Option<Finding> {
    if matches!(seen.workload.presence, Presence::Deleting | Presence::Gone) {
        return None;
    }
    if job::failed(seen) {
        let shown = job::sign(seen).map(|sign| finding(&sign, 1, seen));
        return shown.or_else(|| job::without_pods(seen));
    }
    let crashes = !job::counts_failures(seen);
    let signs = seen
        .suspects
        .iter()
        .filter_map(|pod| sign::of_pod(pod, crashes, now));
    let signs: Vec<Sign<'_>> = signs.collect();
    let chosen = signs.iter().min_by(|a, b| a.order().cmp(&b.order()))?;
    let family = chosen.kind.family();
    let same = signs.iter().filter(|s| s.kind.family() == family).count();
    Some(finding(
        chosen,
        u32::try_from(same).unwrap_or(u32::MAX),
        seen,
    ))
}

/// Whether this pod, taken by itself, is reason to act: it fails, and not only threatens to.
#[must_use]
pub fn fails(pod: &PodSeen, now: Timestamp) -> bool {
    sign::of_pod(pod, true, now).is_some_and(|sign| sign.standing == Standing::Confirmed)
}

/// When [`diagnose`] may come to another answer without any news from the cluster: the next time at which a failure
/// lapses (a container has run long enough again) or a delay becomes one (a pod that no node takes).
///
/// Nothing wakes the workload then but a timer: a plan's `wake_at` must not lie after it.
#[must_use]
pub fn look_again(seen: &Observation, now: Timestamp) -> Option<Timestamp> {
    let pods = seen.suspects.iter().filter(|p| !sign::expected(p));
    pods.flat_map(|p| {
        let containers = p.containers.iter().filter_map(|c| probe::lapses(p, c, now));
        let dues = schedule::due(p).into_iter().chain(volume::due(p));
        containers.chain(dues)
    })
    .filter(|at| *at > now)
    .min()
}

/// Puts a finding together.
fn finding(sign: &Sign<'_>, pods_failing: u32, seen: &Observation) -> Finding {
    let c = sign.container;
    let diagnosis = Diagnosis {
        standing: sign.standing,
        failure: sign.kind,
        container: c.map(|c| c.name.clone()),
        role: c.map(|c| c.role),
        pod: sign.pod.name.clone(),
        pod_uid: sign.pod.uid.clone(),
        pod_created: sign.pod.created,
        exit_code: sign.ended.map(|t| t.exit_code),
        restarts: c.map_or(0, |c| c.restarts),
        occurrences: sign.occurrences.max(1),
        pods_failing: pods_failing.max(1),
        since: sign.since.min(sign.last),
        last: sign.last,
        onset: rollout::onset(sign, &seen.workload.rollout),
        revision: sign.pod.revision.clone(),
        missing: sign.missing.clone(),
    };
    let evidence = sentence::evidence(sign);
    Finding {
        diagnosis,
        evidence,
    }
}
