//! The cluster that a command is about, as kubectl would choose it; and what to say when that does not work.

use crate::args::Global;
use anyhow::{Context as _, anyhow, bail};
use kube::{
    Client, Config, Error,
    config::{KubeConfigOptions, Kubeconfig},
};
use std::{ffi::OsStr, time::Duration};

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

/// Connects as kubectl would: `--kubeconfig`, else `~/.kube/config`, else the pod's own account. Nothing is asked of
/// the cluster yet.
///
/// # Errors
/// There is no kubeconfig, it cannot be read, or the context is not in it.
pub async fn connect(global: &Global) -> anyhow::Result<Cluster> {
    let (mut config, name) = match find(global)? {
        Some(found) => {
            let options = KubeConfigOptions {
                context: global.context.clone(),
                ..KubeConfigOptions::default()
            };
            let context = global
                .context
                .clone()
                .or_else(|| found.current_context.clone())
                .unwrap_or_default();
            let config = Config::from_custom_kubeconfig(found, &options)
                .await
                .with_context(|| format!("context {context:?} of the kubeconfig cannot be used; `kubectl config get-contexts` lists those that there are"))?;
            let name = format!("{} (context {context})", config.cluster_url);
            (config, name)
        }
        None => {
            let config = Config::incluster().map_err(|_| {
                anyhow!("no cluster: there is no kubeconfig at ~/.kube/config, and this is no pod. Say which with --kubeconfig FILE or KUBECONFIG=FILE")
            })?;
            let name = format!("{} (this pod's account)", config.cluster_url);
            (config, name)
        }
    };
    config.connect_timeout = Some(Duration::from_secs(5));
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

/// The kubeconfig, if there is one. One that was named and is not there is an error, not a reason to guess.
fn find(global: &Global) -> anyhow::Result<Option<Kubeconfig>> {
    if let Some(paths) = &global.kubeconfig {
        return named(paths).map(Some);
    }
    match Kubeconfig::read() {
        Ok(found) => Ok(Some(found)),
        Err(_) if global.context.is_none() && !default_exists() => Ok(None),
        Err(e) => Err(e).context("the kubeconfig cannot be read"),
    }
}

fn default_exists() -> bool {
    std::env::home_dir().is_some_and(|home| home.join(".kube/config").exists())
}

/// One file, or several in the manner of PATH (those that do not exist are skipped, as kubectl does, unless none does).
fn named(paths: &OsStr) -> anyhow::Result<Kubeconfig> {
    let paths: Vec<_> = std::env::split_paths(paths)
        .filter(|p| !p.as_os_str().is_empty())
        .collect();
    let there: Vec<_> = paths.iter().filter(|p| p.exists()).collect();
    if there.is_empty() {
        let list: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
        bail!(
            "no kubeconfig at {}: check --kubeconfig or KUBECONFIG",
            list.join(", ")
        );
    }
    let mut merged = Kubeconfig::default();
    for path in there {
        let one = Kubeconfig::read_from(path)
            .with_context(|| format!("{} is not a kubeconfig", path.display()))?;
        merged = merged.merge(one)?;
    }
    Ok(merged)
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
