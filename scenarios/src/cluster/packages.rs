//! What the node and the image need from the operating system: installed on Debian and Ubuntu, named exactly elsewhere.
use anyhow::{Result, bail};

use crate::{env, exec, ui};

/// Program or file, Debian package, and what it is for.
const NEEDED: [(&str, &str, &str); 8] = [
    ("runc", "runc", "runs containers"),
    ("iptables", "iptables", "Services"),
    ("conntrack", "conntrack", "Services"),
    ("ip", "iproute2", "the pods' network"),
    ("buildah", "buildah", "builds images"),
    ("busybox", "busybox-static", "the image of test workloads"),
    (
        "unshare",
        "util-linux",
        "keeps the node in namespaces of its own",
    ),
    (
        "/etc/ssl/certs/ca-certificates.crt",
        "ca-certificates",
        "the agent image's list of authorities",
    ),
];

/// What is about to be done with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Run the local node: all of them, as root.
    Node,
    /// Pack the agent's image: needs no root where they are there already.
    Image,
}

impl Purpose {
    fn needs(self, package: &str) -> bool {
        match self {
            Self::Node => true,
            Self::Image => matches!(package, "buildah" | "ca-certificates"),
        }
    }
}

/// Installs what is missing, or says what to install.
pub fn ensure(purpose: Purpose) -> Result<()> {
    let root = rustix::process::geteuid().is_root();
    if purpose == Purpose::Node && !root {
        bail!(
            "the local cluster runs real containers and needs root: run it with sudo -E, or use --context / kind"
        );
    }
    let there =
        |what: &str| std::path::Path::new(what).is_file() || env::find_program(what).is_some();
    let missing: Vec<_> = NEEDED
        .into_iter()
        .filter(|(what, package, _)| purpose.needs(package) && !there(what))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package, _)| *package).collect();
    if !root || env::find_program("apt-get").is_none() {
        let list: Vec<String> = missing
            .iter()
            .map(|(what, _, why)| format!("{what} ({why})"))
            .collect();
        bail!(
            "install these with your package manager, then run again: {}",
            list.join(", ")
        );
    }
    ui::say(format!(
        "installing from the distribution: {}",
        packages.join(" ")
    ));
    let install = || {
        let mut command = exec::command("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args([
            "install",
            "-y",
            "--no-install-recommends",
        ]);
        exec::output(command.args(&packages))
    };
    if install().is_err() {
        exec::run("apt-get", &["update"])?;
        install()?;
    }
    Ok(())
}
