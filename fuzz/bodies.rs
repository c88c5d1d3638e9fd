//! What fuzzing does with any bytes. Plain functions, so that `cargo test` runs them over the checked-in corpus.

use axum::serve::Listener;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use podmender::{
    alert::Secrets,
    metrics::Metrics,
    slack::{
        arrival::Arrival,
        endpoint::{Endpoint, router},
        frame::{self, Frame},
        interaction::{self, Interaction},
        secret::Secret,
        verify::{Signed, verify},
    },
};
use sha2::Sha256;
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::mpsc,
};

const NOW: &str = "1763721900";
const SECRET: &str = "8f742231b10e8888";

/// A frame of a socket: read or refused. What is read can be acknowledged.
pub fn frame(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(Frame::Envelope { id, payload }) = frame::read(text) {
        assert!(!id.is_empty());
        let told: serde_json::Value =
            serde_json::from_str(&frame::acknowledgement(&id)).expect("JSON");
        assert_eq!(told["envelope_id"], id.as_str());
        bounded(payload.ok());
    }
}

/// The body of a request that is signed: of a click, a command, an event. Each reader takes any of them.
pub fn interaction(data: &[u8]) {
    let secret = SECRET.into();
    let signature = signed(data);
    let request = Signed {
        timestamp: Some(NOW.as_bytes()),
        signature: Some(signature.as_bytes()),
        body: data,
    };
    let proven = verify(&secret, request, now()).expect("signed");
    for read in [
        interaction::interaction,
        interaction::command,
        interaction::event,
    ] {
        bounded(read(&proven).ok());
    }
}

/// Whatever was read, what it carries is short.
fn bounded(read: Option<Interaction>) {
    match read {
        Some(Interaction::Click(click)) => assert!(click.ticket.as_str().len() <= 64),
        Some(Interaction::Command(command)) => assert!(command.text.as_str().len() <= 256),
        Some(Interaction::Mention(mention)) => {
            assert!(mention.text.as_str().len() <= 256 && !mention.speaker.user.is_empty());
        }
        Some(Interaction::Challenge(_) | Interaction::Other) | None => {}
    }
}

/// A raw HTTP request, as bytes on a connection: none of them knows the secret, so nothing is handed on, nothing is a success,
/// and the entrance is alive afterwards.
pub fn request(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(async {
        let (sink, mut taken) = mpsc::channel::<Arrival>(8);
        let (ours, theirs) = tokio::io::duplex(4096);
        let app = router(Arc::new(endpoint(sink)));
        let serving = async { axum::serve(Once(Some(theirs)), app).await };
        let asking = ask(ours, data);
        let told = tokio::select! {
            _ = serving => Vec::new(),
            told = asking => told,
        };
        // `HTTP/1.x 2…`
        assert_ne!(
            told.get(9),
            Some(&b'2'),
            "{}",
            String::from_utf8_lossy(&told)
        );
        assert!(taken.try_recv().is_err());
    });
}

async fn ask(stream: DuplexStream, data: &[u8]) -> Vec<u8> {
    let (mut from, mut to) = tokio::io::split(stream);
    let mut told = Vec::new();
    let sending = async {
        let _ = to.write_all(data).await;
        let _ = to.shutdown().await;
    };
    // Time is virtual: a body that never arrives is given up at once.
    let hearing = tokio::time::timeout(Duration::from_secs(60), from.read_to_end(&mut told));
    let _ = futures::join!(sending, hearing);
    told
}

fn endpoint(sink: mpsc::Sender<Arrival>) -> Endpoint {
    let folder = std::env::temp_dir().join("podmender-fuzz");
    std::fs::create_dir_all(&folder).expect("folder");
    let file = folder.join("SLACK_SIGNING_SECRET");
    if !file.exists() {
        std::fs::write(file, SECRET).expect("secret");
    }
    Endpoint {
        secret: Secret::named(Secrets::new(folder), "SLACK_SIGNING_SECRET"),
        now: Arc::new(now),
        sink,
        metrics: Arc::new(Metrics::new("0", "fuzz")),
        taken: Mutex::default(),
    }
}

/// One connection, and then none.
struct Once(Option<DuplexStream>);

impl Listener for Once {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.take() {
            Some(stream) => (stream, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW.parse().expect("a number")).expect("a time")
}

fn signed(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("key");
    for part in [b"v0:".as_slice(), NOW.as_bytes(), b":", body] {
        mac.update(part);
    }
    let digits = mac.finalize().into_bytes();
    let hex: String = digits.iter().map(|b| format!("{b:02x}")).collect();
    format!("v0={hex}")
}
