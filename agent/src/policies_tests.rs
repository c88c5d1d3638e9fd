//! Policies against a mocked API server, of which one namespace answers late, or never.

use super::*;
use crate::{slack::rig::rig, watch::World};
use futures::FutureExt;
use http::{Request, Response};
use kube::{Client, client::Body};
use serde_json::Value;
use tokio::sync::Notify;

/// The list of a namespace's policies: one, of the same name as the namespace.
fn list(namespace: &str) -> Value {
    let policy = json!({
        "apiVersion": "podmender.io/v1alpha1", "kind": "AgentPolicy",
        "metadata": {"name": namespace, "namespace": namespace, "generation": 1, "resourceVersion": "1", "uid": namespace},
        "spec": {"scope": {"namespaces": ["shop"]}},
    });
    json!({"apiVersion": "podmender.io/v1alpha1", "kind": "AgentPolicyList", "metadata": {"resourceVersion": "1"}, "items": [policy]})
}

fn response(code: u16, body: &Value) -> Response<Body> {
    let body = Body::from(body.to_string().into_bytes());
    let response = Response::builder().status(code).body(body);
    response.expect("an answer")
}

/// An API server that answers for the agent's own namespace at once, and for the shop's with this status once it is let.
fn server(shop: u16, open: &Arc<Notify>) -> Client {
    let open = Arc::clone(open);
    let service = tower::service_fn(move |request: Request<Body>| {
        let open = Arc::clone(&open);
        async move {
            let asked = request.uri().to_string();
            if asked.contains("watch=true") {
                return std::future::pending().await;
            }
            if asked.contains("/namespaces/podmender/") {
                return Ok(response(200, &list("podmender")));
            }
            open.notified().await;
            let refused = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": "Forbidden", "code": shop});
            let answer = if shop == 200 { list("shop") } else { refused };
            Ok::<_, Infallible>(response(shop, &answer))
        }
    });
    Client::new(service, "podmender")
}

/// How many policies count before the shop's namespace answers, and after.
async fn counting(test: &str, shop: u16) -> (usize, usize) {
    let rig = rig(test).await;
    let open = Arc::new(Notify::new());
    let client = server(shop, &open);
    let clock = rig.ctx.clock;
    let (watches, _watching) = Watches::new(
        client.clone(),
        crate::watch::Worlds::new(World::new(clock.now())),
        Arc::new(move || clock.now()),
        |_| {},
    );
    let ground = Ground {
        own: "podmender".into(),
        granted: BTreeSet::from(["shop".into()]),
    };
    let read = Arc::new(SetOnce::new());
    let running = run(
        client,
        ground,
        watches,
        Arc::clone(&read),
        Arc::clone(&rig.ctx),
    );
    tokio::pin!(running);
    // Nothing but the shop's answer is outstanding after so many turns.
    for _ in 0..100 {
        assert!(running.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    let before = rig.ctx.store.lock().policies.len();
    assert!(!read.initialized());
    open.notify_one();
    let limit = Duration::from_secs(20);
    tokio::select! {
        _ = &mut running => panic!("it ended"),
        done = tokio::time::timeout(limit, read.wait()) => done.expect("they are read"),
    };
    let after = rig.ctx.store.lock().policies.len();
    (before, after)
}

#[tokio::test]
async fn until_the_last_namespace_was_read_no_policy_counts() {
    assert_eq!(counting("late-policies", 200).await, (0, 2));
}

#[tokio::test]
async fn nobody_waits_for_the_policies_of_a_namespace_that_is_closed() {
    assert_eq!(counting("closed-policies", 403).await, (0, 1));
}
