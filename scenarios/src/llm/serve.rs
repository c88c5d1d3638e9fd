//! The stand-in on the wire: chat completions, the list of models, and the faults.
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::fault::Fault;
use super::{Asked, Inner, reply};

/// Everything that is served.
pub(super) fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(completions))
        .route("/ui/fault", post(fault))
        .route("/ui/asked", get(asked))
        .with_state(inner)
}

async fn models() -> Json<Value> {
    Json(json!({"object": "list", "data": [{"id": "stand-in", "object": "model"}]}))
}

async fn completions(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = String::from_utf8_lossy(&body).into_owned();
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("Bearer "))
        .map(str::to_owned);
    inner.keep(Asked {
        body: text,
        key: bearer.clone(),
    });
    let request: Value = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(_) => return error(StatusCode::BAD_REQUEST, "not JSON"),
    };
    let shown = request
        .pointer("/messages/1/content")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let fine = |order| Json(reply::answer(shown, order)).into_response();
    match inner.fault() {
        None => fine(None),
        Some(Fault::Reply(order)) => fine(Some(order)),
        Some(Fault::Slow(time)) => {
            tokio::time::sleep(time).await;
            fine(None)
        }
        Some(Fault::NoSchema) if request.get("response_format").is_none() => fine(None),
        Some(Fault::NoSchema) => error(StatusCode::BAD_REQUEST, "response_format is not supported"),
        Some(Fault::Down) => broken(),
        Some(Fault::DripFeed) => dripping(),
        Some(Fault::RateLimited(seconds)) => {
            let mut answer = error(StatusCode::TOO_MANY_REQUESTS, "slow down");
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
            answer
        }
        Some(Fault::Status(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            // As some gateways do, to the joy of whoever reads logs.
            let key = bearer.unwrap_or_default();
            error(status, &format!("Incorrect API key provided: {key}"))
        }
        Some(Fault::Html) => (
            [(header::CONTENT_TYPE, "text/html")],
            "<!doctype html><html><body><h1>502</h1><a href='https://evil.example'>x</a></body></html>",
        )
            .into_response(),
        Some(Fault::Huge) => huge(),
        Some(Fault::Empty) => StatusCode::OK.into_response(),
        Some(Fault::BadJson) => "{\"choices\": [{\"message\": {\"content\": \"{".into_response(),
        Some(Fault::Redirect) => (
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, "http://169.254.169.254/latest/meta-data/")],
        )
            .into_response(),
    }
}

fn error(status: StatusCode, message: &str) -> Response {
    let body = json!({"error": {"message": message, "type": "stand_in", "code": null}});
    (status, Json(body)).into_response()
}

/// An answer that breaks off at once.
fn broken() -> Response {
    let cut = Err::<Bytes, _>(std::io::Error::other("down"));
    Body::from_stream(stream::iter([cut])).into_response()
}

/// A space every now and then, before JSON that never comes.
fn dripping() -> Response {
    let drops = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
    });
    Body::from_stream(drops).into_response()
}

/// 10 MB of one long string.
fn huge() -> Response {
    let start = stream::iter([Bytes::from_static(b"{\"choices\": \"")]);
    let piece = Bytes::from(vec![b'x'; 64 * 1024]);
    let rest = stream::repeat(piece).take(160);
    let body = start.chain(rest).map(Ok::<_, Infallible>);
    Body::from_stream(body).into_response()
}

async fn fault(State(inner): State<Arc<Inner>>, name: String) -> Response {
    if name.is_empty() {
        inner.behave();
        return StatusCode::NO_CONTENT.into_response();
    }
    match name.parse() {
        Ok(fault) => {
            inner.order(fault);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(e) => (StatusCode::BAD_REQUEST, format!("{e:#}")).into_response(),
    }
}

/// The bodies of the requests so far, without keys.
async fn asked(State(inner): State<Arc<Inner>>) -> Json<Vec<String>> {
    Json(inner.asked().into_iter().map(|a| a.body).collect())
}
