//! The Web API methods that the agent uses: pure, one call at a time.
use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::limits;
use super::people::{APP, BOT_USER, TEAM};
use super::world::{Call, Message, Notice, Version, View, World};

/// A trigger opens a modal for so many seconds.
const TRIGGER: f64 = 3.0;

/// An answer to a call.
#[derive(Debug, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Seconds for the header Retry-After.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: Value,
}

/// Why a call is not answered with what was asked for.
enum Refused {
    Code(&'static str),
    Ordered(String),
    Wrong(&'static str, String),
    TooMany(u64),
}

type Answer = Result<Value, Refused>;

/// Which kind of token came with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// None.
    None,
    /// `xoxb-…`
    Bot,
    /// `xapp-…`
    App,
    /// Neither.
    Unknown,
}

impl Token {
    /// By its prefix.
    pub fn of(text: Option<&str>) -> Self {
        match text {
            None | Some("") => Self::None,
            Some(t) if t.starts_with("xoxb-") => Self::Bot,
            Some(t) if t.starts_with("xapp-") => Self::App,
            Some(_) => Self::Unknown,
        }
    }
}

/// Answers a call at that time (seconds since 1970). `socket` is the address that `apps.connections.open` hands out.
pub fn call(
    world: &mut World,
    method: &str,
    token: Token,
    args: &Map<String, Value>,
    socket: &str,
    now: f64,
) -> Reply {
    let answer = ordered(world, method)
        .and_then(|()| authorised(method, token))
        .and_then(|()| perform(world, method, args, socket, now));
    let (status, retry_after, body) = match answer {
        Ok(mut body) => {
            body["ok"] = json!(true);
            (200, None, body)
        }
        Err(Refused::Code(code)) => (200, None, json!({"ok": false, "error": code})),
        Err(Refused::Ordered(code)) => (200, None, json!({"ok": false, "error": code})),
        Err(Refused::Wrong(code, what)) => {
            let told = json!({"ok": false, "error": code, "errors": [what], "response_metadata": {"messages": [what]}});
            (200, None, told)
        }
        Err(Refused::TooMany(seconds)) => (
            429,
            Some(seconds),
            json!({"ok": false, "error": "ratelimited"}),
        ),
    };
    let outcome = body.get("error").and_then(Value::as_str).unwrap_or("ok");
    world.calls.push(Call {
        method: method.to_owned(),
        outcome: outcome.to_owned(),
        args: args.clone(),
        answer: body.clone(),
    });
    Reply {
        status,
        retry_after,
        body,
    }
}

/// What was ordered to go wrong.
fn ordered(world: &World, method: &str) -> Result<(), Refused> {
    let posts = method.starts_with("chat.");
    for fault in &world.faults {
        match fault {
            Fault::RateLimited(seconds) => return Err(Refused::TooMany(*seconds)),
            Fault::NotOk(code) => return Err(Refused::Ordered(code.clone())),
            Fault::Revoked => return Err(Refused::Code("token_revoked")),
            Fault::Archived if posts => return Err(Refused::Code("is_archived")),
            Fault::MessageDeleted if method == "chat.update" => {
                return Err(Refused::Code("message_not_found"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn authorised(method: &str, token: Token) -> Result<(), Refused> {
    let wanted = if method == "apps.connections.open" {
        Token::App
    } else {
        Token::Bot
    };
    match token {
        Token::None => Err(Refused::Code("not_authed")),
        Token::Unknown => Err(Refused::Code("invalid_auth")),
        given if given != wanted => Err(Refused::Code("not_allowed_token_type")),
        _ => Ok(()),
    }
}

fn perform(
    world: &mut World,
    method: &str,
    args: &Map<String, Value>,
    socket: &str,
    now: f64,
) -> Answer {
    match method {
        "auth.test" => Ok(json!({
            "url": "https://shop.slack.com/", "team": "shop", "user": "podmender",
            "team_id": TEAM, "user_id": BOT_USER, "bot_id": "B0PODMENDER",
        })),
        "apps.connections.open" => Ok(json!({"url": socket})),
        "chat.postMessage" => post(world, args, now),
        "chat.update" => update(world, args, now),
        "chat.postEphemeral" => ephemeral(world, args, now),
        "views.open" => open_view(world, args, now),
        "users.info" => {
            let user = text(args, "user");
            let person = world.people.iter().find(|p| p.id == user);
            let person = person.ok_or(Refused::Code("user_not_found"))?;
            Ok(json!({"user": person.info()}))
        }
        "usergroups.users.list" => {
            let group = text(args, "usergroup");
            let members = world.people.iter().filter(|p| p.groups.contains(group));
            let ids: Vec<&str> = members.map(|p| p.id.as_str()).collect();
            if ids.is_empty() {
                return Err(Refused::Code("no_such_subteam"));
            }
            Ok(json!({"users": ids}))
        }
        "conversations.history" => history(world, args),
        _ => Err(Refused::Code("unknown_method")),
    }
}

fn text<'a>(args: &'a Map<String, Value>, name: &str) -> &'a str {
    args.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A structure: as JSON, or as JSON in a form's text.
fn structure(args: &Map<String, Value>, name: &str) -> Result<Option<Value>, Refused> {
    match args.get(name) {
        Some(Value::String(coded)) => serde_json::from_str(coded)
            .map(Some)
            .map_err(|e| Refused::Wrong("invalid_arguments", format!("{name}: {e}"))),
        other => Ok(other.cloned()),
    }
}

fn channel(world: &World, args: &Map<String, Value>) -> Result<String, Refused> {
    let found = world.channel(text(args, "channel"));
    found
        .map(|c| c.id.clone())
        .ok_or(Refused::Code("channel_not_found"))
}

fn version(args: &Map<String, Value>, now: f64) -> Result<Version, Refused> {
    let blocks = match structure(args, "blocks")? {
        Some(Value::Array(blocks)) => blocks,
        None => Vec::new(),
        Some(_) => return Err(Refused::Code("invalid_blocks_format")),
    };
    let text = text(args, "text").to_owned();
    limits::message(&text, &blocks).map_err(|(code, what)| Refused::Wrong(code, what))?;
    Ok(Version {
        at: now,
        text,
        blocks,
    })
}

fn metadata(args: &Map<String, Value>) -> Result<Option<Value>, Refused> {
    let given = structure(args, "metadata")?;
    let whole = |m: &Value| m["event_type"].is_string() && m["event_payload"].is_object();
    if given.as_ref().is_some_and(|m| !whole(m)) {
        return Err(Refused::Code("invalid_metadata_format"));
    }
    Ok(given)
}

fn post(world: &mut World, args: &Map<String, Value>, now: f64) -> Answer {
    let channel = channel(world, args)?;
    world
        .take(("post", &channel), 1.0, 3.0, now)
        .map_err(Refused::TooMany)?;
    let (version, metadata) = (version(args, now)?, metadata(args)?);
    let thread_ts = Some(text(args, "thread_ts"))
        .filter(|t| !t.is_empty())
        .map(str::to_owned);
    if thread_ts
        .as_ref()
        .is_some_and(|t| world.message(&channel, t).is_none())
    {
        return Err(Refused::Code("thread_not_found"));
    }
    let message = Message {
        ts: world.ts(now),
        user: BOT_USER.to_owned(),
        deleted: false,
        versions: vec![version],
        channel,
        thread_ts,
        metadata,
    };
    let answer = json!({"channel": message.channel, "ts": message.ts, "message": message.wire()});
    world.messages.push(message);
    Ok(answer)
}

fn update(world: &mut World, args: &Map<String, Value>, now: f64) -> Answer {
    let id = text(args, "channel").to_owned();
    if !world.channels.iter().any(|c| c.id == id) {
        return Err(Refused::Code("channel_not_found"));
    }
    // Tier 3: fifty a minute.
    world
        .take(("update", &id), 50.0 / 60.0, 50.0, now)
        .map_err(Refused::TooMany)?;
    let (version, metadata) = (version(args, now)?, metadata(args)?);
    let ts = text(args, "ts");
    let there = world
        .messages
        .iter_mut()
        .find(|m| m.channel == id && m.ts == ts && !m.deleted);
    let message = there.ok_or(Refused::Code("message_not_found"))?;
    if message.user != BOT_USER {
        return Err(Refused::Code("cant_update_message"));
    }
    message.versions.push(version);
    message.metadata = metadata.or(message.metadata.take());
    let wire = message.wire();
    Ok(json!({"channel": id, "ts": ts, "text": wire["text"], "message": wire}))
}

fn ephemeral(world: &mut World, args: &Map<String, Value>, now: f64) -> Answer {
    let (channel, version) = (channel(world, args)?, version(args, now)?);
    let user = text(args, "user").to_owned();
    if !world.people.iter().any(|p| p.id == user) {
        return Err(Refused::Code("user_not_in_channel"));
    }
    let thread_ts = Some(text(args, "thread_ts"))
        .filter(|t| !t.is_empty())
        .map(str::to_owned);
    world.notices.push(Notice {
        at: now,
        channel,
        user,
        thread_ts,
        text: version.text,
        blocks: version.blocks,
    });
    let ts = world.ts(now);
    Ok(json!({"message_ts": ts}))
}

fn open_view(world: &mut World, args: &Map<String, Value>, now: f64) -> Answer {
    let Some((user, at)) = world.triggers.remove(text(args, "trigger_id")) else {
        return Err(Refused::Code("invalid_trigger_id"));
    };
    if now - at > TRIGGER {
        return Err(Refused::Code("expired_trigger_id"));
    }
    let view = structure(args, "view")?.ok_or(Refused::Code("invalid_arguments"))?;
    limits::view(&view).map_err(|(code, what)| Refused::Wrong(code, what))?;
    let id = format!("V0{}", world.views.len());
    let mut answer = view.clone();
    for (field, value) in [
        ("id", json!(id)),
        ("team_id", json!(TEAM)),
        ("app_id", json!(APP)),
        ("hash", json!(format!("{now:.6}.stand-in"))),
        ("state", json!({"values": {}})),
    ] {
        answer[field] = value;
    }
    world.views.push(View { id, user, view });
    Ok(json!({"view": answer}))
}

fn history(world: &World, args: &Map<String, Value>) -> Answer {
    let channel = channel(world, args)?;
    let with_metadata = matches!(args.get("include_all_metadata"), Some(Value::Bool(true)))
        || text(args, "include_all_metadata") == "true";
    let limit = args
        .get("limit")
        .and_then(|l| l.as_u64().or_else(|| l.as_str()?.parse().ok()));
    let limit = usize::try_from(limit.unwrap_or(100)).unwrap_or(100);
    let oldest = text(args, "oldest");
    let there = world.messages.iter().rev().filter(|m| {
        m.channel == channel && !m.deleted && m.thread_ts.is_none() && m.ts.as_str() > oldest
    });
    let mut messages: Vec<Value> = there.take(limit + 1).map(Message::wire).collect();
    let has_more = messages.len() > limit;
    messages.truncate(limit);
    if !with_metadata {
        for message in messages.iter_mut().filter_map(Value::as_object_mut) {
            message.remove("metadata");
        }
    }
    Ok(json!({"messages": messages, "has_more": has_more}))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Reply, Token, call};
    use crate::slack::fault::{Fault, NAMES};
    use crate::slack::people::{ON_CALL, user_id};
    use crate::slack::world::World;

    fn ask(world: &mut World, method: &str, args: Value, now: f64) -> Reply {
        let args = args.as_object().unwrap().clone();
        call(world, method, Token::Bot, &args, "ws://x/socket", now)
    }

    fn code(reply: &Reply) -> &str {
        reply.body["error"].as_str().unwrap_or("ok")
    }

    #[test]
    fn a_message_is_posted_changed_and_found_again() {
        let mut world = World::new(&["ops"]);
        let metadata = json!({"event_type": "incident", "event_payload": {"id": "i"}});
        let posted = ask(
            &mut world,
            "chat.postMessage",
            json!({"channel": "#ops", "text": "a", "metadata": metadata}),
            10.0,
        );
        let ts = posted.body["ts"].as_str().unwrap().to_owned();
        assert_eq!(ts, "10.000000");
        let change = json!({"channel": "C0OPS", "ts": ts, "text": "b"});
        assert_eq!(code(&ask(&mut world, "chat.update", change, 11.0)), "ok");
        let texts: Vec<_> = world.messages[0]
            .versions
            .iter()
            .map(|v| v.text.as_str())
            .collect();
        assert_eq!(texts, ["a", "b"]);
        let all = json!({"channel": "C0OPS", "include_all_metadata": true});
        let found = ask(&mut world, "conversations.history", all, 12.0);
        assert_eq!(found.body["messages"][0]["metadata"], metadata);
        assert_eq!(found.body["messages"][0]["text"], "b");
        let unknown = json!({"channel": "C0OPS", "ts": "1.0", "text": "b"});
        assert_eq!(
            code(&ask(&mut world, "chat.update", unknown, 11.0)),
            "message_not_found"
        );
        // Only an id names a channel here.
        let named = json!({"channel": "#ops", "ts": ts, "text": "b"});
        assert_eq!(
            code(&ask(&mut world, "chat.update", named, 11.0)),
            "channel_not_found"
        );
    }

    #[test]
    fn one_message_a_second_a_channel() {
        let mut world = World::new(&["ops", "dev"]);
        let mut post = |channel: &str, now| {
            ask(
                &mut world,
                "chat.postMessage",
                json!({"channel": channel, "text": "x"}),
                now,
            )
        };
        for _ in 0..3 {
            assert_eq!(post("ops", 1.0).status, 200);
        }
        let refused = post("ops", 1.0);
        assert_eq!((refused.status, refused.retry_after), (429, Some(1)));
        assert_eq!(post("dev", 1.0).status, 200);
        assert_eq!(post("ops", 2.0).status, 200);
    }

    #[test]
    fn tokens_people_groups_and_triggers() {
        let mut world = World::new(&["ops"]);
        let none = serde_json::Map::new();
        let mut with =
            |token, method| call(&mut world, method, Token::of(token), &none, "ws://x", 1.0);
        assert_eq!(code(&with(None, "auth.test")), "not_authed");
        assert_eq!(code(&with(Some("junk"), "auth.test")), "invalid_auth");
        assert_eq!(
            code(&with(Some("xapp-1"), "auth.test")),
            "not_allowed_token_type"
        );
        assert_eq!(
            with(Some("xapp-1"), "apps.connections.open").body["url"],
            "ws://x"
        );
        let members = ask(
            &mut world,
            "usergroups.users.list",
            json!({"usergroup": ON_CALL}),
            1.0,
        );
        assert_eq!(members.body["users"], json!([user_id("ben")]));
        assert_eq!(
            ask(
                &mut world,
                "users.info",
                json!({"user": user_id("gil")}),
                1.0
            )
            .body["user"]["is_restricted"],
            json!(true)
        );
        let view =
            json!({"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": []});
        for (at, expected) in [(1.0, "ok"), (9.0, "expired_trigger_id")] {
            world.triggers.insert("t".into(), (user_id("ada"), 1.0));
            let open = json!({"trigger_id": "t", "view": view.to_string()});
            assert_eq!(
                code(&ask(&mut world, "views.open", open.clone(), at)),
                expected
            );
            assert_eq!(
                code(&ask(&mut world, "views.open", open, at)),
                "invalid_trigger_id"
            );
        }
    }

    #[test]
    fn what_was_ordered_goes_wrong() {
        let mut world = World::new(&["ops"]);
        let expected = [
            "ratelimited",
            "internal_error",
            "token_revoked",
            "is_archived",
        ];
        for (name, expected) in NAMES.iter().skip(2).zip(expected) {
            world.faults = vec![name.parse::<Fault>().unwrap()];
            let reply = ask(
                &mut world,
                "chat.postMessage",
                json!({"channel": "ops", "text": "x"}),
                1.0,
            );
            assert_eq!(code(&reply), expected);
        }
        assert!(world.messages.is_empty());
    }
}
