//! People's answers as they are in the cluster: followed, and kept until they are used up or withdrawn.

use crate::{
    api::Approval,
    context::Context,
    objects::{Change, Key, objects},
};
use futures::StreamExt;
use kube::ResourceExt;
use podmender_policy::{bounds::Name, incident::IncidentId};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
};

/// Follows the approvals of the granted namespaces. RBAC: `list, watch` on `approvals`.
pub async fn run(
    watch_client: kube::Client,
    granted: BTreeSet<Name>,
    ctx: Arc<Context>,
) -> Option<Infallible> {
    let mut known: BTreeMap<Key, IncidentId> = BTreeMap::new();
    let mut stream = objects::<Approval>(&watch_client, &granted);
    loop {
        match stream.next().await? {
            Change::Seen(key, object) => match object.0 {
                Ok(approval) => {
                    known.insert(key, approval.spec.incident.clone());
                    approved(&approval, &ctx);
                }
                Err(error) => {
                    tracing::warn!(
                        error = error.error,
                        "an Approval cannot be read: it does not count"
                    );
                    withdraw(&key, &mut known, &ctx);
                }
            },
            Change::Gone(key) => withdraw(&key, &mut known, &ctx),
        }
    }
}

fn approved(approval: &Approval, ctx: &Context) {
    let Some(unused) = approval.unused() else {
        return used_up(
            &approval.spec.incident,
            &Name::new(&approval.name_any()),
            ctx,
        );
    };
    let mut state = ctx.store.lock();
    let workload = state
        .incidents
        .values()
        .find(|s| s.incident.id == unused.incident)
        .map(|s| s.incident.spec.workload.clone());
    state
        .approvals
        .entry(unused.incident.clone())
        .or_default()
        .insert(unused.id.clone(), unused);
    drop(state);
    if let Some(workload) = workload {
        ctx.queue.wake(workload);
    }
}

/// An approval that is gone, or cannot be read any more, does not count.
fn withdraw(key: &Key, known: &mut BTreeMap<Key, IncidentId>, ctx: &Context) {
    if let Some(incident) = known.remove(key) {
        used_up(&incident, &key.1, ctx);
    }
}

fn used_up(incident: &IncidentId, approval: &Name, ctx: &Context) {
    let mut state = ctx.store.lock();
    if let Some(unused) = state.approvals.get_mut(incident) {
        unused.remove(approval);
        if unused.is_empty() {
            state.approvals.remove(incident);
        }
    }
}
