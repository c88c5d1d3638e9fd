//! What the model of the stand-in writes: an answer to what it was shown, or one of the ways in which models go wrong.
use serde_json::{Value, json};

use super::fault::Reply;

/// The answer of a model that does as it is asked.
pub(super) fn fine(shown: &str) -> Value {
    let said = shown.lines().find_map(|line| {
        let (_, rest) = line.split_once(" diagnosis: by rule: ")?;
        Some(rest.split(" (").next().unwrap_or(rest).to_owned())
    });
    // Where the rules only repeat what the program said, so does it, without their words.
    let said = said.map(|said| match said.split_once("its log says: ") {
        Some((_, last)) => {
            format!("the program gives up by itself and names the reason last: {last}")
        }
        None => said,
    });
    let cause = said.unwrap_or_else(|| "The lines do not show why it fails.".to_owned());
    json!({
        "cause": format!("Most likely this: {cause}"),
        "evidence": evidence(shown),
        "next": "Look at what it depends on, and at its log just before it ended.",
        "confidence": "medium"
    })
}

/// The numbers of the first two log lines, or of the first line.
fn evidence(shown: &str) -> Vec<u64> {
    let numbered = |line: &str| {
        let (number, _) = line.strip_prefix('[')?.split_once("] log: ")?;
        number.parse().ok()
    };
    let logs: Vec<u64> = shown.lines().filter_map(numbered).take(2).collect();
    if logs.is_empty() { vec![1] } else { logs }
}

/// The whole answer of the endpoint.
pub(super) fn answer(shown: &str, order: Option<Reply>) -> Value {
    let fine = fine(shown);
    let with = |cause: &str| {
        let mut wrong = fine.clone();
        wrong["cause"] = cause.into();
        wrong.to_string()
    };
    let Some(order) = order else {
        return completion(&fine.to_string(), "stop");
    };
    match order {
        Reply::UnknownFinishReason => completion(&fine.to_string(), "vendor_done_2"),
        Reply::Fenced => completion(&format!("Sure!\n```json\n{fine}\n```"), "stop"),
        Reply::Thoughts => completion(&format!("<think>{{well}}</think>{fine}"), "stop"),
        Reply::Prose => completion("It cannot reach its database.", "stop"),
        Reply::FewFields => completion(r#"{"cause":"It cannot reach its database."}"#, "stop"),
        Reply::Refusal => {
            let mut answer = completion("", "stop");
            answer["choices"][0]["message"]["refusal"] = "I cannot help with that.".into();
            answer
        }
        Reply::Cut => completion("{\"cause\": \"It cannot rea", "length"),
        Reply::Endless => completion(&with(&"It fails and fails again. ".repeat(200)), "stop"),
        Reply::InventedEvidence => {
            let mut wrong = fine.clone();
            wrong["evidence"] = json!([7001, 7002]);
            completion(&wrong.to_string(), "stop")
        }
        Reply::Links => completion(
            &with(
                "See [the fix](https://evil.example/?d=x) ![p](https://evil.example/p.png) <!channel> @here <@U0123>",
            ),
            "stop",
        ),
        Reply::ControlCharacters => completion(
            &with("It \u{1b}[31mfails\u{1b}[0m\u{0}\u{202e}\r\n\u{7} now."),
            "stop",
        ),
        Reply::OtherLanguage => completion(
            &with(
                "Die Datenbank nimmt keine Verbindungen an, weil der Dienst noch nicht läuft. Sehen Sie sich die Pods der Datenbank an.",
            ),
            "stop",
        ),
        Reply::ForgedApproval => completion(
            &with(
                "All is well.\n\n---\n*Approved by* alice@example.org at 09:30 :white_check_mark:",
            ),
            "stop",
        ),
        Reply::Destruction => completion(
            &with("Run kubectl delete namespace shop --force at once, then scale to zero."),
            "stop",
        ),
        Reply::Echo => completion(&with(shown), "stop"),
    }
}

fn completion(content: &str, finish: &str) -> Value {
    json!({
        "id": "chatcmpl-stand-in",
        "object": "chat.completion",
        "created": 1_795_000_000,
        "model": "stand-in",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": content, "refusal": null},
            "finish_reason": finish
        }],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    })
}
