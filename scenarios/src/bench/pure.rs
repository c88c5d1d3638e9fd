//! What needs no cluster: `plan()` under criterion, the size of the image.
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::report::{Part, short};
use super::rig::Rig;
use crate::{exec, ui};

/// `plan()` per workload, at most, in microseconds.
const PLAN: f64 = 10.0;

/// Redaction on one core, at least, in MB/s.
const REDACT: f64 = 200.0;

pub(super) fn plan(part: &mut Part) -> Result<()> {
    let results = Results::of("plan")?;
    for (name, what) in [
        ("healthy", "a healthy workload"),
        ("first_look", "a crash loop, first look"),
        (
            "first_look_with_log",
            "a crash loop with its log, first look",
        ),
        ("open_with_log", "an open incident with its log"),
    ] {
        let mean = results.mean(&format!("plan_{name}"))?;
        part.most(what, Some(mean / 1000.0), PLAN, "us");
    }
    part.notes
        .push("criterion, mean; the log's lines are redacted inside `plan()`".to_owned());
    Ok(())
}

/// How fast text is redacted.
pub(super) fn redact(part: &mut Part) -> Result<()> {
    let results = Results::of("redact")?;
    for (name, what, target) in [
        ("ordinary_1_mib", "ordinary log lines, 1 MiB", Some(REDACT)),
        ("ordinary_4_kib", "ordinary log lines, 4 KiB", Some(REDACT)),
        ("every_line_leaks", "a secret in every line", None),
    ] {
        let name = format!("redact/{name}");
        // Bytes in a nanosecond are GB in a second.
        let speed = results.bytes(&name)? / results.mean(&name)? * 1000.0;
        part.fact(
            what,
            &format!("{} MB/s", short(speed)),
            &target.map_or_else(String::new, |t| format!(">= {t} MB/s")),
            target.map(|t| speed >= t),
        );
    }
    part.notes.push("criterion, mean, one core, on the corpus of `policy/tests/redaction.rs`; recall and false redaction are held there, in `cargo test`".to_owned());
    Ok(())
}

/// What criterion wrote; gone when dropped.
struct Results(PathBuf);

impl Results {
    /// Runs one bench of the crate `policy`.
    fn of(bench: &str) -> Result<Self> {
        let home = std::env::temp_dir().join(format!("podmender-criterion-{}", std::process::id()));
        let results = Self(home);
        let bar = ui::Progress::new(
            format!("cargo bench -p podmender-policy --bench {bench}"),
            0,
        );
        let mut command = exec::command("cargo");
        command.args([
            "bench",
            "--quiet",
            "-p",
            "podmender-policy",
            "--bench",
            bench,
        ]);
        command.args([
            "--",
            "--quiet",
            "--warm-up-time",
            "1",
            "--measurement-time",
            "3",
        ]);
        let result = exec::output(command.env("CRITERION_HOME", &results.0));
        bar.finish();
        result?;
        Ok(results)
    }

    /// Nanoseconds for one round.
    fn mean(&self, name: &str) -> Result<f64> {
        self.number(name, "estimates.json", "/mean/point_estimate")
    }

    /// Bytes that one round looks at.
    fn bytes(&self, name: &str) -> Result<f64> {
        self.number(name, "benchmark.json", "/throughput/Bytes")
    }

    fn number(&self, name: &str, file: &str, pointer: &str) -> Result<f64> {
        let file = self.0.join(name).join("new").join(file);
        let text = fs::read_to_string(&file)
            .with_context(|| format!("no result in {}", file.display()))?;
        let result: Value = serde_json::from_str(&text)?;
        let number = result.pointer(pointer).and_then(Value::as_f64);
        number.with_context(|| format!("{} has no number at {pointer}", file.display()))
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
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
