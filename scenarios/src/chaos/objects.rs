//! Workloads that fail on demand, and the policies that cover them.
//!
//! Every pod sees the folder `/world`, which the scenario writes to. A file there stands for what goes wrong:
//! `sick-POD` is a fault of that one pod (a new one does not have it), any other name is a fault that all share.
use serde_json::{Map, Value, json};

use crate::cluster::state::BUSYBOX_IMAGE;

/// Lives until its pod is sick, then ends with an error, again and again.
pub const CRASHES_WHEN_SICK: &str = "until [ -e /world/sick-$HOSTNAME ]; do sleep 0.3; done; echo 'fatal: local state is corrupt' >&2; exit 1";
/// Lives whatever happens; what fails is a probe.
pub const LIVES: &str = "while :; do sleep 1; done";

/// A workload in the making.
#[derive(Clone)]
pub struct App {
    kind: &'static str,
    name: String,
    replicas: u32,
    container: Value,
    beside: Vec<Value>,
    pod: Value,
    annotations: Value,
    spec: Value,
}

impl App {
    /// A Deployment of one replica that runs a shell script.
    pub fn new(name: &str, script: &str) -> Self {
        Self {
            kind: "Deployment",
            name: name.to_owned(),
            replicas: 1,
            container: container("app", script),
            beside: Vec::new(),
            pod: json!({"terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false}),
            annotations: json!({}),
            spec: json!({}),
        }
    }

    /// Another kind: StatefulSet, DaemonSet, Job or Pod.
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// So many replicas.
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// Fields of the container.
    pub fn container(mut self, fields: Value) -> Self {
        merge(&mut self.container, fields);
        self
    }

    /// Another container in the same pod.
    pub fn beside(mut self, name: &str, script: &str) -> Self {
        self.beside.push(container(name, script));
        self
    }

    /// Fields of the pod.
    pub fn pod(mut self, fields: Value) -> Self {
        merge(&mut self.pod, fields);
        self
    }

    /// Fields of the workload's own spec.
    pub fn spec(mut self, fields: Value) -> Self {
        merge(&mut self.spec, fields);
        self
    }

    /// A probe that is a shell command, run every second, with two failures in a row as its limit. Only what the command says
    /// counts: with the default limit of one second, a busy machine would fail it.
    pub fn probe(self, which: &str, command: &str) -> Self {
        self.container(json!({which: {"exec": {"command": ["sh", "-c", command]}, "periodSeconds": 1, "failureThreshold": 2, "timeoutSeconds": 60}}))
    }

    /// Annotations of the workload.
    pub fn annotated(mut self, annotations: Value) -> Self {
        self.annotations = annotations;
        self
    }

    /// The object. `world` is the folder on the node that pods see as `/world`.
    pub fn object(&self, namespace: &str, world: &str) -> Value {
        let labels = json!({"app": self.name});
        let mut pod = self.pod.clone();
        let mut containers = vec![self.container.clone()];
        containers.extend(self.beside.clone());
        merge(
            &mut pod,
            json!({
                "containers": containers,
                "volumes": [{"name": "world", "hostPath": {"path": world, "type": "Directory"}}],
            }),
        );
        let template = json!({"metadata": {"labels": labels}, "spec": pod});
        let selector = json!({"matchLabels": labels});
        let (api_version, mut spec) = match self.kind {
            "Pod" => ("v1", pod),
            "Job" => ("batch/v1", json!({"template": template, "backoffLimit": 1})),
            "DaemonSet" => (
                "apps/v1",
                json!({"selector": selector, "template": template}),
            ),
            "StatefulSet" => (
                "apps/v1",
                json!({"replicas": self.replicas, "selector": selector, "serviceName": self.name, "template": template}),
            ),
            _ => (
                "apps/v1",
                json!({"replicas": self.replicas, "selector": selector, "template": template}),
            ),
        };
        merge(&mut spec, self.spec.clone());
        json!({
            "apiVersion": api_version, "kind": self.kind, "spec": spec,
            "metadata": {"name": self.name, "namespace": namespace, "annotations": self.annotations, "labels": labels},
        })
    }
}

/// A container that runs a shell script and sees `/world`.
pub fn container(name: &str, script: &str) -> Value {
    json!({
        "name": name, "image": BUSYBOX_IMAGE, "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        "volumeMounts": [{"name": "world", "mountPath": "/world"}],
        "resources": {"limits": {"memory": "64Mi"}},
    })
}

/// A policy for one namespace whose times are short enough for a test. `fields` are merged into its spec.
pub fn policy(agent: &str, namespace: &str, name: &str, restart: Value, fields: Value) -> Value {
    let mut config = json!({
        "maxRestarts": 3, "window": "10m", "cooldownPeriod": "5s", "backoffFactor": 1, "minOccurrences": 2, "hold": "5s",
    });
    merge(&mut config, restart);
    let mut spec = json!({
        "scope": {"namespaces": [namespace]},
        "capabilities": [{"name": "autoRestart", "enabled": true, "config": config}],
        "autonomy": {
            "level": "supervised",
            "verify": {"healthyDelay": "10s", "deadline": "3m", "relapseWindow": "2m"},
        },
        "alerting": {"channels": [{"type": "webhook", "url": "${ALERTS_URL}"}]},
    });
    merge(&mut spec, fields);
    json!({
        "apiVersion": "podmender.io/v1alpha1", "kind": "AgentPolicy",
        "metadata": {"name": name, "namespace": agent}, "spec": spec,
    })
}

/// Merges objects field by field; anything else replaces what was there.
pub fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Object(Map::new())), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::App;

    #[test]
    fn a_deployment_is_whole() {
        let object = App::new("web", "true")
            .replicas(2)
            .probe("livenessProbe", "true")
            .object("s", "/w");
        let container = "/spec/template/spec/containers/0";
        assert_eq!(object["spec"]["replicas"], json!(2));
        assert_eq!(
            object.pointer(&format!("{container}/livenessProbe/failureThreshold")),
            Some(&json!(2))
        );
        assert_eq!(
            object.pointer("/spec/template/spec/volumes/0/hostPath/path"),
            Some(&json!("/w"))
        );
    }
}
