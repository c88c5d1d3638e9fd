//! Where the local cluster keeps its files, and the fixed facts about it.
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

/// The kubeconfig context of the local cluster.
pub const CONTEXT: &str = "podmender-local";
/// The only real node.
pub const NODE: &str = "node1";
/// The node's address on the pods' bridge: API server, DNS and metrics listen here.
pub const NODE_ADDRESS: &str = "10.88.0.1";
/// The machine's address as pods see it: a test that must be reached from a pod listens here.
pub const HOST_ADDRESS: &str = "10.89.0.1";
/// The image of test workloads: a shell, httpd, nc, wget.
pub const BUSYBOX_IMAGE: &str = "docker.io/local/busybox:1";

/// The state folder.
#[derive(Debug, Clone)]
pub struct State {
    /// Its path; short, because it holds a socket (the kernel allows 107 bytes).
    pub dir: PathBuf,
}

/// A program of the node as it was started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Component {
    /// The component's name, also the name of its log.
    pub name: String,
    /// The pid as the machine sees it.
    pub pid: u32,
    /// The kernel's start time of that pid: together they never name another process.
    pub started: u64,
}

impl State {
    /// The folder that the environment names.
    pub fn from_env() -> Result<Self> {
        Self::at(crate::env::state_dir()?)
    }

    /// A folder of the caller's choice.
    pub fn at(dir: PathBuf) -> Result<Self> {
        let hidden = ["/run", "/var/run", "/var/lib", "/var/log", "/proc", "/sys"];
        ensure!(
            !hidden.iter().any(|h| dir.starts_with(h)),
            "the state folder {} is under a folder that the node replaces with its own: set PODMENDER_STATE to another",
            dir.display()
        );
        ensure!(
            dir.as_os_str().len() <= 80,
            "the path {} is too long for a socket in it: set PODMENDER_STATE to a shorter one",
            dir.display()
        );
        Ok(Self { dir })
    }

    /// The lock; it outlives every clean-up.
    pub fn lock_file(&self) -> PathBuf {
        self.dir.join("lock")
    }
    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }
    /// What kubectl remembers of this cluster's kinds. Its usual folder goes by address only: there it would take the kinds of
    /// an earlier cluster for this one's, and `delete incidents --all` then deletes nothing and succeeds.
    pub fn kubectl_cache(&self) -> PathBuf {
        self.dir.join("kubectl-cache")
    }
    /// The kubeconfig of user `peer`, whose every request is in the audit log.
    pub fn peer_kubeconfig(&self) -> PathBuf {
        self.dir.join("peer.kubeconfig")
    }
    /// Who did what: one JSON object per line.
    pub fn audit_log(&self) -> PathBuf {
        self.logs().join("audit.log")
    }
    /// One log per component.
    pub fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }
    /// Generated configuration.
    pub fn conf(&self) -> PathBuf {
        self.dir.join("conf")
    }
    /// Keys and certificates.
    pub fn pki(&self) -> PathBuf {
        self.dir.join("pki")
    }
    /// Where the node's first process takes orders.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("node.sock")
    }
    /// What stands in for a system folder inside the node.
    pub fn node_root(&self, part: &str) -> PathBuf {
        self.dir.join("root").join(part)
    }
    /// Settings of the machine before the first start.
    pub fn before(&self) -> PathBuf {
        self.dir.join("before.json")
    }
    fn record(&self) -> PathBuf {
        self.dir.join("components.json")
    }

    /// Makes the folders of a fresh cluster.
    pub fn prepare(&self) -> Result<()> {
        for dir in [
            self.logs(),
            self.conf(),
            self.pki(),
            self.node_root("lib"),
            self.node_root("log"),
        ] {
            fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        Ok(())
    }

    /// Removes everything but the lock.
    pub fn wipe(&self) -> Result<()> {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return Ok(());
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if path == self.lock_file() {
                continue;
            }
            let result = if entry.file_type().is_ok_and(|t| t.is_dir()) {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            result.with_context(|| format!("cannot remove {}", path.display()))?;
        }
        Ok(())
    }

    /// The components that were started, oldest first.
    pub fn components(&self) -> Vec<Component> {
        fs::read(self.record())
            .ok()
            .and_then(|b| serde_json::from_slice(&b).ok())
            .unwrap_or_default()
    }

    /// Adds one to the record.
    pub fn record_component(&self, component: Component) -> Result<()> {
        let mut all = self.components();
        all.retain(|c| c.name != component.name);
        all.push(component);
        write(&self.record(), &serde_json::to_string_pretty(&all)?)
    }
}

/// Writes a file whole or not at all, readable by the owner only (most of these hold keys or tokens).
pub fn write(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let tmp = path.with_extension("new");
    fs::write(&tmp, text)
        .and_then(|()| fs::set_permissions(&tmp, fs::Permissions::from_mode(0o600)))
        .and_then(|()| fs::rename(&tmp, path))
        .with_context(|| format!("cannot write {}", path.display()))
}
