//! Two policies on one workload: what both allow (fault 69).

use super::{
    Alerting, Approvers, CapabilityName, Level, Limits, MemoryRules, Policy, RestartHow,
    RestartRules, ScaleRules, Selector, VerifyRules,
};
use crate::{bounds::Name, remedy::RemedyName};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

impl Policy {
    /// Merges the policies that cover one workload, so that nothing is allowed that one of them refuses. The result
    /// does not depend on their order, and bears the name of the first by namespace and name.
    ///
    /// Of no policy at all: one that allows nothing.
    #[must_use]
    pub fn strictest(mut policies: Vec<Self>) -> Self {
        policies.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        let mut merged = policies
            .into_iter()
            .reduce(Self::and)
            .unwrap_or_else(Self::nothing);
        merged.freeze.sort();
        merged.freeze.dedup();
        merged
    }

    /// What both allow; `self` lends the name.
    fn and(self, other: Self) -> Self {
        let mut require_approval = &self.require_approval | &other.require_approval;
        if self.restart.how != other.restart.how
            && (self.asks_by_method() || other.asks_by_method())
        {
            // One of them would have asked, because a rollout restart changes the spec; an eviction instead must ask, too.
            require_approval.insert(RemedyName::Restart);
        }
        let mut capabilities = &self.capabilities & &other.capabilities;
        let scale = self.scale.and(&other.scale);
        if scale.min_replicas > scale.max_replicas {
            capabilities.remove(&CapabilityName::AutoScale);
        }
        let mut min_approvals = self.min_approvals;
        for (remedy, count) in other.min_approvals {
            let most = min_approvals.entry(remedy).or_insert(count);
            *most = count.max(*most);
        }
        Self {
            merged_of: &self.merged_of | &other.merged_of,
            min_approvals,
            namespaces: &self.namespaces & &other.namespaces,
            selector: self.selector.and(other.selector),
            restart: self.restart.and(&other.restart),
            memory: self.memory.and(&other.memory),
            scale,
            level: self.level.min(other.level),
            require_approval,
            approvers: self.approvers.and(&other.approvers),
            approval_timeout: self.approval_timeout.min(other.approval_timeout),
            paused: self.paused || other.paused,
            freeze: self.freeze.into_iter().chain(other.freeze).collect(),
            limits: self.limits.and(&other.limits),
            verify: self.verify.and(&other.verify),
            log_analysis: self.log_analysis && other.log_analysis,
            capabilities,
            alerting: self.alerting.with(other.alerting),
            // What one owner does not send to an LLM, or sends to another one, is not sent.
            summary: self.summary.filter(|s| other.summary.as_ref() == Some(s)),
            name: self.name,
            namespace: self.namespace,
        }
    }

    /// Covers nothing, allows nothing.
    fn nothing() -> Self {
        let zero = Duration::ZERO;
        Self {
            name: Name::default(),
            namespace: Name::default(),
            merged_of: BTreeSet::new(),
            namespaces: BTreeSet::new(),
            selector: Selector::default(),
            capabilities: BTreeSet::new(),
            restart: RestartRules {
                enabled: false,
                how: RestartHow::Evict,
                max_restarts: 0,
                window: Duration::from_secs(24 * 3600),
                cooldown: Duration::from_secs(24 * 3600),
                backoff_factor: 1,
                min_occurrences: u32::MAX,
                hold: zero,
            },
            memory: MemoryRules {
                factor_percent: 100,
                max_bytes: 0,
            },
            scale: ScaleRules {
                min_replicas: 1,
                max_replicas: 0,
                target_memory_percent: 95,
            },
            level: Level::Observe,
            require_approval: BTreeSet::new(),
            min_approvals: BTreeMap::new(),
            approvers: Approvers::default(),
            approval_timeout: zero,
            paused: true,
            freeze: Vec::new(),
            limits: Limits {
                max_concurrent: 0,
                max_actions: 0,
                actions_window: Duration::from_secs(24 * 3600),
                storm_pods_percent: 1,
                storm_workloads: 1,
                storm_calm: Duration::from_secs(24 * 3600),
            },
            verify: VerifyRules {
                healthy_delay: zero,
                deadline: zero,
                relapse_window: zero,
            },
            log_analysis: false,
            alerting: Alerting {
                routes: Vec::new(),
                min_interval: zero,
            },
            summary: None,
        }
    }

    /// Whether a restart asks because of how it is done.
    fn asks_by_method(&self) -> bool {
        self.restart.how == RestartHow::Rollout && self.level != Level::Autonomous
    }
}

impl RestartRules {
    fn and(&self, other: &Self) -> Self {
        Self {
            enabled: self.enabled && other.enabled,
            how: if self.how == other.how {
                self.how
            } else {
                RestartHow::Evict
            },
            max_restarts: self.max_restarts.min(other.max_restarts),
            window: self.window.max(other.window),
            cooldown: self.cooldown.max(other.cooldown),
            backoff_factor: self.backoff_factor.max(other.backoff_factor),
            min_occurrences: self.min_occurrences.max(other.min_occurrences),
            hold: self.hold.max(other.hold),
        }
    }
}

impl MemoryRules {
    fn and(&self, other: &Self) -> Self {
        Self {
            factor_percent: self.factor_percent.min(other.factor_percent),
            max_bytes: self.max_bytes.min(other.max_bytes),
        }
    }
}

impl ScaleRules {
    fn and(&self, other: &Self) -> Self {
        Self {
            min_replicas: self.min_replicas.max(other.min_replicas),
            max_replicas: self.max_replicas.min(other.max_replicas),
            target_memory_percent: self.target_memory_percent.max(other.target_memory_percent),
        }
    }
}

impl Limits {
    fn and(&self, other: &Self) -> Self {
        Self {
            max_concurrent: self.max_concurrent.min(other.max_concurrent),
            max_actions: self.max_actions.min(other.max_actions),
            actions_window: self.actions_window.max(other.actions_window),
            storm_pods_percent: self.storm_pods_percent.min(other.storm_pods_percent),
            storm_workloads: self.storm_workloads.min(other.storm_workloads),
            storm_calm: self.storm_calm.max(other.storm_calm),
        }
    }
}

impl VerifyRules {
    /// The longer of each: a remedy counts as under way, and against the limits, for longer.
    fn and(&self, other: &Self) -> Self {
        Self {
            healthy_delay: self.healthy_delay.max(other.healthy_delay),
            deadline: self.deadline.max(other.deadline),
            relapse_window: self.relapse_window.max(other.relapse_window),
        }
    }
}

impl Approvers {
    /// Whoever may answer for both. Two different workspaces: nobody.
    fn and(&self, other: &Self) -> Self {
        let one_team = match (&self.slack_team, &other.slack_team) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        // A member of one list and of the other's group would have both rights; that takes Slack to know, so: nobody.
        let both =
            |a: &BTreeSet<_>, b: &BTreeSet<_>| if one_team { a & b } else { BTreeSet::new() };
        Self {
            slack_users: both(&self.slack_users, &other.slack_users),
            slack_groups: both(&self.slack_groups, &other.slack_groups),
            slack_team: self.slack_team.clone().or_else(|| other.slack_team.clone()),
        }
    }
}

impl Alerting {
    /// Everybody is told.
    fn with(self, other: Self) -> Self {
        let mut routes: Vec<_> = self.routes.into_iter().chain(other.routes).collect();
        routes.sort();
        routes.dedup();
        Self {
            routes,
            min_interval: self.min_interval.max(other.min_interval),
        }
    }
}
