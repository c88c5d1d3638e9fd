//! Requests as Slack, and others, send them.

use super::*;
use crate::alert::Secrets;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tower::ServiceExt;

const NOW: i64 = 1_763_721_900;
const SECRET: &str = "8f742231b10e8888";
const CLICK: &str = include_str!("corpus/click.form");
const MENTION: &str = include_str!("corpus/mention.json");
const COMMAND: &str = include_str!("corpus/command.form");

struct Rig {
    endpoint: Arc<Endpoint>,
    taken: mpsc::Receiver<Arrival>,
}

fn rig(test: &str, room: usize) -> Rig {
    let dir = std::env::temp_dir().join(format!("podmender-door-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    std::fs::write(dir.join("SLACK_SIGNING_SECRET"), SECRET).expect("secret");
    let (sink, taken) = mpsc::channel(room);
    let endpoint = Arc::new(Endpoint {
        secret: Secret::named(Secrets::new(dir), "SLACK_SIGNING_SECRET"),
        now: Arc::new(|| Timestamp::from_second(NOW).expect("time")),
        sink,
        metrics: Arc::new(Metrics::new("0", "test")),
        taken: Mutex::default(),
    });
    Rig { endpoint, taken }
}

impl Rig {
    fn next(&mut self) -> Option<Interaction> {
        self.taken.try_recv().ok().map(|arrival| arrival.what)
    }
}

fn signed(at: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("key");
    mac.update(format!("v0:{at}:{body}").as_bytes());
    let hex: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("v0={hex}")
}

impl Rig {
    async fn send(
        &self,
        path: &str,
        at: i64,
        signature: &str,
        body: impl Into<Body>,
    ) -> (u16, String) {
        let request = Request::post(path)
            .header("x-slack-request-timestamp", at)
            .header("x-slack-signature", signature)
            .body(body.into())
            .expect("request");
        let answer = router(Arc::clone(&self.endpoint)).oneshot(request).await;
        let answer = answer.expect("answer");
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), MAX_BODY).await.expect("body");
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    async fn slack_sends(&self, path: &str, at: i64, body: &'static str) -> (u16, String) {
        self.send(path, at, &signed(at, body), body).await
    }

    fn counted(&self, result: &str) -> bool {
        let line =
            format!("podmender_slack_requests_total{{transport=\"http\",result=\"{result}\"}}");
        self.endpoint.metrics.encode().contains(&line)
    }
}

#[tokio::test]
async fn what_slack_sends_is_handed_on() {
    let mut rig = rig("on", 8);
    let nothing = (200, String::new());
    assert_eq!(
        rig.slack_sends("/slack/interactions", NOW, CLICK).await,
        nothing
    );
    assert_eq!(
        rig.slack_sends("/slack/commands", NOW, COMMAND).await,
        nothing
    );
    assert_eq!(
        rig.slack_sends("/slack/events", NOW, MENTION).await,
        nothing
    );
    assert!(matches!(rig.next(), Some(Interaction::Click(_))));
    assert!(matches!(rig.next(), Some(Interaction::Command(_))));
    assert!(matches!(rig.next(), Some(Interaction::Mention(_))));
    let challenge = include_str!("corpus/challenge.json");
    let (status, body) = rig.slack_sends("/slack/events", NOW, challenge).await;
    assert_eq!(status, 200);
    assert!(body.starts_with("{\"challenge\":\"3eZbrw1a"), "{body}");
    assert!(rig.counted("accepted") && rig.counted("challenge"));
}

/// Row 43: nothing of a request that is not proven is read, and its sender learns nothing.
#[tokio::test]
async fn fault_43_a_bad_request_has_its_status_and_its_count() {
    let mut rig = rig("bad", 8);
    let path = "/slack/interactions";
    let forged = rig.send(path, NOW, &signed(NOW, "other"), CLICK).await;
    assert_eq!(forged, (401, String::new()));
    assert_eq!(rig.send(path, NOW, "v1=00", CLICK).await.0, 401);
    assert_eq!(rig.slack_sends(path, NOW - 301, CLICK).await.0, 401);
    assert_eq!(rig.slack_sends(path, NOW + 301, CLICK).await.0, 401);
    assert_eq!(rig.slack_sends(path, NOW, "payload=[").await.0, 400);
    assert_eq!(rig.slack_sends(path, NOW, "x=1").await.0, 400);
    let large = vec![b'a'; MAX_BODY + 1];
    assert_eq!(rig.send(path, NOW, "v0=", large).await.0, 413);
    let view = Box::leak(format!("payload={}", include_str!("corpus/view.json")).into_boxed_str());
    assert_eq!(rig.slack_sends(path, NOW, view).await.0, 200);
    let dir = std::env::temp_dir().join(format!("podmender-door-bad-{}", std::process::id()));
    std::fs::write(dir.join("SLACK_SIGNING_SECRET"), "\n").expect("emptied");
    assert_eq!(rig.slack_sends(path, NOW, CLICK).await.0, 401);
    for reason in [
        "bad_signature",
        "no_signature",
        "out_of_window",
        "shape",
        "payload",
        "too_large",
        "other",
        "no_secret",
    ] {
        assert!(rig.counted(reason), "{reason}");
    }
    assert!(rig.next().is_none());
}

/// Rows 44 and 49: the same request, and the same event signed anew, are taken once.
#[tokio::test]
async fn fault_44_and_49_what_comes_again_is_taken_once() {
    let mut rig = rig("again", 8);
    for at in [NOW, NOW, NOW + 10, NOW + 60] {
        assert_eq!(rig.slack_sends("/slack/events", at, MENTION).await.0, 200);
    }
    assert!(rig.next().is_some());
    assert!(rig.next().is_none());
    assert!(rig.counted("replayed") && rig.counted("redelivered"));
}

/// Row 43: nothing of what a forger or Slack sends stands in the log, at whatever level.
#[tokio::test]
async fn fault_43_no_body_signature_or_secret_is_logged() {
    #[derive(Clone, Default)]
    struct Said(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Said {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("lock").write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let said = Said::default();
    let writer = said.clone();
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(log);
    let rig = rig("log", 1);
    let path = "/slack/interactions";
    let body = "payload={\"m4rker\": \"<@U1> xoxb-m4rker\"}";
    for (signature, body) in [
        ("v0=m4rker".to_owned(), body.to_owned()),
        (signed(NOW, "m4rker"), body.to_owned()),
        (signed(NOW, body), body.to_owned()),
        (signed(NOW, "m4rker=%ff"), "m4rker=%ff".to_owned()),
        (signed(NOW, CLICK), CLICK.to_owned()),
        (signed(NOW, COMMAND), COMMAND.to_owned()),
        (signed(NOW, ""), "m4rker".repeat(200_000)),
    ] {
        rig.send(path, NOW, &signature, body).await;
    }
    tracing::info!("the end");
    let log = said.0.lock().expect("lock").clone();
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("the end"), "nothing is captured: {log}");
    let click = signed(NOW, CLICK);
    for secret in ["m4rker", SECRET, "U0ADA", "payload", &click[3..20]] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

/// What is no request of Slack's is counted, too.
#[tokio::test]
async fn another_path_and_another_method_have_their_status_and_their_count() {
    let rig = rig("paths", 1);
    assert_eq!(rig.slack_sends("/slack/other", NOW, CLICK).await.0, 404);
    let get = Request::get("/slack/events").body(Body::empty());
    let answer = router(Arc::clone(&rig.endpoint)).oneshot(get.expect("request"));
    assert_eq!(answer.await.expect("answer").status(), 405);
    assert!(rig.counted("unknown_path") && rig.counted("unknown_method"));
}

/// Row 44: what the agent before this one may have taken is not taken again.
#[tokio::test]
async fn fault_44_what_is_older_than_the_agent_is_refused() {
    let mut rig = rig("older", 8);
    let began = Timestamp::from_second(NOW).expect("time");
    *rig.endpoint.taken.lock().expect("lock") = Taken::since(began);
    let path = "/slack/interactions";
    assert_eq!(rig.slack_sends(path, NOW - 1, CLICK).await.0, 401);
    assert!(rig.counted("before_start") && rig.next().is_none());
    assert_eq!(rig.slack_sends(path, NOW, CLICK).await.0, 200);
    assert!(rig.next().is_some());
}

/// Row 48: whoever works on the requests may be slow; nobody is told that something was done.
#[tokio::test]
async fn fault_48_a_full_queue_is_said_and_the_request_can_be_sent_again() {
    let mut rig = rig("full", 1);
    assert_eq!(rig.slack_sends("/slack/commands", NOW, COMMAND).await.1, "");
    let (status, told) = rig.slack_sends("/slack/commands", NOW + 1, COMMAND).await;
    assert_eq!(status, 200);
    assert!(told.contains("Nothing was done"), "{told}");
    assert_eq!(
        rig.slack_sends("/slack/interactions", NOW, CLICK).await.0,
        503
    );
    assert!(rig.next().is_some());
    assert_eq!(
        rig.slack_sends("/slack/interactions", NOW, CLICK).await.0,
        200
    );
    assert!(matches!(rig.next(), Some(Interaction::Click(_))));
    assert!(rig.counted("full"));
}
