//! Kinds of owner: where an eviction would destroy, or where somebody else counts the failures, nothing is done.
use anyhow::{Result, ensure};
use serde_json::json;

use super::Scenario;
use crate::chaos::case::{Case, uid_of};
use crate::chaos::objects::{App, CRASHES_WHEN_SICK};
use crate::chaos::wait;

pub(super) const ALL: &[Scenario] = &[
    Scenario::new(
        "bare-pod",
        &[88],
        "the agent evicts a pod that nothing brings back",
        bare_pod,
    ),
    Scenario::new(
        "statefulset-asks",
        &[91],
        "the agent restarts my database by itself",
        statefulset,
    ),
    Scenario::new(
        "daemonset",
        &[90],
        "the agent on each node is restarted everywhere at once",
        daemonset,
    ),
    Scenario::new(
        "job-fails",
        &[89],
        "a Job that retries by itself is fought over",
        job,
    ),
];

fn bare_pod(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK).kind("Pod"), "web")?;
    case.sicken(&pod)?;
    case.stands("web", "Escalated", "BarePod")?;
    case.handed_over()?;
    case.silence(15)?;
    case.evicted_only(0)?;
    let stays = case.pods("web")?.iter().any(|p| uid_of(p) == uid_of(&pod));
    ensure!(stays, "the pod is gone");
    Ok(())
}

fn statefulset(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let pod = case.run_one(
        &App::new("web", CRASHES_WHEN_SICK).kind("StatefulSet"),
        "web",
    )?;
    case.sicken(&pod)?;
    case.stands("web", "AwaitingApproval", "ApprovalRequired")?;
    case.told("AwaitingApproval")?;
    case.silence(15)?;
    case.evicted_only(0).map(drop)
}

fn daemonset(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK).kind("DaemonSet"), "web")?;
    case.sicken(&pod)?;
    case.evicted(1)?;
    case.mended("web", 1)?;
    case.stands("web", "Resolved", "Mended")?;
    case.evicted_only(1).map(drop)
}

fn job(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let import = App::new("web", "echo 'import failed: no such table' >&2; exit 2")
        .kind("Job")
        .pod(json!({"restartPolicy": "Never"}));
    case.start(&import)?;
    let early = wait::eventually("the first failure", || {
        let pods = case.pods("web")?;
        ensure!(
            pods.iter()
                .any(|p| p.pointer("/status/phase") == Some(&json!("Failed"))),
            "none failed"
        );
        case.incidents()
    })?;
    let told_early = early.iter().any(|i| i.failure() != "JobFailed");
    ensure!(
        !told_early,
        "a retry within the backoffLimit is an incident"
    );
    let incident = case.stands("web", "Escalated", "OwnedByJob")?;
    incident.fails_with(&["JobFailed"])?;
    case.handed_over()?;
    case.silence(10)?;
    case.evicted_only(0).map(drop)
}
