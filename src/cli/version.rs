//! `anteroom version`.

use std::process::ExitCode;

use super::print;

/// Prints name and version.
#[must_use]
pub fn run() -> ExitCode {
    print(&format!("anteroom {}\n", env!("CARGO_PKG_VERSION")))
}
