//! Replicas that want to lead, over a mocked API server that keeps one Lease and misbehaves on order; in virtual time.

use super::*;
use http::{Method, Request, Response};
use jiff::Timestamp;
use kube::{Client, client::Body};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};
use tokio::time::{sleep, timeout};

fn claim(holder: &str, renewed: &str, lasts: u64) -> Option<Claim> {
    Some(Claim {
        holder: holder.to_owned(),
        renewed: renewed.to_owned(),
        lasts: Duration::from_secs(lasts),
    })
}

#[test]
fn a_claim_is_dead_when_it_stood_unchanged_for_as_long_as_it_lasts() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut view = View::new("b");
    assert_eq!(view.look(claim("a", "1", 15), at(0)), Move::Wait(EVERY));
    assert_eq!(view.leader(), "a");
    assert_eq!(
        view.look(claim("a", "1", 15), at(14)),
        Move::Wait(Duration::from_secs(1))
    );
    assert_eq!(
        view.look(claim("a", "2", 15), at(14)),
        Move::Wait(EVERY),
        "it was renewed"
    );
    assert_eq!(
        view.look(claim("a", "2", 15), at(28)),
        Move::Wait(Duration::from_secs(1))
    );
    assert_eq!(view.look(claim("a", "2", 15), at(29)), Move::Take);
}

#[test]
fn what_is_free_or_ours_is_taken_at_once() {
    let now = Instant::now();
    let mut view = View::new("b");
    assert_eq!(view.look(None, now), Move::Take);
    assert_eq!(view.look(claim("", "1", 15), now), Move::Take);
    assert_eq!(
        view.look(claim("b", "1", 15), now),
        Move::Take,
        "restarted in its pod"
    );
}

#[test]
fn fault_41_an_edited_claim_locks_nobody_out() {
    let start = Instant::now();
    let mut view = View::new("b");
    view.look(claim("nobody-there", "1", 100_000_000), start);
    let later = start + Duration::from_secs(60);
    assert_eq!(
        view.look(claim("nobody-there", "1", 100_000_000), later),
        Move::Take
    );
}

/// An API server with one Lease at most.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    lease: Option<Value>,
    version: u64,
    /// Who gets no answer; `*`: nobody gets one.
    silent: Vec<&'static str>,
}

impl Server {
    fn client(&self, replica: &'static str) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            server.clone().answer(replica, request)
        });
        Client::new(service, "podmender")
    }

    async fn answer(
        self,
        replica: &'static str,
        request: Request<Body>,
    ) -> Result<Response<Body>, Infallible> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.expect("a body");
        // Nothing is as fast as this in life: requests of several replicas lie between one another.
        sleep(Duration::from_millis(5)).await;
        let is_silent = {
            let kept = self.0.lock().expect("lock");
            kept.silent.contains(&replica) || kept.silent.contains(&"*")
        };
        if is_silent {
            std::future::pending::<()>().await;
        }
        let (code, answer) = self.change(&parts.method, &body);
        let body = Body::from(answer.to_string().into_bytes());
        Ok(Response::builder()
            .status(code)
            .body(body)
            .expect("an answer"))
    }

    fn change(&self, method: &Method, body: &[u8]) -> (u16, Value) {
        let status = |code: u16| {
            (
                code,
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": if code == 404 { "NotFound" } else { "Conflict" }, "code": code}),
            )
        };
        let mut kept = self.0.lock().expect("lock");
        let Kept { lease, version, .. } = &mut *kept;
        if *method == Method::GET {
            return lease
                .clone()
                .map_or_else(|| status(404), |lease| (200, lease));
        }
        let mut object: Value = serde_json::from_slice(body).expect("JSON");
        let before = lease
            .as_ref()
            .map(|l| l["metadata"]["resourceVersion"].clone());
        match (method == Method::POST, before) {
            (true, Some(_)) => return status(409),
            (false, None) => return status(404),
            (false, Some(before)) if before != object["metadata"]["resourceVersion"] => {
                return status(409);
            }
            _ => {}
        }
        *version += 1;
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        *lease = Some(object.clone());
        (200, object)
    }

    fn holder(&self) -> String {
        let kept = self.0.lock().expect("lock");
        let holder = kept
            .lease
            .as_ref()
            .map(|l| l["spec"]["holderIdentity"].clone());
        holder
            .and_then(|h| h.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Somebody edits it by hand.
    fn edit(&self, change: impl FnOnce(&mut Option<Value>)) {
        let mut kept = self.0.lock().expect("lock");
        kept.version += 1;
        let version = json!(kept.version.to_string());
        change(&mut kept.lease);
        if let Some(lease) = &mut kept.lease {
            lease["metadata"]["resourceVersion"] = version;
        }
    }

    fn silence(&self, whom: &[&'static str]) {
        self.0.lock().expect("lock").silent = whom.to_vec();
    }

    fn lease(&self, replica: &'static str) -> Lease {
        let start = Instant::now();
        let now = Arc::new(move || Timestamp::UNIX_EPOCH + start.elapsed());
        Lease::new(self.client(replica), "podmender", "podmender", replica, now)
    }
}

/// Leads until it is lost, and says how.
async fn lead(server: &Server, replica: &'static str) -> (Lease, Instant) {
    let mut lease = server.lease(replica);
    let since = lease.take(|_| {}).await;
    (lease, since)
}

#[tokio::test(start_paused = true)]
async fn fault_39_of_replicas_that_start_together_one_leads() {
    let server = Server::default();
    let limit = Duration::from_secs(100);
    // Whether it ever led, and whom it saw lead.
    let live = async |replica| {
        let mut lease = server.lease(replica);
        let seen = Mutex::new(Vec::new());
        let led = timeout(limit, async {
            let since = lease
                .take(|leader| seen.lock().expect("lock").push(leader.map(str::to_owned)))
                .await;
            panic_unless_held(lease.keep(since)).await;
        });
        assert!(led.await.is_err());
        (server.holder() == replica, seen.into_inner().expect("lock"))
    };
    let (a, b, c) = tokio::join!(live("a"), live("b"), live("c"));
    let leaders = [&a, &b, &c].into_iter().filter(|(leads, _)| *leads);
    assert_eq!(leaders.count(), 1);
    for (leads, seen) in [a, b, c] {
        let expected = if leads {
            vec![]
        } else {
            vec![Some(server.holder())]
        };
        assert_eq!(seen, expected);
    }
}

async fn panic_unless_held(kept: impl Future<Output = Lost>) {
    panic!("{}", kept.await);
}

#[tokio::test(start_paused = true)]
async fn fault_42_a_leader_without_answers_stops_before_another_leads() {
    let server = Server::default();
    let (mut a, since) = lead(&server, "a").await;
    let mut b = server.lease("b");
    let (mut lost, mut taken) = (None, None);
    server.silence(&["a"]);
    let began = Instant::now();
    tokio::join!(
        async {
            assert!(matches!(a.keep(since).await, Lost::NotRenewed { .. }));
            lost = Some(began.elapsed());
        },
        async {
            b.take(|_| {}).await;
            taken = Some(began.elapsed());
        }
    );
    let (lost, taken) = (lost.expect("lost"), taken.expect("taken"));
    assert!(lost <= RENEW_WITHIN, "{lost:?}");
    assert!(lost < taken && taken <= LASTS + EVERY, "{lost:?} {taken:?}");
}

#[tokio::test(start_paused = true)]
async fn fault_41_a_deleted_or_edited_lease_is_held_again_or_given_up() {
    let server = Server::default();
    let (mut a, since) = lead(&server, "a").await;
    tokio::select! {
        lost = a.keep(since) => panic!("{lost}"),
        () = async {
            server.edit(|lease| *lease = None);
            sleep(Duration::from_secs(5)).await;
            assert_eq!(server.holder(), "a", "deleted, and made again");
            server.edit(|lease| lease.as_mut().expect("a lease")["metadata"]["labels"] = json!({"x": "y"}));
            sleep(Duration::from_secs(5)).await;
            server.edit(|lease| lease.as_mut().expect("a lease")["spec"] = json!(null));
            sleep(Duration::from_secs(5)).await;
            assert_eq!(server.holder(), "a", "emptied, and held again");
        } => {}
    }
    server.edit(|lease| {
        lease.as_mut().expect("a lease")["spec"]["holderIdentity"] = json!("somebody")
    });
    let lost = timeout(Duration::from_secs(5), a.keep(Instant::now())).await;
    assert!(matches!(lost, Ok(Lost::To(name)) if name == "somebody"));
    // Nobody of that name is there: it can be had again soon.
    let again = timeout(LASTS + EVERY, a.take(|_| {})).await;
    assert!(again.is_ok() && server.holder() == "a");
}

#[tokio::test(start_paused = true)]
async fn fault_37_what_is_given_back_is_free_at_once() {
    let server = Server::default();
    let (mut a, _) = lead(&server, "a").await;
    let mut b = server.lease("b");
    tokio::select! {
        _ = b.take(|_| {}) => panic!("two lead"),
        () = sleep(Duration::from_secs(3)) => {}
    }
    a.release().await;
    assert_eq!(server.holder(), "");
    let taken = timeout(EVERY + AGAIN_AT_MOST, b.take(|_| {})).await;
    assert!(taken.is_ok(), "it waits for the old claim's end");
}

/// A look and a write.
const AGAIN_AT_MOST: Duration = Duration::from_millis(200);

#[tokio::test(start_paused = true)]
async fn fault_41_a_server_that_is_away_for_less_than_the_deadline_costs_nothing() {
    let server = Server::default();
    let (mut a, since) = lead(&server, "a").await;
    tokio::select! {
        lost = a.keep(since) => panic!("{lost}"),
        () = async {
            for _ in 0..5 {
                server.silence(&["*"]);
                sleep(Duration::from_secs(2)).await;
                server.silence(&[]);
                sleep(Duration::from_secs(6)).await;
            }
        } => {}
    }
    assert_eq!(server.holder(), "a");
}

#[tokio::test(start_paused = true)]
async fn fault_41_who_cannot_reach_the_lease_knows_of_no_leader() {
    let server = Server::default();
    let (_a, _) = lead(&server, "a").await;
    let mut b = server.lease("b");
    let seen = Mutex::new(Vec::new());
    let waiting = b.take(|leader| seen.lock().expect("lock").push(leader.map(str::to_owned)));
    let cut_off = async {
        sleep(Duration::from_secs(3)).await;
        server.silence(&["b"]);
        sleep(Duration::from_secs(20)).await;
    };
    tokio::select! {
        _ = waiting => panic!("it leads without an answer"),
        () = cut_off => {}
    }
    let seen = seen.into_inner().expect("lock");
    assert_eq!(seen, [Some("a".to_owned()), None]);
}
