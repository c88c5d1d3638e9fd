//! The configuration files of the components, from templates in `scenarios/files`.
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::state::{State, write};

/// Objects that are applied once the API server answers.
pub const MANIFESTS: &str = include_str!("../../files/manifests.yaml");

/// Writes them all. `cni_bin` holds the network plugins.
pub fn write_all(state: &State, cni_bin: &Path) -> Result<()> {
    let conf = state.conf();
    let cni = conf.join("cni");
    fs::create_dir_all(&cni)?;
    let containerd = include_str!("../../files/containerd.toml")
        .replace("@CNI_BIN@", &cni_bin.display().to_string())
        .replace("@CNI_CONF@", &cni.display().to_string());
    let kubeconfig = conf.join("coredns.kubeconfig").display().to_string();
    write(&conf.join("containerd.toml"), &containerd)?;
    write(
        &cni.join("10-pods.conflist"),
        include_str!("../../files/pods.conflist"),
    )?;
    write(
        &conf.join("audit.yaml"),
        include_str!("../../files/audit.yaml"),
    )?;
    write(
        &conf.join("kubelet.yaml"),
        include_str!("../../files/kubelet.yaml"),
    )?;
    write(
        &conf.join("Corefile"),
        &include_str!("../../files/Corefile").replace("@KUBECONFIG@", &kubeconfig),
    )?;
    write(&conf.join("manifests.yaml"), MANIFESTS)
}
