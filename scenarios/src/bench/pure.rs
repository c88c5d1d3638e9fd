//! What needs no cluster: `plan()` under criterion, the size of the image.
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::report::Part;
use super::rig::Rig;
use crate::{exec, ui};

/// `plan()` per workload, at most, in microseconds.
const PLAN: f64 = 10.0;

pub(super) fn measure(part: &mut Part) -> Result<()> {
    let home = std::env::temp_dir().join(format!("podmender-criterion-{}", std::process::id()));
    let bar = ui::Progress::new("cargo bench -p podmender-policy --bench plan", 0);
    let mut bench = exec::command("cargo");
    bench.args([
        "bench",
        "--quiet",
        "-p",
        "podmender-policy",
        "--bench",
        "plan",
        "--",
        "--quiet",
        "--warm-up-time",
        "1",
        "--measurement-time",
        "3",
    ]);
    let result = exec::output(bench.env("CRITERION_HOME", &home));
    bar.finish();
    result?;
    for (name, what) in [
        ("healthy", "a healthy workload"),
        ("first_look", "a crash loop, first look"),
        (
            "first_look_with_log",
            "a crash loop with its log, first look",
        ),
        ("open_with_log", "an open incident with its log"),
    ] {
        let file = home
            .join(format!("plan_{name}"))
            .join("new")
            .join("estimates.json");
        part.most(what, Some(estimate(&file)? / 1000.0), PLAN, "us");
    }
    part.notes
        .push("criterion, mean; the log's lines are redacted inside `plan()`".to_owned());
    fs::remove_dir_all(&home).context("criterion's folder")
}

fn estimate(file: &Path) -> Result<f64> {
    let text =
        fs::read_to_string(file).with_context(|| format!("no result in {}", file.display()))?;
    let estimates: Value = serde_json::from_str(&text)?;
    estimates
        .pointer("/mean/point_estimate")
        .and_then(Value::as_f64)
        .context("criterion's result has no mean")
}

/// The image as its archive, which is not compressed, and the program in it.
pub(super) fn image(rig: &Rig, part: &mut Part) -> Result<()> {
    let mib =
        |path: &Path| -> Result<f64> { Ok(fs::metadata(path)?.len() as f64 / f64::from(1 << 20)) };
    part.most(
        "image, uncompressed",
        Some(mib(&rig.image.archive)?),
        16.0,
        "MiB",
    );
    part.fact(
        "program",
        &format!("{:.1} MiB", mib(&rig.image.program)?),
        "",
        None,
    );
    Ok(())
}
