//! `scenarios`: the local cluster and the agent's image, for people and for CI.
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Parser, Subcommand};
use scenarios::chaos::runner;
use scenarios::cluster::choose::{self, Target};
use scenarios::cluster::session::{self, Session};
use scenarios::cluster::state::State;
use scenarios::cluster::up::Options;
use scenarios::cluster::{node, selftest, status, tools, up};
use scenarios::llm::Llm;
use scenarios::slack::Slack;
use scenarios::{bench, demo, exec, image, ui};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    /// The cluster: `local`, `kind`, or a context of your kubeconfig. Default: kind where Docker answers, else local
    #[arg(long, global = true, env = "PODMENDER_CONTEXT")]
    context: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A real one-node Kubernetes cluster on this machine, without Docker
    #[command(subcommand)]
    Cluster(Cluster),
    /// Build the agent's image as an archive and print its path
    #[command(args_conflicts_with_subcommands = true)]
    Image {
        #[command(subcommand)]
        load: Option<Load>,
        #[command(flatten)]
        build: Build,
        /// Where to write the archive
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Run the scenarios on real pods: the agent as the chart installs it, on a fresh local cluster
    Test(Test),
    /// A shop breaks in five ways, and the agent mends it or calls a person: live, on a real cluster
    Demo(Demo),
    /// Measure, print our numbers beside their targets, and write them to a page
    Bench(Bench),
    /// A Slack to try the approval loop with, and its page: no account, nothing leaves this machine
    Slack {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:8090")]
        listen: String,
        /// A channel (may be repeated)
        #[arg(long, default_value = "ops")]
        channel: Vec<String>,
    },
    /// A language model to try summaries with: it answers from what it is shown, and misbehaves on order
    Llm {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:8091")]
        listen: String,
        /// Begin with this fault
        #[arg(long)]
        fault: Option<scenarios::llm::fault::Fault>,
    },
    /// Build the pinned Go tools and print where they are
    Tools {
        /// Only this set: kubernetes, node, addons or chart
        set: Option<String>,
    },
}

#[derive(Args)]
struct Build {
    /// Cargo profile: `release`, or `image-dev` for quick iteration
    #[arg(long, default_value = "release")]
    profile: String,
}

#[derive(Args)]
struct Bench {
    /// Only this part: plan, redact, image, detect, mend, footprint, storm, storm-refused, storm-slow, slack, summary, scale (may be repeated)
    #[arg(long, value_name = "PART")]
    only: Vec<String>,
    /// Where to write the page
    #[arg(long, default_value = "docs/bench.md", value_name = "FILE")]
    page: PathBuf,
    /// Measure memory beside at most this many pods
    #[arg(long, default_value_t = 10_000)]
    pods: u32,
    #[command(flatten)]
    build: Build,
}

#[derive(Args)]
struct Demo {
    /// Record it and write a picture of the terminal (needs tmux)
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Take away what the demo brought
    #[arg(long, conflicts_with = "svg")]
    clean: bool,
    /// Nobody watches: the demo answers the agent's question itself, at once
    #[arg(long)]
    hands_off: bool,
    #[command(flatten)]
    llm: DemoLlm,
    #[command(flatten)]
    build: Build,
}

/// Who explains failures in the demo; without these, a stand-in on this machine does.
#[derive(Args)]
struct DemoLlm {
    /// A model behind an OpenAI-compatible endpoint explains the failures, instead of the stand-in
    #[arg(long, value_name = "NAME", env = "PODMENDER_DEMO_LLM_MODEL")]
    llm_model: Option<String>,
    /// Where that endpoint is, up to and without /chat/completions, as pods reach it. Default: OpenAI
    #[arg(
        long,
        value_name = "URL",
        env = "PODMENDER_DEMO_LLM_URL",
        requires = "llm_model"
    )]
    llm_url: Option<String>,
    /// A file with its key; it becomes part of the demo's Secret
    #[arg(
        long,
        value_name = "FILE",
        env = "PODMENDER_DEMO_LLM_KEY_FILE",
        requires = "llm_model"
    )]
    llm_key_file: Option<PathBuf>,
}

impl DemoLlm {
    fn endpoint(&self) -> Option<demo::Endpoint> {
        Some(demo::Endpoint {
            model: self.llm_model.clone()?,
            url: self.llm_url.clone(),
            key_file: self.llm_key_file.clone(),
        })
    }
}

#[derive(Args)]
struct Test {
    /// Only scenarios whose name contains this (may be repeated)
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Show the scenarios and what each is about
    #[arg(long)]
    list: bool,
    /// Also the scenarios on probation
    #[arg(long)]
    all: bool,
    /// So many copies of each, in namespaces of their own: to look for what is green by luck
    #[arg(long, value_name = "N", default_value_t = 1)]
    times: usize,
    /// How many at a time
    #[arg(long, default_value_t = 6)]
    jobs: usize,
    /// Leave cluster, agents and workloads up to look around
    #[arg(long)]
    keep: bool,
    /// Use the cluster that runs, instead of a fresh one
    #[arg(long)]
    reuse: bool,
    #[command(flatten)]
    build: Build,
}

#[derive(Subcommand)]
enum Load {
    /// Build the image and give it to the cluster's node
    Load(Build),
}

#[derive(Args)]
struct Extra {
    /// Also start kwok for fake nodes
    #[arg(long)]
    kwok: bool,
}

impl Extra {
    fn options(&self) -> Options {
        Options { kwok: self.kwok }
    }
}

#[derive(Subcommand)]
enum Cluster {
    /// Bring it up (a healthy one is kept)
    Up(Extra),
    /// Take it down and leave nothing behind
    Down,
    /// Show the components; exit 0 when healthy, 3 when not
    Status,
    /// Bring it up and run a command with it, while nobody else can touch it
    Run {
        #[command(flatten)]
        extra: Extra,
        /// Take the cluster down afterwards
        #[arg(long)]
        down: bool,
        /// The command
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Kill it midway in many ways and check that nothing is left (ends with the cluster down)
    Selftest,
    /// The node's first process
    #[command(hide = true)]
    Node,
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let context = cli.context.as_deref();
    match cli.command {
        Command::Cluster(command) => return cluster(context, command),
        Command::Image {
            load: Some(Load::Load(build)),
            ..
        } => {
            let session = Session::open(context)?;
            let image = image::build(&build.profile, None)?;
            session.up(Options::default())?;
            session.load(&image.archive)?;
            ui::result(image.reference);
        }
        Command::Image {
            load: None,
            build,
            out,
        } => {
            ui::result(
                image::build(&build.profile, out.as_deref())?
                    .archive
                    .display(),
            );
        }
        Command::Test(test) => return scenarios_on_pods(test),
        Command::Bench(options) => bench::run(&bench::Options {
            only: options.only,
            page: options.page,
            pods: options.pods,
            profile: options.build.profile,
        })?,
        Command::Demo(options) => show(context, &options)?,
        Command::Slack { listen, channel } => {
            let channels: Vec<&str> = channel.iter().map(String::as_str).collect();
            let slack = Slack::start(&listen, &channels)?;
            ui::result(format!(
                "the page: http://{}/\nthe Web API: {}\ntokens: xoxb-… and xapp-… of any kind",
                slack.address,
                slack.api()
            ));
            loop {
                std::thread::park();
            }
        }
        Command::Llm { listen, fault } => {
            let llm = Llm::start(&listen)?;
            if let Some(fault) = fault {
                llm.order(fault);
            }
            ui::result(format!(
                "for a policy: summary: {{enabled: true, model: stand-in, baseUrl: \"{}\", allowPrivateAddress: true}}\nfaults: curl -d NAME http://{}/ui/fault",
                llm.base(),
                llm.address
            ));
            loop {
                std::thread::park();
            }
        }
        Command::Tools { set } => {
            let wanted: Vec<_> = tools::ALL
                .iter()
                .filter(|t| set.as_deref().is_none_or(|s| s == t.name))
                .collect();
            ensure!(
                !wanted.is_empty(),
                "there is no such set: name kubernetes, node, addons or chart"
            );
            for known in wanted {
                ui::result(known.ensure()?.display());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(context: Option<&str>, options: &Demo) -> Result<()> {
    if options.clean {
        return demo::clean(context);
    }
    let profile = &options.build.profile;
    if let Some(file) = &options.svg {
        let this = std::env::current_exe()?;
        let cluster = context.map_or_else(String::new, |c| format!("--context {c} "));
        let command = format!(
            "{} {cluster}demo --hands-off --profile {profile}",
            this.display()
        );
        return demo::svg::record(&command, file);
    }
    let presses = if options.hands_off || !std::io::stdout().is_terminal() {
        demo::Presses::Demo
    } else {
        demo::Presses::Person
    };
    demo::run(&demo::Options {
        context,
        profile,
        presses,
        model: options.llm.endpoint(),
    })
}

fn scenarios_on_pods(test: Test) -> Result<ExitCode> {
    if test.list {
        runner::list();
        return Ok(ExitCode::SUCCESS);
    }
    let passed = runner::run(&runner::Options {
        only: test.only,
        all: test.all,
        times: test.times,
        jobs: test.jobs,
        keep: test.keep,
        reuse: test.reuse,
        profile: test.build.profile,
    })?;
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn cluster(context: Option<&str>, command: Cluster) -> Result<ExitCode> {
    match command {
        Cluster::Node => node::run(&State::from_env()?)?,
        Cluster::Status => {
            let state = State::from_env()?;
            let target = choose::choose(context, choose::docker_answers);
            if target != Target::Local {
                session::answers(&target, &state)?;
                ui::result(format!("{target:?} answers"));
                return Ok(ExitCode::SUCCESS);
            }
            ui::result(format!("{}\n{}", status::table(&state), up::facts(&state)));
            if !status::healthy(&state) {
                return Ok(ExitCode::from(3));
            }
        }
        Cluster::Up(extra) => {
            let session = Session::open(context)?;
            session.up(extra.options())?;
            if session.target == Target::Local {
                ui::result(up::facts(&session.state));
            }
        }
        Cluster::Down => Session::open(context)?.down()?,
        Cluster::Selftest => selftest::run(&Session::open(Some("local"))?)?,
        Cluster::Run {
            extra,
            down,
            command,
        } => {
            let session = Session::open(context)?;
            session.up(extra.options())?;
            let (program, args) = command.split_first().context("name a command")?;
            let mut child = std::process::Command::new(program);
            session.share(child.args(args));
            let code = child
                .status()
                .with_context(|| format!("cannot start `{}`", exec::describe(&child)))?;
            if down {
                session.down()?;
            }
            return Ok(code
                .code()
                .and_then(|c| u8::try_from(c).ok())
                .map_or(ExitCode::FAILURE, ExitCode::from));
        }
    }
    Ok(ExitCode::SUCCESS)
}
