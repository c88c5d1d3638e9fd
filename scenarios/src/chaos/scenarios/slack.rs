//! The loop through Slack: a card asks, a person answers with a button, and what comes of it is on the card.
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::Scenario;
use crate::browser::Browser;
use crate::chaos::case::{Case, name_of};
use crate::chaos::channel::{APPROVE, DENY};
use crate::chaos::objects::{App, CRASHES_WHEN_SICK};
use crate::chaos::wait;
use crate::slack::fault::Fault;
use crate::slack::people::user_id;
use crate::slack::world::Message;

pub(super) const ALL: &[Scenario] = &[
    Scenario::new(
        "slack-approve",
        &[],
        "I press Approve at 3 am, and nothing happens, or nobody can tell later who it was",
        approve,
    ),
    Scenario::new(
        "slack-deny",
        &[],
        "I press Deny, and it is done all the same, or asked again",
        deny,
    ),
    Scenario::new(
        "slack-expire",
        &[46],
        "nobody answers, and hours later somebody's press restarts a pod that nobody looks at any more",
        expire,
    ),
    Scenario::new(
        "slack-stranger",
        &[47, 54],
        "anybody in the channel can restart production",
        stranger,
    ),
    Scenario::new(
        "slack-race",
        &[45],
        "two people press at once, one yes and one no, and both happen",
        race,
    ),
    Scenario::new(
        "slack-healed",
        &[46],
        "the pod is well again, I press Approve a moment later, and a healthy pod is restarted",
        healed,
    ),
    Scenario::new(
        "slack-changed",
        &[46],
        "I approve what I saw, and something else is done since the Deployment was changed",
        changed,
    ),
    Scenario::new(
        "slack-budget",
        &[46],
        "an approval gets round the budget",
        budget,
    ),
    Scenario::new(
        "slack-http",
        &[43],
        "anybody who reaches the endpoint can approve",
        over_http,
    )
    .over_http(),
    Scenario::new(
        "slack-page",
        &[],
        "in a browser the button is dead",
        in_a_browser,
    ),
    Scenario::new(
        "slack-chatops",
        &[71],
        "I write pause into the thread, and it goes on; or anybody can",
        chatops,
    ),
];

/// A crash loop that needs a yes; returns its card.
pub(super) fn asked(case: &Case<'_>, fields: Value) -> Result<Message> {
    case.policy_with_slack(json!({}), fields)?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    case.sicken(&pod)?;
    let card = case.question("web")?;
    let words = card.words();
    ensure!(
        words.contains(name_of(&pod)),
        "the card does not name the pod: {words}"
    );
    case.evicted_only(0)?;
    Ok(card)
}

/// It was done once, by one answer of this person.
pub(super) fn done_once(case: &Case<'_>, who: &str) -> Result<()> {
    case.evicted(1)?;
    let incident = case.incident("web")?;
    let answers = incident.facts_of("answered");
    let [answer] = answers.as_slice() else {
        anyhow::bail!("the record has {} answers: {answers:?}", answers.len())
    };
    let by = answer.to_string();
    ensure!(by.contains(&user_id(who)), "the record says: {by}");
    ensure!(
        incident.facts_of("intended").len() == 1,
        "it was intended more than once"
    );
    Ok(())
}

fn approve(case: &Case<'_>) -> Result<()> {
    let card = asked(case, json!({}))?;
    case.click("ada", &card, APPROVE)?;
    done_once(case, "ada")?;
    case.card("web", &user_id("ada"))?;
    case.mended("web", 1)?;
    case.stands("web", "Resolved", "Mended")?;
    let after = case.card("web", "Well again")?;
    ensure!(after.ts == card.ts, "it became a second card");
    ensure!(case.cards()?.len() == 1, "there are more cards");
    ensure!(
        after.words().contains(&user_id("ada")),
        "the card forgot who approved: {}",
        after.words()
    );
    case.acknowledged()?;
    case.evicted_only(1).map(drop)
}

fn deny(case: &Case<'_>) -> Result<()> {
    let card = asked(case, json!({}))?;
    case.click("ben", &card, DENY)?;
    case.stands("web", "Escalated", "Denied")?;
    let after = case.card("web", &user_id("ben"))?;
    ensure!(!after.has(APPROVE), "the card can still be approved");
    // Whoever still sees the old card.
    case.slack()
        .click_late("ada", &card.channel, &card.ts, APPROVE)?;
    case.told_in_private("ada", "Nothing")?;
    case.untouched(10)?;
    case.evicted_only(0).map(drop)
}

fn expire(case: &Case<'_>) -> Result<()> {
    let card = asked(case, json!({"autonomy": {"approvalTimeout": "60s"}}))?;
    case.stands("web", "Escalated", "ApprovalExpired")?;
    let after = case.card("web", "Nobody answered in time")?;
    ensure!(!after.has(APPROVE), "the card can still be approved");
    // The end is an answer like any other, by the agent, and used up once.
    wait::until("the end is an Approval that counted", 10, || {
        let answers = case.approvals()?;
        let [end] = answers.as_slice() else {
            bail!("not one answer: {answers:?}")
        };
        let is = [&end["spec"]["answer"], &end["spec"]["via"]["type"]];
        ensure!(is == ["Expired", "agent"], "{end}");
        ensure!(end["status"]["result"] == "Accepted", "{end}");
        Ok(())
    })?;
    case.slack()
        .click_late("ada", &card.channel, &card.ts, APPROVE)?;
    case.told_in_private("ada", "")?;
    case.untouched(10)?;
    case.evicted_only(0).map(drop)
}

fn stranger(case: &Case<'_>) -> Result<()> {
    let card = asked(case, json!({}))?;
    for (who, button) in [
        ("carl", APPROVE),
        ("carl", DENY),
        ("gil", APPROVE),
        ("eve", APPROVE),
        ("robo", APPROVE),
    ] {
        case.click(who, &card, button)?;
    }
    for (who, says) in [
        ("carl", "not among the approvers"),
        ("gil", "Guests"),
        ("eve", "workspace"),
        ("robo", "Apps"),
    ] {
        case.told_in_private(who, says)?;
    }
    // Whoever may answer, but with what no card of this agent carries.
    case.slack()
        .click_forged("ada", &card.channel, &card.ts, APPROVE)?;
    case.told_in_private("ada", "no longer open")?;
    case.untouched(5)?;
    let after = case.question("web")?;
    let versions = after.versions.iter().map(|v| v.blocks.clone());
    let shown = serde_json::to_string(&versions.collect::<Vec<_>>())?;
    for who in ["carl", "gil", "eve", "robo"].map(user_id) {
        ensure!(!shown.contains(&who), "the card names a stranger: {shown}");
    }
    ensure!(case.approvals()?.is_empty(), "an answer was recorded");
    case.click("ben", &card, APPROVE)?;
    done_once(case, "ben")
}

/// Ada presses Approve twice while Ben presses Deny.
fn race(case: &Case<'_>) -> Result<()> {
    let card = asked(case, json!({}))?;
    case.click_at_once(&card, &[("ada", APPROVE), ("ada", APPROVE), ("ben", DENY)])?;
    let first = case.first_answer("web")?;
    if first == "Approve" {
        done_once(case, "ada")?;
        case.told_in_private("ben", "before you")?;
    } else {
        case.stands("web", "Escalated", "Denied")?;
        case.told_in_private("ada", "before you")?;
        case.untouched(10)?;
        case.evicted_only(0)?;
    }
    ensure!(
        case.approvals()?.len() <= 1,
        "more than one answer was recorded"
    );
    let answered = case.incident("web")?.facts_of("answered").len();
    ensure!(answered == 1, "{answered} answers count");
    case.acknowledged()
}

/// It became well by itself; somebody's screen still shows the question.
fn healed(case: &Case<'_>) -> Result<()> {
    let card = asked(case, json!({}))?;
    let pods = case.pods("web")?;
    let pod = pods.first().context("no pod")?;
    case.fault(&format!("sick-{}", name_of(pod)), false)?;
    case.stands("web", "Resolved", "RecoveredByItself")?;
    case.slack()
        .click_late("ada", &card.channel, &card.ts, APPROVE)?;
    // Pressed in the moment in which it became well, the answer is recorded first and refused then.
    wait::eventually("the press is answered", || {
        let is_refused = !case.incident("web")?.facts_of("approvalRefused").is_empty();
        ensure!(
            is_refused || case.heard("ada", "Nothing").is_ok(),
            "neither told nor recorded"
        );
        Ok(())
    })?;
    let after = case.card("web", "Well again")?;
    ensure!(!after.has(APPROVE), "the card can still be approved");
    case.untouched(10)?;
    case.evicted_only(0).map(drop)
}

/// A change of the spec that leaves the pod as it is: what was asked about is another object now.
fn changed(case: &Case<'_>) -> Result<()> {
    let card = asked(case, json!({}))?;
    let path = case.path("apps/v1", "Deployment", "web");
    let patch = json!({"spec": {"minReadySeconds": 1}});
    case.stage.api.merge(&path, &patch)?;
    case.slack()
        .click_late("ada", &card.channel, &card.ts, APPROVE)?;
    case.untouched(5)?;
    let ticket = card.value(APPROVE);
    let newer = wait::eventually("it is asked anew", || {
        let newer = case.card_now("web", "Needs your answer")?;
        ensure!(
            newer.value(APPROVE) != ticket,
            "the question is the old one"
        );
        Ok(newer)
    })?;
    case.evicted_only(0)?;
    case.click("ada", &newer, APPROVE)?;
    done_once(case, "ada")
}

/// Two wait for a yes, and the namespace may have one act.
fn budget(case: &Case<'_>) -> Result<()> {
    let fields = json!({"autonomy": {"limits": {"maxActions": 1, "actionsWindow": "10m"}}});
    case.policy_with_slack(json!({}), fields)?;
    let apps = ["web", "api"].map(|name| App::new(name, CRASHES_WHEN_SICK));
    let [web, api] = case.run_both([&apps[0], &apps[1]], ["web", "api"])?;
    case.sicken(&web)?;
    case.sicken(&api)?;
    let first = case.question("web")?;
    let second = case.question("api")?;
    case.click("ada", &first, APPROVE)?;
    done_once(case, "ada")?;
    case.slack()
        .click_late("ben", &second.channel, &second.ts, APPROVE)?;
    case.card("api", "budget")?;
    case.untouched(10)?;
    case.evicted_only(1).map(drop)
}

/// The stand-in's page in a real browser: a person chooses who they are, reads the card and presses Approve there.
fn in_a_browser(case: &Case<'_>) -> Result<()> {
    let browser = Browser::start()?;
    let card = asked(case, json!({}))?;
    let page = format!("http://{}/#{}", case.slack().address, case.namespace);
    browser.open(&page)?;
    let button = format!(r#"[data-ts="{}"] [data-action="{APPROVE}"]"#, card.ts);
    wait::eventually("the page shows the card", || browser.find(&button))?;
    let option = format!(r#"#person option[value="{}"]"#, user_id("ada"));
    browser.press(&option)?;
    browser.picture(&case.stage.dir.join("slack-asks.png"))?;
    browser.press(&button)?;
    done_once(case, "ada")?;
    wait::eventually("the page says who approved", || {
        let shown = browser.run("return document.getElementById('list').innerText")?;
        let shown = shown.as_str().unwrap_or_default();
        ensure!(shown.contains("Approved by"), "it shows: {shown}");
        Ok(())
    })?;
    case.stands("web", "Resolved", "Mended")?;
    case.card("web", "Well again")?;
    browser.picture(&case.stage.dir.join("slack-answered.png"))?;
    case.evicted_only(1).map(drop)
}

/// The kill switch in the card's thread, for approvers only.
fn chatops(case: &Case<'_>) -> Result<()> {
    let card = asked(case, json!({}))?;
    let slack = case.slack();
    let thread = Some(card.ts.as_str());
    let say = |who: &str, text: &str| slack.say(who, &case.namespace, thread, text);
    say("carl", "@podmender pause")?;
    case.told_in_private("carl", "not among the approvers")?;
    // What is asked is answered with what is known by then.
    case.card("web", "local state is corrupt")?;
    say("ada", "@podmender why")?;
    case.told_in_private("ada", "local state is corrupt")?;
    say("ada", "@podmender pause")?;
    case.told_in_private("ada", "paused")?;
    case.click("ben", &card, APPROVE)?;
    case.untouched(8)?;
    slack.say("ada", &case.namespace, None, "/podmender status")?;
    case.told_in_private("ada", "paused from chat")?;
    say("ben", "@podmender resume")?;
    case.told_in_private("ben", "no longer paused")?;
    case.evicted_only(0)?;
    let card = case.question("web")?;
    case.click("ben", &card, APPROVE)?;
    done_once(case, "ben")?;
    case.acknowledged()
}

fn over_http(case: &Case<'_>) -> Result<()> {
    let card = asked(case, json!({}))?;
    for (fault, status) in [
        (Fault::BadSignature, 401),
        (Fault::StaleTimestamp, 401),
        (Fault::WrongEncoding, 400),
        (Fault::Oversize, 413),
    ] {
        case.slack().order(fault.clone());
        case.click("ada", &card, APPROVE)?;
        wait::eventually("the request is refused", || {
            let world = case.slack().world();
            let last = world.deliveries.last().context("none was sent")?;
            // Of what is too long not all is read: then the connection may end before the answer is seen.
            let is_cut = fault == Fault::Oversize && last.answers == [0];
            ensure!(
                is_cut || last.answers == [status],
                "{fault}: {:?}",
                last.answers
            );
            Ok(())
        })?;
        case.slack().behave();
    }
    case.untouched(5)?;
    ensure!(case.approvals()?.is_empty(), "an answer was recorded");
    case.slack().order(Fault::Replay);
    case.click("ada", &card, APPROVE)?;
    done_once(case, "ada")?;
    case.card("web", "Approved by").map(drop)
}
