//! Microsoft Teams' form: an Adaptive Card for a workflow's webhook ("When a Teams webhook request is received").
//!
//! All text stands in text runs, in which Teams parses no mark-up; a mention would need an entity, and there is none.
//! Source: <https://adaptivecards.io/explorer/RichTextBlock.html>. Teams takes 28 kB in a message.

use crate::alert::{
    digest::Digest,
    lane::Form,
    notice::Notice,
    slack::clip,
    story::{self, Story},
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Of each part of the card.
const PART: usize = 5_000;
const TITLE: usize = 300;

/// The message about one incident.
#[must_use]
pub fn incident(notice: &Notice, form: Form, now: Timestamp) -> Vec<u8> {
    let story = story::of(notice, now);
    let mut body = vec![title(&story.title)];
    if form == Form::Full {
        body.push(facts(&story));
        body.extend(block(&story.evidence));
    }
    body.extend(block(&story.commands));
    let small = json!({"type": "TextRun", "text": clip(&notice.dedup_key(), TITLE), "size": "Small", "isSubtle": true});
    body.push(rich(vec![small]));
    card(body)
}

/// The message about many.
#[must_use]
pub fn digest(digest: &Digest, form: Form) -> Vec<u8> {
    let mut body = vec![title(&digest.title())];
    if form == Form::Full {
        let lines: Vec<String> = digest.text().lines().skip(1).map(str::to_owned).collect();
        body.extend(block(&lines));
    }
    card(body)
}

/// A message to see whether a channel works (`podmender doctor --send-test`).
#[must_use]
pub fn test(from: &str) -> Vec<u8> {
    let text = format!("Podmender ({from}) can send alerts here. Nothing is wrong.");
    card(vec![title(&text)])
}

fn card(body: Vec<Value>) -> Vec<u8> {
    let content = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    });
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": content,
    });
    json!({"type": "message", "attachments": [attachment]})
        .to_string()
        .into_bytes()
}

fn rich(inlines: Vec<Value>) -> Value {
    json!({"type": "RichTextBlock", "inlines": inlines})
}

fn title(text: &str) -> Value {
    rich(vec![
        json!({"type": "TextRun", "text": clip(text, TITLE), "weight": "Bolder", "size": "Medium"}),
    ])
}

fn facts(story: &Story) -> Value {
    let mut runs = Vec::new();
    let mut room = PART;
    for (label, text) in &story.facts {
        let Some(left) = room.checked_sub(label.chars().count() + text.chars().count() + 3) else {
            continue;
        };
        room = left;
        runs.push(json!({"type": "TextRun", "text": format!("{label}: "), "weight": "Bolder"}));
        runs.push(json!({"type": "TextRun", "text": format!("{text}\n")}));
    }
    rich(runs)
}

/// Lines as they are.
fn block(lines: &[String]) -> Option<Value> {
    let text = clip(&lines.join("\n"), PART);
    let run = json!({"type": "TextRun", "text": text, "fontType": "Monospace"});
    (!lines.is_empty()).then(|| rich(vec![run]))
}
