//! Waiting for what must come true, and watching that something stays true. Never a plain sleep.
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// How often to look.
const INTERVAL: Duration = Duration::from_millis(200);
/// How many seconds what must come true may take on a cold and busy machine with two cores. Only what fails waits so long.
const PATIENCE: u64 = 240;

/// [`until`], for what has no time limit of its own.
pub fn eventually<T>(what: &str, check: impl FnMut() -> Result<T>) -> Result<T> {
    until(what, PATIENCE, check)
}

/// Looks until `check` gives a value; when the time is over, its last error says what was missing.
pub fn until<T>(what: &str, seconds: u64, mut check: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        match check() {
            Ok(value) => return Ok(value),
            Err(e) if Instant::now() > deadline => {
                return Err(e).with_context(|| format!("{what}: not within {seconds} s"));
            }
            Err(_) => sleep(INTERVAL),
        }
    }
}

/// Looks for the whole time and fails as soon as `check` does.
pub fn throughout(what: &str, seconds: u64, mut check: impl FnMut() -> Result<()>) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        check().with_context(|| {
            format!(
                "{what}: broken after {:.1} s",
                began.elapsed().as_secs_f64()
            )
        })?;
        sleep(INTERVAL);
    }
    check().with_context(|| format!("{what}: broken at the end"))
}

#[cfg(test)]
mod tests {
    use anyhow::{bail, ensure};

    use super::{throughout, until};

    #[test]
    fn the_last_error_is_told() {
        let error = until("the sun", 0, || -> anyhow::Result<()> {
            bail!("it is night")
        })
        .unwrap_err();
        assert_eq!(format!("{error:#}"), "the sun: not within 0 s: it is night");
    }

    #[test]
    fn what_breaks_midway_is_seen() {
        let mut looks = 0;
        let check = || {
            looks += 1;
            ensure!(looks < 2, "too late");
            Ok(())
        };
        assert!(throughout("peace", 5, check).is_err());
    }
}
