//! Durations as users write them (`60s`, `30m`, `1h30m`) and the bounds of each.

use super::problem::Problems;
use std::time::Duration;

/// What the schema asks of a duration; the same language as [`parse`] reads.
pub const PATTERN: &str = "^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$";

/// The least and the most that a duration may be, as written.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// At least.
    pub least: &'static str,
    /// At most.
    pub most: &'static str,
}

const fn between(least: &'static str, most: &'static str) -> Bounds {
    Bounds { least, most }
}

/// `cooldownPeriod`. Rule A2: never none, and longer than a day is a pause.
pub const COOLDOWN: Bounds = between("1s", "24h");
/// `window`, `actionsWindow`: at most what the ledger keeps (24 h).
pub const WINDOW: Bounds = between("1m", "24h");
/// `hold`: none at all is allowed.
pub const HOLD: Bounds = between("0s", "1h");
/// `approvalTimeout`.
pub const APPROVAL_TIMEOUT: Bounds = between("1m", "24h");
/// `snoozeFor` of an Approval.
pub const SNOOZE: Bounds = between("15m", "24h");
/// The length of a freeze window: a longer one is `paused`.
pub const FREEZE: Bounds = between("1m", "744h");
/// `stormCalm`.
pub const STORM_CALM: Bounds = between("1m", "24h");
/// `healthyDelay`. Rule A10.
pub const HEALTHY_DELAY: Bounds = between("5s", "1h");
/// `deadline`. Rule A10.
pub const DEADLINE: Bounds = between("10s", "2h");
/// `relapseWindow`. Rule A10.
pub const RELAPSE_WINDOW: Bounds = between("0s", "24h");
/// `minInterval`: Slack takes one message a second and channel.
pub const MIN_INTERVAL: Bounds = between("1s", "1h");

/// Reads hours, minutes and seconds in that order, each at most once. Anything else is `None`: a sign, a fraction,
/// a space, a day or a year.
#[must_use]
pub fn parse(raw: &str) -> Option<Duration> {
    let mut rest = raw;
    let mut seconds: u64 = 0;
    let mut units = [('h', 3600), ('m', 60), ('s', 1)].into_iter();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        if digits == 0 || digits > 6 {
            return None;
        }
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        let (_, worth) = units.find(|(name, _)| *name == unit)?;
        seconds += number * worth;
        rest = &rest[digits + 1..];
    }
    (!raw.is_empty()).then(|| Duration::from_secs(seconds))
}

impl Bounds {
    /// Reads a duration between these bounds. The error says what is wrong with it.
    ///
    /// # Errors
    /// Not a duration, or outside the bounds.
    pub fn read(&self, raw: &str) -> Result<Duration, String> {
        let Some(value) = parse(raw) else {
            return Err(format!(
                "{:?} is not a duration",
                crate::bounds::Text::<32>::new(raw)
            ));
        };
        let inside = parse(self.least).is_some_and(|least| least <= value)
            && parse(self.most).is_some_and(|most| value <= most);
        if inside {
            Ok(value)
        } else {
            Err(format!(
                "{raw} is not between {} and {}",
                self.least, self.most
            ))
        }
    }

    /// `value`, or the most that is allowed.
    #[must_use]
    pub fn cap(&self, value: Duration) -> Duration {
        value.min(parse(self.most).unwrap_or_default())
    }

    /// Reads a duration; what is wrong with it is noted, and the least is used in its place.
    pub(super) fn require(&self, raw: &str, path: &str, problems: &mut Problems) -> Duration {
        self.read(raw).unwrap_or_else(|what| {
            problems.add(path, what, self.fix());
            parse(self.least).unwrap_or_default()
        })
    }

    /// What to write instead.
    #[must_use]
    pub fn fix(&self) -> String {
        format!(
            "write hours, minutes and seconds, such as 90s, 30m or 1h30m, from {} to {}",
            self.least, self.most
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        for (raw, seconds) in [
            ("60s", 60),
            ("1h30m", 5400),
            ("0s", 0),
            ("56h", 201_600),
            ("1h1m1s", 3661),
        ] {
            assert_eq!(parse(raw), Some(Duration::from_secs(seconds)), "{raw}");
        }
    }

    #[test]
    fn fault_68_odd_durations_are_refused() {
        for raw in [
            "", "-1h", "1y", "1d", "60", "1.5h", "1 h", "s", "1s1h", "1s1s", "9999999s", "١s",
            "1µs", "+1s", "∞",
        ] {
            assert_eq!(parse(raw), None, "{raw}");
        }
        for raw in ["0s", "-1h", "1y", "25h"] {
            assert!(COOLDOWN.read(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn a_duration_is_capped_at_its_most() {
        let hours = |n: u64| Duration::from_secs(n * 3600);
        assert_eq!(SNOOZE.cap(hours(1)), hours(1));
        assert_eq!(SNOOZE.cap(hours(100)), hours(24));
    }

    proptest! {
        #[test]
        fn the_schema_pattern_and_the_parser_agree(raw in "[0-9hms +.d-]{0,12}") {
            let pattern = regex::Regex::new(PATTERN).unwrap();
            prop_assert_eq!(pattern.is_match(&raw) && !raw.is_empty(), parse(&raw).is_some());
        }

        #[test]
        fn any_text_is_read_without_a_panic(raw in any::<String>()) {
            let _ = COOLDOWN.read(&raw);
        }
    }
}
