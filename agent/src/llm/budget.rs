//! How often a model may be asked: so many calls in any minute, and so many in any 24 hours, whatever fails.

use crate::alert::pace::Uptime;
use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use std::{
    collections::{BTreeMap, VecDeque},
    num::NonZeroU32,
    time::Duration,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// The running hour and the 24 before it: a little more than a day, so never too much in one.
const HOURS: u64 = 24;
/// The number of the hour in which the agent began: earlier ones count, too.
const BEGAN: u64 = HOURS + 1;

/// Why there is no call now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// The minute's calls are used up until then (time since the agent began).
    Minute(Duration),
    /// The day's are.
    Day,
}

/// The calls of an earlier life of the agent, by hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier(BTreeMap<u64, u32>);

impl Earlier {
    /// Adds calls that were made so long before the agent began.
    pub fn add(&mut self, before: Duration, calls: u32) {
        let hours = before.as_secs().div_ceil(HOUR.as_secs());
        if let Some(hour) = BEGAN.checked_sub(hours) {
            let known = self.0.entry(hour).or_default();
            *known = known.saturating_add(calls);
        }
    }

    /// How many of them count.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.0
            .values()
            .fold(0, |all, calls| all.saturating_add(*calls))
    }
}

/// The budget of one endpoint.
pub struct Budget {
    minute: RateLimiter<NotKeyed, InMemoryState, Uptime, NoOpMiddleware<Duration>>,
    per_day: u32,
    /// Calls by hour, oldest first; the agent began in hour [`BEGAN`].
    day: VecDeque<(u64, u32)>,
    clock: Uptime,
}

impl Budget {
    /// A budget from which the day's earlier calls are taken.
    #[must_use]
    pub(crate) fn new(per_minute: u32, per_day: u32, earlier: &Earlier, clock: Uptime) -> Self {
        let quota = quota(per_minute.max(1));
        Self {
            minute: RateLimiter::direct_with_clock(quota, clock),
            per_day,
            day: earlier.0.iter().map(|(h, calls)| (*h, *calls)).collect(),
            clock,
        }
    }

    /// Takes one call.
    ///
    /// # Errors
    /// There is none left: nothing was taken.
    pub fn take(&mut self) -> Result<(), Spent> {
        let now = self.clock.now();
        let hour = BEGAN + now.as_secs() / HOUR.as_secs();
        while self.day.front().is_some_and(|(h, _)| h + HOURS < hour) {
            self.day.pop_front();
        }
        if self.today() >= self.per_day {
            return Err(Spent::Day);
        }
        if let Err(wait) = self.minute.check() {
            return Err(Spent::Minute(now + wait.wait_time_from(now)));
        }
        match self.day.back_mut() {
            Some((h, calls)) if *h == hour => *calls += 1,
            _ => self.day.push_back((hour, 1)),
        }
        Ok(())
    }

    fn today(&self) -> u32 {
        let calls = self.day.iter().map(|(_, calls)| *calls);
        calls.fold(0, u32::saturating_add)
    }
}

/// A burst and a pace that are together never more than `calls` in any minute.
fn quota(calls: u32) -> Quota {
    let burst = NonZeroU32::new(calls.div_ceil(2)).unwrap_or(NonZeroU32::MIN);
    let more = calls.saturating_sub(burst.get());
    // A moment longer than even, so that the minute's last one does not fall into it.
    let period = MINUTE.mul_f64(1.01) / more.saturating_add(u32::from(more == 0));
    let paced = Quota::with_period(period).unwrap_or_else(|| Quota::per_hour(NonZeroU32::MIN));
    paced.allow_burst(burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks every 100 ms for `time`, and says when it was allowed.
    async fn calls(per_minute: u32, per_day: u32, time: Duration) -> Vec<Duration> {
        let clock = Uptime::start();
        let mut budget = Budget::new(per_minute, per_day, &Earlier::default(), clock);
        let mut taken = Vec::new();
        while clock.now() < time {
            if budget.take().is_ok() {
                taken.push(clock.now());
            }
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn fault_61_never_more_in_any_minute_than_the_policy_allows() {
        for per_minute in [1, 2, 3, 6, 60] {
            let taken = calls(per_minute, 10_000, Duration::from_secs(600)).await;
            for (i, from) in taken.iter().enumerate() {
                let within = taken[i..].iter().filter(|t| **t < *from + MINUTE).count();
                assert!(within <= per_minute as usize, "{within} of {per_minute}");
            }
            assert!(
                taken.len() as u32 >= 3 * per_minute,
                "{} of {per_minute}",
                taken.len()
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn fault_61_the_day_has_a_hard_end() {
        let clock = Uptime::start();
        let mut budget = Budget::new(60, 5, &Earlier::default(), clock);
        let mut taken = Vec::new();
        for _ in 0..(3 * 24 * 60) {
            if budget.take().is_ok() {
                taken.push(clock.now());
            }
            tokio::time::advance(MINUTE).await;
        }
        for (i, from) in taken.iter().enumerate() {
            let day = *from + 24 * HOUR;
            assert!(taken[i..].iter().filter(|t| **t < day).count() <= 5);
        }
        assert!(taken.len() >= 10, "it comes back: {taken:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn fault_61_a_new_life_begins_with_the_calls_of_the_last_one() {
        let mut earlier = Earlier::default();
        // Longer ago than a day counts no more; just now, and almost a day ago, do.
        for minutes in [0, 90, 23 * 60, 26 * 60, 500 * 60] {
            earlier.add(minutes * MINUTE, 1);
        }
        let clock = Uptime::start();
        let mut budget = Budget::new(60, 4, &earlier, clock);
        assert_eq!(budget.take(), Ok(()));
        assert_eq!(budget.take(), Err(Spent::Day));
        tokio::time::advance(3 * HOUR).await;
        assert_eq!(budget.take(), Ok(()), "that of almost a day ago is over");
        assert_eq!(budget.take(), Err(Spent::Day));
        tokio::time::advance(25 * HOUR).await;
        for _ in 0..4 {
            assert_eq!(budget.take(), Ok(()));
        }
    }
}
