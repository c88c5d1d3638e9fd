//! The request in OpenAI's words: its types come from `async-openai`, and do not leave this file.

use super::prompt::Prompt;
use async_openai::types::chat::{
    ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage,
    CreateChatCompletionRequest, ResponseFormat, ResponseFormatJsonSchema,
};
use podmender_policy::summary::MAX_CITES;
use serde_json::{Value, json};

/// Enough for a reply of 120 words in any language, and for what some models think before it.
const MAX_REPLY_TOKENS: u32 = 2_000;

/// How an endpoint is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With a schema for the reply and a bound on its length.
    Structured,
    /// With nothing that an older or smaller server may not know; the prompt asks for JSON in words.
    Plain,
}

/// The body of a request. Without tools: there is nothing that a model could call.
#[must_use]
pub fn body(model: &str, prompt: &Prompt, form: Form) -> Vec<u8> {
    let system = ChatCompletionRequestSystemMessage::from(prompt.system.as_str());
    let user = ChatCompletionRequestUserMessage::from(prompt.user.as_str());
    let mut request = CreateChatCompletionRequest {
        model: model.to_owned(),
        messages: vec![system.into(), user.into()],
        ..CreateChatCompletionRequest::default()
    };
    if form == Form::Structured {
        request.max_completion_tokens = Some(MAX_REPLY_TOKENS);
        request.response_format = Some(ResponseFormat::JsonSchema {
            json_schema: ResponseFormatJsonSchema {
                description: None,
                name: "summary".to_owned(),
                schema: schema(),
                strict: Some(true),
            },
        });
    }
    // These types hold nothing that JSON cannot; an empty body is refused by the endpoint, which shows.
    serde_json::to_vec(&request).unwrap_or_default()
}

/// In the part of JSON Schema that strict mode knows.
fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["cause", "evidence", "next", "confidence"],
        "properties": {
            "cause": {"type": "string", "description": "The most probable root cause, at most 70 words"},
            "evidence": {"type": "array", "items": {"type": "integer"}, "description": format!("Numbers of at most {MAX_CITES} lines that show it")},
            "next": {"type": "string", "description": "What to look at next, at most 40 words"},
            "confidence": {"type": "string", "enum": ["low", "medium", "high"]}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::{prompt, sample};

    #[test]
    fn nothing_is_asked_for_but_words() {
        let prompt = prompt::of(&sample::brief(), &"English".into());
        let read = |form| -> Value { serde_json::from_slice(&body("m", &prompt, form)).unwrap() };
        let full = read(Form::Structured);
        assert_eq!(full["response_format"]["json_schema"]["strict"], true);
        assert_eq!(full["max_completion_tokens"], MAX_REPLY_TOKENS);
        let plain = read(Form::Plain);
        let keys: Vec<&String> = plain.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["messages", "model"]);
        assert_eq!(plain["messages"][0]["role"], "system");
        assert_eq!(plain["messages"][1]["content"], prompt.user);
        for answer in [full, plain] {
            assert!(answer.get("tools").is_none() && answer.get("functions").is_none());
        }
    }
}
