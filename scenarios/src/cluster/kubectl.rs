//! kubectl: the one on the search path, else one built from the pins.
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::state::State;
use super::tools;
use crate::{env, exec, ui};

/// The one on the search path.
pub fn found() -> Option<PathBuf> {
    env::find_program("kubectl")
}

/// Which kubectl to use.
pub fn program() -> Result<PathBuf> {
    match found() {
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

/// One kubectl command on the cluster that `cluster run` chose, told `stdin`; without such a cluster nothing is touched, least of
/// all what kubectl happens to point at.
pub fn chosen(args: &[&str], stdin: &str) -> Result<Output> {
    let context = env::chosen_context()?;
    let mut child = exec::command(program()?)
        .args(["--context", &context])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start kubectl")?;
    let mut input = child.stdin.take().context("kubectl has no stdin")?;
    input.write_all(stdin.as_bytes())?;
    drop(input);
    Ok(child.wait_with_output()?)
}

/// The same, for what must succeed: gives its output.
pub fn must(args: &[&str], stdin: &str) -> Result<String> {
    let out = chosen(args, stdin)?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "kubectl {args:?}: {said}");
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
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
