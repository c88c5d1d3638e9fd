//! What `podmender run` takes: where the agent works, what it serves and where its Secrets are.

use super::{Scope, SlackArgs};
use clap::Args as ClapArgs;
use std::{net::SocketAddr, path::PathBuf};

/// Where Secrets are mounted unless something else is said.
pub const SECRETS_DIR: &str = "/etc/podmender/secrets";

/// `podmender run`.
#[derive(Clone, Debug, ClapArgs)]
pub struct RunArgs {
    /// The agent's own pod, for the Events that it writes
    #[arg(
        long,
        env = "POD_NAME",
        default_value = "podmender",
        value_name = "NAME"
    )]
    pub pod_name: String,
    /// Where it works, and where it lives.
    #[command(flatten)]
    pub scope: Scope,
    /// Address for /metrics, /livez and /readyz; `none` serves nothing
    #[arg(long, env = "PODMENDER_BIND", default_value = "127.0.0.1:8080", value_parser = parse_bind, value_name = "ADDRESS")]
    pub bind: Bind,
    /// Folder in which the Secrets that `${NAME}` means are mounted, one file each
    #[arg(long, env = "PODMENDER_SECRETS_DIR", default_value = SECRETS_DIR, value_name = "DIR")]
    pub secrets_dir: PathBuf,
    /// How people's answers come in.
    #[command(flatten)]
    pub slack: SlackArgs,
}

/// Where to listen. (A type of its own: clap takes an `Option` field for an optional flag.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind(pub Option<SocketAddr>);

fn parse_bind(raw: &str) -> Result<Bind, String> {
    match raw.trim() {
        "" | "none" => Ok(Bind(None)),
        raw => raw
            .parse()
            .map(|at| Bind(Some(at)))
            .map_err(|_| "expected ADDRESS:PORT, such as 0.0.0.0:8080, or `none`".to_owned()),
    }
}
