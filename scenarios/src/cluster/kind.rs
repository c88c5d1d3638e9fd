//! A kind cluster where a Docker engine answers. Best effort: it has not been run by this project's CI, which has no Docker.
use std::path::Path;

use anyhow::{Context as _, Result};

use super::state::State;
use super::tools;
use crate::{exec, ui};

const NAME: &str = "podmender";
/// The context that kind gives it.
pub const CONTEXT: &str = "kind-podmender";

fn kind(args: &[&str]) -> Result<String> {
    let program = tools::CHART.ensure_only(&["kind"])?.join("kind");
    exec::output(exec::command(program).args(args))
}

/// Creates it unless it exists, and writes its kubeconfig to the state folder.
pub fn up(state: &State) -> Result<()> {
    let kubeconfig = state.kubeconfig().display().to_string();
    if kind(&["get", "clusters"])?.lines().any(|l| l == NAME) {
        return kind(&[
            "export",
            "kubeconfig",
            "--name",
            NAME,
            "--kubeconfig",
            &kubeconfig,
        ])
        .map(drop);
    }
    ui::say("creating a kind cluster in Docker (the local one: --context local)");
    kind(&[
        "create",
        "cluster",
        "--name",
        NAME,
        "--kubeconfig",
        &kubeconfig,
        "--wait",
        "120s",
    ])
    .map(drop)
    .context("kind failed; `--context local` needs no Docker")
}

/// Deletes it.
pub fn down() -> Result<()> {
    kind(&["delete", "cluster", "--name", NAME]).map(drop)
}

/// The machine's address as pods see it: the gateway of Docker's network.
pub fn host_address() -> Result<String> {
    let form = "{{range .IPAM.Config}}{{.Gateway}} {{end}}";
    let gateways = exec::run("docker", &["network", "inspect", "kind", "--format", form])?;
    let ipv4 = gateways.split_whitespace().find(|g| !g.contains(':'));
    Ok(ipv4
        .context("Docker's network `kind` has no IPv4 gateway")?
        .to_owned())
}

/// Gives it an image.
pub fn load(archive: &Path) -> Result<()> {
    kind(&[
        "load",
        "image-archive",
        &archive.display().to_string(),
        "--name",
        NAME,
    ])
    .map(drop)
}
