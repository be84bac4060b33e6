//! The anteroom command: see `cli` for its verbs.

use std::process::ExitCode;

use anteroom::cli::args::Cli;
use clap::Parser;

fn main() -> ExitCode {
    Cli::parse().run()
}
