//! Calls to language models within a day: like remedies they are written down before they are made, so that no restart gives
//! a new day.

use super::{LONGEST_WINDOW, Ledger};
use crate::{
    bounds::Text,
    verify::{after, lasted},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// So many models and hours are told apart. What cannot be written down is not asked.
pub const MAX_CALLS: usize = 256;
const HOUR: Duration = Duration::from_secs(3600);

/// The calls to one model within one hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelCalls {
    /// The model, as policies name it.
    pub model: Text<128>,
    /// When the hour began.
    pub hour: Timestamp,
    /// How many there were.
    pub calls: u32,
}

impl ModelCalls {
    /// How long before `now` the newest of them may have been.
    #[must_use]
    pub fn ago(&self, now: Timestamp) -> Duration {
        let over = now.duration_since(after(self.hour, HOUR));
        Duration::try_from(over).unwrap_or_default()
    }
}

/// There is no room to write one more down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger has no room for one more model")]
pub struct NoRoom;

impl Ledger {
    /// Notes that `model` is called.
    ///
    /// # Errors
    /// [`NoRoom`]: nothing was noted, and nobody may be called.
    pub fn note_call(&mut self, model: &Text<128>, now: Timestamp) -> Result<(), NoRoom> {
        let second = now.as_second();
        let begun = second - second.rem_euclid(3600);
        let hour = Timestamp::from_second(begun).unwrap_or(now);
        let same = |c: &&mut ModelCalls| c.model == *model && c.hour == hour;
        if let Some(known) = self.calls.iter_mut().find(same) {
            known.calls = known.calls.saturating_add(1);
            return Ok(());
        }
        if self.calls.len() >= MAX_CALLS {
            return Err(NoRoom);
        }
        self.calls.push(ModelCalls {
            model: model.clone(),
            hour,
            calls: 1,
        });
        Ok(())
    }

    /// Drops those of hours that were over a day ago.
    pub(super) fn prune_calls(&mut self, now: Timestamp) {
        self.calls
            .retain(|c| !lasted(after(c.hour, HOUR), now, LONGEST_WINDOW));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time() -> Timestamp {
        "2026-11-21T03:59:30Z".parse().expect("a time")
    }

    #[test]
    fn fault_61_calls_are_kept_by_the_hour_for_a_day_and_no_longer() {
        let mut ledger = Ledger::default();
        for minute in 0..(3 * 24 * 60) {
            let now = after(time(), Duration::from_secs(60 * minute));
            ledger.prune(now);
            ledger.note_call(&"m".into(), now).expect("room");
            assert!(ledger.calls.len() <= 26, "{}", ledger.calls.len());
            let day = |c: &&ModelCalls| c.ago(now) < LONGEST_WINDOW;
            let counted: u32 = ledger.calls.iter().filter(day).map(|c| c.calls).sum();
            let made = (minute + 1).min(24 * 60);
            assert!(
                u64::from(counted) >= made,
                "none of the last day is forgotten"
            );
        }
        // A clock that went back makes none of them old.
        ledger.prune(time());
        assert!(ledger.calls.iter().any(|c| c.ago(time()).is_zero()));
    }

    #[test]
    fn fault_61_what_cannot_be_written_down_is_not_asked() {
        let mut ledger = Ledger::default();
        let model = |n: usize| Text::from(format!("{}{n}", "m".repeat(120)));
        for n in 0..MAX_CALLS {
            assert_eq!(ledger.note_call(&model(n), time()), Ok(()));
        }
        assert_eq!(ledger.note_call(&"one-more".into(), time()), Err(NoRoom));
        assert_eq!(ledger.note_call(&model(7), time()), Ok(()));
        let size = serde_json::to_string(&ledger.calls).expect("JSON").len();
        assert!(size < 64 << 10, "{size}");
    }
}
