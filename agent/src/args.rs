//! Command line and environment: the only place that reads either, so that `--help` shows every input.

use clap::{Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

/// Everything that the program was told.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "podmender",
    version,
    about = "Mends failing workloads in Kubernetes namespaces, within the bounds of a policy",
    long_about = "Podmender watches the namespaces that it was given, names what fails and why, mends it within the bounds \
                  of an AgentPolicy or asks a person, and checks that the mend helped.\n\n\
                  Most commands only read the incidents that the agent writes: they need no agent, just your own access.",
    after_help = EXAMPLES,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Args {
    /// Which cluster, namespace and output.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Woken up? Start here:
  podmender incidents -A                  what is failing, and what is being done about it
  podmender incidents show ID -n shop     one incident: cause, evidence, what was tried, what is next
  podmender approve ID -n shop            let the agent do what it asks for
  podmender doctor                        is the agent itself set up well?";

/// Options that every command takes, as kubectl has them.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Global {
    /// Namespace to look in (default: that of the kubeconfig's context)
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Look in all namespaces
    #[arg(short = 'A', long, global = true, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Context of the kubeconfig (default: its current one)
    #[arg(long, global = true, env = "PODMENDER_CONTEXT", value_name = "NAME")]
    pub context: Option<String>,
    /// Path of the kubeconfig, or several joined by `:` (default: ~/.kube/config, then the pod's own account)
    #[arg(
        long,
        global = true,
        env = "KUBECONFIG",
        value_name = "FILE",
        hide_env_values = true
    )]
    pub kubeconfig: Option<OsString>,
    /// How to print
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub output: Output,
    /// Any value switches colour off
    #[arg(
        long = "no-color",
        global = true,
        env = "NO_COLOR",
        hide = true,
        value_name = "ANY",
        num_args = 0..=1,
        default_missing_value = "1"
    )]
    pub no_color: Option<String>,
    /// What to log, as `RUST_LOG` has it: `info`, `podmender=debug,kube_runtime=warn`
    #[arg(long = "log", global = true, env = "RUST_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// How to log
    #[arg(
        long,
        global = true,
        env = "PODMENDER_LOG_FORMAT",
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
}

/// How a command prints its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Columns for people
    #[default]
    Table,
    /// Columns for people, more of them
    Wide,
    /// One JSON document
    Json,
    /// One YAML document
    Yaml,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise
    #[default]
    Auto,
    /// One JSON object a line
    Json,
    /// One line of text a record
    Text,
}

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
    },
    /// A line for every change, until Ctrl-C
    Watch {
        /// Only this incident
        id: Option<String>,
    },
}

/// `podmender approve|deny`.
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
        /// The agent's own namespace, where the ledger is
        #[arg(
            long,
            env = "POD_NAMESPACE",
            default_value = "podmender",
            value_name = "NAMESPACE"
        )]
        own_namespace: String,
    },
}

/// `podmender doctor`.
#[derive(Clone, Debug, ClapArgs)]
pub struct DoctorArgs {
    /// Namespaces that the agent is to work in, joined by commas (default: those that the policies name)
    #[arg(
        long,
        env = "PODMENDER_NAMESPACES",
        value_delimiter = ',',
        value_name = "NAMESPACES"
    )]
    pub namespaces: Vec<String>,
    /// The agent's own namespace
    #[arg(
        long,
        env = "POD_NAMESPACE",
        default_value = "podmender",
        value_name = "NAMESPACE"
    )]
    pub own_namespace: String,
    /// Folder in which the chart mounts the Secrets that `${NAME}` means
    #[arg(long, env = "PODMENDER_SECRETS_DIR", default_value = SECRETS_DIR, value_name = "DIR")]
    pub secrets_dir: PathBuf,
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
pub struct RbacArgs {
    /// Namespaces that the agent is to work in, joined by commas
    #[arg(
        long,
        env = "PODMENDER_NAMESPACES",
        value_delimiter = ',',
        required = true,
        value_name = "NAMESPACES"
    )]
    pub namespaces: Vec<String>,
    /// The agent's own namespace
    #[arg(
        long,
        env = "POD_NAMESPACE",
        default_value = "podmender",
        value_name = "NAMESPACE"
    )]
    pub own_namespace: String,
    /// The agent's service account
    #[arg(long, default_value = "podmender", value_name = "NAME")]
    pub service_account: String,
    /// Also the right to restart a whole rollout (patch on Deployments, StatefulSets, DaemonSets)
    #[arg(long)]
    pub rollout_restart: bool,
}

/// Where Secrets are mounted unless something else is said.
pub const SECRETS_DIR: &str = "/etc/podmender/secrets";

/// `podmender run`.
#[derive(Clone, Debug, ClapArgs)]
pub struct RunArgs {
    /// The agent's own namespace
    #[arg(
        long,
        env = "POD_NAMESPACE",
        default_value = "podmender",
        value_name = "NAMESPACE"
    )]
    pub own_namespace: String,
    /// The agent's own pod, for the Events that it writes
    #[arg(
        long,
        env = "POD_NAME",
        default_value = "podmender",
        value_name = "NAME"
    )]
    pub pod_name: String,
    /// Namespaces that the agent has rights in, joined by commas; policies can only scope these
    #[arg(
        long,
        env = "PODMENDER_NAMESPACES",
        value_delimiter = ',',
        value_name = "NAMESPACES"
    )]
    pub namespaces: Vec<String>,
    /// Address for /metrics, /livez and /readyz; `none` serves nothing
    #[arg(long, env = "PODMENDER_BIND", default_value = "127.0.0.1:8080", value_parser = parse_bind, value_name = "ADDRESS")]
    pub bind: Bind,
    /// Folder in which the Secrets that `${NAME}` means are mounted, one file each
    #[arg(long, env = "PODMENDER_SECRETS_DIR", default_value = SECRETS_DIR, value_name = "DIR")]
    pub secrets_dir: PathBuf,
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

/// The clap command, named as it was called: beside kubectl it is the plugin `kubectl podmender`.
#[must_use]
pub fn command(called_as: Option<&str>) -> clap::Command {
    let plugin = called_as
        .and_then(|path| path.rsplit(['/', '\\']).next())
        .is_some_and(|file| file.starts_with("kubectl-"));
    let command = Args::command();
    if plugin {
        command.bin_name("kubectl podmender")
    } else {
        command
    }
}

/// Parses the process's own arguments; prints help or a usage error and exits (code 2) where clap says so.
#[must_use]
pub fn parse() -> Args {
    let argv: Vec<OsString> = std::env::args_os().collect();
    let called_as = argv.first().map(|arg| arg.to_string_lossy().into_owned());
    let matches = command(called_as.as_deref()).get_matches_from(argv);
    match Args::from_arg_matches(&matches) {
        Ok(mut args) => {
            args.tidy();
            args
        }
        Err(e) => e.exit(),
    }
}

impl Args {
    /// Empty entries come from `PODMENDER_NAMESPACES=""` and trailing commas: they mean nothing, never "all".
    fn tidy(&mut self) {
        let lists = match &mut self.command {
            Command::Run(run) => Some(&mut run.namespaces),
            Command::Doctor(doctor) => Some(&mut doctor.namespaces),
            Command::Rbac(rbac) => Some(&mut rbac.namespaces),
            _ => None,
        };
        if let Some(list) = lists {
            for entry in list.iter_mut() {
                *entry = entry.trim().to_owned();
            }
            list.retain(|entry| !entry.is_empty());
            list.sort();
            list.dedup();
        }
        let empty = |value: &Option<OsString>| value.as_ref().is_some_and(|v| v.is_empty());
        if empty(&self.global.kubeconfig) {
            self.global.kubeconfig = None;
        }
        self.global.no_color = self.global.no_color.take().filter(|v| !v.is_empty());
        self.global.context = self.global.context.take().filter(|v| !v.is_empty());
        self.global.log = self.global.log.take().filter(|v| !v.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Args {
        let matches = command(None)
            .try_get_matches_from(line.split_whitespace())
            .expect(line);
        let mut args = Args::from_arg_matches(&matches).expect(line);
        args.tidy();
        args
    }

    #[test]
    fn the_definition_is_sound() {
        command(None).debug_assert();
    }

    #[test]
    fn namespaces_are_trimmed_and_never_empty() {
        let Command::Run(run) = parsed("podmender run --namespaces b,,a, --bind none").command
        else {
            panic!("not run")
        };
        assert_eq!(run.namespaces, ["a", "b"]);
        assert_eq!(run.bind, Bind(None));
    }

    #[test]
    fn a_bad_address_is_a_usage_error() {
        let e = command(None)
            .try_get_matches_from(["podmender", "run", "--bind", "nope"])
            .expect_err("refused");
        assert_eq!(e.exit_code(), 2);
        assert!(e.to_string().contains("0.0.0.0:8080"), "{e}");
    }

    #[test]
    fn global_options_stand_anywhere_and_help_names_the_plugin() {
        assert!(parsed("podmender incidents list -A").global.all_namespaces);
        let args = parsed("podmender -n shop incidents show x -o yaml");
        assert_eq!(args.global.namespace.as_deref(), Some("shop"));
        assert_eq!(args.global.output, Output::Yaml);
        let help = command(Some("/usr/bin/kubectl-podmender"))
            .render_help()
            .to_string();
        assert!(help.contains("kubectl podmender"), "{help}");
    }
}
