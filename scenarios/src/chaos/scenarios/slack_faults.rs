//! The agent, Slack or its users get in the way of the loop: whatever is lost, nothing is done twice, and nothing hangs on Slack.
use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::Scenario;
use super::slack::{asked, done_once};
use crate::chaos::case::Case;
use crate::chaos::channel::APPROVE;
use crate::chaos::gate::{Answer, Gate, Guarded};
use crate::chaos::objects::{App, CRASHES_WHEN_SICK};
use crate::chaos::wait;
use crate::slack::fault::Fault;
use crate::slack::people::user_id;

pub(super) const ALL: &[Scenario] = &[
    Scenario::new(
        "slack-killed",
        &[34],
        "the agent dies just as I press: my answer is lost, or the restart is done twice",
        killed,
    )
    .alone(),
    Scenario::new(
        "slack-killed-noting",
        &[31, 33],
        "the agent dies before it has noted that it asked me, or what I answered: nobody is asked any more, or my press counts for ever",
        killed_noting,
    )
    .alone(),
    Scenario::new(
        "slack-killed-telling",
        &[31],
        "it is done, the agent dies before it says so, and the card asks me still",
        killed_telling,
    )
    .alone(),
    Scenario::new(
        "slack-down",
        &[51],
        "Slack is down, and so nothing is mended",
        slack_is_down,
    )
    .alone(),
    Scenario::new(
        "slack-rough",
        &[50],
        "the token was revoked, Slack has enough of us, or somebody deletes the card: nothing is mended, or nobody is told ever again",
        rough,
    )
    .alone(),
];

/// Waits for a socket beyond so many: the agent that was killed is back.
fn back(case: &Case<'_>, sockets: u64) -> Result<()> {
    wait::until("the agent listens again", 60, || {
        ensure!(case.slack().joined() > sockets, "no new socket");
        Ok(())
    })
}

/// Killed with the press unread, and again between the record and the act.
fn killed(case: &Case<'_>) -> Result<()> {
    let gate = Gate::start(Answer::Hold)?;
    case.stage.api.apply(&gate.webhook(&case.namespace))?;
    let card = asked(case, json!({}))?;
    let slack = case.slack();
    case.agent.freeze()?;
    let pressed = case.click("ada", &card, APPROVE)?;
    let sockets = slack.joined();
    case.agent.kill()?;
    back(case, sockets)?;
    ensure!(gate.arrived() == 0, "nobody has read the press");
    for id in &pressed {
        slack.redeliver(id)?;
    }
    gate.holds_one(20)?;
    let sockets = slack.joined();
    case.agent.kill()?;
    gate.refuse_held()?;
    gate.set(Answer::Allow);
    back(case, sockets)?;
    // The press comes once more: it was counted already.
    for id in &pressed {
        slack.redeliver(id)?;
    }
    done_once(case, "ada")?;
    let after = case.card("web", &user_id("ada"), 10)?;
    ensure!(after.ts == card.ts, "it became a second card");
    ensure!(case.approvals()?.len() <= 1, "it was recorded twice");
    case.untouched(5)
}

/// Killed with the card posted and not noted; then with the press acknowledged and not written down.
fn killed_noting(case: &Case<'_>) -> Result<()> {
    let gate = Gate::start(Answer::Hold)?;
    let webhook = gate.in_front_of(Guarded::Answers, &case.namespace);
    case.stage.api.apply(&webhook)?;
    let slack = case.slack();
    listens(case)?;
    case.policy_with_slack(json!({}), json!({}))?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    slack.order(Fault::HeldBack);
    case.sicken(&pod)?;
    case.card("web", "", 40)?;
    let sockets = slack.joined();
    case.agent.kill()?;
    slack.behave();
    back(case, sockets)?;
    // Nobody can know of the first card: there is a second one, and never none.
    let card = case.card("web", "Needs your answer", 60)?;
    ensure!(case.cards()?.len() <= 2, "there are more than two cards");

    case.click("ada", &card, APPROVE)?;
    gate.holds_one(20)?;
    case.acknowledged()?;
    let sockets = slack.joined();
    case.agent.kill()?;
    gate.refuse_held()?;
    gate.set(Answer::Allow);
    back(case, sockets)?;
    // Slack does not bring again what was acknowledged: the person sees that nothing came of it.
    let card = case.card("web", "Needs your answer", 10)?;
    ensure!(case.approvals()?.is_empty(), "it was recorded");
    case.evicted(0, 0)?;
    case.click("ada", &card, APPROVE)?;
    done_once(case, "ada")?;
    case.card("web", &user_id("ada"), 10)?;
    ensure!(case.cards()?.len() <= 2, "there are more than two cards");
    ensure!(case.approvals()?.len() == 1, "it was recorded twice");
    case.untouched(5)
}

/// Killed when it is done and noted, and the card does not say so yet.
fn killed_telling(case: &Case<'_>) -> Result<()> {
    let gate = Gate::start(Answer::Hold)?;
    case.stage.api.apply(&gate.webhook(&case.namespace))?;
    let card = asked(case, json!({}))?;
    case.click("ada", &card, APPROVE)?;
    gate.holds_one(20)?;
    case.slack().order(Fault::Down);
    gate.set(Answer::Allow);
    case.evicted(1, 10)?;
    case.agent.kill()?;
    case.agent.ready(60)?;
    case.slack().behave();
    done_once(case, "ada")?;
    let after = case.card("web", &user_id("ada"), 60)?;
    ensure!(after.ts == card.ts, "it became a second card");
    ensure!(!after.has(APPROVE), "the card can still be approved");
    case.stands("web", "Resolved", "Mended", 60)?;
    let after = case.card("web", "Well again", 20)?;
    ensure!(after.ts == card.ts, "it became a second card");
    ensure!(case.cards()?.len() == 1, "there are more cards");
    case.evicted(1, 0).map(drop)
}

/// Waits until the agent is connected to its Slack.
fn listens(case: &Case<'_>) -> Result<()> {
    wait::until("a socket", 10, || {
        ensure!(case.slack().sockets() == 1, "none is open");
        Ok(())
    })
}

fn slack_is_down(case: &Case<'_>) -> Result<()> {
    listens(case)?;
    case.slack().order(Fault::Down);
    case.policy_with_slack(json!({}), json!({"autonomy": {"requireApproval": []}}))?;
    case.start(&App::new("db", CRASHES_WHEN_SICK).kind("StatefulSet"))?;
    let web = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    let db = case.ready_pods("db")?;
    case.sicken(&web)?;
    case.evicted(1, 40)?;
    case.sicken(db.first().context("db has no pod")?)?;
    let incident = case.stands("db", "AwaitingApproval", "ApprovalRequired", 40)?;
    case.evicted(1, 0)?;
    let answer = ["approve", incident.name(), "-n", &case.namespace];
    case.stage.podmender(&answer)?;
    case.evicted(2, 10)?;
    case.slack().behave();
    listens(case)?;
    // What happened meanwhile is told once, as it is by then.
    case.card("db", "Approved by", 60)?;
    case.card("web", "", 10).map(drop)
}

/// Revoked, limited, deleted: each while something is to be told, and over before the next.
fn rough(case: &Case<'_>) -> Result<()> {
    let slack = case.slack();
    listens(case)?;
    case.policy_with_slack(json!({}), json!({"autonomy": {"requireApproval": []}}))?;
    case.start(&App::new("db", CRASHES_WHEN_SICK).kind("StatefulSet"))?;
    let web = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    let db = case.ready_pods("db")?;
    slack.order(Fault::Revoked);
    case.sicken(&web)?;
    case.evicted(1, 40)?;
    case.degraded("token_revoked", 30)?;
    ensure!(case.cards()?.is_empty(), "a card without a token");
    slack.behave();
    // As it is by then; not what was missed.
    case.card("web", "", 40)?;

    slack.order(Fault::RateLimited(5));
    case.sicken(db.first().context("db has no pod")?)?;
    let incident = case.stands("db", "AwaitingApproval", "ApprovalRequired", 40)?;
    wait::until("Slack has enough", 20, || {
        let calls = slack.world().calls;
        let refused = calls.iter().any(|c| c.outcome == "ratelimited");
        refused.then_some(()).context("nothing was refused")
    })?;
    slack.behave();
    let card = case.card("db", "Needs your answer", 40)?;

    slack.delete(&card.channel, &card.ts);
    let answer = ["approve", incident.name(), "-n", &case.namespace];
    case.stage.podmender(&answer)?;
    case.evicted(2, 10)?;
    let anew = case.card("db", "Approved by", 40)?;
    ensure!(anew.ts != card.ts, "the deleted card was changed");
    let of = |workload: &str| {
        let about = format!("{workload} in {}", case.namespace);
        let cards = case.cards()?;
        anyhow::Ok(cards.iter().filter(|c| c.words().contains(&about)).count())
    };
    ensure!((of("web")?, of("db")?) == (1, 1), "there are more cards");
    case.evicted(2, 0).map(drop)
}
