//! The ledger: past remediations inside the longest window; budget, cooldown and back-off arithmetic.

use crate::{
    approval::Entrance,
    audit::{AuditRecord, Fact, Head},
    bounds::{Name, Text},
    decide::Reason,
    incident::{Incident, IncidentId},
    observation::StormSeen,
    remedy::{Act, ActionId, Outcome},
    rules::{Policy, RestartRules},
    verify::{Verdict, after, lasted},
    workload::WorkloadRef,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

mod calls;

pub use calls::{MAX_CALLS, ModelCalls};

/// The longest window: nothing older counts for anything.
pub const LONGEST_WINDOW: Duration = Duration::from_secs(24 * 3600);
/// However a policy is written: at most this many restarts per workload in 24 h (A1: cert-manager, CAPI keep such a second bound).
pub const MAX_PER_DAY: usize = 6;
/// The cooldown stops growing here (A2: the kubelet and cert-manager cap theirs too).
pub const MAX_COOLDOWN: Duration = Duration::from_secs(3600);
/// Remedies under way at once over all namespaces (A3).
pub const MAX_CONCURRENT: usize = 5;
/// So many remediations of the last 24 h are kept: with the longest names that Kubernetes allows they are still smaller than
/// what etcd takes (1.5 MiB). What cannot be written down is not done.
pub const MAX_SPENT: usize = 1024;
/// So many policies can be paused from chat at once.
pub const MAX_PAUSES: usize = 256;
/// So many workloads on which a rollout restart was undone are kept; of more, the oldest may be tried once again.
pub const MAX_REVERTED: usize = 256;
/// So many audit records that belong to no incident are kept.
pub const MAX_RECORDS: usize = 64;
/// An act whose verdict never came (its incident was deleted) stops counting as under way after this long.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// One remediation that was paid for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spend {
    /// What was intended.
    pub act: Act,
    /// For which incident.
    pub incident: IncidentId,
    /// When it was paid for.
    pub at: Timestamp,
    /// How the act ended, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Whether it helped. `Pending` counts against `maxConcurrent`.
    pub verdict: Verdict,
}

/// Everything that outlives the process and is not an incident.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// Remediations of the last 24 h, oldest first.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub spent: Vec<Spend>,
    /// The newest audit record.
    #[serde(default)]
    pub head: Head,
    /// Where verification may start: everything before it was pruned with its incident.
    #[serde(default)]
    pub anchor: Head,
    /// Storms, by policy.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub storms: Vec<StormEntry>,
    /// Policies that a person paused from chat.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub pauses: Vec<Pause>,
    /// Since when every look found the admission policy in force that proves who answers. Absent: the last one did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof_since: Option<Timestamp>,
    /// The audit records that belong to no incident, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub records: Vec<AuditRecord>,
    /// UIDs of workloads on which somebody undid a rollout restart, oldest first: none is tried there again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub reverted: Vec<Name>,
    /// Calls to language models of the last 24 h, by model and hour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub calls: Vec<ModelCalls>,
}

/// The kill switch of one policy, thrown from chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// The policy, as `namespace/name`.
    pub policy: Name,
    /// Who did it.
    pub by: Text<256>,
    /// When.
    pub at: Timestamp,
}

/// A storm of one policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StormEntry {
    /// The policy, as `namespace/name`.
    pub policy: Name,
    /// The storm.
    #[serde(flatten)]
    pub seen: StormSeen,
}

impl Ledger {
    /// Spends of `workload` inside the sliding `window`. A spend dated ahead of `now` (a clock that went back) counts as new.
    pub fn spent_on<'a>(
        &'a self,
        workload: &'a WorkloadRef,
        window: Duration,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Spend> {
        self.spent
            .iter()
            .filter(move |s| s.act.workload == *workload && !lasted(s.at, now, window))
    }

    /// When `workload` may be remedied again under its budget; `None`: now.
    #[must_use]
    pub fn budget_free_at(
        &self,
        workload: &WorkloadRef,
        rules: &RestartRules,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let free_at = |window: Duration, max: usize| {
            let mut spent: Vec<_> = self.spent_on(workload, window, now).map(|s| s.at).collect();
            spent.sort_unstable();
            // The budget is free again when so many have left the window that fewer than `max` are in it.
            spent
                .len()
                .checked_sub(max.max(1))
                .and_then(|i| spent.get(i))
                .map(|at| after(*at, window))
        };
        let by_policy = free_at(
            rules.window.min(LONGEST_WINDOW),
            usize::try_from(rules.max_restarts).unwrap_or(usize::MAX),
        );
        by_policy.max(free_at(LONGEST_WINDOW, MAX_PER_DAY))
    }

    /// When the cooldown of `workload` ends; `None`: it has.
    ///
    /// Grows by `backoff_factor` with each spend of a series; a series ends when nothing was spent for [`MAX_COOLDOWN`]
    /// (A2: reset after 1 h healthy).
    #[must_use]
    pub fn cooldown_until(
        &self,
        workload: &WorkloadRef,
        rules: &RestartRules,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut spent: Vec<_> = self
            .spent_on(workload, LONGEST_WINDOW, now)
            .map(|s| s.at)
            .collect();
        spent.sort_unstable_by(|a, b| b.cmp(a));
        let last = *spent.first()?;
        let in_series = spent
            .windows(2)
            .take_while(|w| matches!(w, [newer, older] if !lasted(*older, *newer, MAX_COOLDOWN)))
            .count();
        let growth = rules
            .backoff_factor
            .max(1)
            .saturating_pow(u32::try_from(in_series).unwrap_or(u32::MAX));
        let cooldown = rules
            .cooldown
            .saturating_mul(growth)
            .min(MAX_COOLDOWN.max(rules.cooldown));
        Some(after(last, cooldown)).filter(|end| *end > now)
    }

    /// When fewer than `max` remedies were spent in `namespace` inside `window`; `None`: now.
    #[must_use]
    pub fn namespace_free_at(
        &self,
        namespace: &Name,
        window: Duration,
        max: u32,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut spent: Vec<_> = self
            .spent
            .iter()
            .filter(|s| s.act.workload.namespace == *namespace && !lasted(s.at, now, window))
            .map(|s| s.at)
            .collect();
        spent.sort_unstable();
        let max = usize::try_from(max.max(1)).unwrap_or(usize::MAX);
        spent
            .len()
            .checked_sub(max)
            .and_then(|i| spent.get(i))
            .map(|at| after(*at, window))
    }

    /// When one more remedy can be written down; `None`: now.
    #[must_use]
    pub fn room_at(&self, now: Timestamp) -> Option<Timestamp> {
        let mut spent: Vec<_> = self
            .spent
            .iter()
            .map(|s| s.at)
            .filter(|at| !lasted(*at, now, LONGEST_WINDOW))
            .collect();
        spent.sort_unstable();
        let surplus = spent.len().checked_sub(MAX_SPENT)?;
        spent.get(surplus).map(|at| after(*at, LONGEST_WINDOW))
    }

    /// Whether one more remedy in `namespace` would exceed what may be under way at once.
    #[must_use]
    pub fn is_busy(&self, namespace: &Name, max_concurrent: u32, now: Timestamp) -> bool {
        let under_way = || {
            self.spent
                .iter()
                .filter(|s| s.verdict == Verdict::Pending && !lasted(s.at, now, FORGOTTEN))
        };
        let here = under_way()
            .filter(|s| s.act.workload.namespace == *namespace)
            .count();
        here >= usize::try_from(max_concurrent).unwrap_or(usize::MAX)
            || under_way().count() >= MAX_CONCURRENT
    }

    /// The spend with this id.
    #[must_use]
    pub fn find(&self, id: &ActionId) -> Option<&Spend> {
        self.spent.iter().find(|s| s.act.id == *id)
    }

    /// The newest spend of `incident` whose end is not known: intended, perhaps done, when the agent was killed.
    #[must_use]
    pub fn unsettled(&self, incident: &IncidentId) -> Option<&Spend> {
        self.spent
            .iter()
            .rev()
            .find(|s| s.incident == *incident && s.outcome.is_none())
    }

    /// Takes over what `incident` knows of its attempts. What the ledger lacks (lost, edited) is added, so that a budget
    /// never grows; what it knows of an end is not forgotten.
    pub fn absorb(&mut self, incident: &Incident, now: Timestamp) {
        let attempts = &incident.status.attempts;
        let uid = &incident.spec.workload_uid;
        if attempts.iter().any(|a| a.verdict == Verdict::Reverted) && !self.is_reverted(uid) {
            self.reverted.push(uid.clone());
            let surplus = self.reverted.len().saturating_sub(MAX_REVERTED);
            self.reverted.drain(..surplus);
        }
        for attempt in incident
            .status
            .attempts
            .iter()
            .filter(|a| !lasted(a.at, now, LONGEST_WINDOW))
        {
            match self.spent.iter_mut().find(|s| s.act.id == attempt.action) {
                Some(spend) => {
                    spend.outcome = attempt.outcome.or(spend.outcome);
                    if attempt.verdict != Verdict::Pending {
                        spend.verdict = attempt.verdict;
                    }
                }
                None => self.spent.push(Spend {
                    act: Act {
                        id: attempt.action.clone(),
                        workload: incident.spec.workload.clone(),
                        effect: attempt.effect.clone(),
                    },
                    incident: incident.id.clone(),
                    at: attempt.at,
                    outcome: attempt.outcome,
                    verdict: attempt.verdict,
                }),
            }
        }
    }

    /// Whether somebody undid a rollout restart of the workload with this UID.
    #[must_use]
    pub fn is_reverted(&self, workload: &Name) -> bool {
        self.reverted.contains(workload)
    }

    /// Of a ledger that was lost: what `incident` says it was held by is held again (fail closed).
    pub fn recall_pause(&mut self, incident: &Incident, now: Timestamp) {
        if incident.is_open() && incident.status.reason == Reason::PausedByPerson {
            let fact = Fact::Paused {
                policy: incident.spec.policy.clone(),
                by: "somebody, before the ledger was lost".into(),
                via: Entrance::Kubernetes,
            };
            self.take(&fact, now);
        }
    }

    /// Drops what counts for nothing any more.
    pub fn prune(&mut self, now: Timestamp) {
        self.spent.retain(|s| !lasted(s.at, now, LONGEST_WINDOW));
        self.spent
            .sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.act.id.cmp(&b.act.id)));
        self.prune_calls(now);
    }

    /// Takes over what a record says that belongs to no incident: a pause, or its end.
    pub fn take(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::Paused { policy, by, .. } if !self.pauses.iter().any(|p| p.policy == *policy) => {
                self.pauses.push(Pause {
                    policy: policy.clone(),
                    by: by.clone(),
                    at,
                });
            }
            Fact::Resumed { policy, .. } => self.pauses.retain(|p| p.policy != *policy),
            _ => {}
        }
    }

    /// Keeps a record that belongs to no incident. The oldest goes when there are [`MAX_RECORDS`]; verification then
    /// starts behind it.
    pub fn keep(&mut self, record: AuditRecord) {
        self.records.push(record);
        while self.records.len() > MAX_RECORDS {
            let gone = self.records.remove(0);
            if gone.seq > self.anchor.seq {
                self.anchor = Head {
                    seq: gone.seq,
                    hash: gone.hash,
                };
            }
        }
    }

    /// The pause that holds `policy`, if a person paused it or one of those that it was merged from.
    #[must_use]
    pub fn pause_of(&self, policy: &Policy) -> Option<&Pause> {
        self.pauses
            .iter()
            .find(|p| policy.merged_of.contains(&p.policy))
    }

    /// The storm of `policy`, if one was seen.
    #[must_use]
    pub fn storm(&self, policy: &str) -> Option<StormSeen> {
        self.storms
            .iter()
            .find(|s| s.policy.as_str() == policy)
            .map(|s| s.seen)
    }
}
