//! Crash loops: mended where a restart helps, handed over where it does not.
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Scenario;
use crate::chaos::case::Case;
use crate::chaos::objects::{App, CRASHES_WHEN_SICK};
use crate::chaos::wait;

pub(super) const ALL: &[Scenario] = &[
    Scenario::new(
        "crash-dependency",
        &[],
        "the database was away for a minute, and the service sits in its back-off for five more",
        back_with_its_dependency,
    )
    .on_probation(),
    Scenario::new(
        "crash-hopeless",
        &[110],
        "the agent restarts a broken service for ever, and wakes me up each time",
        given_up_after_two,
    ),
    Scenario::new(
        "crash-budget",
        &[110],
        "the agent restarts more often than I allowed",
        given_up_within_the_budget,
    ),
    Scenario::new(
        "crash-new-revision",
        &[102],
        "a bad release is restarted again and again, which only hides it",
        a_bad_release_is_a_persons,
    ),
    Scenario::new(
        "crash-restart",
        &[96],
        "a pod whose local state is corrupt crash-loops all night although a new pod would run",
        mended_by_a_new_pod,
    ),
];

/// Runs until the file `/world/down` appears, in every pod.
pub(super) const CRASHES_WHEN_DOWN: &str =
    "until [ -e /world/down ]; do sleep 0.3; done; echo 'fatal: cannot go on' >&2; exit 1";

const DEPENDENCY: &str =
    "mkdir -p /tmp/www; echo ok > /tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www";
const DEPENDANT: &str = "while wget -q -O /dev/null http://$DB_SERVICE_HOST:8080/; do sleep 1; done; \
     echo 'fatal: dial tcp db:8080: connect: connection refused' >&2; exit 1";

fn mended_by_a_new_pod(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    case.sicken(&pod)?;
    case.evicted(1, 40)?;
    case.mended("web", 1, 30)?;
    let incident = case.stands("web", "Resolved", "Mended", 30)?;
    incident.fails_with(&["CrashLoopBackOff", "Error"])?;
    case.told("Resolved", 10)?;
    case.evicted(1, 0).map(drop)
}

/// The first restart comes too early; while the database is repaired the agent is told to wait; the second restart cuts the
/// kubelet's back-off short.
fn back_with_its_dependency(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    case.stage.api.apply(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "db", "namespace": case.namespace},
        "spec": {"selector": {"app": "db"}, "ports": [{"port": 8080}]},
    }))?;
    case.run_one(&App::new("db", DEPENDENCY), "db")?;
    case.run_one(&App::new("web", DEPENDANT), "web")?;
    let change = |deployment: &str, patch: Value| {
        let path = case.path("apps/v1", "Deployment", deployment);
        case.stage.api.merge(&path, &patch)
    };
    let pause = |value: Value| {
        let patch = json!({"metadata": {"annotations": {"podmender.io/paused": value}}});
        change("web", patch)
    };
    change("db", json!({"spec": {"replicas": 0}}))?;
    case.evicted(1, 60)?;
    pause(json!("true"))?;
    case.crashed("web", 3, 120)?;
    change("db", json!({"spec": {"replicas": 1}}))?;
    wait::until("the database is back", 20, || {
        case.ready_pods("db")?.pop().context("it is not Ready")
    })?;
    pause(Value::Null)?;
    case.evicted(2, 15)?;
    case.mended("web", 1, 20)?;
    let incident = case.stands("web", "Resolved", "Mended", 30)?;
    let verdicts: Vec<Option<&str>> = incident
        .facts_of("verified")
        .iter()
        .map(|f| f.get("verdict").and_then(Value::as_str))
        .collect();
    ensure!(
        verdicts == [Some("Relapsed"), Some("Recovered")],
        "the verdicts are {verdicts:?}"
    );
    let logs = incident.0.to_string().contains("connection refused");
    ensure!(logs, "the incident does not show the log line that matters");
    ensure!(
        case.incidents()?.len() == 1,
        "the dependency that was scaled down is no incident"
    );
    Ok(())
}

fn given_up_after_two(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    case.run_one(&App::new("web", CRASHES_WHEN_DOWN), "web")?;
    case.fault("down", true)?;
    case.stands("web", "Escalated", "VerifyFailed", 120)?;
    case.evicted(2, 5)?;
    case.handed_over(10)?;
    case.silence(40)
}

fn given_up_within_the_budget(case: &Case<'_>) -> Result<()> {
    case.policy(json!({"maxRestarts": 1}), json!({}))?;
    case.run_one(&App::new("web", CRASHES_WHEN_DOWN), "web")?;
    case.fault("down", true)?;
    case.stands("web", "Escalated", "BudgetSpent", 90)?;
    case.evicted(1, 5)?;
    case.handed_over(10)?;
    case.silence(30)?;
    // It mends itself: people are told, once, and nothing else happens.
    case.fault("down", false)?;
    case.stands("web", "Resolved", "RecoveredByItself", 150)
        .or_else(|_| case.stands("web", "Resolved", "Mended", 1))?;
    case.told("Resolved", 10).map(drop)
}

fn a_bad_release_is_a_persons(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    // With a readiness probe, so that no revision counts as rolled out before it serves.
    let release = |script| App::new("web", script).probe("readinessProbe", "true");
    case.run_one(&release(CRASHES_WHEN_SICK), "web")?;
    case.start(&release("echo 'panic: bad release' >&2; exit 1"))?;
    case.crashed("web", 2, 60)?;
    let incident = case.stands("web", "Escalated", "RestartCannotHelp", 30)?;
    let onset = incident.0.pointer("/status/diagnosis/onset").cloned();
    ensure!(
        onset == Some(json!("NewRevision")),
        "its onset is {onset:?}"
    );
    case.handed_over(10)?;
    case.untouched(15)?;
    let old = wait::until("the old revision serves on", 5, || {
        case.ready_pods("web")?.pop().context("nothing is Ready")
    })?;
    let restarts = old.pointer("/status/containerStatuses/0/restartCount");
    ensure!(restarts == Some(&json!(0)), "the old pod was restarted");
    Ok(())
}
