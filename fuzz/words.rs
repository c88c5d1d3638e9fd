//! What fuzzing does with any bytes that are shown: text of the cluster that is redacted, and what a language model answers.
//! Plain functions, so that `cargo test` runs them over the checked-in corpus.

use podmender::llm::reply::{self, Guess};
use podmender_policy::{inert::Inert, logs, redact, summary::MAX_WORDS};

/// The numbers of the lines that the model was shown.
const SHOWN: [usize; 5] = [1, 2, 3, 5, 8];

/// A log, or any text of the cluster: nothing grows without bound, and what is shown is inert.
pub fn redaction(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let clean = redact::raw(&text);
    assert!(clean.len() <= 16 * text.len() + 64, "it has grown");
    // Nearly always twice is once (policy/src/redact/tests.rs holds it for what people write). Of hostile bytes a second look may take
    // more, since a placeholder or its number changes what stands around it; it never brings anything back, and it stays bounded.
    let again = redact::raw(&clean);
    assert!(again.len() <= 16 * clean.len() + 64, "it has grown");
    if let Some(found) = logs::analyse(data) {
        assert!(found.lines.len() <= 10 && found.confidence <= 100);
        for line in found.lines {
            assert!(line.as_str().len() <= 300);
        }
    }
    inert(Inert::<512>::new(&text).as_str());
}

/// The body of an answer; and the same as the words of a model in an answer of the right form.
pub fn reply(data: &[u8]) {
    if let Ok(guess) = reply::read(data, &SHOWN) {
        fit(&guess);
    }
    let words = String::from_utf8_lossy(data);
    let choice = serde_json::json!({"message": {"content": words}, "finish_reason": "stop"});
    let body = serde_json::json!({"choices": [choice]}).to_string();
    if let Ok(guess) = reply::read(body.as_bytes(), &SHOWN) {
        fit(&guess);
    }
}

fn fit(guess: &Guess) {
    let (cause, next) = (guess.cause.as_str(), guess.next.as_str());
    assert!(!cause.is_empty());
    assert!(reply::words(cause) + reply::words(next) <= MAX_WORDS);
    assert!(guess.cites.iter().all(|n| SHOWN.contains(n)), "{guess:?}");
    inert(cause);
    inert(next);
    let said = format!("{cause} {next}").to_lowercase();
    assert!(!said.contains("approved by") && !said.contains("kubectl delete"));
}

fn inert(text: &str) {
    let odd =
        |c: char| c.is_control() || matches!(c, '<' | '>' | '@' | '`' | '[' | ']' | '*' | '|');
    assert!(!text.chars().any(odd), "{text:?}");
    assert!(!text.contains("://"), "{text:?}");
    let again = serde_json::to_string(text).and_then(|t| serde_json::from_str::<Inert<4096>>(&t));
    assert_eq!(again.expect("text").as_str(), text, "twice is once");
}
