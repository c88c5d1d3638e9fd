//! The ledger over the wire: what is paid for is in it before anybody is told so.

use super::*;
use http::{Method, Request, Response};
use kube::{Client, client::Body};
use podmender_policy::{bounds::Text, ledger::MAX_CALLS};
use serde_json::Value;
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

/// An API server with one ledger, which takes a write of the newest version only.
#[derive(Clone)]
struct Server(Arc<Mutex<Value>>);

impl Server {
    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let put = request.method() == Method::PUT;
        let body = request.into_body().collect_bytes().await.expect("a body");
        let mut kept = self.0.lock().expect("lock");
        let (code, answer) = if put {
            let mut new: Value = serde_json::from_slice(&body).expect("JSON");
            let version = kept["metadata"]["resourceVersion"].clone();
            if new["metadata"]["resourceVersion"] == version {
                let next: u64 = version
                    .as_str()
                    .and_then(|v| v.parse().ok())
                    .expect("a number");
                new["metadata"]["resourceVersion"] = json!((next + 1).to_string());
                *kept = new.clone();
                (200, new)
            } else {
                let conflict = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Conflict", "code": 409});
                (409, conflict)
            }
        } else {
            (200, kept.clone())
        };
        let body = Body::from(answer.to_string().into_bytes());
        Ok(Response::builder()
            .status(code)
            .body(body)
            .expect("an answer"))
    }

    fn calls(&self) -> Value {
        self.0.lock().expect("lock")["spec"]["calls"].clone()
    }
}

async fn agent(test: &str) -> (Context, Server) {
    let rig = crate::slack::rig::rig(test).await;
    let mut ctx = Arc::into_inner(rig.ctx).expect("ours alone");
    let object = json!({"apiVersion": "podmender.io/v1alpha1", "kind": "Ledger",
        "metadata": {"name": LEDGER, "namespace": "podmender", "resourceVersion": "7"}, "spec": {"spent": []}});
    let server = Server(Arc::new(Mutex::new(object)));
    let behind = server.clone();
    let service = tower::service_fn(move |request| behind.clone().answer(request));
    ctx.client = Client::new(service, "podmender");
    (ctx, server)
}

#[tokio::test]
async fn fault_61_a_call_is_paid_for_when_it_is_written_and_not_before() {
    let (ctx, server) = agent("ledger-calls").await;
    // Somebody else was faster: nothing is paid for until it stands in the newest ledger.
    ctx.store.lock().ledger_version = "6".to_owned();
    let mut paid = ctx.store.lock().pay_for_call("a-model".into());
    let refused = flush(ctx.clock.now(), &ctx).await;
    assert!(matches!(refused, Err(Error::LedgerConflict)), "{refused:?}");
    assert!(paid.try_recv().is_err() && server.calls().is_null());
    flush(ctx.clock.now(), &ctx).await.expect("written");
    assert_eq!(paid.try_recv(), Ok(()));
    assert_eq!(server.calls()[0]["calls"], 1);
    assert_eq!(ctx.store.lock().ledger.calls.len(), 1);
    assert!(!ctx.store.lock().ledger_dirty);
    // Two at once are one write; one that nobody waits for any more is not made, and costs nothing.
    let two = ["a-model", "a-model"].map(|m| ctx.store.lock().pay_for_call(m.into()));
    drop(ctx.store.lock().pay_for_call("a-model".into()));
    flush(ctx.clock.now(), &ctx).await.expect("written");
    assert!(two.map(|mut paid| paid.try_recv()) == [Ok(()), Ok(())]);
    let counted = server.calls();
    let all = counted
        .as_array()
        .expect("calls")
        .iter()
        .map(|c| c["calls"].as_u64());
    assert_eq!(all.sum::<Option<u64>>(), Some(3), "{counted}");
}

#[tokio::test]
async fn fault_61_a_call_for_which_the_ledger_has_no_room_is_not_paid_for() {
    let (ctx, server) = agent("ledger-full").await;
    ctx.store.lock().ledger_version = "7".to_owned();
    for n in 0..MAX_CALLS {
        let model = Text::from(n.to_string());
        let noted = ctx.store.lock().ledger.note_call(&model, ctx.clock.now());
        noted.expect("room");
    }
    let paid = ctx.store.lock().pay_for_call("one-more".into());
    flush(ctx.clock.now(), &ctx).await.expect("written");
    assert!(paid.await.is_err(), "nobody is told that it is");
    assert_eq!(server.calls().as_array().map(Vec::len), Some(MAX_CALLS));
}
