//! Reads `spec.capabilities`: what is on, and the settings of each.

use super::{
    MemoryRules, RestartHow, RestartRules, ScaleRules,
    duration::{self, Bounds},
    parse::number,
    problem::{Problems, quoted},
    spec::{AgentPolicySpec, CapabilityConfig, CapabilityName, RestartMethod},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Which capabilities are on, and the settings of each.
pub(super) struct Capabilities<'a> {
    pub(super) enabled: BTreeSet<CapabilityName>,
    config: BTreeMap<CapabilityName, (String, &'a CapabilityConfig)>,
}

const ALL: [CapabilityName; 8] = [
    CapabilityName::HealthMonitoring,
    CapabilityName::AutoRestart,
    CapabilityName::AutoRollback,
    CapabilityName::ResourceOptimization,
    CapabilityName::AutoScale,
    CapabilityName::ResourceMonitoring,
    CapabilityName::LogAnalysis,
    CapabilityName::AnomalyDetection,
];

/// Whether a capability changes workloads.
fn acts(name: CapabilityName) -> bool {
    use CapabilityName as C;
    matches!(
        name,
        C::AutoRestart | C::AutoRollback | C::ResourceOptimization | C::AutoScale
    )
}

/// Whether a capability is on unless said otherwise (design, section 3).
fn on_by_default(name: CapabilityName) -> bool {
    !matches!(
        name,
        CapabilityName::ResourceOptimization | CapabilityName::AutoScale
    )
}

impl<'a> Capabilities<'a> {
    pub(super) fn parse(spec: &'a AgentPolicySpec, problems: &mut Problems) -> Self {
        let mut this = Self {
            enabled: BTreeSet::new(),
            config: BTreeMap::new(),
        };
        let mut seen = BTreeSet::new();
        for (index, capability) in spec.capabilities.iter().flatten().enumerate() {
            let (name, path) = (capability.name, format!("spec.capabilities[{index}]"));
            if !seen.insert(name) {
                problems.add(
                    format!("{path}.name"),
                    "the same capability twice",
                    "keep one of them",
                );
                continue;
            }
            if capability.enabled.unwrap_or_else(|| on_by_default(name)) {
                this.enabled.insert(name);
            }
            if let Some(config) = &capability.config {
                check_owner(name, config, &path, problems);
                this.config.insert(name, (format!("{path}.config"), config));
            }
        }
        // Who lists capabilities and leaves one out does not want it to act.
        let implied = |name: &CapabilityName| {
            on_by_default(*name) && (spec.capabilities.is_none() || !acts(*name))
        };
        this.enabled.extend(
            ALL.into_iter()
                .filter(|name| !seen.contains(name))
                .filter(implied),
        );
        this
    }

    fn config(&self, name: CapabilityName) -> (String, CapabilityConfig) {
        self.config
            .get(&name)
            .map_or_else(Default::default, |(path, config)| {
                (path.clone(), (*config).clone())
            })
    }

    pub(super) fn restart(&self, problems: &mut Problems) -> RestartRules {
        let (path, config) = self.config(CapabilityName::AutoRestart);
        let mut read = |name: &str, bounds: Bounds, raw: &Option<String>, default: u64| match raw {
            Some(raw) => bounds.require(raw, &format!("{path}.{name}"), problems),
            None => Duration::from_secs(default),
        };
        let window = read("window", duration::WINDOW, &config.window, 3600);
        let cooldown = read(
            "cooldownPeriod",
            duration::COOLDOWN,
            &config.cooldown_period,
            60,
        );
        let hold = read("hold", duration::HOLD, &config.hold, 60);
        let mut number = |name: &str, value: Option<i64>, default, most| {
            number(
                &format!("{path}.{name}"),
                value.unwrap_or(default),
                1,
                most,
                problems,
            )
        };
        RestartRules {
            enabled: self.enabled.contains(&CapabilityName::AutoRestart),
            how: match config.method {
                Some(RestartMethod::Rollout) => RestartHow::Rollout,
                Some(RestartMethod::Evict) | None => RestartHow::Evict,
            },
            max_restarts: number("maxRestarts", config.max_restarts, 3, 20),
            window,
            cooldown,
            backoff_factor: number("backoffFactor", config.backoff_factor, 2, 10),
            min_occurrences: number("minOccurrences", config.min_occurrences, 2, 100),
            hold,
        }
    }

    pub(super) fn memory(&self, problems: &mut Problems) -> MemoryRules {
        let (path, config) = self.config(CapabilityName::ResourceOptimization);
        let percent = config.memory_factor.unwrap_or(1.5) * 100.0;
        if !(110.0..=400.0).contains(&percent) {
            problems.add(
                format!("{path}.memoryFactor"),
                "not between 1.1 and 4",
                "write a factor such as 1.5",
            );
        }
        let written = config.max_memory.as_deref().unwrap_or("1Gi");
        let max_bytes = bytes(written).filter(|b| (1 << 20..=1 << 44).contains(b));
        if max_bytes.is_none() {
            problems.add(
                format!("{path}.maxMemory"),
                format!(
                    "{} is not an amount of memory from 1Mi to 16Ti",
                    quoted(written)
                ),
                "write one such as 512Mi or 2Gi",
            );
        }
        MemoryRules {
            // In range, or refused above.
            factor_percent: percent.round().clamp(110.0, 400.0) as u32,
            max_bytes: max_bytes.unwrap_or_default(),
        }
    }

    pub(super) fn scale(&self, problems: &mut Problems) -> ScaleRules {
        let (path, config) = self.config(CapabilityName::AutoScale);
        let mut number = |name: &str, value: Option<i64>, default, least, most| {
            number(
                &format!("{path}.{name}"),
                value.unwrap_or(default),
                least,
                most,
                problems,
            )
        };
        let rules = ScaleRules {
            min_replicas: number("minReplicas", config.min_replicas, 1, 1, 1000),
            max_replicas: number("maxReplicas", config.max_replicas, 5, 1, 1000),
            target_memory_percent: number(
                "targetMemoryPercent",
                config.target_memory_percent,
                80,
                10,
                95,
            ),
        };
        if rules.min_replicas > rules.max_replicas {
            problems.add(
                format!("{path}.minReplicas"),
                "more than maxReplicas",
                "write at most maxReplicas",
            );
        }
        rules
    }
}

/// A setting that another capability has is a slip that must not pass unseen.
fn check_owner(
    name: CapabilityName,
    config: &CapabilityConfig,
    path: &str,
    problems: &mut Problems,
) {
    use CapabilityName::{AutoRestart, AutoScale, ResourceOptimization};
    let c = config;
    let fields = [
        (
            "maxRestarts",
            c.max_restarts.is_some(),
            AutoRestart,
            "autoRestart",
        ),
        ("window", c.window.is_some(), AutoRestart, "autoRestart"),
        (
            "cooldownPeriod",
            c.cooldown_period.is_some(),
            AutoRestart,
            "autoRestart",
        ),
        (
            "backoffFactor",
            c.backoff_factor.is_some(),
            AutoRestart,
            "autoRestart",
        ),
        (
            "minOccurrences",
            c.min_occurrences.is_some(),
            AutoRestart,
            "autoRestart",
        ),
        ("method", c.method.is_some(), AutoRestart, "autoRestart"),
        ("hold", c.hold.is_some(), AutoRestart, "autoRestart"),
        (
            "memoryFactor",
            c.memory_factor.is_some(),
            ResourceOptimization,
            "resourceOptimization",
        ),
        (
            "maxMemory",
            c.max_memory.is_some(),
            ResourceOptimization,
            "resourceOptimization",
        ),
        (
            "minReplicas",
            c.min_replicas.is_some(),
            AutoScale,
            "autoScale",
        ),
        (
            "maxReplicas",
            c.max_replicas.is_some(),
            AutoScale,
            "autoScale",
        ),
        (
            "targetMemoryPercent",
            c.target_memory_percent.is_some(),
            AutoScale,
            "autoScale",
        ),
    ];
    for (field, set, owner, owner_name) in fields {
        if set && owner != name {
            problems.add(
                format!("{path}.config.{field}"),
                format!("a setting of {owner_name}"),
                format!("move it to {owner_name}, or remove it"),
            );
        }
    }
}

/// An amount of memory as Kubernetes writes it, in bytes.
fn bytes(raw: &str) -> Option<u64> {
    let digits = raw.find(|c: char| !c.is_ascii_digit()).unwrap_or(raw.len());
    if digits == 0 || digits > 15 {
        return None;
    }
    let number: u64 = raw[..digits].parse().ok()?;
    let unit: u64 = match &raw[digits..] {
        "" => 1,
        "k" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(unit)
}
