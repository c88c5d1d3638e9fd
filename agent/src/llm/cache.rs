//! Answers that were given: the same failure is explained once, however many workloads and incidents show it.

use podmender_policy::{
    bounds::{Name, Text},
    rules::SummaryRules,
    summary::Summary,
};
use std::{collections::VecDeque, time::Duration};

/// The most answers that are kept.
const MAX: usize = 256;
/// How long an answer counts.
const GOOD: Duration = Duration::from_secs(24 * 3600);
/// How long it counts that there was none.
const NONE: Duration = Duration::from_secs(15 * 60);

/// A question: the same words of the same policy to the same model, about one namespace. (What one team's failure was
/// explained with is not shown to another.)
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The policy that asks.
    pub policy: Name,
    /// Where the failing workload is.
    pub namespace: Name,
    /// Whom, and how.
    pub rules: SummaryRules,
    /// What fails, without numbers and names.
    pub fingerprint: Text<16>,
}

/// Answers, newest last. Times are since the agent began.
#[derive(Debug, Default)]
pub struct Cache {
    known: VecDeque<(Key, Option<Summary>, Duration)>,
}

impl Cache {
    /// What was answered; `Some(None)`: nothing that can be shown, not long ago.
    #[must_use]
    pub fn get(&self, key: &Key, now: Duration) -> Option<Option<&Summary>> {
        let (_, summary, _) = self
            .known
            .iter()
            .find(|(k, _, until)| k == key && now < *until)?;
        Some(summary.as_ref())
    }

    /// Keeps an answer.
    pub fn put(&mut self, key: Key, summary: Option<Summary>, now: Duration) {
        self.known.retain(|(k, _, until)| *k != key && now < *until);
        if self.known.len() >= MAX {
            self.known.pop_front();
        }
        let until = now + if summary.is_some() { GOOD } else { NONE };
        self.known.push_back((key, summary, until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::sample;

    #[test]
    fn answers_are_kept_for_a_day_and_failures_for_a_while() {
        let mut cache = Cache::default();
        let key = |n: u32| Key {
            fingerprint: Text::new(&n.to_string()),
            ..sample::key()
        };
        let at = Duration::from_secs;
        cache.put(key(1), Some(sample::summary()), at(0));
        cache.put(key(2), None, at(0));
        assert_eq!(cache.get(&key(1), at(3600)), Some(Some(&sample::summary())));
        assert_eq!(cache.get(&key(2), at(899)), Some(None));
        assert_eq!(cache.get(&key(2), at(900)), None);
        assert_eq!(cache.get(&key(1), at(24 * 3600)), None);
        assert_eq!(cache.get(&key(3), at(0)), None);
        for n in 0..1000 {
            cache.put(key(n), None, at(1));
        }
        assert!(cache.known.len() <= MAX);
        assert_eq!(cache.get(&key(999), at(2)), Some(None));
    }

    #[test]
    fn another_namespace_or_policy_asks_for_itself() {
        let mut cache = Cache::default();
        cache.put(sample::key(), Some(sample::summary()), Duration::ZERO);
        for other in [
            Key {
                namespace: "other".into(),
                ..sample::key()
            },
            Key {
                policy: "other/main".into(),
                ..sample::key()
            },
        ] {
            assert_eq!(cache.get(&other, Duration::ZERO), None);
        }
    }
}
