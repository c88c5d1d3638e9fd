//! Where the agent works and where it lives: what several commands must be told in the same words.

use clap::Args as ClapArgs;

/// The namespaces of an agent.
#[derive(Clone, Debug, ClapArgs)]
pub struct Scope {
    /// Namespaces that the agent has rights in, joined by commas; policies can only scope these
    #[arg(
        long,
        env = "PODMENDER_NAMESPACES",
        value_delimiter = ',',
        value_name = "NAMESPACES"
    )]
    pub namespaces: Vec<String>,
    /// Where it lives.
    #[command(flatten)]
    pub own: Own,
}

/// Where the agent lives: its policies and its ledger are there.
#[derive(Clone, Debug, ClapArgs)]
pub struct Own {
    /// The agent's own namespace
    #[arg(
        id = "own_namespace",
        long = "own-namespace",
        env = "POD_NAMESPACE",
        default_value = "podmender",
        value_name = "NAMESPACE"
    )]
    pub namespace: String,
}

impl Scope {
    /// Empty entries come from `PODMENDER_NAMESPACES=""` and trailing commas: they mean nothing, never "all".
    pub(super) fn tidy(&mut self) {
        for entry in &mut self.namespaces {
            *entry = entry.trim().to_owned();
        }
        self.namespaces.retain(|entry| !entry.is_empty());
        self.namespaces.sort();
        self.namespaces.dedup();
    }
}
