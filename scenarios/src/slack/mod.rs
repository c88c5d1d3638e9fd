//! A Slack to test against: it answers as Slack does, refuses what Slack refuses, and misbehaves on order.
//!
//! `cargo run -p scenarios -- slack` serves it by itself, with a page that shows the channel and whose buttons work.
pub mod fault;
pub mod limits;
pub mod methods;
pub mod payload;
pub mod people;
mod serve;
pub mod world;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use fault::Fault;
use world::{Delivery, Message, Notice, Version, World};

/// What a socket is told to do.
enum Order {
    Send(String),
    Disconnect(String),
    Silence,
    Cut,
}

/// The stand-in at work; it ends with the process.
pub struct Slack(Arc<Inner>);

impl Deref for Slack {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// What its handle, its page and its sockets share.
pub struct Inner {
    /// Where it listens.
    pub address: SocketAddr,
    world: Mutex<World>,
    sockets: Mutex<BTreeMap<u64, mpsc::UnboundedSender<Order>>>,
    changed: watch::Sender<u64>,
    ids: AtomicU64,
}

impl Slack {
    /// Listens there, with these channels; port 0 takes a free one.
    pub fn start(address: &str, channels: &[&str]) -> Result<Self> {
        let listener =
            TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
        listener.set_nonblocking(true)?;
        let inner = Arc::new(Inner {
            address: listener.local_addr()?,
            world: Mutex::new(World::new(channels)),
            sockets: Mutex::default(),
            changed: watch::Sender::new(1),
            ids: AtomicU64::new(1),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let served = Arc::clone(&inner);
        std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let router = serve::router(Arc::clone(&served));
                axum::serve(
                    serve::Door {
                        listener,
                        inner: served,
                    },
                    router,
                )
                .await
            })
        });
        Ok(Self(inner))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the stand-in lives in real time, as Slack does"
)]
fn now() -> f64 {
    jiff::Timestamp::now().as_microsecond() as f64 / 1e6
}

impl Inner {
    /// The base of its Web API, for the agent's `--slack-api-url`.
    pub fn api(&self) -> String {
        format!("http://{}/api/", self.address)
    }

    /// All there is, as it is now.
    pub fn world(&self) -> World {
        lock(&self.world).clone()
    }

    /// How many sockets are open.
    pub fn sockets(&self) -> usize {
        lock(&self.sockets).len()
    }

    fn change<T>(&self, work: impl FnOnce(&mut World, f64) -> T) -> T {
        let done = work(&mut lock(&self.world), now());
        self.changed.send_modify(|n| *n += 1);
        done
    }

    fn is(&self, fault: &Fault) -> bool {
        lock(&self.world).faults.contains(fault)
    }

    fn slow(&self) -> Option<Duration> {
        lock(&self.world).faults.iter().find_map(|f| match f {
            Fault::Slow(time) => Some(*time),
            _ => None,
        })
    }

    /// Misbehaves from now on. What befalls open sockets happens once, now.
    pub fn order(&self, fault: Fault) {
        let sockets = lock(&self.sockets);
        for socket in sockets.values() {
            // One that is gone needs no order.
            let _ = match &fault {
                Fault::Down => socket.send(Order::Cut),
                Fault::Disconnect(reason) => socket.send(Order::Disconnect(reason.clone())),
                Fault::HalfOpen => socket.send(Order::Silence),
                _ => Ok(()),
            };
        }
        drop(sockets);
        if !matches!(fault, Fault::Disconnect(_) | Fault::HalfOpen) {
            self.change(|world, _| world.faults.push(fault));
        }
    }

    /// Behaves again.
    pub fn behave(&self) {
        self.change(|world, _| world.faults.clear());
    }

    /// A user deletes a message.
    pub fn delete(&self, channel: &str, ts: &str) {
        self.change(|world, _| {
            let mut all = world.messages.iter_mut();
            if let Some(message) = all.find(|m| m.channel == channel && m.ts == ts) {
                message.deleted = true;
            }
        });
    }

    /// Somebody, by name or id, clicks a button of a message.
    pub fn click(&self, who: &str, channel: &str, ts: &str, action: &str) -> Result<()> {
        let payload = self.change(|world, now| {
            let person = world.person(who).context("nobody of that name")?.clone();
            let channel = world.channel(channel).context("no such channel")?.clone();
            let trigger = self.id("trigger");
            let at = world.ts(now);
            let message = world.message(&channel.id, ts).context("no such message")?;
            let payload = payload::click(&person, &channel, message, action, &trigger, &at)
                .context("the message has no such button")?;
            world.triggers.insert(trigger, (person.id, now));
            anyhow::Ok(payload)
        })?;
        let times = if self.is(&Fault::ClickTwice) || self.is(&Fault::NewEnvelopeSameClick) {
            2
        } else {
            1
        };
        for n in 0..times {
            let mut payload = payload.clone();
            if n > 0 && self.is(&Fault::ClickTwice) {
                let at = self.change(|world, now| world.ts(now));
                payload["actions"][0]["action_ts"] = json!(at);
            }
            self.deliver("interactive", who, &payload);
        }
        Ok(())
    }

    /// Somebody writes: a slash command if it begins with `/`, and a mention of the app if it has `@podmender` in it.
    pub fn say(&self, who: &str, channel: &str, thread: Option<&str>, text: &str) -> Result<()> {
        let (kind, payload) = self.change(|world, now| {
            let person = world.person(who).context("nobody of that name")?.clone();
            let channel = world.channel(channel).context("no such channel")?.clone();
            if text.starts_with('/') {
                let (command, rest) = text.split_once(' ').unwrap_or((text, ""));
                let trigger = self.id("trigger");
                let payload =
                    payload::command(&person, &channel, command, rest, &trigger, &self.api());
                world.triggers.insert(trigger, (person.id, now));
                return anyhow::Ok(("slash_commands", payload));
            }
            let text = text.replace("@podmender", &format!("<@{}>", people::BOT_USER));
            let is_mention = text.contains(people::BOT_USER);
            let message = Message {
                ts: world.ts(now),
                channel: channel.id.clone(),
                thread_ts: thread.map(str::to_owned),
                user: person.id.clone(),
                metadata: None,
                deleted: false,
                versions: vec![Version {
                    at: now,
                    text,
                    blocks: Vec::new(),
                }],
            };
            let payload = payload::mention(&person, &channel, &message, &self.id("Ev"), now);
            world.messages.push(message);
            Ok((if is_mention { "events_api" } else { "" }, payload))
        })?;
        if !kind.is_empty() {
            self.deliver(kind, who, &payload);
        }
        Ok(())
    }

    fn id(&self, prefix: &str) -> String {
        format!("{prefix}-{}", self.ids.fetch_add(1, Ordering::Relaxed))
    }

    /// Sends an envelope to one of the sockets, in turn.
    fn deliver(&self, kind: &str, who: &str, payload: &Value) {
        let id = self.id("envelope");
        let text = payload::envelope(kind, &id, payload).to_string();
        let twice = self.is(&Fault::EnvelopeTwice);
        self.change(|world, now| {
            let user = world.person(who).map(|p| p.id.clone()).unwrap_or_default();
            let channel = payload.pointer("/channel/id").or(payload.get("channel_id"));
            let channel = channel
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            world.deliveries.push(Delivery {
                id,
                kind: kind.to_owned(),
                user,
                channel,
                at: now,
                acknowledged: None,
            });
        });
        let sockets = lock(&self.sockets);
        let turn = self.ids.fetch_add(1, Ordering::Relaxed) as usize;
        let next = sockets.values().nth(turn % sockets.len().max(1));
        if let Some(socket) = next {
            for _ in 0..if twice { 2 } else { 1 } {
                // A socket that closes just now leaves the envelope unacknowledged.
                let _ = socket.send(Order::Send(text.clone()));
            }
        }
    }

    fn join(&self, socket: mpsc::UnboundedSender<Order>) -> (u64, usize) {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let mut sockets = lock(&self.sockets);
        sockets.insert(id, socket);
        (id, sockets.len())
    }

    fn leave(&self, id: u64) {
        lock(&self.sockets).remove(&id);
    }

    /// An acknowledgement; a text in it is shown to the person alone.
    fn acknowledged(&self, frame: &str) {
        let Ok(frame) = serde_json::from_str::<Value>(frame) else {
            return;
        };
        self.change(|world, now| {
            let id = frame.get("envelope_id").and_then(Value::as_str);
            let Some(delivery) = world
                .deliveries
                .iter_mut()
                .find(|d| Some(d.id.as_str()) == id)
            else {
                return;
            };
            delivery.acknowledged.get_or_insert(now - delivery.at);
            if let Some(text) = frame.pointer("/payload/text").and_then(Value::as_str) {
                let (channel, user) = (delivery.channel.clone(), delivery.user.clone());
                world.notices.push(Notice {
                    at: now,
                    channel,
                    user,
                    thread_ts: None,
                    text: text.to_owned(),
                });
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use futures::{SinkExt as _, StreamExt as _};
    use serde_json::{Value, json};
    use tokio_tungstenite::tungstenite::Message as Frame;

    use super::Slack;
    use super::fault::Fault;

    /// The next frame with text, as JSON.
    async fn next(
        socket: &mut (
                 impl futures::Stream<Item = Result<Frame, tokio_tungstenite::tungstenite::Error>>
                 + Unpin
             ),
    ) -> Value {
        loop {
            match socket.next().await.unwrap().unwrap() {
                Frame::Text(text) => return serde_json::from_str(&text).unwrap(),
                _ => continue,
            }
        }
    }

    #[tokio::test]
    async fn a_click_reaches_the_app_over_its_socket_and_is_acknowledged() {
        let slack = Slack::start("127.0.0.1:0", &["ops"]).unwrap();
        let blocks = json!([{"type": "actions", "elements": [
            {"type": "button", "text": {"type": "plain_text", "text": "Approve"}, "action_id": "yes", "value": "t"}]}]);
        let args = json!({"channel": "ops", "text": "x", "blocks": blocks});
        let posted = slack.change(|world, now| {
            super::methods::call(
                world,
                "chat.postMessage",
                super::methods::Token::Bot,
                args.as_object().unwrap(),
                "",
                now,
            )
        });
        let ts = posted.body["ts"].as_str().unwrap();
        assert!(slack.click("ada", "ops", ts, "no").is_err());

        let url = format!("ws://{}/socket", slack.address);
        let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
        assert_eq!(next(&mut socket).await["type"], "hello");
        slack.order(Fault::EnvelopeTwice);
        slack.click("ada", "ops", ts, "yes").unwrap();
        let (first, again) = (next(&mut socket).await, next(&mut socket).await);
        assert_eq!(first["payload"]["actions"][0]["value"], "t");
        assert_eq!(first["payload"]["user"]["id"], "U0ADA");
        assert_eq!(first, again);
        let ack = json!({"envelope_id": first["envelope_id"], "payload": {"text": "noted"}});
        socket
            .send(Frame::Text(ack.to_string().into()))
            .await
            .unwrap();
        slack.behave();

        let mut changed = slack.changed.subscribe();
        let noted = changed.wait_for(|_| {
            slack
                .world()
                .notices
                .iter()
                .any(|n| n.text == "noted" && n.user == "U0ADA")
        });
        tokio::time::timeout(std::time::Duration::from_secs(5), noted)
            .await
            .unwrap()
            .unwrap();
        assert!(slack.world().deliveries[0].acknowledged.is_some());

        slack.say("ben", "ops", None, "@podmender status").unwrap();
        let mention = next(&mut socket).await;
        assert_eq!(mention["payload"]["event"]["type"], "app_mention");
        slack.order(Fault::Disconnect("refresh_requested".into()));
        assert_eq!(next(&mut socket).await["reason"], "refresh_requested");

        slack.order(Fault::TooManyWebsockets);
        let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
        assert_eq!(next(&mut socket).await["reason"], "too_many_websockets");
        slack.behave();
        slack.order(Fault::Down);
        assert!(tokio_tungstenite::connect_async(&url).await.is_err());
        slack.behave();
        assert!(tokio_tungstenite::connect_async(&url).await.is_ok());
    }
}
