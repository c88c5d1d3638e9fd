//! `FailureKind`: what fails, its family, its name in Kubernetes and in plain words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

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
    /// A pull failed: also `RegistryUnavailable`, `ImageInspectError` and `SignatureValidationFailed` (the evidence says which).
    ErrImagePull,
    ImagePullBackOff,
    InvalidImageName,
    ErrImageNeverPull,
    CreateContainerConfigError,
    CreateContainerError,
    /// The runtime could not start it; also a failing pre-start or post-start hook.
    RunContainerError,
    /// Exit 126 or 127, or the runtime's own 128: the command cannot be run.
    ContainerCannotRun,
    Unschedulable,
    FailedMount,
    NodeNotReady,
    /// A Job used up its backoffLimit (or its deadline).
    JobFailed,
}

/// Failures that are the same trouble under another name.
///
/// Kubernetes changes its word for one trouble every few seconds (`Error`, `CrashLoopBackOff`; `ErrImagePull`,
/// `ImagePullBackOff`), so a change inside a family is not a change of diagnosis: compare families, show kinds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum FailureFamily {
    /// Killed for its memory limit.
    Memory,
    /// The command cannot be started at all.
    Command,
    /// Kubernetes cannot make the container from its spec: something it names is missing or refused.
    Config,
    /// The image cannot be had.
    Image,
    /// It runs, and ends with an error.
    Crash,
    /// The kubelet's liveness or startup probe fails: it restarts the container.
    Probe,
    /// A volume cannot be mounted.
    Volume,
    /// No node takes it.
    Schedule,
    /// A Job gave up.
    Job,
    /// Only the readiness probe fails: it runs, without traffic.
    Readiness,
    /// Its node does not answer.
    Node,
}

impl FailureKind {
    /// The family: what to compare when asking whether this is still the same trouble.
    #[must_use]
    pub fn family(self) -> FailureFamily {
        match self {
            Self::CrashLoopBackOff | Self::Error => FailureFamily::Crash,
            Self::OOMKilled => FailureFamily::Memory,
            Self::LivenessProbeFailed | Self::StartupProbeFailed => FailureFamily::Probe,
            Self::ReadinessProbeFailed => FailureFamily::Readiness,
            Self::ErrImagePull
            | Self::ImagePullBackOff
            | Self::InvalidImageName
            | Self::ErrImageNeverPull => FailureFamily::Image,
            Self::CreateContainerConfigError => FailureFamily::Config,
            Self::CreateContainerError | Self::RunContainerError | Self::ContainerCannotRun => {
                FailureFamily::Command
            }
            Self::Unschedulable => FailureFamily::Schedule,
            Self::FailedMount => FailureFamily::Volume,
            Self::NodeNotReady => FailureFamily::Node,
            Self::JobFailed => FailureFamily::Job,
        }
    }

    /// The name as fields, labels and `kubectl` columns show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CrashLoopBackOff => "CrashLoopBackOff",
            Self::Error => "Error",
            Self::OOMKilled => "OOMKilled",
            Self::LivenessProbeFailed => "LivenessProbeFailed",
            Self::ReadinessProbeFailed => "ReadinessProbeFailed",
            Self::StartupProbeFailed => "StartupProbeFailed",
            Self::ErrImagePull => "ErrImagePull",
            Self::ImagePullBackOff => "ImagePullBackOff",
            Self::InvalidImageName => "InvalidImageName",
            Self::ErrImageNeverPull => "ErrImageNeverPull",
            Self::CreateContainerConfigError => "CreateContainerConfigError",
            Self::CreateContainerError => "CreateContainerError",
            Self::RunContainerError => "RunContainerError",
            Self::ContainerCannotRun => "ContainerCannotRun",
            Self::Unschedulable => "Unschedulable",
            Self::FailedMount => "FailedMount",
            Self::NodeNotReady => "NodeNotReady",
            Self::JobFailed => "JobFailed",
        }
    }
}

impl fmt::Display for FailureKind {
    /// In plain words, for messages to people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::CrashLoopBackOff => "crash loop",
            Self::Error => "exits with an error",
            Self::OOMKilled => "out of memory",
            Self::LivenessProbeFailed => "liveness probe failing",
            Self::ReadinessProbeFailed => "readiness probe failing",
            Self::StartupProbeFailed => "startup probe failing",
            Self::ErrImagePull | Self::ImagePullBackOff => "image cannot be pulled",
            Self::InvalidImageName => "image name is invalid",
            Self::ErrImageNeverPull => "image is not on the node",
            Self::CreateContainerConfigError => "container configuration is incomplete",
            Self::CreateContainerError => "container cannot be created",
            Self::RunContainerError => "container cannot be started",
            Self::ContainerCannotRun => "command cannot be run",
            Self::Unschedulable => "no node takes the pod",
            Self::FailedMount => "volume cannot be mounted",
            Self::NodeNotReady => "node not ready",
            Self::JobFailed => "job failed",
        })
    }
}

impl fmt::Display for FailureFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Memory => "memory",
            Self::Command => "command",
            Self::Config => "configuration",
            Self::Image => "image",
            Self::Crash => "crash",
            Self::Probe => "probe",
            Self::Volume => "volume",
            Self::Schedule => "scheduling",
            Self::Job => "job",
            Self::Readiness => "readiness",
            Self::Node => "node",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::FailureKind;

    #[test]
    fn what_kubernetes_alternates_between_is_one_family() {
        assert_eq!(
            FailureKind::Error.family(),
            FailureKind::CrashLoopBackOff.family()
        );
        assert_eq!(
            FailureKind::ErrImagePull.family(),
            FailureKind::ImagePullBackOff.family()
        );
        assert_eq!(
            FailureKind::RunContainerError.family(),
            FailureKind::ContainerCannotRun.family()
        );
        assert_ne!(FailureKind::OOMKilled.family(), FailureKind::Error.family());
        assert_ne!(
            FailureKind::ReadinessProbeFailed.family(),
            FailureKind::LivenessProbeFailed.family()
        );
    }

    #[test]
    fn the_name_is_the_serialised_name() {
        for kind in [
            FailureKind::CrashLoopBackOff,
            FailureKind::OOMKilled,
            FailureKind::JobFailed,
        ] {
            assert_eq!(
                serde_json::to_value(kind).unwrap(),
                serde_json::json!(kind.as_str())
            );
        }
    }
}
