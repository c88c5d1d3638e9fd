//! What there is in the stand-in's workspace, as plain data: what was posted and how it changed, who was told what in private.
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::people::{self, Person};
use super::respond::Place;

/// A channel.
#[derive(Debug, Clone, Serialize)]
pub struct Channel {
    /// Its id.
    pub id: String,
    /// Its name, without `#`.
    pub name: String,
}

impl Channel {
    /// The channel of that name.
    pub fn new(name: &str) -> Self {
        Self {
            id: channel_id(name),
            name: name.to_owned(),
        }
    }
}

/// What a message said from some time on.
#[derive(Debug, Clone, Serialize)]
pub struct Version {
    /// Seconds since 1970.
    pub at: f64,
    /// The fallback text.
    pub text: String,
    /// The blocks.
    pub blocks: Vec<Value>,
}

/// A message.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// The channel's id.
    pub channel: String,
    /// Its id within the channel.
    pub ts: String,
    /// The message that it answers.
    pub thread_ts: Option<String>,
    /// Who wrote it.
    pub user: String,
    /// What the app attached for itself.
    pub metadata: Option<Value>,
    /// A user has deleted it.
    pub deleted: bool,
    /// All that it ever said, oldest first; never empty.
    pub versions: Vec<Version>,
}

impl Message {
    /// What it says now.
    pub fn blocks(&self) -> &[Value] {
        self.versions.last().map_or(&[], |v| &v.blocks)
    }

    /// All that it says now to a person who reads it; members by their id.
    pub fn words(&self) -> String {
        let mut words = String::new();
        for block in self.blocks() {
            collect(block, &mut words);
        }
        words
    }

    /// Whether it has that button now.
    pub fn has(&self, action: &str) -> bool {
        !self.value(action).is_empty()
    }

    /// What that button carries now; empty if it has none of that name.
    pub fn value(&self, action: &str) -> &str {
        let elements = self
            .blocks()
            .iter()
            .filter_map(|b| b["elements"].as_array());
        let mut buttons = elements.flatten();
        let found = buttons.find(|b| b["action_id"] == action);
        found.and_then(|b| b["value"].as_str()).unwrap_or_default()
    }

    /// As somebody sees it who has not seen its newer versions: the newest that has that button.
    pub(super) fn earlier(&self, action: &str) -> Self {
        let mut seen = self.clone();
        while seen.versions.len() > 1 && !seen.has(action) {
            seen.versions.pop();
        }
        seen
    }

    /// As a forger sends it back: its buttons carry `value`.
    pub(super) fn forged(&self, value: &str) -> Self {
        let mut seen = self.clone();
        let blocks = seen.versions.iter_mut().flat_map(|v| &mut v.blocks);
        for element in blocks
            .filter_map(|b| b["elements"].as_array_mut())
            .flatten()
        {
            if element.get("value").is_some() {
                element["value"] = json!(value);
            }
        }
        seen
    }

    /// As Slack gives it in an interaction or a history.
    pub fn wire(&self) -> Value {
        let now = self.versions.last();
        let mut message = json!({
            "type": "message", "ts": self.ts, "user": self.user, "team": people::TEAM,
            "text": now.map_or("", |v| &v.text), "blocks": self.blocks(),
        });
        if self.user == people::BOT_USER {
            message["bot_id"] = json!("B0PODMENDER");
        }
        for (field, value) in [
            ("thread_ts", self.thread_ts.clone().map(Value::from)),
            ("metadata", self.metadata.clone()),
        ] {
            if let Some(value) = value {
                message[field] = value;
            }
        }
        if let (true, Some(last)) = (self.versions.len() > 1, now) {
            message["edited"] = json!({"user": self.user, "ts": format!("{:.6}", last.at)});
        }
        message
    }
}

/// Something that one person alone sees.
#[derive(Debug, Clone, Serialize)]
pub struct Notice {
    /// Seconds since 1970.
    pub at: f64,
    /// Where.
    pub channel: String,
    /// Who sees it.
    pub user: String,
    /// In which thread.
    pub thread_ts: Option<String>,
    /// What it says.
    pub text: String,
    /// The same in blocks, if it has any.
    pub blocks: Vec<Value>,
}

/// A modal that was opened for a person.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// Its id.
    pub id: String,
    /// Who sees it.
    pub user: String,
    /// As the app gave it.
    pub view: Value,
}

/// Something that was sent to the app: in an envelope, or as a signed request.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// The envelope's id.
    pub id: String,
    /// `interactive`, `slash_commands` or `events_api`.
    pub kind: &'static str,
    /// Who caused it.
    pub user: String,
    /// Where, if the payload says so.
    pub channel: String,
    /// Seconds since 1970.
    pub at: f64,
    /// After how many seconds it was acknowledged.
    pub acknowledged: Option<f64>,
    /// The HTTP statuses that it was answered with, in order; 0 where there was no answer.
    pub answers: Vec<u16>,
    /// What happened.
    #[serde(skip)]
    pub payload: Value,
}

/// A call of the Web API.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// The method.
    pub method: String,
    /// `ok` or Slack's code.
    pub outcome: String,
    /// What was asked.
    #[serde(skip)]
    pub args: Map<String, Value>,
    /// What was answered.
    #[serde(skip)]
    pub answer: Value,
}

/// The workspace.
#[derive(Debug, Default, Clone, Serialize)]
pub struct World {
    /// Who there is.
    pub people: Vec<Person>,
    /// Where they talk.
    pub channels: Vec<Channel>,
    /// What was posted, oldest first.
    pub messages: Vec<Message>,
    /// What was told in private, oldest first.
    pub notices: Vec<Notice>,
    /// Modals, oldest first.
    pub views: Vec<View>,
    /// What was sent to the app, oldest first.
    pub deliveries: Vec<Delivery>,
    /// Answered calls, oldest first.
    pub calls: Vec<Call>,
    /// How it misbehaves now.
    pub faults: Vec<Fault>,
    /// Trigger id -> who clicked and when; used up by one `views.open`.
    #[serde(skip)]
    pub(super) triggers: BTreeMap<String, (String, f64)>,
    /// Id of a `response_url` -> what it answers to.
    #[serde(skip)]
    pub(super) places: BTreeMap<String, Place>,
    /// Method and channel -> messages that may still go out, and as of when.
    #[serde(skip)]
    pub(super) buckets: BTreeMap<(String, String), (f64, f64)>,
    #[serde(skip)]
    pub(super) last_ts: u64,
}

impl World {
    /// A workspace with the usual cast and these channels.
    pub fn new(channels: &[&str]) -> Self {
        let channels = channels.iter().map(|name| Channel::new(name));
        Self {
            people: people::cast(),
            channels: channels.collect(),
            ..Self::default()
        }
    }

    /// Somebody by name or id.
    pub fn person(&self, who: &str) -> Option<&Person> {
        self.people.iter().find(|p| p.name == who || p.id == who)
    }

    /// A channel by id, name or `#name`.
    pub fn channel(&self, which: &str) -> Option<&Channel> {
        let name = which.trim_start_matches('#');
        self.channels
            .iter()
            .find(|c| c.id == which || c.name == name)
    }

    /// A message that is still there.
    pub fn message(&self, channel: &str, ts: &str) -> Option<&Message> {
        let mut there = self.messages.iter().filter(|m| !m.deleted);
        there.find(|m| m.channel == channel && m.ts == ts)
    }

    /// The next timestamp: time with microseconds, never the same twice.
    pub(super) fn ts(&mut self, now: f64) -> String {
        self.last_ts = ((now * 1e6) as u64).max(self.last_ts + 1);
        format!(
            "{}.{:06}",
            self.last_ts / 1_000_000,
            self.last_ts % 1_000_000
        )
    }

    /// Takes one of a bucket of `burst` that fills again at `rate` a second; else the seconds until there is one.
    pub(super) fn take(
        &mut self,
        what: (&str, &str),
        rate: f64,
        burst: f64,
        now: f64,
    ) -> Result<(), u64> {
        let key = (what.0.to_owned(), what.1.to_owned());
        let (left, at) = self.buckets.entry(key).or_insert((burst, now));
        *left = f64::min(burst, *left + (now - *at).max(0.0) * rate);
        *at = now;
        if *left < 1.0 {
            return Err((((1.0 - *left) / rate).ceil() as u64).max(1));
        }
        *left -= 1.0;
        Ok(())
    }
}

/// The texts in a block, one after the other.
fn collect(block: &Value, into: &mut String) {
    match block {
        Value::Object(fields) => {
            for name in ["text", "user_id", "fallback"] {
                if let Some(Value::String(text)) = fields.get(name) {
                    into.push_str(text);
                }
            }
            for (name, field) in fields {
                if !field.is_string() && name != "style" {
                    collect(field, into);
                }
            }
            if fields.contains_key("type") {
                into.push(' ');
            }
        }
        Value::Array(all) => all.iter().for_each(|one| collect(one, into)),
        _ => {}
    }
}

/// The id of the channel of that name.
pub fn channel_id(name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("C0{}", letters.to_ascii_uppercase())
}
