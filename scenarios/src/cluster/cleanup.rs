//! Leaves nothing behind: processes, control groups, kernel settings, the cable, files. Safe to run at any time, any number of times.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::state::{State, write};
use super::{network, process};

/// Settings of the whole machine that a kubelet changes; those of the network belong to the node's own.
pub const KERNEL: [&str; 5] = [
    "vm/overcommit_memory",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
];

/// Notes the machine's settings, unless an earlier start that was never taken down already did.
pub fn remember(state: &State) -> Result<()> {
    if state.before().exists() {
        return Ok(());
    }
    let read = |name: &&str| {
        fs::read_to_string(Path::new("/proc/sys").join(name))
            .map(|v| v.trim().to_owned())
            .ok()
    };
    let settings: BTreeMap<&str, String> =
        KERNEL.iter().filter_map(|n| Some((*n, read(n)?))).collect();
    write(&state.before(), &serde_json::to_string_pretty(&settings)?)
}

/// Ends the node and takes everything back.
pub fn clean(state: &State) -> Result<()> {
    process::end_all(state)?;
    if !state.before().exists() {
        // Nothing was ever started from this folder: what there is belongs to somebody else.
        return state.wipe();
    }
    network::ensure_free(state)?;
    network::disconnect();
    for root in cgroup_roots() {
        remove_cgroup(&root.join("kubepods"))?;
    }
    if let Ok(text) = fs::read_to_string(state.before()) {
        let settings: BTreeMap<String, String> = serde_json::from_str(&text).unwrap_or_default();
        for (name, value) in settings {
            let path = Path::new("/proc/sys").join(&name);
            if fs::read_to_string(&path).is_ok_and(|now| now.trim() != value) {
                fs::write(&path, &value)
                    .with_context(|| format!("cannot set {name} back to {value}"))?;
            }
        }
    }
    state.wipe()
}

/// Where control groups are mounted: one place (v2) or one per controller (v1).
pub fn cgroup_roots() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let fields = mounts.lines().map(|l| l.split(' ').collect::<Vec<_>>());
    fields
        .filter(|f| f.len() > 2 && f[2].starts_with("cgroup"))
        .map(|f| PathBuf::from(f[1]))
        .collect()
}

/// Removes a group and those below it. The kernel lets go of a group a moment after its last process.
fn remove_cgroup(dir: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            remove_cgroup(&entry.path())?;
        }
    }
    for _ in 0..200 {
        match fs::remove_dir(dir) {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(_) => sleep(Duration::from_millis(20)),
        }
    }
    ensure!(
        !dir.exists(),
        "the control group {} does not empty: does another kubelet run here?",
        dir.display()
    );
    Ok(())
}
