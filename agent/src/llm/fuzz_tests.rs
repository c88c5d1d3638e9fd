//! The bodies of fuzzing over their checked-in corpus, and over small changes of it.

use crate::{fuzz_corpus, fuzz_words as words};
use proptest::prelude::*;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    fuzz_corpus::corpus(target, 12)
}

#[test]
fn the_corpus_is_survived() {
    corpus("redaction")
        .iter()
        .for_each(|data| words::redaction(data));
    corpus("reply").iter().for_each(|data| words::reply(data));
}

/// One of a corpus, with some bytes changed, and perhaps another one behind it.
fn changed(target: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let all = corpus(target);
    let index = || any::<prop::sample::Index>();
    let bytes = proptest::collection::vec((index(), any::<u8>()), 0..8);
    (index(), index(), bytes).prop_map(move |(first, second, changes)| {
        let mut data = first.get(&all).clone();
        data.extend(second.get(&all));
        data.push(b' ');
        for (at, byte) in changes {
            let at = at.index(data.len());
            data[at] = byte;
        }
        data
    })
}

proptest! {
    // The same changes in every run: new ones are the fuzzer's.
    #![proptest_config(ProptestConfig {
        cases: 500,
        rng_seed: proptest::test_runner::RngSeed::Fixed(5),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_changed_text_is_survived(data in changed("redaction")) {
        words::redaction(&data);
    }

    #[test]
    fn a_changed_reply_is_survived(data in changed("reply")) {
        words::reply(&data);
    }
}
