//! A Slack to test against: it answers as Slack does, refuses what Slack refuses, and misbehaves on order.
//!
//! `cargo run -p scenarios -- slack` serves it by itself, with a page that shows the channel and whose buttons work.
mod act;
mod deliver;
pub mod fault;
pub mod limits;
pub mod methods;
pub mod payload;
pub mod people;
mod respond;
mod serve;
pub mod signed;
pub mod world;

use std::net::{SocketAddr, TcpListener};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::runtime::Handle;
use tokio::sync::watch;

use deliver::{Order, Sockets};
use fault::Fault;
use signed::App;
use world::World;

/// The stand-in at work; it ends with the process.
pub struct Slack(Arc<Inner>);

impl Deref for Slack {
    type Target = Arc<Inner>;

    fn deref(&self) -> &Arc<Inner> {
        &self.0
    }
}

/// What its handle, its page and its sockets share.
pub struct Inner {
    /// Where it listens.
    pub address: SocketAddr,
    world: Mutex<World>,
    sockets: Mutex<Sockets>,
    /// Where the app listens, if not over a socket.
    app: Mutex<Option<App>>,
    post: reqwest::Client,
    runtime: Handle,
    changed: watch::Sender<u64>,
    ids: AtomicU64,
}

impl Slack {
    /// Listens there, with these channels; port 0 takes a free one.
    pub fn start(address: &str, channels: &[&str]) -> Result<Self> {
        // Fails only if it was done before, which is just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener =
            TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let inner = Arc::new(Inner {
            address: listener.local_addr()?,
            world: Mutex::new(World::new(channels)),
            sockets: Mutex::default(),
            app: Mutex::default(),
            // Slack itself gives up after three seconds. Apps under test speak plain HTTP.
            post: reqwest::Client::builder()
                .timeout(Duration::from_secs(3))
                .tls_certs_only([])
                .build()?,
            runtime: runtime.handle().clone(),
            changed: watch::Sender::new(1),
            ids: AtomicU64::new(1),
        });
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

    /// How many sockets were ever opened.
    pub fn joined(&self) -> u64 {
        lock(&self.sockets).joined()
    }

    /// Waits until something is so; `None` if it does not come true within this time.
    pub fn wait<T>(&self, within: Duration, look: impl Fn(&World) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(found) = look(&lock(&self.world)) {
                return Some(found);
            }
            if Instant::now() > deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// From now on clicks, commands and mentions are posted to the app, signed; `None`: they go over its sockets.
    pub fn post_to(&self, app: Option<App>) {
        *lock(&self.app) = app;
    }

    /// Another channel.
    pub fn open_channel(&self, name: &str) {
        self.change(|world, _| {
            if world.channel(name).is_none() {
                world.channels.push(world::Channel::new(name));
            }
        });
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
        match &fault {
            Fault::Down => lock(&self.sockets).order(Order::Cut),
            Fault::Disconnect(reason) => {
                return lock(&self.sockets).order(Order::Disconnect(reason.clone()));
            }
            Fault::HalfOpen => return lock(&self.sockets).silence(),
            _ => {}
        }
        self.change(|world, _| world.faults.push(fault));
    }

    /// Behaves again.
    pub fn behave(&self) {
        self.change(|world, _| world.faults.clear());
    }

    fn id(&self, prefix: &str) -> String {
        format!("{prefix}-{}", self.ids.fetch_add(1, Ordering::Relaxed))
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
        assert_eq!(first["payload"]["user"]["id"], "U0ADA0000");
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
                .any(|n| n.text == "noted" && n.user == "U0ADA0000")
        });
        tokio::time::timeout(std::time::Duration::from_secs(60), noted)
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
