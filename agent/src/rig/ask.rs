//! What arrives at the server, and what goes wrong with it.

use http::Method;
use std::time::Duration;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// After the server's start.
    pub(crate) at: Duration,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
}

impl Ask {
    pub(crate) fn is(&self, method: &str, part: &str) -> bool {
        self.method.as_str() == method && self.path.contains(part)
    }

    /// Whether it changes a workload: an eviction, or a patch of a rollout.
    pub(crate) fn is_act(&self) -> bool {
        self.path.ends_with("/eviction")
            || self.method == Method::PATCH && self.path.contains("/deployments/")
            || self.method == Method::DELETE && self.path.contains("/pods/")
    }
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Nobody listens.
    Refused,
    /// Nothing is done, and nothing is said.
    Silence,
    /// Nothing is done; this status, with these words.
    Status(u16, &'static str),
    /// Nothing is done; 429, and to be asked again after so many seconds.
    Later(u32),
    /// Done after this time, also if nobody waits for it any more.
    Slow(Duration),
    /// Done, and answered with this status all the same.
    Lost(u16),
    /// Done, and nothing is said.
    LostInSilence,
}
