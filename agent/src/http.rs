//! What a kubelet and Prometheus read: `/metrics`, `/livez`, `/readyz`. Nothing here can change anything.

use crate::metrics::{CONTENT_TYPE, Metrics};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use std::{fmt, future::Future, io, sync::Arc};
use tokio::net::TcpListener;

/// Whether the agent can do its work (invariant 10), and if not, what is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// One line for each task that ended and each watch that is stale. Empty: ready.
    pub missing: Vec<String>,
}

/// What the endpoints ask; both closures are called on each request and must not wait.
#[derive(Clone)]
pub struct Probes {
    /// Whether the process is worth keeping: `false` gets it restarted.
    pub alive: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Whether every task is alive and every watch fresh.
    pub ready: Arc<dyn Fn() -> Readiness + Send + Sync>,
    /// Brings gauges up to date that are ages, such as watch freshness, before they are read.
    pub before_metrics: Arc<dyn Fn(&Metrics) + Send + Sync>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probes").finish_non_exhaustive()
    }
}

/// The routes.
pub fn router(probes: Probes) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/healthz", get(livez))
        .route("/readyz", get(readyz))
        .with_state(probes)
}

/// Serves until `stop` is done, then lets answers finish.
///
/// # Errors
/// If the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    probes: Probes,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router(probes))
        .with_graceful_shutdown(stop)
        .await
}

async fn metrics(State(probes): State<Probes>) -> impl IntoResponse {
    (probes.before_metrics)(&probes.metrics);
    (
        [(header::CONTENT_TYPE, CONTENT_TYPE)],
        probes.metrics.encode(),
    )
}

async fn livez(State(probes): State<Probes>) -> impl IntoResponse {
    if (probes.alive)() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, "a task has ended\n")
    }
}

async fn readyz(State(probes): State<Probes>) -> impl IntoResponse {
    let Readiness { missing } = (probes.ready)();
    if missing.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let mut body = String::from("not ready:\n");
    for line in missing {
        body.push_str("- ");
        body.push_str(&line);
        body.push('\n');
    }
    (StatusCode::SERVICE_UNAVAILABLE, body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    fn probes(missing: &'static [&'static str]) -> Probes {
        Probes {
            alive: Arc::new(|| true),
            ready: Arc::new(|| Readiness {
                missing: missing.iter().map(ToString::to_string).collect(),
            }),
            before_metrics: Arc::new(|m| m.queue_depth(7)),
            metrics: Arc::new(Metrics::new("0", "test")),
        }
    }

    async fn ask(path: &str, missing: &'static [&'static str]) -> (StatusCode, String, String) {
        let request = Request::get(path).body(Body::empty()).expect("request");
        let answer = router(probes(missing))
            .oneshot(request)
            .await
            .expect("answer");
        let kind = answer.headers().get(header::CONTENT_TYPE);
        let kind = kind
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1 << 20).await.expect("body");
        (status, kind, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn readiness_names_what_is_missing() {
        assert_eq!(ask("/readyz", &[]).await.0, StatusCode::OK);
        let (status, _, body) = ask("/readyz", &["watch on pods in shop: stale for 75 s"]).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            body,
            "not ready:\n- watch on pods in shop: stale for 75 s\n"
        );
        assert_eq!(ask("/livez", &["x"]).await.0, StatusCode::OK);
        assert_eq!(ask("/healthz", &[]).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn metrics_are_open_metrics_and_fresh() {
        let (status, kind, body) = ask("/metrics", &[]).await;
        assert_eq!((status, kind.as_str()), (StatusCode::OK, CONTENT_TYPE));
        assert!(body.contains("podmender_queue_depth 7"), "{body}");
    }
}
