//! kubectl: the one on the search path, else one built from the pins.
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::state::State;
use super::tools;
use crate::{env, exec, ui};

/// Which kubectl to use.
pub fn program() -> Result<PathBuf> {
    match env::find_program("kubectl") {
        Some(found) => Ok(found),
        None => Ok(tools::KUBERNETES.ensure_only(&["kubectl"])?.join("kubectl")),
    }
}

/// kubectl as the local cluster's administrator.
pub fn command(state: &State) -> Result<Command> {
    let mut command = exec::command(program()?);
    command.arg("--kubeconfig").arg(state.kubeconfig());
    command.arg("--cache-dir").arg(state.kubectl_cache());
    Ok(command)
}

/// One kubectl command's output.
pub fn run(state: &State, args: &[&str]) -> Result<String> {
    exec::output(command(state)?.args(args))
}

/// Repeats a check until it holds.
pub fn until(what: &str, limit: Duration, mut check: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + limit;
    let _spinner = ui::spinner(what);
    loop {
        let last = check();
        if matches!(last, Ok(true)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let why = last.err().map_or_else(String::new, |e| format!(": {e:#}"));
            bail!("{what}: not after {} s{why}", limit.as_secs());
        }
        sleep(Duration::from_millis(100));
    }
}
