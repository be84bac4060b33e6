//! The command line as a whole: its verbs and the options they share.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::audit::AuditArgs;
use super::check::CheckArgs;
use super::client::environment;
use super::completion::CompletionArgs;
use super::demo::DemoArgs;
use super::draw::DrawArgs;
use super::healthcheck::HealthcheckArgs;
use super::keys::KeysArgs;
use super::reload::ReloadArgs;
use super::room::RoomArgs;
use super::run::RunArgs;
use super::simulate::SimulateArgs;
use super::token::TokenArgs;
use super::{
    audit, check, completion, demo, draw, ended, healthcheck, keys, reload, room, run, simulate,
    token, version,
};
use crate::telemetry::logs;

/// Anteroom: a virtual waiting room and admission gateway.
#[derive(Debug, Parser)]
#[command(
    name = "anteroom",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    verb: Verb,
}

/// What a call of the command does.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Runs the gateway.
    Run(RunArgs),
    /// Shows everything at work: a small ticket shop, the gateway before it, and fans.
    Demo(DemoArgs),
    /// Reads the policies and says everything that is wrong with them; starts nothing.
    Check(CheckArgs),
    /// Makes a running gateway read its policies and keys again.
    Reload(ReloadArgs),
    /// Makes, replaces and lists the keys that sign tokens.
    Keys(KeysArgs),
    /// Shows and steers the rooms of a running gateway.
    Room(RoomArgs),
    /// Makes tokens for the control API.
    Token(TokenArgs),
    /// Runs a sale on simulated time: how long fans wait, and what pace it takes.
    Simulate(SimulateArgs),
    /// Checks a published draw, offline.
    Draw(DrawArgs),
    /// Checks the log of what operators changed.
    Audit(AuditArgs),
    /// Asks a running gateway on this machine whether it is ready; for containers.
    Healthcheck(HealthcheckArgs),
    /// Writes a script that completes this command in a shell.
    Completion(CompletionArgs),
    /// Prints the version.
    Version,
}

impl Cli {
    /// Does what the command line asks. 0 is well, 1 a failure; `clap` itself ends the process
    /// with 2 when the line cannot be understood.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let shared = &self.shared;
        match &self.verb {
            Verb::Run(args) => serving(run::run(args, control_token())),
            Verb::Demo(args) => serving(demo::run(args, control_token())),
            Verb::Check(args) => check_policies(args, shared.output),
            Verb::Reload(args) => reload::run(args, shared),
            Verb::Keys(args) => ended(keys::run(args).map(|()| String::new())),
            Verb::Room(args) => room::run(args, shared),
            Verb::Token(args) => token::run(args, shared.output),
            Verb::Simulate(args) => simulate::run(args, shared.output),
            Verb::Draw(args) => draw::run(args, shared.output),
            Verb::Audit(args) => audit::run(args, shared.output),
            Verb::Healthcheck(args) => healthcheck::run(args, shared),
            Verb::Completion(args) => completion::run(args),
            Verb::Version => version::run(),
        }
    }
}

/// Runs a verb that serves until it is stopped.
fn serving(work: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    let done = serve_on_runtime(work);
    done.unwrap_or_else(|fault| ended(Err(fault)))
}

fn serve_on_runtime(
    work: impl Future<Output = anyhow::Result<ExitCode>>,
) -> anyhow::Result<ExitCode> {
    let format = environment("ANTEROOM_LOG_FORMAT").unwrap_or_else(|| "text".to_owned());
    let filter = environment("ANTEROOM_LOG").unwrap_or_else(|| "info".to_owned());
    logs::start(format.parse()?, &filter)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}

/// The admin token that the environment gives a gateway.
fn control_token() -> Option<String> {
    environment("ANTEROOM_CONTROL_TOKEN")
}

fn check_policies(args: &CheckArgs, output: Output) -> ExitCode {
    match check::run(args, output, &mut std::io::stdout().lock()) {
        Ok(outcome) => outcome.into(),
        Err(fault) => ended(Err(fault)),
    }
}

/// Options that may stand before the verb.
#[derive(Clone, Debug, Default, Args)]
pub struct Shared {
    /// How answers are printed
    #[arg(long, value_enum, default_value_t, global = true)]
    pub output: Output,
    /// Address of the control API, for the verbs that use it
    #[arg(long, value_name = "URL")]
    control: Option<String>,
    /// File with the control token, for the verbs that use it
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// How to reach the control API. A verb that uses it takes these options too; they are not
/// global, because other verbs mean something else by `--control`.
#[derive(Clone, Debug, Default, Args)]
pub struct Reach {
    /// Address of the control API [env: `ANTEROOM_CONTROL`] [default: `http://127.0.0.1:8701`]
    #[arg(long, value_name = "URL", global = true)]
    pub control: Option<String>,
    /// File with the control token, instead of the variable `ANTEROOM_CONTROL_TOKEN`
    #[arg(long, value_name = "FILE", global = true)]
    pub token_file: Option<PathBuf>,
}

impl Reach {
    /// These options, and those before the verb where these are not given.
    #[must_use]
    pub fn or(&self, shared: &Shared) -> Self {
        let (control, file) = (&shared.control, &shared.token_file);
        Self {
            control: self.control.clone().or_else(|| control.clone()),
            token_file: self.token_file.clone().or_else(|| file.clone()),
        }
    }
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For machines.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lines_are_understood_or_refused() {
        for good in [
            "room list",
            "room list --output json",
            "--output json room show derby",
            "--control http://localhost:9 room pause derby",
            "room pause derby --control http://localhost:9 --token-file t",
            "room open derby --opens-at 2026-12-01T10:00:00+01:00 --ends-at 2026-12-02T10:00:00Z",
            "room open derby --prequeue-at 2026-12-01T09:30:00Z --opens-at 2026-12-01T10:00:00Z --external-source beacon",
            "room close derby --end",
            "room pace derby 600 --burst 20",
            "room capacity derby none",
            "room capacity derby 5000",
            "room message derby Soon",
            "room message derby --clear",
            "room release derby 10",
            "room draw derby --external-value 9f2a",
            "reload",
            "reload --output json --control http://localhost:9 --token-file t",
            "room revoke derby --all",
            "room stock derby 0",
            "room session derby 0123456789abcdef0123456789abcdef complete",
            "room session derby 0123456789abcdef0123456789abcdef hold --seconds 600",
            "room revoke derby --session 0123456789abcdef0123456789abcdef",
            "audit verify policies/audit.jsonl",
            "draw verify derby.json --receipt mine.json --output json",
            "keys rotate --dir k --signs-in 0 --algorithm hs256",
            "keys rotate --prune --policies policies",
            "keys list --policies policies",
            "audit verify old new --expect 0123 --output json",
            "token new --role operator --name alice",
            "healthcheck --live",
            "completion zsh",
            "version",
            "--version",
        ] {
            let parsed = Cli::try_parse_from(line(good));
            let fine = parsed.map_or_else(|error| error.exit_code() == 0, |_| true);
            assert!(fine, "{good}");
        }
        for bad in [
            "",
            "rooms",
            "room",
            "room show",
            "room pace derby",
            "room pace derby 0",
            "room pace derby -1",
            "room pace derby 10000001",
            "room pace derby NaN",
            "room capacity derby 0",
            "room release derby 0",
            "room revoke derby",
            "room stock derby -1",
            "room stock derby",
            "room session derby 0123 complete",
            "room session derby 0123456789abcdef0123456789abcdef hold",
            "room session derby 0123456789abcdef0123456789abcdef hold --seconds 0",
            "room session derby 0123456789abcdef0123456789abcdef end",
            "room revoke derby --all --session 0123456789abcdef0123456789abcdef",
            "room revoke derby --session 0123",
            "audit verify",
            "draw",
            "draw verify",
            "draw verify one.json two.json",
            "keys rotate --signs-in 2592001",
            "keys rotate --prune --signs-in 5",
            "room message derby",
            "room draw derby",
            "room message derby Soon --clear",
            "room open derby --opens-at soon",
            "room open derby --prequeue-at 2026-12-01T09:30:00Z",
            "room open derby --opens-at 2026-12-01T10:00:00Z --external-source beacon",
            "room list --output yaml",
            "token new",
            "token new --role root",
            "token new --role admin --name Al/ce",
            "completion cmd",
        ] {
            let error = Cli::try_parse_from(line(bad)).map(drop).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{bad}");
        }
    }

    #[test]
    fn options_of_the_verb_go_before_those_of_the_command() {
        let words = "--control http://localhost:1 --token-file before room --control http://localhost:2 list";
        let cli = Cli::try_parse_from(line(words)).unwrap();
        let Verb::Room(room) = &cli.verb else {
            panic!("{cli:?}")
        };
        let reach = room.reach.or(&cli.shared);
        assert_eq!(reach.control.as_deref(), Some("http://localhost:2"));
        assert_eq!(reach.token_file, Some("before".into()));
    }

    fn line(words: &str) -> Vec<&str> {
        std::iter::once("anteroom")
            .chain(words.split_whitespace())
            .collect()
    }
}
