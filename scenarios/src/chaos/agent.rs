//! One installed agent: a Helm release in a namespace of its own, and what can befall its process.
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::stage::Stage;
use super::{api, wait};
use crate::cluster::state::{HOST_ADDRESS, write};
use crate::exec;
use crate::slack::Slack;
use crate::slack::signed::App;

/// How answers from Slack reach an agent: `slack.interactions` of the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interactions {
    /// It opens a socket.
    Socket,
    /// It is called, with signed requests.
    Http,
}

/// The port that the agent listens on for Slack.
const SLACK_PORT: u16 = 8082;
/// What proves Slack's requests to it.
const SIGNING_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// An agent that was installed with the chart.
pub struct Agent<'a> {
    stage: &'a Stage,
    /// The release's namespace: also the name by which the audit log knows it.
    pub namespace: String,
    interactions: Interactions,
    /// Its own Slack: an app's clicks go to whichever of its sockets is next, so two agents cannot share one.
    pub slack: Slack,
}

impl<'a> Agent<'a> {
    /// Installs the chart into `namespace`, with rights in `scoped`; [`Agent::up`] waits for it.
    pub fn install(
        stage: &'a Stage,
        namespace: &str,
        scoped: &[String],
        interactions: Interactions,
    ) -> Result<Self> {
        let slack = Slack::start(&format!("{HOST_ADDRESS}:0"), &[])?;
        stage.api.apply(
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        )?;
        stage.api.apply(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "alerts", "namespace": namespace},
            "stringData": {
                "ALERTS_URL": stage.alerts.url, "SLACK_SIGNING_SECRET": SIGNING_SECRET,
                "SLACK_BOT_TOKEN": "xoxb-scenarios", "SLACK_APP_TOKEN": "xapp-scenarios",
            },
        }))?;
        let (repository, tag) = stage
            .image
            .reference
            .rsplit_once(':')
            .context("an image without a tag")?;
        let values = json!({
            "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
            "rbac": {"namespaces": scoped},
            "existingSecret": "alerts",
            "slack": {"apiUrl": slack.api(), "interactions": match interactions {
                Interactions::Socket => "socket",
                Interactions::Http => "http",
            }},
            "logLevel": "info,podmender=debug",
        });
        let file = stage.dir.join(format!("{namespace}.values.json"));
        write(&file, &values.to_string())?;
        let mut helm = stage.helm();
        helm.args(["upgrade", "--install", "podmender"])
            .arg(stage.charts.join("podmender"))
            .args(["--namespace", namespace, "--values"])
            .arg(file);
        exec::output(&mut helm)?;
        Ok(Self {
            stage,
            namespace: namespace.to_owned(),
            interactions,
            slack,
        })
    }

    /// Waits until it is Ready for the first time, and tells its Slack where it listens.
    pub fn up(&self) -> Result<()> {
        self.ready()?;
        if self.interactions == Interactions::Http {
            let pod = self.pod()?;
            let ip = pod.pointer("/status/podIP").and_then(Value::as_str);
            let app = App {
                base: format!("http://{}:{SLACK_PORT}", ip.context("no address")?),
                secret: SIGNING_SECRET.to_owned(),
            };
            self.slack.post_to(Some(app));
        }
        Ok(())
    }

    /// Waits until the agent's pod is Ready.
    pub fn ready(&self) -> Result<()> {
        wait::eventually("the agent is Ready", || {
            let pod = self.pod()?;
            let status = pod.pointer("/status/containerStatuses/0");
            let ready = status.and_then(|s| s.get("ready")).and_then(Value::as_bool);
            ensure!(ready == Some(true), "{}: {status:?}", self.namespace);
            Ok(())
        })
    }

    /// Waits until another process than the one that ended is Ready: for a while the pod's status still tells of that one.
    pub fn back_after(&self, ended: &Ended) -> Result<()> {
        wait::eventually("the agent is back", || {
            let container = container_of(&self.pod()?)?;
            ensure!(container != ended.0, "its container is still {container}");
            Ok(())
        })?;
        self.ready()
    }

    /// Its pod: the one that is not being deleted.
    pub fn pod(&self) -> Result<Value> {
        let first = self.pods()?.into_iter().next();
        first.with_context(|| format!("no agent in {}", self.namespace))
    }

    /// Its pods that are not being deleted: one, as long as nobody scales it.
    pub fn pods(&self) -> Result<Vec<Value>> {
        let path = api::path("v1", "Pod", Some(&self.namespace));
        let mut pods = self.stage.api.list(&format!(
            "{path}?labelSelector=app.kubernetes.io/component%3Dagent"
        ))?;
        pods.retain(|p| p.pointer("/metadata/deletionTimestamp").is_none());
        Ok(pods)
    }

    /// `helm upgrade` with what a person may have changed of the values, each as `--set` has it.
    pub fn upgrade(&self, values: &[&str]) -> Result<()> {
        let mut helm = self.stage.helm();
        helm.args(["upgrade", "podmender"])
            .arg(self.stage.charts.join("podmender"))
            .args(["--namespace", &self.namespace, "--reuse-values"]);
        for value in values {
            helm.args(["--set", value]);
        }
        exec::output(&mut helm).map(drop)
    }

    /// A second replica that stands by; waits until one of the two leads and both are Ready.
    pub fn add_standby(&self) -> Result<()> {
        // A scenario freezes one of them for longer than the lead lasts; the kubelet is not to end that.
        self.upgrade(&["replicaCount=2", "livenessProbe.failureThreshold=60"])?;
        wait::eventually("two replicas, one of which leads", || {
            self.leader()?;
            let path = api::path("apps/v1", "Deployment", Some(&self.namespace));
            let status = self.stage.api.get(&format!("{path}/podmender"))?;
            let status = status.get("status").context("no status")?;
            let count = |field: &str| status.get(field).and_then(Value::as_u64);
            let ready = (
                count("updatedReplicas"),
                count("readyReplicas"),
                count("replicas"),
            );
            ensure!(ready == (Some(2), Some(2), Some(2)), "{status}");
            Ok(())
        })
    }

    /// The pod of the replica that leads.
    pub fn leader(&self) -> Result<Value> {
        let path = api::path("coordination.k8s.io/v1", "Lease", Some(&self.namespace));
        let lease = self.stage.api.get(&format!("{path}/podmender"))?;
        let holder = lease
            .pointer("/spec/holderIdentity")
            .and_then(Value::as_str);
        let holder = holder.context("nobody leads")?;
        let path = api::path("v1", "Pod", Some(&self.namespace));
        self.stage.api.get(&format!("{path}/{holder}"))
    }

    /// Sends a signal to the one process of this pod of ours.
    pub fn signal(pod: &Value, signal: Signal) -> Result<()> {
        kill_process(Self::pid_of(pod)?, signal).context("cannot signal the agent")
    }

    /// The pid of a pod's process on this machine: the one process in the container's control group.
    fn pid_of(pod: &Value) -> Result<Pid> {
        let id = container_of(pod)?;
        let in_group = |pid: &i32| {
            fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|g| g.contains(&id))
        };
        let pids = fs::read_dir("/proc")?
            .flatten()
            .filter_map(|e| e.file_name().to_str()?.parse().ok());
        pids.filter(in_group)
            .find_map(Pid::from_raw)
            .context("the agent's process is gone")
    }

    /// Sends a signal to its process, and returns the process's container. Restarted a moment ago, its pod still names the
    /// container before, which has no process any more: then it is looked up again.
    fn signal_now(&self, signal: Signal) -> Result<String> {
        wait::eventually("the agent's process", || {
            let pod = self.pod()?;
            Self::signal(&pod, signal)?;
            container_of(&pod)
        })
    }

    /// SIGKILL: the process ends between two instructions, with nothing tidied up.
    pub fn kill(&self) -> Result<Ended> {
        self.signal_now(Signal::KILL).map(Ended)
    }

    /// SIGKILL, and waits until the next process is Ready.
    pub fn kill_and_wait(&self) -> Result<()> {
        self.back_after(&self.kill()?)
    }

    /// SIGTERM, as the kubelet sends it before it ends a pod; the kubelet starts the next process in the same pod.
    pub fn terminate(&self) -> Result<Ended> {
        self.signal_now(Signal::TERM).map(Ended)
    }

    /// How a process ended that was followed by another one in the same pod.
    pub fn exit_code_of(&self, ended: &Ended) -> Result<i64> {
        let pod = self.pod()?;
        let last = pod.pointer("/status/containerStatuses/0/lastState/terminated");
        let last = last.context("nothing has ended in its pod")?;
        let id = last.get("containerID").and_then(Value::as_str);
        ensure!(
            id.is_some_and(|id| id.ends_with(&ended.0)),
            "another one ended: {last}"
        );
        let code = last.get("exitCode").and_then(Value::as_i64);
        code.context("no exit code")
    }

    /// SIGSTOP: it lives and does nothing.
    pub fn freeze(&self) -> Result<()> {
        self.signal_now(Signal::STOP).map(drop)
    }

    /// Replaces its pod, as a node drain or an upgrade does.
    pub fn replace(&self) -> Result<()> {
        let pod = self.pod()?;
        let path = api::path_of(&with_kind(pod, "Pod")).context("a pod without a name")?;
        self.stage.api.delete(&path)?;
        self.ready()
    }

    /// The end of its log, and of the log of the process before it; of each of its pods.
    pub fn log(&self) -> String {
        let pods = self.pods().unwrap_or_default();
        let paths = pods
            .into_iter()
            .filter_map(|p| api::path_of(&with_kind(p, "Pod")));
        let read = |path: &str, query: &str| {
            self.stage
                .api
                .text(&format!("{path}/log?tailLines=2000{query}"))
                .unwrap_or_default()
        };
        paths
            .map(|path| read(&path, "&previous=true") + &read(&path, ""))
            .collect()
    }

    /// Where its policies live.
    pub fn policy_path(&self, name: &str) -> String {
        let folder = api::path(
            "podmender.io/v1alpha1",
            "AgentPolicy",
            Some(&self.namespace),
        );
        format!("{folder}/{name}")
    }
}

/// A process of an agent that was ended.
pub struct Ended(String);

/// The id of the container that a pod of ours runs or ran last.
fn container_of(pod: &Value) -> Result<String> {
    let id = pod.pointer("/status/containerStatuses/0/containerID");
    let id = id
        .and_then(Value::as_str)
        .and_then(|id| id.split("//").nth(1));
    id.map(str::to_owned)
        .context("the agent's container has no id yet")
}

/// Objects of a list come without apiVersion and kind.
pub fn with_kind(mut object: Value, kind: &str) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".to_owned(), json!("v1"));
        fields.insert("kind".to_owned(), json!(kind));
    }
    object
}

/// Where the charts are.
pub fn charts() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../charts"))
}
