//! Where a person has the last word: approvals, the observe level, two policies, a disruption budget.
use anyhow::{Result, ensure};
use serde_json::json;

use super::Scenario;
use super::crash::CRASHES_WHEN_DOWN;
use crate::chaos::case::{Case, name_of, uid_of};
use crate::chaos::gate::{Answer, Gate};
use crate::chaos::incident::Incident;
use crate::chaos::objects::{App, CRASHES_WHEN_SICK, LIVES};

pub(super) const ALL: &[Scenario] = &[
    Scenario::new(
        "approve",
        &[34],
        "the agent acts before I said yes, or does nothing after it",
        approved,
    ),
    Scenario::new("deny", &[], "the agent asks again after I said no", denied),
    Scenario::new(
        "observe",
        &[],
        "the trial run that was only to look changes something",
        observed,
    ),
    Scenario::new(
        "two-policies",
        &[69],
        "a second policy loosens what the first forbids",
        the_stricter_counts,
    ),
    Scenario::new(
        "disruption-budget",
        &[7, 105],
        "the agent gets round a PodDisruptionBudget by deleting the pod",
        a_budget_holds,
    ),
    Scenario::new(
        "disruption-budget-unhealthy",
        &[105],
        "the budget lets broken pods go, and the agent asks all the same; or it does not, and the agent takes them",
        broken_pods_and_budgets,
    ),
    Scenario::new(
        "admission-denies",
        &[80],
        "our admission policy forbids it, and the agent tries again and again",
        admission_denies,
    ),
    Scenario::new(
        "policy-deleted",
        &[70],
        "I deleted the policy, and the agent goes on",
        the_policy_is_deleted,
    ),
];

/// A crash loop under a policy that wants a restart approved; returns the incident that asks.
fn asked(case: &Case<'_>) -> Result<Incident> {
    let fields = json!({"autonomy": {"requireApproval": ["restart"]}});
    case.policy(json!({}), fields)?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    case.sicken(&pod)?;
    let incident = case.stands("web", "AwaitingApproval", "ApprovalRequired")?;
    let alert = case.told("AwaitingApproval")?;
    let how = format!("approve {}", incident.name());
    ensure!(
        alert.is_digest() || alert.body.to_string().contains(&how),
        "the alert does not say how to answer"
    );
    case.untouched(10)?;
    Ok(incident)
}

fn approved(case: &Case<'_>) -> Result<()> {
    let incident = asked(case)?;
    let answer = ["approve", incident.name(), "-n", &case.namespace];
    case.stage.podmender(&answer)?;
    case.evicted(1)?;
    case.mended("web", 1)?;
    let incident = case.stands("web", "Resolved", "Mended")?;
    ensure!(
        incident.facts_of("answered").len() == 1,
        "the answer is not in the record"
    );
    // A used approval counts for nothing more: the same answer again is refused, and nothing is done.
    let again = case.stage.podmender(&answer);
    ensure!(
        again.is_err(),
        "a second approval of a resolved incident was taken"
    );
    case.evicted_only(1).map(drop)
}

fn denied(case: &Case<'_>) -> Result<()> {
    let incident = asked(case)?;
    case.stage
        .podmender(&["deny", incident.name(), "-n", &case.namespace])?;
    case.stands("web", "Escalated", "Denied")?;
    case.untouched(25)?;
    case.evicted_only(0).map(drop)
}

fn observed(case: &Case<'_>) -> Result<()> {
    let fields = json!({"autonomy": {"level": "observe"}});
    case.policy(json!({}), fields)?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    case.sicken(&pod)?;
    let incident = case.stands("web", "Detected", "Observing")?;
    let says = format!("would have evicted pod {}", name_of(&pod));
    ensure!(
        incident.message().contains(&says),
        "it says: {}",
        incident.message()
    );
    ensure!(
        incident.facts_of("wouldHave").len() == 1,
        "the record does not have it once"
    );
    case.untouched(20)?;
    let same = case.incident("web")?.facts_of("wouldHave").len() == 1;
    ensure!(same, "the record repeats itself");
    case.evicted_only(0).map(drop)
}

fn the_stricter_counts(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({"autonomy": {"level": "autonomous"}}))?;
    let second = format!("{}-strict", case.namespace);
    let observe = json!({"autonomy": {"level": "observe"}});
    case.policy_named(&second, json!({}), observe)?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    case.sicken(&pod)?;
    case.stands("web", "Detected", "Observing")?;
    case.untouched(15)?;
    case.stage.api.delete(&case.agent.policy_path(&second))?;
    case.evicted(1)?;
    case.mended("web", 1)
}

fn a_budget_holds(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    case.stage.api.apply(&json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": case.namespace},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }))?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    case.sicken(&pod)?;
    case.stands("web", "Escalated", "DisruptionBudget")?;
    case.handed_over()?;
    case.silence(20)?;
    // No delete instead of the eviction: the oracle at the end would find it, too.
    case.evicted_only(0)?;
    let pods = case.pods("web")?;
    ensure!(
        pods.iter().any(|p| name_of(p) == name_of(&pod)),
        "the pod is gone"
    );
    Ok(())
}

/// Neither budget has an eviction left. One lets go of pods that are not Ready, the other one only while enough others are.
fn broken_pods_and_budgets(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let names = ["free", "kept"];
    for (name, policy) in names.iter().zip(["AlwaysAllow", "IfHealthyBudget"]) {
        case.stage.api.apply(&json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": name, "namespace": case.namespace},
            "spec": {
                "minAvailable": 1, "selector": {"matchLabels": {"app": name}},
                "unhealthyPodEvictionPolicy": policy,
            },
        }))?;
    }
    // It runs on and is not Ready: a crash loop is Ready for a moment with each run.
    let apps = names.map(|name| {
        App::new(name, LIVES).probe("readinessProbe", "test ! -e /world/sick-$HOSTNAME")
    });
    let [free, kept] = case.run_both([&apps[0], &apps[1]], names)?;
    case.sicken(&free)?;
    case.sicken(&kept)?;
    case.stands("kept", "Escalated", "DisruptionBudget")?;
    let evictions = case.evicted(1)?;
    ensure!(
        evictions[0].uid.as_deref() == Some(uid_of(&free)),
        "another pod was evicted"
    );
    case.stands("free", "Resolved", "Mended")?;
    let pods = case.pods("kept")?;
    let stays = pods.iter().any(|p| uid_of(p) == uid_of(&kept));
    ensure!(stays, "the pod is gone");
    case.evicted_only(1).map(drop)
}

fn admission_denies(case: &Case<'_>) -> Result<()> {
    let gate = Gate::start(Answer::Deny)?;
    case.stage.api.apply(&gate.webhook(&case.namespace))?;
    case.policy(json!({}), json!({}))?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    case.sicken(&pod)?;
    case.stands("web", "Escalated", "Refused")?;
    case.handed_over()?;
    case.silence(20)?;
    ensure!(
        gate.arrived() == 1,
        "{} evictions were tried",
        gate.arrived()
    );
    Ok(())
}

fn the_policy_is_deleted(case: &Case<'_>) -> Result<()> {
    case.policy(json!({"cooldownPeriod": "40s"}), json!({}))?;
    case.run_one(&App::new("web", CRASHES_WHEN_DOWN), "web")?;
    case.fault("down", true)?;
    case.evicted(1)?;
    case.stands("web", "Detected", "Cooldown")?;
    let policy = case.agent.policy_path(&case.namespace);
    case.stage.api.delete(&policy)?;
    case.untouched(45)?;
    case.policy(json!({"cooldownPeriod": "40s"}), json!({}))?;
    case.evicted(2).map(drop)
}
