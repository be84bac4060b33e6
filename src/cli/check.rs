//! `anteroom check`: reads the policies and says everything that is wrong with them.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::args::Output;
use super::policies;
use crate::config::{self, Checked, Faults, Sources};
use crate::control::policies::Finding;
use crate::text::excerpt::{Severity, excerpts};

/// Checks the policies without starting anything.
///
/// Reads text only: no keys, no store and no sockets are opened. Exits with 0 when all is well,
/// 1 when there are faults, and 3 when there are only warnings.
#[derive(Clone, Debug, clap::Args)]
#[command(visible_alias = "validate")]
pub struct CheckArgs {
    /// The policies directory.
    #[arg(long, value_name = "DIR", default_value = "./policies")]
    pub policies: PathBuf,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Neither faults nor warnings.
    Sound,
    /// At least one fault.
    Faulty,
    /// Usable, with warnings.
    Doubtful,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Sound => Self::SUCCESS,
            Outcome::Faulty => Self::FAILURE,
            Outcome::Doubtful => Self::from(3),
        }
    }
}

/// Checks the policies and writes what was found to `out`.
///
/// # Errors
/// The directory cannot be read, or `out` not be written to.
pub fn run(args: &CheckArgs, output: Output, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let sources = policies::read_dir(&args.policies)?;
    let checked = config::read(&sources);
    let text = match output {
        Output::Table => human(&checked, &sources),
        Output::Json => {
            let mut text = serde_json::to_string_pretty(&machine(&checked))?;
            text.push('\n');
            text
        }
    };
    out.write_all(text.as_bytes())?;
    Ok(match checked {
        Err(_) => Outcome::Faulty,
        Ok(checked) if checked.warnings.is_empty() => Outcome::Sound,
        Ok(_) => Outcome::Doubtful,
    })
}

/// The faults, or the warnings and what is in force, with their lines.
fn human(checked: &Result<Checked, Faults>, sources: &Sources) -> String {
    let (list, severity) = match checked {
        Err(faults) => (faults, Severity::Fault),
        Ok(checked) if checked.warnings.is_empty() => {
            let (sites, rooms) = (checked.config.sites.len(), checked.config.rooms.len());
            return format!(
                "all is well: {}, {}\n",
                counted(sites, "site"),
                counted(rooms, "room")
            );
        }
        Ok(checked) => (&checked.warnings, Severity::Warning),
    };
    let shown = excerpts(list, sources, severity);
    format!("{shown}{}\n", list.summary(severity.word()))
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

fn machine(checked: &Result<Checked, Faults>) -> Value {
    let none = Faults::default();
    let (faults, warnings) = match checked {
        Err(faults) => (faults, &none),
        Ok(checked) => (&none, &checked.warnings),
    };
    json!({
        "valid": checked.is_ok(),
        "fault_count": faults.len(),
        "warning_count": warnings.len(),
        "faults": faults.iter().map(Finding::from).collect::<Vec<_>>(),
        "warnings": warnings.iter().map(Finding::from).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::path::Path;

    #[derive(Debug, clap::Parser)]
    enum Cli {
        Check(CheckArgs),
    }

    fn checked(dir: &Path, output: Output) -> (Outcome, String) {
        let words = ["anteroom", "validate", "--policies", dir.to_str().unwrap()];
        let Cli::Check(args) = Cli::parse_from(words);
        let mut out = Vec::new();
        let outcome = run(&args, output, &mut out).unwrap();
        (outcome, String::from_utf8(out).unwrap())
    }

    fn house(folder: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
    }

    #[test]
    fn the_shipped_policies_are_well() {
        let (outcome, text) = checked(&house("policies"), Output::Table);
        assert_eq!(outcome, Outcome::Sound, "{text}");
        assert_eq!(text, "all is well: 1 site, 1 room\n");
    }

    #[test]
    fn faults_are_shown_in_their_lines_and_counted_last() {
        let (outcome, text) = checked(&house("tests/fixtures/bad/eight-faults"), Output::Table);
        assert_eq!(outcome, Outcome::Faulty);
        assert!(text.contains("rooms/derby.toml:3:8"), "{text}");
        assert!(text.contains("3 | site = \"shpo\""), "{text}");
        assert!(text.contains("did you mean `shop`?"), "{text}");
        assert_eq!(text.lines().last(), Some("8 faults in 3 files"));
    }

    #[test]
    fn warnings_alone_have_an_exit_code_of_their_own() {
        let (outcome, text) = checked(&house("tests/fixtures/good/doubtful"), Output::Table);
        assert_eq!(outcome, Outcome::Doubtful);
        assert_eq!(text.lines().last(), Some("1 warning in 1 file"));
        assert_eq!(ExitCode::from(outcome), ExitCode::from(3));
    }

    #[test]
    fn programs_get_every_fault_with_its_place() {
        let dir = house("tests/fixtures/bad/eight-faults");
        let (_, text) = checked(&dir, Output::Json);
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["fault_count"], 8);
        assert_eq!(json["faults"].as_array().unwrap().len(), 8);
        let first = &json["faults"][0];
        assert_eq!(first["file"], "anteroom.toml");
        assert_eq!((&first["line"], &first["column"]), (&json!(3), &json!(11)));
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        let args = CheckArgs {
            policies: house("no/such/place"),
        };
        let reason = run(&args, Output::Table, &mut Vec::new())
            .unwrap_err()
            .to_string();
        assert!(reason.contains("no policies directory"), "{reason}");
    }
}
