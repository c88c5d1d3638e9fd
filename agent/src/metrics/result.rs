//! Label values: how what the agent did ended.

/// How the sending of one alert message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(
    non_camel_case_types,
    reason = "label values, spelt as Prometheus users spell them"
)]
pub enum AlertResult {
    /// The receiver took it.
    sent,
    /// The receiver asks for patience (429).
    limited,
    /// The receiver answered with an error.
    refused,
    /// No answer (no connection, no DNS, time-out).
    unreachable,
    /// The address is missing, malformed or not supported: nothing was sent.
    misconfigured,
}

/// What came of asking a model about a failure. Without a summary the alert stands as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(
    non_camel_case_types,
    reason = "label values, spelt as Prometheus users spell them"
)]
pub enum SummaryResult {
    /// A new summary.
    added,
    /// One that was given before for the same failure.
    cached,
    /// Address or key missing, malformed or not allowed: nothing was sent.
    misconfigured,
    /// 401 or 403.
    unauthorized,
    /// 404.
    unknown_model,
    /// 429.
    rate_limited,
    /// No whole answer in time.
    timeout,
    /// No connection.
    unreachable,
    /// 5xx.
    failing,
    /// 3xx.
    redirected,
    /// Any other status.
    not_understood,
    /// A reply much longer than asked for.
    too_long,
    /// A reply that is none.
    unparsable,
    /// The model would not, or wrote what must not be shown.
    refused,
    /// A reply that is surely in another language than asked for.
    other_language,
    /// The day's calls are used up.
    over_budget,
    /// The call could not be written into the ledger, so it was not made.
    unwritten,
}

/// Why the ledger could not be read or written. Nothing is done to a workload meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(
    non_camel_case_types,
    reason = "label values, spelt as Prometheus users spell them"
)]
pub enum LedgerError {
    /// Another writer was faster (compare-and-swap); tried again.
    conflict,
    /// The API server did not answer.
    unreachable,
    /// The permission is missing.
    forbidden,
    /// The object cannot be read as a ledger.
    unreadable,
    /// The object is gone and could not be rebuilt from incidents.
    lost,
}
