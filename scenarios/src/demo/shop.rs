//! The shop: six small services, and how each of five of them breaks.
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::chaos::api::{self, Api};
use crate::cluster::state::BUSYBOX_IMAGE;
use crate::slack::people::{TEAM, user_id};

/// The shop's namespace.
pub const NAMESPACE: &str = "shop";
/// The channel in which the agent asks.
pub const CHANNEL: &str = "ops";
/// The agent's namespace.
pub const HOME: &str = "podmender";
/// The services that break, in the order in which they are shown.
pub const BREAKING: [&str; 5] = ["mail", "report", "cart", "search", "orders"];

const DB: &str = "mkdir -p /tmp/w; echo ok > /tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w";
/// Waits four seconds for its database when it starts, one when it runs, and then gives up.
const CART: &str = "n=0; max=8; while [ $n -lt $max ]; do if timeout 1 wget -q -O /dev/null http://$DB_SERVICE_HOST:8080/ 2>/dev/null; then n=0; max=2; else n=$((n+1)); fi; sleep 0.5; done; \
     echo \"FATAL dial tcp db:8080: connect: connection refused\" >&2; exit 1";
/// Fails from then on until its pod is replaced, and with it the folder.
const ORDERS: &str = "until [ -e /state/corrupt ]; do sleep 0.3; done; echo 'fatal: journal is corrupt at offset 8192' >&2; exit 1";
const LIVES: &str = "while :; do sleep 1; done";
/// `tail` keeps what it reads until a line ends, and /dev/zero has none.
const REPORT: &str = "echo 'building the yearly report in memory'; exec tail /dev/zero";
/// Nothing listens there, so the pull fails at once.
const NO_SUCH_IMAGE: &str = "127.0.0.1:5999/shop/mail:2.0";

/// All objects of the healthy shop.
pub fn healthy() -> Vec<Value> {
    let stuck = json!({"readinessProbe": {"exec": {"command": ["sh", "-c", "test ! -e /tmp/stuck"]}, "periodSeconds": 1, "failureThreshold": 2}});
    vec![
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "db", "namespace": NAMESPACE},
            "spec": {"selector": {"app": "db"}, "ports": [{"port": 8080}]},
        }),
        deployment("db", 1, DB, json!({})),
        deployment("cart", 1, CART, json!({})),
        deployment("search", 2, LIVES, stuck),
        deployment("mail", 1, LIVES, json!({})),
        orders(),
    ]
}

/// A StatefulSet: what may be lost with its pod only a person knows, so the agent asks.
fn orders() -> Value {
    let labels = json!({"app": "orders"});
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "orders", "namespace": NAMESPACE, "labels": labels},
        "spec": {"replicas": 1, "serviceName": "orders", "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {
                "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false,
                "volumes": [{"name": "state", "emptyDir": {}}],
                "containers": [{
                    "name": "app", "image": BUSYBOX_IMAGE, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", ORDERS],
                    "volumeMounts": [{"name": "state", "mountPath": "/state"}],
                    "resources": {"limits": {"memory": "32Mi"}},
                }],
            },
        }},
    })
}

/// A release with an image that does not exist.
pub fn bad_mail() -> Value {
    deployment("mail", 1, LIVES, json!({"image": NO_SUCH_IMAGE}))
}

/// A service that needs more memory than it may have.
pub fn hungry_report() -> Value {
    deployment(
        "report",
        1,
        REPORT,
        json!({"resources": {"limits": {"memory": "24Mi"}}}),
    )
}

fn deployment(name: &str, replicas: u32, script: &str, container: Value) -> Value {
    let labels = json!({"app": name});
    let mut app = json!({
        "name": "app", "image": BUSYBOX_IMAGE, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script],
        "resources": {"limits": {"memory": "32Mi"}},
    });
    crate::chaos::objects::merge(&mut app, container);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {"terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false, "containers": [app]},
        }},
    })
}

/// The policy: as an owner of the shop would write it, with times short enough to watch.
pub fn policy(summary: &Value) -> Value {
    json!({
        "name": NAMESPACE,
        "spec": {
            "scope": {"namespaces": [NAMESPACE]},
            "capabilities": [{"name": "autoRestart", "enabled": true, "config": {
                "maxRestarts": 3, "window": "1h", "cooldownPeriod": "30s", "minOccurrences": 2, "hold": "5s",
            }}],
            "autonomy": {
                "level": "supervised", "verify": {"healthyDelay": "6s", "deadline": "60s"},
                "approvers": {"slackUserIds": [user_id("ada"), user_id("ben")], "slackTeamId": TEAM},
            },
            "alerting": {"channels": [
                {"type": "webhook", "url": "${ALERTS_URL}"},
                {"type": "slack", "channel": format!("#{CHANNEL}"), "token": "${SLACK_BOT_TOKEN}"},
            ]},
            "summary": summary,
        },
    })
}

/// The values for the chart.
pub fn values(image: &str, slack_api: &str, summary: &Value) -> Result<Value> {
    let (repository, tag) = image.rsplit_once(':').context("an image without a tag")?;
    Ok(json!({
        "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
        "rbac": {"namespaces": [NAMESPACE]},
        "existingSecret": "alerts",
        "slack": {"apiUrl": slack_api},
        "policies": [policy(summary)],
    }))
}

/// The pods of a service that stay.
pub fn pods(api: &Api, app: &str) -> Result<Vec<Value>> {
    let path = api::path("v1", "Pod", Some(NAMESPACE));
    let mut pods = api.list(&format!("{path}?labelSelector=app%3D{app}"))?;
    pods.retain(|p| p.pointer("/metadata/deletionTimestamp").is_none());
    Ok(pods)
}

/// Fails until the shop is up, and `cart` has run long enough that its end is news (a run of 15 s counts as a good one).
pub fn is_up(api: &Api) -> Result<()> {
    for (app, replicas) in [
        ("db", 1),
        ("cart", 1),
        ("search", 2),
        ("mail", 1),
        ("orders", 1),
    ] {
        let ready = pods(api, app)?.iter().filter(|p| is_ready(p)).count();
        if ready < replicas {
            bail!("{app}: {ready} of {replicas} pods are Ready");
        }
    }
    Ok(())
}

/// Since when `app` runs, in the cluster's own words.
pub fn running_since(api: &Api, app: &str) -> Result<jiff::Timestamp> {
    let started = "/status/containerStatuses/0/state/running/startedAt";
    let pod = pods(api, app)?.pop().context("it has no pod")?;
    let at = pod.pointer(started).and_then(Value::as_str);
    Ok(at.context("it does not run")?.parse()?)
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions.is_some_and(|all| {
        all.iter()
            .any(|c| c["type"] == "Ready" && c["status"] == "True")
    })
}

/// Scales the shop's database.
pub fn scale_db(api: &Api, replicas: u32) -> Result<()> {
    let path = api::path("apps/v1", "Deployment", Some(NAMESPACE)) + "/db";
    api.merge(&path, &json!({"spec": {"replicas": replicas}}))
        .map(drop)
}
