//! The first stage: everything that `plan` looks at, from memory. Costs no API request.

use crate::{
    context::Context,
    store::{LogKey, State},
    watch::Seen,
};
use jiff::Timestamp;
use podmender_policy::{
    decide::is_over_storm_threshold,
    observation::{EvidenceState, Observation, StormSeen, Surroundings},
    rules::Policy,
    workload::WorkloadRef,
};

/// A workload in scope, as it is now.
pub struct Sighting {
    /// The strictest of the policies that cover it.
    pub policy: Policy,
    /// What is seen.
    pub seen: Observation,
}

/// Puts together what is known of `workload`; `None` if no policy covers it.
#[must_use]
pub fn observe(workload: &WorkloadRef, now: Timestamp, ctx: &Context) -> Option<Sighting> {
    let world = ctx.world.lock();
    let seen = world.observe(workload, now);
    let mut state = ctx.store.lock();
    let policy = state.policy_for(workload, &seen.labels)?;
    let mut surroundings = Surroundings::default();
    // A storm in the scope of any policy that covers the workload counts, also where another one scopes less.
    for policy in state.policies_of(workload, &seen.labels) {
        let counts = world.failing(policy.namespaces.iter());
        let over = is_over_storm_threshold(
            &policy.limits,
            counts.pods,
            counts.pods_failing,
            counts.workloads_failing,
        );
        let storm = if over {
            Some(state.storm_seen(&policy.key(), now))
        } else {
            state.ledger.storm(policy.key().as_str())
        };
        let wider = counts.workloads_failing > surroundings.workloads_failing;
        if wider || surroundings.pods == 0 {
            surroundings = Surroundings {
                pods: counts.pods,
                pods_failing: counts.pods_failing,
                workloads_failing: counts.workloads_failing,
                storm: surroundings.storm,
            };
        }
        let latest = |s: &StormSeen| s.last_over;
        surroundings.storm = surroundings
            .storm
            .into_iter()
            .chain(storm)
            .max_by_key(latest);
    }
    drop(world);
    Some(Sighting {
        policy,
        seen: assemble(seen, surroundings, &state),
    })
}

/// Adds what the store knows: the approval and the logs.
fn assemble(seen: Seen, surroundings: Surroundings, state: &State) -> Observation {
    let incident = state.incidents.get(&seen.workload.id).map(|s| &s.incident);
    let mut suspects = seen.suspects;
    for pod in &mut suspects {
        for container in &mut pod.containers {
            let key = LogKey {
                uid: pod.uid.clone(),
                container: container.name.clone(),
            };
            container.log = state.log(&key).cloned().flatten();
        }
    }
    Observation {
        approvals: incident.map(|i| state.answers(i)).unwrap_or_default(),
        unclosable: incident.and_then(|i| state.unclosable(&i.id).cloned()),
        workload: seen.workload,
        suspects,
        events: seen.events,
        pod_uids: seen.pod_uids,
        replicas: seen.replicas,
        surroundings,
        freshness: seen.freshness,
        // No decision of today needs a log; what needs one is the alert, which waits by itself (see alert timing in reconcile).
        evidence: EvidenceState::Complete,
        disruption: seen.disruption,
    }
}
