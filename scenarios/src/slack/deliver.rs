//! How the app hears of it: an envelope over one of its sockets in turn, or a signed request; and what it answers.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::sync::mpsc;

use super::fault::Fault;
use super::signed::{self, App, Request};
use super::world::{Delivery, Notice, World};
use super::{Inner, lock, now, payload};

/// An app has so many seconds.
const PATIENCE: f64 = 3.0;

/// What a socket is told to do.
#[derive(Clone)]
pub(super) enum Order {
    Send(String),
    Disconnect(String),
    Silence,
    Cut,
}

/// The app's open sockets.
#[derive(Default)]
pub(super) struct Sockets {
    lines: BTreeMap<u64, Line>,
    joined: u64,
    turn: usize,
}

struct Line {
    to: mpsc::UnboundedSender<Order>,
    /// It hears nothing any more, and nobody has noticed yet.
    deaf: bool,
}

impl Sockets {
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// How many there ever were.
    pub(super) fn joined(&self) -> u64 {
        self.joined
    }

    /// Tells all of them.
    pub(super) fn order(&self, order: Order) {
        for line in self.lines.values() {
            // One that is gone needs no order.
            let _ = line.to.send(order.clone());
        }
    }

    /// They stay open and fall silent.
    pub(super) fn silence(&mut self) {
        self.order(Order::Silence);
        for line in self.lines.values_mut() {
            line.deaf = true;
        }
    }

    /// The next in turn: two deliveries go to two sockets, if there are two.
    fn next(&mut self) -> Option<&mpsc::UnboundedSender<Order>> {
        self.turn = self.turn.wrapping_add(1);
        let n = self.turn % self.lines.len().max(1);
        self.lines.values().nth(n).map(|line| &line.to)
    }
}

impl Inner {
    /// Sends what somebody did to the app, and returns the delivery's id.
    pub(super) fn deliver(
        self: &Arc<Self>,
        kind: &'static str,
        who: &str,
        payload: Value,
    ) -> String {
        let id = self.id("envelope");
        let place = payload.pointer("/channel/id").or(payload.get("channel_id"));
        let place = place.or(payload.pointer("/event/channel"));
        let channel = place.and_then(Value::as_str).unwrap_or_default().to_owned();
        self.change(|world, now| {
            let user = world.person(who).map(|p| p.id.clone()).unwrap_or_default();
            world.deliveries.push(Delivery {
                id: id.clone(),
                kind,
                user,
                channel,
                at: now,
                acknowledged: None,
                answers: Vec::new(),
                payload,
            });
        });
        let times = if self.is(&Fault::EnvelopeTwice) { 2 } else { 1 };
        self.send(&id, times);
        id
    }

    /// Sends an earlier delivery again, as Slack does with what was not acknowledged.
    pub fn redeliver(self: &Arc<Self>, id: &str) -> Result<()> {
        let known = lock(&self.world).deliveries.iter().any(|d| d.id == id);
        known.then_some(()).context("there is no such delivery")?;
        self.send(id, 1);
        Ok(())
    }

    fn send(self: &Arc<Self>, id: &str, times: usize) {
        let (kind, payload, faults) = {
            let world = lock(&self.world);
            let Some(delivery) = world.deliveries.iter().find(|d| d.id == id) else {
                return;
            };
            (
                delivery.kind,
                delivery.payload.clone(),
                world.faults.clone(),
            )
        };
        if let Some(app) = lock(&self.app).clone() {
            let requests = signed::requests(kind, &payload, &app.secret, now() as i64, &faults);
            let this = Arc::clone(self);
            let id = id.to_owned();
            self.runtime.spawn(async move {
                for request in requests {
                    this.post(&app, request, &id).await;
                }
            });
            return;
        }
        let text = payload::envelope(kind, id, &payload).to_string();
        let mut sockets = lock(&self.sockets);
        if let Some(socket) = sockets.next() {
            for _ in 0..times {
                // A socket that closes just now leaves the envelope unacknowledged.
                let _ = socket.send(Order::Send(text.clone()));
            }
        }
    }

    /// One signed request, and what comes of it.
    async fn post(&self, app: &App, request: Request, id: &str) {
        let began = Instant::now();
        let mut post = self
            .post
            .post(format!("{}{}", app.base, request.path))
            .header("content-type", request.content)
            .header("x-slack-request-timestamp", request.timestamp)
            .header("x-slack-signature", request.signature);
        if let Some(retry) = request.retry {
            post = post
                .header("x-slack-retry-num", retry)
                .header("x-slack-retry-reason", "http_timeout");
        }
        let answer = post.body(request.body).send().await;
        let (status, text) = match answer {
            Ok(answer) => (
                answer.status().as_u16(),
                answer.text().await.unwrap_or_default(),
            ),
            Err(_) => (0, String::new()),
        };
        let took = began.elapsed().as_secs_f64();
        let told = serde_json::from_str::<Value>(&text).ok();
        self.change(|world, now| {
            let Some(delivery) = find(world, id) else {
                return;
            };
            delivery.answers.push(status);
            if status == 200 && took < PATIENCE {
                delivery.acknowledged.get_or_insert(took);
            }
            tell(world, id, told.as_ref().and_then(|t| t.get("text")), now);
        });
    }

    pub(super) fn join(&self, socket: mpsc::UnboundedSender<Order>) -> (u64, usize) {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let mut sockets = lock(&self.sockets);
        // By now it is known that the deaf ones are.
        sockets.lines.retain(|_, line| !line.deaf);
        let line = Line {
            to: socket,
            deaf: false,
        };
        sockets.lines.insert(id, line);
        sockets.joined += 1;
        (id, sockets.len())
    }

    pub(super) fn leave(&self, id: u64) {
        lock(&self.sockets).lines.remove(&id);
    }

    /// An acknowledgement; a text in it is shown to the person alone.
    pub(super) fn acknowledged(&self, frame: &str) {
        let Ok(frame) = serde_json::from_str::<Value>(frame) else {
            return;
        };
        self.change(|world, now| {
            let id = frame.get("envelope_id").and_then(Value::as_str);
            let Some(delivery) = id.and_then(|id| find(world, id)) else {
                return;
            };
            delivery.acknowledged.get_or_insert(now - delivery.at);
            let id = delivery.id.clone();
            tell(world, &id, frame.pointer("/payload/text"), now);
        });
    }
}

fn find<'a>(world: &'a mut World, id: &str) -> Option<&'a mut Delivery> {
    // The newest are asked for most.
    world.deliveries.iter_mut().rev().find(|d| d.id == id)
}

/// Shows a text in an answer to the one who asked.
fn tell(world: &mut World, id: &str, text: Option<&Value>, now: f64) {
    let Some(text) = text.and_then(Value::as_str) else {
        return;
    };
    let Some((channel, user)) = find(world, id).map(|d| (d.channel.clone(), d.user.clone())) else {
        return;
    };
    world.notices.push(Notice {
        at: now,
        channel,
        user,
        thread_ts: None,
        text: text.to_owned(),
        blocks: Vec::new(),
    });
}
