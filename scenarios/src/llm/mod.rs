//! An OpenAI-compatible endpoint to test against: it answers from what it is shown, keeps what it was asked, and misbehaves on
//! order.
//!
//! `cargo run -p scenarios -- llm` serves it by itself; `POST /ui/fault` with a fault's name (or nothing) orders one.
pub mod fault;
mod reply;
mod serve;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, anyhow};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};

use fault::Fault;

/// The most requests that are kept.
const MAX_ASKED: usize = 4096;

/// The stand-in at work; it ends with the process.
pub struct Llm(Arc<Inner>);

impl Deref for Llm {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// What its handle and its connections share.
pub struct Inner {
    /// Where it listens.
    pub address: SocketAddr,
    state: Mutex<(Option<Fault>, Vec<Asked>)>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its body, as it came.
    pub body: String,
    /// The key that came with it.
    pub key: Option<String>,
}

impl Llm {
    /// Listens there; port 0 takes a free one.
    pub fn start(address: &str) -> Result<Self> {
        let listener =
            TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
        listener.set_nonblocking(true)?;
        let inner = Arc::new(Inner {
            address: listener.local_addr()?,
            state: Mutex::default(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let served = Arc::clone(&inner);
        std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, serve::router(served)).await
            })
        });
        Ok(Self(inner))
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, (Option<Fault>, Vec<Asked>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a policy's `spec.summary.baseUrl`.
    pub fn base(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// From now on it misbehaves so.
    pub fn order(&self, fault: Fault) {
        self.state().0 = Some(fault);
    }

    /// From now on it behaves.
    pub fn behave(&self) {
        self.state().0 = None;
    }

    /// What it was asked, oldest first.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().1.clone()
    }

    fn fault(&self) -> Option<Fault> {
        self.state().0.clone()
    }

    fn keep(&self, asked: Asked) {
        let kept = &mut self.state().1;
        if kept.len() < MAX_ASKED {
            kept.push(asked);
        }
    }
}

/// An address over TLS whose certificate nobody vouches for: `https://HOST:PORT/v1`. It ends with the process.
pub fn untrusted() -> Result<String> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let key = PrivateKeyDer::try_from(signing_key.serialize_der())
        .map_err(|e| anyhow!("the stand-in's key: {e}"))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?;
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let base = format!("https://{}/v1", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever trusts it goes further than it should; nobody does.
            let _ = shake_hands(stream, Arc::clone(&config));
        }
    });
    Ok(base)
}

fn shake_hands(mut stream: TcpStream, config: Arc<ServerConfig>) -> Result<()> {
    let mut session = ServerConnection::new(config)?;
    session.complete_io(&mut stream)?;
    Ok(())
}
