//! How bad an incident is, for those who route alerts: the worst that it has been, so that its end goes where its beginning went.

use crate::{
    audit::Fact,
    decide::DecisionKind,
    diagnose::FailureKind,
    incident::{Incident, IncidentStatus},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Good to know: it often passes by itself.
    #[default]
    Info,
    /// It fails, and Podmender deals with it.
    Warning,
    /// A person is needed.
    Critical,
}

impl Severity {
    /// As policies and receivers spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// How bad a failure is about which that was decided.
#[must_use]
pub fn severity(failure: FailureKind, decision: DecisionKind) -> Severity {
    match decision {
        DecisionKind::RequestApproval | DecisionKind::Escalate => Severity::Critical,
        DecisionKind::Remediate => Severity::Warning,
        DecisionKind::Hold | DecisionKind::Resolve => match failure {
            // The kubelet deals with these first, and most pass.
            FailureKind::Error
            | FailureKind::LivenessProbeFailed
            | FailureKind::ReadinessProbeFailed
            | FailureKind::StartupProbeFailed => Severity::Info,
            FailureKind::CrashLoopBackOff
            | FailureKind::OOMKilled
            | FailureKind::ErrImagePull
            | FailureKind::ImagePullBackOff
            | FailureKind::InvalidImageName
            | FailureKind::ErrImageNeverPull
            | FailureKind::CreateContainerConfigError
            | FailureKind::CreateContainerError
            | FailureKind::RunContainerError
            | FailureKind::ContainerCannotRun
            | FailureKind::Unschedulable
            | FailureKind::FailedMount
            | FailureKind::NodeNotReady
            | FailureKind::JobFailed => Severity::Warning,
        },
    }
}

impl Incident {
    /// The worst that it has been.
    #[must_use]
    pub fn severity(&self) -> Severity {
        let IncidentStatus {
            diagnosis,
            decision,
            timeline,
            attempts,
            ..
        } = &self.status;
        let past = timeline.iter().map(|record| match &record.fact {
            Fact::Asked { .. } => DecisionKind::RequestApproval,
            Fact::Escalated { .. } => DecisionKind::Escalate,
            Fact::Intended { .. } => DecisionKind::Remediate,
            _ => DecisionKind::Hold,
        });
        // A crowded timeline leaves questions out; what was done is always there.
        let acted = attempts.iter().map(|_| DecisionKind::Remediate);
        let decisions = past.chain(acted).chain([*decision]);
        let at_first = severity(self.spec.failure, DecisionKind::Hold);
        let worst = decisions
            .map(|decision| severity(diagnosis.failure, decision))
            .max();
        worst.map_or(at_first, |worst| worst.max(at_first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_who_is_needed_makes_it_critical_whatever_fails() {
        for failure in [FailureKind::ReadinessProbeFailed, FailureKind::OOMKilled] {
            assert_eq!(
                severity(failure, DecisionKind::Escalate),
                Severity::Critical
            );
            assert_eq!(
                severity(failure, DecisionKind::RequestApproval),
                Severity::Critical
            );
            assert_eq!(
                severity(failure, DecisionKind::Remediate),
                Severity::Warning
            );
        }
        let held = |failure| severity(failure, DecisionKind::Hold);
        assert_eq!(held(FailureKind::ReadinessProbeFailed), Severity::Info);
        assert_eq!(held(FailureKind::OOMKilled), Severity::Warning);
    }
}
