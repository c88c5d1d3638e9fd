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
    /// Lease in the agent's own namespace that one of several replicas holds, under its --pod-name; without it this process leads alone
    #[arg(long, env = "PODMENDER_LEASE", value_parser = parse_name, value_name = "NAME")]
    pub lease: Option<String>,
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

/// What Kubernetes takes as the name of an object.
fn parse_name(raw: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = (1..=63).contains(&raw.len())
        && raw.chars().all(plain)
        && !raw.starts_with('-')
        && !raw.ends_with('-');
    is_name.then(|| raw.to_owned()).ok_or_else(|| {
        "expected lower-case letters, digits and dashes, such as podmender".to_owned()
    })
}

fn parse_bind(raw: &str) -> Result<Bind, String> {
    match raw.trim() {
        "" | "none" => Ok(Bind(None)),
        raw => raw
            .parse()
            .map(|at| Bind(Some(at)))
            .map_err(|_| "expected ADDRESS:PORT, such as 0.0.0.0:8080, or `none`".to_owned()),
    }
}
