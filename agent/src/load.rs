//! What the agent remembers: ledger, incidents and approvals, read once at the start. Without them nothing is done (fail closed).

use crate::{
    api,
    context::{Context, within},
    objects::Key,
    proof,
    record::{self, LEDGER},
    store::Stored,
};
use futures::StreamExt;
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, ObjectMeta, PostParams},
    core::DeserializeGuard,
};
use podmender_policy::{
    approval::Approval,
    audit::{AuditRecord, Head},
    bounds::Name,
    incident::{Incident, IncidentId, IncidentSpec, IncidentStatus},
    ledger::Ledger,
    workload::WorkloadRef,
};
use std::collections::BTreeSet;

/// Lists of incidents that are read at once at the start.
const AT_ONCE: usize = 8;

/// Why the state could not be read. The agent stays up, not Ready, and tries again.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A CRD is missing.
    #[error(
        "the CustomResourceDefinition {0}.podmender.io is missing: install the chart podmender-crds, or `podmender crd | kubectl apply --server-side -f -`"
    )]
    NoCrd(&'static str),
    /// Not allowed.
    #[error(
        "no permission to read {what} in namespace {namespace}: `podmender doctor` says which rule is missing"
    )]
    Forbidden {
        /// What.
        what: &'static str,
        /// Where.
        namespace: Name,
    },
    /// The ledger is there and cannot be read: acting without it could exceed a budget.
    #[error(
        "the ledger cannot be read: {0}. Restore it, or delete it to have it rebuilt from the incidents"
    )]
    Ledger(String),
    /// Anything else.
    #[error("the API server did not answer: {0}")]
    Unavailable(String),
}

/// Reads everything. Namespaces in which incidents may not be read are named in the result, and left out.
///
/// # Errors
/// [`LoadError`], if the agent must not act.
pub async fn load(granted: &BTreeSet<Name>, ctx: &Context) -> Result<Vec<LoadError>, LoadError> {
    let (ledger, (incidents, mut problems), (approvals, more)) = futures::try_join!(
        read_ledger(ctx),
        of_all(granted, |namespace| list_incidents(namespace, ctx)),
        of_all(granted, |namespace| list_approvals(namespace, ctx)),
    )?;
    problems.extend(more);
    // Made only once all incidents were read: a ledger that is there but empty would pass for one without a past.
    let (ledger, version, lost) = match ledger {
        Some((ledger, version)) => (ledger, version, false),
        None => {
            let version = create_ledger(ctx.client.clone(), &ctx.own_namespace).await?;
            (Ledger::default(), version, true)
        }
    };
    // Answers that were given in time while the agent was away are known before the first look, which may end a question.
    ctx.store.lock().approvals = approvals.into_iter().collect();
    adopt(ledger, version, lost, incidents, ctx);
    proof::look_at_start(ctx).await;
    Ok(problems)
}

/// What the lists of all namespaces hold, and those namespaces in which it may not be read.
async fn of_all<'a, T, F>(
    granted: &'a BTreeSet<Name>,
    list: impl Fn(&'a Name) -> F,
) -> Result<(Vec<T>, Vec<LoadError>), LoadError>
where
    F: Future<Output = Result<Vec<T>, LoadError>>,
{
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    let lists: Vec<_> = granted.iter().map(list).collect();
    let mut lists = futures::stream::iter(lists).buffer_unordered(AT_ONCE);
    while let Some(list) = lists.next().await {
        match list {
            Ok(found) => all.extend(found),
            Err(e @ LoadError::Forbidden { .. }) => problems.push(e),
            Err(e) => return Err(e),
        }
    }
    Ok((all, problems))
}

/// The unused approvals of a namespace. One that cannot be read does not count. RBAC: `list` on `approvals`.
async fn list_approvals(
    namespace: &Name,
    ctx: &Context,
) -> Result<Vec<(Key, Approval)>, LoadError> {
    let api: Api<DeserializeGuard<api::Approval>> =
        Api::namespaced(ctx.client.clone(), namespace.as_str());
    let mut found = Vec::new();
    let mut params = ListParams::default().limit(200);
    loop {
        let page = within(api.list(&params))
            .await
            .map_err(|e| refused(e, "approvals", namespace))?;
        let unused = page.items.into_iter().filter_map(|o| o.0.ok()?.unused());
        found.extend(unused.map(|a| ((namespace.clone(), a.id.clone()), a)));
        match page.metadata.continue_.filter(|c| !c.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(found),
        }
    }
}

/// An incident as the API server has it; `Err`: of which workload it is, if that much can be read.
type Found = Result<Stored, Option<WorkloadRef>>;

async fn list_incidents(namespace: &Name, ctx: &Context) -> Result<Vec<Found>, LoadError> {
    // Untyped, so that one object that cannot be read does not hide the others (K8).
    let resource = ApiResource::erase::<api::Incident>(&());
    let api: Api<DynamicObject> =
        Api::namespaced_with(ctx.client.clone(), namespace.as_str(), &resource);
    let mut found = Vec::new();
    let mut params = record::own_incidents(ctx).limit(200);
    loop {
        let page = within(api.list(&params))
            .await
            .map_err(|e| refused(e, "incidents", namespace))?;
        for object in page.items {
            found.extend(read_incident(object, &api).await);
        }
        match page.metadata.continue_.filter(|c| !c.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(found),
        }
    }
}

async fn read_incident(object: DynamicObject, api: &Api<DynamicObject>) -> Option<Found> {
    let name = object.name_any();
    let version = object.resource_version().unwrap_or_default();
    let uid = Name::new(&object.uid().unwrap_or_default());
    let spec = object.data.get("spec").cloned().unwrap_or_default();
    let spec: Result<IncidentSpec, _> = serde_json::from_value(spec.clone()).map_err(|e| (e, spec));
    let status = object.data.get("status").cloned();
    match (spec, status) {
        (Ok(spec), Some(status)) => match serde_json::from_value::<IncidentStatus>(status) {
            Ok(status) => {
                let incident = Incident {
                    id: IncidentId(Name::new(&name)),
                    spec,
                    status,
                };
                Some(Ok(Stored {
                    incident,
                    uid,
                    version,
                    dirty: false,
                }))
            }
            Err(error) => {
                tracing::error!(incident_id = name, workload = %spec.workload, %error, "an incident cannot be read: nothing is done to its workload");
                Some(Err(Some(spec.workload)))
            }
        },
        (Ok(_), None) => {
            // The agent was killed between creating it and writing its status: nothing had been recorded or done.
            let _ = within(api.delete(&name, &DeleteParams::default())).await;
            None
        }
        (Err((error, spec)), _) => {
            tracing::error!(incident_id = name, %error, "an incident cannot be read");
            let workload = spec
                .get("workload")
                .cloned()
                .and_then(|w| serde_json::from_value(w).ok());
            Some(Err(workload))
        }
    }
}

/// The ledger and its version, if it is there.
async fn read_ledger(ctx: &Context) -> Result<Option<(Ledger, String)>, LoadError> {
    let namespace = &ctx.own_namespace;
    let resource = ApiResource::erase::<api::Ledger>(&());
    let api: Api<DynamicObject> =
        Api::namespaced_with(ctx.client.clone(), namespace.as_str(), &resource);
    let found = within(api.get_opt(LEDGER))
        .await
        .map_err(|e| refused(e, "ledgers", namespace))?;
    let Some(object) = found else {
        return Ok(None);
    };
    let version = object.resource_version().unwrap_or_default();
    let spec = object.data.get("spec").cloned().unwrap_or_default();
    let ledger = serde_json::from_value(spec).map_err(|e| LoadError::Ledger(e.to_string()))?;
    Ok(Some((ledger, version)))
}

async fn create_ledger(client: Client, namespace: &Name) -> Result<String, LoadError> {
    let api = Api::<api::Ledger>::namespaced(client, namespace.as_str());
    let empty = api::Ledger {
        metadata: ObjectMeta {
            name: Some(LEDGER.to_owned()),
            ..Default::default()
        },
        spec: api::LedgerBody(Ledger::default()),
    };
    let made = within(api.create(&PostParams::default(), &empty))
        .await
        .map_err(|e| refused(e, "ledgers", namespace))?;
    Ok(made.metadata.resource_version.unwrap_or_default())
}

fn refused(error: Option<kube::Error>, what: &'static str, namespace: &Name) -> LoadError {
    match error {
        Some(kube::Error::Api(status)) if status.code == 404 => LoadError::NoCrd(what),
        Some(kube::Error::Api(status)) if status.code == 403 => LoadError::Forbidden {
            what,
            namespace: namespace.clone(),
        },
        Some(error) => LoadError::Unavailable(error.to_string()),
        None => LoadError::Unavailable("no answer in time".to_owned()),
    }
}

/// Puts the pieces together: the newest incident of each workload, a ledger that knows every attempt, the end of the chain.
fn adopt(mut ledger: Ledger, version: String, lost: bool, incidents: Vec<Found>, ctx: &Context) {
    let now = ctx.clock.now();
    let readable = incidents.iter().filter_map(|found| found.as_ref().ok());
    ctx.summaries
        .remember(&ledger, readable.map(|stored| &stored.incident));
    let mut state = ctx.store.lock();
    let mut records: Vec<AuditRecord> = Vec::new();
    for found in incidents {
        match found {
            Ok(stored) => {
                ledger.absorb(&stored.incident, now);
                records.extend(stored.incident.status.timeline.iter().cloned());
                keep_newest(&mut state.incidents, stored);
            }
            Err(Some(workload)) => {
                state.unreadable.insert(workload);
            }
            Err(None) => {}
        }
    }
    records.sort_by_key(|r| r.seq);
    if lost && let (Some(first), Some(last)) = (records.first(), records.last()) {
        tracing::warn!(
            records = records.len(),
            "the ledger was gone: rebuilt from the incidents"
        );
        ledger.anchor = Head {
            seq: first.seq.saturating_sub(1),
            hash: first.prev.clone(),
        };
        ledger.head = Head {
            seq: last.seq,
            hash: last.hash.clone(),
        };
        let incidents = state.incidents.values().map(|s| &s.incident);
        incidents.for_each(|incident| ledger.recall_pause(incident, now));
    }
    state.head = tip(&ledger.head, &records);
    state.ledger_dirty = lost || state.head != ledger.head;
    ledger.prune(now);
    state.proof_since = ledger.proof_since;
    state.ledger = ledger;
    state.ledger_version = version;
    for stored in state.incidents.values().filter(|s| s.incident.is_open()) {
        ctx.queue.wake(stored.incident.spec.workload.clone());
    }
}

fn keep_newest(incidents: &mut std::collections::HashMap<WorkloadRef, Stored>, stored: Stored) {
    let rank = |s: &Stored| (s.incident.is_open(), s.incident.spec.first_seen);
    let workload = stored.incident.spec.workload.clone();
    if incidents
        .get(&workload)
        .is_none_or(|known| rank(known) < rank(&stored))
    {
        incidents.insert(workload, stored);
    }
}

/// The newest record that follows from `head`: records may have been written after the ledger was.
fn tip(head: &Head, records: &[AuditRecord]) -> Head {
    let mut tip = head.clone();
    for record in records.iter().filter(|r| r.seq > head.seq) {
        if record.seq == tip.seq + 1 && record.prev == tip.hash {
            tip = Head {
                seq: record.seq,
                hash: record.hash.clone(),
            };
        }
    }
    tip
}
