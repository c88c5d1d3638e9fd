//! Answers by `response_url`: five within half an hour of what was answered.
//!
//! Source: <https://docs.slack.dev/interactivity/handling-user-interaction#message_responses>.
use serde_json::Value;

use super::limits;
use super::people::BOT_USER;
use super::world::{Message, Notice, Version, World};

/// So many answers are taken.
const MOST: u8 = 5;
/// For so many seconds.
const WITHIN: f64 = 1800.0;

/// What an address answers to.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) channel: String,
    pub(super) user: String,
    /// The message that was clicked, if it was one.
    pub(super) message: Option<String>,
    pub(super) at: f64,
    pub(super) used: u8,
}

/// Takes an answer, or says by Slack's code why not.
pub(super) fn respond(
    world: &mut World,
    id: &str,
    body: &Value,
    now: f64,
) -> Result<(), &'static str> {
    let place = world.places.get_mut(id).ok_or("invalid_url")?;
    if now - place.at > WITHIN {
        return Err("expired_url");
    }
    if place.used >= MOST {
        return Err("used_url");
    }
    place.used += 1;
    let place = place.clone();
    let says = |field: &str| body.get(field).and_then(Value::as_bool) == Some(true);
    let text = body.get("text").and_then(Value::as_str).unwrap_or_default();
    let version = Version {
        at: now,
        text: text.to_owned(),
        blocks: match body.get("blocks") {
            Some(Value::Array(blocks)) => blocks.clone(),
            _ => Vec::new(),
        },
    };
    let clicked = world
        .messages
        .iter_mut()
        .find(|m| m.channel == place.channel && Some(&m.ts) == place.message.as_ref());
    if says("delete_original") {
        clicked.ok_or("message_not_found")?.deleted = true;
        return Ok(());
    }
    limits::message(&version.text, &version.blocks).map_err(|(code, _)| code)?;
    if says("replace_original") {
        clicked.ok_or("message_not_found")?.versions.push(version);
    } else if body.get("response_type") == Some(&"in_channel".into()) {
        let ts = world.ts(now);
        world.messages.push(Message {
            ts,
            channel: place.channel,
            thread_ts: None,
            user: BOT_USER.to_owned(),
            metadata: None,
            deleted: false,
            versions: vec![version],
        });
    } else {
        world.notices.push(Notice {
            at: now,
            channel: place.channel,
            user: place.user,
            thread_ts: None,
            text: version.text,
            blocks: version.blocks,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Place, respond};
    use crate::slack::world::{Message, Version, World};

    #[test]
    fn an_address_takes_five_answers_within_half_an_hour() {
        let mut world = World::new(&["ops"]);
        world.messages.push(Message {
            channel: "C0OPS".into(),
            ts: "1.0".into(),
            thread_ts: None,
            user: "U0PODMENDER".into(),
            metadata: None,
            deleted: false,
            versions: vec![Version {
                at: 1.0,
                text: "first".into(),
                blocks: Vec::new(),
            }],
        });
        let place = Place {
            channel: "C0OPS".into(),
            user: "U0ADA0000".into(),
            message: Some("1.0".into()),
            at: 1.0,
            used: 0,
        };
        world.places.insert("p".into(), place);
        let mut answer = |body, now| respond(&mut world, "p", &body, now);
        assert_eq!(answer(json!({"text": "you alone"}), 2.0), Ok(()));
        let aloud = json!({"text": "all", "response_type": "in_channel"});
        assert_eq!(answer(aloud, 2.0), Ok(()));
        let replaced = json!({"text": "changed", "replace_original": true});
        assert_eq!(answer(replaced, 2.0), Ok(()));
        assert_eq!(answer(json!({}), 2.0), Err("no_text"));
        assert_eq!(answer(json!({"delete_original": true}), 2.0), Ok(()));
        assert_eq!(answer(json!({"text": "x"}), 3.0), Err("used_url"));
        assert_eq!(answer(json!({"text": "x"}), 1802.0), Err("expired_url"));
        assert_eq!(world.notices[0].text, "you alone");
        assert_eq!(world.messages[1].versions[0].text, "all");
        assert_eq!(world.messages[0].versions[1].text, "changed");
        assert!(world.messages[0].deleted);
        let unknown = respond(&mut world, "q", &json!({"text": "x"}), 2.0);
        assert_eq!(unknown, Err("invalid_url"));
    }
}
