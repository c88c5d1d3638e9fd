//! `Observation -> Option<Finding>`: names the failure, from states before Events, and the evidence for it.

use crate::{
    bounds::{LogLine, Message, Name, Text},
    observation::{ContainerRole, EventSeen, LogCause, Observation},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What fails, spelt as Kubernetes spells the reason where it has one.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[allow(missing_docs, reason = "spelt as Kubernetes spells the reason")]
pub enum FailureKind {
    CrashLoopBackOff,
    /// Exits with an error, not (yet) backed off.
    Error,
    OOMKilled,
    LivenessProbeFailed,
    ReadinessProbeFailed,
    StartupProbeFailed,
    ErrImagePull,
    ImagePullBackOff,
    InvalidImageName,
    ErrImageNeverPull,
    CreateContainerConfigError,
    CreateContainerError,
    RunContainerError,
    /// Exit 126, 127 or 128: the command cannot be run.
    ContainerCannotRun,
    Unschedulable,
    FailedMount,
    NodeNotReady,
    /// A Job used up its backoffLimit.
    JobFailed,
}

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
    /// The log lines that matter, at most 10.
    pub lines: Vec<LogLine>,
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
#[must_use]
pub fn diagnose(_seen: &Observation, _now: Timestamp) -> Option<Finding> {
    None
}

/// Failures that are one and the same to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "stub until the diagnosis lands")]
pub enum Family {
    Any,
}
impl FailureKind {
    /// Its family.
    #[must_use]
    pub fn family(self) -> Family {
        Family::Any
    }
}
