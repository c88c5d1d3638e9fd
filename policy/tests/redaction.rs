//! The two corpora: how many secrets of each class go, and how many ordinary lines are touched.
#![allow(clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use podmender_policy::redact;
use std::collections::BTreeMap;

#[path = "support/secrets.rs"]
mod secrets;

#[test]
fn fault_59_of_each_class_of_secret_99_percent_go() {
    let cases = secrets::cases(&mut secrets::Random::new(1), 8);
    let mut classes: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
    for case in &cases {
        let (all, missed) = classes.entry(case.class).or_default();
        *all += 1;
        let clean = redact::raw(&case.text);
        if clean.contains(&case.secret) {
            missed.push(format!("{} -> {clean}", case.text));
        }
        assert_eq!(redact::raw(&clean), clean, "twice is once: {}", case.text);
    }
    assert!(
        classes.len() >= 40 && cases.len() >= 2_000,
        "{} {}",
        classes.len(),
        cases.len()
    );
    for (class, (all, missed)) in classes {
        assert!(
            missed.len() * 100 <= all,
            "{class}: {} of {all} missed: {:#?}",
            missed.len(),
            missed.first()
        );
    }
}

#[test]
fn of_ordinary_lines_at_most_2_percent_are_touched() {
    let mut random = secrets::Random::new(2);
    let lines: Vec<(&str, String)> = (0..60)
        .flat_map(|_| secrets::ordinary(&mut random))
        .collect();
    let touched: Vec<_> = lines
        .iter()
        .filter(|(_, line)| redact::raw(line) != *line)
        .collect();
    for (kind, line) in &touched {
        println!("{kind}: {line} -> {}", redact::raw(line));
    }
    assert!(lines.len() >= 2_000, "{}", lines.len());
    assert!(
        touched.len() * 50 <= lines.len(),
        "{} of {}",
        touched.len(),
        lines.len()
    );
}
