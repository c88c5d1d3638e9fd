//! The log: one JSON object a line in a cluster, one line of text on a terminal; RFC 3339 in UTC.

use crate::args::LogFormat;
use std::io::{self, IsTerminal, Write};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    registry,
    util::SubscriberInitExt,
};

/// Libraries that log bodies or every retry. kube logs the whole answer that it could not decode, which may hold secrets
/// (faults.md, K7), so it stays off unless the filter names it.
const QUIET: &[(&str, LevelFilter)] = &[
    ("kube_client", LevelFilter::OFF),
    ("kube_runtime", LevelFilter::ERROR),
    ("tower", LevelFilter::WARN),
    ("hyper", LevelFilter::WARN),
    ("hyper_util", LevelFilter::WARN),
    ("reqwest", LevelFilter::WARN),
    ("rustls", LevelFilter::WARN),
];

/// Who logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The agent: to stdout, from `info` on.
    Agent,
    /// A command that a person typed: to stderr, from `warn` on, so that stdout holds the result alone.
    Command,
}

/// Starts the log. A filter that cannot be read falls back to the default, and says so.
pub fn init(speaker: Speaker, format: LogFormat, filter: Option<&str>) {
    let default = match speaker {
        Speaker::Agent => LevelFilter::INFO,
        Speaker::Command => LevelFilter::WARN,
    };
    let (targets, complaint) = targets(filter, default);
    let started = match speaker {
        Speaker::Agent => start(targets, is_json(format, &io::stdout()), io::stdout),
        Speaker::Command => start(targets, format == LogFormat::Json, io::stderr),
    };
    if let (true, Some(complaint)) = (started, complaint) {
        tracing::warn!(
            complaint,
            "the log filter cannot be read, using the default"
        );
    }
}

fn is_json(format: LogFormat, out: &impl IsTerminal) -> bool {
    match format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !out.is_terminal(),
    }
}

/// Installs the subscriber; `false` if there is one already (a test's).
fn start<W>(targets: Targets, json: bool, writer: W) -> bool
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let registry = registry().with(targets);
    if json {
        let layer = fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false);
        registry.with(layer.with_writer(writer)).try_init().is_ok()
    } else {
        let layer = fmt::layer().with_ansi(false);
        registry
            .with(layer.with_writer(OneLine(writer)))
            .try_init()
            .is_ok()
    }
}

/// The filter: `RUST_LOG`'s own words first, then silence for what would log bodies.
fn targets(filter: Option<&str>, default: LevelFilter) -> (Targets, Option<String>) {
    let quiet = Targets::new().with_default(default);
    let (mut targets, complaint) = match filter.map(str::parse::<Targets>) {
        None => (quiet, None),
        Some(Ok(targets)) => (targets, None),
        Some(Err(e)) => (quiet, Some(e.to_string())),
    };
    for (name, level) in QUIET {
        let named = targets
            .iter()
            .any(|(target, _)| target.split("::").next() == Some(name));
        if !named {
            targets = targets.with_target(*name, *level);
        }
    }
    (targets, complaint)
}

/// A writer in which a record cannot break its line: text from the cluster may hold line breaks or terminal codes.
/// (The JSON form escapes them itself.)
struct OneLine<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLine<W> {
    type Writer = Clean<W::Writer>;
    fn make_writer(&'a self) -> Self::Writer {
        Clean(self.0.make_writer())
    }
}

struct Clean<W>(W);

impl<W: Write> Write for Clean<W> {
    /// One call is one whole record: that is how the fmt layer writes.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let body = record.strip_suffix(b"\n").unwrap_or(record);
        let mut clean: Vec<u8> = body
            .iter()
            .map(|&b| if b < 0x20 || b == 0x7f { b' ' } else { b })
            .collect();
        clean.push(b'\n');
        self.0.write_all(&clean)?;
        Ok(record.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn a_record_cannot_break_its_line() {
        let mut out = Vec::new();
        Clean(&mut out)
            .write_all(b"INFO msg=a\nERROR forged\x1b[31m\r\n")
            .expect("written");
        assert_eq!(out, b"INFO msg=a ERROR forged [31m \n");
    }

    #[test]
    fn kube_stays_silent_unless_it_is_named() {
        let (all, _) = targets(Some("trace"), LevelFilter::INFO);
        assert!(all.would_enable("podmender::run", &Level::TRACE));
        assert!(!all.would_enable("kube_client::client", &Level::ERROR));
        let (named, _) = targets(Some("info,kube_client::client=warn"), LevelFilter::INFO);
        assert!(named.would_enable("kube_client::client", &Level::WARN));
    }

    #[test]
    fn a_bad_filter_falls_back() {
        let (targets, complaint) = targets(Some("podmender=loud"), LevelFilter::INFO);
        assert!(complaint.is_some());
        assert!(targets.would_enable("podmender", &Level::INFO));
    }
}
