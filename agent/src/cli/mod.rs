//! The commands that people type. Results go to stdout, everything else to stderr.

pub mod crd;
pub mod exit;
pub mod out;

use crate::args::{self, Command, Global};
use clap_complete::generate;

/// Runs one command and gives the exit code.
///
/// # Errors
/// If the environment does not allow it (no cluster, no permission); an answer that is merely "no" is an exit code.
pub async fn run(_global: Global, command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Completion { shell } => {
            let mut script = Vec::new();
            generate(shell, &mut args::command(None), "podmender", &mut script);
            out::stdout(|to| to.write_all(&script))?;
            Ok(exit::OK)
        }
        Command::Crd => {
            let yaml = crd::render()?;
            out::stdout(|to| to.write_all(yaml.as_bytes()))?;
            Ok(exit::OK)
        }
        _ => anyhow::bail!("this command is not built yet"),
    }
}
