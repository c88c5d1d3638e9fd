//! Forgetting: incidents that were resolved a week ago are deleted, oldest first, and the audit's anchor moves behind them.

use crate::{
    api,
    context::{Context, within},
    record,
};
use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject},
};
use podmender_policy::{
    audit::Head,
    bounds::Name,
    incident::{IncidentStatus, Phase},
    verify::lasted,
};
use std::{collections::BTreeSet, time::Duration};

/// Resolved incidents are kept this long.
pub const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often is looked.
pub const EVERY: Duration = Duration::from_secs(3600);

/// Deletes what is old in `namespaces`. RBAC: `list, delete` on `incidents`.
pub async fn forget(namespaces: &BTreeSet<Name>, now: Timestamp, ctx: &Context) {
    let resource = ApiResource::erase::<api::Incident>(&());
    let mut anchor = ctx.store.lock().ledger.anchor.clone();
    for namespace in namespaces {
        let api: Api<DynamicObject> =
            Api::namespaced_with(ctx.client.clone(), namespace.as_str(), &resource);
        let mut params = record::own_incidents(ctx).limit(100);
        while let Ok(page) = within(api.list(&params)).await {
            for object in page.items {
                let Some(newest) = expired(&object, now) else {
                    continue;
                };
                if within(api.delete(&object.name_any(), &DeleteParams::default()))
                    .await
                    .is_ok()
                    && newest.seq > anchor.seq
                {
                    anchor = newest;
                }
            }
            match page.metadata.continue_.filter(|c| !c.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => break,
            }
        }
    }
    let mut state = ctx.store.lock();
    if anchor.seq > state.ledger.anchor.seq {
        state.ledger.anchor = anchor;
        state.ledger_dirty = true;
    }
    state.incidents.retain(|_, s| {
        s.incident.is_open()
            || !s
                .incident
                .status
                .resolved_at
                .is_some_and(|at| lasted(at, now, RETENTION))
    });
}

/// The newest audit record of an incident that may be forgotten.
fn expired(object: &DynamicObject, now: Timestamp) -> Option<Head> {
    let status: IncidentStatus = serde_json::from_value(object.data.get("status")?.clone()).ok()?;
    let old = status.phase == Phase::Resolved
        && status
            .resolved_at
            .is_some_and(|at| lasted(at, now, RETENTION));
    let last = status.timeline.iter().max_by_key(|r| r.seq)?;
    old.then(|| Head {
        seq: last.seq,
        hash: last.hash.clone(),
    })
}
