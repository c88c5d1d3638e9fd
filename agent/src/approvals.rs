//! People's answers as they are in the cluster: followed, and kept until they are used up or withdrawn.

use crate::{
    api::Approval,
    context::Context,
    objects::{Change, Key, objects},
};
use futures::StreamExt;
use podmender_policy::bounds::Name;
use std::{collections::BTreeSet, convert::Infallible, sync::Arc};

/// Follows the approvals of the granted namespaces, from where reading them at the start left off.
/// RBAC: `list, watch` on `approvals`.
pub async fn run(
    watch_client: kube::Client,
    granted: BTreeSet<Name>,
    ctx: Arc<Context>,
) -> Option<Infallible> {
    let known = ctx.store.lock().approvals.keys().cloned().collect();
    let mut stream = objects::<Approval>(&watch_client, &granted, &known);
    loop {
        match stream.next().await? {
            Change::Seen(key, object) => match object.0 {
                Ok(approval) => seen(key, &approval, &ctx),
                Err(error) => {
                    tracing::warn!(
                        error = error.error,
                        "an Approval cannot be read: it does not count"
                    );
                    withdraw(&key, &ctx);
                }
            },
            Change::Gone(key) => withdraw(&key, &ctx),
            Change::Listed(_) => {}
        }
    }
}

fn seen(key: Key, approval: &Approval, ctx: &Context) {
    let Some(unused) = approval.unused() else {
        return withdraw(&key, ctx);
    };
    let mut state = ctx.store.lock();
    let incidents = state.incidents.values().map(|s| &s.incident);
    let workload = incidents
        .filter(|i| i.id == unused.incident && i.spec.workload.namespace == key.0)
        .map(|i| i.spec.workload.clone())
        .next();
    state.approvals.insert(key, unused);
    drop(state);
    if let Some(workload) = workload {
        ctx.queue.wake(workload);
    }
}

/// An approval that is used up or gone, or cannot be read any more, does not count.
fn withdraw(key: &Key, ctx: &Context) {
    ctx.store.lock().approvals.remove(key);
}
