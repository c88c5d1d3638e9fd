//! The other entrance, without any port of ours: Socket Mode. Opens sockets, keeps one alive, acknowledges what comes, hands it on.
//!
//! Source: <https://docs.slack.dev/apis/events-api/using-socket-mode>. A new socket is opened before an old one is
//! closed; each by a fresh address; one that says nothing is taken for dead.

use super::{
    answer::ApiError,
    api::Api,
    arrival::Arrival,
    ears::Ears,
    frame::{self, Deliveries, EnvelopeId, Farewell, Frame},
    interaction::{Interaction, MAX_BODY, Malformed},
    secret::Secret,
};
use crate::metrics::Metrics;
use futures::{SinkExt, StreamExt, future::BoxFuture};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Bytes, Error as Broken, Message, protocol::WebSocketConfig},
};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How patient the entrance is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often it asks for a sign of life.
    pub ping: Duration,
    /// Without any for this long, a socket is dead.
    pub silence: Duration,
    /// How long opening one may take.
    pub open: Duration,
    /// The first and the longest wait after a socket could not be opened.
    pub retry: (Duration, Duration),
    /// How long a socket that Slack is about to close is still listened to.
    pub farewell: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(2),
            silence: Duration::from_secs(6),
            open: Duration::from_secs(5),
            retry: (Duration::from_millis(500), Duration::from_secs(8)),
            farewell: Duration::from_secs(10),
        }
    }
}

/// The entrance.
pub struct Socket {
    /// Names sockets.
    pub api: Api,
    /// The app-level token.
    pub app_token: Secret,
    /// Where requests go. What finds no room is not acknowledged: Slack shows that to the person, and delivers again.
    pub sink: mpsc::Sender<Arrival>,
    /// Counts every frame.
    pub metrics: Arc<Metrics>,
    /// Is told whether sockets can be opened at all.
    pub ears: Arc<Ears>,
    /// How patient it is.
    pub patience: Patience,
}

/// An open socket.
struct Open {
    stream: Stream,
    heard: Instant,
    since: Instant,
}

/// Why no socket could be opened.
enum Closed {
    Refused(ApiError),
    Broken,
}

/// What is to be done after a frame.
enum Next {
    Listen,
    /// Open a new one, and listen to this one until then.
    Replace(Farewell),
    /// It is gone.
    Drop,
}

impl Socket {
    const ACCEPTED: &'static str = "accepted";

    /// Listens for ever. Whatever Slack does, it is tried again.
    pub async fn run(self) -> Infallible {
        let mut deliveries = Deliveries::default();
        let mut current: Option<Open> = None;
        let mut old: Option<(Open, Instant)> = None;
        let mut tries = 0_u32;
        let mut opening = Some(self.open(Duration::ZERO));
        let mut ping = tokio::time::interval(self.patience.ping);
        loop {
            tokio::select! {
                opened = settled(&mut opening) => match opened {
                    Ok(open) => {
                        opening = None;
                        self.ears.open();
                        let until = Instant::now() + self.patience.farewell;
                        old = current.replace(open).map(|leaving| (leaving, until));
                        self.metrics.slack_request("socket", "opened");
                    }
                    Err(closed) => {
                        tries += 1;
                        opening = Some(self.open(self.wait(tries, &closed)));
                    }
                },
                message = heard(&mut current) => {
                    let since = current.as_ref().map(|open| open.since);
                    let why = match self.hear(&mut current, message, &mut deliveries).await {
                        Next::Listen => continue,
                        Next::Replace(why) => why,
                        Next::Drop => {
                            current = None;
                            Farewell::Unknown
                        }
                    };
                    let wait = self.pause(&mut tries, since, why);
                    opening.get_or_insert_with(|| self.open(wait));
                },
                message = heard_old(&mut old) => {
                    let (mut leaving, until) = match old.take() {
                        Some((open, until)) => (Some(open), until),
                        None => continue,
                    };
                    if !matches!(self.hear(&mut leaving, message, &mut deliveries).await, Next::Drop) {
                        old = leaving.map(|open| (open, until));
                    }
                },
                _ = ping.tick() => {
                    old = old.take().filter(|(_, until)| Instant::now() < *until);
                    if current.is_some() && !self.is_alive(&mut current).await {
                        self.metrics.slack_request("socket", "silent");
                        current = None;
                        // To notice took the time that a back-off would: nobody waits longer on top of it.
                        tries = 0;
                        opening.get_or_insert_with(|| self.open(Duration::ZERO));
                    }
                }
            }
        }
    }

    /// How long to wait before a socket that was open is replaced: not at all, if it served for a while. One that Slack
    /// closes again and again is opened with back-off.
    fn pause(&self, tries: &mut u32, since: Option<Instant>, why: Farewell) -> Duration {
        let longest = self.patience.retry.1;
        if since.is_some_and(|since| since.elapsed() >= longest) {
            *tries = 0;
        } else {
            *tries += 1;
        }
        match why {
            // At once would be of no use, and one of the sockets that are too many.
            Farewell::TooMany | Farewell::LinkDisabled => longest,
            _ if *tries == 0 => Duration::ZERO,
            _ => self.jittered(*tries),
        }
    }

    /// Doubling from the first wait to the longest; between half and all of it, so that many agents do not come at once.
    fn jittered(&self, tries: u32) -> Duration {
        use std::hash::{BuildHasher, RandomState};
        let (first, longest) = self.patience.retry;
        let doubled = 1 << tries.saturating_sub(1).min(8);
        let share = RandomState::new().hash_one(()) % 512;
        let wait = first.saturating_mul(doubled).min(longest);
        wait.mul_f64((512 + share) as f64 / 1024.0)
    }

    /// Opens a socket by a fresh address, after `wait`.
    fn open(&self, wait: Duration) -> BoxFuture<'static, Result<Open, Closed>> {
        let (api, token, limit) = (self.api.clone(), self.app_token.clone(), self.patience.open);
        Box::pin(async move {
            sleep(wait).await;
            let url = api
                .connections_open(&token)
                .await
                .map_err(Closed::Refused)?;
            let mut config = WebSocketConfig::default();
            config.max_message_size = Some(MAX_BODY);
            config.max_frame_size = Some(MAX_BODY);
            let connecting = connect_async_with_config(url.expose().as_str(), Some(config), true);
            match timeout(limit, connecting).await {
                Ok(Ok((stream, _))) => Ok(Open {
                    since: Instant::now(),
                    stream,
                    heard: Instant::now(),
                }),
                // Its error may hold the address, which is a ticket.
                Ok(Err(_)) | Err(_) => Err(Closed::Broken),
            }
        })
    }

    /// How long to wait after the `tries`th failure in a row, or as long as Slack says.
    fn wait(&self, tries: u32, closed: &Closed) -> Duration {
        let (result, least) = match closed {
            Closed::Refused(error) => {
                self.ears.refused(error);
                say_sometimes(tries, &format!("no socket to Slack: {error}; trying again"));
                let least = match error {
                    ApiError::RateLimited(wait) => *wait,
                    // A person has to renew the token first: once in a while is enough.
                    ApiError::Revoked(_) | ApiError::NoToken(_) => self.patience.retry.1,
                    _ => Duration::ZERO,
                };
                (error.category(), least)
            }
            Closed::Broken => {
                say_sometimes(tries, "the socket to Slack cannot be opened; trying again");
                ("unreachable", Duration::ZERO)
            }
        };
        self.metrics.slack_request("socket", result);
        least.max(self.jittered(tries))
    }

    /// Asks for a sign of life; `false`: there was none for too long.
    async fn is_alive(&self, current: &mut Option<Open>) -> bool {
        let Some(open) = current else { return false };
        if open.heard.elapsed() > self.patience.silence {
            return false;
        }
        let asked = open.stream.send(Message::Ping(Bytes::new()));
        matches!(timeout(self.patience.silence, asked).await, Ok(Ok(())))
    }

    async fn hear(
        &self,
        open: &mut Option<Open>,
        message: Option<Result<Message, Broken>>,
        deliveries: &mut Deliveries,
    ) -> Next {
        let (Some(open), Some(message)) = (open.as_mut(), message) else {
            return Next::Drop;
        };
        let message = match message {
            Ok(message) => message,
            // Its text may hold what was sent.
            Err(broken) => {
                self.metrics.slack_request("socket", category(&broken));
                return Next::Drop;
            }
        };
        open.heard = Instant::now();
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return Next::Drop,
            _ => return Next::Listen,
        };
        let came = open.heard;
        let (result, next) = match frame::read(&text) {
            Ok(Frame::Envelope { id, payload }) => {
                let taken = self.take(open, &id, payload, deliveries).await;
                if taken.0 == Self::ACCEPTED {
                    self.metrics.slack_acknowledged(came.elapsed());
                }
                taken
            }
            Ok(Frame::Disconnect(why)) => (farewell(why), Next::Replace(why)),
            Ok(Frame::Hello) => ("hello", Next::Listen),
            Ok(Frame::Other) => ("other", Next::Listen),
            Err(malformed) => (malformed.category(), Next::Listen),
        };
        self.metrics.slack_request("socket", result);
        next
    }

    /// Acknowledges an envelope, and hands on what is in it, if it is new and there is room.
    async fn take(
        &self,
        open: &mut Open,
        id: &EnvelopeId,
        payload: Result<Interaction, Malformed>,
        deliveries: &mut Deliveries,
    ) -> (&'static str, Next) {
        let Ok(room) = self.sink.try_reserve() else {
            return ("full", Next::Listen);
        };
        let sent = open.stream.send(Message::text(frame::acknowledgement(id)));
        if !matches!(timeout(self.patience.silence, sent).await, Ok(Ok(()))) {
            // Not acknowledged, so it comes again over the next socket.
            return ("lost", Next::Drop);
        }
        let result = match payload {
            Err(malformed) => malformed.category(),
            Ok(Interaction::Other | Interaction::Challenge(_)) => "other",
            Ok(_) if !deliveries.is_new(id) => "redelivered",
            Ok(done) => {
                room.send(Arrival {
                    what: done,
                    at: open.heard,
                });
                Self::ACCEPTED
            }
        };
        (result, Next::Listen)
    }
}

/// A failure that lasts is said ever more rarely.
fn say_sometimes(tries: u32, what: &str) {
    if tries.is_power_of_two() {
        tracing::warn!(tries, "{what}");
    } else {
        tracing::debug!(tries, "{what}");
    }
}

/// Why nothing more comes over a socket.
fn category(broken: &Broken) -> &'static str {
    match broken {
        Broken::Capacity(_) => Malformed::TooLarge.category(),
        _ => "broken",
    }
}

fn farewell(why: Farewell) -> &'static str {
    match why {
        Farewell::Warning => "disconnect_warning",
        Farewell::Refresh => "disconnect_refresh",
        Farewell::LinkDisabled => "disconnect_link_disabled",
        Farewell::TooMany => "disconnect_too_many",
        Farewell::Unknown => "disconnect",
    }
}

/// The next message; `None`: the socket is lost. Waits for ever without one.
async fn heard(open: &mut Option<Open>) -> Option<Result<Message, Broken>> {
    match open {
        Some(open) => open.stream.next().await,
        None => std::future::pending().await,
    }
}

async fn heard_old(old: &mut Option<(Open, Instant)>) -> Option<Result<Message, Broken>> {
    match old {
        Some((open, _)) => open.stream.next().await,
        None => std::future::pending().await,
    }
}

async fn settled(
    opening: &mut Option<BoxFuture<'static, Result<Open, Closed>>>,
) -> Result<Open, Closed> {
    match opening {
        Some(opening) => opening.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
