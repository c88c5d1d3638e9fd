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

proptest! {
    #![proptest_config(fuzz_corpus::times(3_000))]

    #[test]
    fn a_changed_text_is_survived(data in fuzz_corpus::changed(corpus("redaction"))) {
        words::redaction(&data);
    }

    #[test]
    fn a_changed_reply_is_survived(data in fuzz_corpus::changed(corpus("reply"))) {
        words::reply(&data);
    }
}
