//! A channel of the stand-in for Slack as lines of text: all that happened there, in its order, for whoever looks for what went wrong.
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::slack::world::{Call, Delivery, Message, Version, World};

/// What was posted, changed, told in private and sent to the app, oldest first; then how the Web API was used, by whatever channel.
pub(super) fn of(world: &World, channel: &str) -> Vec<String> {
    let mut lines: Vec<(f64, String)> = Vec::new();
    for message in world.messages.iter().filter(|m| m.channel == channel) {
        for (n, version) in message.versions.iter().enumerate() {
            lines.push((version.at, said(message, n, version)));
        }
    }
    for notice in world.notices.iter().filter(|n| n.channel == channel) {
        let what = format!("to {} alone: {}", notice.user, notice.text);
        lines.push((notice.at, what));
    }
    for delivery in world.deliveries.iter().filter(|d| d.channel == channel) {
        lines.push((delivery.at, sent(delivery)));
    }
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    let lines = lines
        .into_iter()
        .map(|(at, what)| format!("{} {what}", time(at)));
    let views = world
        .views
        .iter()
        .map(|v| format!("a modal for {}: {}", v.user, text(&v.view, "/title/text")));
    lines.chain(views).chain(calls(&world.calls)).collect()
}

fn said(message: &Message, n: usize, version: &Version) -> String {
    let thread = message.thread_ts.as_ref();
    let place = thread.map_or_else(String::new, |t| format!(" in the thread of {t}"));
    let gone = if message.deleted { " (deleted)" } else { "" };
    let what = if n == 0 { "posted" } else { "changed" };
    // The words are those of this version.
    let then = Message {
        versions: vec![version.clone()],
        ..message.clone()
    };
    let words = then.words();
    let words = if words.is_empty() {
        &version.text
    } else {
        &words
    };
    let words = words.trim().replace('\n', " / ");
    format!(
        "{} {what} {}{place}{gone}: {words}",
        message.user, message.ts
    )
}

fn sent(delivery: &Delivery) -> String {
    let payload = &delivery.payload;
    let parts = [
        "/actions/0/action_id",
        "/message/ts",
        "/command",
        "/text",
        "/event/text",
    ];
    let what = parts.map(|p| text(payload, p)).join(" ");
    let acknowledged = delivery
        .acknowledged
        .map_or("NOT acknowledged".to_owned(), |s| {
            format!("acknowledged after {s:.3} s")
        });
    format!(
        "{} -> app, {} {}: {} ({acknowledged}, answers {:?})",
        delivery.user,
        delivery.kind,
        delivery.id,
        what.split_whitespace().collect::<Vec<_>>().join(" "),
        delivery.answers
    )
}

/// How often each method was called, by how it ended.
fn calls(calls: &[Call]) -> impl Iterator<Item = String> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for call in calls {
        *counts.entry((&call.method, &call.outcome)).or_default() += 1;
    }
    let line = |((method, outcome), n)| format!("{method}: {outcome} {n} times");
    counts.into_iter().map(line).collect::<Vec<_>>().into_iter()
}

fn time(at: f64) -> String {
    let time = Timestamp::from_microsecond((at * 1e6) as i64);
    time.map_or_else(|_| at.to_string(), |t| format!("{t:.3}"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of;
    use crate::slack::people::{BOT_USER, user_id};
    use crate::slack::world::{Delivery, Message, Notice, Version, World};

    #[test]
    fn everything_of_the_channel_stands_in_its_order() {
        let version = |at, text: &str| Version {
            at,
            text: text.into(),
            blocks: vec![json!({"type": "section", "text": {"type": "plain_text", "text": text}})],
        };
        let mut world = World::new(&["ops", "dev"]);
        for channel in ["C0OPS", "C0DEV"] {
            world.messages.push(Message {
                channel: channel.into(),
                ts: "1.000001".into(),
                thread_ts: None,
                user: BOT_USER.into(),
                metadata: None,
                deleted: true,
                versions: vec![version(1.0, "asks"), version(4.5, "over\nout")],
            });
        }
        world.notices.push(Notice {
            at: 3.0,
            channel: "C0OPS".into(),
            user: user_id("carl"),
            thread_ts: None,
            text: "no".into(),
            blocks: Vec::new(),
        });
        world.deliveries.push(Delivery {
            id: "envelope-1".into(),
            kind: "interactive",
            user: user_id("carl"),
            channel: "C0OPS".into(),
            at: 2.0,
            acknowledged: None,
            answers: Vec::new(),
            payload: json!({"actions": [{"action_id": "podmender_approve"}], "message": {"ts": "1.000001"}}),
        });
        let lines = of(&world, "C0OPS");
        assert_eq!(
            lines,
            [
                "1970-01-01T00:00:01.000Z U0PODMENDER posted 1.000001 (deleted): asks",
                "1970-01-01T00:00:02.000Z U0CARL000 -> app, interactive envelope-1: podmender_approve 1.000001 (NOT acknowledged, answers [])",
                "1970-01-01T00:00:03.000Z to U0CARL000 alone: no",
                "1970-01-01T00:00:04.500Z U0PODMENDER changed 1.000001 (deleted): over / out",
            ]
        );
    }
}
