//! Freeze windows: recurring times in which nothing may be done. Ambiguous local times count as frozen.
//!
//! A schedule is a cron expression with a time zone. Its fields are matched against the wall clock of that zone, and
//! only then turned into points in time, because that is where daylight saving bites: a start that the clock skips
//! still counts, a start that it shows twice counts from the first to the end of the second, and a window over a clock
//! change lasts until both readings of its end (so long on the clock, so long in fact) are past. Fault 25, rule A9.

use crate::bounds::Text;
use cronexpr::{Crontab, MakeTimestamp};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use std::{fmt, time::Duration};

/// Two starts may not be closer than this: a window that is open nearly always is `paused` in disguise, and each look
/// at a policy would have to walk through thousands of starts.
const LEAST_BETWEEN_STARTS: SignedDuration = SignedDuration::from_mins(15);
/// Starts are looked at this long after the first to find two that are too close.
const CHECKED: SignedDuration = SignedDuration::from_hours(26);
/// No time zone ever jumped further at once (Samoa skipped a day in 2011).
const LARGEST_JUMP: SignedDuration = SignedDuration::from_hours(25);
/// How many windows that overlap are followed to tell the end of a freeze.
const OVERLAPS: usize = 4;

/// A recurring freeze: starts at each tick of `schedule` (cron with time zone) and lasts `lasts`.
#[derive(Clone)]
pub struct FreezeWindow {
    /// The cron expression as written, with its time zone.
    pub schedule: Text<128>,
    /// How long each lasts.
    pub lasts: Duration,
    /// The five fields, to be matched against the wall clock (as if it were UTC).
    fields: Crontab,
    zone: TimeZone,
}

/// Why a schedule is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// It has no time zone.
    #[error("no time zone")]
    NoZone,
    /// Its time zone does not exist.
    #[error("no time zone is called {0:?}")]
    UnknownZone(Text<64>),
    /// Its fields cannot be read.
    #[error("not a cron expression")]
    BadFields,
    /// It never comes.
    #[error("never comes")]
    Never,
    /// It comes all the time.
    #[error("comes more often than every 15 minutes")]
    TooOften,
}

impl BadSchedule {
    /// What to write instead.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        match self {
            Self::NoZone => "add one after the five fields, such as `0 22 * * FRI Europe/Berlin`",
            Self::UnknownZone(_) => {
                "write a name of the IANA time zone database, such as Europe/Berlin or UTC"
            }
            Self::BadFields => {
                "write minute, hour, day of month, month, day of week and time zone, such as `0 22 * * FRI Europe/Berlin`"
            }
            Self::Never => "write a date that exists",
            Self::TooOften => "write fewer starts and a longer duration, or paused: true",
        }
    }
}

impl FreezeWindow {
    /// Reads a schedule.
    ///
    /// # Errors
    /// See [`BadSchedule`]. A time zone is required: a freeze that moves with the machine's zone freezes the wrong time.
    pub fn parse(schedule: &str, lasts: Duration) -> Result<Self, BadSchedule> {
        let words: Vec<&str> = schedule.split_ascii_whitespace().collect();
        let [fields @ .., zone] = words.as_slice() else {
            return Err(BadSchedule::BadFields);
        };
        match fields.len() {
            5 if schedule.len() <= 128 => {}
            4 => return Err(BadSchedule::NoZone),
            _ => return Err(BadSchedule::BadFields),
        }
        let window = Self {
            schedule: Text::new(schedule),
            lasts,
            fields: cronexpr::parse_crontab(&format!("{} UTC", fields.join(" ")))
                .map_err(|_| BadSchedule::BadFields)?,
            zone: TimeZone::get(zone).map_err(|_| BadSchedule::UnknownZone(Text::new(zone)))?,
        };
        window.check_starts()?;
        Ok(window)
    }

    fn check_starts(&self) -> Result<(), BadSchedule> {
        // Any date does: what a schedule can do in a day, it does on the first day that it matches.
        let first = self
            .start_after(Timestamp::UNIX_EPOCH)
            .ok_or(BadSchedule::Never)?;
        let mut start = first;
        while start.duration_since(first) < CHECKED {
            let Some(next) = self.start_after(start) else {
                break;
            };
            if next.duration_since(start) < LEAST_BETWEEN_STARTS {
                return Err(BadSchedule::TooOften);
            }
            start = next;
        }
        Ok(())
    }

    /// Until when `now` is frozen by this window; a later look may find it frozen for longer still.
    /// A time that cannot be reckoned with is frozen for an hour.
    #[must_use]
    pub fn frozen_until(&self, now: Timestamp) -> Option<Timestamp> {
        if !is_reasonable(now) {
            return Some(
                now.checked_add(SignedDuration::from_hours(1))
                    .unwrap_or(Timestamp::MAX),
            );
        }
        let mut end = self.open_until(now)?;
        for _ in 0..OVERLAPS {
            match self.open_until(end) {
                Some(later) if later > end => end = later,
                _ => break,
            }
        }
        Some(end)
    }

    /// The end of the first window that is open at `now`. The first proves the freeze; to look for the last would mean
    /// to walk through every start of a long window.
    fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        let lasts = SignedDuration::try_from(self.lasts).ok()?;
        let slack = self.slack(now, lasts);
        let wall = wall_clock(now, &self.zone)?;
        let last = wall.checked_add(slack).ok()?;
        let mut at = wall.checked_sub(lasts).ok()?.checked_sub(slack).ok()?;
        while let Some(start) = self.start_after(at).filter(|start| *start <= last) {
            if let Some((opens, closes)) = self.span(start, lasts)
                && opens <= now
                && now < closes
            {
                return Some(closes);
            }
            at = start;
        }
        None
    }

    /// How far wall clock and time can have drifted apart around `now`: not at all, unless the clock was changed.
    fn slack(&self, now: Timestamp, lasts: SignedDuration) -> SignedDuration {
        let far = LARGEST_JUMP + LARGEST_JUMP;
        let (Ok(from), Ok(to)) = (now.checked_sub(lasts + far), now.checked_add(far)) else {
            return LARGEST_JUMP;
        };
        match self.zone.following(from).next() {
            Some(change) if change.timestamp() <= to => LARGEST_JUMP,
            _ => SignedDuration::ZERO,
        }
    }

    /// From when to when the window that starts at this wall clock time is open, by the widest reading.
    fn span(&self, start: Timestamp, lasts: SignedDuration) -> Option<(Timestamp, Timestamp)> {
        let (opens, last_start) = self.readings(start)?;
        let (_, by_the_clock) = self.readings(start.checked_add(lasts).ok()?)?;
        Some((opens, last_start.checked_add(lasts).ok()?.max(by_the_clock)))
    }

    /// The first and the last point in time that a wall clock time can mean.
    fn readings(&self, wall: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let ambiguous = self.zone.to_ambiguous_timestamp(civil(wall));
        let one = ambiguous.earlier().ok()?;
        let other = ambiguous.later().ok()?;
        Some((one.min(other), one.max(other)))
    }

    /// The next start after `at`; both are wall clock times, written as if in UTC.
    fn start_after(&self, at: Timestamp) -> Option<Timestamp> {
        // The library adds four years without a check.
        if !is_reasonable(at) {
            return None;
        }
        self.fields
            .find_next(MakeTimestamp(at))
            .ok()
            .map(|next| next.timestamp())
    }
}

/// Years in which dates can be added up without overflow.
fn is_reasonable(at: Timestamp) -> bool {
    (-2_208_988_800..=253_000_000_000).contains(&at.as_second())
}

/// The wall clock of `zone` at `now`, written as if in UTC.
fn wall_clock(now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(zone.to_datetime(now)).ok()
}

fn civil(wall: Timestamp) -> DateTime {
    TimeZone::UTC.to_datetime(wall)
}

impl PartialEq for FreezeWindow {
    fn eq(&self, other: &Self) -> bool {
        (&self.schedule, self.lasts) == (&other.schedule, other.lasts)
    }
}

impl Eq for FreezeWindow {}

impl PartialOrd for FreezeWindow {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FreezeWindow {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (&self.schedule, self.lasts).cmp(&(&other.schedule, other.lasts))
    }
}

impl fmt::Debug for FreezeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FreezeWindow({} for {:?})", self.schedule, self.lasts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(schedule: &str, hours: u64) -> FreezeWindow {
        FreezeWindow::parse(schedule, Duration::from_secs(hours * 3600)).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn until(window: &FreezeWindow, now: &str) -> Option<String> {
        window.frozen_until(at(now)).map(|t| t.to_string())
    }

    #[test]
    fn a_weekend_is_frozen_from_friday_night_to_monday_morning() {
        let w = window("0 22 * * FRI Europe/Berlin", 56);
        assert_eq!(until(&w, "2026-11-20T20:59:59Z"), None);
        assert_eq!(
            until(&w, "2026-11-20T21:00:00Z").as_deref(),
            Some("2026-11-23T05:00:00Z")
        );
        assert_eq!(
            until(&w, "2026-11-23T04:59:59Z").as_deref(),
            Some("2026-11-23T05:00:00Z")
        );
        assert_eq!(until(&w, "2026-11-23T05:00:00Z"), None);
    }

    #[test]
    fn fault_25_a_start_that_the_clock_skips_is_frozen() {
        // 2026-03-29: Berlin goes from 02:00 to 03:00; 02:30 is either 01:30Z or 00:30Z.
        let w = window("30 2 * * * Europe/Berlin", 1);
        assert_eq!(until(&w, "2026-03-29T00:29:59Z"), None);
        assert!(until(&w, "2026-03-29T00:30:00Z").is_some());
        assert!(until(&w, "2026-03-29T01:45:00Z").is_some());
        assert_eq!(until(&w, "2026-03-29T02:30:00Z"), None);
    }

    #[test]
    fn fault_25_a_start_that_the_clock_shows_twice_is_frozen_throughout() {
        // 2026-10-25: Berlin shows 02:30 at 00:30Z and again at 01:30Z.
        let w = window("30 2 * * * Europe/Berlin", 1);
        assert_eq!(until(&w, "2026-10-25T00:29:59Z"), None);
        assert_eq!(
            until(&w, "2026-10-25T00:30:00Z").as_deref(),
            Some("2026-10-25T02:30:00Z")
        );
        assert!(until(&w, "2026-10-25T01:29:00Z").is_some());
        assert_eq!(until(&w, "2026-10-25T02:30:00Z"), None);
    }

    #[test]
    fn fault_25_a_window_over_a_clock_change_ends_when_both_readings_are_past() {
        let w = window("0 22 * * FRI Europe/Berlin", 56);
        // Autumn: Monday 06:00 on the clock is 57 hours later in fact.
        assert_eq!(
            until(&w, "2026-10-24T12:00:00Z").as_deref(),
            Some("2026-10-26T05:00:00Z")
        );
        // Spring: 56 hours later in fact is Monday 07:00 on the clock.
        assert_eq!(
            until(&w, "2026-03-28T12:00:00Z").as_deref(),
            Some("2026-03-30T05:00:00Z")
        );
    }

    #[test]
    fn fault_25_a_day_that_a_zone_skipped_is_frozen() {
        // Samoa had no 2011-12-30.
        let w = window("0 12 30 12 * Pacific/Apia", 1);
        assert!(until(&w, "2011-12-30T22:30:00Z").is_some());
    }

    #[test]
    fn fault_25_bad_zones_and_schedules_are_refused() {
        let parse = |s: &str| FreezeWindow::parse(s, Duration::from_secs(3600)).unwrap_err();
        assert_eq!(parse("0 22 * * FRI"), BadSchedule::NoZone);
        assert_eq!(
            parse("0 22 * * FRI Europe/Atlantis"),
            BadSchedule::UnknownZone("Europe/Atlantis".into())
        );
        assert_eq!(
            parse("0 22 * * FRI ../../etc/passwd"),
            BadSchedule::UnknownZone("../../etc/passwd".into())
        );
        assert_eq!(parse("61 22 * * FRI UTC"), BadSchedule::BadFields);
        assert_eq!(parse("H 22 * * FRI UTC"), BadSchedule::BadFields);
        assert_eq!(parse(""), BadSchedule::BadFields);
        assert_eq!(parse("0 0 30 2 * UTC"), BadSchedule::Never);
        assert_eq!(parse("* * * * * UTC"), BadSchedule::TooOften);
        assert_eq!(parse("0,5 3 * * * UTC"), BadSchedule::TooOften);
    }

    #[test]
    fn overlapping_windows_are_one_long_freeze() {
        let w = window("0 * * * * UTC", 2);
        assert!(
            w.frozen_until(at("2026-11-20T12:34:56Z"))
                .is_some_and(|end| end > at("2026-11-20T16:00:00Z"))
        );
    }

    #[test]
    fn fault_23_a_mad_clock_is_frozen_and_never_panics() {
        let w = window("0 22 * * FRI Europe/Berlin", 56);
        for now in [Timestamp::MIN, Timestamp::MAX] {
            assert!(w.frozen_until(now).is_some());
        }
        for now in [
            "1970-01-01T00:00:00Z",
            "2028-02-29T12:00:00Z",
            "9800-01-01T00:00:00Z",
            "1800-01-01T00:00:00Z",
        ] {
            let _ = w.frozen_until(at(now));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever the schedule and zone: a plain reading of the clock that says "open" is frozen.
        #[test]
        fn never_open_while_the_clock_says_frozen(
            minute in 0u8..60, hour in 0u8..24, lasts in 1u64..60, zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca", "UTC"]),
            second in 1_700_000_000i64..1_900_000_000, into in 0u64..60
        ) {
            let w = FreezeWindow::parse(&format!("{minute} {hour} * * * {zone}"), Duration::from_secs(lasts * 3600)).unwrap();
            let day = TimeZone::get(zone).unwrap().to_datetime(Timestamp::from_second(second).unwrap()).date();
            let start = day.at(hour as i8, minute as i8, 0, 0).in_tz(zone).unwrap().timestamp();
            let now = start + SignedDuration::from_mins((into.min(lasts * 60 - 1)) as i64);
            let end = w.frozen_until(now);
            prop_assert!(end.is_some_and(|end| end > now), "{now} {end:?}");
        }

        #[test]
        fn any_text_is_read_without_a_panic(raw in ".{0,40}") {
            let _ = FreezeWindow::parse(&raw, Duration::from_secs(60));
        }

        #[test]
        fn cron_like_text_is_read_without_a_panic(raw in "([0-9*,/LW#-]{1,5} ){5}(UTC|Europe/Berlin)", second in any::<i64>()) {
            if let Ok(w) = FreezeWindow::parse(&raw, Duration::from_secs(744 * 3600))
                && let Ok(now) = Timestamp::from_second(second % 300_000_000_000) {
                let _ = w.frozen_until(now);
            }
        }
    }
}
