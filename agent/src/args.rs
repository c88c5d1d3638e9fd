//! Command line and environment: the only place that reads either, so that `--help` shows every input.

mod commands;
mod run;
mod scope;
mod slack;

pub use commands::{
    AnswerArgs, AuditCommand, Command, DoctorArgs, IncidentsCommand, PolicyCommand, RbacArgs,
};
pub use run::{Bind, RunArgs, SECRETS_DIR};
pub use scope::{Own, Scope};
pub use slack::{Interactions, SlackApi, SlackArgs};

use clap::{Args as ClapArgs, CommandFactory, FromArgMatches, Parser, ValueEnum};
use std::ffi::OsString;

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
    fn tidy(&mut self) {
        match &mut self.command {
            Command::Run(run) => run.scope.tidy(),
            Command::Doctor(doctor) => doctor.scope.tidy(),
            Command::Rbac(rbac) => rbac.scope.tidy(),
            _ => {}
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
        assert_eq!(run.scope.namespaces, ["a", "b"]);
        assert_eq!(run.bind, Bind(None));
    }

    #[test]
    fn roles_of_no_namespace_are_a_usage_error() {
        let e = command(None)
            .try_get_matches_from(["podmender", "rbac"])
            .expect_err("refused");
        assert!(e.to_string().contains("--namespaces"), "{e}");
        let Command::Audit { what } = parsed("podmender audit verify --own-namespace mine").command
        else {
            panic!("not audit")
        };
        let AuditCommand::Verify { own, .. } = what;
        assert_eq!(own.namespace, "mine");
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
