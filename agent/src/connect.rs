//! Which cluster: an explicit kubeconfig or context, else the usual kubeconfig, else the pod's own account.

use crate::args::Global;
use http::{HeaderValue, header::USER_AGENT};
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use std::ffi::OsStr;

/// Why no cluster could be chosen. The texts say what to do; the exit code is 3.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be used.
    #[error(
        "the kubeconfig cannot be used: {0}. Check --kubeconfig, KUBECONFIG and --context (`kubectl config get-contexts` lists them)"
    )]
    Kubeconfig(#[from] KubeconfigError),
    /// There is neither a kubeconfig nor a pod's account.
    #[error(
        "no cluster: there is no kubeconfig (--kubeconfig, KUBECONFIG, ~/.kube/config), and this does not run in a pod"
    )]
    Nothing(#[source] kube::config::InferConfigError),
}

/// The configuration of the chosen cluster.
///
/// # Errors
/// [`ConnectError`], with what to do.
pub async fn config(global: &Global) -> Result<Config, ConnectError> {
    let options = KubeConfigOptions {
        context: global.context.clone(),
        ..Default::default()
    };
    let mut config = match &global.kubeconfig {
        Some(list) => Config::from_custom_kubeconfig(merged(list)?, &options).await?,
        None if global.context.is_some() => Config::from_kubeconfig(&options).await?,
        None => Config::infer().await.map_err(ConnectError::Nothing)?,
    };
    config
        .headers
        .push((USER_AGENT, HeaderValue::from_static(NAME)));
    Ok(config)
}

/// How the API server's audit log and its metrics know us.
const NAME: &str = concat!("podmender/", env!("CARGO_PKG_VERSION"));

/// Several files joined by `:`, the first one wins, as kubectl does it.
fn merged(list: &OsStr) -> Result<Kubeconfig, KubeconfigError> {
    let mut merged: Option<Kubeconfig> = None;
    for path in std::env::split_paths(list).filter(|p| !p.as_os_str().is_empty()) {
        let next = Kubeconfig::read_from(path)?;
        merged = Some(match merged {
            Some(first) => first.merge(next)?,
            None => next,
        });
    }
    Ok(merged.unwrap_or_default())
}
