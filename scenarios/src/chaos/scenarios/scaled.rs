//! Somebody else decides how many replicas there are: whatever comes and goes with that is no failure.
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Scenario;
use super::calm::{quiet, quiet_until};
use crate::chaos::case::Case;
use crate::chaos::objects::{App, CRASHES_WHEN_SICK};
use crate::chaos::wait;

pub(super) const ALL: &[Scenario] = &[Scenario::new(
    "autoscaled",
    &[104],
    "the autoscaler adds and removes pods, I scale to zero, and each time somebody is called",
    autoscaled,
)
.on_probation()];

/// A real HorizontalPodAutoscaler finds that every pod uses more than its target, goes to its maximum, and is then allowed less.
fn autoscaled(case: &Case<'_>) -> Result<()> {
    let eager = json!({"minOccurrences": 1, "hold": "0s"});
    let asks = json!({"autonomy": {"requireApproval": ["restart"]}});
    case.policy(eager, asks)?;
    case.start(&App::new("web", CRASHES_WHEN_SICK))?;
    let target = json!({"type": "AverageValue", "averageValue": "4Ki"});
    case.stage.api.apply(&json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": case.namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1, "maxReplicas": 3,
            "metrics": [{"type": "Resource", "resource": {"name": "memory", "target": target}}],
        },
    }))?;
    let autoscaler = case.path("autoscaling/v2", "HorizontalPodAutoscaler", "web");
    let deployment = case.path("apps/v1", "Deployment", "web");
    quiet_until(case, "it is at its maximum", || {
        let status = case.stage.api.get(&autoscaler)?;
        let limited = conditions(&status)
            .find(|c| c["type"] == "ScalingLimited")
            .is_some_and(|c| c["reason"] == "TooManyReplicas");
        let ready = case.ready_pods("web")?.len();
        ensure!(limited && ready == 3, "{ready} are Ready: {status}");
        Ok(())
    })?;
    let fewer = json!({"spec": {"maxReplicas": 1}});
    case.stage.api.merge(&autoscaler, &fewer)?;
    quiet_until(case, "one is left", || {
        let (all, ready) = (case.pods("web")?.len(), case.ready_pods("web")?.len());
        ensure!((all, ready) == (1, 1), "{ready} of {all} are Ready");
        Ok(())
    })?;
    wait::throughout("nothing is said", 8, || quiet(case))?;

    // It fails, a person is asked, and somebody scales it to zero: then there is nothing to be asked any more.
    let pod = case.pods("web")?.pop().context("no pod")?;
    case.sicken(&pod)?;
    case.stands("web", "AwaitingApproval", "ApprovalRequired")?;
    // Alone, or in one message with what else happens.
    case.noted_as_told("web", "AwaitingApproval")?;
    let none = json!({"spec": {"replicas": 0}});
    case.stage.api.merge(&deployment, &none)?;
    case.stands("web", "Resolved", "WorkloadGone")?;
    case.noted_as_told("web", "Resolved")?;
    case.silence(10)?;
    let more = case.incidents()?.len() - 1;
    ensure!(more == 0, "{more} more incidents");
    case.evicted_only(0).map(drop)
}

fn conditions(object: &Value) -> impl Iterator<Item = &Value> {
    let conditions = object.pointer("/status/conditions");
    conditions.and_then(Value::as_array).into_iter().flatten()
}
