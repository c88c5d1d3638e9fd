//! A real HTTP receiver of alerts, reachable from pods: what people would have been told, and when.
use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::http;
use crate::cluster::state::HOST_ADDRESS;

/// One message.
#[derive(Debug, Clone)]
pub struct Alert {
    /// When it came.
    pub at: Instant,
    /// What it says.
    pub body: Value,
}

impl Alert {
    /// A field of the message as text, empty if there is none.
    pub fn text(&self, field: &str) -> &str {
        self.body
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Whether it tells of several incidents, and so of none in detail: more than three at once become one message.
    pub fn is_digest(&self) -> bool {
        self.body.get("incidents").is_some()
    }

    /// What it says of each incident of a namespace, alone or in a digest.
    pub fn briefs(&self, namespace: &str) -> Vec<&Value> {
        let listed = self.body.get("incidents").and_then(Value::as_array);
        let mut all: Vec<&Value> = match listed {
            Some(listed) => listed.iter().collect(),
            None => vec![&self.body],
        };
        all.retain(|brief| brief["namespace"] == namespace);
        all
    }
}

/// Collects everything that is posted to it.
#[derive(Clone)]
pub struct Receiver {
    /// Its address for a policy.
    pub url: String,
    got: Arc<Mutex<Vec<Alert>>>,
}

impl Receiver {
    /// Listens until the process ends.
    pub fn start() -> Result<Self> {
        Self::start_at(HOST_ADDRESS)
    }

    /// Listens at an address of this machine that pods reach.
    pub fn start_at(address: &str) -> Result<Self> {
        let listener = TcpListener::bind((address, 0))
            .with_context(|| format!("cannot listen on {address} for alerts"))?;
        let url = format!("http://{}/alerts", listener.local_addr()?);
        let got = Arc::new(Mutex::new(Vec::new()));
        let receiver = Self {
            url,
            got: Arc::clone(&got),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let got = Arc::clone(&got);
                // A connection that breaks off is the sender's trouble: it sends again.
                std::thread::spawn(move || serve(stream, &got).ok());
            }
        });
        Ok(receiver)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Alert>> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came about a namespace, oldest first.
    pub fn about(&self, namespace: &str) -> Vec<Alert> {
        let about = |a: &&Alert| !a.briefs(namespace).is_empty();
        self.lock().iter().filter(about).cloned().collect()
    }
}

fn serve(stream: TcpStream, got: &Mutex<Vec<Alert>>) -> Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = http::receive(&mut reader)? {
        let body = serde_json::from_slice(&request.body)?;
        let at = Instant::now();
        got.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Alert { at, body });
        http::answer(&mut writer, "{}")?;
    }
    Ok(())
}
