//! Orders by chat: `@podmender …` in the thread of a card, `/podmender …` anywhere. For approvers only, answered privately.
//!
//! What reads is answered from memory. What changes something is handed on: a snooze becomes an `Approval` like that of the button,
//! `pause` and `resume` go to the one worker as requests.

use super::{
    answer::ApiError,
    intake::{Case, Intake},
    interaction::{Command, Mention, Speaker},
    order::{Order, Place, help, parse},
    private::Private,
    record::Desk,
    ruling::{Refusal, Step, Wish, rule},
};
use crate::alert::{
    notice::Notice,
    story::{self, Story},
};
use futures::future::join_all;
use podmender_policy::{
    approval::{Entrance, NoRight, SlackPerson},
    bounds::{Name, Text},
    incident::{Incident, Phase},
    request::Request,
    rules::Policy,
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// So many incidents are listed.
const LISTED: usize = 20;
/// A person is answered within three seconds, whether or not the worker has come to it.
const PROMPT: Duration = Duration::from_millis(2_000);

/// An answer, and how it is counted.
struct Said(Private, &'static str);

impl Said {
    fn ok(text: impl Into<String>) -> Self {
        Self(Private::text(text), "answered")
    }
}

impl Intake {
    /// `/podmender …`.
    pub(super) async fn command(&self, command: &Command) {
        let said = match parse(command.text.as_str(), Place::Command) {
            Err(unclear) => unclear_said(&unclear.to_string(), Place::Command),
            Ok(Order::Help) => Said::ok(help(Place::Command)),
            Ok(order) => match self.policies_of(&command.speaker).await {
                Err(refused) => refused,
                Ok(policies) => self.overall(&order, &command.speaker, &policies).await,
            },
        };
        self.count("command", said.1);
        let told = match &command.response {
            Some(response) => self.api.respond(response, &said.0).await,
            None => {
                let (channel, user) = (command.channel.as_str(), command.speaker.user.as_str());
                self.api.ephemeral(channel, user, None, &said.0).await
            }
        };
        self.replied(told);
    }

    /// `@podmender …`.
    pub(super) async fn mention(&self, mention: &Mention, came: Instant) {
        let said = match (
            parse(mention.text.as_str(), Place::Thread),
            self.of_thread(mention),
        ) {
            (Err(unclear), _) => unclear_said(&unclear.to_string(), Place::Thread),
            (Ok(Order::Help), _) => Said::ok(help(Place::Thread)),
            (Ok(_), None) => Said(
                Private::text(
                    "I answer in the thread of a card, about the incident that it shows. Everywhere else there is /podmender help.",
                ),
                "elsewhere",
            ),
            (Ok(order), Some(case)) => self.in_thread(&order, &mention.speaker, &case, came).await,
        };
        self.count("mention", said.1);
        let thread = mention.thread.as_ref().map(Text::as_str);
        let (channel, user) = (mention.channel.as_str(), mention.speaker.user.as_str());
        let told = self.api.ephemeral(channel, user, thread, &said.0).await;
        self.replied(told);
    }

    /// The incident whose card the thread hangs on.
    fn of_thread(&self, mention: &Mention) -> Option<Case> {
        let thread = mention.thread.as_ref()?;
        self.case(|incident| {
            let mut posts = incident.status.posts.iter();
            posts.any(|p| p.conversation == mention.channel && p.ts == *thread)
        })
    }

    async fn in_thread(
        &self,
        order: &Order,
        speaker: &Speaker,
        case: &Case,
        came: Instant,
    ) -> Said {
        let Some(policy) = &case.policy else {
            return self.refused(&self.uncovered());
        };
        let who = match self.people.person(speaker, &policy.approvers).await {
            Ok(who) => who,
            Err(error) => return unproven(&error),
        };
        if let Err(why) = policy.approvers.admit(&who) {
            return self.refused(&Refusal::NoRight(why));
        }
        let incident = &case.incident;
        match order {
            Order::Why => Said::ok(why(&self.story(incident))),
            Order::Snooze(span) => self.snooze(*span, &who, speaker, case, came).await,
            Order::Pause(_) | Order::Resume(_) => {
                // Of several policies on one workload, each can hold it.
                let of: Vec<Name> = policy.merged_of.iter().cloned().collect();
                self.switch(order, speaker, &of).await
            }
            Order::Status(_) | Order::Incidents | Order::Help => {
                Said::ok(status(&self.story(incident)))
            }
        }
    }

    async fn snooze(
        &self,
        span: Duration,
        who: &SlackPerson,
        speaker: &Speaker,
        case: &Case,
        came: Instant,
    ) -> Said {
        let now = self.ctx.clock.now();
        let step = rule(
            Wish::Snooze(span),
            who,
            &case.incident,
            case.policy.as_ref(),
            now,
        );
        match step {
            Step::Refuse(refusal) => self.refused(&refusal),
            Step::Answer(..) | Step::Snooze(_) => {
                let desk = Desk {
                    client: self.ctx.client.clone(),
                    incident: &case.incident,
                    uid: &case.uid,
                    speaker,
                    leaving: &self.leaving,
                };
                let ending = self.recorded(desk.snooze(span).await, case, speaker, "snooze", came);
                let text = || {
                    Private::text(format!(
                        "Snoozed for {}.",
                        story::span(span.try_into().unwrap_or_default())
                    ))
                };
                let said = self
                    .say(&ending, "snooze", Some(&case.incident))
                    .unwrap_or_else(text);
                Said(said, ending.category())
            }
        }
    }

    /// Those policies that list the speaker as an approver.
    async fn policies_of(&self, speaker: &Speaker) -> Result<Vec<Arc<Policy>>, Said> {
        let policies = self.ctx.store.lock().policies.clone();
        if policies.is_empty() {
            return Err(self.refused(&Refusal::Starting));
        }
        let asked = policies.iter().map(|policy| async move {
            let who = self.people.person(speaker, &policy.approvers).await?;
            Ok::<_, ApiError>(policy.approvers.admit(&who).map(|()| Arc::clone(policy)))
        });
        let (mut admitted, mut why, mut unknown) = (Vec::new(), NoRight::NobodyListed, None);
        for answer in join_all(asked).await {
            match answer {
                Ok(Ok(policy)) => admitted.push(policy),
                Ok(Err(NoRight::NobodyListed)) => {}
                Ok(Err(no_right)) => why = no_right,
                Err(error) => unknown = Some(error),
            }
        }
        match (admitted.is_empty(), unknown) {
            (false, _) => Ok(admitted),
            (true, Some(error)) => Err(unproven(&error)),
            (true, None) => Err(self.refused(&Refusal::NoRight(why))),
        }
    }

    async fn overall(&self, order: &Order, speaker: &Speaker, policies: &[Arc<Policy>]) -> Said {
        match order {
            Order::Pause(of) | Order::Resume(of) => {
                let named = policies.iter().map(|p| p.key());
                let of: Vec<Name> = named
                    .filter(|key| of.as_ref().is_none_or(|of| of == key))
                    .collect();
                if of.is_empty() {
                    return Said(
                        Private::text(
                            "No policy of that name lists you as an approver. /podmender status names those that do.",
                        ),
                        "unknown",
                    );
                }
                self.switch(order, speaker, &of).await
            }
            Order::Status(Some(which)) => {
                let open = self.open(policies);
                let found = open.iter().find(|i| is_named(i, which.as_str()));
                match found {
                    Some(incident) => Said::ok(status(&self.story(incident))),
                    None => Said::ok(format!("Nothing is known to fail at {which}.")),
                }
            }
            Order::Incidents => Said::ok(listed(&self.open(policies))),
            Order::Status(None) | Order::Why | Order::Snooze(_) | Order::Help => {
                Said::ok(self.summary(policies))
            }
        }
    }

    /// Pauses or resumes each of these policies.
    async fn switch(&self, order: &Order, speaker: &Speaker, of: &[Name]) -> Said {
        let (by, via) = (
            Text::new(speaker.user.as_str()),
            Entrance::Slack {
                user: speaker.user.clone(),
                team: speaker.team.clone(),
            },
        );
        let asked = of.iter().map(|policy| {
            let (policy, by, via) = (policy.clone(), by.clone(), via.clone());
            let request = match order {
                Order::Pause(_) => Request::Pause { policy, by, via },
                _ => Request::Resume { policy, by, via },
            };
            (request.policy().clone(), self.ctx.requests.push(request))
        });
        // All are handed in before one is waited for.
        let asked: Vec<_> = asked.collect();
        let until = Instant::now() + PROMPT;
        let mut lines = Vec::new();
        let mut result = "answered";
        for (policy, applied) in asked {
            let line = match applied {
                Err(full) => {
                    result = "full";
                    format!("Policy {policy}: not taken ({full}). Set spec.autonomy.paused in it.")
                }
                Ok(applied) => {
                    match timeout(until.saturating_duration_since(Instant::now()), applied).await {
                        Ok(Ok(applied)) => applied.explain(&policy),
                        _ => format!(
                            "Policy {policy}: taken, and done as soon as the pass that is under way has ended."
                        ),
                    }
                }
            };
            lines.push(line);
        }
        tracing::info!(user = %speaker.user, order = order.category(), policies = of.len(), "an order from Slack");
        Said(Private::text(lines.join("\n")), result)
    }

    /// The open incidents under these policies, those that wait for a person first.
    fn open(&self, policies: &[Arc<Policy>]) -> Vec<Incident> {
        let state = self.ctx.store.lock();
        let all = state.incidents.values().map(|stored| &stored.incident);
        let mut open: Vec<Incident> = all
            .filter(|i| i.is_open() && policies.iter().any(|p| p.key() == i.spec.policy))
            .cloned()
            .collect();
        drop(state);
        let rank = |i: &Incident| match i.status.phase {
            Phase::AwaitingApproval => 0,
            Phase::Escalated => 1,
            _ => 2,
        };
        open.sort_by_key(|i| (rank(i), i.spec.first_seen));
        open
    }

    fn summary(&self, policies: &[Arc<Policy>]) -> String {
        let open = self.open(policies);
        let waiting = open
            .iter()
            .filter(|i| i.status.phase == Phase::AwaitingApproval)
            .count();
        let persons = open
            .iter()
            .filter(|i| i.status.phase == Phase::Escalated)
            .count();
        let mut out = format!(
            "Open incidents: {}. Waiting for an answer: {waiting}. Left to a person: {persons}.",
            open.len()
        );
        let state = self.ctx.store.lock();
        for policy in policies {
            let stands = match (policy.paused, state.ledger.pause_of(policy)) {
                (true, _) => "paused (spec.autonomy.paused)".to_owned(),
                (false, Some(pause)) => format!("paused from chat by {}", pause.by),
                (false, None) => format!("in force, {:?}", policy.level).to_lowercase(),
            };
            out.push_str(&format!("\n• policy {}: {stands}", policy.key()));
        }
        out
    }

    fn story(&self, incident: &Incident) -> Story {
        story::of(&Notice::of(incident), self.ctx.clock.now())
    }

    fn refused(&self, refusal: &Refusal) -> Said {
        Said(refusal.explain(self.ctx.clock.now()), refusal.category())
    }
}

fn unclear_said(what: &str, place: Place) -> Said {
    Said(Private::text(format!("{what}\n{}", help(place))), "unclear")
}

fn unproven(error: &ApiError) -> Said {
    let said = Private::text(format!(
        "Who you are could not be found out ({error}), so nothing was done. Try again in a moment."
    ));
    Said(said, "unproven")
}

fn is_named(incident: &Incident, which: &str) -> bool {
    let workload = &incident.spec.workload;
    incident.id.0.as_str() == which
        || which.split_once('/').is_some_and(|(ns, name)| {
            workload.namespace.as_str() == ns && workload.name.as_str() == name
        })
}

/// The facts, without the cluster's own words.
fn status(story: &Story) -> String {
    let facts = story
        .facts
        .iter()
        .map(|(label, text)| format!("\n{label}: {text}"));
    facts.fold(story.title.clone(), |out, fact| out + &fact)
}

/// The cause, and the cluster's own words.
fn why(story: &Story) -> String {
    let wanted =
        |(label, _): &&(&str, String)| matches!(*label, "What" | "Why" | "Decision" | "Now");
    let facts = story.facts.iter().filter(wanted);
    let mut out = facts.fold(story.title.clone(), |out, (label, text)| {
        format!("{out}\n{label}: {text}")
    });
    for line in &story.evidence {
        out.push_str(&format!("\n{line}"));
    }
    out
}

fn listed(open: &[Incident]) -> String {
    if open.is_empty() {
        return "Nothing is failing.".to_owned();
    }
    let line = |i: &Incident| {
        let w = &i.spec.workload;
        format!(
            "• {}: {} in {} ({:?}), {}",
            story::badge(i.status.phase),
            w.name,
            w.namespace,
            i.status.diagnosis.failure,
            i.id
        )
    };
    let mut lines: Vec<String> = open.iter().take(LISTED).map(line).collect();
    if open.len() > LISTED {
        lines.push(format!(
            "and {} more: podmender incidents -A",
            open.len() - LISTED
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
#[path = "chatops_tests.rs"]
mod tests;
