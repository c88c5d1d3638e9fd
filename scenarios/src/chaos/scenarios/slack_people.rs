//! More than one person, more than one agent, and a person who wants quiet: who decides, how often it counts, and what the card says.
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Scenario;
use super::slack::{asked, done_once};
use crate::chaos::case::{Case, is_ready};
use crate::chaos::channel::{APPROVE, DENY, DETAILS, SNOOZE};
use crate::chaos::{api, wait};
use crate::slack::people::user_id;

pub(super) const ALL: &[Scenario] = &[
    Scenario::new(
        "slack-two-people",
        &[45],
        "two people must agree, and one of them presses twice",
        two_people,
    ),
    Scenario::new(
        "slack-not-proven",
        &[],
        "two people must agree, and nothing in the cluster proves that they are two",
        not_proven,
    )
    .alone(),
    Scenario::new(
        "slack-snooze",
        &[],
        "I press Snooze and am called all the same, or never again; or I cannot see what happened so far",
        snooze,
    ),
    Scenario::new(
        "slack-two-agents",
        &[45],
        "two agents run at once, and what two people press counts at both",
        two_agents,
    )
    .alone(),
];

/// The policy under which a restart needs two people.
fn two() -> Value {
    json!({"autonomy": {"minApprovals": {"restart": 2}}})
}

fn two_people(case: &Case<'_>) -> Result<()> {
    let card = asked(case, two())?;
    case.card("web", "0 of 2")?;
    proven(case)?;
    case.click("ada", &card, APPROVE)?;
    let half = case.card("web", "1 of 2")?;
    ensure!(half.ts == card.ts, "it became a second card");
    ensure!(
        half.words().contains(&user_id("ada")),
        "it does not say who"
    );
    case.click("ada", &half, APPROVE)?;
    case.told_in_private("ada", "another person")?;
    case.untouched(5)?;
    case.evicted_only(0)?;
    case.click("ben", &half, APPROVE)?;
    case.evicted(1)?;
    case.stands("web", "Resolved", "Mended")?;
    let after = case.card("web", "Well again")?;
    let (by, words) = (
        case.incident("web")?.text("/status/decidedBy").to_owned(),
        after.words(),
    );
    for who in ["ada", "ben"].map(user_id) {
        ensure!(by.contains(&who), "the record forgot {who}: {by}");
        ensure!(words.contains(&who), "the card forgot {who}: {words}");
    }
    ensure!(after.ts == card.ts, "it became a second card");
    ensure!(case.cards()?.len() == 1, "there are more cards");
    let incident = case.incident("web")?;
    ensure!(incident.facts_of("answered").len() == 2, "not two answers");
    ensure!(incident.facts_of("intended").len() == 1, "not one intent");
    case.evicted_only(1).map(drop)
}

/// Waits until the agent has found that the API server proves who answers: what was answered before does not count.
fn proven(case: &Case<'_>) -> Result<()> {
    let ledger = api::path(
        "podmender.io/v1alpha1",
        "Ledger",
        Some(&case.agent.namespace),
    );
    wait::eventually("the proof", || {
        let ledger = case.stage.api.get(&format!("{ledger}/podmender"))?;
        let since = ledger.pointer("/spec/proofSince").and_then(Value::as_str);
        since.map(drop).context("nothing is proven yet")
    })
}

/// The admission policy is bound everywhere but in the scenario's own namespace.
fn not_proven(case: &Case<'_>) -> Result<()> {
    let binding = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/podmender-approvals";
    let elsewhere = json!({"spec": {"matchResources": {"namespaceSelector": {"matchExpressions": [
        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [case.namespace]}]}}}});
    case.stage.api.merge(binding, &elsewhere)?;
    let forged = json!({
        "apiVersion": "podmender.io/v1alpha1", "kind": "Approval",
        "metadata": {"name": "forged", "namespace": case.namespace},
        "spec": {"incident": "none", "answer": "Deny", "remedy": "restart", "uid": "none", "generation": 0, "by": "somebody-else"},
    });
    wait::eventually("anybody can answer in any name", || {
        case.stage.api.apply(&forged)
    })?;
    case.stage
        .api
        .delete(&case.path("podmender.io/v1alpha1", "Approval", "forged"))?;

    let card = asked(case, two())?;
    case.degraded("minApprovals cannot be met")?;
    for (n, who) in ["ada", "ben"].into_iter().enumerate() {
        case.click(who, &card, APPROVE)?;
        wait::eventually("the answer is refused", || {
            let incident = case.incident("web")?;
            let refused = incident.facts_of("approvalRefused");
            let because = refused
                .iter()
                .filter(|f| f["because"] == "NotProven")
                .count();
            ensure!(because == n + 1, "refused so far: {refused:?}");
            Ok(())
        })?;
    }
    let after = case.card("web", "nothing proves who this was")?;
    ensure!(after.ts == card.ts, "it became a second card");
    case.card("web", "0 of 2")?;
    case.untouched(8)?;
    case.stands("web", "AwaitingApproval", "ApprovalRequired")?;
    case.evicted_only(0).map(drop)
}

fn snooze(case: &Case<'_>) -> Result<()> {
    let card = asked(case, json!({}))?;
    wait::eventually("the question is told", || {
        let messages = case.slack().world().messages;
        let mut here = messages.iter().filter(|m| m.channel == card.channel);
        // The card itself began so, or it is said in its thread.
        let told = here.any(|m| {
            let first = m.versions.first();
            first.is_some_and(|v| v.text.contains("Needs your answer"))
        });
        told.then_some(()).context("nobody was called")
    })?;
    case.click("ada", &card, SNOOZE)?;
    let quiet = case.card("web", "Snoozed until")?;
    ensure!(quiet.ts == card.ts, "it became a second card");
    let said = || {
        let world = case.slack().world();
        world
            .messages
            .iter()
            .filter(|m| m.channel == card.channel)
            .count()
    };
    let before = said();
    wait::throughout("quiet", 12, || {
        ensure!(said() == before, "{} more messages", said() - before);
        Ok(())
    })?;
    case.evicted_only(0)?;

    // Whoever sees the card may look.
    case.click("carl", &quiet, DETAILS)?;
    let view = wait::eventually("the modal", || {
        let views = case.slack().world().views;
        let of_carl = views.into_iter().rev().find(|v| v.user == user_id("carl"));
        of_carl.context("none was opened")
    })?;
    let shown = view.view.to_string();
    for words in [
        "Timeline",
        "snoozed",
        user_id("ada").as_str(),
        "local state is corrupt",
    ] {
        ensure!(
            shown.contains(words),
            "the modal does not say {words:?}: {shown}"
        );
    }
    case.click("ben", &quiet, APPROVE)?;
    done_once(case, "ben")?;
    let after = case.card("web", &user_id("ben"))?;
    ensure!(!after.has(APPROVE), "the card can still be approved");
    case.acknowledged()
}

/// Two processes of one release know the same question, and each hears one of two people. The chart's replicas take turns;
/// those that a person adds with kubectl know of no lease.
fn two_agents(case: &Case<'_>) -> Result<()> {
    let card = asked(case, json!({}))?;
    let home = &case.agent.namespace;
    let deployment = format!(
        "{}/podmender",
        api::path("apps/v1", "Deployment", Some(home))
    );
    let two = json!({"spec": {"replicas": 2}});
    case.stage.api.merge(&deployment, &two)?;
    wait::eventually("two agents are Ready, and listen", || {
        let ready = case.agent.pods()?.iter().filter(|p| is_ready(p)).count();
        let sockets = case.slack().sockets();
        ensure!(
            (ready, sockets) == (2, 2),
            "{ready} are Ready, {sockets} sockets"
        );
        Ok(())
    })?;
    // One goes to each agent.
    case.click_at_once(&card, &[("ada", APPROVE), ("ben", DENY)])?;
    let first = case.first_answer("web")?;
    if first == "Approve" {
        done_once(case, "ada")?;
    } else {
        case.stands("web", "Escalated", "Denied")?;
        case.untouched(10)?;
        case.evicted_only(0)?;
    }
    let approvals = case.approvals()?.len();
    ensure!(approvals == 1, "{approvals} answers were recorded");
    let answered = case.incident("web")?.facts_of("answered").len();
    ensure!(answered == 1, "{answered} answers count");
    case.untouched(15)?;
    ensure!(case.incidents()?.len() == 1, "it became a second incident");
    ensure!(case.cards()?.len() == 1, "it became a second card");
    case.acknowledged()?;
    let verify = ["audit", "verify", "-A", "--own-namespace", home];
    case.stage.podmender(&verify).map(drop)
}
