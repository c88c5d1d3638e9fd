//! The stand-in on the wire: Web API, sockets and the page.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Form, Json, Router};
use futures::stream;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::deliver::Order;
use super::fault::Fault;
use super::methods::{self, Token};
use super::respond::respond;
use super::signed::App;
use super::{Inner, payload};

/// The page, whole.
const PAGE: &str = include_str!("page.html");
/// How often a socket is pinged.
const PING: Duration = Duration::from_secs(5);

/// Everything that is served.
pub(super) fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route("/api/{method}", any(api))
        .route("/api/response/{id}", post(response))
        .route("/socket", get(socket))
        .route("/ui/state", get(state))
        .route("/ui/click", post(click))
        .route("/ui/say", post(say))
        .route("/ui/fault", post(fault))
        .route("/ui/app", post(app))
        .route("/ui/delete", post(delete))
        .with_state(inner)
}

/// Takes no connection while the stand-in is down.
pub(super) struct Door {
    pub(super) listener: TcpListener,
    pub(super) inner: Arc<Inner>,
}

impl axum::serve::Listener for Door {
    type Io = TcpStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.listener.accept().await {
                Ok(taken) if !self.inner.is(&Fault::Down) => return taken,
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

async fn api(
    State(inner): State<Arc<Inner>>,
    Path(method): Path<String>,
    request: Request,
) -> Response {
    if inner.is(&Fault::Down) {
        // A connection that was open already: it breaks off.
        let broken = Err::<Bytes, _>(std::io::Error::other("down"));
        return (
            StatusCode::BAD_GATEWAY,
            Body::from_stream(stream::iter([broken])),
        )
            .into_response();
    }
    if let Some(time) = inner.slow() {
        tokio::time::sleep(time).await;
    }
    let bearer = bearer(request.headers());
    let args = match arguments(request).await {
        Ok(args) => args,
        Err(code) => return Json(json!({"ok": false, "error": code})).into_response(),
    };
    let token = bearer.or_else(|| args.get("token")?.as_str().map(str::to_owned));
    let token = Token::of(token.as_deref());
    let socket = format!("ws://{}/socket?ticket=stand-in", inner.address);
    let reply =
        inner.change(|world, now| methods::call(world, &method, token, &args, &socket, now));
    let mut changed = inner.changed.subscribe();
    // The sender lives as long as this does.
    let _ = changed.wait_for(|_| !inner.is(&Fault::HeldBack)).await;
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = (status, Json(reply.body)).into_response();
    if let Some(seconds) = reply.retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// An answer by `response_url`.
async fn response(
    State(inner): State<Arc<Inner>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    match inner.change(|world, now| respond(world, &id, &body, now)) {
        Ok(()) => "ok".into_response(),
        Err(code) => (
            StatusCode::NOT_FOUND,
            Json(json!({"ok": false, "error": code})),
        )
            .into_response(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(str::to_owned)
}

/// Arguments: JSON, a form, or the query of a GET.
async fn arguments(request: Request) -> Result<Map<String, Value>, &'static str> {
    let content = request.headers().get(header::CONTENT_TYPE);
    let content = content.and_then(|c| c.to_str().ok()).unwrap_or_default();
    if content.starts_with("application/json") {
        let Json(args) = Json::<Map<String, Value>>::from_request(request, &())
            .await
            .map_err(|_| "invalid_json")?;
        return Ok(args);
    }
    if request.method() != "GET" && content.is_empty() {
        return Ok(Map::new());
    }
    let form = Form::<HashMap<String, String>>::from_request(request, &()).await;
    let Form(fields) = form.map_err(|_| "invalid_form_data")?;
    Ok(fields
        .into_iter()
        .map(|(k, v)| (k, Value::String(v)))
        .collect())
}

async fn socket(State(inner): State<Arc<Inner>>, upgrade: WebSocketUpgrade) -> Response {
    if inner.is(&Fault::Down) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    upgrade.on_upgrade(move |socket| connected(socket, inner))
}

async fn connected(mut socket: WebSocket, inner: Arc<Inner>) {
    if inner.is(&Fault::TooManyWebsockets) {
        let told = payload::disconnect("too_many_websockets").to_string();
        let _ = socket.send(Frame::Text(told.into())).await;
        return;
    }
    let (to, mut orders) = mpsc::unbounded_channel();
    let (id, connections) = inner.join(to);
    let hello = payload::hello(connections).to_string();
    let mut alive = socket.send(Frame::Text(hello.into())).await.is_ok();
    let mut ping = tokio::time::interval(PING);
    while alive {
        alive = tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Send(text)) => socket.send(Frame::Text(text.into())).await.is_ok(),
                Some(Order::Disconnect(reason)) => {
                    let told = payload::disconnect(&reason).to_string();
                    let _ = socket.send(Frame::Text(told.into())).await;
                    let _ = socket.send(Frame::Close(None)).await;
                    false
                }
                // Open, and deaf and dumb, for as long as the process lives.
                Some(Order::Silence) => std::future::pending().await,
                Some(Order::Cut) | None => false,
            },
            got = socket.recv() => match got {
                Some(Ok(Frame::Text(text))) => { inner.acknowledged(&text); true }
                Some(Ok(Frame::Close(_)) | Err(_)) | None => false,
                Some(Ok(_)) => true,
            },
            _ = ping.tick() => socket.send(Frame::Ping(Bytes::new())).await.is_ok(),
        };
    }
    inner.leave(id);
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: u64,
}

/// The workspace, as soon as it differs from what the page has.
async fn state(
    State(inner): State<Arc<Inner>>,
    Query(Since { since }): Query<Since>,
) -> Json<Value> {
    let mut changed = inner.changed.subscribe();
    let _ = tokio::time::timeout(Duration::from_secs(20), changed.wait_for(|n| *n != since)).await;
    let revision = *changed.borrow();
    Json(json!({"revision": revision, "world": inner.world(), "faults": super::fault::NAMES}))
}

#[derive(Deserialize)]
struct Click {
    person: String,
    channel: String,
    ts: String,
    action: String,
}

async fn click(State(inner): State<Arc<Inner>>, Json(c): Json<Click>) -> Response {
    told(
        inner
            .click(&c.person, &c.channel, &c.ts, &c.action)
            .map(drop),
    )
}

#[derive(Deserialize)]
struct Say {
    person: String,
    channel: String,
    thread: Option<String>,
    text: String,
}

async fn say(State(inner): State<Arc<Inner>>, Json(s): Json<Say>) -> Response {
    told(inner.say(&s.person, &s.channel, s.thread.as_deref(), &s.text))
}

async fn fault(State(inner): State<Arc<Inner>>, name: String) -> Response {
    if name.is_empty() {
        inner.behave();
        return StatusCode::NO_CONTENT.into_response();
    }
    told(name.parse().map(|fault| inner.order(fault)))
}

/// Where the app listens; an empty address means its sockets.
#[derive(Deserialize)]
struct Listens {
    base: String,
    #[serde(default)]
    secret: String,
}

async fn app(State(inner): State<Arc<Inner>>, Json(a): Json<Listens>) -> StatusCode {
    inner.post_to((!a.base.is_empty()).then_some(App {
        base: a.base,
        secret: a.secret,
    }));
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Which {
    channel: String,
    ts: String,
}

async fn delete(State(inner): State<Arc<Inner>>, Json(m): Json<Which>) -> StatusCode {
    inner.delete(&m.channel, &m.ts);
    StatusCode::NO_CONTENT
}

fn told(result: anyhow::Result<()>) -> Response {
    match result {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(e) => (StatusCode::BAD_REQUEST, format!("{e:#}")).into_response(),
    }
}
