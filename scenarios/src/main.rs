//! `scenarios`: the local cluster and the agent's image, for people and for CI.
#![expect(clippy::print_stdout, reason = "a command's result belongs on stdout")]
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use scenarios::cluster::lock::ClusterLock;
use scenarios::cluster::state::State;
use scenarios::cluster::{node, status, tools, up};
use scenarios::exec;

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A real one-node Kubernetes cluster on this machine, without Docker
    #[command(subcommand)]
    Cluster(Cluster),
    /// Build the pinned Go tools and print where they are
    Tools {
        /// Only this set: kubernetes, node, addons or chart
        set: Option<String>,
    },
}

#[derive(Subcommand)]
enum Cluster {
    /// Bring it up (a healthy one is kept)
    Up {
        /// Also start kwok for fake nodes
        #[arg(long)]
        kwok: bool,
    },
    /// Take it down and leave nothing behind
    Down,
    /// Show the components; exit 0 when healthy, 3 when not
    Status,
    /// Bring it up and run a command with it, while nobody else can touch it
    Run {
        /// Also start kwok for fake nodes
        #[arg(long)]
        kwok: bool,
        /// Take the cluster down afterwards
        #[arg(long)]
        down: bool,
        /// The command
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// The node's first process
    #[command(hide = true)]
    Node,
}

fn main() -> Result<ExitCode> {
    match Cli::parse().command {
        Command::Cluster(command) => cluster(command),
        Command::Tools { set } => {
            for known in tools::ALL {
                if set.as_deref().is_none_or(|s| s == known.name) {
                    println!("{}", known.ensure()?.display());
                }
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn cluster(command: Cluster) -> Result<ExitCode> {
    let state = State::from_env()?;
    match command {
        Cluster::Node => node::run(&state)?,
        Cluster::Up { kwok } => {
            let _lock = ClusterLock::acquire(&state)?;
            up::up(&state, up::Options { kwok })?;
            println!("{}", up::facts(&state));
        }
        Cluster::Down => {
            let _lock = ClusterLock::acquire(&state)?;
            up::down(&state)?;
        }
        Cluster::Status => {
            println!("{}\n{}", status::table(&state), up::facts(&state));
            if !status::healthy(&state) {
                return Ok(ExitCode::from(3));
            }
        }
        Cluster::Run {
            kwok,
            down,
            command,
        } => {
            let lock = ClusterLock::acquire(&state)?;
            up::up(&state, up::Options { kwok })?;
            let (program, args) = command.split_first().context("name a command")?;
            let mut child = std::process::Command::new(program);
            child.args(args).env("KUBECONFIG", state.kubeconfig());
            child.env("PODMENDER_CONTEXT", scenarios::cluster::state::CONTEXT);
            lock.share(&mut child);
            let code = child
                .status()
                .with_context(|| format!("cannot start `{}`", exec::describe(&child)))?;
            if down {
                up::down(&state)?;
            }
            return Ok(code
                .code()
                .and_then(|c| u8::try_from(c).ok())
                .map_or(ExitCode::FAILURE, ExitCode::from));
        }
    }
    Ok(ExitCode::SUCCESS)
}
