//! Bringing the local cluster up and down.
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::components::{Orders, Programs};
use super::state::{BUSYBOX_IMAGE, NODE, NODE_ADDRESS, State};
use super::{certs, cleanup, config, images, kubectl, network, node, packages, status, tools};
use crate::{exec, ui};

/// What to bring up beyond the usual.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Also start kwok for fake nodes.
    pub kwok: bool,
}

/// Builds what is missing of the tools that a running cluster needs.
pub fn programs() -> Result<Programs> {
    let mut kubernetes = vec![
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-proxy",
    ];
    // Now, and not while something waits for its first answer.
    if kubectl::found().is_none() {
        kubernetes.push("kubectl");
    }
    Ok(Programs {
        kubernetes: tools::KUBERNETES.ensure_only(&kubernetes)?,
        node: tools::NODE.ensure()?,
        addons: tools::ADDONS.ensure()?,
    })
}

/// Up and ready, whatever was there before: a healthy cluster is kept, remains of a broken one are removed first.
/// The caller holds the lock.
pub fn up(state: &State, options: Options) -> Result<()> {
    packages::ensure(packages::Purpose::Node)?;
    let programs = programs()?;
    let orders = Orders {
        state,
        programs: &programs,
    };
    let began = Instant::now();
    if status::healthy(state) && settle(state, Duration::from_secs(10)).is_ok() {
        ui::say("the local cluster is already up");
    } else {
        cleanup::clean(state).context("cannot remove the remains of an earlier cluster")?;
        network::ensure_free(state)?;
        fresh(state, &orders, &programs)
            .with_context(|| format!("logs: {}", state.logs().display()))?;
        ui::say(format!(
            "the local cluster is ready ({:.1} s)",
            began.elapsed().as_secs_f64()
        ));
    }
    if options.kwok && !status::running(state, "kwok") {
        node::spawn(state, &orders.kwok(&tools::ADDONS.dir()?.join("kwok"))?)?;
        ui::say("kwok looks after nodes annotated kwok.x-k8s.io/node=fake");
    }
    Ok(())
}

/// What a start may take where programs of a gigabyte come from a cold disk. Only a start that fails waits so long.
const COLD: Duration = Duration::from_secs(180);

fn fresh(state: &State, orders: &Orders<'_>, programs: &Programs) -> Result<()> {
    state.prepare()?;
    cleanup::remember(state)?;
    let archives = images::base_images()?;
    certs::generate(state)?;
    config::write_all(state, &programs.node)?;
    let init = node::start(state)?;
    network::connect(state, init)?;
    for order in [orders.etcd(), orders.apiserver(), orders.containerd()] {
        node::spawn(state, &order)?;
    }
    let ctr = programs.node.join("ctr");
    kubectl::until("containerd answers", COLD, || {
        let mut command = node::enter(state)?;
        exec::output(
            command
                .arg(&ctr)
                .args(["--connect-timeout", "1s", "version"]),
        )
        .map(|_| true)
    })?;
    images::import(state, &ctr, &archives)?;
    kubectl::until("the API server is ready", COLD, || {
        kubectl::run(state, &["get", "--raw", "/readyz"]).map(|_| true)
    })?;
    for order in [
        orders.controller_manager(),
        orders.kubelet(),
        orders.scheduler(),
        orders.proxy(),
        orders.coredns(),
        orders.metrics_server(),
    ] {
        node::spawn(state, &order)?;
    }
    settle(state, COLD)
}

/// Waits for everything that a first pod needs; also for a cluster whose start was cut off here.
fn settle(state: &State, limit: Duration) -> Result<()> {
    let manifests = state.conf().join("manifests.yaml").display().to_string();
    kubectl::until("the cluster's own objects exist", limit, || {
        kubectl::run(
            state,
            &[
                "apply",
                "--server-side",
                "--validate=false",
                "-f",
                &manifests,
            ],
        )
        .map(|_| true)
    })?;
    kubectl::until("the node is ready", limit, || {
        let path = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
        Ok(kubectl::run(state, &["get", "node", NODE, "-o", path])? == "True")
    })?;
    kubectl::until("the default service account exists", limit, || {
        kubectl::run(state, &["get", "serviceaccount", "default"]).map(|_| true)
    })?;
    kubectl::until("DNS answers", limit, || {
        exec::run(
            "busybox",
            &[
                "nslookup",
                "kubernetes.default.svc.cluster.local",
                NODE_ADDRESS,
            ],
        )
        .map(|_| true)
    })
}

/// Down, with nothing left behind. The caller holds the lock.
pub fn down(state: &State) -> Result<()> {
    let began = Instant::now();
    cleanup::clean(state)?;
    ui::say(format!(
        "the local cluster is down ({:.1} s)",
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// What a test needs to know about the cluster.
pub fn facts(state: &State) -> String {
    format!(
        "kubeconfig {}\nimage      {BUSYBOX_IMAGE} on node {NODE}\naudit log  {}",
        state.kubeconfig().display(),
        state.audit_log().display()
    )
}
