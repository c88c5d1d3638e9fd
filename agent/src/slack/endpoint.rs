//! The HTTP entrance, on a port of its own: proves a request, reads it, hands it on and answers, in this order.
//!
//! Nothing is done here: what a person did goes to whoever holds the other end of the channel. No body, signature or
//! token is ever logged; every request is counted by how it ended.

use super::{
    arrival::Arrival,
    frame::Deliveries,
    interaction::{self, Interaction, MAX_BODY, Malformed},
    secret::Secret,
    verify::{Proven, Refusal, Replays, Sight, Signed, verify},
};
use crate::metrics::Metrics;
use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::State,
    http::{HeaderMap, Request, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use jiff::Timestamp;
use serde_json::json;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};

/// A body that takes longer to arrive is not waited for: Slack itself gives up after three seconds.
const PATIENCE: Duration = Duration::from_secs(3);
/// What a person reads when there is no room for the request.
const BUSY: &str =
    "Podmender is busy with other requests. Nothing was done: please try again in a moment.";

/// The entrance.
pub struct Endpoint {
    /// The signing secret.
    pub secret: Secret,
    /// The time.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Where requests go. A full channel is said to the person who asks.
    pub sink: mpsc::Sender<Arrival>,
    /// Counts every request.
    pub metrics: Arc<Metrics>,
    /// What was taken before.
    pub taken: Mutex<Taken>,
}

/// What was taken before, by signature and by Slack's id of an event.
#[derive(Debug, Default)]
pub struct Taken {
    replays: Replays,
    events: Deliveries,
}

impl Taken {
    /// Nothing yet, from now on.
    #[must_use]
    pub fn since(now: Timestamp) -> Self {
        Self {
            replays: Replays::since(now),
            ..Self::default()
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

/// Where a person reads an answer.
#[derive(Clone, Copy)]
enum Place {
    /// In the response itself: Slack shows it to the one who typed the command.
    Command,
    /// Not in the response.
    Elsewhere,
}

/// How a request ended.
enum Ending {
    /// Handed on.
    Accepted,
    /// Came before, or is nothing of ours.
    Ignored(&'static str),
    /// Slack asks whether the endpoint is ours.
    Challenged(String),
    /// There is no room.
    Full(Place),
    Refused(Refusal),
    Malformed(Malformed),
    /// The body did not arrive in time.
    Slow,
    /// There is nothing at that path.
    NoPath,
    /// It is no POST.
    NoPost,
}

impl Ending {
    fn category(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Ignored(why) => why,
            Self::Challenged(_) => "challenge",
            Self::Full(_) => "full",
            Self::Refused(refusal) => refusal.category(),
            Self::Malformed(malformed) => malformed.category(),
            Self::Slow => "slow",
            Self::NoPath => "unknown_path",
            Self::NoPost => "unknown_method",
        }
    }
}

impl IntoResponse for Ending {
    /// Empty, but where a person or Slack has to read something: nothing tells a forger how far it came.
    fn into_response(self) -> Response {
        match self {
            Self::Accepted | Self::Ignored(_) => StatusCode::OK.into_response(),
            Self::Challenged(challenge) => Json(json!({ "challenge": challenge })).into_response(),
            Self::Full(Place::Command) => {
                Json(json!({"response_type": "ephemeral", "text": BUSY})).into_response()
            }
            // Behind a button Slack shows a warning sign of its own; an event it delivers again.
            Self::Full(Place::Elsewhere) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Self::Refused(_) => StatusCode::UNAUTHORIZED.into_response(),
            Self::Malformed(Malformed::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Self::Malformed(_) => StatusCode::BAD_REQUEST.into_response(),
            Self::Slow => StatusCode::REQUEST_TIMEOUT.into_response(),
            Self::NoPath => StatusCode::NOT_FOUND.into_response(),
            Self::NoPost => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        }
    }
}

type Reader = fn(&Proven<'_>) -> Result<Interaction, Malformed>;

/// The routes.
pub fn router(endpoint: Arc<Endpoint>) -> Router {
    let route = |read: Reader| {
        post(
            move |State(endpoint): State<Arc<Endpoint>>, request: Request<Body>| async move {
                endpoint.answer(request, read).await
            },
        )
    };
    let refuse = |ending: fn() -> Ending| {
        move |State(endpoint): State<Arc<Endpoint>>| async move { endpoint.ended(ending()) }
    };
    Router::new()
        .fallback(refuse(|| Ending::NoPath))
        .route("/slack/interactions", route(interaction::interaction))
        .route("/slack/commands", route(interaction::command))
        .route("/slack/events", route(interaction::event))
        // Of the routes above it.
        .method_not_allowed_fallback(refuse(|| Ending::NoPost))
        .with_state(endpoint)
}

impl Endpoint {
    async fn answer(&self, request: Request<Body>, read: Reader) -> Response {
        let came = Instant::now();
        let ending = self.ending(request, read, came).await;
        if matches!(ending, Ending::Accepted) {
            self.metrics.slack_acknowledged(came.elapsed());
        }
        self.ended(ending)
    }

    fn ended(&self, ending: Ending) -> Response {
        self.metrics.slack_request("http", ending.category());
        ending.into_response()
    }

    async fn ending(&self, request: Request<Body>, read: Reader, came: Instant) -> Ending {
        let (parts, body) = request.into_parts();
        if declared(&parts.headers).is_some_and(|length| length > MAX_BODY) {
            return Ending::Malformed(Malformed::TooLarge);
        }
        let body = match tokio::time::timeout(PATIENCE, to_bytes(body, MAX_BODY)).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => return Ending::Malformed(Malformed::TooLarge),
            Err(_) => return Ending::Slow,
        };
        let signed = Signed {
            timestamp: single(&parts.headers, "x-slack-request-timestamp"),
            signature: single(&parts.headers, "x-slack-signature"),
            body: &body,
        };
        let now = (self.now)();
        let Ok(secret) = self.secret.read() else {
            return Ending::Refused(Refusal::NoSecret);
        };
        match verify(&secret, signed, now) {
            Ok(proven) => self.take(&proven, read, now, came),
            Err(refusal) => Ending::Refused(refusal),
        }
    }

    /// Reads what is proven, once, and hands it on.
    fn take(&self, proven: &Proven<'_>, read: Reader, now: Timestamp, came: Instant) -> Ending {
        let done = match read(proven) {
            Ok(Interaction::Challenge(text)) => return Ending::Challenged(text.to_string()),
            Ok(Interaction::Other) => return Ending::Ignored("other"),
            Ok(done) => done,
            Err(malformed) => return Ending::Malformed(malformed),
        };
        // Room first: what is noted as taken was taken.
        let Ok(room) = self.sink.try_reserve() else {
            return Ending::Full(match done {
                Interaction::Command(_) => Place::Command,
                _ => Place::Elsewhere,
            });
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.replays.note(proven, now) {
            Sight::First => {}
            Sight::Again => return Ending::Ignored("replayed"),
            Sight::Unknown => return Ending::Refused(Refusal::BeforeStart),
        }
        // A redelivery (X-Slack-Retry-Num) is signed anew: the event's own id tells.
        if let Interaction::Mention(mention) = &done
            && !taken.events.is_new(&mention.event.as_str().into())
        {
            return Ending::Ignored("redelivered");
        }
        room.send(Arrival {
            what: done,
            at: came,
        });
        Ending::Accepted
    }
}

fn declared(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// The header's value, if it stands there once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
