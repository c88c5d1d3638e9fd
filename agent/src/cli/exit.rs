//! Exit codes, and how an error is shown.

use crate::{cli::out, telemetry::Speaker};
use std::process::ExitCode;

/// Done, nothing wrong.
pub const OK: u8 = 0;
/// Done, and the answer is no, or something was found.
pub const FINDINGS: u8 = 1;
/// The command line is wrong (clap's own code).
pub const USAGE: u8 = 2;
/// The environment is in the way: no cluster, no permission, no file.
pub const ENVIRONMENT: u8 = 3;

/// Shows an error with its causes, and gives the exit code.
#[must_use]
pub fn report(speaker: Speaker, error: &anyhow::Error) -> ExitCode {
    match speaker {
        Speaker::Agent => tracing::error!(error = %format_args!("{error:#}"), "the agent stops"),
        Speaker::Command => {
            // Nothing is left to be done if stderr is gone too.
            let _ = out::stderr(|to| writeln!(to, "podmender: {error:#}"));
        }
    }
    ENVIRONMENT.into()
}
