//! Slack's form: blocks within Slack's limits, in which text from the cluster is only ever text.

use crate::alert::{
    digest::Digest,
    lane::Form,
    notice::Notice,
    story::{self, Story},
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Slack takes 3,000 characters in a section; escaping makes text longer, so this counts after it.
pub(super) const SECTION: usize = 2_900;
/// Slack takes 150 in a header.
pub(super) const HEADER: usize = 150;
/// Slack takes 50 blocks.
const BLOCKS: usize = 50;
/// Text of a message without blocks.
const PLAIN: usize = 3_000;

/// The message about one incident.
#[must_use]
pub fn incident(notice: &Notice, form: Form, now: Timestamp) -> Vec<u8> {
    let story = story::of(notice, now);
    if form == Form::Plain {
        return plain(&story.title, &story.text());
    }
    let mut blocks = vec![header(&story.title), section(&facts(&story))];
    if !story.evidence.is_empty() {
        blocks.push(section(&fenced(&story.evidence)));
    }
    if !story.commands.is_empty() {
        blocks.push(section(&fenced(&story.commands)));
    }
    blocks.push(context(&format!(
        "Incident {} · policy {}",
        notice.id, notice.policy
    )));
    message(&story.title, blocks)
}

/// The message about many.
#[must_use]
pub fn digest(digest: &Digest, form: Form) -> Vec<u8> {
    let title = digest.title();
    match form {
        Form::Plain => plain(&title, &digest.text()),
        Form::Full => message(&title, digest_blocks(digest)),
    }
}

/// The blocks of a digest.
pub(super) fn digest_blocks(digest: &Digest) -> Vec<Value> {
    let mut blocks = vec![header(&digest.title())];
    let mut text = String::new();
    let mut group = None;
    for line in &digest.lines {
        if group != Some(line.group) {
            group = Some(line.group);
            text.push_str(&format!("\n*{}*\n", line.group.heading()));
        }
        let head = format!(
            "*{}* · {:?} · {}: ",
            escaped(line.namespace.as_str()),
            line.failure,
            line.names.len()
        );
        text.push_str(&head);
        text.push_str(&escaped(&line.names.join(", ")));
        text.push('\n');
    }
    blocks.extend(pieces(&text).iter().map(|piece| section(piece)));
    for note in digest.notes() {
        blocks.push(section(&escaped(&note)));
    }
    blocks.push(section(&fenced(&digest.commands())));
    blocks.truncate(BLOCKS);
    blocks
}

/// A message to see whether a channel works (`podmender doctor --send-test`).
#[must_use]
pub fn test(from: &str) -> Vec<u8> {
    let text = format!("Podmender ({from}) can send alerts here. Nothing is wrong.");
    message(&text, vec![section(&escaped(&text))])
}

fn message(title: &str, mut blocks: Vec<Value>) -> Vec<u8> {
    blocks.truncate(BLOCKS);
    bytes(&json!({
        "text": clip(&escaped(title), HEADER),
        "blocks": blocks,
        "mrkdwn": false,
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    }))
}

/// Without blocks, in one fence: the form that every receiver takes.
fn plain(title: &str, text: &str) -> Vec<u8> {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let text = if text.len() < PLAIN {
        fenced(&lines)
    } else {
        fenced(&[title.to_owned()])
    };
    bytes(&json!({"text": text, "link_names": false, "unfurl_links": false, "unfurl_media": false}))
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

pub(super) fn header(text: &str) -> Value {
    // Plain text is not parsed, so it is not escaped; emoji would turn `:x:` into pictures.
    json!({"type": "header", "text": {"type": "plain_text", "text": clip(text, HEADER), "emoji": false}})
}

/// `verbatim`: Slack makes no links, mentions or channel names of what it finds.
fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}

pub(super) fn context(text: &str) -> Value {
    json!({"type": "context", "elements": [{"type": "plain_text", "text": clip(text, SECTION), "emoji": false}]})
}

fn facts(story: &Story) -> String {
    let mut out = String::new();
    for (label, text) in &story.facts {
        let line = format!("*{label}:* {}\n", escaped(text));
        // A whole line or none: half an entity or half a mark-up would spoil the rest.
        if out.chars().count() + line.chars().count() <= SECTION {
            out.push_str(&line);
        }
    }
    out
}

/// Lines in a code block: nothing in them is parsed, and no backtick in them can end it.
fn fenced(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
    format!("```{}```", fitting(&lines))
}

/// As many lines as fit a section; what does not fit is counted.
pub(super) fn fitting(lines: &[String]) -> String {
    let mut out = String::new();
    let mut room = SECTION - 40;
    for (i, line) in lines.iter().enumerate() {
        let Some(left) = room.checked_sub(line.chars().count() + 1) else {
            out.push_str(&format!("\n… {} more lines", lines.len() - i));
            break;
        };
        room = left;
        if i > 0 {
            out.push('\n');
        }
        out.push_str(line);
    }
    out
}

/// Slack parses `<…>` and `&…;` only; the rest of its mark-up needs backticks, which become apostrophes.
pub(super) fn escaped(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len() + 8);
    for c in raw.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '`' => out.push('\''),
            c => out.push(c),
        }
    }
    out
}

/// Cuts escaped text to pieces that fit a section, at a blank where there is one.
fn pieces(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut piece = String::new();
    let mut length = 0;
    for word in text.trim().split_inclusive([' ', '\n']) {
        let more = word.chars().count();
        if length + more > SECTION && !piece.is_empty() {
            out.push(std::mem::take(&mut piece));
            length = 0;
        }
        piece.push_str(word);
        length += more;
    }
    if !piece.is_empty() {
        out.push(piece);
    }
    out
}

pub(super) fn clip(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(max - 1).collect();
    out.push('…');
    out
}
