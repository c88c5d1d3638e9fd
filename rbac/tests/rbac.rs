//! What stands in `rbac/`, held against the chart and against a real API server.
//!
//! `cargo run -p scenarios -- cluster run -- cargo test -p scenarios --test rbac -- --ignored`
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use scenarios::cluster::{kubectl, tools};
use scenarios::exec;
use serde::Deserialize;
use serde_json::{Value, json};

const ROLE: &str = include_str!("../role.yaml");
const BINDING: &str = include_str!("../rolebinding.yaml");
const FENCE: &str = include_str!("../validating-admission-policy.yaml");
const WORKLOADS: &str = include_str!("workloads.yaml");
const MUTATIONS: &str = include_str!("mutations.json");

/// The agent's namespace, one that it looks after, and one that it does not, although RBAC would let it.
const AGENT: &str = "rbac-test-agent";
const SHOP: &str = "rbac-test-shop";
const OTHER: &str = "rbac-test-other";
const NAMESPACES: [&str; 3] = [AGENT, SHOP, OTHER];
const DENIED: &str = "ValidatingAdmissionPolicy";

/// One change, sent as the agent's account.
#[derive(Deserialize)]
struct Mutation {
    name: String,
    target: String,
    allowed: bool,
    patch: Value,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    subresource: Option<String>,
}

/// Sends something as the agent and gives `Ok` or what the API server said.
fn as_agent(args: &[&str], stdin: &str) -> Result<Result<(), String>> {
    let agent = format!("--as=system:serviceaccount:{AGENT}:podmender");
    let out = kubectl::chosen(&[args, &[agent.as_str()]].concat(), stdin)?;
    Ok(if out.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&out.stderr).into_owned())
    })
}

/// Everything that the tests put into the cluster; taken out again when dropped.
struct Rig;

impl Rig {
    fn up() -> Result<Self> {
        let rig = Self;
        rig.down();
        let mut objects = fence();
        for namespace in NAMESPACES {
            let labels = match namespace {
                SHOP => json!({"podmender.io/agent": AGENT}),
                _ => json!({}),
            };
            let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}});
            write!(objects, "\n---\n{object}")?;
        }
        kubectl::must(&["apply", "-f", "-"], &objects)?;
        kubectl::must(&["create", "serviceaccount", "podmender", "-n", AGENT], "")?;
        for namespace in [SHOP, OTHER] {
            let place = |yaml: &str| {
                yaml.replace("namespace: podmender", &format!("namespace: {AGENT}"))
                    .replace("namespace: shop", &format!("namespace: {namespace}"))
            };
            let objects = format!(
                "{}\n---\n{}\n---\n{}",
                place(ROLE),
                place(BINDING),
                more_rights(namespace)
            );
            kubectl::must(&["apply", "-f", "-"], &objects)?;
            kubectl::must(&["apply", "-n", namespace, "-f", "-"], WORKLOADS)?;
            let account = [
                "wait",
                "--for=create",
                "serviceaccount/default",
                "--timeout=30s",
                "-n",
                namespace,
            ];
            kubectl::must(&account, "")?;
            kubectl::must(
                &["apply", "-n", namespace, "-f", "-"],
                &format!("{}\n{}", pod("plain"), pod("opted-out")),
            )?;
        }
        // The fence holds a moment after it was written.
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let scaled = patch(
                SHOP,
                "deployment/web",
                None,
                None,
                &json!({"spec": {"replicas": 3}}),
            )?;
            let evicted = evict(SHOP, "plain", None)?;
            if [&scaled, &evicted].iter().all(|r| denied(r)) {
                return Ok(rig);
            }
            ensure!(
                Instant::now() < deadline,
                "the fence never held: {scaled:?}, {evicted:?}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn down(&self) {
        for object in ["rbac-test-rollout-restart", "rbac-test-evict"] {
            for kind in [
                "validatingadmissionpolicybinding",
                "validatingadmissionpolicy",
            ] {
                drop(kubectl::chosen(
                    &["delete", kind, object, "--ignore-not-found"],
                    "",
                ));
            }
        }
        for namespace in [SHOP, OTHER] {
            let free = r#"{"metadata":{"finalizers":null}}"#;
            drop(kubectl::chosen(
                &[
                    "patch",
                    "deployment/web",
                    "-n",
                    namespace,
                    "--type=merge",
                    "-p",
                    free,
                ],
                "",
            ));
        }
        drop(kubectl::chosen(
            &[
                &["delete", "namespace", "--ignore-not-found"][..],
                &NAMESPACES,
            ]
            .concat(),
            "",
        ));
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.down();
    }
}

/// The policies under names of our own, for an agent in our own namespace.
fn fence() -> String {
    FENCE
        .replace(
            "serviceaccount:podmender:",
            &format!("serviceaccount:{AGENT}:"),
        )
        .replace("'\"podmender\"'", &format!("'\"{AGENT}\"'"))
        .replace("ame: podmender-", "ame: rbac-test-")
}

/// More rights than the chart grants at most, so that it is the fence that refuses.
fn more_rights(namespace: &str) -> Value {
    let rule = |groups: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [groups], "resources": resources, "verbs": verbs});
    let apps = [
        "deployments",
        "statefulsets",
        "daemonsets",
        "deployments/scale",
        "deployments/status",
    ];
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "more", "namespace": namespace}, "rules": [
            rule("apps", &apps, &["get", "create", "patch", "delete"]),
            rule("", &["pods"], &["delete"]),
        ]},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "more", "namespace": namespace},
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "more"},
         "subjects": [{"kind": "ServiceAccount", "name": "podmender", "namespace": AGENT}]},
    ]})
}

/// A pod that no node takes.
fn pod(name: &str) -> Value {
    let annotations = match name {
        "opted-out" => json!({"podmender.io/enabled": "false"}),
        _ => json!({}),
    };
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "annotations": annotations}, "spec": {
        "nodeSelector": {"example.org/nowhere": "true"}, "containers": [{"name": "c", "image": "example.org/c:1"}]}})
}

fn denied(result: &Result<(), String>) -> bool {
    matches!(result, Err(said) if said.contains(DENIED))
}

fn patch(
    namespace: &str,
    target: &str,
    kind: Option<&str>,
    subresource: Option<&str>,
    patch: &Value,
) -> Result<Result<(), String>> {
    let patch = patch.to_string();
    let kind = format!("--type={}", kind.unwrap_or("strategic"));
    let subresource = subresource.map(|s| format!("--subresource={s}"));
    let mut args = vec![
        "patch",
        target,
        "-n",
        namespace,
        "--dry-run=server",
        &kind,
        "-p",
        &patch,
    ];
    args.extend(subresource.as_deref());
    as_agent(&args, "")
}

fn uid(namespace: &str, pod: &str) -> Result<String> {
    kubectl::must(
        &[
            "get",
            "pod",
            pod,
            "-n",
            namespace,
            "-o",
            "jsonpath={.metadata.uid}",
        ],
        "",
    )
}

fn preconditions(uid: Option<&str>) -> Value {
    uid.map_or_else(|| json!({}), |uid| json!({"uid": uid}))
}

fn evict(namespace: &str, pod: &str, uid: Option<&str>) -> Result<Result<(), String>> {
    let options = match uid {
        Some(_) => json!({"dryRun": ["All"], "preconditions": preconditions(uid)}),
        None => json!({"dryRun": ["All"]}),
    };
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}, "deleteOptions": options});
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction?dryRun=All");
    as_agent(
        &["create", "--raw", &path, "-f", "-"],
        &eviction.to_string(),
    )
}

fn delete(namespace: &str, pod: &str, uid: Option<&str>) -> Result<Result<(), String>> {
    let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"]});
    if uid.is_some() {
        options["preconditions"] = preconditions(uid);
    }
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}?dryRun=All");
    as_agent(&["delete", "--raw", &path, "-f", "-"], &options.to_string())
}

fn check(wrong: &mut Vec<String>, what: &str, allowed: bool, result: &Result<(), String>) {
    if (allowed && result.is_err()) || (!allowed && !denied(result)) {
        wrong.push(format!(
            "{what}: should be allowed: {allowed}, was {result:?}"
        ));
    }
}

/// Restarts, evictions and deletions, allowed or not as a whole.
fn check_acts(wrong: &mut Vec<String>, what: &str, namespace: &str, allowed: bool) -> Result<()> {
    let restart = json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-21T09:00:00Z"}}}}});
    let uid = uid(namespace, "plain")?;
    let results = [
        patch(namespace, "deployment/web", None, None, &restart)?,
        evict(namespace, "plain", Some(&uid))?,
        delete(namespace, "plain", Some(&uid))?,
    ];
    for (act, result) in ["restart", "evict", "delete"].into_iter().zip(&results) {
        check(wrong, &format!("{act} {what}"), allowed, result);
    }
    Ok(())
}

#[test]
#[ignore = "needs a cluster"]
fn the_fence_lets_through_a_restart_and_an_eviction_by_uid_and_nothing_else() -> Result<()> {
    let _rig = Rig::up()?;
    let mut wrong = Vec::new();
    let mutations: Vec<Mutation> = serde_json::from_str(MUTATIONS)?;
    for m in &mutations {
        let result = patch(
            SHOP,
            &m.target,
            m.kind.as_deref(),
            m.subresource.as_deref(),
            &m.patch,
        )?;
        check(&mut wrong, &m.name, m.allowed, &result);
    }
    let create = as_agent(
        &[
            "create",
            "deployment",
            "new",
            "--image=a",
            "-n",
            SHOP,
            "--dry-run=server",
        ],
        "",
    )?;
    check(&mut wrong, "create a Deployment", false, &create);
    let gone = as_agent(
        &[
            "delete",
            "deployment",
            "bare",
            "-n",
            SHOP,
            "--dry-run=server",
        ],
        "",
    )?;
    check(&mut wrong, "delete a Deployment", false, &gone);

    check_acts(&mut wrong, "in a labelled namespace", SHOP, true)?;
    check_acts(&mut wrong, "in a namespace without the label", OTHER, false)?;
    for (key, value) in [
        ("podmender.io/paused", "true"),
        ("podmender.io/enabled", "false"),
    ] {
        kubectl::must(
            &["annotate", "namespace", SHOP, &format!("{key}={value}")],
            "",
        )?;
        check_acts(&mut wrong, &format!("while {key} is {value}"), SHOP, false)?;
        kubectl::must(&["annotate", "namespace", SHOP, &format!("{key}-")], "")?;
    }
    check(
        &mut wrong,
        "evict without UID",
        false,
        &evict(SHOP, "plain", None)?,
    );
    check(
        &mut wrong,
        "delete without UID",
        false,
        &delete(SHOP, "plain", None)?,
    );
    let opted_out = uid(SHOP, "opted-out")?;
    check(
        &mut wrong,
        "delete a pod that opted out",
        false,
        &delete(SHOP, "opted-out", Some(&opted_out))?,
    );
    ensure!(
        wrong.is_empty(),
        "{} of the answers are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    Ok(())
}

#[test]
#[ignore = "needs helm, which is built from its sources"]
fn the_chart_renders_the_rules_of_role_yaml() -> Result<()> {
    let helm = tools::CHART.ensure_only(&["helm"])?.join("helm");
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/podmender");
    let rendered = exec::output(exec::command(helm).args([
        "template",
        "podmender",
        chart,
        "--namespace=podmender",
        "--set=rbac.namespaces={shop}",
        "--show-only=templates/role-scoped.yaml",
    ]))?;
    let part = |text: &str, from: &str| -> Option<String> {
        let rest = text.get(text.find(from)?..)?;
        Some(rest.split("\n---").next()?.trim_end().to_owned())
    };
    assert_eq!(part(ROLE, "rules:"), part(&rendered, "rules:"));
    assert_eq!(part(BINDING, "roleRef:"), part(&rendered, "roleRef:"));
    Ok(())
}
