//! The commands and what each takes.

use super::{Own, RunArgs, SECRETS_DIR, Scope, SlackApi};
use clap::{Args as ClapArgs, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the agent (what the container does)
    Run(RunArgs),
    /// List, show or watch incidents
    #[command(visible_alias = "incident", after_help = INCIDENT_EXAMPLES)]
    Incidents {
        /// What to do (default: list)
        #[command(subcommand)]
        what: Option<IncidentsCommand>,
        /// Also those that are resolved
        #[arg(long)]
        all: bool,
    },
    /// Let the agent do what an incident asks for
    #[command(after_help = "Example:\n  podmender approve api-7c9f-1 -n shop")]
    Approve(AnswerArgs),
    /// Tell the agent not to do what an incident asks for
    #[command(after_help = "Example:\n  podmender deny api-7c9f-1 -n shop")]
    Deny(AnswerArgs),
    /// Put what an incident asks for off for an hour
    #[command(after_help = "Example:\n  podmender snooze api-7c9f-1 -n shop")]
    Snooze(AnswerArgs),
    /// Check policies before they are applied
    Policy {
        /// What to do
        #[command(subcommand)]
        what: PolicyCommand,
    },
    /// Check the record of what the agent did
    Audit {
        /// What to do
        #[command(subcommand)]
        what: AuditCommand,
    },
    /// Check cluster, CRDs, permissions, policies and alert addresses; says what to fix
    #[command(
        after_help = "Examples:\n  podmender doctor -n podmender --namespaces shop,billing\n  podmender doctor --send-test"
    )]
    Doctor(DoctorArgs),
    /// Print the CustomResourceDefinitions
    #[command(after_help = "Example:\n  podmender crd | kubectl apply --server-side -f -")]
    Crd,
    /// Print the Roles and RoleBindings that the agent needs
    #[command(
        after_help = "Example:\n  podmender rbac --namespaces shop,billing | kubectl apply -f -"
    )]
    Rbac(RbacArgs),
    /// Print a shell completion script
    #[command(after_help = "Example:\n  source <(podmender completion bash)")]
    Completion {
        /// For which shell
        shell: Shell,
    },
}

const INCIDENT_EXAMPLES: &str = "\
Examples:
  podmender incidents -n shop             what is failing in shop
  podmender incidents -A --all            everything, resolved ones too
  podmender incidents show api-7c9f-1     one incident in full
  podmender incidents show api-7c9f-1 --share   the same, fit to paste elsewhere
  podmender incidents watch -A            a line for every change, until Ctrl-C
  podmender incidents -A -o json | jq     for programs";

/// `podmender incidents ...`.
#[derive(Clone, Debug, Subcommand)]
pub enum IncidentsCommand {
    /// What is failing, one line each
    #[command(alias = "ls")]
    List {
        /// Also those that are resolved
        #[arg(long)]
        all: bool,
    },
    /// One incident in full: cause, evidence, what was tried, what is next
    #[command(alias = "get")]
    Show {
        /// The incident's name, as the list shows it
        id: String,
        /// Fit to paste elsewhere: without names of people, workload and namespace, and without addresses
        #[arg(long)]
        share: bool,
    },
    /// A line for every change, until Ctrl-C
    Watch {
        /// Only this incident
        id: Option<String>,
    },
}

/// `podmender approve|deny|snooze`.
#[derive(Clone, Debug, ClapArgs)]
pub struct AnswerArgs {
    /// The incident's name, as the alert and `podmender incidents` show it
    pub incident: String,
}

/// `podmender policy ...`.
#[derive(Clone, Debug, Subcommand)]
pub enum PolicyCommand {
    /// Check the AgentPolicies in a file; no cluster needed
    #[command(
        after_help = "Exit code 1 if anything is wrong.\n\nExample:\n  podmender policy check policy.yaml"
    )]
    Check {
        /// YAML or JSON, one document or several; `-` reads from stdin
        file: PathBuf,
    },
}

/// `podmender audit ...`.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Find any edited, dropped or reordered record; exit code 1 if there is one
    #[command(
        after_help = "Examples:\n  podmender audit verify -A\n  podmender audit verify --file audit.jsonl"
    )]
    Verify {
        /// Check records from a file (one JSON object a line) instead of those in the cluster; `-` reads from stdin
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Where the ledger is.
        #[command(flatten)]
        own: Own,
    },
}

/// `podmender doctor`.
#[derive(Clone, Debug, ClapArgs)]
pub struct DoctorArgs {
    /// Where it works, and where it lives.
    #[command(flatten)]
    pub scope: Scope,
    /// Folder in which the chart mounts the Secrets that `${NAME}` means
    #[arg(long, env = "PODMENDER_SECRETS_DIR", default_value = SECRETS_DIR, value_name = "DIR")]
    pub secrets_dir: PathBuf,
    /// Where Slack is.
    #[command(flatten)]
    pub slack: SlackApi,
    /// Also send a test message to every alert channel
    #[arg(long)]
    pub send_test: bool,
    /// Check the rights of the account that this runs as, in the pod (for `helm test`)
    #[arg(long)]
    pub in_cluster: bool,
    /// Service account whose rights are checked when not in the cluster
    #[arg(long, default_value = "podmender", value_name = "NAME")]
    pub service_account: String,
}

/// `podmender rbac`.
#[derive(Clone, Debug, ClapArgs)]
#[command(mut_arg("namespaces", |arg| arg.required(true)))]
pub struct RbacArgs {
    /// Where it works, and where it lives.
    #[command(flatten)]
    pub scope: Scope,
    /// The agent's service account
    #[arg(long, default_value = "podmender", value_name = "NAME")]
    pub service_account: String,
    /// Also the right to restart a whole rollout (patch on Deployments, StatefulSets, DaemonSets)
    #[arg(long)]
    pub rollout_restart: bool,
    /// Also the right to a Lease, for more than one replica (`podmender run --lease`)
    #[arg(long)]
    pub standby: bool,
}
