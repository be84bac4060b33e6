//! The command line: one file a verb.

pub mod args;
pub mod audit;
pub mod check;
pub mod client;
pub mod completion;
pub mod demo;
pub mod draw;
pub mod fans;
pub mod healthcheck;
pub mod keys;
pub mod policies;
pub mod reload;
pub mod room;
pub mod rotate;
pub mod run;
pub mod shop;
pub mod simulate;
pub mod table;
pub mod token;
mod typed;
pub mod version;

use std::io::Write;
use std::process::ExitCode;

/// Prints what a verb has to say, or why it failed, and turns that into an exit code.
fn ended(outcome: anyhow::Result<String>) -> ExitCode {
    match outcome {
        Ok(text) => print(&text),
        Err(error) => {
            // Where standard error is closed, the exit code is all there is left to say.
            let _ = writeln!(std::io::stderr(), "anteroom: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output. A reader that went away, as `| head` does, is no fault.
fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}
