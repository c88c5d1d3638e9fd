//! The checked-in corpora of fuzzing, and small changes of them, for tests that run its bodies over them.

use proptest::{prelude::*, test_runner::RngSeed};
use std::{fs, path::PathBuf};

/// Where the changes begin: they are the same in every run. New ones are the fuzzer's.
const SEED: u64 = 5;

/// The inputs of one target, in the order of their names. There must be more than `least`: an empty folder proves nothing.
pub(crate) fn corpus(target: &str, least: usize) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let files = fs::read_dir(&folder).expect("the corpus");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() > least, "{}", folder.display());
    let read = |file: &PathBuf| fs::read(file).expect("readable");
    files.iter().map(read).collect()
}

/// So many changes, from the fixed seed. A failure shows the smallest input that fails.
pub(crate) fn times(cases: u32) -> ProptestConfig {
    println!("{cases} changes from seed {SEED}");
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// One of a corpus, perhaps cut, perhaps with (part of) another one behind it, and with some bytes changed.
pub(crate) fn changed(all: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let index = || any::<prop::sample::Index>();
    let end = || proptest::option::of(index());
    let bytes = proptest::collection::vec((index(), any::<u8>()), 0..8);
    ((index(), end()), (index(), end()), bytes).prop_map(move |(first, second, changes)| {
        let mut data = Vec::new();
        for (which, end) in [first, second] {
            let part = which.get(&all);
            let end = end.map_or(part.len(), |end| end.index(part.len() + 1));
            data.extend(&part[..end]);
        }
        data.push(b' ');
        for (at, byte) in changes {
            let at = at.index(data.len());
            data[at] = byte;
        }
        data
    })
}
