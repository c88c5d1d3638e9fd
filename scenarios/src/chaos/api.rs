//! The API server as the scenarios use it: JSON in, JSON out, blocking; cheap enough to be asked a few times a second.
use std::path::Path;

use anyhow::{Context as _, Result};
use http::{Method, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// A connection that any number of threads may use at once.
pub struct Api {
    runtime: Runtime,
    client: Client,
}

impl Api {
    /// Connects as the user of a kubeconfig.
    pub fn connect(kubeconfig: &Path) -> Result<Self> {
        // Fails only if it was done before, which is just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(async {
            let file = Kubeconfig::read_from(kubeconfig)?;
            let config =
                Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
            anyhow::Ok(Client::try_from(config)?)
        })?;
        Ok(Self { runtime, client })
    }

    /// Runs something with the client itself, such as a watch.
    pub fn block_on<T>(&self, work: impl AsyncFnOnce(Client) -> T) -> T {
        self.runtime.block_on(work(self.client.clone()))
    }

    fn send(&self, method: Method, path: &str, content: &str, body: Vec<u8>) -> Result<String> {
        let what = format!("{method} {path}");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", content)
            .body(body)?;
        self.runtime
            .block_on(self.client.request_text(request))
            .context(what)
    }

    /// One object, or a list as it comes.
    pub fn get(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.text(path)?)?)
    }

    /// One object that may not be there.
    pub fn find(&self, path: &str) -> Result<Option<Value>> {
        match self.get(path) {
            Err(e) if is_absent(&e) => Ok(None),
            other => other.map(Some),
        }
    }

    /// The items of a list.
    pub fn list(&self, path: &str) -> Result<Vec<Value>> {
        match self.get(path)?.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => Ok(items),
            _ => Ok(Vec::new()),
        }
    }

    /// A log, or anything else that is no JSON.
    pub fn text(&self, path: &str) -> Result<String> {
        self.send(Method::GET, path, "application/json", Vec::new())
    }

    /// Makes the object be as given (server-side apply).
    pub fn apply(&self, object: &Value) -> Result<Value> {
        let path = format!(
            "{}?fieldManager=scenarios&force=true",
            path_of(object).context("an object without kind or name")?
        );
        let body = serde_json::to_vec(object)?;
        let answer = self.send(Method::PATCH, &path, "application/apply-patch+yaml", body)?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// Changes some fields; `null` removes one.
    pub fn merge(&self, path: &str, patch: &Value) -> Result<Value> {
        let body = serde_json::to_vec(patch)?;
        let answer = self.send(Method::PATCH, path, "application/merge-patch+json", body)?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// Deletes it; one that is not there is fine.
    pub fn delete(&self, path: &str) -> Result<()> {
        match self.send(Method::DELETE, path, "application/json", Vec::new()) {
            Err(e) if is_absent(&e) => Ok(()),
            other => other.map(drop),
        }
    }
}

fn is_absent(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<kube::Error>(), Some(kube::Error::Api(status)) if status.code == 404)
}

/// Where objects of a kind live: `/apis/apps/v1/namespaces/NS/deployments`.
pub fn path(api_version: &str, kind: &str, namespace: Option<&str>) -> String {
    let root = if api_version.contains('/') {
        "/apis"
    } else {
        "/api"
    };
    let plural = match kind.to_lowercase() {
        k if k.ends_with('y') => format!("{}ies", k.trim_end_matches('y')),
        k => format!("{k}s"),
    };
    match namespace {
        Some(namespace) => format!("{root}/{api_version}/namespaces/{namespace}/{plural}"),
        None => format!("{root}/{api_version}/{plural}"),
    }
}

/// Where this object lives.
pub fn path_of(object: &Value) -> Option<String> {
    let metadata = object.get("metadata")?;
    let namespace = metadata.get("namespace").and_then(Value::as_str);
    let folder = path(
        object.get("apiVersion")?.as_str()?,
        object.get("kind")?.as_str()?,
        namespace,
    );
    Some(format!("{folder}/{}", metadata.get("name")?.as_str()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{path, path_of};

    #[test]
    fn objects_live_where_kubectl_finds_them() {
        let policy = json!({"apiVersion": "podmender.io/v1alpha1", "kind": "AgentPolicy", "metadata": {"name": "p", "namespace": "a"}});
        let expected = "/apis/podmender.io/v1alpha1/namespaces/a/agentpolicies/p";
        assert_eq!(path_of(&policy).as_deref(), Some(expected));
        assert_eq!(path("v1", "Namespace", None), "/api/v1/namespaces");
    }
}
