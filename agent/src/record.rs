//! Intent before an effect, outcome after it: what is written, in which order.
//!
//! 0. An incident that is new. 1. The ledger, by compare-and-swap on its resourceVersion: it is the fence between two replicas,
//!    and the budget is spent before the act. 2. The incident with its audit records. 3. (the act) 4. The incident with the outcome. The ledger's copy of
//!    the outcome and of the chain's head follows within a second: both can be rebuilt from the incidents.

use crate::{
    api,
    context::{Context, within},
    error::{Error, code, is_definite},
    expiry,
    outdated::Written,
    store::{Call, Draft, Place, Stored},
};
use jiff::Timestamp;
use kube::{
    Api,
    api::{ListParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use podmender_policy::{
    audit::{AuditRecord, Chain, Fact},
    incident::Incident,
    ledger::{Ledger, Spend},
    plan::{Plan, conclude},
    remedy::{Act, Outcome},
    workload::WorkloadRef,
};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// The name of the one ledger object, in the agent's own namespace.
pub const LEDGER: &str = "podmender";
/// Whose an incident is, by the namespace of its agent: two agents in one cluster have a chain each.
pub const AGENT_LABEL: &str = "podmender.io/agent";
/// The field manager of everything that the agent writes about itself.
pub const MANAGER: &str = "podmender-status";

/// Writes what is intended: ledger first, then the incident.
///
/// # Errors
/// Any error means that nothing may be done.
pub async fn intent(plan: &Plan, now: Timestamp, ctx: &Context) -> Result<(), Error> {
    let opened = match (&plan.spend, &plan.incident) {
        (Some(_), Some(incident)) => open(incident, &plan.facts, now, ctx).await?,
        _ => None,
    };
    if let Some(act) = &plan.act {
        write_whole(&act.workload, now, ctx).await?;
    }
    if let Some(spend) = &plan.spend {
        pay(spend, now, ctx).await?;
    }
    let (incident, facts) = match (&opened, &plan.incident) {
        (Some((incident, rest)), _) => (incident, rest),
        (None, Some(incident)) => (incident, &plan.facts),
        (None, None) => return Ok(()),
    };
    write(incident, facts.clone(), now, ctx).await?;
    if let Some(act) = &plan.act {
        ctx.store.lock().is_written_whole(&act.workload)?;
    }
    for fact in &plan.facts {
        answered(fact, incident, now, ctx).await;
    }
    match &plan.closes {
        Some(asked) => expiry::close(asked, incident, ctx).await,
        None => Ok(()),
    }
}

/// Fails if the cluster's definitions do not take what is written of a workload. What they did not take of its incident is tried once
/// more: they may be newer by now. (The ledger is tried again by itself.)
async fn write_whole(workload: &WorkloadRef, now: Timestamp, ctx: &Context) -> Result<(), Error> {
    if ctx.store.lock().is_written_whole(workload).is_ok() {
        return Ok(());
    }
    if let Some(stored) = ctx.store.incident(workload).filter(|s| s.dirty) {
        write(&stored.incident, Vec::new(), now, ctx).await?;
    }
    ctx.store.lock().is_written_whole(workload)
}

/// Writes an incident that is new as it was before its first act, so that what is paid for it belongs to one that is there: an
/// act that cannot be written down is not paid for anew with each try (rows 4 and 6). Gives the incident with what is left to be
/// written of it; nothing, if it was there.
async fn open(
    incident: &Incident,
    facts: &[Fact],
    now: Timestamp,
    ctx: &Context,
) -> Result<Option<(Incident, Vec<Fact>)>, Error> {
    let workload = &incident.spec.workload;
    let stored = ctx.store.incident(workload);
    if stored.is_some_and(|s| s.incident.id == incident.id) {
        return Ok(None);
    }
    let is_intent = |fact: &Fact| matches!(fact, Fact::Intended { .. });
    let intended = facts.iter().position(is_intent).unwrap_or(facts.len());
    let (before, rest) = facts.split_at(intended);
    write(&incident.before_its_acts(), before.to_vec(), now, ctx).await?;
    let mut incident = incident.clone();
    if let Some(stored) = ctx.store.incident(workload) {
        incident.status.timeline = stored.incident.status.timeline;
    }
    Ok(Some((incident, rest.to_vec())))
}

/// Notes on the Approval object what became of it. The incident's `consumed` is what counts; this is for people.
async fn answered(fact: &Fact, incident: &Incident, now: Timestamp, ctx: &Context) {
    let (name, status) = match fact {
        Fact::Answered { approval, .. } | Fact::Snoozed { approval, .. } => {
            (approval, json!({ "consumedAt": now, "result": "Accepted" }))
        }
        Fact::ApprovalRefused {
            approval, because, ..
        } => (
            approval,
            json!({ "consumedAt": now, "result": "Refused", "reason": because }),
        ),
        _ => return,
    };
    let api = Api::<api::Approval>::namespaced(
        ctx.client.clone(),
        incident.spec.workload.namespace.as_str(),
    );
    let params = PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..Default::default()
    };
    if let Err(error) = within(api.patch_status(
        name.as_str(),
        &params,
        &Patch::Merge(json!({ "status": status })),
    ))
    .await
    {
        tracing::debug!(approval = %name, error = error.map(|e| e.to_string()), "the status of an approval could not be written");
    }
}

/// Writes how the act ended.
///
/// # Errors
/// If it could not be written: the next pass reads it back from the cluster.
pub async fn outcome(
    act: &Act,
    outcome: Outcome,
    now: Timestamp,
    ctx: &Context,
) -> Result<(), Error> {
    let Some(stored) = ctx.store.incident(&act.workload) else {
        return Ok(());
    };
    let mut incident = stored.incident;
    let facts = conclude(&mut incident, &act.id, outcome, now);
    write(&incident, facts, now, ctx).await
}

/// Spends: a compare-and-swap. RBAC: `update` on `ledgers` in the agent's own namespace.
async fn pay(spend: &Spend, now: Timestamp, ctx: &Context) -> Result<(), Error> {
    let mut ledger = current_ledger(now, ctx);
    ledger.spent.push(spend.clone());
    replace_ledger(ledger, ctx).await
}

/// Writes what the ledger has not yet: outcomes, verdicts, the head of the chain.
///
/// # Errors
/// If it could not be written; nothing is lost by that, it is tried again.
pub async fn flush(now: Timestamp, ctx: &Context) -> Result<(), Error> {
    let rest = {
        let state = ctx.store.lock();
        if !state.ledger_dirty || state.ledger_rest.is_some_and(|r| Instant::now() < r.until) {
            return Ok(());
        }
        state.ledger_rest
    };
    let tried = replace_ledger(current_ledger(now, ctx), ctx).await;
    ctx.store.lock().ledger_rest = match &tried {
        Ok(()) => None,
        Err(error) => Some(Rest::after(rest, error)),
    };
    tried
}

/// What failed is let rest, each time for longer: a ledger that somebody holds on to is not asked for every second (row 6).
#[derive(Clone, Copy, Debug)]
pub struct Rest {
    until: Instant,
    length: Duration,
}

impl Rest {
    const SHORTEST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(30);

    fn after(before: Option<Self>, error: &Error) -> Self {
        // The first failure is tried again with the next tick: most often somebody else was faster, once.
        let longer = |rest: Self| {
            rest.length
                .saturating_mul(2)
                .clamp(Self::SHORTEST, Self::LONGEST)
        };
        let length = before.map_or(Duration::ZERO, longer);
        Self {
            until: Instant::now() + length.max(error.retry_after()),
            length,
        }
    }
}

/// The ledger as it should stand, with the records that belong to no incident: those are written with their head, in one
/// write. Its head never runs ahead of the records that are written.
fn current_ledger(now: Timestamp, ctx: &Context) -> Ledger {
    let state = ctx.store.lock();
    let mut ledger = state.ledger.clone();
    let mut chain = Chain {
        head: state.head.clone(),
    };
    for (at, fact) in &state.unwritten {
        ledger.keep(chain.append(*at, None, fact.clone()));
    }
    ledger.head = chain.head;
    ledger.proof_since = state.proof_since;
    ledger.prune(now);
    ledger
}

async fn replace_ledger(mut ledger: Ledger, ctx: &Context) -> Result<(), Error> {
    let calls = take_calls(&mut ledger, ctx);
    let version = ctx.store.lock().ledger_version.clone();
    let before = ctx.store.lock().head.seq;
    let api = Api::<api::Ledger>::namespaced(ctx.client.clone(), ctx.own_namespace.as_str());
    let object = api::Ledger {
        metadata: ObjectMeta {
            name: Some(LEDGER.to_owned()),
            resource_version: Some(version),
            ..Default::default()
        },
        spec: api::LedgerBody(ledger.clone()),
    };
    match within(api.replace(LEDGER, &PostParams::default(), &object)).await {
        Ok(written) => {
            let new = ledger.records.iter().filter(|r| r.seq > before);
            new.for_each(|record| log(record, None));
            let stored = Written::of(&ledger, &written.spec.0);
            let mut state = ctx.store.lock();
            state.outdated.note(None, stored);
            state.head = ledger.head.clone();
            state.ledger = ledger;
            state.ledger_version = written.metadata.resource_version.unwrap_or_default();
            // A call may have been asked for meanwhile.
            state.ledger_dirty = !state.calls.is_empty() || stored == Written::Cut;
            state.unwritten.clear();
            let outdated = state.outdated.forbids(None);
            drop(state);
            if let Some(outdated) = outdated {
                return Err(outdated); // and the calls are not made
            }
            for call in calls {
                // Whoever wanted it may have given up: it counts all the same.
                let _ = call.paid.send(());
            }
            Ok(())
        }
        Err(error) => {
            // It may have been applied all the same: then they count twice, rather than not at all.
            ctx.store.lock().calls.extend(calls);
            ctx.metrics
                .ledger_failed(match error.as_ref().and_then(code) {
                    Some(409) => crate::metrics::LedgerError::conflict,
                    Some(403) => crate::metrics::LedgerError::forbidden,
                    _ => crate::metrics::LedgerError::unreachable,
                });
            let outdated = error
                .as_ref()
                .and_then(|e| ctx.store.lock().outdated.refused(None, e));
            reload_ledger(ctx).await?;
            match error {
                _ if let Some(outdated) = outdated => Err(outdated),
                Some(e) if code(&e) == Some(409) => Err(Error::LedgerConflict),
                Some(e) => Err(Error::Ledger(e)),
                None => Err(Error::Timeout),
            }
        }
    }
}

/// Writes the calls to language models that wait into `ledger`. One that has no room in it is dropped, and so not made.
fn take_calls(ledger: &mut Ledger, ctx: &Context) -> Vec<Call> {
    let now = ctx.clock.now();
    let mut calls = std::mem::take(&mut ctx.store.lock().calls);
    calls.retain(|call| !call.paid.is_closed() && ledger.note_call(&call.model, now).is_ok());
    calls
}

/// Reads the ledger again after a failed write: whatever happened, it is the truth.
async fn reload_ledger(ctx: &Context) -> Result<(), Error> {
    let api = Api::<api::Ledger>::namespaced(ctx.client.clone(), ctx.own_namespace.as_str());
    let found = within(api.get(LEDGER))
        .await
        .map_err(|e| e.map_or(Error::Timeout, Error::Ledger))?;
    let mut state = ctx.store.lock();
    state.ledger_version = found.metadata.resource_version.unwrap_or_default();
    let mut ledger = found.spec.0;
    let now = ctx.clock.now();
    for stored in state.incidents.values() {
        ledger.absorb(&stored.incident, now);
    }
    // Storms are ours alone; the later sighting counts.
    for storm in std::mem::take(&mut state.ledger.storms) {
        if !ledger.storms.iter().any(|s| s.policy == storm.policy) {
            ledger.storms.push(storm);
        }
    }
    // The write may have been applied although its answer was lost: then its records are in there, and its head counts.
    state.unwritten.retain(|(at, fact)| {
        let is_in = |r: &AuditRecord| r.at == *at && r.fact == *fact;
        !ledger.records.iter().any(is_in)
    });
    for (at, fact) in &state.unwritten {
        ledger.take(fact, *at);
    }
    if ledger.head.seq > state.head.seq {
        state.head = ledger.head.clone();
    }
    state.ledger = ledger;
    state.ledger_dirty = true;
    Ok(())
}

/// Writes an incident if it differs from what is stored: creates the object, or replaces its status under its resourceVersion.
async fn write(
    incident: &Incident,
    facts: Vec<Fact>,
    now: Timestamp,
    ctx: &Context,
) -> Result<(), Error> {
    let workload = &incident.spec.workload;
    let stored = ctx
        .store
        .incident(workload)
        .filter(|s| s.incident.id == incident.id);
    if facts.is_empty()
        && stored
            .as_ref()
            .is_some_and(|s| !s.dirty && s.incident == *incident)
    {
        return Ok(());
    }
    let mut incident = incident.clone();
    if let Some(stored) = &stored {
        // The alert sender may have noted what it told, and where, while this pass ran, and a model may have answered.
        let (status, known) = (&mut incident.status, &stored.incident.status);
        status.told = known.told.clone().or(status.told.take());
        status.posts.clone_from(&known.posts);
        status.summary = known.summary.clone().or(status.summary.take());
    }
    let draft = ctx.store.lock().chain(incident, facts, now);
    let version = match &stored {
        Some(stored) => Some(stored.version.clone()),
        None => create(&draft.incident, ctx).await?,
    };
    match patch_status(&draft.incident, version, ctx).await {
        Ok((place, whole)) => {
            draft
                .records
                .iter()
                .for_each(|r| log(r, Some(&draft.incident)));
            let mut state = ctx.store.lock();
            state.outdated.note(Some(workload), whole);
            state.settle_ledger(&draft.incident, now);
            state.commit(draft, place);
            if whole == Written::Cut
                && let Some(stored) = state.incidents.get_mut(workload)
            {
                stored.dirty = true; // written anew with each pass, until it is taken whole
            }
            Ok(())
        }
        Err(error) => {
            let refused = error
                .as_ref()
                .and_then(|e| ctx.store.lock().outdated.refused(Some(workload), e));
            let found = recover(draft, stored, error, ctx).await;
            refused.map_or(found, Err)
        }
    }
}

/// Creates the object; its status follows. Returns its resourceVersion (`None` if it was there already).
async fn create(incident: &Incident, ctx: &Context) -> Result<Option<String>, Error> {
    let workload = &incident.spec.workload;
    let api = Api::<api::Incident>::namespaced(ctx.client.clone(), workload.namespace.as_str());
    let object = api::Incident {
        metadata: ObjectMeta {
            name: Some(incident.id.0.to_string()),
            labels: Some(
                [
                    ("app.kubernetes.io/managed-by", "podmender"),
                    ("app.kubernetes.io/part-of", "podmender"),
                    (AGENT_LABEL, ctx.own_namespace.as_str()),
                ]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            ),
            ..Default::default()
        },
        spec: api::IncidentBody(incident.spec.clone()),
        status: None,
    };
    let params = PostParams {
        field_manager: Some(MANAGER.to_owned()),
        ..Default::default()
    };
    match within(api.create(&params, &object)).await {
        Ok(created) => Ok(created.metadata.resource_version),
        Err(Some(e)) if code(&e) == Some(409) => Ok(None),
        Err(Some(e))
            if let Some(outdated) = ctx.store.lock().outdated.refused(Some(workload), &e) =>
        {
            Err(outdated)
        }
        Err(e) => Err(e.map_or(Error::Timeout, |e| Error::Incident(workload.clone(), e))),
    }
}

/// Replaces the status as a whole (a JSON patch `add`), if the object is still at `version`.
async fn patch_status(
    incident: &Incident,
    version: Option<String>,
    ctx: &Context,
) -> Result<(Place, Written), Option<kube::Error>> {
    let api = Api::<api::Incident>::namespaced(
        ctx.client.clone(),
        incident.spec.workload.namespace.as_str(),
    );
    let test =
        version.map(|v| json!({ "op": "test", "path": "/metadata/resourceVersion", "value": v }));
    let add = json!({ "op": "add", "path": "/status", "value": incident.status });
    let operations: Vec<_> = test.into_iter().chain([add]).collect();
    let patch: json_patch::Patch =
        serde_json::from_value(json!(operations)).map_err(|e| Some(kube::Error::SerdeError(e)))?;
    let params = PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..Default::default()
    };
    let name = incident.id.0.as_str();
    let written = within(api.patch_status(name, &params, &Patch::<()>::Json(patch))).await?;
    let whole = Written::of(&Some(&incident.status), &written.status.as_ref());
    Ok((Place::of(&written.metadata), whole))
}

/// After a failed write: was it applied all the same, changed by somebody else, or deleted?
async fn recover(
    draft: Draft,
    stored: Option<Stored>,
    error: Option<kube::Error>,
    ctx: &Context,
) -> Result<(), Error> {
    let workload = draft.incident.spec.workload.clone();
    let api = Api::<api::Incident>::namespaced(ctx.client.clone(), workload.namespace.as_str());
    let found = within(api.get_opt(draft.incident.id.0.as_str()))
        .await
        .map_err(|e| e.map_or(Error::Timeout, |e| Error::Incident(workload.clone(), e)))?;
    let Some(found) = found else {
        // Deleted by somebody: what still fails opens a new one.
        ctx.store.lock().incidents.remove(&workload);
        ctx.alerts.forget(&draft.incident.id);
        return Err(Error::IncidentConflict(workload));
    };
    let place = Place::of(&found.metadata);
    match found.status {
        Some(status) if status == draft.incident.status => {
            draft
                .records
                .iter()
                .for_each(|r| log(r, Some(&draft.incident)));
            ctx.store.lock().commit(draft, place);
            Ok(())
        }
        Some(status) => {
            let incident = Incident {
                id: draft.incident.id,
                spec: found.spec.0,
                status,
            };
            ctx.store.lock().adopt(incident, place);
            Err(conflict_or(error, workload))
        }
        None => {
            // Created a moment ago, still without status: the next pass writes it.
            if stored.is_none() {
                let _ = within(api.delete(
                    draft.incident.id.0.as_str(),
                    &kube::api::DeleteParams::default(),
                ))
                .await;
            }
            Err(conflict_or(error, workload))
        }
    }
}

fn conflict_or(error: Option<kube::Error>, workload: WorkloadRef) -> Error {
    match error {
        Some(e) if is_definite(&e) && !matches!(code(&e), Some(409 | 422)) => {
            Error::Incident(workload, e)
        }
        Some(_) => Error::IncidentConflict(workload),
        None => Error::Timeout,
    }
}

/// The audit's second home: one line of JSON per record on stdout, where a log shipper takes it.
fn log(record: &AuditRecord, incident: Option<&Incident>) {
    let workload = incident.map(|i| &i.spec.workload);
    match serde_json::to_string(record) {
        Ok(json) => {
            tracing::info!(target: "podmender::audit", namespace = workload.map(|w| w.namespace.as_str()),
            workload = workload.map(|w| w.name.as_str()), incident_id = incident.map(|i| i.id.0.as_str()), record = json, "audit")
        }
        Err(error) => {
            tracing::error!(%error, seq = record.seq, "an audit record could not be printed")
        }
    }
}

/// Lists the incidents of this agent only.
pub(crate) fn own_incidents(ctx: &Context) -> ListParams {
    ListParams::default().labels(&format!("{AGENT_LABEL}={}", ctx.own_namespace))
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
