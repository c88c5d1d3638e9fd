//! What there is in the stand-in's workspace, as plain data: what was posted and how it changed, who was told what in private.
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::fault::Fault;
use super::people::{self, Person};

/// A channel.
#[derive(Debug, Clone, Serialize)]
pub struct Channel {
    /// Its id.
    pub id: String,
    /// Its name, without `#`.
    pub name: String,
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

/// An envelope that was sent to the app.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// The envelope's id.
    pub id: String,
    /// `interactive`, `slash_commands` or `events_api`.
    pub kind: String,
    /// Who caused it.
    pub user: String,
    /// Where, if the payload says so.
    pub channel: String,
    /// Seconds since 1970.
    pub at: f64,
    /// After how many seconds it was acknowledged.
    pub acknowledged: Option<f64>,
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
    /// Answered calls: method and `ok` or Slack's code.
    pub calls: Vec<(String, String)>,
    /// How it misbehaves now.
    pub faults: Vec<Fault>,
    /// Trigger id -> who clicked and when; used up by one `views.open`.
    #[serde(skip)]
    pub(super) triggers: BTreeMap<String, (String, f64)>,
    /// Method and channel -> messages that may still go out, and as of when.
    #[serde(skip)]
    pub(super) buckets: BTreeMap<(String, String), (f64, f64)>,
    #[serde(skip)]
    pub(super) last_ts: u64,
}

impl World {
    /// A workspace with the usual cast and these channels.
    pub fn new(channels: &[&str]) -> Self {
        let channels = channels.iter().map(|name| Channel {
            id: channel_id(name),
            name: (*name).to_owned(),
        });
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

/// The id of the channel of that name.
pub fn channel_id(name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("C0{}", letters.to_ascii_uppercase())
}
