//! `Policy`: what the owner allows, validated. `AgentPolicySpec -> Policy` is the only way in (parse, don't validate).

pub mod alerting;
mod capabilities;
pub mod duration;
mod parse;
pub mod problem;
pub mod reach;
mod schemas;
pub mod selector;
pub mod spec;
mod strictest;
mod summary;

pub use alerting::{Alerting, Channel, Only, Route, Source};
pub use parse::PROTECTED;
pub use problem::{Problem, Problems};
pub use reach::Reach;
pub use selector::Selector;
pub use spec::{AgentPolicySpec, CapabilityName};
pub use summary::SummaryRules;

use crate::{
    bounds::{Name, Text},
    remedy::RemedyName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A policy that was found to make sense. Fields are what `decide` reads; units are in the types.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its name.
    pub name: Name,
    /// Its namespace.
    pub namespace: Name,
    /// The policies that it was merged from, as `namespace/name`; of one policy, itself.
    pub merged_of: BTreeSet<Name>,
    /// The namespaces that it covers: granted, no wildcard, none protected. Empty: it covers nothing.
    pub namespaces: BTreeSet<Name>,
    /// Which workloads in them.
    pub selector: Selector,
    /// What is switched on.
    pub capabilities: BTreeSet<CapabilityName>,
    /// The restart remedy.
    pub restart: RestartRules,
    /// Bounds on raising memory limits; whether that may be done at all is in `capabilities`.
    pub memory: MemoryRules,
    /// Bounds on replicas; whether they may be changed at all is in `capabilities`.
    pub scale: ScaleRules,
    /// How much it may do by itself.
    pub level: Level,
    /// What always asks.
    pub require_approval: BTreeSet<RemedyName>,
    /// How many different people must approve, where it is more than asked by default. What stands here always asks.
    pub min_approvals: BTreeMap<RemedyName, u8>,
    /// Who may answer in Slack.
    pub approvers: Approvers,
    /// How long an answer counts.
    pub approval_timeout: Duration,
    /// Kill switch.
    pub paused: bool,
    /// When nothing may be done.
    pub freeze: Vec<crate::freeze::FreezeWindow>,
    /// How much at once.
    pub limits: Limits,
    /// When a remedy counts as having helped.
    pub verify: VerifyRules,
    /// Whether log lines are read.
    pub log_analysis: bool,
    /// Whom to tell.
    pub alerting: Alerting,
    /// Who explains, if anybody.
    pub summary: Option<SummaryRules>,
}

impl Policy {
    /// Its name in the cluster: `namespace/name`.
    #[must_use]
    pub fn key(&self) -> Name {
        Name::new(&format!("{}/{}", self.namespace, self.name))
    }

    /// How many different people must approve `remedy`.
    #[must_use]
    pub fn needed(&self, remedy: RemedyName) -> u8 {
        self.min_approvals.get(&remedy).copied().unwrap_or(1).max(1)
    }

    /// Whether it covers a workload of `namespace` with these labels.
    #[must_use]
    pub fn covers(&self, namespace: &Name, labels: &[(Name, Name)]) -> bool {
        self.namespaces.contains(namespace) && self.selector.matches(labels)
    }
}

/// Where the agent stands: what a policy can ask for at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ground {
    /// The agent's own namespace: never in scope.
    pub own: Name,
    /// The namespaces that the chart granted.
    pub granted: BTreeSet<Name>,
}

/// A policy that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The policy.
    pub policy: Policy,
    /// What it asks for and does not get, in sentences for a condition (Degraded): the rest works.
    pub left_out: Vec<String>,
    /// What works and could be better.
    pub warnings: Vec<Problem>,
}

/// Who may answer in Slack: nobody, if the list is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvers {
    /// Members, by id.
    pub slack_users: BTreeSet<Text<32>>,
    /// Members of these user groups, by id.
    pub slack_groups: BTreeSet<Text<32>>,
    /// Their workspace: an answer from another one does not count. `None`: any that the app is installed in.
    pub slack_team: Option<Text<32>>,
}

/// Bounds on raising a memory limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryRules {
    /// The new limit in percent of the old one: 110 to 400.
    pub factor_percent: u32,
    /// The limit is never raised above this, in bytes.
    pub max_bytes: u64,
}

/// Bounds on replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScaleRules {
    /// Never fewer.
    pub min_replicas: u32,
    /// Never more. Less than `min_replicas` after a merge: then nothing is allowed, and autoScale is off.
    pub max_replicas: u32,
    /// Memory use to aim at, in percent of the limit.
    pub target_memory_percent: u32,
}

/// How much the agent may do by itself.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// Nothing is written to a workload.
    Observe,
    /// What changes no spec runs by itself; the rest asks.
    Supervised,
    /// Every enabled capability acts by itself.
    Autonomous,
}

/// The restart remedy's bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct RestartRules {
    /// Whether it may be used at all.
    pub enabled: bool,
    /// How it is done.
    pub how: RestartHow,
    /// At most this many per workload in `window` (and 6 in 24 h, whatever is written).
    pub max_restarts: u32,
    /// The sliding window.
    pub window: Duration,
    /// The least time between two.
    pub cooldown: Duration,
    /// The cooldown grows by this factor with each restart in 24 h, to 1 h at most.
    pub backoff_factor: u32,
    /// A failure must have happened this often before the first act.
    pub min_occurrences: u32,
    /// How long a probe failure that the kubelet may still mend is left to it.
    pub hold: Duration,
}

/// How a restart is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartHow {
    /// Evict the failing pod.
    Evict,
    /// Restart the whole rollout (changes the spec: asks unless autonomous).
    Rollout,
}

/// Blast radius.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Remedies under way at once, per namespace.
    pub max_concurrent: u32,
    /// Remedies in `actions_window`, per namespace.
    pub max_actions: u32,
    /// The sliding window for `max_actions`.
    pub actions_window: Duration,
    /// Storm above this share of pods failing (and at least 10 pods).
    pub storm_pods_percent: u32,
    /// Storm from this many workloads failing.
    pub storm_workloads: u32,
    /// A storm is over after this long below both.
    pub storm_calm: Duration,
}

/// When a remedy counts as having helped.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifyRules {
    /// Well for this long.
    pub healthy_delay: Duration,
    /// By this long after the act at the latest.
    pub deadline: Duration,
    /// A failure within this long after it was resolved counts as a failed verification.
    pub relapse_window: Duration,
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod merging;
#[cfg(test)]
mod tests;
