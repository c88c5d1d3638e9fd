//! The one place of this crate that reads the environment, so that every input is known.
#![expect(
    clippy::disallowed_methods,
    reason = "this file is where the scenarios crate reads its environment; each variable is a function here"
)]
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Set for a command that runs under `cluster run`: the pid that holds the cluster's lock for it.
pub const LOCK_HOLDER: &str = "PODMENDER_LOCK_HOLDER";
/// Carried by every process of the node, so that a clean-up finds them even when no record was written.
pub const NODE_MARKER: &str = "PODMENDER_NODE";

fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|v| !v.is_empty())
        .map(PathBuf::from)
}

/// `$XDG_CACHE_HOME/podmender`, else `~/.cache/podmender`.
pub fn cache_dir() -> Result<PathBuf> {
    let base = match path("XDG_CACHE_HOME") {
        Some(dir) => dir,
        None => path("HOME")
            .context("set HOME or XDG_CACHE_HOME: the tools need a cache folder")?
            .join(".cache"),
    };
    Ok(base.join("podmender"))
}

/// `$PODMENDER_STATE`, else `cluster` in the cache folder.
pub fn state_dir() -> Result<PathBuf> {
    match path("PODMENDER_STATE") {
        Some(dir) => {
            std::path::absolute(&dir).with_context(|| format!("PODMENDER_STATE={}", dir.display()))
        }
        None => Ok(cache_dir()?.join("cluster")),
    }
}

/// Extra compiler flags that the caller already uses.
pub fn rustflags() -> String {
    std::env::var("RUSTFLAGS").unwrap_or_default()
}

/// The cluster that `cluster run` chose for the command that it runs.
pub fn chosen_context() -> Result<String> {
    std::env::var("PODMENDER_CONTEXT")
        .context("run this under `cluster run`: it changes the cluster")
}

/// The pid of the `cluster run` that already holds the lock for us.
pub fn lock_holder() -> Option<u32> {
    std::env::var(LOCK_HOLDER).ok()?.parse().ok()
}

/// The search path with `first` before it and the folders of system programs (often missing for `sudo`-less shells) behind it.
pub fn search_path(first: &[&Path]) -> String {
    let mut parts: Vec<String> = first.iter().map(|p| p.display().to_string()).collect();
    parts.push(std::env::var("PATH").unwrap_or_default());
    parts.push("/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/go/bin".to_owned());
    parts.join(":")
}

/// The first file of this name on the search path.
pub fn find_program(name: &str) -> Option<PathBuf> {
    search_path(&[])
        .split(':')
        .filter(|d| !d.is_empty())
        .map(|d| Path::new(d).join(name))
        .find(|p| p.is_file())
}

/// Whether the user wants no colour (no-color.org).
pub fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
}

/// The user's home.
pub fn home() -> Option<PathBuf> {
    path("HOME")
}

/// `$PODMENDER_BENCH`: where the shared bench tools are.
pub fn bench_dir() -> Option<PathBuf> {
    path("PODMENDER_BENCH")
}
