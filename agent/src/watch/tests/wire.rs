//! The watch against a mocked API server that misbehaves, in virtual time.

use super::*;
use crate::watch::{
    STALE_AFTER, WatchState, WatchTrouble, Worlds, follow::follow, watches::Ground,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use kube::{Client, client::Body};
use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};
use tower_test::mock::SendResponse;

/// A body that sends its pieces, and then ends or hangs.
struct Pieces {
    left: VecDeque<Bytes>,
    hangs: bool,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.left.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None if self.hangs => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

/// What the server does with one request.
enum Answer {
    /// Sends lines, then closes.
    Lines(Vec<String>),
    /// Sends lines, then says nothing more.
    Hang(Vec<String>),
    Status(u16),
    /// Never answers.
    Silence,
}

fn respond(
    answer: Answer,
    send: SendResponse<Response<Pieces>>,
    kept: &mut Vec<SendResponse<Response<Pieces>>>,
) {
    let (status, lines, hangs) = match answer {
        Answer::Lines(lines) => (200, lines, false),
        Answer::Hang(lines) => (200, lines, true),
        Answer::Status(code) => {
            let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": "x", "code": code});
            (code, vec![body.to_string()], false)
        }
        Answer::Silence => return kept.push(send),
    };
    let left = lines.into_iter().map(|l| Bytes::from(l + "\n")).collect();
    let response = Response::builder()
        .status(status)
        .body(Pieces { left, hangs });
    send.send_response(response.expect("a response"));
}

/// One watch of pods, and the server behind it.
struct Wire {
    worlds: Worlds,
    asked: Arc<Mutex<Vec<(Instant, String)>>>,
    woken: Arc<Mutex<Vec<WorkloadRef>>>,
}

impl Wire {
    /// Runs until `done` says so; panics after an hour of virtual time.
    async fn run(
        mut serve: impl FnMut(usize, &str) -> Answer,
        done: impl Fn(&Self) -> bool,
    ) -> Self {
        let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Pieces>>();
        let mut rig = Rig::new();
        let lives = rig.change_lives();
        let wire = Self {
            worlds: Worlds::new(rig.world),
            asked: Arc::default(),
            woken: Arc::default(),
        };
        let woken = Arc::clone(&wire.woken);
        let wake = move |id| woken.lock().expect("no panic").push(id);
        let client = Client::new(service, "default");
        let ground = Ground::new(client, wire.worlds.clone(), Arc::new(now), wake);
        let asked = Arc::clone(&wire.asked);
        let server = async move {
            let mut kept = Vec::new();
            while let Some((request, send)) = handle.next_request().await {
                let query = request.uri().query().unwrap_or_default().to_owned();
                let nth = {
                    let mut asked = asked.lock().expect("no panic");
                    asked.push((Instant::now(), query.clone()));
                    asked.len() - 1
                };
                respond(serve(nth, &query), send, &mut kept);
            }
        };
        let watch = follow::<Pod>(ground, Name::from("watch-dev"), lives, None);
        let until = async {
            while !done(&wire) {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let all = async {
            tokio::select! {
                () = watch => panic!("the watch ended"),
                () = server => panic!("the server ended"),
                () = until => {}
            }
        };
        timeout(Duration::from_secs(3600), all)
            .await
            .expect("done in time");
        wire
    }

    fn state(&self) -> WatchState {
        let states = self.worlds.lock().watch_states();
        states
            .into_iter()
            .find(|s| s.resource == Resource::Pods)
            .expect("pods")
    }

    fn queries(&self) -> Vec<String> {
        self.asked
            .lock()
            .expect("no panic")
            .iter()
            .map(|(_, q)| q.clone())
            .collect()
    }

    fn pods(&self) -> u32 {
        self.worlds.lock().failing([&Name::from("watch-dev")]).pods
    }
}

impl Rig {
    /// Everything but pods is listed; gives the life of the pods' watch.
    fn change_lives(&mut self) -> Arc<super::super::life::Life> {
        let mut pods = None;
        self.change(|space, _| {
            for (resource, life) in space.lives.all() {
                if resource == Resource::Pods {
                    pods = Some(Arc::clone(life));
                } else {
                    life.sign();
                    life.listed();
                }
            }
        });
        pods.expect("pods")
    }
}

fn added(pod: &Value) -> String {
    json!({"type": "ADDED", "object": pod})
        .to_string()
        .replacen(
            // the API server writes the type first; serde_json sorts
            &format!("\"object\":{pod},\"type\":\"ADDED\""),
            &format!("\"type\":\"ADDED\",\"object\":{pod}"),
            1,
        )
}

fn complete(version: u32) -> String {
    format!(
        r#"{{"type":"BOOKMARK","object":{{"kind":"Pod","apiVersion":"v1","metadata":{{"resourceVersion":"{version}","annotations":{{"k8s.io/initial-events-end":"true"}}}}}}}}"#
    )
}

fn gone() -> String {
    r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old resource version","reason":"Expired","code":410}}"#.into()
}

fn crash(version: u32) -> Value {
    let mut pod = captured("pods", "crash");
    pod["metadata"]["resourceVersion"] = json!(version.to_string());
    pod["metadata"]["ownerReferences"] = json!([]);
    pod
}

#[tokio::test(start_paused = true)]
async fn fault_13_a_410_in_the_stream_costs_one_list_and_wakes_nobody_twice() {
    let serve = |nth, _: &str| match nth {
        0 => Answer::Lines(vec![added(&crash(5)), complete(7), gone()]),
        _ => Answer::Hang(vec![added(&crash(5)), complete(9)]),
    };
    let wire = Wire::run(serve, |w| w.state().lists == 2).await;
    assert_eq!(wire.queries().len(), 2);
    assert!(
        wire.queries()
            .iter()
            .all(|q| q.contains("sendInitialEvents=true"))
    );
    assert_eq!(wire.woken.lock().expect("no panic").len(), 1);
    assert_eq!(wire.state().trouble, None);
}

#[tokio::test(start_paused = true)]
async fn fault_14_a_410_at_the_start_of_a_watch_leads_to_a_list() {
    let serve = |nth, query: &str| match nth {
        0 => Answer::Lines(vec![added(&crash(5)), complete(7)]),
        _ if query.contains("sendInitialEvents=true") => {
            Answer::Hang(vec![added(&crash(5)), complete(9)])
        }
        _ => Answer::Status(410),
    };
    let wire = Wire::run(serve, |w| w.state().lists == 2).await;
    assert!(wire.queries().len() <= 4, "{:?}", wire.queries());
}

#[tokio::test(start_paused = true)]
async fn fault_15_a_list_that_expires_on_page_three_is_never_taken_as_complete() {
    let page = |from: usize, next: Option<&str>| {
        let pods: Vec<Value> = (from..from + 2)
            .map(|i| healthy(&format!("u{i}"), 5))
            .collect();
        let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "9", "continue": next.unwrap_or_default()}, "items": pods});
        Answer::Lines(vec![list.to_string()])
    };
    let mut expired = false;
    let serve = move |_, query: &str| {
        if query.contains("sendInitialEvents=true") {
            return Answer::Status(422);
        }
        if query.contains("watch=true") {
            return Answer::Hang(vec![]);
        }
        match (query.contains("continue=b"), query.contains("continue=a")) {
            (true, _) if !expired => {
                expired = true;
                Answer::Status(410)
            }
            (true, _) => page(4, None),
            (_, true) => page(2, Some("b")),
            _ => page(0, Some("a")),
        }
    };
    let wire = Wire::run(serve, |w| {
        let state = w.state();
        assert!(state.synced || w.pods() < 6, "complete only at the end");
        state.synced
    })
    .await;
    assert_eq!(wire.pods(), 6);
    assert_eq!(wire.state().lists, 1);
    assert!(wire.queries().iter().any(|q| q.contains("limit=100")));
}

#[tokio::test(start_paused = true)]
async fn fault_12_garbage_in_the_stream_is_set_aside_and_it_goes_on() {
    let broken = r#"{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"x","uid":"x","resourceVersion":"6"},"spec":{"containers":"secret"}}}"#;
    let odd = r#"{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"y","uid":"y","resourceVersion":"6"},"status":{"phase":"Pondering"}}}"#;
    let serve = |nth, _: &str| match nth {
        0 => Answer::Hang(vec![
            complete(5),
            "<html>".into(),
            broken.into(),
            odd.into(),
            added(&healthy("a", 7)),
        ]),
        _ => Answer::Silence,
    };
    let start = Instant::now();
    let wire = Wire::run(serve, |w| w.pods() == 3).await;
    assert_eq!(wire.state().quarantined, 2);
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "nothing waits for it"
    );
    assert_eq!(wire.queries().len(), 1, "the stream was kept");
}

#[tokio::test(start_paused = true)]
async fn fault_16_a_dead_connection_is_noticed_and_stale_after_60_s() {
    let serve = |nth, _: &str| match nth {
        0 => Answer::Hang(vec![added(&crash(5)), complete(7)]),
        _ => Answer::Silence,
    };
    let start = Instant::now();
    let wire = Wire::run(serve, |w| w.state().synced && !w.state().fresh()).await;
    assert!(
        start.elapsed() <= STALE_AFTER + Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    let asked = wire.asked.lock().expect("no panic").clone();
    assert!(asked.len() >= 2, "it tried again before that");
    assert!(asked[1].0 - start <= Duration::from_secs(51));
}

#[tokio::test(start_paused = true)]
async fn fault_03_a_server_that_accepts_and_never_answers_is_asked_again() {
    let serve = |nth, _: &str| match nth {
        0 | 1 => Answer::Silence,
        _ => Answer::Hang(vec![complete(7)]),
    };
    let start = Instant::now();
    let wire = Wire::run(serve, |w| w.state().synced).await;
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(wire.state().trouble, None);
}

#[tokio::test(start_paused = true)]
async fn fault_09_without_permission_it_is_tried_every_30_s() {
    let serve = |_, _: &str| Answer::Status(403);
    let wire = Wire::run(serve, |w| w.queries().len() == 5).await;
    assert_eq!(wire.state().trouble, Some(WatchTrouble::Forbidden));
    assert!(!wire.state().fresh());
    let asked = wire.asked.lock().expect("no panic").clone();
    for pair in asked.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= Duration::from_secs(30));
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_stays_fresh_and_resumes_without_listing() {
    let start = Instant::now();
    let serve = |nth, query: &str| {
        assert!(
            nth == 0 || query.contains("watch=true") && !query.contains("sendInitialEvents=true")
        );
        if nth == 0 {
            Answer::Hang(vec![complete(7)])
        } else {
            Answer::Hang(vec![])
        }
    };
    let wire = Wire::run(serve, |w| {
        assert!(!w.state().synced || w.state().fresh());
        start.elapsed() > Duration::from_secs(600)
    })
    .await;
    let asked = wire.queries();
    assert!((12..=25).contains(&asked.len()), "{}", asked.len());
    assert!(asked[1].contains("timeoutSeconds="));
}
