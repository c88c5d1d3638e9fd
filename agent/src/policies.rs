//! Policies as they are in the cluster: watched, parsed (the only way in), put in force, and answered with a status.

use crate::{
    api::{AgentPolicy, AgentPolicyStatus},
    context::{Context, within},
    objects::{Change, Key, objects},
    proof, record,
    watch::{WatchTrouble, Watches},
};
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{
    Api, Resource,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    core::DeserializeGuard,
};
use podmender_policy::{
    bounds::Name,
    rules::{Ground, Policy},
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};
use tokio::sync::SetOnce;

/// How often what a policy says about its namespaces (forbidden, stale) is looked at again.
const REFRESH: Duration = Duration::from_secs(5);

/// What is known of one AgentPolicy.
struct Known {
    generation: i64,
    /// In force; paused, if what it says now cannot be understood and what it said before could (fail closed).
    policy: Option<Arc<Policy>>,
    /// What is wrong with it, or left out of it.
    problems: Vec<String>,
    /// Whether the newest spec was understood.
    valid: bool,
    /// The status that was written last.
    written: Option<AgentPolicyStatus>,
}

/// Follows the policies of the agent's own and of the granted namespaces, and says in `read` when all of them are in force.
/// RBAC: `list, watch` on `agentpolicies`, `patch` on `agentpolicies/status`.
pub async fn run(
    watch_client: kube::Client,
    ground: Ground,
    watches: Watches,
    read: Arc<SetOnce<()>>,
    ctx: Arc<Context>,
) -> Option<Infallible> {
    let mut known: BTreeMap<Key, Known> = BTreeMap::new();
    let namespaces: BTreeSet<Name> = ground
        .granted
        .iter()
        .cloned()
        .chain([ground.own.clone()])
        .collect();
    let mut stream = objects::<AgentPolicy>(&watch_client, &namespaces, &BTreeSet::new());
    let mut refresh = tokio::time::interval(REFRESH);
    let mut unread = namespaces;
    loop {
        tokio::select! {
            change = stream.next() => {
                match change? {
                    Change::Seen(key, object) => {
                        let next = parse(&key, *object, &ground, known.remove(&key));
                        known.insert(key, next);
                    }
                    Change::Gone(key) => forget(&key, &mut known, &ctx),
                    Change::Listed(namespace) => {
                        if !unread.remove(&namespace) {
                            continue; // a list read once more: what is new in it was told
                        }
                    }
                }
                let policies: Vec<Arc<Policy>> = known.values().filter_map(|k| k.policy.clone()).collect();
                watches.set_namespaces(policies.iter().flat_map(|p| p.namespaces.iter().cloned()).collect());
                // Where several policies meet, the strictest counts: before the last one was read, none does (fail closed).
                if !unread.is_empty() {
                    continue;
                }
                put_in_force(policies, &ctx);
                let _ = read.set(());
            }
            _ = refresh.tick() => {}
        }
        if !read.initialized() {
            continue;
        }
        for (key, policy) in &mut known {
            report(key, policy, &ctx).await;
        }
    }
}

fn forget(key: &Key, known: &mut BTreeMap<Key, Known>, ctx: &Context) {
    if known.remove(key).is_some() {
        let name = Name::new(&format!("{}/{}", key.0, key.1));
        ctx.alerts.forget_policy(&name);
        ctx.metrics.forget_policy(name.as_str());
    }
}

/// Reads one policy. One that cannot be understood any more stays in force as it was, but paused.
fn parse(
    key: &Key,
    object: DeserializeGuard<AgentPolicy>,
    ground: &Ground,
    before: Option<Known>,
) -> Known {
    let generation = object.meta().generation.unwrap_or_default();
    let written = before.as_ref().and_then(|b| b.written.clone());
    let parsed = match object.0 {
        Ok(object) => Policy::parse(key.1.as_str(), key.0.as_str(), &object.spec.0, ground)
            .map_err(|p| p.sentences()),
        Err(error) => Err(vec![format!("spec: {}", error.error)]),
    };
    match parsed {
        Ok(parsed) => Known {
            generation,
            policy: Some(Arc::new(parsed.policy)),
            problems: parsed.left_out,
            valid: true,
            written,
        },
        Err(problems) => {
            let paused = before.and_then(|b| b.policy).map(|p| {
                Arc::new(Policy {
                    paused: true,
                    ..Policy::clone(&p)
                })
            });
            tracing::error!(
                policy = format!("{}/{}", key.0, key.1),
                problems = problems.join("; "),
                "a policy cannot be followed: nothing is done under it"
            );
            Known {
                generation,
                policy: paused,
                problems,
                valid: false,
                written,
            }
        }
    }
}

/// Makes the policies count: alert channels, rules, and a look at everything that they may change.
fn put_in_force(policies: Vec<Arc<Policy>>, ctx: &Context) {
    for policy in &policies {
        ctx.alerts
            .set_alerting(&policy.key(), policy.alerting.clone());
    }
    ctx.store.lock().policies = policies;
    look_at_everything(ctx);
}

/// Wakes every workload that fails or has an incident: what may be done has changed.
pub(crate) fn look_at_everything(ctx: &Context) {
    let open: Vec<_> = ctx.store.lock().incidents.keys().cloned().collect();
    let suspects = ctx.world.lock().suspects();
    for workload in suspects.into_iter().chain(open) {
        ctx.queue.wake(workload);
    }
}

/// Writes the status of a policy, if it changed.
async fn report(key: &Key, known: &mut Known, ctx: &Context) {
    let status = status_of(key, known, ctx);
    let storm = known.policy.as_ref().is_some_and(|p| is_storming(p, ctx));
    let paused = known
        .policy
        .as_ref()
        .is_some_and(|p| p.paused || ctx.store.lock().ledger.pause_of(p).is_some());
    ctx.metrics
        .policy(&format!("{}/{}", key.0, key.1), known.valid, paused, storm);
    if known.written.as_ref() == Some(&status) {
        return;
    }
    // Untyped: the answer holds a spec that perhaps cannot be read, which is just what the status says.
    let resource = ApiResource::erase::<AgentPolicy>(&());
    let api: Api<DynamicObject> =
        Api::namespaced_with(ctx.client.clone(), key.0.as_str(), &resource);
    let params = PatchParams {
        field_manager: Some(record::MANAGER.to_owned()),
        ..Default::default()
    };
    match within(api.patch_status(
        key.1.as_str(),
        &params,
        &Patch::Merge(json!({ "status": status })),
    ))
    .await
    {
        Ok(_) => known.written = Some(status),
        Err(error) => {
            tracing::debug!(policy = %key.1, error = error.map(|e| e.to_string()), "the status of a policy could not be written")
        }
    }
}

fn is_storming(policy: &Policy, ctx: &Context) -> bool {
    let storm = ctx.store.lock().ledger.storm(policy.key().as_str());
    storm.is_some_and(|s| {
        !podmender_policy::verify::lasted(s.last_over, ctx.clock.now(), policy.limits.storm_calm)
    })
}

fn status_of(key: &Key, known: &Known, ctx: &Context) -> AgentPolicyStatus {
    let namespaces: Vec<Name> = known
        .policy
        .iter()
        .flat_map(|p| p.namespaces.iter().cloned())
        .collect();
    let mut degraded: Vec<String> = if known.valid {
        known.problems.clone()
    } else {
        Vec::new()
    };
    let (workloads, troubles) = {
        let world = ctx.world.lock();
        let workloads = world
            .workloads()
            .iter()
            .filter(|w| namespaces.contains(&w.namespace))
            .count();
        (workloads, world.watch_states())
    };
    for watch in troubles
        .iter()
        .filter(|w| namespaces.contains(&w.namespace))
    {
        if let Some(trouble) = &watch.trouble {
            degraded.push(explain(&watch.namespace, watch.resource.plural(), trouble));
        }
    }
    if known.policy.as_deref().is_some_and(proof::wants_proof)
        && let Some(why) = &ctx.store.lock().unproven
    {
        degraded.push(format!("minApprovals cannot be met: {why}."));
    }
    degraded.extend(ctx.store.lock().outdated.sentences());
    degraded.extend(
        ctx.alerts
            .problems(&Name::new(&format!("{}/{}", key.0, key.1)))
            .iter()
            .map(ToString::to_string),
    );
    let summary = known.policy.as_ref().and_then(|p| p.summary.as_ref());
    let problem = summary.and_then(|rules| ctx.summaries.problem(rules));
    degraded.extend(problem.map(|p| p.to_string()));
    degraded.truncate(8);
    let open = ctx
        .store
        .lock()
        .incidents
        .values()
        .filter(|s| {
            s.incident.is_open() && namespaces.contains(&s.incident.spec.workload.namespace)
        })
        .count();
    let before = known.written.as_ref().map_or(&[][..], |w| &w.conditions);
    let now = ctx.clock.now();
    let pause = {
        let state = ctx.store.lock();
        let policy = known.policy.as_ref();
        policy.and_then(|p| state.ledger.pause_of(p).cloned())
    };
    let ready = match (known.valid, namespaces.is_empty()) {
        (false, _) => ("False", "Invalid", known.problems.join("; ")),
        (true, true) => (
            "False",
            "EmptyScope",
            "spec.scope.namespaces names no namespace that was granted: nothing is watched."
                .to_owned(),
        ),
        (true, false) => match pause {
            None => ("True", "InForce", "The policy is in force.".to_owned()),
            Some(pause) => (
                "True",
                "PausedByPerson",
                format!(
                    "Paused from chat by {} at {}: nothing is done under it.",
                    pause.by, pause.at
                ),
            ),
        },
    };
    let trouble = match degraded.is_empty() {
        true => (
            "False",
            "AsWritten",
            "All of it can be followed.".to_owned(),
        ),
        false => ("True", "PartlyFollowed", degraded.join(" ")),
    };
    AgentPolicyStatus {
        observed_generation: Some(known.generation),
        conditions: vec![
            condition("Ready", ready, known.generation, before, now),
            condition("Degraded", trouble, known.generation, before, now),
        ],
        namespaces,
        workloads: u32::try_from(workloads).unwrap_or(u32::MAX),
        open_incidents: u32::try_from(open).unwrap_or(u32::MAX),
    }
}

fn explain(namespace: &Name, resource: &str, trouble: &WatchTrouble) -> String {
    match trouble {
        WatchTrouble::Forbidden => format!(
            "No permission to watch {resource} in {namespace}: is it in the chart's rbac.namespaces?"
        ),
        WatchTrouble::Unauthorized => {
            format!("The token is not accepted for {resource} in {namespace}.")
        }
        WatchTrouble::NotFound => {
            format!("{resource} in {namespace} cannot be watched: not found.")
        }
        WatchTrouble::Failing(why) => format!("Watching {resource} in {namespace} fails: {why}."),
    }
}

/// A condition whose transition time moves only when its status flips.
fn condition(
    kind: &str,
    (status, reason, message): (&str, &str, String),
    generation: i64,
    before: &[Condition],
    now: Timestamp,
) -> Condition {
    let since = before
        .iter()
        .find(|c| c.type_ == kind && c.status == status)
        .map_or(Time(now), |c| c.last_transition_time.clone());
    let message = podmender_policy::bounds::Text::<1024>::new(&message).to_string();
    Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: Some(generation),
        last_transition_time: since,
    }
}

#[cfg(test)]
#[path = "policies_tests.rs"]
mod tests;
