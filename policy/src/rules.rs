//! `Policy`: what the owner allows, validated. `AgentPolicySpec -> Policy` is the only way in (parse, don't validate).

pub mod duration;
pub mod selector;
pub mod spec;

pub use spec::AgentPolicySpec;

use crate::{bounds::Name, remedy::RemedyName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};

/// A policy that was found to make sense. Fields are what `decide` reads; units are in the types.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its name.
    pub name: Name,
    /// Its namespace.
    pub namespace: Name,
    /// The namespaces that it covers: never empty, no wildcard, none protected.
    pub namespaces: BTreeSet<Name>,
    /// Label selector on workloads, as `matchLabels`; empty: all.
    pub match_labels: Vec<(Name, Name)>,
    /// The restart remedy.
    pub restart: RestartRules,
    /// How much it may do by itself.
    pub level: Level,
    /// What always asks.
    pub require_approval: BTreeSet<RemedyName>,
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
