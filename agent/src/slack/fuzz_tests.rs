//! The bodies of fuzzing over their checked-in corpus, and over small changes of it.

use crate::fuzz_bodies as bodies;
use proptest::prelude::*;
use std::{fs, path::PathBuf};

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let files = fs::read_dir(&folder).expect("the corpus");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() > 8, "{}", folder.display());
    files
        .iter()
        .map(|file| fs::read(file).expect("readable"))
        .collect()
}

#[test]
fn the_corpus_is_survived() {
    for (target, body) in [
        ("request", bodies::request as fn(&[u8])),
        ("interaction", bodies::interaction),
        ("frame", bodies::frame),
    ] {
        for data in corpus(target) {
            body(&data);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_changed_request_is_survived(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let corpus = corpus("request");
        let mut data = which.get(&corpus).clone();
        for (at, byte) in changes {
            let at = at.index(data.len());
            data[at] = byte;
        }
        bodies::request(&data);
    }
}
