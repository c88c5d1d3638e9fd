//! What every stage needs: clients, clock, world, store. Passed by reference; holds no decision.

use crate::{metrics::Metrics, queue::Queue, request::Requests, store::Store, watch::Worlds};
use jiff::{SignedDuration, Timestamp};
use kube::{Client, Config};
use podmender_policy::bounds::Name;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// No request of ours waits longer than this (faults.md, row 3: kube has no read timeout of its own).
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for an answer no longer than [`REQUEST_TIMEOUT`].
///
/// # Errors
/// What the API server or the client says; `None` if nothing came in time, and the request may still be carried out.
pub async fn within<T>(
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Option<kube::Error>> {
    match tokio::time::timeout(REQUEST_TIMEOUT, call).await {
        Ok(answer) => answer.map_err(Some),
        Err(_) => Err(None),
    }
}

/// Everything that the stages share.
pub struct Context {
    /// For requests: never retries by itself (a retry is a decision), and gives up after [`REQUEST_TIMEOUT`].
    pub client: Client,
    /// The time.
    pub clock: Clock,
    /// What the watches saw.
    pub world: Worlds,
    /// Our own state: incidents, ledger, approvals, policies.
    pub store: Store,
    /// What is to be looked at, and when.
    pub queue: Queue,
    /// What people ask for besides answers.
    pub requests: Requests,
    /// Counters for people who watch the watcher.
    pub metrics: Arc<Metrics>,
    /// What leaves the reconciler without holding it up.
    pub outlets: Outlets,
    /// Alerts: takes the newest state of incidents, never waits.
    pub alerts: crate::alert::Outbox,
    /// Slack's Web API, one client for each token.
    pub slack: Arc<crate::slack::apis::Apis>,
    /// Explanations by a language model, where a policy wants them: takes incidents whose alert is out, never waits.
    pub summaries: crate::llm::Summaries,
    /// The agent's own namespace.
    pub own_namespace: Name,
}

#[cfg(test)]
impl Context {
    /// How much is remembered, by structure.
    pub(crate) fn remembered(&self) -> std::collections::BTreeMap<&'static str, usize> {
        let mut all = self.world.lock().remembered();
        all.extend(self.store.lock().remembered());
        all.insert("workloads in the queue", self.queue.len());
        all.insert("alerts", self.alerts.pending());
        all
    }
}

/// Channels to the tasks that must never hold up a decision. A full channel drops (and the next pass offers again).
pub struct Outlets {
    /// Kubernetes Events to publish.
    pub events: tokio::sync::mpsc::Sender<crate::publish::Notice>,
    /// Logs to read.
    pub logs: tokio::sync::mpsc::Sender<crate::evidence::LogRequest>,
}

/// The API server's time, carried on by the monotonic clock.
///
/// Windows and cooldowns are measured with it: a wall clock that jumps while the agent runs, or a node that is an hour off,
/// neither shrinks a budget nor skips a cooldown (faults.md, rows 23 and 24).
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    base: Timestamp,
    since: Instant,
}

/// A difference below this is the grain of the `Date` header and the way of the request, not a wrong clock.
const GRAIN: SignedDuration = SignedDuration::from_secs(2);

impl Clock {
    /// Anchors the clock at the API server's `Date`.
    ///
    /// # Errors
    /// If the API server does not answer. Needs no RBAC beyond `system:public-info-viewer` (GET /version).
    pub async fn anchored(client: &Client) -> Result<Self, kube::Error> {
        let request = http::Request::get("/version")
            .body(kube::client::Body::empty())
            .map_err(kube::Error::HttpError)?;
        let answer = client.send(request).await?;
        let date = answer
            .headers()
            .get(http::header::DATE)
            .and_then(|d| d.to_str().ok())
            .and_then(|d| jiff::fmt::rfc2822::parse(d).ok())
            .map(|d| d.timestamp());
        Ok(Self::at(date))
    }

    /// A clock that starts at `server`, or at the local time where the two agree (the header has a grain of a second).
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock"
    )]
    #[must_use]
    pub fn at(server: Option<Timestamp>) -> Self {
        let local = Timestamp::now();
        let base = match server {
            Some(server) if server.duration_since(local).abs() > GRAIN => {
                tracing::warn!(%server, %local, "this node's clock differs from the API server's: using the API server's");
                server
            }
            _ => local,
        };
        Self {
            base,
            since: Instant::now(),
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.since.elapsed()).unwrap_or(SignedDuration::MAX);
        self.base.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }
}

/// A client for watches: it never retries by itself, since a watch has a back-off of its own (faults.md, row 4; K2).
///
/// # Errors
/// If the TLS configuration cannot be built.
pub fn patient(config: &Config) -> Result<Client, kube::Error> {
    let mut config = config.clone();
    config.default_retry = false;
    Client::try_from(config)
}

/// A client that never retries by itself and does not wait for ever: for everything but watches.
///
/// # Errors
/// If the TLS configuration cannot be built.
pub fn careful(config: &Config) -> Result<Client, kube::Error> {
    let mut config = config.clone();
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.read_timeout = Some(REQUEST_TIMEOUT);
    config.write_timeout = Some(REQUEST_TIMEOUT);
    Client::try_from(config)
}
