//! What the user sees while something runs: a bar on a terminal, plain lines elsewhere. All of that goes to stderr, results to stdout.
#![expect(
    clippy::print_stderr,
    reason = "progress is for people; stdout stays free for results"
)]
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// One line of progress.
pub fn say(text: impl AsRef<str>) {
    eprintln!("{}", text.as_ref());
}

/// A command's result, on stdout. Whoever reads it may stop early (`| head`), which is no error of ours.
pub fn result(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Shown on a terminal while something is waited for, and gone afterwards.
pub struct Spinner(Option<ProgressBar>);

/// Shows what is waited for.
pub fn spinner(what: &str) -> Spinner {
    let bar = std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::new_spinner().with_message(format!("waiting until {what}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    });
    Spinner(bar)
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// A step that takes time: a bar (length known) or spinner on a terminal, a line per tenth of it elsewhere.
pub struct Progress {
    label: String,
    bar: Option<ProgressBar>,
    total: u64,
    done: u64,
    began: Instant,
}

impl Progress {
    /// Starts a step of `total` units; 0 means that the length is not known.
    pub fn new(label: impl Into<String>, total: u64) -> Self {
        let label = label.into();
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = if total == 0 {
                ProgressBar::new_spinner()
            } else {
                ProgressBar::new(total)
            };
            let template = if total == 0 {
                "{spinner} {msg} ({elapsed})"
            } else {
                "{msg} [{bar:30}] {pos}/{len} ({elapsed})"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_message(label.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            say(format!("{label} ..."));
        }
        Self {
            label,
            bar,
            total,
            done: 0,
            began: Instant::now(),
        }
    }

    /// One unit is done.
    pub fn step(&mut self) {
        self.done += 1;
        if let Some(bar) = &self.bar {
            bar.inc(1);
            return;
        }
        let tenth = self.total / 10;
        if tenth > 0 && self.done.is_multiple_of(tenth) {
            say(format!("{}: {} of {}", self.label, self.done, self.total));
        }
    }

    /// Ends the step with a line that says how long it took.
    pub fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        say(format!(
            "{} ({:.1} s)",
            self.label,
            self.began.elapsed().as_secs_f64()
        ));
    }
}
