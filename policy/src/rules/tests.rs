//! Policies as people write them, and as nobody should: faults 67 and 68.

use super::*;

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

pub(super) fn parse(yaml: &str) -> Result<Parsed, Problems> {
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
    assert_eq!(full.policy.alerting.routes.len(), 3);
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
        channel("{type: webhook, url: 'https://h/x', signingSecret: plain}"),
        ["spec.alerting.channels[0].signingSecret"]
    );
    assert_eq!(
        channel("{type: slack, webhook: '${W}', signingSecret: '${S}'}"),
        ["spec.alerting.channels[0].signingSecret"]
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

#[test]
fn each_other_channel_takes_what_it_needs_and_nothing_else() {
    let channel = |c: &str| paths(&format!("alerting: {{channels: [{c}]}}"));
    for good in [
        "{type: teams, webhook: '${T}'}",
        "{type: discord, webhook: '${D}'}",
        "{type: pagerduty, routingKey: '${P}'}",
        "{type: pagerduty, routingKey: '${P}', url: 'https://events.eu.pagerduty.com/v2/enqueue'}",
        "{type: alertmanager, url: 'http://alertmanager.monitoring:9093'}",
    ] {
        assert!(
            parse(&format!("alerting: {{channels: [{good}]}}")).is_ok(),
            "{good}"
        );
    }
    for bad in [
        "{type: teams, url: 'https://h/x'}",
        "{type: discord, webhook: '${D}', channel: x}",
        "{type: pagerduty}",
        "{type: pagerduty, routingKey: '${P}', webhook: '${W}'}",
        "{type: alertmanager, webhook: '${A}'}",
    ] {
        assert_eq!(channel(bad), ["spec.alerting.channels[0]"], "{bad}");
    }
    assert_eq!(
        channel("{type: pagerduty, routingKey: 0123456789}"),
        ["spec.alerting.channels[0].routingKey"]
    );
    assert_eq!(
        channel("{type: discord, webhook: '${D}', routingKey: '${P}'}"),
        ["spec.alerting.channels[0].routingKey"]
    );
}

#[test]
fn a_channel_gets_what_its_match_admits() {
    use crate::{diagnose::FailureKind, severity::Severity};
    let policy = parse(
        "alerting: {channels: [{type: teams, webhook: '${T}', match: {namespaces: [shop], minSeverity: warning, failures: [OOMKilled]}}]}",
    )
    .unwrap()
    .policy;
    let only = &policy.alerting.routes[0].only;
    let admits = |ns: &str, severity, failure| only.admits(&ns.into(), severity, failure);
    assert!(admits("shop", Severity::Critical, FailureKind::OOMKilled));
    assert!(!admits("bank", Severity::Critical, FailureKind::OOMKilled));
    assert!(!admits("shop", Severity::Info, FailureKind::OOMKilled));
    assert!(!admits(
        "shop",
        Severity::Critical,
        FailureKind::FailedMount
    ));
    let anything = super::Only::default();
    assert!(anything.admits(&"x".into(), Severity::Info, FailureKind::Error));
    assert_eq!(
        paths("alerting: {channels: [{type: teams, webhook: '${T}', match: {namespaces: ['*']}}]}"),
        ["spec.alerting.channels[0].match.namespaces"]
    );
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
