//! What can go wrong in a pass, by stage. `Display` does not repeat its source; `category` feeds metrics and Event reasons.

use podmender_policy::workload::WorkloadRef;

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
            Self::Timeout => "timeout",
            Self::Unsettled(_) => "unsettled",
        }
    }
}

/// Whether the API server said no for good (a 4xx): then nothing was changed. Anything else may have been applied.
#[must_use]
pub fn is_definite(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if (400..500).contains(&status.code) && status.code != 408)
}

/// The HTTP status that the API server answered with.
#[must_use]
pub fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}
