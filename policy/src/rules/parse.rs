//! `AgentPolicySpec -> Policy`: reads everything, notes every problem, and gives a policy only if there is none.

use super::{
    Approvers, Ground, Limits, Parsed, Policy, VerifyRules, alerting,
    capabilities::Capabilities,
    duration::{self, Bounds},
    problem::{Problems, quoted},
    selector::Selector,
    spec::{AgentPolicySpec, ApproversSpec, AutonomySpec, CapabilityName},
    summary,
};
use crate::{
    bounds::{Name, Text},
    freeze::FreezeWindow,
    remedy::RemedyName,
};
use std::collections::{BTreeMap, BTreeSet};

/// Never in scope, whatever is written: the namespaces of the cluster itself (rule A14, invariant 5).
pub const PROTECTED: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

impl Policy {
    /// Reads a policy: the only way to get one.
    ///
    /// # Errors
    /// Everything that is wrong with it, not only the first. Namespaces that the chart did not grant are no error:
    /// they are left out, and [`Parsed::left_out`] says so.
    pub fn parse(
        name: &str,
        namespace: &str,
        spec: &AgentPolicySpec,
        ground: &Ground,
    ) -> Result<Parsed, Problems> {
        let mut problems = Problems::default();
        let mut warnings = Problems::default();
        let mut left_out = Problems::default();
        let namespaces = scope(spec, namespace, ground, &mut problems, &mut left_out);
        let selector = Selector::parse(&spec.scope.selector, "spec.scope.selector", &mut problems);
        let capabilities = Capabilities::parse(spec, &mut problems);
        let autonomy = &spec.autonomy;
        let policy = Self {
            name: Name::new(name),
            namespace: Name::new(namespace),
            merged_of: [Name::new(&format!("{namespace}/{name}"))].into(),
            namespaces,
            selector,
            restart: capabilities.restart(&mut problems),
            memory: capabilities.memory(&mut problems),
            scale: capabilities.scale(&mut problems),
            level: autonomy.level,
            require_approval: autonomy.require_approval.iter().copied().collect(),
            min_approvals: min_approvals(autonomy, &mut problems),
            approvers: approvers(&autonomy.approvers, &mut problems),
            approval_timeout: duration::APPROVAL_TIMEOUT.require(
                &autonomy.approval_timeout,
                "spec.autonomy.approvalTimeout",
                &mut problems,
            ),
            paused: autonomy.paused,
            freeze: freeze(autonomy, &mut problems),
            limits: limits(autonomy, &mut problems),
            verify: verify(autonomy, &mut problems),
            log_analysis: capabilities.enabled.contains(&CapabilityName::LogAnalysis),
            capabilities: capabilities.enabled,
            alerting: alerting::parse(&spec.alerting, &mut problems, &mut warnings),
            summary: summary::parse(&spec.summary, namespace, ground, &mut problems),
        };
        if problems.0.is_empty() {
            Ok(Parsed {
                policy,
                left_out: left_out.sentences(),
                warnings: warnings.0,
            })
        } else {
            Err(problems)
        }
    }
}

/// The namespaces that are asked for, allowed and granted.
fn scope(
    spec: &AgentPolicySpec,
    home: &str,
    ground: &Ground,
    problems: &mut Problems,
    left_out: &mut Problems,
) -> BTreeSet<Name> {
    let asked = &spec.scope.namespaces;
    if asked.len() > 256 {
        problems.add(
            "spec.scope.namespaces",
            format!("{} namespaces", asked.len()),
            "name at most 256",
        );
        return BTreeSet::new();
    }
    let mut covered = BTreeSet::new();
    for (index, raw) in asked.iter().enumerate() {
        let path = format!("spec.scope.namespaces[{index}]");
        if let Some((what, fix)) = refused(raw, home, ground) {
            problems.add(path, what, fix);
        } else if !ground.granted.contains(&Name::new(raw)) {
            left_out.add(
                path,
                format!("{raw} was not granted to the agent and is left out"),
                "add it to rbac.namespaces of the chart",
            );
        } else {
            covered.insert(Name::new(raw));
        }
    }
    covered
}

/// Why a namespace may not be in scope, and what to do about it.
fn refused(raw: &str, home: &str, ground: &Ground) -> Option<(String, &'static str)> {
    let fix = "write the full name of a namespace";
    if raw.is_empty() {
        return Some(("an empty name".into(), fix));
    }
    if raw.contains(['*', '?', '[']) {
        return Some((
            format!("{} is a wildcard, and a scope is never one", quoted(raw)),
            "list each namespace by its full name",
        ));
    }
    if !is_namespace(raw) {
        return Some((format!("{} is not a namespace's name", quoted(raw)), fix));
    }
    if PROTECTED.contains(&raw) {
        return Some((
            format!("{raw} belongs to the cluster itself and is never in scope"),
            "remove it",
        ));
    }
    if raw == ground.own.as_str() {
        return Some((
            format!("{raw} is the agent's own namespace and is never in scope"),
            "remove it",
        ));
    }
    if home != ground.own.as_str() && raw != home {
        return Some((
            format!("a policy in {home} may cover {home} only"),
            "remove it, or move the policy into the agent's namespace",
        ));
    }
    None
}

/// A DNS label, as Kubernetes asks of a namespace's name.
fn is_namespace(raw: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    raw.len() <= 63 && raw.chars().all(plain) && !raw.starts_with('-') && !raw.ends_with('-')
}

fn approvers(spec: &ApproversSpec, problems: &mut Problems) -> Approvers {
    let path = "spec.autonomy.approvers";
    let fits = |id: &str, first: &[char]| {
        id.starts_with(first)
            && id.len() >= 2
            && id.len() <= 32
            && id
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    if spec.slack_user_ids.len() > 64 {
        problems.add(
            format!("{path}.slackUserIds"),
            "more than 64 approvers",
            "remove some",
        );
    }
    for (index, id) in spec.slack_user_ids.iter().enumerate().take(64) {
        if !fits(id, &['U', 'W']) {
            problems.add(
                format!("{path}.slackUserIds[{index}]"),
                format!("{} is not a member's id", quoted(id)),
                "write the id from the member's profile in Slack, such as U0123ABCD",
            );
        }
    }
    if spec.slack_user_group_ids.len() > 16 {
        problems.add(
            format!("{path}.slackUserGroupIds"),
            "more than 16 user groups",
            "remove some",
        );
    }
    for (index, id) in spec.slack_user_group_ids.iter().enumerate().take(16) {
        if !fits(id, &['S']) {
            problems.add(
                format!("{path}.slackUserGroupIds[{index}]"),
                format!("{} is not a user group's id", quoted(id)),
                "write the user group's id, such as S0123ABCD",
            );
        }
    }
    if let Some(team) = spec.slack_team_id.as_deref().filter(|t| !fits(t, &['T'])) {
        problems.add(
            format!("{path}.slackTeamId"),
            format!("{} is not a workspace's id", quoted(team)),
            "write the workspace's id, such as T0123ABCD",
        );
    }
    Approvers {
        slack_users: spec
            .slack_user_ids
            .iter()
            .take(64)
            .map(|id| Text::new(id))
            .collect(),
        slack_groups: spec
            .slack_user_group_ids
            .iter()
            .take(16)
            .map(|id| Text::new(id))
            .collect(),
        slack_team: spec.slack_team_id.as_deref().map(Text::new),
    }
}

fn min_approvals(spec: &AutonomySpec, problems: &mut Problems) -> BTreeMap<RemedyName, u8> {
    let read = |(remedy, raw): (&RemedyName, &i64)| {
        let path = format!("spec.autonomy.minApprovals.{}", remedy.as_str());
        let count = number(&path, *raw, 1, 5, problems);
        (*remedy, u8::try_from(count).unwrap_or(5))
    };
    spec.min_approvals.iter().map(read).collect()
}

fn freeze(spec: &AutonomySpec, problems: &mut Problems) -> Vec<FreezeWindow> {
    let path = "spec.autonomy.freezeWindows";
    if spec.freeze_windows.len() > 32 {
        problems.add(path, "more than 32 windows", "join some");
    }
    let mut all = Vec::new();
    for (index, window) in spec.freeze_windows.iter().enumerate().take(32) {
        let at = format!("{path}[{index}]");
        let lasts = duration::FREEZE.require(&window.duration, &format!("{at}.duration"), problems);
        match FreezeWindow::parse(&window.schedule, lasts) {
            Ok(window) => all.push(window),
            Err(bad) => problems.add(format!("{at}.schedule"), bad.to_string(), bad.fix()),
        }
    }
    all.sort();
    all.dedup();
    all
}

fn limits(spec: &AutonomySpec, problems: &mut Problems) -> Limits {
    let (path, spec) = ("spec.autonomy.limits", &spec.limits);
    let mut number = |name: &str, value, least, most| {
        number(&format!("{path}.{name}"), value, least, most, problems)
    };
    let (max_concurrent, max_actions) = (
        number("maxConcurrent", spec.max_concurrent, 1, 50),
        number("maxActions", spec.max_actions, 1, 100),
    );
    let (storm_pods_percent, storm_workloads) = (
        number("stormPodsPercent", spec.storm_pods_percent, 1, 100),
        number("stormWorkloads", spec.storm_workloads, 2, 1000),
    );
    Limits {
        max_concurrent,
        max_actions,
        actions_window: duration::WINDOW.require(
            &spec.actions_window,
            &format!("{path}.actionsWindow"),
            problems,
        ),
        storm_pods_percent,
        storm_workloads,
        storm_calm: duration::STORM_CALM.require(
            &spec.storm_calm,
            &format!("{path}.stormCalm"),
            problems,
        ),
    }
}

fn verify(spec: &AutonomySpec, problems: &mut Problems) -> VerifyRules {
    let (path, spec) = ("spec.autonomy.verify", &spec.verify);
    let mut read = |name: &str, bounds: Bounds, raw: &str| {
        bounds.require(raw, &format!("{path}.{name}"), problems)
    };
    let rules = VerifyRules {
        healthy_delay: read("healthyDelay", duration::HEALTHY_DELAY, &spec.healthy_delay),
        deadline: read("deadline", duration::DEADLINE, &spec.deadline),
        relapse_window: read(
            "relapseWindow",
            duration::RELAPSE_WINDOW,
            &spec.relapse_window,
        ),
    };
    if rules.deadline <= rules.healthy_delay {
        problems.add(
            format!("{path}.deadline"),
            format!(
                "{} leaves no time to be well for {}",
                quoted(&spec.deadline),
                quoted(&spec.healthy_delay)
            ),
            "write a deadline longer than healthyDelay",
        );
    }
    rules
}

/// A whole number in its bounds; what is wrong with it is noted.
pub(super) fn number(
    path: &str,
    value: i64,
    least: i64,
    most: i64,
    problems: &mut Problems,
) -> u32 {
    if !(least..=most).contains(&value) {
        problems.add(
            path,
            format!("{value} is not between {least} and {most}"),
            format!("write a whole number from {least} to {most}"),
        );
    }
    u32::try_from(value.clamp(least, most)).unwrap_or_default()
}
