//! The definitions that the chart installs, held against a real API server: what it takes, and what it refuses.
//!
//! `cargo run -p scenarios -- cluster run -- cargo test -p scenarios --test definitions -- --ignored`
//!
//! Under a group of its own, so that it disturbs no agent that runs on the same cluster.
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Result, bail, ensure};
use scenarios::cluster::kubectl;
use serde_json::{Value, json};

const DEFINITIONS: &str = include_str!("../../charts/podmender-crds/files/crds.yaml");
const ADMISSION: &str = include_str!("../../rbac/approvals-admission-policy.yaml");
const GROUP: &str = "definitions-test.podmender.io";
const PLURALS: [&str; 4] = ["agentpolicies", "approvals", "incidents", "ledgers"];

/// The definitions under the test's group, for one test at a time; taken away when dropped.
struct Rig(#[expect(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

impl Rig {
    fn up() -> Result<Self> {
        let yaml = DEFINITIONS
            .replace(".podmender.io\n", &format!(".{GROUP}\n"))
            .replace("group: podmender.io", &format!("group: {GROUP}"));
        let rig = Self(ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner));
        kubectl::must(&["apply", "--server-side", "-f", "-"], &yaml)?;
        for plural in PLURALS {
            let name = format!("crd/{plural}.{GROUP}");
            kubectl::must(
                &[
                    "wait",
                    "--for=condition=Established",
                    &name,
                    "--timeout=60s",
                ],
                "",
            )?;
        }
        Ok(rig)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        for plural in PLURALS {
            let name = format!("{plural}.{GROUP}");
            // Nothing more can be done about what cannot be deleted.
            let _ = kubectl::chosen(&["delete", "crd", &name, "--ignore-not-found"], "");
        }
    }
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": format!("{GROUP}/v1alpha1"), "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": spec})
}

fn many(objects: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
}

fn restart(config: &Value) -> Value {
    json!({"capabilities": [{"name": "autoRestart", "config": config}]})
}

fn good_policies() -> Vec<Value> {
    vec![
        // The API server drops a null where none is allowed: an empty scope, which covers nothing.
        json!({"scope": {"namespaces": null}}),
        json!({}),
        json!({"scope": {}}),
        json!({"scope": {"namespaces": []}}),
        json!({
            "scope": {"namespaces": ["taskora"], "selector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["x"]}, {"key": "b", "operator": "Exists"}]}},
            "capabilities": [
                {"name": "healthMonitoring", "enabled": true},
                {"name": "autoRestart", "enabled": true, "config": {"maxRestarts": 3, "window": "1h", "cooldownPeriod": "60s", "backoffFactor": 2, "minOccurrences": 2, "method": "Rollout", "hold": "0s"}},
                {"name": "resourceOptimization", "enabled": false, "config": {"memoryFactor": 1.5, "maxMemory": "1Gi"}},
                {"name": "autoScale", "enabled": false, "config": {"minReplicas": 1, "maxReplicas": 5, "targetMemoryPercent": 80}},
            ],
            "autonomy": {
                "level": "supervised", "requireApproval": ["deleteDeployment", "scaleToZero", "modifySecrets"],
                "approvers": {"slackUserIds": ["U0123"], "slackTeamId": "T0123"}, "approvalTimeout": "30m", "paused": false,
                "freezeWindows": [{"schedule": "0 22 * * FRI Europe/Berlin", "duration": "56h"}],
                "limits": {"maxConcurrent": 2, "maxActions": 5, "actionsWindow": "10m", "stormPodsPercent": 30, "stormWorkloads": 10, "stormCalm": "10m"},
                "verify": {"healthyDelay": "60s", "deadline": "5m", "relapseWindow": "10m"},
            },
            "alerting": {"enabled": true, "channels": [
                {"type": "slack", "channel": "#ops", "token": "${SLACK_BOT_TOKEN}"},
                {"type": "slack", "webhook": "${SLACK_WEBHOOK_URL}"},
                {"type": "webhook", "url": "https://example.org/hook"},
            ], "minInterval": "1s"},
            "summary": {"enabled": false, "baseUrl": "", "model": "", "apiKey": "${OPENAI_API_KEY}"},
        }),
    ]
}

fn bad_policies() -> Vec<Value> {
    let names: Vec<String> = (0..300).map(|i| format!("n{i}")).collect();
    let mut bad: Vec<Value> = vec![
        json!({"scope": {"namespaces": names}}),
        json!({"scope": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}}),
        json!({"scope": {"selector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]}}}),
        json!({"capabilities": [{"name": "autoScale"}, {"name": "autoScale"}]}),
        json!({"capabilities": [{"name": "teleport"}]}),
        json!({"capabilities": [{"enabled": true}]}),
        json!({"autonomy": {"level": "yolo"}}),
        json!({"autonomy": {"levl": "observe"}}),
        json!({"autonomy": {"requireApproval": ["deleteEverything"]}}),
        json!({"autonomy": {"approvalTimeout": "25h"}}),
        json!({"autonomy": {"approvers": {"slackUserIds": ["bob"]}}}),
        json!({"autonomy": {"freezeWindows": [{"schedule": "0 22 * * FRI", "duration": "1h"}]}}),
        json!({"autonomy": {"freezeWindows": [{"schedule": "0 22 * * FRI UTC", "duration": "745h"}]}}),
        json!({"autonomy": {"limits": {"maxActions": 0}}}),
        json!({"autonomy": {"paused": "true"}}),
        json!({"alerting": {"channels": [{"type": "slack"}]}}),
        json!({"alerting": {"channels": [{"type": "slack", "channel": "#ops"}]}}),
        json!({"alerting": {"channels": [{"type": "slack", "webhook": "https://h", "channel": "#o", "token": "${T}"}]}}),
        json!({"alerting": {"channels": [{"type": "webhook", "webhook": "https://h"}]}}),
        json!({"alerting": {"channels": [{"type": "pager", "url": "https://h"}]}}),
    ];
    for scope in [
        json!(["*"]),
        json!([""]),
        json!(["kube-system"]),
        json!(["kube-public"]),
        json!(["kube-node-lease"]),
        json!(["Shop"]),
        json!("shop"),
        json!(["a", "a"]),
    ] {
        bad.push(json!({"scope": {"namespaces": scope}}));
    }
    for config in [
        json!({"maxRestarts": 0}),
        json!({"maxRestarts": -1}),
        json!({"maxRestarts": 21}),
        json!({"maxRestarts": "5"}),
        json!({"maxRestarts": 9_223_372_036_854_775_808_u64}),
        json!({"cooldownPeriod": "0s"}),
        json!({"cooldownPeriod": "-1h"}),
        json!({"cooldownPeriod": "1y"}),
        json!({"cooldownPeriod": "25h"}),
        json!({"cooldownPeriod": ""}),
        json!({"cooldownPeriod": 60}),
        json!({"method": "Delete"}),
        json!({"memoryFactor": 100}),
        json!({"maxMemory": "lots"}),
    ] {
        bad.push(restart(&config));
    }
    bad
}

fn incident() -> Value {
    json!({
        "workload": {"kind": "Deployment", "namespace": "default", "name": "web"}, "workloadUid": "u", "failure": "OOMKilled",
        "firstSeen": "2026-11-21T09:00:00.123456789Z", "policy": "podmender/web",
    })
}

fn approval() -> Value {
    json!({"incident": "web-1", "answer": "Approve", "remedy": "restart", "uid": "u", "generation": 1})
}

/// Asks whether the API server would take an object; `Err` is why not. Straight, because kubectl would judge first.
fn ask(plural: &str, kind: &str, spec: &Value) -> Result<Result<(), String>> {
    let query = "dryRun=All&fieldValidation=Strict";
    let path = format!("/apis/{GROUP}/v1alpha1/namespaces/default/{plural}?{query}");
    let body = object(kind, "asked", spec).to_string();
    verdict(&["create", "--raw", &path, "-f", "-"], &body)
}

/// Whether the API server takes what kubectl sends; `Err` is why not.
fn verdict(args: &[&str], body: &str) -> Result<Result<(), String>> {
    let out = kubectl::chosen(args, body)?;
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    Ok(if out.status.success() {
        Ok(())
    } else {
        Err(said)
    })
}

#[test]
#[ignore = "needs a cluster"]
fn fault_67_and_68_the_api_server_takes_good_objects_and_refuses_bad_ones() -> Result<()> {
    let rig = Rig::up()?;
    let empty = json!({"spent": [], "head": {"seq": 0, "hash": ""}, "anchor": {"seq": 0, "hash": ""}, "storms": []});
    let policies = good_policies()
        .into_iter()
        .map(|spec| ("agentpolicies", "AgentPolicy", spec));
    let others = [
        ("incidents", "Incident", incident()),
        ("approvals", "Approval", approval()),
        ("ledgers", "Ledger", empty),
    ];
    for (plural, kind, spec) in policies.chain(others) {
        if let Err(said) = ask(plural, kind, &spec)? {
            bail!("refused although good: {kind} {spec}: {said}");
        }
    }
    let (mut sulks, mut perhaps) = (incident(), approval());
    sulks["failure"] = json!("Sulks");
    perhaps["answer"] = json!("Perhaps");
    // Only the agent says that nobody answered, and it says nothing else.
    let (mut ended, mut approves) = (approval(), approval());
    ended["answer"] = json!("Expired");
    approves["via"] = json!({"type": "agent"});
    let policies = bad_policies()
        .into_iter()
        .map(|spec| ("agentpolicies", "AgentPolicy", spec));
    let others = [
        ("incidents", "Incident", sulks),
        ("approvals", "Approval", perhaps),
        ("approvals", "Approval", ended),
        ("approvals", "Approval", approves),
    ];
    let mut taken = Vec::new();
    let mut refusals = String::new();
    for (plural, kind, spec) in policies.chain(others) {
        match ask(plural, kind, &spec)? {
            Ok(()) => taken.push(format!("{kind} {spec}")),
            Err(said) => refusals.push_str(&said),
        }
    }
    ensure!(
        taken.is_empty(),
        "taken although bad:\n{}",
        taken.join("\n")
    );
    for words in [
        "never in scope",
        "must be between 1s and 24h",
        "takes either webhook, or channel and token",
        "unknown field",
    ] {
        ensure!(
            refusals.contains(words),
            "nobody was told {words:?}: {refusals}"
        );
    }
    drop(rig);
    Ok(())
}

/// Incident and approval cannot be changed, and an approval is used up once.
#[test]
#[ignore = "needs a cluster"]
fn what_was_decided_cannot_be_edited() -> Result<()> {
    let rig = Rig::up()?;
    kubectl::must(
        &["create", "-f", "-"],
        &many(&[
            object("Incident", "fixed", &incident()),
            object("Approval", "fixed", &approval()),
        ]),
    )?;
    let patch = |what: &str, patch: &Value, status: bool| {
        let patch = patch.to_string();
        let mut args = vec!["patch", what, "-n", "default", "--type=merge", "-p", &patch];
        args.extend(status.then_some("--subresource=status"));
        kubectl::chosen(&args, "").map(|out| {
            (
                out.status.success(),
                String::from_utf8_lossy(&out.stderr).into_owned(),
            )
        })
    };
    let (incident, approval) = (
        format!("incidents.{GROUP}/fixed"),
        format!("approvals.{GROUP}/fixed"),
    );
    for (what, change) in [
        (&incident, json!({"spec": {"failure": "Error"}})),
        (&incident, json!({"spec": {"workload": {"name": "other"}}})),
        (&approval, json!({"spec": {"answer": "Deny"}})),
        (&approval, json!({"spec": {"by": "somebody else"}})),
    ] {
        let (done, said) = patch(what, &change, false)?;
        ensure!(
            !done && said.contains("cannot be changed"),
            "{what} {change}: {said}"
        );
    }
    let used = json!({"status": {"consumedAt": "2026-11-21T09:00:00Z", "result": "Accepted"}});
    ensure!(
        patch(&approval, &used, true)?.0,
        "an approval can be used up"
    );
    for change in [
        json!({"status": {"consumedAt": null}}),
        json!({"status": null}),
        json!({"status": {"result": "Refused"}}),
    ] {
        let (done, said) = patch(&approval, &change, true)?;
        ensure!(!done && said.contains("used up"), "{change}: {said}");
    }
    ensure!(
        patch(
            &approval,
            &json!({"metadata": {"labels": {"a": "b"}}}),
            false
        )?
        .0,
        "labels may change"
    );
    let selected = kubectl::must(
        &[
            "get",
            &format!("incidents.{GROUP}"),
            "-n",
            "default",
            "--field-selector",
            "spec.workload.name=web,spec.failure=OOMKilled",
            "-o",
            "name",
        ],
        "",
    )?;
    ensure!(selected.contains("fixed"), "selectable fields: {selected}");
    drop(rig);
    Ok(())
}

/// The admission policy for answers, under the test's group, and three people: ann and the agent may answer; the agent may attest.
struct Witness {
    #[expect(dead_code, reason = "held, not read")]
    rig: Rig,
}

impl Witness {
    fn up() -> Result<Self> {
        let witness = Self { rig: Rig::up()? };
        let policy = ADMISSION
            .replace("[podmender.io]", &format!("[{GROUP}]"))
            .replace("\"podmender.io\"", &format!("\"{GROUP}\""))
            .replace("podmender-approvals", "definitions-test-approvals");
        kubectl::must(&["apply", "-f", "-"], &policy)?;
        let role = |name: &str, user: &str, verbs: &[&str]| {
            let api = "rbac.authorization.k8s.io";
            let rules = json!([{"apiGroups": [GROUP], "resources": ["approvals"], "verbs": verbs}]);
            vec![
                json!({"apiVersion": format!("{api}/v1"), "kind": "Role", "metadata": {"name": name, "namespace": "default"}, "rules": rules}),
                json!({"apiVersion": format!("{api}/v1"), "kind": "RoleBinding", "metadata": {"name": name, "namespace": "default"},
                    "roleRef": {"apiGroup": api, "kind": "Role", "name": name}, "subjects": [{"apiGroup": api, "kind": "User", "name": user}]}),
            ]
        };
        let verbs = ["get", "create", "update", "patch"];
        let roles = [
            role("definitions-test-ann", "ann", &verbs),
            role(
                "definitions-test-agent",
                "the-agent",
                &[&verbs[..], &["attest"]].concat(),
            ),
        ];
        kubectl::must(&["apply", "-f", "-"], &many(&roles.concat()))?;
        Ok(witness)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        for kind in [
            "validatingadmissionpolicybinding",
            "validatingadmissionpolicy",
        ] {
            let name = "definitions-test-approvals";
            let _ = kubectl::chosen(&["delete", kind, name, "--ignore-not-found"], "");
        }
        for name in ["definitions-test-ann", "definitions-test-agent"] {
            let both = [
                "delete",
                "role,rolebinding",
                name,
                "-n",
                "default",
                "--ignore-not-found",
            ];
            let _ = kubectl::chosen(&both, "");
        }
    }
}

/// Whether `user` may give an answer that says `more`; `Err` is why not.
fn answer_as(user: &str, more: &Value) -> Result<Result<(), String>> {
    let mut spec = approval();
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    let body = object("Approval", "answered", &spec).to_string();
    let as_user = format!("--as={user}");
    verdict(&["create", &as_user, "--dry-run=server", "-f", "-"], &body)
}

/// An answer bears the name of who gives it, and only the agent says that one came by Slack, or that there is none.
#[test]
#[ignore = "needs a cluster"]
fn who_answered_is_held_by_the_api_server() -> Result<()> {
    let witness = Witness::up()?;
    let forged = json!({"by": "podmender:somebody-else"});
    let denied = "definitions-test-approvals";
    // It holds a moment after it was written.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !matches!(answer_as("the-agent", &forged)?, Err(said) if said.contains(denied)) {
        ensure!(std::time::Instant::now() < deadline, "it never held");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let slack = json!({"type": "slack", "user": "U1", "team": "T1"});
    let own = json!({"type": "kubernetes"});
    let ended = json!({"by": "podmender", "answer": "Expired", "via": {"type": "agent"}});
    let mut wrong = Vec::new();
    for (user, more, allowed) in [
        ("ann", json!({"by": "ann"}), true),
        ("ann", json!({"by": "ann", "via": own}), true),
        ("ann", json!({"by": "ann", "answer": "Deny"}), true),
        ("ann", json!({"by": "bob"}), false),
        ("ann", json!({"by": "bob", "via": own}), false),
        ("ann", json!({"by": "Ann"}), false),
        ("ann", json!({"by": ""}), false),
        ("ann", json!({}), false),
        ("ann", json!({"by": "ann", "via": slack}), false),
        ("ann", json!({"by": "U1", "via": slack}), false),
        ("the-agent", json!({"by": "U1", "via": slack}), true),
        ("the-agent", json!({"by": "the-agent"}), true),
        ("the-agent", forged, false),
        ("the-agent", ended.clone(), true),
        ("ann", ended, false),
        ("the-agent", json!({"by": "U1"}), false),
    ] {
        let said = answer_as(user, &more)?;
        let right = match &said {
            Ok(()) => allowed,
            Err(said) => !allowed && said.contains(denied),
        };
        if !right {
            wrong.push(format!("{user} {more}: {said:?}"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    drop(witness);
    Ok(())
}
