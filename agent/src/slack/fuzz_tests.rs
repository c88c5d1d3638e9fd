//! The bodies of fuzzing over their checked-in corpus, and over small changes of it.

use crate::{fuzz_bodies as bodies, fuzz_corpus};
use proptest::prelude::*;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    fuzz_corpus::corpus(target, 8)
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
