//! What Slack sends to an app: envelopes of clicks, commands and mentions, in the shapes of its documentation.
use serde_json::{Value, json};

use super::people::{APP, BOT_USER, Person, TEAM};
use super::world::{Channel, Message};

/// The first frame of a socket.
pub fn hello(connections: usize) -> Value {
    json!({
        "type": "hello", "num_connections": connections, "connection_info": {"app_id": APP},
        "debug_info": {"host": "stand-in", "build_number": 1, "approximate_connection_time": 18060},
    })
}

/// The last frame of a socket.
pub fn disconnect(reason: &str) -> Value {
    json!({"type": "disconnect", "reason": reason, "debug_info": {"host": "stand-in"}})
}

/// Around a payload; `kind` is `interactive`, `slash_commands` or `events_api`.
pub fn envelope(kind: &str, id: &str, payload: &Value) -> Value {
    json!({"type": kind, "envelope_id": id, "accepts_response_payload": kind != "events_api", "payload": payload})
}

/// A click on the button of that action, if the message has it.
pub fn click(
    who: &Person,
    channel: &Channel,
    message: &Message,
    action_id: &str,
    trigger: &str,
    at: &str,
) -> Option<Value> {
    let (block, button) = message.blocks().iter().find_map(|block| {
        let elements = block.get("elements").and_then(Value::as_array);
        let accessory = block.get("accessory");
        let button = elements.into_iter().flatten().chain(accessory);
        let button = button.into_iter().find(|b| b["action_id"] == action_id)?;
        Some((block, button))
    })?;
    let mut action = json!({
        "type": "button", "action_id": action_id, "text": button["text"], "action_ts": at,
        "block_id": block.get("block_id").cloned().unwrap_or_else(|| json!("b0")),
    });
    if let Some(value) = button.get("value") {
        action["value"] = value.clone();
    }
    Some(json!({
        "type": "block_actions", "api_app_id": APP, "token": "verification", "trigger_id": trigger,
        "team": {"id": TEAM, "domain": "shop"}, "user": who.brief(), "enterprise": null, "is_enterprise_install": false,
        "container": {"type": "message", "message_ts": message.ts, "channel_id": channel.id, "is_ephemeral": false},
        "channel": {"id": channel.id, "name": channel.name}, "message": message.wire(),
        "state": {"values": {}}, "actions": [action],
    }))
}

/// A slash command.
pub fn command(who: &Person, channel: &Channel, command: &str, text: &str, trigger: &str) -> Value {
    json!({
        "token": "verification", "team_id": who.team, "team_domain": "shop", "channel_id": channel.id,
        "channel_name": channel.name, "user_id": who.id, "user_name": who.name, "command": command, "text": text,
        "api_app_id": APP, "is_enterprise_install": "false", "trigger_id": trigger,
    })
}

/// A message that mentions the app.
pub fn mention(who: &Person, channel: &Channel, message: &Message, id: &str, now: f64) -> Value {
    let mut event = json!({
        "type": "app_mention", "user": who.id, "team": who.team, "channel": channel.id, "ts": message.ts,
        "event_ts": message.ts, "text": message.versions.last().map_or("", |v| &v.text),
    });
    if let Some(thread) = &message.thread_ts {
        event["thread_ts"] = json!(thread);
    }
    json!({
        "type": "event_callback", "token": "verification", "team_id": TEAM, "api_app_id": APP, "event": event,
        "event_id": id, "event_time": now as i64,
        "authorizations": [{"enterprise_id": null, "team_id": TEAM, "user_id": BOT_USER, "is_bot": true, "is_enterprise_install": false}],
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use slack_morphism::prelude::{
        SlackBlock, SlackCommandEvent, SlackEventCallbackBody, SlackInteractionEvent,
        SlackPushEvent,
    };

    use super::{click, command, mention};
    use crate::slack::people::{BOT_USER, Kind, Person};
    use crate::slack::world::{Channel, Message, Version};

    /// The shapes are those that a client of Slack, written by others from Slack's documentation, can read.
    #[test]
    fn payloads_have_the_shapes_that_other_clients_expect() {
        let ada = Person::new("ada", Kind::Member, &[]);
        let ops = Channel {
            id: "C0OPS".into(),
            name: "ops".into(),
        };
        let blocks = vec![json!({"type": "actions", "block_id": "q", "elements": [
            {"type": "button", "text": {"type": "plain_text", "text": "Approve"}, "action_id": "yes", "value": "ticket"}]})];
        let message = Message {
            channel: "C0OPS".into(),
            ts: "1.000001".into(),
            thread_ts: None,
            user: BOT_USER.into(),
            metadata: None,
            deleted: false,
            versions: vec![Version {
                at: 1.0,
                text: "t".into(),
                blocks,
            }],
        };
        assert!(click(&ada, &ops, &message, "no", "t", "2.0").is_none());
        let clicked = click(&ada, &ops, &message, "yes", "t", "2.0").unwrap();
        let SlackInteractionEvent::BlockActions(got) = serde_json::from_value(clicked).unwrap()
        else {
            panic!("no click")
        };
        assert_eq!(got.actions.unwrap()[0].value.as_deref(), Some("ticket"));
        let shown = got.message.unwrap().content.blocks.unwrap();
        assert!(matches!(shown.as_slice(), [SlackBlock::Actions(_)]));
        let mut typed = command(&ada, &ops, "/podmender", "status", "t");
        typed["response_url"] = json!("http://x/");
        let got: SlackCommandEvent = serde_json::from_value(typed).unwrap();
        assert_eq!(got.text.as_deref(), Some("status"));
        let mentioned = mention(&ada, &ops, &message, "Ev1", 1.0);
        let SlackPushEvent::EventCallback(got) = serde_json::from_value(mentioned).unwrap() else {
            panic!("no event")
        };
        assert!(matches!(got.event, SlackEventCallbackBody::AppMention(_)));
    }
}
