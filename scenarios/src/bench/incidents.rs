//! When incidents were written and decided on, as a watch of this program sees them.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use futures::TryStreamExt as _;
use kube::api::WatchEvent;
use serde_json::Value;

use super::rig::{Rig, epoch};
use crate::chaos::api;

/// What is known of the incident of one workload; times are seconds since 1970.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// It was first there.
    pub(super) written: f64,
    /// It first bore a decision.
    pub(super) decided: Option<f64>,
}

/// Incidents by their workload's name.
pub(super) type ByWorkload = BTreeMap<String, Seen>;

/// A watch on the incidents of a namespace, on a connection of its own; it lasts as long as the process.
pub(super) struct Watched(Arc<Mutex<ByWorkload>>);

impl Watched {
    pub(super) fn start(rig: &Rig, namespace: &str) -> Self {
        let seen = Arc::<Mutex<ByWorkload>>::default();
        let (kubeconfig, kept) = (rig.session.state.kubeconfig(), Arc::clone(&seen));
        let path = api::path("podmender.io/v1alpha1", "Incident", Some(namespace));
        std::thread::spawn(move || -> Result<()> {
            let api = api::Api::connect(&kubeconfig)?;
            loop {
                let request = http::Request::get(format!("{path}?watch=1")).body(Vec::new())?;
                let _ = api.block_on(async |client| -> Result<()> {
                    let events = client.request_events::<Value>(request).await?;
                    let mut events = std::pin::pin!(events);
                    while let Some(event) = events.try_next().await? {
                        if let WatchEvent::Added(o) | WatchEvent::Modified(o) = event {
                            note(&mut lock(&kept), &o);
                        }
                    }
                    Ok(())
                });
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        Self(seen)
    }

    /// What was seen so far.
    pub(super) fn get(&self) -> MutexGuard<'_, ByWorkload> {
        lock(&self.0)
    }
}

fn lock(seen: &Mutex<ByWorkload>) -> MutexGuard<'_, ByWorkload> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(seen: &mut ByWorkload, incident: &Value) {
    let text = |pointer: &str| incident.pointer(pointer).and_then(Value::as_str);
    let name = text("/spec/workload/name").unwrap_or_default().to_owned();
    let now = epoch();
    let one = seen.entry(name).or_insert(Seen {
        written: now,
        decided: None,
    });
    if text("/status/decision").is_some() {
        one.decided.get_or_insert(now);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ByWorkload, note};

    #[test]
    fn the_first_time_counts() {
        let mut seen = ByWorkload::new();
        let mut incident = json!({"spec": {"workload": {"name": "web"}}});
        note(&mut seen, &incident);
        assert!(seen["web"].decided.is_none());
        incident["status"] = json!({"decision": "Hold"});
        note(&mut seen, &incident);
        let first = seen["web"];
        note(&mut seen, &incident);
        assert_eq!(first.decided, seen["web"].decided);
        assert!(first.decided.is_some_and(|d| d >= first.written));
    }
}
