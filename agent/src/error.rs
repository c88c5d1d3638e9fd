//! What can go wrong in a pass, by stage. `Display` does not repeat its source; `category` feeds metrics and Event reasons.

use podmender_policy::{bounds::Message, redact, workload::WorkloadRef};
use std::time::Duration;

/// A pass that could not be finished. The workload is looked at again, with back-off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger could not be written: nothing was done.
    #[error("the ledger could not be written, so nothing is done")]
    Ledger(#[source] kube::Error),
    /// Somebody else wrote the ledger first: decided anew.
    #[error("the ledger was written by somebody else")]
    LedgerConflict,
    /// The incident could not be written: nothing was done.
    #[error("the incident of {0} could not be written")]
    Incident(WorkloadRef, #[source] kube::Error),
    /// Somebody else wrote the incident, or deleted it: read again.
    #[error("the incident of {0} was changed by somebody else")]
    IncidentConflict(WorkloadRef),
    /// The end of a question could not be recorded: it stays closed, and it is tried again.
    #[error("the end of the question about {0} could not be recorded")]
    Approval(WorkloadRef, #[source] kube::Error),
    /// Our objects are defined in the cluster as another version of the agent writes them.
    #[error(
        "the CustomResourceDefinition {0}.podmender.io is of another version, so nothing is done: upgrade the chart podmender-crds ({1})"
    )]
    Definition(&'static str, Message),
    /// The request did not come back in time.
    #[error("the API server did not answer in time")]
    Timeout,
    /// What became of the act is not known; the next pass finds out.
    #[error("whether the act on {0} happened is not known yet")]
    Unsettled(WorkloadRef),
}

impl Error {
    /// A short word, for metrics.
    #[must_use]
    pub fn category(&self) -> &'static str {
        match self {
            Self::Ledger(_) => "ledger",
            Self::LedgerConflict => "ledger_conflict",
            Self::Incident(..) => "incident",
            Self::IncidentConflict(_) => "incident_conflict",
            Self::Approval(..) => "approval",
            Self::Definition(..) => "definition",
            Self::Timeout => "timeout",
            Self::Unsettled(_) => "unsettled",
        }
    }

    /// How long the API server asks to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Ledger(error) | Self::Incident(_, error) | Self::Approval(_, error) => {
                retry_after(error)
            }
            Self::LedgerConflict
            | Self::IncidentConflict(_)
            | Self::Definition(..)
            | Self::Timeout
            | Self::Unsettled(_) => Duration::ZERO,
        }
    }
}

/// How long the API server asks to be left alone, 30 s at most (faults.md, row 4).
#[must_use]
pub fn retry_after(error: &kube::Error) -> Duration {
    let kube::Error::Api(status) = error else {
        return Duration::ZERO;
    };
    let asked = status.details.as_ref().map_or(0, |d| d.retry_after_seconds);
    Duration::from_secs(u64::from(asked)).min(LONGEST_REST)
}

/// What a server asks for is not followed further than this.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// Whether the API server said no for good (a 4xx): then nothing was changed. Anything else may have been applied.
#[must_use]
pub fn is_definite(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if (400..500).contains(&status.code) && status.code != 408)
}

/// What the definition of a kind does not take of an object, in the API server's words; `None`: it was refused for another reason
/// (a JSON patch whose test failed is a 422, too).
#[must_use]
pub fn refused_by_definition(error: &kube::Error) -> Option<Message> {
    let kube::Error::Api(status) = error else {
        return None;
    };
    let is_patch = status.message.contains("the server rejected our request");
    (status.code == 422 && !is_patch).then(|| Message::new(&redact::raw(&status.message)))
}

/// The HTTP status that the API server answered with.
#[must_use]
pub fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}
