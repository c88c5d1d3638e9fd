//! How a Deployment rolls out: a single replica that is replaced only as a whole, and a rollout that somebody has paused.
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Scenario;
use crate::chaos::case::{Case, text_of, uid_of};
use crate::chaos::deeds::Deed;
use crate::chaos::objects::{App, CRASHES_WHEN_SICK, LIVES};
use crate::chaos::wait;

pub(super) const ALL: &[Scenario] = &[
    Scenario::new(
        "recreate",
        &[96],
        "the one replica still serves, and the agent takes it away because something about it is not right",
        recreate,
    ),
    Scenario::new(
        "rollout-paused",
        &[103],
        "I paused a rollout, the agent restarts the Deployment, and what I had prepared goes live",
        paused,
    ),
];

/// Fails unless just these pods were evicted.
fn only(evictions: &[Deed], pods: &[&Value]) -> Result<()> {
    let is_it = |pod: &&&Value| {
        let uid = Some(uid_of(pod));
        evictions.iter().any(|e| e.uid.as_deref() == uid)
    };
    let found = pods.iter().filter(is_it).count();
    ensure!(
        found == pods.len() && evictions.len() == pods.len(),
        "others were evicted: {evictions:?}"
    );
    Ok(())
}

/// Both have one replica and the strategy Recreate, under a policy that lets the agent act by itself. One is down; the other one
/// is Ready, and its liveness probe fails, of which the kubelet makes nothing yet.
fn recreate(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({"autonomy": {"level": "autonomous"}}))?;
    let strategy = json!({"strategy": {"type": "Recreate"}});
    let down = App::new("down", CRASHES_WHEN_SICK).spec(strategy.clone());
    // Every ten seconds: the kubelet tells of so many failures and no more.
    let stuck = App::new("stuck", LIVES)
        .probe("livenessProbe", "test ! -e /world/sick-$HOSTNAME")
        .container(json!({"livenessProbe": {"periodSeconds": 10, "failureThreshold": 1000}}))
        .spec(strategy);
    let [of_down, of_stuck] = case.run_both([&down, &stuck], ["down", "stuck"])?;
    case.sicken(&of_stuck)?;
    case.sicken(&of_down)?;
    only(&case.evicted(1)?, &[&of_down])?;
    case.stands("down", "Resolved", "Mended")?;
    let asks = case.stands("stuck", "AwaitingApproval", "LastReadyReplica")?;
    asks.fails_with(&["LivenessProbeFailed"])?;
    case.untouched(5)?;
    case.evicted_only(1)?;
    let answer = ["approve", asks.name(), "-n", &case.namespace];
    case.stage.podmender(&answer)?;
    only(&case.evicted(2)?, &[&of_down, &of_stuck])?;
    case.stands("stuck", "Resolved", "Mended")?;
    case.evicted_only(2).map(drop)
}

/// The policy wants restarts by rollout, and a newer template waits behind the pause: the pod alone is replaced, as it was.
fn paused(case: &Case<'_>) -> Result<()> {
    let autonomous = json!({"autonomy": {"level": "autonomous"}});
    case.policy(json!({"method": "Rollout"}), autonomous)?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    let path = case.path("apps/v1", "Deployment", "web");
    let release = json!({"metadata": {"annotations": {"example.org/release": "2"}}});
    let paused = json!({"spec": {"paused": true, "template": release}});
    let before = case.stage.api.merge(&path, &paused)?;
    wait::eventually("the pause is known", || {
        let status = case.stage.api.get(&path)?;
        let seen = status.pointer("/status/observedGeneration");
        ensure!(
            seen == before.pointer("/metadata/generation"),
            "known is {seen:?}"
        );
        Ok(())
    })?;
    case.sicken(&pod)?;
    only(&case.evicted(1)?, &[&pod])?;
    case.stands("web", "Resolved", "Mended")?;
    let after = case.stage.api.get(&path)?;
    for unchanged in ["/spec", "/metadata/generation"] {
        ensure!(
            after.pointer(unchanged) == before.pointer(unchanged),
            "{unchanged} was changed: {after}"
        );
    }
    let deeds = case.stage.deeds.all()?;
    let patched = deeds
        .iter()
        .find(|d| d.namespace == case.namespace && d.resource.starts_with("deployments"));
    ensure!(patched.is_none(), "it tried: {patched:?}");
    let hash = "/metadata/labels/pod-template-hash";
    let pods = case.pods("web")?;
    let same = pods.iter().all(|p| text_of(p, hash) == text_of(&pod, hash));
    ensure!(same, "what was prepared is live");
    case.evicted_only(1).map(drop)
}
