//! The chosen cluster behind one face: up, down, load an image, and what a command needs to use it.
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::choose::{self, Target};
use super::lock::ClusterLock;
use super::state::{self, State};
use super::up::{self, Options};
use super::{images, kind, kubectl, tools};
use crate::{exec, ui};

/// A cluster that nobody else uses while this value lives.
#[derive(Debug)]
pub struct Session {
    /// Which one.
    pub target: Target,
    /// Where its files are.
    pub state: State,
    lock: ClusterLock,
}

impl Session {
    /// Chooses, then waits for its turn.
    pub fn open(context: Option<&str>) -> Result<Self> {
        let state = State::from_env()?;
        let target = choose::choose(context, choose::docker_answers);
        let lock = ClusterLock::acquire(&state)?;
        Ok(Self {
            target,
            state,
            lock,
        })
    }

    /// Brings it up; a cluster of somebody else must answer, and is otherwise left alone.
    pub fn up(&self, options: Options) -> Result<()> {
        match &self.target {
            Target::Local => up::up(&self.state, options),
            Target::Kind => kind::up(&self.state),
            Target::Context(_) => answers(&self.target, &self.state),
        }
    }

    /// Takes it down.
    pub fn down(&self) -> Result<()> {
        match &self.target {
            Target::Local => up::down(&self.state),
            Target::Kind => kind::down(),
            Target::Context(name) => {
                ui::say(format!("context {name} is not ours: left as it is"));
                Ok(())
            }
        }
    }

    /// Makes an image known to the node.
    pub fn load(&self, archive: &Path) -> Result<()> {
        match &self.target {
            Target::Local => images::import(
                &self.state,
                &tools::NODE.ensure()?.join("ctr"),
                &[archive.to_path_buf()],
            ),
            Target::Kind => kind::load(archive),
            Target::Context(name) => {
                bail!("push the image to a registry that {name} can reach: it takes no archive")
            }
        }
    }

    /// The context's name.
    pub fn context(&self) -> &str {
        match &self.target {
            Target::Local => state::CONTEXT,
            Target::Kind => kind::CONTEXT,
            Target::Context(name) => name,
        }
    }

    /// Sets what a command needs to use this cluster under our lock.
    pub fn share(&self, command: &mut Command) {
        if !matches!(self.target, Target::Context(_)) {
            command.env("KUBECONFIG", self.state.kubeconfig());
            command.env("KUBECACHEDIR", self.state.kubectl_cache());
        }
        command.env("PODMENDER_CONTEXT", self.context());
        self.lock.share(command);
    }
}

/// Fails with kubectl's own words when the cluster is not ready.
pub fn answers(target: &Target, state: &State) -> Result<()> {
    let mut check = match target {
        Target::Context(name) => {
            let mut check = exec::command(kubectl::program()?);
            check.args(["--context", name]);
            check
        }
        Target::Kind | Target::Local => kubectl::command(state)?,
    };
    exec::output(check.args(["get", "--raw", "/readyz", "--request-timeout=10s"])).map(drop)
}
