//! Our redaction beside gitleaks on the same corpus: a table, and no class in which ours is worse.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use podmender_policy::redact;
use scenarios::cluster::tools;

#[path = "../../policy/tests/support/secrets.rs"]
mod secrets;

/// Cases found and cases in all, of one class.
#[derive(Default)]
struct Score {
    ours: usize,
    theirs: usize,
    all: usize,
}

/// The files, by number, in which gitleaks finds anything at all.
fn gitleaks(texts: &[&str]) -> BTreeSet<usize> {
    let bin = tools::LEAKS.ensure().expect("gitleaks");
    let dir = std::env::temp_dir().join(format!("podmender-leaks-{}", std::process::id()));
    let files = dir.join("corpus");
    fs::create_dir_all(&files).expect("folder");
    for (i, text) in texts.iter().enumerate() {
        fs::write(files.join(format!("case-{i}.txt")), text).expect("file");
    }
    let report = dir.join("report.json");
    let ran = Command::new(bin.join("gitleaks"))
        .args([
            "dir",
            "--no-banner",
            "--exit-code=0",
            "--report-format=json",
        ])
        .arg("--report-path")
        .arg(&report)
        .arg(&files)
        .output()
        .expect("gitleaks runs");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let found: Vec<serde_json::Value> =
        serde_json::from_slice(&fs::read(&report).expect("report")).expect("JSON");
    fs::remove_dir_all(&dir).expect("cleaned");
    let number = |f: &serde_json::Value| {
        let name = f.get("File")?.as_str()?.rsplit("case-").next()?;
        name.strip_suffix(".txt")?.parse().ok()
    };
    found.iter().filter_map(number).collect()
}

#[test]
#[ignore = "builds gitleaks, once"]
fn ours_is_worse_than_gitleaks_in_no_class() {
    let mut random = secrets::Random::new(3);
    let cases = secrets::cases(&mut random, 8);
    let ordinary: Vec<_> = (0..60)
        .flat_map(|_| secrets::ordinary(&mut random))
        .collect();
    let lines = ordinary.iter().map(|(_, line)| line.as_str());
    let texts: Vec<&str> = cases.iter().map(|c| c.text.as_str()).chain(lines).collect();
    let theirs = gitleaks(&texts);
    assert!(
        theirs.len() > cases.len() / 10,
        "gitleaks found {}",
        theirs.len()
    );

    let mut classes: BTreeMap<&str, Score> = BTreeMap::new();
    let mut touched = Score::default();
    for (i, text) in texts.iter().enumerate() {
        let score = match cases.get(i) {
            Some(case) => classes.entry(case.class).or_default(),
            None => &mut touched,
        };
        let clean = redact::raw(text);
        let ours = match cases.get(i) {
            Some(case) => !clean.contains(&case.secret),
            None => clean != *text,
        };
        score.all += 1;
        score.ours += usize::from(ours);
        score.theirs += usize::from(theirs.contains(&i));
    }
    println!(
        "{:<24} {:>6} {:>9} {:>6}",
        "class", "ours", "gitleaks", "cases"
    );
    for (class, s) in classes.iter().chain([(&"(ordinary lines)", &touched)]) {
        println!("{class:<24} {:>6} {:>9} {:>6}", s.ours, s.theirs, s.all);
    }
    let worse: Vec<_> = classes.iter().filter(|(_, s)| s.ours < s.theirs).collect();
    assert!(
        worse.is_empty(),
        "{:?}",
        worse.iter().map(|(c, _)| c).collect::<Vec<_>>()
    );
    assert!(
        touched.ours * 50 <= touched.all,
        "{} of {}",
        touched.ours,
        touched.all
    );
}
