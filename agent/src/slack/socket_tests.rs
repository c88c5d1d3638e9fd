//! One socket after the other, over real WebSockets on loopback.

use super::*;
use crate::alert::Secrets;
use axum::{Json, Router, routing::post};
use reqwest::Url;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};

type Peer = WebSocketStream<TcpStream>;

const CLICK: &str = include_str!("corpus/envelope-click.json");
const SOON: Duration = Duration::from_secs(10);

struct Rig {
    sockets: TcpListener,
    taken: mpsc::Receiver<Arrival>,
    metrics: Arc<Metrics>,
    ears: Arc<Ears>,
    dir: std::path::PathBuf,
    _tasks: JoinSet<()>,
}

async fn rig(test: &str, patience: Patience) -> Rig {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = std::env::temp_dir().join(format!("podmender-ws-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    std::fs::write(dir.join("SLACK_APP_TOKEN"), "xapp-1").expect("token");
    let sockets = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let url = format!(
        "ws://{}/socket?ticket=1",
        sockets.local_addr().expect("address")
    );
    let web = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let base = format!("http://{}/api/", web.local_addr().expect("address"));
    let opened = move || async move { Json(json!({"ok": true, "url": url})) };
    let router = Router::new().route("/api/apps.connections.open", post(opened));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(web, router).await.expect("serves") });
    let token = Secret::named(Secrets::new(dir.clone()), "SLACK_APP_TOKEN");
    let (sink, taken) = mpsc::channel(8);
    let ears: Arc<Ears> = Arc::default();
    let metrics = Arc::new(Metrics::new("0", "test"));
    let socket = Socket {
        api: Api::new(Url::parse(&base).expect("address"), token.clone()),
        app_token: token,
        sink,
        metrics: Arc::clone(&metrics),
        ears: Arc::clone(&ears),
        patience,
    };
    tasks.spawn(async move { match socket.run().await {} });
    Rig {
        sockets,
        taken,
        metrics,
        ears,
        dir,
        _tasks: tasks,
    }
}

impl Rig {
    async fn accept(&self) -> Peer {
        let accepted = timeout(SOON, self.sockets.accept()).await.expect("in time");
        let stream = accepted.expect("connection").0;
        tokio_tungstenite::accept_async(stream)
            .await
            .expect("handshake")
    }

    async fn next(&mut self) -> Option<Interaction> {
        self.taken.recv().await.map(|arrival| arrival.what)
    }

    fn counted(&self, result: &str) -> bool {
        let line =
            format!("podmender_slack_requests_total{{transport=\"socket\",result=\"{result}\"}}");
        self.metrics.encode().contains(&line)
    }
}

async fn acknowledged(peer: &mut Peer) -> String {
    loop {
        let next = timeout(SOON, peer.next()).await.expect("in time");
        if let Some(Ok(Message::Text(text))) = next {
            return text.to_string();
        }
    }
}

/// Row 49, over the socket.
#[tokio::test]
async fn fault_49_every_envelope_is_acknowledged_and_taken_once() {
    let mut rig = rig("once", Patience::default()).await;
    let mut peer = rig.accept().await;
    for _ in 0..3 {
        peer.send(Message::text(CLICK)).await.expect("sent");
        let told = acknowledged(&mut peer).await;
        assert_eq!(
            told,
            r#"{"envelope_id":"57d6a792-4d35-4d0b-b6aa-3361493e1caf"}"#
        );
    }
    assert!(matches!(rig.next().await, Some(Interaction::Click(_))));
    assert!(rig.taken.try_recv().is_err());
    let unreadable = r#"{"type":"interactive","envelope_id":"e-2","payload":7}"#;
    peer.send(Message::text(unreadable)).await.expect("sent");
    assert_eq!(acknowledged(&mut peer).await, r#"{"envelope_id":"e-2"}"#);
    assert!(rig.counted("redelivered"));
}

/// Row 52: the new socket is open before the old one is let go, and nothing that still comes over the old one is lost.
#[tokio::test]
async fn fault_52_a_refresh_leaves_no_gap() {
    let mut rig = rig("refresh", Patience::default()).await;
    let mut old = rig.accept().await;
    old.send(Message::text(include_str!("corpus/disconnect.json")))
        .await
        .expect("sent");
    let mut new = rig.accept().await;
    old.send(Message::text(CLICK))
        .await
        .expect("the old one is still open");
    acknowledged(&mut old).await;
    assert!(matches!(rig.next().await, Some(Interaction::Click(_))));
    let mention = include_str!("corpus/envelope-mention.json");
    new.send(Message::text(mention)).await.expect("sent");
    acknowledged(&mut new).await;
    assert!(matches!(rig.next().await, Some(Interaction::Mention(_))));
    assert!(rig.counted("disconnect_refresh"));
}

/// Row 52: a socket that is closed as soon as it is open is not opened in a loop.
#[tokio::test]
async fn fault_52_too_many_sockets_are_not_made_more() {
    let rig = rig(
        "many",
        Patience {
            retry: (Duration::from_millis(1), Duration::from_millis(400)),
            ..Patience::default()
        },
    )
    .await;
    let mut peer = rig.accept().await;
    let farewell = r#"{"type":"disconnect","reason":"too_many_websockets"}"#;
    let began = Instant::now();
    peer.send(Message::text(farewell)).await.expect("sent");
    let _second = rig.accept().await;
    assert!(
        began.elapsed() >= Duration::from_millis(400),
        "{:?}",
        began.elapsed()
    );
    assert!(rig.counted("disconnect_too_many"));
}

/// Row 50: a token that Slack refuses is said where people look, until another one opens a socket.
#[tokio::test]
async fn fault_50_a_revoked_app_token_is_a_trouble_until_it_is_renewed() {
    let patience = Patience {
        retry: (Duration::from_millis(1), Duration::from_millis(20)),
        ..Patience::default()
    };
    let rig = rig("revoked", patience).await;
    let web = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let base = format!("http://{}/api/", web.local_addr().expect("address"));
    let router =
        Router::new().fallback(|| async { Json(json!({"ok": false, "error": "invalid_auth"})) });
    let token = Secret::named(Secrets::new(rig.dir.clone()), "SLACK_APP_TOKEN");
    let socket = Socket {
        api: Api::new(Url::parse(&base).expect("address"), token.clone()),
        app_token: token,
        sink: mpsc::channel(1).0,
        metrics: Arc::clone(&rig.metrics),
        ears: Arc::clone(&rig.ears),
        patience,
    };
    let seen = async {
        while rig.ears.trouble().is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        served = async { axum::serve(web, router).await } => panic!("{served:?}"),
        never = socket.run() => match never {},
        seen = timeout(SOON, seen) => seen.expect("in time"),
    }
    let _peer = rig.accept().await;
    let over = async {
        while rig.ears.trouble().is_some() {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, over).await.expect("a socket is open");
}

/// A frame of more than 1 MiB is not read, and counted by its reason; the next socket takes what comes.
#[tokio::test]
async fn an_oversized_frame_costs_its_socket_and_nothing_else() {
    let mut rig = rig("large", Patience::default()).await;
    let mut peer = rig.accept().await;
    let large = "x".repeat(MAX_BODY + 1);
    // Whether it is taken to its end is open: the other side hangs up.
    let _ = peer.send(Message::text(large)).await;
    let mut next = rig.accept().await;
    assert!(rig.counted("too_large"));
    next.send(Message::text(CLICK)).await.expect("sent");
    acknowledged(&mut next).await;
    assert!(matches!(rig.next().await, Some(Interaction::Click(_))));
}

/// Row 52: a socket that is closed, and one over which nothing comes any more, are replaced.
#[tokio::test]
async fn fault_52_a_lost_and_a_silent_socket_are_replaced() {
    let patience = Patience {
        ping: Duration::from_millis(50),
        silence: Duration::from_millis(300),
        ..Patience::default()
    };
    let rig = rig("silent", patience).await;
    drop(rig.accept().await);
    // Half-open: the peer takes what is sent and never reads or answers it.
    let silent = rig.accept().await;
    let mut third = rig.accept().await;
    drop(silent);
    third.send(Message::text(CLICK)).await.expect("sent");
    acknowledged(&mut third).await;
    assert!(rig.counted("silent"));
}

/// Row 52: one silent socket after the other costs the time to notice it each time, and no back-off on top.
#[tokio::test]
async fn fault_52_silent_sockets_one_after_the_other_are_replaced_without_a_wait() {
    let patience = Patience {
        ping: Duration::from_millis(50),
        silence: Duration::from_millis(200),
        retry: (Duration::from_secs(3600), Duration::from_secs(3600)),
        ..Patience::default()
    };
    let rig = rig("silent-again", patience).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(rig.accept().await);
    }
}
