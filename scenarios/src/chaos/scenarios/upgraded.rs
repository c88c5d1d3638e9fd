//! The agent itself is stopped, upgraded or set up wrongly, as people do it: with a signal, and with helm.
use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Scenario;
use super::killed::held_at_the_gate;
use crate::chaos::agent::Ended;
use crate::chaos::case::{Case, is_ready, text_of, uid_of};
use crate::chaos::gate::Answer;
use crate::chaos::objects::{App, CRASHES_WHEN_SICK};
use crate::chaos::{api, wait};

pub(super) const ALL: &[Scenario] = &[
    Scenario::new(
        "agent-stopped",
        &[37],
        "the agent is told to stop in the middle of a restart: it is done twice, or nobody knows whether it was done",
        stopped,
    )
    .alone(),
    Scenario::new(
        "agent-upgraded",
        &[37],
        "I upgrade the agent while it mends: it forgets what it was doing, or both versions do it",
        upgraded,
    )
    .alone(),
    Scenario::new(
        "agent-misconfigured",
        &[36],
        "a typing error in the agent's own values: it acts on what it did not understand, or is dead and says nothing",
        misconfigured,
    )
    .alone(),
];

/// Told to stop while its eviction is held.
fn stopped(case: &Case<'_>) -> Result<()> {
    let gate = held_at_the_gate(case)?;
    let ended = case.agent.terminate()?;
    gate.set(Answer::Allow);
    case.evicted(1)?;
    case.agent.back_after(&ended)?;
    ended_well(case, &ended)?;
    mended_by_one_act(case)
}

/// The release is upgraded while its eviction is held: the Deployment ends the old pod first, and then makes the new one.
fn upgraded(case: &Case<'_>) -> Result<()> {
    let gate = held_at_the_gate(case)?;
    let old = case.agent.pod()?;
    case.agent.upgrade(&["podAnnotations.release=second"])?;
    wait::eventually("the old agent is told to stop", || {
        let pods = case.agent.pods()?;
        let stays = pods.iter().any(|p| uid_of(p) == uid_of(&old));
        ensure!(!stays, "it runs on");
        Ok(())
    })?;
    gate.set(Answer::Allow);
    case.evicted(1)?;
    wait::eventually("the new agent is Ready", || {
        let new = case.agent.pod()?;
        let release = text_of(&new, "/metadata/annotations/release");
        ensure!(
            release == "second" && is_ready(&new),
            "there is one of release {release:?}"
        );
        Ok(())
    })?;
    mended_by_one_act(case)
}

/// It ended by itself, and was not killed for taking too long.
fn ended_well(case: &Case<'_>, ended: &Ended) -> Result<()> {
    let code = wait::eventually("how it ended", || case.agent.exit_code_of(ended))?;
    ensure!(code == 0, "it ended with {code}");
    Ok(())
}

/// One eviction, of one intent, and a record without a gap. An act that the machine was too slow for (10 s) is given up, and
/// recorded so; then it is intended anew.
fn mended_by_one_act(case: &Case<'_>) -> Result<()> {
    let incident = case.stands("web", "Resolved", "Mended")?;
    let actions = |facts: &[&Value]| -> BTreeSet<String> {
        let action = |f: &&Value| f["action"].as_str().unwrap_or_default().to_owned();
        facts.iter().map(action).collect()
    };
    let (intents, ends) = (incident.facts_of("intended"), incident.facts_of("ended"));
    ensure!(
        intents.len() == ends.len() && actions(&intents) == actions(&ends),
        "the record: {intents:?}, {ends:?}"
    );
    let executed = ends.iter().filter(|f| f["outcome"]["type"] == "Executed");
    ensure!(executed.count() == 1, "not one was executed: {ends:?}");
    ensure!(incident.facts_of("detected").len() == 1, "detected again");
    case.told("Resolved")?;
    ensure!(case.incidents()?.len() == 1, "it became a second incident");
    case.evicted_only(1).map(drop)
}

/// What the chart can know to be wrong is not installed; with the rest the agent ends before it does anything, says why, and the
/// kubelet and the Deployment do what they do with any program. Mended, it goes on.
fn misconfigured(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;

    let refused = case.agent.upgrade(&["rbac.namespaces={kube-system}"]);
    let said = refused.err().context("the chart takes kube-system")?;
    let said = format!("{said:#}");
    ensure!(said.contains("belongs to the cluster"), "helm says: {said}");

    case.agent.upgrade(&["bindAddress=nowhere"])?;
    wait::eventually("the agent is in a crash loop, and says why", || {
        let agent = case.agent.pod()?;
        let status = agent.pointer("/status/containerStatuses/0");
        let status = status.context("no status")?;
        let (waits, last) = (
            text_of(status, "/state/waiting/reason"),
            status.pointer("/lastState/terminated"),
        );
        let last = last.context("it has not ended")?;
        let said = text_of(last, "/message");
        ensure!(
            waits == "CrashLoopBackOff"
                && last["exitCode"] == 2
                && said.contains("--bind")
                && said.contains("0.0.0.0:8080"),
            "{status}"
        );
        Ok(())
    })?;
    let did = || {
        let deeds = case.stage.deeds.all()?;
        let ours = deeds.iter().filter(|d| d.agent == case.agent.namespace);
        anyhow::Ok(ours.count())
    };
    let before = did()?;
    case.sicken(&pod)?;
    case.crashed("web", 2)?;
    let deployments = api::path("apps/v1", "Deployment", Some(&case.agent.namespace));
    wait::eventually("the Deployment says so", || {
        let deployment = case.stage.api.get(&format!("{deployments}/podmender"))?;
        let conditions = deployment.pointer("/status/conditions");
        let mut conditions = conditions.and_then(Value::as_array).into_iter().flatten();
        let is = conditions.any(|c| c["type"] == "Available" && c["status"] == "False");
        ensure!(is, "it is available");
        Ok(())
    })?;
    let more = did()? - before;
    ensure!(more == 0, "it has changed {more} things");

    // Nothing depends on what is logged: this is said, and no more.
    case.agent
        .upgrade(&["bindAddress=0.0.0.0", "logLevel=podmender=loud"])?;
    case.agent.ready()?;
    let log = case.agent.log();
    ensure!(
        log.contains("the log filter cannot be read"),
        "it does not say what it makes of the filter: {log}"
    );
    case.evicted(1)?;
    case.stands("web", "Resolved", "Mended")?;
    case.evicted_only(1).map(drop)
}
