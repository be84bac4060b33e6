//! `anteroom audit`: checks the log of what operators changed.

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use serde_json::json;

use super::args::Output;
use super::{ended, print};
use crate::app::audit::verify;
use crate::control::audit::{Head, Reader};

/// What to do with the log.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Says whether a log is whole, and which line is the first that is not.
    ///
    /// Lines taken off the end are seen only with `--expect`.
    Verify {
        /// The log; or several files of one log, the oldest first
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// A hash noted earlier, from here or from `GET /v1/audit`: its line must still be there
        #[arg(long, value_name = "HASH")]
        expect: Option<String>,
    },
}

/// A log that is whole.
struct Whole {
    lines: u64,
    head: Head,
}

/// Why a log cannot be believed.
#[derive(Debug, thiserror::Error)]
enum Doubt {
    #[error("{file}: {bad}")]
    Bad {
        file: String,
        line: u64,
        bad: String,
    },
    #[error("{file}: it is empty: not even its beginning is there")]
    Empty { file: String },
    #[error(
        "no line has the hash {0}: the line that was noted was cut off the end, or this is another log"
    )]
    Missing(String),
    #[error(transparent)]
    Unreadable(#[from] anyhow::Error),
}

/// Checks a log and prints what it found.
#[must_use]
pub fn run(args: &AuditArgs, output: Output) -> ExitCode {
    let Verb::Verify { files, expect } = &args.verb;
    match (check(files, expect.as_deref()), output) {
        (Ok(whole), output) => print(&shown(&whole, output)),
        (Err(doubt), Output::Table) => ended(Err(anyhow!(doubt))),
        (Err(doubt), Output::Json) => {
            print(&format!("{}\n", told(&doubt)));
            ExitCode::FAILURE
        }
    }
}

fn check(files: &[PathBuf], expect: Option<&str>) -> Result<Whole, Doubt> {
    let mut reader = Reader::default();
    let (mut lines, mut found) = (0, expect.is_none());
    for path in files {
        let file = path.display().to_string();
        let cannot = || format!("{file} cannot be read");
        let opened = File::open(path).with_context(cannot)?;
        reader.next_file();
        let checked = verify(&opened, &mut reader, |_, head| {
            found |= expect.is_some_and(|hash| hash == head.hash);
        });
        if let Err(bad) = checked.with_context(cannot)? {
            return Err(Doubt::Bad {
                file,
                line: bad.line,
                bad: bad.to_string(),
            });
        }
        if reader.lines() == 0 {
            return Err(Doubt::Empty { file });
        }
        lines += reader.lines();
    }
    match (reader.head(), expect) {
        (Some(head), _) if found => Ok(Whole {
            lines,
            head: head.clone(),
        }),
        (_, hash) => Err(Doubt::Missing(hash.unwrap_or_default().to_owned())),
    }
}

fn shown(whole: &Whole, output: Output) -> String {
    let Head {
        chain,
        number,
        hash,
    } = &whole.head;
    let lines = whole.lines;
    match output {
        Output::Json => {
            let fields = json!({
                "whole": true, "lines": lines, "chain": chain, "number": number, "hash": hash,
            });
            format!("{fields}\n")
        }
        Output::Table => {
            format!("{lines} lines are whole. The last is number {number}, with the hash\n{hash}\n")
        }
    }
}

fn told(doubt: &Doubt) -> serde_json::Value {
    let (file, line) = match doubt {
        Doubt::Bad { file, line, .. } => (Some(file), Some(line)),
        Doubt::Empty { file } => (Some(file), None),
        Doubt::Missing(_) | Doubt::Unreadable(_) => (None, None),
    };
    let fault = match doubt {
        Doubt::Unreadable(fault) => format!("{fault:#}"),
        Doubt::Bad { .. } | Doubt::Empty { .. } | Doubt::Missing(_) => doubt.to_string(),
    };
    json!({"whole": false, "file": file, "line": line, "fault": fault})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::UnixTime;

    const NOON: UnixTime = UnixTime::from_secs(1_795_000_000);

    fn kept(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn said(outcome: Result<Whole, Doubt>) -> String {
        outcome.err().unwrap().to_string()
    }

    #[test]
    fn a_log_is_whole_or_the_first_bad_line_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (first, begun) = Head::begin([7; 16], NOON).unwrap();
        let (second, old) = begun.turn_over(NOON).unwrap();
        let files = [kept(&dir, "old", &first), kept(&dir, "new", &second)];

        let whole = check(&files, None).unwrap();
        assert_eq!((whole.lines, &whole.head), (2, &old));
        assert!(shown(&whole, Output::Table).contains(&old.hash));
        let json = shown(&whole, Output::Json);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&json["whole"], &json["hash"]),
            (&json!(true), &json!(old.hash))
        );
        for noted in [&begun.hash, &old.hash] {
            assert!(check(&files, Some(noted)).is_ok());
        }
        let gone = said(check(&files[..1], Some(&old.hash)));
        assert!(gone.contains("cut off the end"), "{gone}");

        let torn = kept(&dir, "torn", &second[..90]);
        let bad = check(&[files[0].clone(), torn], None).err().unwrap();
        assert!(
            bad.to_string().contains("torn: line 1: it has no end"),
            "{bad}"
        );
        assert_eq!(told(&bad)["line"], 1);
        let empty = said(check(&[kept(&dir, "empty", "")], None));
        assert!(empty.contains("is empty"), "{empty}");
        let none = said(check(&[dir.path().join("none")], None));
        assert!(none.contains("cannot be read"), "{none}");
        let order = [files[1].clone(), files[0].clone()];
        assert!(said(check(&order, None)).contains("does not continue"));
    }
}
