//! Holds `docs/faults.md` to the truth: every test that names a row of the fault list stands in that row, and every test that
//! a row names exists.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use scenarios::chaos::scenarios as chaos;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Row -> names of tests, from the code.
fn in_code() -> BTreeMap<u16, BTreeSet<String>> {
    let mut found: BTreeMap<u16, BTreeSet<String>> = BTreeMap::new();
    for scenario in chaos::all() {
        for row in scenario.faults {
            found
                .entry(*row)
                .or_default()
                .insert(scenario.name.to_owned());
        }
    }
    for crate_dir in ["policy", "agent", "rbac", "scenarios"] {
        sources(&Path::new(ROOT).join(crate_dir), &mut |text| {
            for line in text.lines() {
                let Some((_, rest)) = line.split_once("fn fault_") else {
                    continue;
                };
                let name = format!("fault_{}", rest.split('(').next().unwrap_or(rest));
                // `fault_13_and_15_...` names two rows.
                let numbers = rest
                    .split('_')
                    .take_while(|part| *part == "and" || part.parse::<u16>().is_ok());
                for row in numbers.filter_map(|part| part.parse().ok()) {
                    found.entry(row).or_default().insert(name.clone());
                }
            }
        });
    }
    found
}

fn sources(dir: &Path, see: &mut impl FnMut(&str)) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            sources(&path, see);
        } else if path.extension().is_some_and(|e| e == "rs") {
            see(&fs::read_to_string(&path).unwrap_or_default());
        }
    }
}

/// Row -> names in backticks in its third column, from the page.
fn in_page() -> BTreeMap<u16, BTreeSet<String>> {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/faults.md")).unwrap_or_default();
    let mut found = BTreeMap::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, row, _, tests, _, _] = cells.as_slice() else {
            continue;
        };
        let Ok(row) = row.parse::<u16>() else {
            continue;
        };
        let names = tests.split('`').skip(1).step_by(2).map(str::to_owned);
        let names: BTreeSet<String> = names.collect();
        assert!(found.insert(row, names).is_none(), "row {row} stands twice");
    }
    found
}

#[test]
fn the_page_names_each_test_and_no_other() {
    let (code, page) = (in_code(), in_page());
    let rows: BTreeSet<&u16> = code.keys().chain(page.keys()).collect();
    for row in rows {
        let none = BTreeSet::new();
        let (held, told) = (
            code.get(row).unwrap_or(&none),
            page.get(row).unwrap_or(&none),
        );
        let missing: Vec<_> = held.difference(told).collect();
        let gone: Vec<_> = told.difference(held).collect();
        assert!(missing.is_empty(), "row {row} does not name {missing:?}");
        assert!(
            gone.is_empty(),
            "row {row} names {gone:?}, which do not name it"
        );
    }
}
