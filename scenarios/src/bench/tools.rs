//! The shared bench tools: found where the environment says or beside the repository, and run as they are.
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::{env, exec, ui};

/// What is used of them.
const FILES: [&str; 7] = [
    "kapi.py",
    "kwokload.py",
    "storm.py",
    "stormcount.py",
    "faults.py",
    "latency.py",
    "measure.py",
];

/// The folder of the tools.
pub(super) struct Tools(PathBuf);

/// The tools; without them it is said what is missing, and the rest is left out.
pub(super) fn find_or_say() -> Option<Tools> {
    match Tools::find() {
        Ok(tools) => Some(tools),
        Err(missing) => {
            ui::say(format!("only plan was measured: {missing:#}"));
            None
        }
    }
}

impl Tools {
    /// Finds them, or says exactly what is missing.
    fn find() -> Result<Self> {
        if env::find_program("python3").is_none() {
            bail!("python3 is missing: the bench tools need it (Debian: apt-get install python3)");
        }
        let dir = env::bench_dir().unwrap_or_else(|| {
            PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/bench"))
        });
        let dir = dir.canonicalize().unwrap_or(dir);
        let missing: Vec<&str> = FILES
            .into_iter()
            .filter(|f| !dir.join(f).is_file())
            .collect();
        if !missing.is_empty() {
            bail!(
                "the bench tools {} are missing in {}: set PODMENDER_BENCH to their folder",
                missing.join(", "),
                dir.display()
            );
        }
        Ok(Self(dir))
    }

    /// A tool with its arguments, as the cluster's administrator.
    pub(super) fn command(&self, kubeconfig: &Path, tool: &str, args: &[&str]) -> Command {
        let mut command = exec::command("python3");
        command
            .arg("-B")
            .arg(self.0.join(tool))
            .args(args)
            .env("KUBECONFIG", kubeconfig);
        command
    }

    /// Runs a tool to its end.
    pub(super) fn run(&self, kubeconfig: &Path, tool: &str, args: &[&str]) -> Result<String> {
        exec::output(&mut self.command(kubeconfig, tool, args))
    }

    /// Starts a tool that runs until it is dropped.
    pub(super) fn start(&self, kubeconfig: &Path, tool: &str, args: &[&str]) -> Result<Running> {
        let mut command = self.command(kubeconfig, tool, args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command
            .spawn()
            .with_context(|| format!("cannot start `{}`", exec::describe(&command)))?;
        Ok(Running(child))
    }
}

/// A tool at work; it ends with this value.
pub(super) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
