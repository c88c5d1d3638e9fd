//! The agent, Slack or its users get in the way of the loop: whatever is lost, nothing is done twice, and nothing hangs on Slack.
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

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
    Scenario::new(
        "slack-redelivered",
        &[49],
        "Slack delivers my press several times, and the restart is done as often",
        redelivered,
    )
    .alone(),
    Scenario::new(
        "slack-retried",
        &[49],
        "Slack sends the request with my press again, and the restart is done twice",
        redelivered,
    )
    .over_http(),
];

/// Waits for a socket beyond so many: the agent that was killed is back.
fn back(case: &Case<'_>, sockets: u64) -> Result<()> {
    wait::eventually("the agent listens again", || {
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
    gate.holds_one()?;
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
    let after = case.card("web", &user_id("ada"))?;
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
    case.card("web", "")?;
    let sockets = slack.joined();
    case.agent.kill()?;
    slack.behave();
    back(case, sockets)?;
    // Nobody can know of the first card: there is a second one, and never none.
    let card = case.question("web")?;
    ensure!(case.cards()?.len() <= 2, "there are more than two cards");

    case.click("ada", &card, APPROVE)?;
    gate.holds_one()?;
    case.acknowledged()?;
    let sockets = slack.joined();
    case.agent.kill()?;
    gate.refuse_held()?;
    gate.set(Answer::Allow);
    back(case, sockets)?;
    // Slack does not bring again what was acknowledged: the person sees that nothing came of it.
    let card = case.question("web")?;
    ensure!(case.approvals()?.is_empty(), "it was recorded");
    case.evicted_only(0)?;
    case.click("ada", &card, APPROVE)?;
    done_once(case, "ada")?;
    case.card("web", &user_id("ada"))?;
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
    gate.holds_one()?;
    case.slack().order(Fault::Down);
    gate.set(Answer::Allow);
    case.evicted(1)?;
    case.agent.kill_and_wait()?;
    case.slack().behave();
    done_once(case, "ada")?;
    let after = case.card("web", &user_id("ada"))?;
    ensure!(after.ts == card.ts, "it became a second card");
    ensure!(!after.has(APPROVE), "the card can still be approved");
    case.stands("web", "Resolved", "Mended")?;
    let after = case.card("web", "Well again")?;
    ensure!(after.ts == card.ts, "it became a second card");
    ensure!(case.cards()?.len() == 1, "there are more cards");
    case.evicted_only(1).map(drop)
}

/// Waits until the agent is connected to its Slack.
fn listens(case: &Case<'_>) -> Result<()> {
    wait::eventually("a socket", || {
        ensure!(case.slack().sockets() == 1, "none is open");
        Ok(())
    })
}

/// A Deployment and a StatefulSet that run well.
fn web_and_database(case: &Case<'_>) -> Result<[Value; 2]> {
    let web = App::new("web", CRASHES_WHEN_SICK);
    let db = App::new("db", CRASHES_WHEN_SICK).kind("StatefulSet");
    case.run_both([&web, &db], ["web", "db"])
}

fn slack_is_down(case: &Case<'_>) -> Result<()> {
    listens(case)?;
    case.slack().order(Fault::Down);
    case.policy_with_slack(json!({}), json!({"autonomy": {"requireApproval": []}}))?;
    let [web, db] = web_and_database(case)?;
    case.sicken(&web)?;
    case.evicted(1)?;
    case.sicken(&db)?;
    let incident = case.stands("db", "AwaitingApproval", "ApprovalRequired")?;
    case.evicted_only(1)?;
    let answer = ["approve", incident.name(), "-n", &case.namespace];
    case.stage.podmender(&answer)?;
    case.evicted(2)?;
    case.slack().behave();
    listens(case)?;
    // What happened meanwhile is told once, as it is by then.
    case.card("db", "Approved by")?;
    case.card("web", "").map(drop)
}

/// Revoked, limited, deleted: each while something is to be told, and over before the next.
fn rough(case: &Case<'_>) -> Result<()> {
    let slack = case.slack();
    listens(case)?;
    case.policy_with_slack(json!({}), json!({"autonomy": {"requireApproval": []}}))?;
    let [web, db] = web_and_database(case)?;
    slack.order(Fault::Revoked);
    case.sicken(&web)?;
    case.evicted(1)?;
    case.degraded("token_revoked")?;
    ensure!(case.cards()?.is_empty(), "a card without a token");
    slack.behave();
    // As it is by then; not what was missed.
    case.card("web", "")?;

    slack.order(Fault::RateLimited(5));
    case.sicken(&db)?;
    let incident = case.stands("db", "AwaitingApproval", "ApprovalRequired")?;
    wait::eventually("Slack has enough", || {
        let calls = slack.world().calls;
        let refused = calls.iter().any(|c| c.outcome == "ratelimited");
        refused.then_some(()).context("nothing was refused")
    })?;
    slack.behave();
    let card = case.question("db")?;

    slack.delete(&card.channel, &card.ts);
    let answer = ["approve", incident.name(), "-n", &case.namespace];
    case.stage.podmender(&answer)?;
    case.evicted(2)?;
    let anew = case.card("db", "Approved by")?;
    ensure!(anew.ts != card.ts, "the deleted card was changed");
    let of = |workload: &str| {
        let about = format!("{workload} in {}", case.namespace);
        let cards = case.cards()?;
        anyhow::Ok(cards.iter().filter(|c| c.words().contains(&about)).count())
    };
    ensure!((of("web")?, of("db")?) == (1, 1), "there are more cards");
    case.evicted_only(2).map(drop)
}

/// One press: twice in an envelope of its own, each of them twice, and all of it again when it is done.
fn redelivered(case: &Case<'_>) -> Result<()> {
    let card = asked(case, json!({}))?;
    let slack = case.slack();
    slack.order(Fault::EnvelopeTwice);
    slack.order(Fault::NewEnvelopeSameClick);
    let pressed = case.click("ada", &card, APPROVE)?;
    slack.behave();
    ensure!(pressed.len() == 2, "delivered as {pressed:?}");
    done_once(case, "ada")?;
    case.stands("web", "Resolved", "Mended")?;
    for id in pressed.iter().chain(&pressed) {
        slack.redeliver(id)?;
    }
    case.untouched(8)?;
    done_once(case, "ada")?;
    let after = case.card("web", "Well again")?;
    ensure!(after.ts == card.ts, "it became a second card");
    ensure!(case.cards()?.len() == 1, "there are more cards");
    ensure!(case.approvals()?.len() <= 1, "it was recorded twice");
    ensure!(case.incidents()?.len() == 1, "it became a second incident");
    case.evicted_only(1).map(drop)
}
