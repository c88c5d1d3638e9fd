//! An admission webhook in front of evictions or of answers in one namespace: it holds them until the scenario says yes or no.
//! So an agent can be killed exactly between its intent and its effect, or between effect and outcome, without a hook in it.
use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::{http, wait};
use crate::cluster::state::HOST_ADDRESS;

/// What it stands in front of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// Evictions of pods: what the agent does.
    Evictions,
    /// Approvals: what it writes down of people.
    Answers,
}

impl Guarded {
    fn rule(self) -> Value {
        let (group, version, resource) = match self {
            Self::Evictions => ("", "v1", "pods/eviction"),
            Self::Answers => ("podmender.io", "v1alpha1", "approvals"),
        };
        json!({"apiGroups": [group], "apiVersions": [version], "operations": ["CREATE"], "resources": [resource]})
    }
}

/// What happens to a request that arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It waits.
    Hold,
    /// It is let through.
    Allow,
    /// It is refused.
    Deny,
}

#[derive(Debug)]
struct Inner {
    answer: Answer,
    arrived: usize,
    answered: usize,
    /// So many of the first are refused, whatever the answer is.
    refused: usize,
}

/// The gate; its webhook must be applied to take effect.
#[derive(Clone)]
pub struct Gate {
    inner: Arc<(Mutex<Inner>, Condvar)>,
    url: String,
    ca: String,
}

/// Longer than any scenario holds, shorter than the webhook's own time limit (30 s).
const PATIENCE: Duration = Duration::from_secs(25);

impl Gate {
    /// Listens until the process ends.
    pub fn start(answer: Answer) -> Result<Self> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([HOST_ADDRESS.to_owned()])?;
        let key = PrivateKeyDer::try_from(signing_key.serialize_der())
            .map_err(|e| anyhow::anyhow!("the gate's key: {e}"))?;
        let chain: Vec<CertificateDer<'static>> = vec![cert.der().clone()];
        let config = Arc::new(
            ServerConfig::builder()
                .with_no_client_auth()
                .with_single_cert(chain, key)?,
        );
        let listener = TcpListener::bind((HOST_ADDRESS, 0))?;
        let gate = Self {
            inner: Arc::new((
                Mutex::new(Inner {
                    answer,
                    arrived: 0,
                    answered: 0,
                    refused: 0,
                }),
                Condvar::new(),
            )),
            url: format!("https://{}/evictions", listener.local_addr()?),
            ca: cert.pem(),
        };
        let served = gate.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (gate, config) = (served.clone(), Arc::clone(&config));
                std::thread::spawn(move || gate.serve(stream, config).ok());
            }
        });
        Ok(gate)
    }

    /// The webhook for evictions in `namespace`.
    pub fn webhook(&self, namespace: &str) -> Value {
        self.in_front_of(Guarded::Evictions, namespace)
    }

    /// The webhook for these in `namespace`.
    pub fn in_front_of(&self, guarded: Guarded, namespace: &str) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": namespace},
            "webhooks": [{
                "name": "gate.scenarios.podmender.io",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "timeoutSeconds": 30,
                "failurePolicy": "Fail",
                "clientConfig": {"url": self.url, "caBundle": STANDARD.encode(&self.ca)},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [guarded.rule()],
            }],
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests have arrived.
    pub fn arrived(&self) -> usize {
        self.lock().arrived
    }

    /// How many of them have been let through or refused.
    pub fn answered(&self) -> usize {
        self.lock().answered
    }

    /// From now on, and for those that wait.
    pub fn set(&self, answer: Answer) {
        self.lock().answer = answer;
        self.inner.1.notify_all();
    }

    /// Waits until one is held.
    pub fn holds_one(&self) -> Result<()> {
        wait::eventually("something is at the gate", || {
            ensure!(self.arrived() > self.answered(), "nothing is held");
            Ok(())
        })
    }

    /// Refuses what is held now, and waits until each of them has been told. What comes later is none of them: whoever asked
    /// may have been killed, be back, and ask again before this returns.
    pub fn refuse_held(&self) -> Result<()> {
        let held = {
            let mut inner = self.lock();
            inner.refused = inner.arrived;
            inner.refused
        };
        self.inner.1.notify_all();
        wait::eventually("what is held is refused", || {
            ensure!(self.answered() >= held, "it is still held");
            Ok(())
        })
    }

    fn decide(&self) -> Result<bool> {
        let mut inner = self.lock();
        inner.arrived += 1;
        let nth = inner.arrived;
        let (mut inner, timeout) = self
            .inner
            .1
            .wait_timeout_while(inner, PATIENCE, |i| {
                i.answer == Answer::Hold && nth > i.refused
            })
            .unwrap_or_else(PoisonError::into_inner);
        inner.answered += 1;
        ensure!(!timeout.timed_out(), "held for too long");
        Ok(nth > inner.refused && inner.answer == Answer::Allow)
    }

    fn serve(&self, stream: TcpStream, config: Arc<ServerConfig>) -> Result<()> {
        let connection = ServerConnection::new(config)?;
        let mut tls = BufReader::new(StreamOwned::new(connection, stream));
        while let Some(request) = http::receive(&mut tls)? {
            let review: Value = serde_json::from_slice(&request.body)?;
            let uid = review
                .pointer("/request/uid")
                .context("a review without uid")?;
            let allowed = self.decide()?;
            let answer = json!({
                "apiVersion": "admission.k8s.io/v1",
                "kind": "AdmissionReview",
                "response": {"uid": uid, "allowed": allowed, "status": {"message": "the scenario's gate"}},
            });
            http::answer(tls.get_mut(), &answer.to_string())?;
        }
        Ok(())
    }
}
