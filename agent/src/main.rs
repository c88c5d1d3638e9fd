//! The `podmender` program: the agent and the commands around it.

use podmender::{
    args::{self, Args, Command},
    cli, connect,
    telemetry::{self, Speaker},
};
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before any TLS: kube and reqwest are built without a provider of their own.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        return cli::exit::ENVIRONMENT.into();
    }
    let args = args::parse();
    let speaker = match args.command {
        Command::Run(_) => Speaker::Agent,
        _ => Speaker::Command,
    };
    telemetry::init(speaker, args.global.log_format, args.global.log.as_deref());
    match start(args) {
        Ok(code) => code.into(),
        Err(error) => cli::exit::report(speaker, &error),
    }
}

/// One thread is enough for everything that the agent does, and the smallest in memory.
fn start(args: Args) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let Args { global, command } = args;
    match command {
        Command::Run(run) => runtime.block_on(async {
            let config = connect::config(&global).await?;
            podmender::run::run(config, run).await
        }),
        command => runtime.block_on(cli::run(global, command)),
    }
}
