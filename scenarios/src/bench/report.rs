//! The rows of all parts: printed as a table, kept from one run to the next, written to a page.
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use comfy_table::{Table, presets};
use serde::{Deserialize, Serialize};

use crate::exec;

/// One number beside its target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Row {
    what: String,
    ours: String,
    target: String,
    /// `None`: there is no target.
    met: Option<bool>,
}

/// What one part measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) name: String,
    when: String,
    commit: String,
    pub(super) load: String,
    rows: Vec<Row>,
    /// How it was measured, and what is behind a number.
    pub(super) notes: Vec<String>,
    /// Why it did not come to its end.
    pub(super) problem: Option<String>,
}

impl Part {
    #[expect(
        clippy::disallowed_methods,
        reason = "the date of the measurement, for people"
    )]
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            when: jiff::Timestamp::now().strftime("%F %H:%M UTC").to_string(),
            commit: exec::run("git", &["rev-parse", "--short", "HEAD"])
                .unwrap_or_default()
                .trim()
                .to_owned(),
            load: super::rig::load(),
            rows: Vec::new(),
            notes: Vec::new(),
            problem: None,
        }
    }

    /// A number that must not exceed its target.
    pub(super) fn most(&mut self, what: &str, ours: Option<f64>, target: f64, unit: &str) {
        self.rows.push(Row {
            what: what.to_owned(),
            ours: ours.map_or_else(
                || "not measured".to_owned(),
                |o| format!("{} {unit}", short(o)),
            ),
            target: format!("<= {} {unit}", short(target)),
            met: ours.map(|o| o <= target),
        });
    }

    /// A fact that must hold.
    pub(super) fn fact(&mut self, what: &str, ours: &str, target: &str, met: Option<bool>) {
        self.rows.push(Row {
            what: what.to_owned(),
            ours: ours.to_owned(),
            target: target.to_owned(),
            met,
        });
    }
}

/// A number as a person writes it.
pub(super) fn short(number: f64) -> String {
    let text = match number.abs() {
        n if n >= 100.0 => format!("{number:.0}"),
        n if n >= 10.0 => format!("{number:.1}"),
        n if n >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    };
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// The middle and the 99th percentile (of few samples: the worst).
pub(super) fn percentiles(mut samples: Vec<f64>) -> Option<(f64, f64)> {
    samples.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (share * samples.len() as f64).ceil() as usize;
        samples
            .get(index.saturating_sub(1).min(samples.len().saturating_sub(1)))
            .copied()
    };
    Some((at(0.5)?, at(0.99)?))
}

/// All parts, the newest measurement of each.
pub(super) struct Report {
    page: PathBuf,
    kept: PathBuf,
    parts: Vec<Part>,
}

const ORDER: [&str; 12] = [
    "detect",
    "mend",
    "footprint",
    "scale",
    "storm",
    "storm-refused",
    "storm-slow",
    "slack",
    "summary",
    "plan",
    "redact",
    "image",
];

impl Report {
    /// With what earlier runs measured.
    pub(super) fn open(page: &Path) -> Result<Self> {
        let kept = page.with_extension("json");
        let parts = fs::read_to_string(&kept)
            .ok()
            .and_then(|t| serde_json::from_str(&t).ok());
        Ok(Self {
            page: page.to_path_buf(),
            kept,
            parts: parts.unwrap_or_default(),
        })
    }

    pub(super) fn put(&mut self, part: Part) {
        self.parts.retain(|p| p.name != part.name);
        self.parts.push(part);
        self.parts
            .sort_by_key(|p| ORDER.iter().position(|o| *o == p.name));
    }

    /// As a table for a terminal.
    pub(super) fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_header(["", "part", "what", "ours", "target"]);
        for part in &self.parts {
            for row in &part.rows {
                table.add_row([mark(row.met), &part.name, &row.what, &row.ours, &row.target]);
            }
        }
        table.to_string()
    }

    /// Writes the page and what it is made from.
    pub(super) fn write(&self) -> Result<()> {
        fs::write(
            &self.kept,
            serde_json::to_string_pretty(&self.parts)? + "\n",
        )
        .with_context(|| format!("cannot write {}", self.kept.display()))?;
        fs::write(&self.page, self.markdown())
            .with_context(|| format!("cannot write {}", self.page.display()))
    }

    fn markdown(&self) -> String {
        let mut out = format!(
            "# Numbers\n\nMeasured by `make bench` ({}), which writes this page. One part again: `make bench ONLY=detect`.\n\
             The agent is the program of the shipped image, one process outside the cluster as user `peer`, alerts to a loopback receiver: \
             the same tools and the same conditions as for the rivals, whose marks stand in the tools' README.\n",
            machine()
        );
        for part in &self.parts {
            let _ = write!(
                out,
                "\n## {}\n\n{}, commit {}, load of the machine at the start {}\n\n",
                title(&part.name),
                part.when,
                part.commit,
                part.load
            );
            out.push_str("| | what | ours | target |\n|---|---|---|---|\n");
            for row in &part.rows {
                let _ = writeln!(
                    out,
                    "| {} | {} | {} | {} |",
                    mark(row.met),
                    row.what,
                    row.ours,
                    row.target
                );
            }
            for note in &part.notes {
                let _ = write!(out, "\n- {}", note.replace('\n', "\n  "));
            }
            if let Some(problem) = &part.problem {
                let _ = write!(out, "\nNot measured to the end: {problem}\n");
            }
            if !part.notes.is_empty() {
                out.push('\n');
            }
        }
        out
    }
}

fn mark(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "ok",
        Some(false) => "MISS",
        None => "",
    }
}

fn title(part: &str) -> &str {
    match part {
        "detect" => "Detection",
        "mend" => "Mending",
        "footprint" => "Memory, CPU, requests, start",
        "scale" => "The same beside 10,000 pods",
        "storm" => "Storm: 2,000 pods of 200 workloads fail within 10 s",
        "storm-refused" => "The same with a receiver that refuses for a minute",
        "storm-slow" => "The same with a slow receiver",
        "slack" => "The loop through Slack",
        "summary" => "What a summary by a model adds",
        "plan" => "plan()",
        "redact" => "Redaction",
        "image" => "Image",
        other => other,
    }
}

/// What the numbers were taken on.
fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: f64 = memory
        .lines()
        .next()
        .and_then(|l| l.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or_default();
    format!(
        "{cpus} cores of {}, {:.0} GiB",
        model.trim_start_matches([' ', '\t', ':']),
        kib / f64::from(1 << 20)
    )
}

#[cfg(test)]
mod tests {
    use super::{percentiles, short};

    #[test]
    fn the_worst_of_few_is_the_99th() {
        assert_eq!(percentiles(vec![3.0, 1.0, 2.0]), Some((2.0, 3.0)));
        assert_eq!(percentiles(Vec::new()), None);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [short(12.0), short(0.05), short(213.4), short(1.5)],
            ["12", "0.05", "213", "1.5"]
        );
    }
}
