//! How fast a channel may go, and the clock by which that is measured.

use crate::alert::notice::is_news;
use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use podmender_policy::incident::Phase;
use std::{num::NonZeroU32, time::Duration};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// Whether a message may be about many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bundle {
    /// Where many come at once, one message is about all.
    Many,
    /// Each incident is closed by itself on the other side, so each of its steps is told by itself; also that somebody has
    /// answered.
    Each,
}

impl Bundle {
    pub(super) fn is_news(self, told: Option<Phase>, now: Phase) -> bool {
        let acts = matches!(now, Phase::Remediating | Phase::Verifying);
        let answered = told == Some(Phase::AwaitingApproval) && acts;
        is_news(told, now) || (answered && self == Self::Each)
    }
}

/// How fast a channel may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Whether messages may be about many.
    pub bundle: Bundle,
    /// Messages that may go at once after a pause; then one per `period`. Follow-ups leave it to first news.
    pub burst: NonZeroU32,
    /// The least time between two messages in the long run.
    pub period: Duration,
    /// How long a follow-up leaves the burst to first news before it counts as much.
    pub patience: Duration,
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
    /// At most `most` messages in any minute, up to `burst` of them at once: a storm of 200 workloads that unfolds within 30 s
    /// makes `burst` messages before it is known to be one, and two digests.
    #[must_use]
    pub fn per_minute(most: NonZeroU32, burst: NonZeroU32) -> Self {
        // Whatever was saved up comes on top of what the period lets through.
        let rest = most.get().saturating_sub(burst.get()).max(1);
        Self {
            bundle: Bundle::Many,
            burst,
            period: MINUTE / rest,
            patience: Duration::from_secs(15),
            settle: Duration::from_secs(2),
            pause_each: Duration::from_millis(250),
            pause_min: Duration::from_secs(2),
            pause_max: Duration::from_secs(15),
            pause_storm: Duration::from_secs(30),
            retry: Duration::from_secs(1),
            retry_max: Duration::from_secs(15),
        }
    }

    /// Lets messages through at this pace.
    pub(super) fn limiter(self, clock: Uptime) -> Limiter {
        let quota = Quota::with_period(self.period)
            .unwrap_or(Quota::per_second(NonZeroU32::MIN))
            .allow_burst(self.burst);
        RateLimiter::direct_with_clock(quota, clock)
    }

    /// Lets cards be brought up to date: three at once, and a quarter slower than messages (`chat.update` may be called 50
    /// times a minute).
    pub(super) fn refreshes(self, clock: Uptime) -> Limiter {
        const AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);
        let slower = Self {
            burst: AT_ONCE,
            period: self.period + self.period / 4,
            ..self
        };
        slower.limiter(clock)
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

/// Whether one more may go now.
pub(super) type Limiter = RateLimiter<NotKeyed, InMemoryState, Uptime, NoOpMiddleware<Duration>>;
