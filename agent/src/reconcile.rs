//! One pass over one workload: observe, plan, record the intent, act, record the outcome. Read this first.
//!
//! Level-triggered: assumes nothing about why it runs. One pass at a time, over all workloads: what it writes is small, what is
//! slow (logs, alerts, Events) runs aside, and the order of audit records needs no lock.

use crate::{
    context::Context,
    error::Error,
    evidence, execute, observe,
    publish::{self, Notice},
    queue::Turn,
    record,
};
use podmender_policy::{
    audit::Fact,
    decide::{DecisionKind, Reason},
    diagnose::Standing,
    incident::{Incident, Phase},
    observation::Observation,
    plan::{Plan, plan},
    remedy::Outcome,
    rules::Policy,
};
use std::time::Duration;

/// How long the first alert of an incident waits for the log that explains it.
const WAIT_FOR_LOG: Duration = Duration::from_millis(1500);

/// One pass. Says how soon to look again at the latest.
///
/// # Errors
/// If something could not be read or written. Whatever was intended is then found again by the next pass.
pub async fn reconcile(turn: &Turn, ctx: &Context) -> Result<Option<Duration>, Error> {
    let now = ctx.clock.now();
    let workload = &turn.workload;
    if ctx.store.lock().unreadable.contains(workload) {
        tracing::warn!(%workload, "its incident object cannot be read: nothing is done. Delete that object and restart the agent");
        return Ok(None);
    }
    let Some(observe::Sighting { policy, seen }) = observe::observe(workload, now, ctx) else {
        return Ok(None); // no policy covers it (any more): nothing is done
    };
    let before = ctx.store.incident(workload).map(|s| s.incident);
    let plan = ctx.store.plan_with(workload, |incident, ledger| {
        plan(&policy, ledger, incident, &seen, now)
    });
    record::intent(&plan, now, ctx).await?;
    follow_up(turn, before.as_ref(), &plan, &policy, &seen, ctx);
    if let Some(act) = &plan.act {
        tracing::info!(%workload, action = %act.id, effect = ?act.effect, reason = plan.decision.reason.explain(), "acting");
        let outcome = match plan.is_late(ctx.clock.now()) {
            true => Outcome::Abandoned,
            false => execute::execute(act, ctx).await?,
        };
        let took = ctx.clock.now().duration_since(now);
        ctx.metrics
            .decision_took(Duration::try_from(took).unwrap_or_default());
        tracing::info!(%workload, action = %act.id, ?outcome, "acted");
        ctx.metrics
            .remedied(&workload.namespace, act.effect.remedy(), outcome);
        record::outcome(act, outcome, ctx.clock.now(), ctx).await?;
        publish::outcome(act, outcome, &plan, ctx);
        ctx.queue.wake_in(workload.clone(), Duration::ZERO);
    }
    Ok(plan
        .wake_at
        .map(|at| Duration::try_from(at.duration_since(ctx.clock.now())).unwrap_or_default()))
}

/// What goes on aside: log reading, metrics, Events, alerts. None of it can hold up or change a decision.
pub(crate) fn follow_up(
    turn: &Turn,
    before: Option<&Incident>,
    plan: &Plan,
    policy: &Policy,
    seen: &Observation,
    ctx: &Context,
) {
    let Some(incident) = &plan.incident else {
        return;
    };
    let workload = &turn.workload;
    ctx.world.lock().mark_open(workload, incident.is_open());
    let (decision, reason) = (incident.status.decision, incident.status.reason);
    if before.is_none_or(|b| (b.status.decision, b.status.reason) != (decision, reason)) {
        ctx.metrics.decided(&workload.namespace, decision, reason);
        tracing::info!(%workload, incident_id = %incident.id, failure = ?incident.status.diagnosis.failure, phase = ?incident.status.phase,
            decision = decision.as_str(), ?reason, message = %incident.status.message, "decided");
    }
    for fact in &plan.facts {
        count(fact, turn, incident, ctx);
        if let Some(notice) = Notice::of(fact, incident, seen) {
            // A full channel drops: Events are a courtesy, the incident is the record.
            let _ = ctx.outlets.events.try_send(notice);
        }
    }
    // As it was written: what people read names those who answered.
    let written = ctx.store.incident(workload).map(|stored| stored.incident);
    let told = written.filter(|written| written.id == incident.id);
    tell(plan, told.as_ref().unwrap_or(incident), seen, ctx);
    ctx.summaries.offer(incident, policy, seen);
}

/// Counts what happened.
fn count(fact: &Fact, turn: &Turn, incident: &Incident, ctx: &Context) {
    let namespace = &turn.workload.namespace;
    match fact {
        Fact::Detected { failure } => {
            ctx.metrics.detected(namespace, *failure);
            if let Some(triggered) = turn.triggered {
                ctx.metrics.detection_took(triggered.elapsed());
            }
        }
        Fact::Verified { verdict, .. } => ctx.metrics.verified(namespace, *verdict),
        Fact::Resolved {
            reason: Reason::Mended,
        } => {
            let took = ctx.clock.now().duration_since(incident.spec.first_seen);
            ctx.metrics
                .mend_took(Duration::try_from(took).unwrap_or_default());
        }
        _ => {}
    }
}

/// Asks for the log that explains it, and lets people know: at once, or when that log is in.
fn tell(plan: &Plan, incident: &Incident, seen: &Observation, ctx: &Context) {
    if incident.status.standing == Standing::Suspected {
        return; // nothing has failed yet, and most of these pass
    }
    let first = incident.status.told.is_none() && incident.status.phase != Phase::Resolved;
    let storm = plan.decision.kind == DecisionKind::Hold && plan.decision.reason == Reason::Storm;
    if first
        && !storm
        && let Some(request) = evidence::wanted(plan, seen)
    {
        let state = ctx.store.lock();
        let is_read = state.log(&request.key).is_some();
        let is_asked = state.log_asked(&request.key);
        drop(state);
        let age = ctx.clock.now().duration_since(incident.spec.first_seen);
        let waited = Duration::try_from(age).unwrap_or_default() >= WAIT_FOR_LOG;
        if !is_read && !is_asked {
            let (workload, key) = (request.workload.clone(), request.key.clone());
            ctx.store.lock().note_log_asked(key.clone());
            if ctx.outlets.logs.try_send(request).is_err() {
                // Too many wait to be read: the next pass asks again.
                ctx.store.lock().forget_log_asked(&key);
            } else if !waited {
                ctx.queue.wake_in(workload, WAIT_FOR_LOG);
                return;
            }
        } else if !is_read && !waited {
            return;
        }
    }
    ctx.alerts.offer(incident);
}
