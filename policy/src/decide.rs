//! The ladder, first match wins: paused, frozen, out of scope, storm, budget, cooldown, approval, remediate.

pub use crate::reason::Reason;
use crate::{
    diagnose::{Diagnosis, FailureKind, SETTLES_AFTER, Standing},
    ledger::Ledger,
    observation::{
        Consent, Disruption, EvidenceState, Freshness, Observation, Presence, Ready, RolloutState,
        StormSeen,
    },
    remedy::{self, Effect, RemedyName, Step},
    rules::{Level, Limits, Policy},
    verify::{after, lasted},
    workload::WorkloadKind,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is decided.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[allow(missing_docs, reason = "the words of design.md, section 2")]
pub enum DecisionKind {
    Remediate,
    RequestApproval,
    Hold,
    Escalate,
    Resolve,
}

/// A decision with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What.
    pub kind: DecisionKind,
    /// Why.
    pub reason: Reason,
    /// Which remedy it is about.
    pub remedy: Option<RemedyName>,
}

impl Decision {
    /// Nothing is wrong.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            kind: DecisionKind::Hold,
            reason: Reason::Healthy,
            remedy: None,
        }
    }
}

/// What the ladder came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruling {
    /// The decision.
    pub decision: Decision,
    /// What would be done: with `Remediate`, what is done; with `RequestApproval`, what a person is asked;
    /// with `Hold(Observing)`, what would have been done.
    pub effect: Option<Effect>,
    /// When the rung that held it lets go, if time alone can do that.
    pub until: Option<Timestamp>,
}

/// Whether a person has said yes to just this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consented {
    /// Nobody was asked, or nobody has answered.
    NotYet,
    /// A valid approval is at hand.
    ByPerson,
}

impl Ruling {
    fn hold(reason: Reason, until: Option<Timestamp>) -> Self {
        Self {
            decision: Decision {
                kind: DecisionKind::Hold,
                reason,
                remedy: None,
            },
            effect: None,
            until,
        }
    }

    fn escalate(reason: Reason) -> Self {
        Self {
            decision: Decision {
                kind: DecisionKind::Escalate,
                reason,
                remedy: None,
            },
            effect: None,
            until: None,
        }
    }
}

/// Walks the ladder for a workload that fails. `failed`: attempts of this incident that did not help.
#[must_use]
pub fn decide(
    policy: &Policy,
    ledger: &Ledger,
    diagnosis: &Diagnosis,
    seen: &Observation,
    failed: usize,
    consented: Consented,
    now: Timestamp,
) -> Ruling {
    if let Some(held) = gates(policy, ledger, seen, now) {
        return held;
    }
    if failed >= 2 {
        return Ruling::escalate(Reason::VerifyFailed);
    }
    if diagnosis.standing == Standing::Suspected {
        return Ruling::hold(Reason::TooFewOccurrences, None);
    }
    let effect = match remedy::next(policy, diagnosis, seen, failed, now) {
        Step::Restart(effect) if policy.restart.enabled => effect,
        Step::Restart(_) => return Ruling::escalate(Reason::CapabilityDisabled),
        Step::Wait(until) => return Ruling::hold(Reason::StillMayRecover, Some(until)),
        Step::Person(_) if may_be_a_blip(policy, diagnosis) => {
            return Ruling::hold(Reason::PersonIfAgain, None);
        }
        Step::Person(reason) => return Ruling::escalate(reason),
    };
    if let Some(held) =
        patience(policy, diagnosis, seen).or_else(|| budgets(policy, ledger, seen, now))
    {
        return held;
    }
    if let Some(held) = disruption(&effect, seen) {
        return held;
    }
    permission(policy, diagnosis, seen, effect, consented, now)
}

/// A program that ended once may run the next time (it started before its database): told, but nobody's task yet.
fn may_be_a_blip(policy: &Policy, diagnosis: &Diagnosis) -> bool {
    matches!(
        diagnosis.failure,
        FailureKind::Error | FailureKind::OOMKilled
    ) && diagnosis.occurrences < policy.restart.min_occurrences
}

/// What forbids every act, whatever fails: paused, frozen, out of scope, expected, storm.
pub(crate) fn gates(
    policy: &Policy,
    ledger: &Ledger,
    seen: &Observation,
    now: Timestamp,
) -> Option<Ruling> {
    if policy.paused {
        return Some(Ruling::hold(Reason::Paused, None));
    }
    if ledger.pause_of(policy).is_some() {
        return Some(Ruling::hold(Reason::PausedByPerson, None));
    }
    match seen.workload.consent {
        Consent::Given => {}
        Consent::Paused => return Some(Ruling::hold(Reason::WorkloadPaused, None)),
        Consent::OptedOut => return Some(Ruling::hold(Reason::OptedOut, None)),
        Consent::IgnoredUntil(until) if now < until => {
            return Some(Ruling::hold(Reason::Ignored, Some(until)));
        }
        Consent::IgnoredUntil(_) => {}
    }
    if let Some(until) = policy
        .freeze
        .iter()
        .filter_map(|w| w.frozen_until(now))
        .max()
    {
        return Some(Ruling::hold(Reason::Frozen, Some(until)));
    }
    if !policy.namespaces.contains(&seen.workload.id.namespace) {
        return Some(Ruling::hold(Reason::OutOfScope, None));
    }
    if seen.freshness != Freshness::Fresh {
        return Some(Ruling::hold(Reason::WatchStale, None));
    }
    match seen.workload.presence {
        Presence::Present | Presence::Unresolved => {}
        Presence::Deleting | Presence::Gone => {
            return Some(Ruling::hold(Reason::ExpectedDisruption, None));
        }
    }
    storm_until(&policy.limits, seen, now).map(|until| Ruling::hold(Reason::Storm, Some(until)))
}

/// Whether so much fails at once that acting on single workloads would be wrong (A4).
#[must_use]
pub fn is_over_storm_threshold(
    limits: &Limits,
    pods: u32,
    pods_failing: u32,
    workloads_failing: u32,
) -> bool {
    // At least 10 pods, so that a small namespace with one crash loop of four is no storm.
    let pods_over = pods_failing >= 10
        && u64::from(pods_failing) * 100 >= u64::from(pods) * u64::from(limits.storm_pods_percent);
    pods_over || workloads_failing >= limits.storm_workloads
}

/// Until when the storm gate stays closed: calm must have lasted `storm_calm`.
#[must_use]
pub fn storm_until(limits: &Limits, seen: &Observation, now: Timestamp) -> Option<Timestamp> {
    let s = &seen.surroundings;
    if is_over_storm_threshold(limits, s.pods, s.pods_failing, s.workloads_failing) {
        return Some(after(now, limits.storm_calm));
    }
    let StormSeen { last_over, .. } = s.storm?;
    (!lasted(last_over, now, limits.storm_calm)).then(|| after(last_over, limits.storm_calm))
}

/// What is worth waiting for: evidence, a second occurrence, the end of a rollout.
fn patience(policy: &Policy, diagnosis: &Diagnosis, seen: &Observation) -> Option<Ruling> {
    if let EvidenceState::PendingUntil(until) = seen.evidence {
        return Some(Ruling::hold(Reason::EvidencePending, Some(until)));
    }
    if seen.workload.rollout.state == RolloutState::Progressing {
        return Some(Ruling::hold(Reason::RolloutInProgress, None));
    }
    if seen.workload.rollout.state == RolloutState::ScaledToZero {
        return Some(Ruling::hold(Reason::ExpectedDisruption, None));
    }
    (diagnosis.occurrences < policy.restart.min_occurrences)
        .then(|| Ruling::hold(Reason::TooFewOccurrences, None))
}

/// Budget of the workload, budget and concurrency of the namespace, cooldown.
fn budgets(policy: &Policy, ledger: &Ledger, seen: &Observation, now: Timestamp) -> Option<Ruling> {
    let (id, limits) = (&seen.workload.id, &policy.limits);
    if ledger.budget_free_at(id, &policy.restart, now).is_some() {
        return Some(Ruling::escalate(Reason::BudgetSpent));
    }
    if let Some(until) = ledger.namespace_free_at(
        &id.namespace,
        limits.actions_window,
        limits.max_actions,
        now,
    ) {
        return Some(Ruling::hold(Reason::NamespaceBudgetSpent, Some(until)));
    }
    if let Some(until) = ledger.room_at(now) {
        return Some(Ruling::hold(Reason::LedgerFull, Some(until)));
    }
    if let Some(until) = ledger.cooldown_until(id, &policy.restart, now) {
        return Some(Ruling::hold(Reason::Cooldown, Some(until)));
    }
    // No event tells that another incident has ended its verification: look again after a while.
    ledger
        .is_busy(&id.namespace, limits.max_concurrent, now)
        .then(|| Ruling::hold(Reason::TooManyAtOnce, Some(after(now, BUSY_LOOK))))
}

/// How soon to look again while other remedies are under way.
const BUSY_LOOK: std::time::Duration = std::time::Duration::from_secs(5);

/// What a PodDisruptionBudget would say; asking the API server all the same would only add load and noise.
fn disruption(effect: &Effect, seen: &Observation) -> Option<Ruling> {
    match (effect, seen.disruption) {
        (Effect::Evict { .. }, Disruption::Blocked | Disruption::Conflicting) => {
            Some(Ruling::escalate(Reason::DisruptionBudget))
        }
        (Effect::Evict { .. }, Disruption::Allowed) | (Effect::RolloutRestart { .. }, _) => None,
    }
}

/// Approval, level, act.
fn permission(
    policy: &Policy,
    diagnosis: &Diagnosis,
    seen: &Observation,
    effect: Effect,
    consented: Consented,
    now: Timestamp,
) -> Ruling {
    let remedy = effect.remedy();
    let ruling = |kind, reason| Ruling {
        decision: Decision {
            kind,
            reason,
            remedy: Some(remedy),
        },
        effect: Some(effect.clone()),
        until: None,
    };
    match (
        policy.level,
        consented,
        asks(policy, diagnosis, seen, &effect, now),
    ) {
        (Level::Observe, _, _) => ruling(DecisionKind::Hold, Reason::Observing),
        (_, Consented::ByPerson, _) => ruling(DecisionKind::Remediate, Reason::Approved),
        (_, Consented::NotYet, Some(because)) => ruling(DecisionKind::RequestApproval, because),
        (_, Consented::NotYet, None) => ruling(DecisionKind::Remediate, Reason::RestartMayHelp),
    }
}

/// Why a person must be asked before `effect`; `None`: nobody need be.
pub(crate) fn asks(
    policy: &Policy,
    diagnosis: &Diagnosis,
    seen: &Observation,
    effect: &Effect,
    now: Timestamp,
) -> Option<Reason> {
    let remedy = effect.remedy();
    let changes_spec = matches!(effect, Effect::RolloutRestart { .. });
    // Without a readiness probe a crash loop is Ready for the seconds that each run lasts: that is no replica to protect.
    let settled = |since| now.duration_since(since) >= SETTLES_AFTER;
    let target_is_ready = seen.suspects.iter().any(|p| {
        p.uid == diagnosis.pod_uid && matches!(p.ready, Ready::Yes(since) if settled(since))
    });
    // What the kubelet kills again and again for its probe serves nobody, whatever its readiness says in between.
    let is_killed = matches!(
        diagnosis.failure,
        FailureKind::LivenessProbeFailed | FailureKind::StartupProbeFailed
    ) && diagnosis.restarts > 0;
    let last_ready = target_is_ready && !is_killed && seen.replicas.ready <= 1;
    let must_ask = policy.require_approval.contains(&remedy)
        || policy.min_approvals.contains_key(&remedy)
        || (policy.level < Level::Autonomous
            && (changes_spec || seen.workload.id.kind == WorkloadKind::StatefulSet));
    last_ready
        .then_some(Reason::LastReadyReplica)
        .or(must_ask.then_some(Reason::ApprovalRequired))
}

impl DecisionKind {
    /// The decision as status and metrics show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Remediate => "Remediate",
            Self::RequestApproval => "RequestApproval",
            Self::Hold => "Hold",
            Self::Escalate => "Escalate",
            Self::Resolve => "Resolve",
        }
    }
}
