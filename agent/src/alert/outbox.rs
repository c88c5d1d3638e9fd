//! The outbox: takes the newest state of incidents, sends what is news, and says what was told.
//!
//! Offering never waits, each channel goes at its own pace, and a channel that is slow or down holds up nothing else.

use crate::{
    alert::{
        address::{Secrets, Way},
        alertmanager,
        cards::Standing,
        channel::{self, Channel, Route},
        digest::Digest,
        discord,
        lane::{Form, Lane, Next},
        notice::Notice,
        pace::{Bundle, Pace, Uptime},
        pagerduty, payload,
        post::{Failure, Post},
        slack,
        slack_app::{Desk, Errand},
        teams,
    },
    metrics::{AlertResult, Metrics},
    slack::apis::Apis,
};
use futures::{
    FutureExt, StreamExt,
    future::{self, BoxFuture},
    stream::FuturesUnordered,
};
use jiff::Timestamp;
use podmender_policy::{
    bounds::{Name, Text},
    incident::{self, Incident, IncidentId, Phase},
    rules::Alerting,
    workload::WorkloadRef,
};
use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// An incident of which people were told, on every channel of its policy that can be reached at all.
/// To be kept as `status.told`, so that nobody is told twice after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldNow {
    /// The incident.
    pub incident: IncidentId,
    /// Its workload (its namespace is the incident's).
    pub workload: WorkloadRef,
    /// The phase that was told.
    pub phase: Phase,
}

/// A card was posted, or is gone. To be kept in `status.posts`, so that it is brought up to date after a restart too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostedNow {
    /// The incident.
    pub incident: IncidentId,
    /// The channel as its policy names it.
    pub channel: Text<80>,
    /// Where it stands; `None`: it is gone.
    pub post: Option<incident::Post>,
}

/// What the outbox has to say to the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A card stands elsewhere than before.
    Posted(PostedNow),
    /// People were told.
    Told(Vec<ToldNow>),
    /// What is wrong with the channels has changed: see [`Outbox::problems`].
    Problems,
}

/// Reads the clock.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Everything that is to be told.
pub struct Outbox {
    state: Mutex<State>,
    wake: Notify,
    clock: Uptime,
    now: Now,
    post: Post,
    apps: Arc<Apis>,
    secrets: Secrets,
    metrics: Arc<Metrics>,
    pace: fn(&Channel) -> Pace,
}

#[derive(Default)]
struct State {
    /// By policy, as `incident.spec.policy` names it.
    routes: BTreeMap<Name, Alerting>,
    lanes: BTreeMap<Channel, Lane>,
}

impl State {
    fn channels(&self, policy: &Name) -> impl Iterator<Item = &Channel> {
        self.routes
            .get(policy)
            .into_iter()
            .flat_map(|alerting| &alerting.routes)
            .map(|route| &route.channel)
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}

/// How fast each kind of channel may go. More than one message a second is more than a person reads, and than Slack allows
/// beyond short bursts; PagerDuty takes 120 a minute, each about one incident.
fn pace(channel: &Channel) -> Pace {
    let (most, burst) = match channel {
        Channel::SlackWebhook { .. }
        | Channel::SlackApp { .. }
        | Channel::Teams { .. }
        | Channel::Discord { .. } => (60, 2),
        Channel::Webhook { .. } | Channel::Alertmanager { .. } => (60, 3),
        Channel::PagerDuty { .. } => (120, 10),
    };
    let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    let pace = Pace::per_minute(count(most), count(burst));
    match channel {
        Channel::PagerDuty { .. } => Pace {
            bundle: Bundle::Each,
            ..pace
        },
        _ => pace,
    }
}

/// A message to a channel, and what became of the card if it was about one.
type Sent = (Channel, Result<Option<Standing>, Failure>);

impl Outbox {
    /// An outbox without channels. Nothing is read, connected or sent yet.
    #[must_use]
    pub fn new(secrets: Secrets, apps: Arc<Apis>, metrics: Arc<Metrics>, now: Now) -> Self {
        Self {
            state: Mutex::default(),
            wake: Notify::new(),
            clock: Uptime::start(),
            now,
            post: Post::default(),
            apps,
            secrets,
            metrics,
            pace,
        }
    }

    /// Sets where the incidents of a policy are told (no channels: nowhere). What is pending for a channel that no
    /// policy names any more is dropped.
    pub fn set_alerting(&self, policy: &Name, alerting: Alerting) {
        let mut state = self.state();
        state.routes.insert(policy.clone(), alerting);
        self.tidy(&mut state);
    }

    /// The policy is gone.
    pub fn forget_policy(&self, policy: &Name) {
        let mut state = self.state();
        state.routes.remove(policy);
        self.tidy(&mut state);
    }

    fn tidy(&self, state: &mut State) {
        let State { routes, lanes } = state;
        // Two policies may name one channel: then the slower pace counts.
        let mut named: BTreeMap<&Channel, Duration> = BTreeMap::new();
        for alerting in routes.values() {
            for route in &alerting.routes {
                let interval = named.entry(&route.channel).or_default();
                *interval = alerting.min_interval.max(*interval);
            }
        }
        lanes.retain(|channel, _| named.contains_key(channel));
        for (channel, interval) in named {
            let mut pace = (self.pace)(channel);
            pace.period = pace.period.max(interval);
            let lane = lanes.entry(channel.clone()).or_insert_with(|| {
                let mut lane = Lane::new(pace, self.clock);
                match channel {
                    Channel::SlackApp { channel, .. } => lane = lane.with_cards(channel.clone()),
                    Channel::Alertmanager { .. } => lane = lane.with_beats(alertmanager::EVERY),
                    _ => {}
                }
                if let Err(e) = self.secrets.way(channel) {
                    lane.give_up(problem(channel, &e));
                }
                lane
            });
            lane.set_pace(pace);
        }
        self.wake.notify_one();
    }

    /// Takes the newest state of an incident; it replaces what is pending of it. Never waits: call it on every pass.
    pub fn offer(&self, incident: &Incident) {
        let mut state = self.state();
        let State { routes, lanes } = &mut *state;
        let Some(alerting) = routes.get(&incident.spec.policy) else {
            return;
        };
        if alerting.routes.is_empty() {
            return;
        }
        let notice = Arc::new(Notice::at(incident, (self.now)()));
        let (namespace, failure) = (&notice.workload.namespace, notice.diagnosis.failure);
        let mut pending = false;
        for Route { channel, only } in &alerting.routes {
            if !only.admits(namespace, notice.severity, failure) {
                continue;
            }
            if let Some(lane) = lanes.get_mut(channel) {
                pending |= lane.offer(&self.answered(&notice, channel));
            }
        }
        if pending {
            self.wake.notify_one();
        }
    }

    /// The notice for readers of `channel`: they can answer by buttons if presses there come in.
    fn answered(&self, notice: &Arc<Notice>, channel: &Channel) -> Arc<Notice> {
        let mut notice = Arc::clone(notice);
        if let Channel::SlackApp { token, .. } = channel {
            let answers = self.apps.answers(token);
            if notice.answers != answers {
                Arc::make_mut(&mut notice).answers = answers;
            }
        }
        notice
    }

    /// The incident is gone: nothing of it is told any more.
    pub fn forget(&self, incident: &IncidentId) {
        for lane in self.state().lanes.values_mut() {
            lane.forget(incident);
        }
    }

    /// What is wrong with the channels of a policy, in sentences that say what to fix. For its condition.
    #[must_use]
    pub fn problems(&self, policy: &Name) -> Vec<Text<256>> {
        let state = self.state();
        let channels = state.channels(policy);
        let problems = channels.filter_map(|channel| state.lanes.get(channel)?.problem.clone());
        let by_app = |channel: &Channel| matches!(channel, Channel::SlackApp { .. });
        let asks = state.channels(policy).any(by_app);
        let deaf = asks.then(|| self.apps.trouble()).flatten();
        problems.chain(deaf).collect()
    }

    /// How many messages' worth of incidents wait, over all channels.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.state().lanes.values().map(Lane::pending).sum()
    }

    /// Sends what is due, until dropped. `news` is called between messages and must not wait.
    pub async fn run(&self, news: impl Fn(News)) {
        let mut posts: FuturesUnordered<BoxFuture<'_, Sent>> = FuturesUnordered::new();
        loop {
            let wake_at = self.start_due(&posts, &news);
            tokio::select! {
                () = self.wake.notified() => {}
                Some((channel, result)) = posts.next(), if !posts.is_empty() => {
                    self.finish(&channel, result, &news);
                }
                () = sleep_until(wake_at) => {}
            }
        }
    }

    /// Starts a message on every lane that is due; gives the time at which the next one will be.
    fn start_due<'a>(
        &'a self,
        posts: &FuturesUnordered<BoxFuture<'a, Sent>>,
        news: &impl Fn(News),
    ) -> Instant {
        let mut wake_at = Duration::from_secs(3600) + self.clock.at(Duration::ZERO).elapsed();
        let mut problems = false;
        let mut state = self.state();
        for (channel, lane) in &mut state.lanes {
            let next = lane.next();
            if let Next::At(at) = next {
                wake_at = wake_at.min(at);
            }
            if matches!(next, Next::Idle | Next::At(_)) {
                continue;
            }
            match self.secrets.way(channel) {
                Ok(way) => {
                    let sent = self.start(lane, way, channel, next);
                    let channel = channel.clone();
                    posts.push(sent.map(|result| (channel, result)).boxed());
                }
                Err(e) => {
                    self.metrics
                        .alerted(channel::kind(channel), AlertResult::misconfigured);
                    problems |= lane.give_up(problem(channel, &e));
                    if let Next::At(at) = lane.next() {
                        wake_at = wake_at.min(at);
                    }
                }
            }
        }
        drop(state);
        if problems {
            news(News::Problems);
        }
        self.clock.at(wake_at)
    }

    /// Begins what is next on a lane.
    fn start<'a>(
        &'a self,
        lane: &mut Lane,
        way: Way,
        channel: &Channel,
        next: Next,
    ) -> BoxFuture<'a, Result<Option<Standing>, Failure>> {
        let (form, now) = (lane.form, (self.now)());
        match way {
            Way::Post(target) => {
                let body = write(lane, channel, next, now);
                let sent = self.post.send(target, body, now);
                sent.map(|sent| sent.map(|()| None)).boxed()
            }
            Way::Keyed(target, key) => {
                let Next::Single(notice) = next else {
                    return future::ready(Ok(None)).boxed();
                };
                let body = pagerduty::event(&notice, &key, now);
                lane.start(vec![notice]);
                let sent = self.post.send(target, body, now);
                sent.map(|sent| sent.map(|()| None)).boxed()
            }
            Way::App { channel, token } => {
                let Some(errand) = errand(lane, next) else {
                    return future::ready(Ok(None)).boxed();
                };
                let api = self.apps.of(&token);
                let desk = Desk {
                    api,
                    channel,
                    form,
                    now,
                };
                async move { desk.run(errand).await.map_err(Failure::from) }.boxed()
            }
        }
    }

    fn finish(
        &self,
        channel: &Channel,
        result: Result<Option<Standing>, Failure>,
        news: &impl Fn(News),
    ) {
        let mut state = self.state();
        let Some(lane) = state.lanes.get_mut(channel) else {
            return;
        };
        let mut posted = None;
        let (outcome, changed, told) = match result {
            Ok(standing) => {
                let moved = standing.filter(|standing| lane.keep(standing));
                posted = moved.and_then(|standing| posted_now(channel, standing));
                let (told, over) = lane.arrived();
                (AlertResult::sent, over, told)
            }
            Err(failure) => {
                let (outcome, changed) = fail(channel, lane, failure);
                (outcome, changed, Vec::new())
            }
        };
        self.metrics.alerted(channel::kind(channel), outcome);
        let told = everywhere(&state, told);
        drop(state);
        if changed {
            news(News::Problems);
        }
        // First where it stands: both are then written at once.
        if let Some(posted) = posted {
            news(News::Posted(posted));
        }
        if !told.is_empty() {
            news(News::Told(told));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The message to a channel without cards; what it is about is under way then.
fn write(lane: &mut Lane, channel: &Channel, next: Next, now: Timestamp) -> Vec<u8> {
    let form = lane.form;
    match next {
        Next::Single(notice) => {
            lane.start(vec![Arc::clone(&notice)]);
            match channel {
                Channel::Teams { .. } => teams::incident(&notice, form, now),
                Channel::Discord { .. } => discord::incident(&notice, form, now),
                Channel::Alertmanager { .. } => alertmanager::alerts(&[notice], now),
                Channel::Webhook { .. } => payload::incident(&notice, form, now),
                Channel::SlackWebhook { .. }
                | Channel::SlackApp { .. }
                | Channel::PagerDuty { .. } => slack::incident(&notice, form, now),
            }
        }
        Next::Digest(mut notices) if matches!(channel, Channel::Alertmanager { .. }) => {
            notices.truncate(alertmanager::AT_ONCE);
            let body = alertmanager::alerts(&notices, now);
            lane.start(notices);
            body
        }
        Next::Digest(notices) => {
            let digest = Digest::of(notices);
            lane.start(digest.named.clone());
            match channel {
                Channel::Teams { .. } => teams::digest(&digest, form),
                Channel::Discord { .. } => discord::digest(&digest, form),
                Channel::Webhook { .. } => payload::digest(&digest),
                Channel::SlackWebhook { .. }
                | Channel::SlackApp { .. }
                | Channel::PagerDuty { .. }
                | Channel::Alertmanager { .. } => slack::digest(&digest, form),
            }
        }
        Next::Again(notices) => {
            lane.start_again(&notices);
            alertmanager::alerts(&notices, now)
        }
        Next::Idle | Next::At(_) | Next::Refresh(_) => Vec::new(),
    }
}

/// What a Slack app is to do next.
fn errand(lane: &mut Lane, next: Next) -> Option<Errand> {
    match next {
        Next::Single(notice) => {
            lane.start(vec![Arc::clone(&notice)]);
            Some(match lane.card(&notice) {
                Some(standing) => Errand::Tell(standing),
                None => Errand::Post(notice),
            })
        }
        Next::Digest(notices) => {
            let digest = Digest::of(notices);
            lane.start(digest.named.clone());
            Some(Errand::Digest(digest))
        }
        Next::Refresh(refresh) => {
            lane.start_refresh();
            Some(Errand::Refresh(refresh))
        }
        Next::Idle | Next::At(_) | Next::Again(_) => None,
    }
}

fn posted_now(channel: &Channel, standing: Standing) -> Option<PostedNow> {
    let Channel::SlackApp { channel, .. } = channel else {
        return None;
    };
    Some(PostedNow {
        incident: standing.notice.id.clone(),
        channel: channel.clone(),
        post: standing.place.map(|place| place.kept(channel)),
    })
}

/// What one channel was told, as far as no other channel of the same policy still has to tell it. (One that has no
/// usable address does not count: it would keep everybody waiting for ever.)
fn everywhere(state: &State, told: Vec<Arc<Notice>>) -> Vec<ToldNow> {
    let waits = |notice: &Notice| {
        let channels = state.channels(&notice.policy);
        let mut lanes = channels.filter_map(|channel| state.lanes.get(channel));
        lanes.any(|lane| {
            !lane.misconfigured
                && lane
                    .pending_phase(&notice.id)
                    .is_some_and(|p| p == notice.tells())
        })
    };
    told.iter()
        .filter(|notice| !waits(notice))
        .map(|notice| ToldNow {
            incident: notice.id.clone(),
            workload: notice.workload.clone(),
            phase: notice.tells(),
        })
        .collect()
}

/// A message did not arrive. Returns the metric's label and whether the channel's problem is a new one.
fn fail(channel: &Channel, lane: &mut Lane, failure: Failure) -> (AlertResult, bool) {
    let (result, says, wait) = match failure {
        Failure::Limited(wait) => (
            AlertResult::limited,
            "the receiver asks for patience".into(),
            wait,
        ),
        Failure::Refused { says, wait } => (AlertResult::refused, says, wait),
        Failure::Unreachable(says) => (AlertResult::unreachable, says, None),
        Failure::Unfit(says) => {
            lane.form = Form::Plain;
            (AlertResult::refused, says, None)
        }
    };
    let changed = lane.failed(problem(channel, &says), wait);
    if changed {
        tracing::warn!(channel = channel::shown(channel), error = %says, "an alert did not arrive; it is kept and tried again");
    }
    (result, changed)
}

fn problem(channel: &Channel, says: &impl fmt::Display) -> Text<256> {
    Text::new(&format!("{}: {says}", channel::shown(channel)))
}

#[cfg(test)]
#[path = "slack_app_tests.rs"]
mod slack_app_tests;
#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
