//! `make bench`: our numbers beside their targets, measured with the shared tools, printed as a table and kept in `docs/bench.md`.
mod detect;
mod footprint;
mod incidents;
mod mend;
mod pure;
mod report;
mod rig;
mod slack;
mod storm;
mod summary;
mod tools;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::ui;
use report::{Part, Report};
use rig::Rig;

/// What the user asked for.
pub struct Options {
    /// Only these parts; empty: all.
    pub only: Vec<String>,
    /// Where the page is written.
    pub page: PathBuf,
    /// Measure with at most this many pods.
    pub pods: u32,
    /// Cargo profile of the measured program. What is not `release` is good for trying a measurement, and for no number.
    pub profile: String,
}

/// What one part measures: it fills its rows, as far as it comes.
type Measure = fn(&Rig, &mut Part) -> Result<()>;

/// The parts by name, in the order in which they share what they set up.
const ON_A_CLUSTER: [(&str, Measure); 9] = [
    ("detect", detect::measure),
    ("footprint", footprint::measure),
    ("storm", storm::measure),
    ("storm-refused", storm::refused),
    ("storm-slow", storm::slow),
    ("slack", slack::measure),
    ("summary", summary::measure),
    ("scale", footprint::scale),
    ("mend", mend::measure),
];
/// What needs no cluster.
type MeasureAlone = fn(&mut Part) -> Result<()>;
const ALONE: [(&str, MeasureAlone); 2] = [("plan", pure::plan), ("redact", pure::redact)];
/// Measured with every part on a cluster, which needs the image anyway.
const IMAGE: &str = "image";

/// Measures; an error only if a part could not be measured, never because of a number.
pub fn run(options: &Options) -> Result<()> {
    let is_wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|o| o == name);
    let known = |name: &str| {
        ALONE.iter().any(|(n, _)| *n == name)
            || name == IMAGE
            || ON_A_CLUSTER.iter().any(|(n, _)| *n == name)
    };
    for name in &options.only {
        ensure!(
            known(name),
            "there is no part {name}: plan, redact, image, detect, mend, footprint, storm, storm-refused, storm-slow, slack, summary, scale"
        );
    }
    let mut report = Report::open(&options.page)?;
    let mut failed = Vec::new();
    let mut settle = |mut part: Part, result: Result<()>, report: &mut Report| -> Result<()> {
        if let Err(error) = result {
            ui::say(format!("{}: {error:#}", part.name));
            part.problem = Some(format!("{error:#}"));
            failed.push(part.name.clone());
        }
        report.put(part);
        report.write()
    };
    for (name, measure) in ALONE.iter().filter(|(n, _)| is_wanted(n)) {
        let mut part = Part::new(name);
        let result = measure(&mut part);
        settle(part, result, &mut report)?;
    }
    if ON_A_CLUSTER.iter().any(|(n, _)| is_wanted(n)) || is_wanted(IMAGE) {
        let Some(tools) = tools::find_or_say() else {
            ui::result(report.table());
            return Ok(());
        };
        let rig = Rig::set(tools, options)?;
        let mut part = Part::new(IMAGE);
        let result = pure::image(&rig, &mut part);
        settle(part, result, &mut report)?;
        for (name, measure) in ON_A_CLUSTER.iter().filter(|(n, _)| is_wanted(n)) {
            let mut part = Part::new(name);
            part.load = rig::load();
            ui::say(format!(
                "measuring {name} (load of the machine: {})",
                part.load
            ));
            let result = measure(&rig, &mut part);
            settle(part, result, &mut report)?;
        }
    }
    ui::result(report.table());
    ui::say(format!("written to {}", options.page.display()));
    ensure!(
        failed.is_empty(),
        "not measured to the end: {}",
        failed.join(", ")
    );
    Ok(())
}
