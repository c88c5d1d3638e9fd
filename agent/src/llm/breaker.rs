//! Leaves an endpoint alone that fails: first for a minute, then for longer, and asks it once before trusting it again.

use std::time::Duration;

/// So many failures in a row open it.
const PATIENCE: u32 = 3;
/// How long it stays open at first, and at most.
const REST: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(15 * 60));

/// The breaker of one endpoint. Times are since the agent began.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    failures: u32,
    until: Duration,
}

impl Breaker {
    /// Whether a call may be made now; otherwise from when on.
    ///
    /// # Errors
    /// The time until which the endpoint is left alone.
    pub fn check(&self, now: Duration) -> Result<(), Duration> {
        if now < self.until {
            Err(self.until)
        } else {
            Ok(())
        }
    }

    /// The endpoint answered.
    pub fn worked(&mut self) {
        *self = Self::default();
    }

    /// It did not. `wait`: for how long it asks to be left alone itself (Retry-After).
    pub fn failed(&mut self, now: Duration, wait: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        let rest = match self.failures.checked_sub(PATIENCE) {
            Some(more) => REST.0.saturating_mul(1 << more.min(4)),
            None => Duration::ZERO,
        };
        let rest = rest.max(wait.unwrap_or_default()).min(REST.1);
        self.until = self.until.max(now + rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_three_failures_and_one_success_closes_it() {
        let mut breaker = Breaker::default();
        let at = Duration::from_secs;
        for second in 0..2 {
            breaker.failed(at(second), None);
            assert_eq!(breaker.check(at(second)), Ok(()));
        }
        breaker.failed(at(2), None);
        assert_eq!(breaker.check(at(61)), Err(at(62)));
        assert_eq!(breaker.check(at(62)), Ok(()), "one try");
        breaker.failed(at(62), None);
        assert_eq!(breaker.check(at(100)), Err(at(182)), "twice as long");
        for n in 0..100 {
            breaker.failed(at(1000 + n), None);
        }
        assert_eq!(breaker.check(at(1099)), Err(at(1099 + 900)), "never longer");
        breaker.worked();
        assert_eq!(breaker.check(at(1099)), Ok(()));
    }

    #[test]
    fn an_endpoint_that_asks_for_patience_gets_it_at_once() {
        let mut breaker = Breaker::default();
        breaker.failed(Duration::ZERO, Some(Duration::from_secs(30)));
        assert_eq!(
            breaker.check(Duration::from_secs(29)),
            Err(Duration::from_secs(30))
        );
        breaker.failed(Duration::ZERO, Some(Duration::from_secs(86_400)));
        assert_eq!(
            breaker.check(Duration::ZERO),
            Err(Duration::from_secs(900)),
            "within reason"
        );
    }
}
