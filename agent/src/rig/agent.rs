//! An agent that runs, and the namespace that it is for.

use super::{Ask, pods, server::Server};
use crate::{
    args::{Args, Command, RunArgs, command},
    context::Context,
    health::Health,
    run::run_until,
};
use clap::FromArgMatches;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

pub(crate) const PODS: &str = "api/v1/namespaces/shop/pods";
const SETS: &str = "apis/apps/v1/namespaces/shop/replicasets";
const DEPLOYMENTS: &str = "apis/apps/v1/namespaces/shop/deployments";
pub(crate) const POLICIES: &str = "apis/podmender.io/v1alpha1/namespaces/podmender/agentpolicies";

/// A cluster with the namespace `shop`, and a policy that lets the agent act there.
#[derive(Clone)]
pub(crate) struct Shop(pub(crate) Server);

impl Shop {
    pub(crate) fn new() -> Self {
        Self::at("2026-11-21T12:00:00Z".parse().expect("a time"))
    }

    /// Where it is `now`.
    pub(crate) fn at(now: Timestamp) -> Self {
        let server = Server::new(now);
        for name in ["shop", "bank", "podmender"] {
            let namespace =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            server.put("api/v1/namespaces", namespace);
        }
        let shop = Self(server);
        shop.policy(json!({}));
        shop
    }

    /// Writes the policy; `fields` are merged into its spec.
    pub(crate) fn policy(&self, fields: Value) {
        let mut spec = json!({
            "scope": {"namespaces": ["shop"]},
            "capabilities": [{"name": "autoRestart", "enabled": true, "config": {"maxRestarts": 3, "window": "1h", "cooldownPeriod": "60s", "minOccurrences": 2}}],
            "autonomy": {"level": "autonomous"},
        });
        json_patch::merge(&mut spec, &fields);
        let policy = json!({"apiVersion": "podmender.io/v1alpha1", "kind": "AgentPolicy", "metadata": {"name": "shop", "namespace": "podmender"}, "spec": spec});
        self.0.put(POLICIES, policy);
    }

    /// A Deployment with healthy pods, numbered from 0.
    pub(crate) fn deploy(&self, name: &str, replicas: u32) {
        let now = self.0.now();
        self.0
            .put(DEPLOYMENTS, pods::deployment(name, replicas, now));
        self.0.put(SETS, pods::replica_set(name, replicas, now));
        for nth in 0..replicas {
            self.0.put(PODS, pods::healthy(name, nth.into(), now));
        }
    }

    pub(crate) fn pod(&self, name: &str) -> Option<Value> {
        let pods = self.0.all("pods");
        pods.into_iter().find(|p| p["metadata"]["name"] == name)
    }

    /// Changes a pod.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(Value, Timestamp) -> Value) {
        let pod = self.pod(name).expect("a pod");
        self.0.put(PODS, change(pod, self.0.now()));
    }

    /// What the controller makes of a restarted rollout: new pods, and a status that has caught up.
    pub(crate) fn roll_out(&self, name: &str) {
        let mut deployments = self.0.all("deployments");
        deployments.retain(|d| d["metadata"]["name"] == name);
        let mut deployment = deployments.remove(0);
        deployment["status"]["observedGeneration"] = deployment["metadata"]["generation"].clone();
        self.0.put(DEPLOYMENTS, deployment);
        for (nth, old) in (100..).zip(self.0.all("pods")) {
            if old["metadata"]["labels"]["app"] == name {
                let old = old["metadata"]["name"].as_str().unwrap_or_default();
                self.0.remove(PODS, old);
                self.0.put(PODS, pods::fresh(name, nth, self.0.now()));
            }
        }
    }

    /// Lets the first pod of a Deployment crash in a loop.
    pub(crate) fn crash(&self, name: &str) {
        self.change(&format!("{name}-1-0"), pods::crashing);
    }

    pub(crate) fn acts(&self) -> Vec<Ask> {
        self.0.acts()
    }

    /// The incidents that are stored.
    pub(crate) fn incidents(&self) -> Vec<Value> {
        self.0.all("incidents")
    }

    /// The one incident's phase; empty, if there is none.
    pub(crate) fn phase(&self) -> String {
        let all = self.incidents();
        let phase = all.first().map(|i| i["status"]["phase"].clone());
        phase
            .as_ref()
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// How the attempts of all incidents ended.
    pub(crate) fn outcomes(&self) -> Vec<Value> {
        let attempts = self.incidents().into_iter().flat_map(|i| {
            let attempts = i["status"]["attempts"].as_array().cloned();
            attempts.unwrap_or_default()
        });
        attempts.map(|a| a["outcome"].clone()).collect()
    }

    /// What the ledger has spent.
    pub(crate) fn spent(&self) -> usize {
        let ledgers = self.0.all("ledgers");
        let spent = ledgers.first().and_then(|l| l["spec"]["spent"].as_array());
        spent.map_or(0, Vec::len)
    }
}

/// An agent for the shop.
pub(crate) struct Agent {
    stop: CancellationToken,
    dead: CancellationToken,
    health: Arc<Health>,
    running: JoinHandle<anyhow::Result<u8>>,
}

impl Agent {
    pub(crate) fn start(shop: &Shop) -> Self {
        Self::with(shop, "podmender run --namespaces shop")
    }

    /// With a command line of its own.
    #[expect(clippy::disallowed_methods, reason = "its end is looked at")]
    pub(crate) fn with(shop: &Shop, line: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (stop, health) = (CancellationToken::new(), Arc::<Health>::default());
        let dead = CancellationToken::new();
        let clients = (shop.0.client(&dead), shop.0.client(&dead));
        let running = run_until(stop.clone(), clients, Arc::clone(&health), args(line));
        Self {
            stop,
            dead,
            health,
            running: tokio::spawn(running),
        }
    }

    /// Stops it as SIGTERM does; gives its exit code.
    pub(crate) async fn stop(self) -> anyhow::Result<u8> {
        self.stop.cancel();
        timeout(Duration::from_secs(60), self.running).await??
    }

    /// Stops it as SIGTERM does, and holds that it ends well.
    pub(crate) async fn ends_well(self) {
        assert_eq!(self.stop().await.expect("ends well"), 0);
    }

    /// Ends it as SIGKILL does.
    pub(crate) async fn kill(self) {
        self.dead.cancel();
        self.running.abort();
        let _ = self.running.await;
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(self) -> anyhow::Result<u8> {
        timeout(Duration::from_secs(600), self.running).await??
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.running.is_finished()
    }

    /// What it still lacks to be Ready.
    pub(crate) fn missing(&self) -> Vec<String> {
        self.health.readiness().missing
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.missing().is_empty()
    }

    pub(crate) fn context(&self) -> Arc<Context> {
        self.health.context().expect("it has started")
    }
}

fn args(line: &str) -> RunArgs {
    let bind = if line.contains("--bind") {
        ""
    } else {
        "--bind none"
    };
    let line = format!("{line} {bind} --slack-interactions off");
    let matches = command(None).try_get_matches_from(line.split_whitespace());
    let mut args = Args::from_arg_matches(&matches.expect("arguments")).expect("arguments");
    let Command::Run(run) = &mut args.command else {
        panic!("{line}")
    };
    run.secrets_dir = Path::new("/nonexistent").to_owned();
    run.clone()
}

/// Waits, in virtual time, until `holds`; panics after half an hour of it.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..18_000 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("never: {what}");
}

/// Lets so many seconds pass.
pub(crate) async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}
