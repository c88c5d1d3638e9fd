//! The commands that people type. Results go to stdout, everything else to stderr.

pub mod answer;
pub mod audit;
pub mod connect;
pub mod crd;
pub mod doctor;
pub mod exit;
pub mod incidents;
pub mod out;
pub mod policy;
pub mod rbac;
pub mod share;
pub mod show;
pub mod table;
pub mod watch;

use crate::args::{self, Command, Global, PolicyCommand};
use clap_complete::generate;
use jiff::Timestamp;
use podmender_policy::approval::Answer;

/// Runs one command and gives the exit code.
///
/// # Errors
/// If the environment does not allow it (no cluster, no permission); an answer that is merely "no" is an exit code.
pub async fn run(global: Global, command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Incidents { what, all } => incidents::run(&global, what, all).await,
        Command::Approve(args) => answer::run(&global, &args, Answer::Approve).await,
        Command::Deny(args) => answer::run(&global, &args, Answer::Deny).await,
        Command::Snooze(args) => answer::run(&global, &args, Answer::Snooze).await,
        Command::Completion { shell } => {
            let mut script = Vec::new();
            generate(shell, &mut args::command(None), "podmender", &mut script);
            print(&script)
        }
        Command::Policy {
            what: PolicyCommand::Check { file },
        } => policy::check(&file),
        Command::Crd => print(crd::render()?.as_bytes()),
        Command::Rbac(args) => print(rbac::render(&args)?.as_bytes()),
        Command::Audit { what } => audit::run(&global, what).await,
        Command::Doctor(args) => doctor::run(&global, &args).await,
        // The agent itself is started by `main`, with its own log and signals.
        Command::Run(_) => anyhow::bail!("`run` is no command of the terminal"),
    }
}

fn print(text: &[u8]) -> anyhow::Result<u8> {
    out::stdout(|to| to.write_all(text))?;
    Ok(exit::OK)
}

/// The time, for ages on a screen.
#[expect(
    clippy::disallowed_methods,
    reason = "shown to a person, and an early word on an expired question; the agent judges by the API server's clock"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
