//! The agent itself is killed or replaced at the worst moments: never a second act, never a lost one.
use anyhow::{Result, ensure};
use jiff::SignedDuration;
use serde_json::json;

use super::Scenario;
use super::crash::CRASHES_WHEN_DOWN;
use crate::chaos::api;
use crate::chaos::case::Case;
use crate::chaos::gate::{Answer, Gate};
use crate::chaos::objects::{App, CRASHES_WHEN_SICK};

pub(super) const ALL: &[Scenario] = &[
    Scenario::new(
        "killed-in-cooldown",
        &[32],
        "a restart of the agent forgets the cooldown, and it restarts at will",
        in_cooldown,
    )
    .alone(),
    Scenario::new(
        "ledger-lost",
        &[82],
        "somebody deletes the ledger, and the agent thinks that it has never done anything",
        ledger_lost,
    )
    .alone(),
    Scenario::new(
        "killed-before-effect",
        &[29],
        "the agent dies after it has written what it will do: it is never done, or done twice",
        before_the_effect,
    )
    .alone(),
    Scenario::new(
        "killed-after-effect",
        &[30],
        "the agent dies before it has noted what it did, and does it again",
        after_the_effect,
    )
    .alone(),
    Scenario::new(
        "killed-in-verify",
        &[32],
        "the agent dies while it watches whether the mend helped",
        while_verifying,
    )
    .alone(),
    Scenario::new(
        "killed-while-paused",
        &[71],
        "the kill switch is on, the agent restarts, and acts",
        while_paused,
    )
    .alone(),
];

/// A crash loop whose eviction is held at the gate.
pub(super) fn held_at_the_gate(case: &Case<'_>) -> Result<Gate> {
    let gate = Gate::start(Answer::Hold)?;
    case.stage.api.apply(&gate.webhook(&case.namespace))?;
    case.policy(json!({}), json!({}))?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    case.sicken(&pod)?;
    gate.holds_one()?;
    Ok(gate)
}

/// One act, one intent, and a mended workload.
fn mended_by_one_act(case: &Case<'_>) -> Result<()> {
    case.evicted(1)?;
    case.mended("web", 1)?;
    let incident = case.stands("web", "Resolved", "Mended")?;
    let (intents, ends) = (incident.facts_of("intended"), incident.facts_of("ended"));
    ensure!(
        intents.len() == 1 && ends.len() == 1,
        "the record: {intents:?}, {ends:?}"
    );
    ensure!(case.incidents()?.len() == 1, "it became a second incident");
    case.evicted_only(1).map(drop)
}

fn before_the_effect(case: &Case<'_>) -> Result<()> {
    let gate = held_at_the_gate(case)?;
    let incident = case.incident("web")?;
    ensure!(
        incident.facts_of("intended").len() == 1,
        "the act came before the record of its intent"
    );
    let ended = case.agent.kill()?;
    gate.refuse_held()?;
    case.evicted_only(0)?;
    gate.set(Answer::Allow);
    case.agent.back_after(&ended)?;
    mended_by_one_act(case)
}

fn after_the_effect(case: &Case<'_>) -> Result<()> {
    let gate = held_at_the_gate(case)?;
    case.agent.freeze()?;
    gate.set(Answer::Allow);
    case.evicted(1)?;
    case.agent.kill_and_wait()?;
    mended_by_one_act(case)?;
    ensure!(
        gate.arrived() == 1,
        "{} evictions were tried",
        gate.arrived()
    );
    Ok(())
}

fn while_verifying(case: &Case<'_>) -> Result<()> {
    let slowly = json!({"autonomy": {"verify": {"healthyDelay": "25s"}}});
    case.policy(json!({}), slowly)?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    case.sicken(&pod)?;
    case.evicted(1)?;
    case.stands("web", "Verifying", "Verifying")?;
    case.agent.kill_and_wait()?;
    mended_by_one_act(case)
}

fn in_cooldown(case: &Case<'_>) -> Result<()> {
    the_second_act_waits(case, || case.agent.replace())?;
    case.stands("web", "Escalated", "VerifyFailed")?;
    // Killed before that is noted, it rightly tells it after its restart, and at worst once more.
    case.noted_as_told("web", "Escalated")?;
    case.agent.kill_and_wait()?;
    case.silence(20)
}

/// The ledger is rebuilt from the incidents: its loss frees no budget and no cooldown.
fn ledger_lost(case: &Case<'_>) -> Result<()> {
    the_second_act_waits(case, || {
        let ledger = api::path(
            "podmender.io/v1alpha1",
            "Ledger",
            Some(&case.agent.namespace),
        );
        case.stage.api.delete(&format!("{ledger}/podmender"))?;
        case.agent.kill_and_wait()
    })
}

/// Cooldown of a crash loop that a restart does not help, with something that befalls the agent in it.
fn the_second_act_waits(case: &Case<'_>, befall: impl Fn() -> Result<()>) -> Result<()> {
    case.policy(json!({"cooldownPeriod": "60s"}), json!({}))?;
    case.run_one(&App::new("web", CRASHES_WHEN_DOWN), "web")?;
    case.fault("down", true)?;
    case.evicted(1)?;
    case.stands("web", "Detected", "Cooldown")?;
    befall()?;
    let evictions = case.evicted(2)?;
    let [first, second] = evictions.as_slice() else {
        anyhow::bail!("{} evictions", evictions.len())
    };
    let between = second.at.duration_since(first.at);
    // The cooldown is counted from the intent, which is written a moment before the eviction.
    ensure!(
        between >= SignedDuration::from_secs(59),
        "only {between:?} lie between them"
    );
    Ok(())
}

fn while_paused(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({"autonomy": {"paused": true}}))?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    case.sicken(&pod)?;
    case.crashed("web", 2)?;
    case.agent.kill_and_wait()?;
    case.untouched(15)?;
    case.edit_policy(json!({"autonomy": {"paused": false}}))?;
    mended_by_one_act(case)
}
