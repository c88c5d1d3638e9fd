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
    Scenario::new(
        "job-kinds",
        &[89],
        "one index of a Job fails, or the Job of a CronJob, and nobody is told, or the agent fights over it",
        job_kinds,
    ),
    Scenario::new(
        "update-strategies",
        &[90, 91],
        "a rollout that waits for somebody to delete pods is never over, and so its pods are never mended",
        update_strategies,
    ),
    Scenario::new(
        "quota-full",
        &[81],
        "the pod was restarted, the quota refuses the new one, and nobody says why",
        quota_full,
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

/// Two indexes, one of which fails for good; and the Job of a CronJob.
fn job_kinds(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let never = json!({"restartPolicy": "Never"});
    let script = "[ $JOB_COMPLETION_INDEX = 0 ] && exit 0; echo 'no such table' >&2; exit 2";
    let import = App::new("import", script).kind("Job").pod(never.clone());
    case.start(&import.spec(json!({
        "completionMode": "Indexed", "completions": 2, "parallelism": 2,
        "backoffLimit": 100, "backoffLimitPerIndex": 1,
    })))?;

    let nightly = App::new("nightly", "echo 'disk full' >&2; exit 3").kind("Job");
    let mut once = case.object(&nightly.pod(never));
    // Never due: its Job is made as `kubectl create job --from` does it.
    let cron = case.stage.api.apply(&json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "nightly", "namespace": case.namespace},
        "spec": {"schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": {"spec": once["spec"]}},
    }))?;
    once["metadata"]["name"] = json!("nightly-1");
    once["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": uid_of(&cron), "controller": true,
    }]);
    case.stage.api.apply(&once)?;

    for workload in ["import", "nightly"] {
        let incident = case.stands(workload, "Escalated", "OwnedByJob")?;
        incident.fails_with(&["JobFailed"])?;
        wait::eventually("the alert", || {
            let alerts = case.alerts();
            let told = alerts.iter().any(|a| a.body.to_string().contains(workload));
            ensure!(told, "nobody was told of {workload}");
            Ok(())
        })?;
    }
    let all = case.incidents()?.len();
    ensure!(all == 2, "{all} incidents of two failures");
    case.silence(10)?;
    case.evicted_only(0).map(drop)
}

/// Both have a newer template that reaches no pod by itself: a rollout that is not under way, and never over.
fn update_strategies(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({"autonomy": {"level": "autonomous"}}))?;
    // A StatefulSet's new pod has the name of the old one, and another UID.
    let uid = json!({"name": "UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}});
    let sick = CRASHES_WHEN_SICK.replace("$HOSTNAME", "$UID");
    let app = |name| App::new(name, &sick).container(json!({"env": [uid]}));
    let logs = app("logs")
        .kind("DaemonSet")
        .spec(json!({"updateStrategy": {"type": "OnDelete"}}));
    let partition = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
    let db = app("db")
        .kind("StatefulSet")
        .spec(json!({"updateStrategy": partition}));
    let [log, row] = case.run_both([&logs, &db], ["logs", "db"])?;
    let newer =
        json!({"spec": {"template": {"metadata": {"annotations": {"example.org/release": "2"}}}}});
    for (kind, name) in [("DaemonSet", "logs"), ("StatefulSet", "db")] {
        let path = case.path("apps/v1", kind, name);
        case.stage.api.merge(&path, &newer)?;
        wait::eventually("the newer revision is known", || {
            let now = case.stage.api.get(&path)?;
            let generation = now.pointer("/metadata/generation");
            let seen = now.pointer("/status/observedGeneration");
            ensure!(seen == generation, "{seen:?} of {generation:?}");
            Ok(())
        })?;
    }
    for pod in [&log, &row] {
        case.fault(&format!("sick-{}", uid_of(pod)), true)?;
    }
    let evictions = case.evicted(2)?;
    for pod in [&log, &row] {
        let is_it = evictions
            .iter()
            .any(|e| e.uid.as_deref() == Some(uid_of(pod)));
        ensure!(is_it, "another pod was evicted");
    }
    for workload in ["logs", "db"] {
        case.stands(workload, "Resolved", "Mended")?;
    }
    case.evicted_only(2).map(drop)
}

/// Lowered below what runs: an eviction leaves nothing.
fn quota_full(case: &Case<'_>) -> Result<()> {
    let soon = json!({"autonomy": {"verify": {"deadline": "30s"}}});
    case.policy(json!({}), soon)?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    case.stage.api.apply(&json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "few", "namespace": case.namespace}, "spec": {"hard": {"pods": "0"}},
    }))?;
    let quota = case.path("v1", "ResourceQuota", "few");
    wait::eventually("the quota counts", || {
        let hard = case
            .stage
            .api
            .get(&quota)?
            .pointer("/status/hard/pods")
            .cloned();
        ensure!(hard == Some(json!("0")), "it allows {hard:?}");
        Ok(())
    })?;
    case.sicken(&pod)?;
    case.evicted(1)?;
    let incident = case.stands("web", "Escalated", "VerifyFailed")?;
    ensure!(
        incident.message().contains("exceeded quota: few"),
        "it says: {}",
        incident.message()
    );
    let alert = case.handed_over()?;
    ensure!(
        alert.is_digest() || alert.text("text").contains("exceeded quota: few"),
        "people were told: {}",
        alert.text("text")
    );
    case.silence(15)?;
    case.evicted_only(1).map(drop)
}
