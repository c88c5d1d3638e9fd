//! Policies as people write them, and as nobody should: faults 67 to 69, corpus C9.

use super::*;
use crate::remedy::RemedyName;
use proptest::prelude::*;

fn ground() -> Ground {
    Ground {
        own: "podmender".into(),
        granted: ["shop", "billing", "taskora"].map(Name::new).into(),
    }
}

fn parse_in(namespace: &str, yaml: &str) -> Result<Parsed, Problems> {
    let spec: AgentPolicySpec =
        serde_saphyr::from_str(yaml).unwrap_or_else(|e| panic!("{yaml}: {e}"));
    Policy::parse("p", namespace, &spec, &ground())
}

fn parse(yaml: &str) -> Result<Parsed, Problems> {
    parse_in("podmender", yaml)
}

/// The paths of all problems.
fn paths(yaml: &str) -> Vec<String> {
    parse(yaml)
        .err()
        .map(|p| p.0.into_iter().map(|p| p.path).collect())
        .unwrap_or_default()
}

/// The manifest of the design, section 3, word for word.
const DESIGN: &str = r##"
scope:
  namespaces: [taskora]
  selector: {}
capabilities:
  - {name: healthMonitoring, enabled: true}
  - {name: autoRestart, enabled: true, config: {maxRestarts: 3, window: 1h, cooldownPeriod: 60s, backoffFactor: 2}}
  - {name: autoRollback, enabled: true}
  - {name: resourceOptimization, enabled: false, config: {memoryFactor: 1.5, maxMemory: 1Gi}}
  - {name: autoScale, enabled: false, config: {minReplicas: 1, maxReplicas: 5, targetMemoryPercent: 80}}
  - {name: resourceMonitoring, enabled: true}
  - {name: logAnalysis, enabled: true}
  - {name: anomalyDetection, enabled: true}
autonomy:
  level: supervised
  requireApproval: [deleteDeployment, scaleToZero, modifySecrets]
  approvers: {slackUserIds: [U0123], slackTeamId: T0123}
  approvalTimeout: 30m
  paused: false
  freezeWindows: []
  limits: {maxConcurrent: 2, maxActions: 5, actionsWindow: 10m, stormPodsPercent: 30, stormWorkloads: 10}
alerting:
  enabled: true
  channels:
    - {type: slack, channel: "#ops", token: "${SLACK_BOT_TOKEN}"}
    - {type: slack, webhook: "${SLACK_WEBHOOK_URL}"}
    - {type: webhook, url: "https://example.org/hook"}
summary: {enabled: false, baseUrl: "", model: "", apiKey: "${OPENAI_API_KEY}"}
"##;

#[test]
fn the_published_manifest_works_and_says_what_the_defaults_are() {
    let full = parse(DESIGN).unwrap();
    assert_eq!(full.left_out, Vec::<String>::new());
    assert_eq!(full.warnings, vec![]);
    let short = parse("scope: {namespaces: [taskora]}").unwrap().policy;
    let same = Policy {
        approvers: Approvers::default(),
        alerting: short.alerting.clone(),
        ..full.policy.clone()
    };
    assert_eq!(same, short);
    assert_eq!(short.restart.max_restarts, 3);
    assert_eq!(short.restart.min_occurrences, 2);
    assert_eq!(short.limits.storm_calm, Duration::from_secs(600));
    assert_eq!(full.policy.alerting.channels.len(), 3);
}

#[test]
fn what_a_list_of_capabilities_leaves_out_does_not_act() {
    let policy = parse("capabilities: [{name: healthMonitoring, enabled: true}]")
        .unwrap()
        .policy;
    assert!(!policy.restart.enabled);
    assert!(policy.log_analysis);
    assert!(!parse("capabilities: []").unwrap().policy.restart.enabled);
}

#[test]
fn fault_67_an_empty_scope_covers_nothing() {
    for yaml in ["{}", "scope: {}", "scope: {namespaces: []}"] {
        let policy = parse(yaml).unwrap().policy;
        assert!(policy.namespaces.is_empty(), "{yaml}");
        assert!(!policy.covers(&"taskora".into(), &[]));
    }
    for yaml in [
        "scope: {namespaces: null}",
        "scope: {namespaces: shop}",
        "scope: {namespaces: [[shop]]}",
    ] {
        assert!(
            serde_json::from_value::<AgentPolicySpec>(serde_saphyr::from_str(yaml).unwrap())
                .is_err(),
            "{yaml}"
        );
    }
}

#[test]
fn fault_67_wildcards_and_protected_namespaces_are_refused_all_at_once() {
    let yaml = r#"scope: {namespaces: ["*", "", shop, kube-system, kube-public, kube-node-lease, podmender, "shop-*", Shop, "a b", "-a"]}"#;
    let problems = parse(yaml).unwrap_err();
    let at: Vec<_> = problems.0.iter().map(|p| p.path.as_str()).collect();
    let expected: Vec<_> = (0..11)
        .filter(|i| *i != 2)
        .map(|i| format!("spec.scope.namespaces[{i}]"))
        .collect();
    assert_eq!(at, expected);
    assert!(problems.sentences()[0].contains("wildcard"), "{problems}");
    assert!(problems.0.iter().all(|p| !p.fix.is_empty()));
}

#[test]
fn fault_67_a_namespace_that_was_not_granted_is_left_out_and_the_rest_works() {
    let parsed = parse("scope: {namespaces: [shop, nowhere]}").unwrap();
    assert_eq!(parsed.policy.namespaces, ["shop"].map(Name::new).into());
    assert_eq!(parsed.left_out.len(), 1);
    assert!(
        parsed.left_out[0].contains("namespaces[1]") && parsed.left_out[0].contains("nowhere"),
        "{:?}",
        parsed.left_out
    );
}

#[test]
fn fault_67_ten_thousand_names_are_one_problem() {
    let names: Vec<String> = (0..10_000).map(|i| format!("n{i}")).collect();
    assert_eq!(
        paths(&format!("scope: {{namespaces: [{}]}}", names.join(","))),
        ["spec.scope.namespaces"]
    );
}

#[test]
fn a_policy_in_a_workload_namespace_covers_that_namespace_only() {
    assert!(
        parse_in("shop", "scope: {namespaces: [shop]}")
            .unwrap()
            .policy
            .covers(&"shop".into(), &[])
    );
    let problems = parse_in("shop", "scope: {namespaces: [shop, billing]}").unwrap_err();
    assert_eq!(problems.0[0].path, "spec.scope.namespaces[1]");
}

#[test]
fn fault_68_numbers_and_durations_out_of_bounds_are_refused() {
    let restart = |config: &str| {
        paths(&format!(
            "capabilities: [{{name: autoRestart, config: {{{config}}}}}]"
        ))
    };
    for config in [
        "maxRestarts: 0",
        "maxRestarts: -1",
        "maxRestarts: 21",
        "maxRestarts: 9223372036854775807",
    ] {
        assert_eq!(
            restart(config),
            ["spec.capabilities[0].config.maxRestarts"],
            "{config}"
        );
    }
    for config in [
        "cooldownPeriod: 0s",
        "cooldownPeriod: -1h",
        "cooldownPeriod: 1y",
        "cooldownPeriod: 25h",
        "cooldownPeriod: ''",
    ] {
        assert_eq!(
            restart(config),
            ["spec.capabilities[0].config.cooldownPeriod"],
            "{config}"
        );
    }
    assert_eq!(
        restart("maxRestarts: 99, window: 1y").len(),
        2,
        "all problems, not the first"
    );
    assert_eq!(
        paths(
            "autonomy: {limits: {maxActions: 0, stormPodsPercent: 101}, verify: {healthyDelay: 10m, deadline: 5m}, freezeWindows: [{schedule: '0 22 * * FRI', duration: 2m}]}"
        ),
        [
            "spec.autonomy.freezeWindows[0].schedule",
            "spec.autonomy.limits.maxActions",
            "spec.autonomy.limits.stormPodsPercent",
            "spec.autonomy.verify.deadline"
        ]
    );
}

#[test]
fn fault_68_wrong_types_and_unknown_fields_are_refused_with_their_line() {
    for (yaml, says) in [
        (
            "capabilities:\n  - name: autoRestart\n    config: {maxRestarts: 9223372036854775808}",
            "line 3",
        ),
        ("autonomy:\n  level: yolo", "yolo"),
        ("autonomy:\n  levels: observe", "levels"),
        ("scope:\n  namespace: [shop]", "namespace"),
        (
            "capabilities:\n  - name: autoRestart\n    config: {maxRestart: 5}",
            "maxRestart",
        ),
        (
            "autonomy:\n  requireApproval: [deleteEverything]",
            "deleteEverything",
        ),
    ] {
        let error = serde_saphyr::from_str::<AgentPolicySpec>(yaml)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(says) && error.contains("line"),
            "{yaml}\n{error}"
        );
    }
    for (json, says) in [
        (
            r#"{"capabilities":[{"name":"autoRestart","config":{"maxRestarts":"5"}}]}"#,
            "invalid type: string",
        ),
        (
            r#"{"capabilities":[{"name":"autoRestart","config":{"maxRestarts":9223372036854775808}}]}"#,
            "invalid value",
        ),
        (r#"{"scope":{"namespaces":null}}"#, "invalid type: null"),
    ] {
        let error = serde_json::from_str::<AgentPolicySpec>(json)
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{json}: {error}");
    }
}

#[test]
fn a_setting_of_another_capability_is_refused() {
    assert_eq!(
        paths("capabilities: [{name: autoScale, config: {maxRestarts: 3}}]"),
        ["spec.capabilities[0].config.maxRestarts"]
    );
    assert_eq!(
        paths("capabilities: [{name: autoScale}, {name: autoScale}]"),
        ["spec.capabilities[1].name"]
    );
    assert_eq!(
        paths("capabilities: [{name: autoScale, config: {minReplicas: 6}}]"),
        ["spec.capabilities[0].config.minReplicas"]
    );
    assert_eq!(paths("capabilities: [{name: resourceOptimization, config: {maxMemory: 1Pi, memoryFactor: 1}}]").len(), 2);
}

#[test]
fn channels_are_one_of_three_and_hold_no_token() {
    let channel = |c: &str| paths(&format!("alerting: {{channels: [{c}]}}"));
    assert_eq!(channel("{type: slack}"), ["spec.alerting.channels[0]"]);
    assert_eq!(
        channel("{type: slack, webhook: 'https://h/x', token: '${T}'}"),
        ["spec.alerting.channels[0]"]
    );
    assert_eq!(
        channel("{type: webhook, webhook: 'https://h/x'}"),
        ["spec.alerting.channels[0]"]
    );
    assert_eq!(
        channel("{type: webhook, url: 'ftp://h/x'}"),
        ["spec.alerting.channels[0].url"]
    );
    assert_eq!(
        channel("{type: webhook, url: 'https:///x'}"),
        ["spec.alerting.channels[0].url"]
    );
    assert_eq!(
        channel("{type: slack, channel: '#o', token: xoxb-1}"),
        ["spec.alerting.channels[0].token"]
    );
    let problems =
        parse("alerting: {channels: [{type: slack, channel: '#o', token: xoxb-1}]}").unwrap_err();
    assert!(!problems.to_string().contains("xoxb"), "{problems}");
    let warned = parse(
        "alerting: {channels: [{type: slack, webhook: 'https://hooks.slack.com/services/T/B/x'}]}",
    )
    .unwrap();
    assert_eq!(warned.warnings.len(), 1);
}

/// Every problem of one policy, so that a slip in one place does not hide another.
#[test]
fn all_problems_are_named_at_once() {
    let yaml = "scope: {namespaces: ['*']}\nautonomy: {approvalTimeout: 1y, approvers: {slackUserIds: [bob], slackTeamId: x}}\nsummary: {enabled: true, apiKey: sk-1}";
    assert_eq!(
        paths(yaml),
        [
            "spec.scope.namespaces[0]",
            "spec.autonomy.approvers.slackUserIds[0]",
            "spec.autonomy.approvers.slackTeamId",
            "spec.autonomy.approvalTimeout",
            "spec.summary.apiKey",
            "spec.summary.model"
        ]
    );
}

prop_compose! {
    fn restart_config()(max in 1i64..=20, window in 1u32..24, cooldown in 1u32..1000, factor in 1i64..=10, occurrences in 1i64..10, rollout: bool) -> String {
        format!("maxRestarts: {max}, window: {window}h, cooldownPeriod: {cooldown}s, backoffFactor: {factor}, minOccurrences: {occurrences}, method: {}", if rollout { "Rollout" } else { "Evict" })
    }
}

prop_compose! {
    fn autonomy()(
        level in prop::sample::select(vec!["observe", "supervised", "autonomous"]),
        approval in prop::sample::subsequence(vec!["restart", "rollback", "scale"], 0..=3),
        users in prop::sample::subsequence(vec!["U1", "U2", "U3"], 0..=3),
        team in prop::sample::select(vec!["", ", slackTeamId: T1", ", slackTeamId: T2"]),
        paused: bool,
        freeze in prop::sample::subsequence(vec!["{schedule: '0 22 * * FRI UTC', duration: 56h}", "{schedule: '0 1 * * * UTC', duration: 2h}"], 0..=2),
        actions in 1i64..=20, concurrent in 1i64..=9, percent in 1i64..=100, workloads in 2i64..=50, calm in 1u32..60, timeout in 1u32..90,
    ) -> String {
        format!(
            "{{level: {level}, requireApproval: [{}], approvers: {{slackUserIds: [{}]{team}}}, paused: {paused}, freezeWindows: [{}], approvalTimeout: {timeout}m, \
             limits: {{maxActions: {actions}, maxConcurrent: {concurrent}, stormPodsPercent: {percent}, stormWorkloads: {workloads}, stormCalm: {calm}m}}}}",
            approval.join(","), users.join(","), freeze.join(",")
        )
    }
}

prop_compose! {
    fn policy_named(name: &'static str)(
        spaces in prop::sample::subsequence(vec!["shop", "billing"], 0..=2),
        selector in prop::sample::select(vec!["{}", "{matchLabels: {a: '1'}}", "{matchExpressions: [{key: a, operator: NotIn, values: ['1']}]}"]),
        restart in prop::option::of(restart_config()), autonomy in autonomy(), scale in 1i64..10,
    ) -> Policy {
        let restart = restart.map(|c| format!("{{name: autoRestart, config: {{{c}}}}}, ")).unwrap_or_default();
        let yaml = format!("scope: {{namespaces: [{}], selector: {selector}}}\ncapabilities: [{restart}{{name: autoScale, enabled: true, config: {{minReplicas: {scale}, maxReplicas: {}}}}}]\nautonomy: {autonomy}", spaces.join(","), scale + 2);
        Policy { name: Name::new(name), ..parse(&yaml).unwrap().policy }
    }
}

/// A restart that somebody asks a policy about.
#[derive(Clone, Debug)]
struct Asked {
    namespace: Name,
    labels: Vec<(Name, Name)>,
    now: jiff::Timestamp,
    /// Seconds since each of the earlier restarts.
    earlier: Vec<u64>,
    occurrences: u32,
    under_way: u32,
    recent: Vec<u64>,
    pods: (u32, u32),
    workloads: u32,
    consented: bool,
    by: Text<32>,
    team: Text<32>,
    answered_after: u64,
}

prop_compose! {
    fn asked()(
        namespace in prop::sample::select(vec!["shop", "billing"]), label in prop::sample::select(vec![None, Some("1"), Some("2")]),
        now in 1_790_000_000i64..1_790_700_000, earlier in prop::collection::vec(1u64..100_000, 0..5), occurrences in 0u32..12,
        under_way in 0u32..10, recent in prop::collection::vec(1u64..3000, 0..8), pods in (1u32..100, 0u32..100), workloads in 0u32..60,
        consented: bool, by in prop::sample::select(vec!["U1", "U2"]), team in prop::sample::select(vec!["T1", "T2"]), answered_after in 0u64..6000,
    ) -> Asked {
        Asked {
            namespace: namespace.into(), labels: label.map(|v| (Name::new("a"), Name::new(v))).into_iter().collect(),
            now: jiff::Timestamp::from_second(now).unwrap(), earlier, occurrences, under_way, recent, pods, workloads, consented,
            by: by.into(), team: team.into(), answered_after,
        }
    }
}

/// Whether a policy lets that restart happen: the ladder, written once more and as simply as can be.
fn allows(p: &Policy, a: &Asked) -> bool {
    let within =
        |all: &[u64], window: Duration| all.iter().filter(|s| **s < window.as_secs()).count();
    let backoff = (a.earlier.len() as u32).saturating_sub(1);
    let cooldown = p
        .restart
        .cooldown
        .as_secs()
        .saturating_mul(u64::from(p.restart.backoff_factor).saturating_pow(backoff))
        .min(3600.max(p.restart.cooldown.as_secs()));
    let changes_spec = p.restart.how == RestartHow::Rollout;
    let asks = p.require_approval.contains(&RemedyName::Restart)
        || (changes_spec && p.level == Level::Supervised);
    let may_answer = p.approvers.slack_users.contains(&a.by)
        && p.approvers.slack_team.as_ref().is_none_or(|t| *t == a.team);
    let answered = a.consented && may_answer && a.answered_after <= p.approval_timeout.as_secs();
    let storm = crate::decide::is_over_storm_threshold(&p.limits, a.pods.0, a.pods.1, a.workloads);
    p.covers(&a.namespace, &a.labels)
        && !p.paused
        && p.level != Level::Observe
        && p.restart.enabled
        && p.freeze.iter().all(|w| w.frozen_until(a.now).is_none())
        && !storm
        && within(&a.earlier, p.restart.window) < p.restart.max_restarts as usize
        && a.earlier.iter().all(|s| *s >= cooldown)
        && a.occurrences >= p.restart.min_occurrences
        && a.under_way < p.limits.max_concurrent
        && within(&a.recent, p.limits.actions_window) < p.limits.max_actions as usize
        && (!asks || answered)
}

fn three() -> impl Strategy<Value = [Policy; 3]> {
    (policy_named("a"), policy_named("b"), policy_named("c")).prop_map(|(a, b, c)| [a, b, c])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn fault_69_a_merge_allows_nothing_that_one_of_them_refuses(policies in three(), asked in asked()) {
        let merged = Policy::strictest(policies.to_vec());
        if allows(&merged, &asked) {
            for policy in &policies {
                prop_assert!(allows(policy, &asked), "{policy:?} refuses");
            }
        }
    }

    #[test]
    fn fault_69_a_merge_does_not_depend_on_the_order(policies in three()) {
        let [a, b, c] = policies;
        let merged = Policy::strictest(vec![a.clone(), b.clone(), c.clone()]);
        for other in [[&b, &a, &c], [&c, &b, &a], [&b, &c, &a]] {
            prop_assert_eq!(&Policy::strictest(other.into_iter().cloned().collect()), &merged);
        }
        prop_assert_eq!(Policy::strictest(vec![a.clone(), b.clone(), c, a, b]), merged);
    }

    #[test]
    fn a_merge_of_one_is_that_one(policies in three()) {
        let [a, ..] = policies;
        prop_assert_eq!(Policy::strictest(vec![a.clone()]), a);
    }
}

#[test]
fn fault_69_of_no_policy_nothing_is_allowed() {
    let nothing = Policy::strictest(Vec::new());
    assert!(nothing.paused && nothing.namespaces.is_empty() && nothing.level == Level::Observe);
}
