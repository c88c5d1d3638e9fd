//! Running other programs: their output on success, their own words in the error otherwise.
use std::ffi::OsStr;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// A command found on the search path that also covers the system folders.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env("PATH", crate::env::search_path(&[]))
        .stdin(Stdio::null());
    command
}

/// Runs to the end and returns stdout; a failure carries the command line and what it wrote to stderr.
pub fn output(command: &mut Command) -> Result<String> {
    let line = describe(command);
    let out = command
        .output()
        .with_context(|| format!("cannot start `{line}`: is it installed?"))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        bail!("`{line}` failed ({}): {}", out.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// `output` of a program with plain arguments.
pub fn run(program: &str, args: &[&str]) -> Result<String> {
    output(command(program).args(args))
}

/// The command line as a person would type it.
pub fn describe(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}
