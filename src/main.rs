//! The anteroom command.

use clap::Parser;
use std::process::ExitCode;

#[derive(clap::Parser)]
enum Cli {
    Run(anteroom::cli::run::RunArgs),
    Demo(anteroom::cli::demo::DemoArgs),
    Check(anteroom::cli::check::CheckArgs),
    Keys(anteroom::cli::keys::KeysArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_env_filter("info").init();
    let token = None;
    let done = match Cli::parse() {
        Cli::Run(args) => anteroom::cli::run::run(&args, token).await,
        Cli::Demo(args) => anteroom::cli::demo::run(&args, token).await,
        Cli::Check(args) => anteroom::cli::check::run(&args, &mut std::io::stdout()).map(Into::into),
        Cli::Keys(args) => anteroom::cli::keys::run(&args).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|fault| { eprintln!("{fault:#}"); ExitCode::FAILURE })
}
