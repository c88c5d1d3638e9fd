//! From the body of an answer to what the model wrote: endpoints differ, and small models wrap JSON in words.

use super::Unfit;
use serde_json::Value;

/// What the model wrote.
pub(super) enum Content {
    /// JSON, as it was asked for.
    Object(Value),
    /// Words.
    Prose(String),
}

/// Finds it.
pub(super) fn content(body: &[u8]) -> Result<Content, Unfit> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| Unfit::Unparsable)?;
    let choice = answer.pointer("/choices/0").ok_or(Unfit::Unparsable)?;
    let finish = choice.get("finish_reason").and_then(Value::as_str);
    let refusal = choice.pointer("/message/refusal").and_then(Value::as_str);
    // Any other reason, known or not, says nothing about what was written.
    if finish == Some("content_filter") || refusal.is_some_and(|r| !r.trim().is_empty()) {
        return Err(Unfit::Refused);
    }
    let cut = finish == Some("length");
    let broken = if cut {
        Unfit::TooLong
    } else {
        Unfit::Unparsable
    };
    let text = written(choice).ok_or(broken)?;
    let text = without_thoughts(&text);
    if let Some(object) = object_in(text) {
        return Ok(Content::Object(object));
    }
    let prose = text.trim();
    let is_code = prose.contains(['{', '}']) || prose.starts_with("```") || prose.starts_with('<');
    if cut || is_code || prose.is_empty() {
        return Err(broken);
    }
    Ok(Content::Prose(prose.to_owned()))
}

/// The text of a choice: a string, a list of parts, or where completions of old had it.
fn written(choice: &Value) -> Option<String> {
    let content = choice.pointer("/message/content");
    match content.or_else(|| choice.get("text"))? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|p| p.get("text")?.as_str());
            Some(texts.collect::<Vec<_>>().join("\n"))
        }
        _ => None,
    }
}

/// What stands behind the thoughts that some models think aloud.
fn without_thoughts(text: &str) -> &str {
    text.rsplit_once("</think>").map_or(text, |(_, rest)| rest)
}

/// The first JSON object in a text, whatever stands around it (a fence, a greeting).
fn object_in(text: &str) -> Option<Value> {
    /// More braces than this are no greeting.
    const TRIES: usize = 16;
    text.match_indices('{').take(TRIES).find_map(|(at, _)| {
        let mut values = serde_json::Deserializer::from_str(text.get(at..)?).into_iter::<Value>();
        values.next()?.ok().filter(|v| v.get("cause").is_some())
    })
}
