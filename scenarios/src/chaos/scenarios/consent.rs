//! Pause and opt-out: honoured within 5 s, on and off, by whatever way they are said.
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Scenario;
use crate::chaos::case::Case;
use crate::chaos::objects::{App, CRASHES_WHEN_SICK};

pub(super) const ALL: &[Scenario] = &[
    Scenario::new(
        "pause-policy",
        &[71],
        "the kill switch does not stop it",
        policy,
    ),
    Scenario::new(
        "pause-workload",
        &[71],
        "I debug a pod, and the agent takes it away",
        workload,
    ),
    Scenario::new(
        "pause-namespace",
        &[71],
        "we migrate a namespace, and the agent interferes",
        namespace,
    ),
    Scenario::new(
        "opt-out",
        &[],
        "the agent touches, or talks about, what I told it to leave alone",
        opt_out,
    ),
];

/// Within this time a pause must be honoured.
const PROMISED: u64 = 5;

/// Pause, let the promised time go by, break it, see that nothing is done, lift the pause, see it mended.
fn honoured(
    case: &Case<'_>,
    reason: Option<&str>,
    switch: impl Fn(bool) -> Result<()>,
) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    switch(true)?;
    case.untouched(PROMISED)?;
    case.sicken(&pod)?;
    case.crashed("web", 2)?;
    case.untouched(10)?;
    match reason {
        Some(reason) => case.stands("web", "Detected", reason).map(drop)?,
        None => ensure!(
            case.incidents()?.is_empty() && case.alerts().is_empty(),
            "it is an incident all the same"
        ),
    }
    switch(false)?;
    case.evicted(1)?;
    case.mended("web", 1)?;
    case.stands("web", "Resolved", "Mended").map(drop)
}

/// Sets an annotation to `value`, or removes it.
fn annotate(case: &Case<'_>, path: &str, key: &str, value: Option<&str>) -> Result<()> {
    let patch =
        json!({"metadata": {"annotations": {key: value.map_or(Value::Null, |v| json!(v))}}});
    case.stage.api.merge(path, &patch).map(drop)
}

fn policy(case: &Case<'_>) -> Result<()> {
    honoured(case, Some("Paused"), |paused| {
        case.edit_policy(json!({"autonomy": {"paused": paused}}))
    })
}

fn workload(case: &Case<'_>) -> Result<()> {
    let path = case.path("apps/v1", "Deployment", "web");
    honoured(case, Some("WorkloadPaused"), |paused| {
        annotate(case, &path, "podmender.io/paused", paused.then_some("true"))
    })
}

fn namespace(case: &Case<'_>) -> Result<()> {
    let path = format!("/api/v1/namespaces/{}", case.namespace);
    honoured(case, Some("WorkloadPaused"), |paused| {
        annotate(case, &path, "podmender.io/paused", paused.then_some("true"))
    })
}

fn opt_out(case: &Case<'_>) -> Result<()> {
    let path = case.path("apps/v1", "Deployment", "web");
    honoured(case, None, |out| {
        annotate(case, &path, "podmender.io/enabled", out.then_some("false"))
    })
}
