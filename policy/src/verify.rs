//! Did the remedy help? Observations since the act, and now, give a verdict.

use crate::{
    diagnose::{Finding, diagnose},
    incident::Attempt,
    observation::{Leaving, Observation, Presence, RolloutState},
    remedy::{Effect, Outcome},
    rules::VerifyRules,
    workload::WorkloadKind,
};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Whether a remedy helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// Not yet known.
    Pending,
    /// Well for `healthyDelay`.
    Recovered,
    /// Failed again, not well by the deadline, or again within the relapse window.
    Relapsed,
    /// Somebody else undid it: who manages the workload's spec as GitOps tools do. It is not done so again.
    Reverted,
    /// The act did not happen: there is nothing to verify.
    NotApplied,
}

/// How the workload is, seen from an act.
#[derive(Clone, Debug, PartialEq)]
pub enum Health {
    /// Well as far as this act goes: what it replaced runs, or nothing fails any more.
    Well,
    /// Neither well nor failing (starting, waiting).
    Unclear,
    /// What came after the act fails too.
    FailsAgain(Box<Finding>),
    /// The act is no more: its mark is gone from the workload's template.
    Undone,
}

/// How the workload is when no act is to be judged.
#[must_use]
pub fn is_well(finding: Option<&Finding>, seen: &Observation) -> bool {
    let runs = match seen.workload.id.kind {
        // The pods of a Job end; they are not there to be ready. One that gave up is no better when its pods are gone.
        WorkloadKind::Job | WorkloadKind::CronJob => {
            seen.workload.rollout.state != RolloutState::Stuck
        }
        _ => seen.replicas.ready >= seen.replicas.desired,
    };
    finding.is_none() && runs && !matches!(seen.workload.rollout.state, RolloutState::Progressing)
}

/// Looks at what came after `attempt`: pods made since (eviction), or the whole workload (rollout).
///
/// Other pods of the workload that failed before and still fail do not speak against the act: it was not aimed at them.
#[must_use]
pub fn health_after(
    attempt: &Attempt,
    finding: Option<&Finding>,
    seen: &Observation,
    now: Timestamp,
) -> Health {
    if is_undone(attempt, seen) {
        return Health::Undone;
    }
    // Pod creation times have a grain of one second and are set by the API server.
    let since = attempt.at - SignedDuration::from_secs(1);
    let newer: Vec<_> = seen
        .suspects
        .iter()
        .filter(|p| p.created >= since && p.leaving == Leaving::No)
        .cloned()
        .collect();
    if newer.is_empty() {
        let target_remains =
            matches!(&attempt.effect, Effect::Evict { uid, .. } if seen.pod_uids.contains(uid));
        let nothing_new_fails =
            is_well(finding, seen) || (finding.is_some() && seen.replicas.ready > 0);
        return if !target_remains
            && nothing_new_fails
            && !matches!(seen.workload.rollout.state, RolloutState::Progressing)
        {
            Health::Well
        } else {
            Health::Unclear
        };
    }
    let after = Observation {
        suspects: newer,
        ..seen.clone()
    };
    diagnose(&after, now).map_or(Health::Unclear, |f| Health::FailsAgain(Box::new(f)))
}

/// A rollout restart counts as having helped no sooner than this after it: by then, whoever manages the template has compared it with
/// what they hold to be right, and has undone what is not theirs (row 107).
const UNDONE_WITHIN: Duration = Duration::from_secs(120);

/// Whether the mark of a rollout restart is gone: the workload was changed since, and bears an older one or none.
fn is_undone(attempt: &Attempt, seen: &Observation) -> bool {
    let Effect::RolloutRestart {
        generation, stamp, ..
    } = &attempt.effect
    else {
        return false;
    };
    let workload = &seen.workload;
    let is_older = workload
        .restarted_at
        .is_none_or(|at| at.as_second() < stamp.as_second());
    attempt.outcome == Some(Outcome::Executed)
        && workload.presence == Presence::Present
        && workload.generation > *generation
        && is_older
}

/// When `attempt` counts as having helped, if the workload stays well, as it has been since `since`.
#[must_use]
pub fn believed_at(attempt: &Attempt, since: Timestamp, rules: &VerifyRules) -> Timestamp {
    let well = after(since, rules.healthy_delay);
    match &attempt.effect {
        Effect::Evict { .. } => well,
        Effect::RolloutRestart { .. } => {
            let acted = attempt.ended_at.unwrap_or(attempt.at);
            well.max(after(acted, UNDONE_WITHIN))
        }
    }
}

/// The verdict on `attempt`, given since when the workload has been well.
#[must_use]
pub fn verdict(
    attempt: &Attempt,
    health: &Health,
    healthy_since: Option<Timestamp>,
    rules: &VerifyRules,
    now: Timestamp,
) -> Verdict {
    if attempt.outcome != Some(Outcome::Executed) {
        return if attempt.outcome.is_some() {
            Verdict::NotApplied
        } else {
            Verdict::Pending
        };
    }
    let acted = attempt.ended_at.unwrap_or(attempt.at);
    match (health, healthy_since) {
        (Health::Undone, _) => Verdict::Reverted,
        (Health::FailsAgain(_), _) => Verdict::Relapsed,
        (Health::Well, Some(since)) if now >= believed_at(attempt, since, rules) => {
            Verdict::Recovered
        }
        // Well by the deadline is enough, even if healthyDelay ends after it.
        (Health::Well, Some(_)) => Verdict::Pending,
        _ if lasted(acted, now, rules.deadline) => Verdict::Relapsed,
        _ => Verdict::Pending,
    }
}

/// Whether at least `span` lies between `since` and `now`. An earlier `now` unlocks nothing.
#[must_use]
pub fn lasted(since: Timestamp, now: Timestamp, span: std::time::Duration) -> bool {
    now >= after(since, span)
}

/// `at + span`, saturating at the end of time.
#[must_use]
pub fn after(at: Timestamp, span: std::time::Duration) -> Timestamp {
    SignedDuration::try_from(span)
        .ok()
        .and_then(|s| at.checked_add(s).ok())
        .unwrap_or(Timestamp::MAX)
}
