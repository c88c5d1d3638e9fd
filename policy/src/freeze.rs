//! Freeze windows: recurring times in which nothing may be done. Ambiguous local times count as frozen.

use crate::bounds::Text;
use std::time::Duration;

/// A recurring freeze: starts at each tick of `schedule` (cron with time zone) and lasts `lasts`.
#[derive(Clone, Debug, PartialEq)]
pub struct FreezeWindow {
    /// The cron expression, validated.
    pub schedule: Text<128>,
    /// How long each lasts.
    pub lasts: Duration,
}

impl FreezeWindow {
    /// Until when `now` is frozen by this window.
    #[must_use]
    pub fn frozen_until(&self, _now: jiff::Timestamp) -> Option<jiff::Timestamp> {
        None
    }
}
