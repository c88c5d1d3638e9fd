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
    #![proptest_config(fuzz_corpus::times(3_000))]

    #[test]
    fn a_changed_interaction_is_survived(data in fuzz_corpus::changed(corpus("interaction"))) {
        bodies::interaction(&data);
    }

    #[test]
    fn a_changed_frame_is_survived(data in fuzz_corpus::changed(corpus("frame"))) {
        bodies::frame(&data);
    }

    #[test]
    fn a_changed_request_is_survived(data in fuzz_corpus::changed(corpus("request"))) {
        bodies::request(&data);
    }
}
