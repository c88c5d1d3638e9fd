//! The cluster that a command is about, as kubectl would choose it; and what to say when that does not work.

use crate::args::Global;
use anyhow::{Context as _, anyhow};
use kube::{Client, Config, Error};
use std::time::Duration;

/// A cluster to talk to.
#[derive(Clone)]
pub struct Cluster {
    /// The client.
    pub client: Client,
    /// The configuration that it was made from (to make one that acts as somebody else).
    pub config: Config,
    /// The namespace to look in; `None`: all.
    pub namespace: Option<String>,
    /// How to name it in messages.
    pub name: String,
}

/// Connects as kubectl would. Nothing is asked of the cluster yet.
///
/// # Errors
/// There is no kubeconfig, it cannot be read, or the context is not in it.
pub async fn connect(global: &Global) -> anyhow::Result<Cluster> {
    // Its text holds its causes already.
    let mut config = crate::connect::config(global)
        .await
        .map_err(|e| anyhow!("{e}"))?;
    config.connect_timeout = Some(Duration::from_secs(5));
    let name = match &global.context {
        Some(context) => format!("{} (context {context})", config.cluster_url),
        None => config.cluster_url.to_string(),
    };
    let namespace = (!global.all_namespaces).then(|| {
        global
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone())
    });
    let client =
        Client::try_from(config.clone()).with_context(|| format!("no client for {name}"))?;
    Ok(Cluster {
        client,
        config,
        namespace,
        name,
    })
}

/// The pod's own account, whatever kubeconfig there is.
///
/// # Errors
/// This is no pod.
pub fn in_cluster() -> anyhow::Result<Cluster> {
    let mut config = Config::incluster().context("--in-cluster works in a pod only")?;
    config.connect_timeout = Some(Duration::from_secs(5));
    let name = format!("{} (this pod's account)", config.cluster_url);
    let client = Client::try_from(config.clone())?;
    let namespace = Some(config.default_namespace.clone());
    Ok(Cluster {
        client,
        config,
        namespace,
        name,
    })
}

impl Cluster {
    /// Puts an error into words that say what to do. `doing` completes "may not" and "cannot": "list incidents in shop".
    #[must_use]
    pub fn explain(&self, doing: &str, error: Error) -> anyhow::Error {
        match error {
            Error::Api(status) => match status.code {
                401 => anyhow!(
                    "{} does not accept the credentials (401): log in again, or take another --context",
                    self.name
                ),
                403 => anyhow!("you may not {doing}: {}", status.message),
                404 if is_unknown_kind(&status.message) => anyhow!(
                    "{} does not know Podmender's objects: install the CRDs with `podmender crd | kubectl apply --server-side -f -`",
                    self.name
                ),
                404 => anyhow!("cannot {doing}: {}", status.message),
                _ => anyhow!("cannot {doing}: {} ({})", status.message, status.code),
            },
            error => {
                let cause = innermost(&error);
                anyhow!(
                    "cannot reach the cluster at {}: {cause}. Is it up, and is the kubeconfig current? Try `kubectl version`, or take another --context",
                    self.name
                )
            }
        }
    }
}

/// "the server could not find the requested resource", or the bare page of an unknown path.
fn is_unknown_kind(message: &str) -> bool {
    message.contains("could not find the requested resource")
        || message.contains("404 page not found")
}

/// The cause that says most: "connection refused" rather than "client error".
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
