//! Corpus C9: arbitrary documents. Reading never panics, and what it accepts is inside the bounds.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Words that a policy knows, so that some of the noise gets past the first field.
const WORDS: [&str; 44] = [
    "scope",
    "namespaces",
    "selector",
    "matchLabels",
    "matchExpressions",
    "key",
    "operator",
    "values",
    "capabilities",
    "name",
    "enabled",
    "config",
    "maxRestarts",
    "window",
    "cooldownPeriod",
    "autonomy",
    "level",
    "requireApproval",
    "approvers",
    "slackUserIds",
    "approvalTimeout",
    "paused",
    "freezeWindows",
    "schedule",
    "duration",
    "limits",
    "maxActions",
    "verify",
    "deadline",
    "alerting",
    "channels",
    "type",
    "webhook",
    "url",
    "summary",
    "autoRestart",
    "slack",
    "In",
    "observe",
    "60s",
    "0 22 * * FRI Europe/Berlin",
    "${X}",
    "*",
    "kube-system",
];

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(WORDS.to_vec()).prop_map(str::to_owned);
    let text = prop_oneof![4 => word.clone(), 1 => any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|f| json!(f)),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(word.clone(), inner, 0..6)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// A spec of the right shape with odd values in it.
fn odd_spec() -> impl Strategy<Value = Value> {
    let text = || {
        prop_oneof![
            any::<String>(),
            "[0-9]{1,25}[hmsdy]{0,2}",
            "[a-z*-]{0,70}",
            Just("${X}".to_owned())
        ]
    };
    (
        prop::collection::vec(text(), 0..5),
        any::<i64>(),
        text(),
        any::<f64>(),
        text(),
        text(),
        (text(), text()),
        prop::collection::btree_map(text(), text(), 0..3),
    )
        .prop_map(|(names, number, duration, factor, schedule, url, (user, memory), labels)| {
            json!({
                "scope": {"namespaces": names, "selector": {"matchLabels": labels, "matchExpressions": [{"key": user, "operator": "In", "values": names}]}},
                "capabilities": [
                    {"name": "autoRestart", "config": {"maxRestarts": number, "window": duration, "cooldownPeriod": duration, "hold": duration, "backoffFactor": number}},
                    {"name": "resourceOptimization", "config": {"memoryFactor": if factor.is_finite() { factor } else { 0.0 }, "maxMemory": memory}},
                    {"name": "autoScale", "config": {"minReplicas": number, "maxReplicas": number}},
                ],
                "autonomy": {
                    "approvers": {"slackUserIds": [user], "slackTeamId": user},
                    "approvalTimeout": duration,
                    "freezeWindows": [{"schedule": schedule, "duration": duration}],
                    "limits": {"maxActions": number, "stormPodsPercent": number, "actionsWindow": duration},
                    "verify": {"healthyDelay": duration, "deadline": duration},
                },
                "alerting": {"channels": [{"type": "webhook", "url": url}, {"type": "slack", "webhook": url}, {"type": "slack", "channel": user, "token": url}]},
                "summary": {"enabled": true, "model": user, "apiKey": url, "baseUrl": url},
            })
        })
}

fn read(spec: &AgentPolicySpec) {
    let ground = Ground {
        own: "podmender".into(),
        granted: ["shop"].map(Name::new).into(),
    };
    match Policy::parse("p", "podmender", spec, &ground) {
        Ok(Parsed { policy, .. }) => {
            assert!((1..=20).contains(&policy.restart.max_restarts));
            assert!(policy.restart.cooldown >= Duration::from_secs(1));
            assert!(policy.namespaces.iter().all(|n| n.as_str() == "shop"));
        }
        Err(problems) => assert!(
            !problems.0.is_empty()
                && problems.0.len() <= 64
                && problems.to_string().len() < 64 * 1024
        ),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn corpus_c9_any_json_is_read_without_a_panic(value in any_json()) {
        if let Ok(spec) = serde_json::from_value::<AgentPolicySpec>(value) {
            read(&spec);
        }
    }

    #[test]
    fn corpus_c9_odd_values_in_the_right_shape_are_read_without_a_panic(value in odd_spec()) {
        read(&serde_json::from_value(value).unwrap());
    }

    #[test]
    fn corpus_c9_any_text_is_read_as_yaml_without_a_panic(text in "(\\PC|\n|: |- |\\{|\\[|&a|\\*a|scope|<<){0,60}") {
        if let Ok(spec) = serde_saphyr::from_str::<AgentPolicySpec>(&text) {
            read(&spec);
        }
    }

    #[test]
    fn what_is_written_reads_the_same_again(value in odd_spec()) {
        let spec: AgentPolicySpec = serde_json::from_value(value).unwrap();
        let again: AgentPolicySpec = serde_json::from_value(serde_json::to_value(&spec).unwrap()).unwrap();
        prop_assert_eq!(spec, again);
    }
}
