//! Discord's form: one embed within Discord's limits, in which text from the cluster is only ever text.
//!
//! Source: <https://discord.com/developers/docs/resources/webhook#execute-webhook>. Limits: title 256, description 4,096.

use crate::alert::{digest::Digest, lane::Form, notice::Notice, slack::clip, story};
use jiff::Timestamp;
use podmender_policy::severity::Severity;
use serde_json::{Value, json};

const TITLE: usize = 256;
/// Discord takes 4,096 characters, the fence included.
const DESCRIPTION: usize = 4_000;
/// What is left if Discord calls the whole too long.
const PLAIN: usize = 1_000;

/// The message about one incident.
#[must_use]
pub fn incident(notice: &Notice, form: Form, now: Timestamp) -> Vec<u8> {
    let story = story::of(notice, now);
    let text = story.text();
    let body = text.strip_prefix(&story.title).unwrap_or(&text);
    let mut embed = embed(&story.title, body, form);
    embed["color"] = colour(notice).into();
    embed["footer"] = json!({"text": clip(&notice.dedup_key(), 300)});
    message(&embed)
}

/// The message about many.
#[must_use]
pub fn digest(digest: &Digest, form: Form) -> Vec<u8> {
    let (title, text) = (digest.title(), digest.text());
    let body = text.strip_prefix(&title).unwrap_or(&text);
    message(&embed(&title, body, form))
}

/// A message to see whether a channel works (`podmender doctor --send-test`).
#[must_use]
pub fn test(from: &str) -> Vec<u8> {
    let body = "Podmender can send alerts here. Nothing is wrong.";
    message(&embed(&format!("Test from {from}"), body, Form::Full))
}

/// `parse: []`: nothing in it mentions anybody.
fn message(embed: &Value) -> Vec<u8> {
    let message = json!({"embeds": [embed], "allowed_mentions": {"parse": []}});
    message.to_string().into_bytes()
}

fn embed(title: &str, body: &str, form: Form) -> Value {
    let room = match form {
        Form::Full => DESCRIPTION,
        Form::Plain => PLAIN,
    };
    let body = clip(body.trim_matches('\n'), room).replace('`', "'");
    json!({"title": clip(&escaped(title), TITLE), "description": format!("```\n{body}\n```")})
}

/// In a title, mark-up is switched off character by character.
fn escaped(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len() + 8);
    for c in raw.chars() {
        if c.is_ascii_punctuation() && c != '-' && c != '.' {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn colour(notice: &Notice) -> u32 {
    use podmender_policy::incident::Phase;
    match (notice.phase, notice.severity) {
        (Phase::Resolved, _) => 0x2e_b6_7d,
        (_, Severity::Critical) => 0xe0_1e_5a,
        (_, Severity::Warning) => 0xec_b2_2e,
        (_, Severity::Info) => 0x36_c5_f0,
    }
}
