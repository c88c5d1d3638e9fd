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
    ),
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

/// Serves, says so in `/world/serves`, and is away while there is `/world/away`; the pod runs on all the time.
const DEPENDENCY: &str = "mkdir -p /tmp/www; echo ok > /tmp/www/index.html
while :; do
    httpd -f -p 8080 -h /tmp/www &
    until wget -q -O /dev/null http://127.0.0.1:8080/; do sleep 0.2; done
    touch /world/serves
    until [ -e /world/away ]; do sleep 0.3; done
    kill $!; wait $!; rm /world/serves
    while [ -e /world/away ]; do sleep 0.3; done
done";
/// Ends as soon as the database does not answer twice in a row. Only before it has ever answered, it waits: until then the
/// Service itself may not be known everywhere.
const DEPENDANT: &str = "asks() { timeout 20 wget -q -O /dev/null http://$DB_SERVICE_HOST:8080/; }
[ -e /world/met ] || until asks; do sleep 1; done
touch /world/met
while asks || { sleep 1; asks; }; do sleep 1; done
echo 'fatal: dial tcp db:8080: connect: connection refused' >&2; exit 1";

fn mended_by_a_new_pod(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    case.sicken(&pod)?;
    case.evicted(1)?;
    case.mended("web", 1)?;
    let incident = case.stands("web", "Resolved", "Mended")?;
    incident.fails_with(&["CrashLoopBackOff", "Error"])?;
    case.told("Resolved")?;
    case.evicted_only(1).map(drop)
}

/// The first restart comes too early; while the database is repaired the agent is told to wait; the second restart cuts the
/// kubelet's back-off short.
fn back_with_its_dependency(case: &Case<'_>) -> Result<()> {
    // Time enough to tell it to wait, and over when the third back-off (40 s) begins.
    case.policy(json!({"cooldownPeriod": "20s"}), json!({}))?;
    case.stage.api.apply(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "db", "namespace": case.namespace},
        "spec": {"selector": {"app": "db"}, "ports": [{"port": 8080}]},
    }))?;
    let serves = |does: bool| {
        wait::eventually("the database", || {
            ensure!(case.is_in_world("serves") == does, "serves: {}", !does);
            Ok(())
        })
    };
    case.run_one(&App::new("db", DEPENDENCY), "db")?;
    serves(true)?;
    case.run_one(&App::new("web", DEPENDANT), "web")?;
    let path = case.path("apps/v1", "Deployment", "web");
    let pause = |value: Value| {
        let patch = json!({"metadata": {"annotations": {"podmender.io/paused": value}}});
        case.stage.api.merge(&path, &patch)
    };
    case.fault("away", true)?;
    serves(false)?;
    case.evicted(1)?;
    pause(json!("true"))?;
    case.crashed("web", 3)?;
    case.fault("away", false)?;
    serves(true)?;
    pause(Value::Null)?;
    case.evicted(2)?;
    case.mended("web", 1)?;
    let incident = case.stands("web", "Resolved", "Mended")?;
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
        "the dependency is an incident, too"
    );
    Ok(())
}

fn given_up_after_two(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    case.run_one(&App::new("web", CRASHES_WHEN_DOWN), "web")?;
    case.fault("down", true)?;
    case.stands("web", "Escalated", "VerifyFailed")?;
    case.evicted(2)?;
    case.handed_over()?;
    case.silence(40)
}

fn given_up_within_the_budget(case: &Case<'_>) -> Result<()> {
    case.policy(json!({"maxRestarts": 1}), json!({}))?;
    case.run_one(&App::new("web", CRASHES_WHEN_DOWN), "web")?;
    case.fault("down", true)?;
    case.stands("web", "Escalated", "BudgetSpent")?;
    case.evicted(1)?;
    case.handed_over()?;
    case.silence(30)?;
    // It mends itself: people are told, once, and nothing else happens.
    case.fault("down", false)?;
    wait::eventually("the incident's end", || {
        let incident = case.incident("web")?;
        let by_itself = incident.stands("Resolved", "RecoveredByItself");
        by_itself.or_else(|_| incident.stands("Resolved", "Mended"))
    })?;
    case.told("Resolved").map(drop)
}

fn a_bad_release_is_a_persons(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    // With a readiness probe, so that no revision counts as rolled out before it serves: one that begins later than the bad
    // release ends, however slowly that ends.
    let release = |script| {
        App::new("web", script)
            .probe("readinessProbe", "true")
            .container(json!({"readinessProbe": {"initialDelaySeconds": 8}}))
    };
    case.run_one(&release(CRASHES_WHEN_SICK), "web")?;
    case.start(&release("echo 'panic: bad release' >&2; exit 1"))?;
    case.crashed("web", 2)?;
    let incident = case.stands("web", "Escalated", "RestartCannotHelp")?;
    let onset = incident.0.pointer("/status/diagnosis/onset").cloned();
    ensure!(
        onset == Some(json!("NewRevision")),
        "its onset is {onset:?}"
    );
    case.handed_over()?;
    case.untouched(15)?;
    let old = wait::eventually("the old revision serves on", || {
        case.ready_pods("web")?.pop().context("nothing is Ready")
    })?;
    let restarts = old.pointer("/status/containerStatuses/0/restartCount");
    ensure!(restarts == Some(&json!(0)), "the old pod was restarted");
    Ok(())
}
