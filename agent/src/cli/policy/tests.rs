//! What `policy check` says about files, good and bad.

use super::*;
use proptest::prelude::*;

const HEAD: &str = "apiVersion: podmender.io/v1alpha1\nkind: AgentPolicy\nmetadata: {name: web, namespace: podmender}\n";

/// Lines and texts of what is wrong with HEAD and `spec`.
fn wrongs(spec: &str) -> Vec<(u64, String)> {
    let findings = examine(&format!("{HEAD}{spec}"));
    findings
        .into_iter()
        .filter(|f| f.is_wrong)
        .map(|f| (f.line, f.text))
        .collect()
}

#[track_caller]
fn one(spec: &str, line: u64, says: &str) {
    match wrongs(spec).as_slice() {
        [(at, text)] => assert!(*at == line && text.contains(says), "line {at}: {text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_policy_is_said_to_be_fine_and_what_it_covers() {
    let findings = examine(&format!("{HEAD}spec:\n  scope: {{namespaces: [shop]}}\n"));
    assert_eq!(
        findings,
        [note(
            1,
            "AgentPolicy podmender/web is fine; it covers shop".into()
        )]
    );
    assert!(
        examine(&format!("{HEAD}spec: {{}}"))[0]
            .text
            .contains("covers nothing")
    );
}

#[test]
fn fault_67_and_68_every_problem_has_its_line_and_its_fix() {
    let spec = "spec:\n  scope:\n    namespaces:\n      - shop\n      - '*'\n      - kube-system\n  capabilities:\n    - name: autoRestart\n      config:\n        cooldownPeriod: 0s\n";
    let found = wrongs(spec);
    let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [8, 9, 13], "{found:?}");
    assert!(
        found[0].1.starts_with("spec.scope.namespaces[1]: ") && found[0].1.contains("; list each"),
        "{found:?}"
    );
}

#[test]
fn fault_68_unknown_fields_and_wrong_types_have_their_line_and_path() {
    one(
        "spec:\n  autonomy:\n    levl: observe\n",
        6,
        "spec.autonomy.levl: unknown field",
    );
    one(
        "spec:\n  capabilities:\n    - name: autoRestart\n      config: {maxRestarts: '5'}\n",
        7,
        "spec.capabilities[0].config.maxRestarts: invalid type: string",
    );
    one(
        "spec:\n  scope:\n    namespaces:\n",
        6,
        "spec.scope.namespaces: invalid type: null",
    );
    one(
        "spec:\n  autonomy: {level: yolo}\n",
        5,
        "unknown variant `yolo`",
    );
    one(
        "spec:\n  autonomy: {paused: 'true'}\n",
        5,
        "spec.autonomy.paused: invalid type",
    );
    one("", 1, "spec: missing");
}

#[test]
fn files_that_are_no_policies_are_findings() {
    for (text, says) in [
        ("", "no AgentPolicy"),
        ("kind: Pod", "no AgentPolicy"),
        ("a: [", "not YAML"),
        (
            "apiVersion: kagent.dev/v1\nkind: AgentPolicy\nspec: {}",
            "write podmender.io/v1alpha1",
        ),
        ("\u{0}\u{1}", "not YAML"),
    ] {
        let findings = examine(text);
        assert!(
            findings.iter().any(|f| f.is_wrong && f.text.contains(says)),
            "{text:?}: {findings:?}"
        );
    }
}

#[test]
fn other_documents_are_skipped_and_lines_count_through_the_file() {
    let text = format!(
        "kind: ConfigMap\n---\n{HEAD}spec:\n  scope: {{namespaces: [kube-system]}}\n---\n{{\"kind\": \"AgentPolicy\", \"apiVersion\": \"podmender.io/v1alpha1\", \"spec\": {{}}}}\n"
    );
    let findings = examine(&text);
    assert_eq!(
        findings
            .iter()
            .filter(|f| f.is_wrong)
            .map(|f| f.line)
            .collect::<Vec<_>>(),
        [7],
        "{findings:?}"
    );
    assert_eq!(findings.len(), 3, "{findings:?}");
}

#[test]
fn a_policy_of_a_workload_namespace_may_cover_that_one() {
    let text = HEAD.replace("namespace: podmender", "namespace: shop");
    assert!(
        !examine(&format!("{text}spec: {{scope: {{namespaces: [shop]}}}}"))
            .iter()
            .any(|f| f.is_wrong)
    );
}

#[test]
fn a_literal_webhook_is_a_warning_only() {
    let findings = examine(&format!(
        "{HEAD}spec:\n  alerting:\n    channels:\n      - type: slack\n        webhook: https://hooks.slack.com/services/T/B/x\n"
    ));
    assert!(
        findings
            .iter()
            .any(|f| f.line == 8 && f.text.starts_with("warning: ")),
        "{findings:?}"
    );
    assert!(
        !findings
            .iter()
            .any(|f| f.is_wrong || f.text.contains("hooks.slack.com"))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn corpus_c9_any_text_is_checked_without_a_panic(text in "(\\PC|\n|: |- |\\{|\\[|&a|\\*a|---|spec|scope|kind: AgentPolicy){0,60}") {
        let _ = examine(&text);
    }
}
