//! What people do: click, write, delete.
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::fault::Fault;
use super::respond::Place;
use super::world::{Message, Version};
use super::{Inner, payload, people};

impl Inner {
    /// A user deletes a message.
    pub fn delete(&self, channel: &str, ts: &str) {
        self.change(|world, _| {
            let mut all = world.messages.iter_mut();
            if let Some(message) = all.find(|m| m.channel == channel && m.ts == ts) {
                message.deleted = true;
            }
        });
    }

    /// Somebody, by name or id, clicks a button of a message. Returns the ids of what was sent to the app.
    pub fn click(
        self: &Arc<Self>,
        who: &str,
        channel: &str,
        ts: &str,
        action: &str,
    ) -> Result<Vec<String>> {
        self.press(who, channel, ts, action, Message::clone)
    }

    /// Somebody clicks a button that the message had before: their screen does not show its newest version yet.
    pub fn click_late(
        self: &Arc<Self>,
        who: &str,
        channel: &str,
        ts: &str,
        action: &str,
    ) -> Result<Vec<String>> {
        self.press(who, channel, ts, action, |m| m.earlier(action))
    }

    /// Somebody sends what a button would, but with a ticket that the app never gave.
    pub fn click_forged(
        self: &Arc<Self>,
        who: &str,
        channel: &str,
        ts: &str,
        action: &str,
    ) -> Result<Vec<String>> {
        let forged = "abcdefghijklmnopqrstuvwxyz";
        self.press(who, channel, ts, action, |m| m.forged(forged))
    }

    fn press(
        self: &Arc<Self>,
        who: &str,
        channel: &str,
        ts: &str,
        action: &str,
        seen: impl Fn(&Message) -> Message,
    ) -> Result<Vec<String>> {
        let payload = self.change(|world, now| {
            let person = world.person(who).context("nobody of that name")?.clone();
            let channel = world.channel(channel).context("no such channel")?.clone();
            let trigger = self.id("trigger");
            let at = world.ts(now);
            let message = world.message(&channel.id, ts).context("no such message")?;
            let mut payload =
                payload::click(&person, &channel, &seen(message), action, &trigger, &at)
                    .context("the message has no such button")?;
            payload["response_url"] = json!(self.response_url(&trigger));
            world.places.insert(
                trigger.clone(),
                Place {
                    channel: channel.id,
                    user: person.id.clone(),
                    message: Some(ts.to_owned()),
                    at: now,
                    used: 0,
                },
            );
            world.triggers.insert(trigger, (person.id, now));
            anyhow::Ok(payload)
        })?;
        let times = if self.is(&Fault::ClickTwice) || self.is(&Fault::NewEnvelopeSameClick) {
            2
        } else {
            1
        };
        let mut sent = Vec::new();
        for n in 0..times {
            let mut payload = payload.clone();
            if n > 0 && self.is(&Fault::ClickTwice) {
                let at = self.change(|world, now| world.ts(now));
                payload["actions"][0]["action_ts"] = json!(at);
            }
            sent.push(self.deliver("interactive", who, payload));
        }
        Ok(sent)
    }

    /// Somebody writes: a slash command if it begins with `/`, and a mention of the app if it has `@podmender` in it.
    pub fn say(
        self: &Arc<Self>,
        who: &str,
        channel: &str,
        thread: Option<&str>,
        text: &str,
    ) -> Result<()> {
        let (kind, payload) = self.change(|world, now| {
            let person = world.person(who).context("nobody of that name")?.clone();
            let channel = world.channel(channel).context("no such channel")?.clone();
            if text.starts_with('/') {
                let (command, rest) = text.split_once(' ').unwrap_or((text, ""));
                let trigger = self.id("trigger");
                let mut payload = payload::command(&person, &channel, command, rest, &trigger);
                payload["response_url"] = json!(self.response_url(&trigger));
                world.places.insert(
                    trigger.clone(),
                    Place {
                        channel: channel.id,
                        user: person.id.clone(),
                        message: None,
                        at: now,
                        used: 0,
                    },
                );
                world.triggers.insert(trigger, (person.id, now));
                return anyhow::Ok(("slash_commands", payload));
            }
            let text = text.replace("@podmender", &format!("<@{}>", people::BOT_USER));
            let is_mention = text.contains(people::BOT_USER);
            let message = Message {
                ts: world.ts(now),
                channel: channel.id.clone(),
                thread_ts: thread.map(str::to_owned),
                user: person.id.clone(),
                metadata: None,
                deleted: false,
                versions: vec![Version {
                    at: now,
                    text,
                    blocks: Vec::new(),
                }],
            };
            let payload = payload::mention(&person, &channel, &message, &self.id("Ev"), now);
            world.messages.push(message);
            Ok((if is_mention { "events_api" } else { "" }, payload))
        })?;
        if !kind.is_empty() {
            self.deliver(kind, who, payload);
        }
        Ok(())
    }

    fn response_url(&self, id: &str) -> String {
        format!("{}response/{id}", self.api())
    }
}
