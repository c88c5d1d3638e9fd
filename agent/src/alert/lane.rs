//! When which message goes to one channel: no I/O here, so that every rule can be tested without waiting.

use crate::alert::notice::{Notice, is_news};
use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use podmender_policy::{
    bounds::Text,
    decide::Reason,
    incident::{IncidentId, Phase},
};
use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};
use tokio::time::Instant;

/// More than this many at once become one digest.
const SINGLES: usize = 3;
/// From this many on, notices are kept without what only a single message shows.
const SLIM_FROM: usize = 50;

/// How fast a channel may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Messages that may go at once after a pause; then one per `period`.
    pub burst: NonZeroU32,
    /// The least time between two messages in the long run.
    pub period: Duration,
    /// How long a digest waits for more to put in.
    pub settle: Duration,
    /// The pause after a digest: this for each entry, at least `pause_min`, at most `pause_max`.
    pub pause_each: Duration,
    /// See `pause_each`.
    pub pause_min: Duration,
    /// See `pause_each`.
    pub pause_max: Duration,
    /// The pause after a message about a storm: what still comes in joins the next one.
    pub pause_storm: Duration,
    /// The first wait after a failure; doubles up to `retry_max`.
    pub retry: Duration,
    /// The longest wait after a failure (a receiver may ask for more with Retry-After).
    pub retry_max: Duration,
}

impl Pace {
    /// One message a second, in bursts of `burst`: a storm of 200 workloads in 30 s makes at most `burst` + 2 messages.
    #[must_use]
    pub fn with_burst(burst: NonZeroU32) -> Self {
        Self {
            burst,
            period: Duration::from_secs(1),
            settle: Duration::from_secs(2),
            pause_each: Duration::from_millis(250),
            pause_min: Duration::from_secs(2),
            pause_max: Duration::from_secs(15),
            pause_storm: Duration::from_secs(30),
            retry: Duration::from_secs(1),
            retry_max: Duration::from_secs(15),
        }
    }
}

/// Time since the outbox began, as governor wants it; follows tokio's clock, which tests can hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uptime(Instant);

impl Uptime {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
    pub(crate) fn at(self, time: Duration) -> Instant {
        self.0 + time
    }
}

impl Clock for Uptime {
    type Instant = Duration;
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Uptime, NoOpMiddleware<Duration>>;

/// What a lane wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Nothing, until something is offered or a message has arrived.
    Idle,
    /// Nothing before this time.
    At(Duration),
    /// One message about this.
    Single(Arc<Notice>),
    /// One message about as many of these as fit.
    Digest(Vec<Arc<Notice>>),
}

/// How much of a message is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Everything.
    #[default]
    Full,
    /// The least: the receiver called the full form invalid or too long.
    Plain,
}

#[derive(Debug)]
struct Pending {
    notice: Arc<Notice>,
    since: Duration,
}

/// The messages of one channel: pending, under way, told.
#[derive(Debug)]
pub(crate) struct Lane {
    pace: Pace,
    clock: Uptime,
    limiter: Limiter,
    pending: BTreeMap<IncidentId, Pending>,
    under_way: Vec<Arc<Notice>>,
    /// What this channel was told and the incident's status does not say yet.
    told: BTreeMap<IncidentId, Phase>,
    not_before: Duration,
    failures: u32,
    /// How the next message is written.
    pub(crate) form: Form,
    /// What is wrong with the channel, for the policy's condition.
    pub(crate) problem: Option<Text<256>>,
    /// The address cannot be used at all: nobody waits for this channel.
    pub(crate) misconfigured: bool,
}

impl Lane {
    pub(crate) fn new(pace: Pace, clock: Uptime) -> Self {
        Self {
            pace,
            clock,
            limiter: limiter(pace, clock),
            pending: BTreeMap::new(),
            under_way: Vec::new(),
            told: BTreeMap::new(),
            not_before: Duration::ZERO,
            failures: 0,
            form: Form::Full,
            problem: None,
            misconfigured: false,
        }
    }

    /// Changes the pace, if it is another one.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        if self.pace != pace {
            self.pace = pace;
            self.limiter = limiter(pace, self.clock);
        }
    }

    /// Takes the newest state of an incident; replaces what was pending of it, or drops it if it is no news any more.
    /// Returns whether anything is pending now.
    pub(crate) fn offer(&mut self, notice: &Arc<Notice>) -> bool {
        let id = &notice.id;
        let known = self.told.get(id).copied();
        if known.is_some() && known == notice.told {
            self.told.remove(id);
        }
        let told = known.or(notice.told);
        // While a message is under way it is open what will have been told: keep the newest state until then.
        let open = self.under_way.iter().any(|n| &n.id == id);
        if !open && !is_news(told, notice.phase) {
            self.pending.remove(id);
            return false;
        }
        let mut notice = Arc::clone(notice);
        if told != notice.told || self.pending.len() >= SLIM_FROM {
            let kept = Arc::make_mut(&mut notice);
            kept.told = told;
            if self.pending.len() >= SLIM_FROM {
                kept.slim();
            }
        }
        let since = match self.pending.get(id) {
            Some(before) => before.since,
            None => self.clock.now(),
        };
        self.pending.insert(id.clone(), Pending { notice, since });
        true
    }

    /// The incident is gone.
    pub(crate) fn forget(&mut self, id: &IncidentId) {
        self.pending.remove(id);
        self.told.remove(id);
    }

    /// The phase of an incident that is still to be told here.
    pub(crate) fn pending_phase(&self, id: &IncidentId) -> Option<Phase> {
        self.pending.get(id).map(|p| p.notice.tells())
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What to do now. `Single` and `Digest` are to be followed by [`Lane::start`] or [`Lane::give_up`].
    pub(crate) fn next(&self) -> Next {
        if self.pending.is_empty() || !self.under_way.is_empty() {
            return Next::Idle;
        }
        let now = self.clock.now();
        if now < self.not_before {
            return Next::At(self.not_before);
        }
        let Some(oldest) = self.pending.values().min_by_key(|p| p.since) else {
            return Next::Idle;
        };
        // In a storm nobody reads single messages: even the first waits a moment for those that come with it.
        let storm = self.pending.values().any(|p| in_storm(&p.notice));
        let many = self.pending.len() > SINGLES || storm;
        if many && now < oldest.since + self.pace.settle {
            return Next::At(oldest.since + self.pace.settle);
        }
        if let Err(early) = self.limiter.check() {
            let wait = early.wait_time_from(now).max(Duration::from_millis(1));
            return Next::At(now + wait);
        }
        if many && self.pending.len() > 1 {
            let all = self.pending.values().map(|p| Arc::clone(&p.notice));
            Next::Digest(all.collect())
        } else {
            Next::Single(Arc::clone(&oldest.notice))
        }
    }

    /// A message about these is under way.
    pub(crate) fn start(&mut self, about: Vec<Arc<Notice>>) {
        self.under_way = about;
    }

    /// The receiver took it. Returns what it was told, and whether the channel had a problem that is over now.
    pub(crate) fn arrived(&mut self) -> (Vec<Arc<Notice>>, bool) {
        let told = std::mem::take(&mut self.under_way);
        for notice in &told {
            let (id, phase) = (&notice.id, notice.tells());
            self.told.insert(id.clone(), phase);
            match self.pending.get_mut(id) {
                Some(p) if is_news(Some(phase), p.notice.phase) => {
                    Arc::make_mut(&mut p.notice).told = Some(phase);
                }
                Some(_) => {
                    self.pending.remove(id);
                }
                None => {}
            }
        }
        if told.len() > 1 {
            let entries = u32::try_from(told.len()).unwrap_or(u32::MAX);
            let pause = self.pace.pause_each.saturating_mul(entries);
            let pause = pause.clamp(self.pace.pause_min, self.pace.pause_max);
            let storm = told.iter().any(|notice| in_storm(notice));
            let pause = if storm { self.pace.pause_storm } else { pause };
            self.not_before = self.clock.now() + pause;
        }
        self.failures = 0;
        self.form = Form::Full;
        self.misconfigured = false;
        (told, self.problem.take().is_some())
    }

    /// The receiver did not take it: all of it stays pending. Returns whether the problem is a new one.
    pub(crate) fn failed(&mut self, problem: Text<256>, asked_wait: Option<Duration>) -> bool {
        self.under_way.clear();
        self.failures = self.failures.saturating_add(1);
        let doubled = 1u32 << (self.failures - 1).min(16);
        let wait = self
            .pace
            .retry
            .saturating_mul(doubled)
            .min(self.pace.retry_max);
        self.not_before = self.clock.now() + wait.max(asked_wait.unwrap_or_default());
        self.misconfigured = false;
        self.complain(problem)
    }

    /// There is no usable address: looked at again a while later. Returns whether the problem is a new one.
    pub(crate) fn give_up(&mut self, problem: Text<256>) -> bool {
        self.under_way.clear();
        self.not_before = self.clock.now() + self.pace.retry_max;
        self.misconfigured = true;
        self.complain(problem)
    }

    fn complain(&mut self, problem: Text<256>) -> bool {
        let new = self.problem.as_ref() != Some(&problem);
        self.problem = Some(problem);
        new
    }
}

fn in_storm(notice: &Notice) -> bool {
    notice.reason == Reason::Storm
}

fn limiter(pace: Pace, clock: Uptime) -> Limiter {
    let quota = Quota::with_period(pace.period)
        .unwrap_or(Quota::per_second(NonZeroU32::MIN))
        .allow_burst(pace.burst);
    RateLimiter::direct_with_clock(quota, clock)
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
