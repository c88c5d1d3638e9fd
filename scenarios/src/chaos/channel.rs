//! The scenario's channel in its agent's Slack: the cards as a person sees them, and what the person does there.
use std::sync::Barrier;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::case::Case;
use super::objects::merge;
use super::wait;
use crate::slack::Slack;
use crate::slack::people::{BOT_USER, TEAM, user_id};
use crate::slack::world::{Message, Notice};

/// The buttons of a card.
pub const APPROVE: &str = "podmender_approve";
/// See [`APPROVE`].
pub const DENY: &str = "podmender_deny";
/// See [`APPROVE`].
pub const SNOOZE: &str = "podmender_snooze";
/// See [`APPROVE`].
pub const DETAILS: &str = "podmender_details";

impl Case<'_> {
    /// The Slack of the scenario's agent.
    pub fn slack(&self) -> &Slack {
        &self.agent.slack
    }

    /// A policy under which a restart needs ada's or ben's yes, asked for in the scenario's own channel.
    pub fn policy_with_slack(&self, restart: Value, fields: Value) -> Result<()> {
        self.slack().open_channel(&self.namespace);
        let mut all = json!({
            "autonomy": {
                "requireApproval": ["restart"],
                "approvers": {"slackUserIds": [user_id("ada"), user_id("ben")], "slackTeamId": TEAM},
            },
            "alerting": {"channels": [
                {"type": "webhook", "url": "${ALERTS_URL}"},
                {"type": "slack", "channel": format!("#{}", self.namespace), "token": "${SLACK_BOT_TOKEN}"},
            ]},
        });
        merge(&mut all, fields);
        self.policy(restart, all)
    }

    /// What the app has posted into the channel itself, not into a thread: one card for each incident, unless there is a storm.
    pub fn cards(&self) -> Result<Vec<Message>> {
        let world = self.slack().world();
        let channel = world.channel(&self.namespace).context("no channel")?;
        let id = channel.id.clone();
        let mut cards = world.messages;
        cards.retain(|m| {
            m.channel == id && m.user == BOT_USER && m.thread_ts.is_none() && !m.deleted
        });
        Ok(cards)
    }

    /// Waits for a card about the workload that says so now.
    pub fn card(&self, workload: &str, says: &str) -> Result<Message> {
        wait::eventually("the card", || self.card_now(workload, says))
    }

    /// Waits for a card about the workload that asks, with a button to say yes.
    pub fn question(&self, workload: &str) -> Result<Message> {
        wait::eventually("the question", || {
            let card = self.card_now(workload, "Needs your answer")?;
            ensure!(card.has(APPROVE), "it has no button: {}", card.words());
            Ok(card)
        })
    }

    /// The newest card about the workload that says so now.
    pub fn card_now(&self, workload: &str, says: &str) -> Result<Message> {
        let about = format!("{workload} in {}", self.namespace);
        let cards = self.cards()?;
        let told: Vec<String> = cards.iter().map(Message::words).collect();
        let found = cards.into_iter().rev().find(|card| {
            let words = card.words();
            words.contains(&about) && words.contains(says)
        });
        found.with_context(|| format!("no card of {workload} says {says:?}: {told:#?}"))
    }

    /// Somebody clicks a button of a card; returns the ids of the deliveries.
    pub fn click(&self, who: &str, card: &Message, button: &str) -> Result<Vec<String>> {
        self.slack().click(who, &card.channel, &card.ts, button)
    }

    /// Several people click buttons of a card in the same moment.
    pub fn click_at_once(&self, card: &Message, presses: &[(&str, &str)]) -> Result<()> {
        let start = Barrier::new(presses.len());
        let press = |who: &str, button: &str| {
            start.wait();
            // The first of them may have changed the card by now; the others still see it as it was.
            let slack = self.slack();
            let pressed = slack.click_late(who, &card.channel, &card.ts, button);
            pressed.map(drop)
        };
        std::thread::scope(|scope| {
            let press = &press;
            let spawn = |&(who, button)| scope.spawn(move || press(who, button));
            let all: Vec<_> = presses.iter().map(spawn).collect();
            all.into_iter()
                .try_for_each(|one| one.join().unwrap_or_else(|_| bail!("panicked")))
        })
    }

    /// Waits for the first answer that the workload's incident records.
    pub fn first_answer(&self, workload: &str) -> Result<String> {
        wait::eventually("the answer", || {
            let incident = self.incident(workload)?;
            let answers = incident.facts_of("answered");
            let answer = answers.first().context("none is recorded")?;
            Ok(answer["answer"].as_str().unwrap_or_default().to_owned())
        })
    }

    /// Waits until a person was told that, alone.
    pub fn told_in_private(&self, who: &str, says: &str) -> Result<Notice> {
        wait::eventually("the private answer", || self.heard(who, says))
    }

    /// What a person was told so, alone, by now.
    pub fn heard(&self, who: &str, says: &str) -> Result<Notice> {
        let user = user_id(who);
        let world = self.slack().world();
        let channel = world.channel(&self.namespace).context("no channel")?;
        let told: Vec<&Notice> = world
            .notices
            .iter()
            .filter(|n| n.user == user && n.channel == channel.id)
            .collect();
        let found = told.iter().find(|n| n.text.contains(says));
        found.map(|n| (*n).clone()).with_context(|| {
            let texts: Vec<&str> = told.iter().map(|n| n.text.as_str()).collect();
            format!("{who} was not told {says:?}, only {texts:?}")
        })
    }

    /// The answers that are recorded.
    pub fn approvals(&self) -> Result<Vec<Value>> {
        let path = super::api::path("podmender.io/v1alpha1", "Approval", Some(&self.namespace));
        self.stage.api.list(&path)
    }

    /// Fails unless every click so far is acknowledged, and was in time.
    pub fn acknowledged(&self) -> Result<()> {
        let took = wait::eventually("the acknowledgements", || {
            let world = self.slack().world();
            let channel = world.channel(&self.namespace).context("no channel")?;
            let here = world.deliveries.iter().filter(|d| d.channel == channel.id);
            let took = here.map(|d| d.acknowledged.context("not acknowledged"));
            took.collect::<Result<Vec<f64>>>()
        })?;
        for seconds in took {
            ensure!(seconds < 3.0, "acknowledged after {seconds:.1} s");
        }
        Ok(())
    }
}
