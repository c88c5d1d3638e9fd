//! Takes what people did in Slack, from both transports: finds the incident, proves the person, records the answer, or says why not.
//!
//! Everything is acknowledged before it comes here. Nothing here changes a workload or a card: an `Approval` object is written,
//! and the normal pass does the rest. Whoever is refused reads it alone.

use super::{
    answer::ApiError,
    api::Api,
    arrival::Arrival,
    interaction::{Button, Click, Interaction, Speaker},
    people::People,
    private::Private,
    record::{Desk, Recorded, Trouble},
    ruling::{Refusal, Step, Wish, may_look, rule},
};
use crate::{alert::slack_details::details_view, context::Context};
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use podmender_policy::{
    approval::{Answer, NoPlace, SNOOZE},
    bounds::Name,
    incident::Incident,
    observation::{Freshness, Presence},
    rules::Policy,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

/// So much is worked on at once; one slow answer of Slack or the API server holds up nobody else.
const AT_ONCE: usize = 64;

/// The single consumer of what comes in.
pub struct Intake {
    pub(super) ctx: Arc<Context>,
    pub(super) api: Api,
    pub(super) people: People,
    /// The end is near: what the API server has not taken by then is not waited for, so that people can be told.
    pub(super) leaving: CancellationToken,
}

/// How long what is under way may go on after the agent was told to stop. Its tasks have 10 s in all.
const LAST_MOMENTS: Duration = Duration::from_secs(5);

/// An incident that a ticket leads to.
pub(super) struct Case {
    pub(super) incident: Incident,
    /// The UID of its object.
    pub(super) uid: Name,
    /// The strictest of the policies that cover its workload.
    pub(super) policy: Option<Policy>,
}

/// What came of a click.
pub(super) enum Ending {
    Recorded(Recorded),
    Shown,
    Refused(Refusal),
    /// Slack does not say who it was.
    Unproven(ApiError),
    /// The modal could not be opened.
    NotShown(ApiError),
    NotRecorded(Trouble),
}

impl Ending {
    pub(super) fn category(&self) -> &'static str {
        match self {
            Self::Recorded(Recorded::Now) => "recorded",
            Self::Recorded(Recorded::Not(NoPlace::Before)) => "repeated",
            Self::Recorded(Recorded::Not(NoPlace::Otherwise(_))) => "answered_otherwise",
            Self::Recorded(Recorded::Not(NoPlace::Taken(_))) => "too_late",
            Self::Shown => "shown",
            Self::Refused(refusal) => refusal.category(),
            Self::Unproven(_) => "unproven",
            Self::NotShown(_) => "not_shown",
            Self::NotRecorded(trouble) => trouble.category(),
        }
    }
}

impl Intake {
    /// Answers with the app's own token.
    #[must_use]
    pub fn new(ctx: Arc<Context>) -> Self {
        let api = ctx.slack.app();
        let people = People::new(api.clone());
        Self {
            ctx,
            api,
            people,
            leaving: CancellationToken::new(),
        }
    }

    /// Works on what comes in. From `stop` on nothing more is taken, so nothing more is acknowledged; what was is finished.
    pub async fn run(self, mut arrivals: mpsc::Receiver<Arrival>, stop: CancellationToken) {
        let mut at_work = FuturesUnordered::new();
        let mut stopped = std::pin::pin!(stop.cancelled().fuse());
        loop {
            tokio::select! {
                () = &mut stopped => arrivals.close(),
                arrival = arrivals.recv(), if at_work.len() < AT_ONCE => match arrival {
                    Some(arrival) => at_work.push(self.take(arrival)),
                    None => break,
                },
                Some(()) = at_work.next(), if !at_work.is_empty() => {}
            }
        }
        let finish = async { while at_work.next().await.is_some() {} };
        let hurry = async {
            sleep(LAST_MOMENTS).await;
            self.leaving.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = finish => {}
            () = hurry => {}
        }
    }

    async fn take(&self, arrival: Arrival) {
        match arrival.what {
            Interaction::Click(click) => self.click(&click, arrival.at).await,
            // The transports answer these themselves.
            Interaction::Challenge(_) | Interaction::Other => {}
            Interaction::Command(command) => self.command(&command).await,
            Interaction::Mention(mention) => self.mention(&mention, arrival.at).await,
        }
    }

    pub(super) fn count(&self, kind: &'static str, result: &'static str) {
        self.ctx.metrics.slack_interaction(kind, result);
    }

    async fn click(&self, click: &Click, came: Instant) {
        let case = self.case(|incident| is_of(incident, click.ticket.as_str()));
        let ending = match &case {
            None => Ending::Refused(Refusal::Unknown),
            Some(case) => self.work(case, click, came).await,
        };
        self.count(kind(click.button), ending.category());
        let incident = case.as_ref().map(|case| &case.incident);
        if let Some(said) = self.say(&ending, kind(click.button), incident) {
            self.tell(click, &said).await;
        }
    }

    async fn work(&self, case: &Case, click: &Click, came: Instant) -> Ending {
        let wish = match click.button {
            Button::Approve => Wish::Approve,
            Button::Deny => Wish::Deny,
            Button::Snooze => Wish::Snooze(SNOOZE),
            Button::Details => return self.show(case, click).await,
        };
        let Some(policy) = &case.policy else {
            return Ending::Refused(self.uncovered());
        };
        let who = match self.people.person(&click.speaker, &policy.approvers).await {
            Ok(who) => who,
            Err(error) => return Ending::Unproven(error),
        };
        let desk = Desk {
            client: self.ctx.client.clone(),
            incident: &case.incident,
            uid: &case.uid,
            speaker: &click.speaker,
            leaving: &self.leaving,
        };
        let now = self.ctx.clock.now();
        let recorded = match rule(wish, &who, &case.incident, Some(policy), now) {
            Step::Refuse(refusal) => return Ending::Refused(refusal),
            Step::Answer(answer, asked) => desk.answer(&asked, answer).await,
            Step::Snooze(span) => desk.snooze(span).await,
        };
        self.recorded(recorded, case, &click.speaker, kind(click.button), came)
    }

    pub(super) fn recorded(
        &self,
        recorded: Result<Recorded, Trouble>,
        case: &Case,
        speaker: &Speaker,
        verb: &'static str,
        came: Instant,
    ) -> Ending {
        match recorded {
            Ok(recorded) => {
                if recorded == Recorded::Now {
                    self.ctx.metrics.slack_recorded(came.elapsed());
                    tracing::info!(incident = %case.incident.id, user = %speaker.user, team = %speaker.team, answer = verb, "an answer from Slack is recorded");
                }
                Ending::Recorded(recorded)
            }
            Err(trouble) => {
                tracing::error!(incident = %case.incident.id, error = %trouble, "an answer from Slack cannot be recorded");
                Ending::NotRecorded(trouble)
            }
        }
    }

    pub(super) fn uncovered(&self) -> Refusal {
        match self.ctx.store.lock().policies.is_empty() {
            true => Refusal::Starting,
            false => Refusal::OutOfScope,
        }
    }

    async fn show(&self, case: &Case, click: &Click) -> Ending {
        if let Err(refusal) = may_look(click.speaker.team.as_str(), case.policy.as_ref()) {
            return Ending::Refused(refusal);
        }
        let view = details_view(&case.incident, self.ctx.clock.now());
        match self.api.open_view(click.trigger.as_str(), view).await {
            Ok(()) => Ending::Shown,
            Err(error) => Ending::NotShown(error),
        }
    }

    /// The incident that somebody means, with the policy that counts.
    pub(super) fn case(&self, is_it: impl Fn(&Incident) -> bool) -> Option<Case> {
        let (incident, uid) = {
            let state = self.ctx.store.lock();
            let mut stored = state.incidents.values();
            let found = stored.find(|stored| is_it(&stored.incident))?;
            (found.incident.clone(), found.uid.clone())
        };
        let policy = self.policy_for(&incident);
        Some(Case {
            incident,
            uid,
            policy,
        })
    }

    /// The strictest policy. Of a workload whose labels are not known, that of every policy in its namespace (fail closed).
    fn policy_for(&self, incident: &Incident) -> Option<Policy> {
        let workload = &incident.spec.workload;
        let now = self.ctx.clock.now();
        let seen = self.ctx.world.lock().observe(workload, now);
        let unknown =
            seen.workload.presence == Presence::Gone || seen.freshness == Freshness::Starting;
        let state = self.ctx.store.lock();
        if !unknown {
            return state.policy_for(workload, &seen.labels);
        }
        let covering = state.policies.iter();
        let covering = covering.filter(|p| p.namespaces.contains(&workload.namespace));
        let covering: Vec<Policy> = covering.map(|p| Policy::clone(p)).collect();
        (!covering.is_empty()).then(|| Policy::strictest(covering))
    }

    /// What the person reads; nothing, if the card or a modal says it.
    pub(super) fn say(
        &self,
        ending: &Ending,
        verb: &str,
        incident: Option<&Incident>,
    ) -> Option<Private> {
        let elsewhere = incident.map(|i| instead(verb, i)).unwrap_or_default();
        Some(match ending {
            Ending::Shown | Ending::Recorded(Recorded::Now) => return None,
            Ending::Recorded(Recorded::Not(NoPlace::Before)) => {
                Private::text("You have answered so already.")
            }
            Ending::Recorded(Recorded::Not(NoPlace::Otherwise(Answer::Approve))) => Private::text(
                "You have approved it before, and the first answer counts: it is done now, unless something has changed. What stops it is a pause (@podmender pause).",
            ),
            Ending::Recorded(Recorded::Not(NoPlace::Otherwise(before))) => Private::text(format!(
                "You have {} it before, and the first answer counts.",
                before.done()
            )),
            Ending::Recorded(Recorded::Not(NoPlace::Taken(other)))
                if other.answer == Answer::Expired =>
            {
                Private::text(
                    "The time for an answer ended a moment before. Your press changed nothing.",
                )
            }
            Ending::Recorded(Recorded::Not(NoPlace::Taken(other))) => {
                Private::default().whose(other).then(format!(
                    " {} it before you. Your press changed nothing.",
                    other.answer.done()
                ))
            }
            Ending::Refused(refusal) => refusal.explain(self.ctx.clock.now()),
            Ending::Unproven(ApiError::Refused(code)) => Private::text(format!(
                "Slack does not say who you are ({code}), so nothing was done: the app needs the scopes users:read and usergroups:read. {elsewhere}"
            )),
            Ending::Unproven(error) => Private::text(format!(
                "Who you are could not be found out ({error}), so nothing was done. Try again in a moment. {elsewhere}"
            )),
            Ending::NotShown(error) => Private::text(format!(
                "The details could not be opened ({error}). {elsewhere}"
            )),
            Ending::NotRecorded(Trouble::Forbidden(namespace)) => Private::text(format!(
                "Podmender may not record answers in namespace {namespace}, so nothing was done: its account needs the verb create on approvals.podmender.io there (`podmender rbac`, or the chart of this version). {elsewhere}"
            )),
            Ending::NotRecorded(Trouble::Leaving) => Private::text(format!(
                "Podmender is being restarted and the API server does not answer, so your answer may not be recorded. Please press again in a minute: the buttons stay, and the same answer twice counts once. {elsewhere}"
            )),
            Ending::NotRecorded(trouble) => Private::text(format!(
                "Your answer could not be recorded ({trouble}), so nothing was done. Try again in a moment. {elsewhere}"
            )),
        })
    }

    async fn tell(&self, click: &Click, said: &Private) {
        let (channel, user) = (click.channel.as_str(), click.speaker.user.as_str());
        let told = self.api.ephemeral(channel, user, None, said).await;
        self.replied(told);
    }

    pub(super) fn replied(&self, told: Result<(), ApiError>) {
        match told {
            Ok(()) => self.count("reply", "sent"),
            Err(error) => {
                self.count("reply", error.category());
                tracing::warn!(%error, "a person in Slack could not be told what came of their click or order");
            }
        }
    }
}

fn is_of(incident: &Incident, ticket: &str) -> bool {
    let asked = incident.status.approval.as_ref();
    asked.is_some_and(|asked| asked.ticket(&incident.id).as_str() == ticket)
        || incident.ticket().as_str() == ticket
}

fn kind(button: Button) -> &'static str {
    match button {
        Button::Approve => "approve",
        Button::Deny => "deny",
        Button::Snooze => "snooze",
        Button::Details => "details",
    }
}

/// The same by another way, for when Slack or the agent's rights are in the way.
fn instead(verb: &str, incident: &Incident) -> String {
    let (id, namespace) = (&incident.id, &incident.spec.workload.namespace);
    let verb = if verb == "details" {
        "incidents show"
    } else {
        verb
    };
    format!("Or: kubectl podmender {verb} {id} -n {namespace}")
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
