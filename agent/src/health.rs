//! What the probes answer, and the gauges that are ages or counts.

use crate::{context::Context, http::Readiness, metrics::Metrics, watch::WatchTrouble};
use podmender_policy::bounds::Name;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::SetOnce;

/// What the probes answer.
#[derive(Default)]
pub(crate) struct Health {
    /// Another replica leads: this one is well, and does nothing.
    stands_by: AtomicBool,
    started: SetOnce<()>,
    /// The policies were read, and are in force.
    pub(crate) governed: Arc<SetOnce<()>>,
    said: Mutex<Option<String>>,
    ctx: OnceLock<Weak<Context>>,
}

impl Health {
    /// Another replica leads.
    pub(crate) fn follows(&self) {
        self.stands_by.store(true, Ordering::Relaxed);
    }

    /// No other replica leads.
    pub(crate) fn follows_nobody(&self) {
        self.stands_by.store(false, Ordering::Relaxed);
    }

    /// The agent knows what it knew.
    pub(crate) fn remembers(&self) {
        let _ = self.started.set(());
    }

    /// What is watched, once there is anything.
    pub(crate) fn set_context(&self, ctx: &Arc<Context>) {
        let _ = self.ctx.set(Arc::downgrade(ctx));
    }

    /// What it is about, for a test.
    #[cfg(test)]
    pub(crate) fn context(&self) -> Option<Arc<Context>> {
        self.ctx.get().and_then(Weak::upgrade)
    }

    /// Why it is not ready yet.
    pub(crate) fn say(&self, what: String) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    /// Waits until the agent knows what it knew.
    pub(crate) async fn remembered(&self) {
        self.started.wait().await;
    }

    /// Whether it does.
    #[must_use]
    pub(crate) fn has_started(&self) -> bool {
        self.started.initialized()
    }

    /// Every task is alive (a lost one ends the process), the state was read, every watch is fresh.
    #[must_use]
    pub(crate) fn readiness(&self) -> Readiness {
        let mut missing = Vec::new();
        if self.stands_by.load(Ordering::Relaxed) {
            return Readiness { missing };
        }
        if !self.has_started() {
            let said = self
                .said
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            missing.push(said.unwrap_or_else(|| "starting".to_owned()));
        }
        if self.has_started() && !self.governed.initialized() {
            missing.push("the policies are not read yet (if that lasts: are AgentPolicies there, by the chart podmender-crds? `podmender doctor` says more)".to_owned());
        }
        if let Some(ctx) = self.ctx.get().and_then(Weak::upgrade) {
            for watch in ctx.world.lock().degraded() {
                // What was not granted is a matter of configuration: the policy's condition says it, the rest goes on (row 9).
                if !matches!(
                    watch.trouble,
                    Some(WatchTrouble::Forbidden | WatchTrouble::NotFound)
                ) {
                    missing.push(format!(
                        "watch on {} in {}: {}",
                        watch.resource.plural(),
                        watch.namespace,
                        silence(watch.silent)
                    ));
                }
            }
        }
        Readiness { missing }
    }
}

fn silence(silent: Option<Duration>) -> String {
    silent.map_or_else(
        || "not connected yet".to_owned(),
        |s| format!("silent for {} s", s.as_secs()),
    )
}

/// Gauges that are ages or counts, brought up to date when they are read.
pub(crate) fn gauges(health: &Health, metrics: &Metrics) {
    let Some(ctx) = health.ctx.get().and_then(Weak::upgrade) else {
        return;
    };
    for watch in ctx.world.lock().watch_states() {
        metrics.watch_fresh(
            &watch.namespace,
            watch.resource.plural(),
            watch
                .silent
                .unwrap_or(Duration::MAX.min(Duration::from_secs(86_400))),
        );
    }
    let mut open: HashMap<Name, usize> = HashMap::new();
    for stored in ctx.store.lock().incidents.values() {
        *open
            .entry(stored.incident.spec.workload.namespace.clone())
            .or_default() += usize::from(stored.incident.is_open());
    }
    for (namespace, count) in open {
        metrics.incidents_open(&namespace, count);
    }
    metrics.queue_depth(ctx.queue.depth());
}
