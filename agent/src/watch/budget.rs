//! What a PodDisruptionBudget would say to an eviction, predicted as the API server decides it.
//!
//! Source: kubernetes, pkg/registry/core/pod/storage/eviction.go (`canIgnorePDB`, `Create`, `checkAndDecrement`).

use super::{shape::Shape, slim::budget as slim};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use podmender_policy::observation::{Disruption, Leaving, PodPhase, PodSeen, Ready};

/// One budget.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Budget {
    selector: Option<LabelSelector>,
    always_allow: bool,
    /// The status was computed for the newest spec: otherwise an eviction is refused for now.
    current: bool,
    allowed: i64,
    healthy: i64,
    desired: i64,
    pub(super) round: u32,
}

impl Budget {
    pub(super) fn of(raw: &slim::Budget) -> Self {
        let policy = raw.spec.unhealthy_pod_eviction_policy.as_deref();
        Self {
            selector: raw.spec.selector.clone(),
            always_allow: policy == Some("AlwaysAllow"),
            current: raw.status.observed_generation.unwrap_or(0)
                >= raw.metadata.generation.unwrap_or(0),
            allowed: raw.status.disruptions_allowed,
            healthy: raw.status.current_healthy,
            desired: raw.status.desired_healthy,
            round: 0,
        }
    }

    /// Whether anything but the bookkeeping differs.
    pub(super) fn differs(&self, other: &Self) -> bool {
        let other = Self {
            round: self.round,
            ..other.clone()
        };
        *self != other
    }

    fn allows(&self, pod: &PodSeen) -> bool {
        let unhealthy = !matches!(pod.ready, Ready::Yes(_));
        let free = self.always_allow || (self.healthy >= self.desired && self.desired > 0);
        (unhealthy && free) || (self.current && self.allowed > 0)
    }

    fn selects(&self, pod: &str, shape: &Shape) -> bool {
        let Some(selector) = &self.selector else {
            return false;
        };
        let label = |key: &str| shape.label(pod, key);
        let matched = selector
            .match_labels
            .iter()
            .flatten()
            .all(|(k, v)| label(k) == Some(v.as_str()));
        matched
            && selector.match_expressions.iter().flatten().all(|e| {
                let value = label(&e.key);
                let listed = || value.is_some_and(|v| e.values.iter().flatten().any(|x| x == v));
                match e.operator.as_str() {
                    "In" => listed(),
                    "NotIn" => !listed(),
                    "Exists" => value.is_some(),
                    "DoesNotExist" => value.is_none(),
                    // Unknown: assume that it selects, which can only make the agent more careful.
                    _ => true,
                }
            })
    }
}

/// What the budgets say to evicting `pod`.
pub(super) fn judge<'a>(
    budgets: impl Iterator<Item = &'a Budget>,
    pod: &PodSeen,
    shape: &Shape,
) -> Disruption {
    let ended = matches!(
        pod.phase,
        PodPhase::Succeeded | PodPhase::Failed | PodPhase::Pending
    );
    if ended || pod.leaving == Leaving::Deleting {
        return Disruption::Allowed;
    }
    let mut selecting = budgets.filter(|b| b.selects(pod.name.as_str(), shape));
    match (selecting.next(), selecting.next()) {
        (None, _) => Disruption::Allowed,
        (Some(_), Some(_)) => Disruption::Conflicting,
        (Some(budget), None) if budget.allows(pod) => Disruption::Allowed,
        (Some(_), None) => Disruption::Blocked,
    }
}

/// The stricter of two.
pub(super) fn strictest(a: Disruption, b: Disruption) -> Disruption {
    let rank = |d| match d {
        Disruption::Allowed => 0,
        Disruption::Blocked => 1,
        Disruption::Conflicting => 2,
    };
    if rank(b) > rank(a) { b } else { a }
}
