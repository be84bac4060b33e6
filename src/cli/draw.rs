//! `anteroom draw`: checks a published draw, with nothing but the file.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::args::Output;
use super::client::plain;
use super::{ended, print};
use crate::domain::draw::check::{Sound, Wrong, check, check_receipt};
use crate::domain::draw::receipt::Receipt;

/// The longest file that is read: 15 million fans.
const LONGEST_DRAW: u64 = 1 << 30;

/// The longest receipt that is read; a true one has about 2 KiB.
const LONGEST_RECEIPT: u64 = 64 << 10;

/// What to do with a draw.
#[derive(Debug, Args)]
pub struct DrawArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Computes a draw again, offline, and says whether the order follows from what was published.
    Verify {
        /// What `GET /_anteroom/rooms/ROOM/draw?roster=1` answered
        file: PathBuf,
        /// A fan's receipt, from `GET /_anteroom/rooms/ROOM/receipt`: it must be of this draw
        #[arg(long, value_name = "FILE")]
        receipt: Option<PathBuf>,
    },
}

/// Why a draw cannot be believed.
#[derive(Debug, thiserror::Error)]
enum Doubt {
    #[error("{}: {wrong}", plain(file))]
    Wrong { file: String, wrong: Wrong },
    #[error(transparent)]
    Unreadable(#[from] anyhow::Error),
}

/// A draw that is sound, and the receipt that was shown.
struct Verified {
    sound: Sound,
    receipt: Option<Receipt>,
}

/// Checks a draw and prints what it found.
#[must_use]
pub fn run(args: &DrawArgs, output: Output) -> ExitCode {
    let Verb::Verify { file, receipt } = &args.verb;
    match (verify(file, receipt.as_deref()), output) {
        (Ok(verified), Output::Table) => print(&said(&verified)),
        (Ok(verified), Output::Json) => print(&format!("{}\n", told(&verified))),
        (Err(doubt), Output::Table) => ended(Err(anyhow!(doubt))),
        (Err(doubt), Output::Json) => {
            print(&format!("{}\n", doubted(&doubt)));
            ExitCode::FAILURE
        }
    }
}

fn verify(file: &Path, receipt: Option<&Path>) -> Result<Verified, Doubt> {
    let wrong_in = |file: &Path| {
        let file = file.display().to_string();
        |wrong| Doubt::Wrong { file, wrong }
    };
    let sound = check(read(file, LONGEST_DRAW, "draw with its roster")?).map_err(wrong_in(file))?;
    let Some(path) = receipt else {
        let receipt = None;
        return Ok(Verified { sound, receipt });
    };
    let receipt: Receipt = read(path, LONGEST_RECEIPT, "receipt")?;
    check_receipt(&sound, &receipt).map_err(wrong_in(path))?;
    let receipt = Some(receipt);
    Ok(Verified { sound, receipt })
}

/// A file as the JSON of `what`.
fn read<T: DeserializeOwned>(path: &Path, longest: u64, what: &str) -> anyhow::Result<T> {
    let name = plain(&path.display().to_string());
    let file = File::open(path).with_context(|| format!("{name} cannot be read"))?;
    let about = file
        .metadata()
        .with_context(|| format!("{name} cannot be read"))?;
    if about.is_dir() {
        bail!("{name} is a folder: give the file with the JSON");
    }
    if about.len() > longest {
        bail!("{name} is longer than a {what} can be ({longest} bytes)");
    }
    // What is no plain file has no length of its own.
    let text = BufReader::new(file.take(longest));
    serde_json::from_reader(text).map_err(|fault| {
        if fault.is_io() {
            anyhow!("{name} cannot be read: {fault}")
        } else {
            anyhow!(
                "{name} is not the JSON of a {what}: {}",
                plain(&fault.to_string())
            )
        }
    })
}

fn said(verified: &Verified) -> String {
    let Verified { sound, receipt } = verified;
    let draw = &sound.draw;
    let (room, window, count) = (plain(&draw.room), draw.window, sound.count);
    let mut text = format!(
        "The draw of room {room}, window {window}, is sound: commitment, root, count, seed and the order of all {count} follow from each other.\n"
    );
    if draw.digest.is_none() {
        text += "The file has no `digest`: room, window, source and times stand in it unproven.\n";
    }
    text += &match (&draw.external_source, &draw.external_value) {
        (Some(source), Some(value)) => format!(
            "Nobody could have chosen this order, if the value below is what its source published after the lobby was frozen, and the commitment what was published before anybody joined. Compare them.\n  source      {}\n  value       {}\n  frozen at   {}\n  commitment  {}\n",
            plain(source),
            plain(value),
            draw.frozen_at.as_deref().unwrap_or_default(),
            draw.commitment,
        ),
        _ => format!(
            "No value from outside went into it. The order was not changed after the lobby was frozen, if the commitment is what was published before; until then the operator was trusted.\n  commitment  {}\n",
            draw.commitment
        ),
    };
    if let Some(receipt) = receipt {
        text += &match receipt.rank {
            Some(rank) => format!("The receipt is of this draw: number {rank} of {count}.\n"),
            None => {
                "The receipt is of this draw; it was given before the order was drawn.\n".into()
            }
        };
    }
    text
}

fn told(verified: &Verified) -> serde_json::Value {
    let Verified { sound, receipt } = verified;
    let draw = &sound.draw;
    let trust = if sound.external {
        "nobody"
    } else {
        "operator_before_freeze"
    };
    json!({
        "sound": true, "room": draw.room, "window": draw.window, "count": sound.count,
        "external_source": draw.external_source, "external_value": draw.external_value,
        "commitment": draw.commitment, "digest": draw.digest, "trusted": trust,
        "receipt": receipt.as_ref().map(|receipt| json!({
            "leaf": receipt.leaf, "rank": receipt.rank,
        })),
    })
}

fn doubted(doubt: &Doubt) -> serde_json::Value {
    let (file, fields, fault) = match doubt {
        Doubt::Wrong { file, wrong } => (Some(file), wrong.fields, wrong.to_string()),
        Doubt::Unreadable(fault) => (None, &[][..], format!("{fault:#}")),
    };
    json!({"sound": false, "file": file, "fields": fields, "fault": fault})
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::domain::draw::formula::{commitment, seed};
    use crate::domain::draw::published::Published;
    use crate::domain::draw::roster::{Lobby, Roster};
    use crate::domain::draw::{Draw, Drawn, External, Frozen, Hash};
    use crate::domain::place::Epoch;
    use crate::domain::visitor::VisitorId;
    use crate::domain::window::WindowId;

    fn fan(number: u8) -> VisitorId {
        VisitorId::from_bytes([number; 16])
    }

    /// The published draw of 40 fans.
    fn published(beacon: Option<&str>) -> (Published, Roster) {
        let (room, window) = ("derby".parse().unwrap(), WindowId(1_004_160));
        let fans: Vec<VisitorId> = (0..40).map(fan).collect();
        let lobby = Arc::new(Lobby::freeze(&room, window, &fans));
        let (root, server_seed) = (lobby.root(), Hash([9; 32]));
        let seed = seed(server_seed, root, beacon.unwrap_or_default());
        let roster = lobby.draw(seed);
        let mut facts = Draw {
            commitment: commitment(server_seed),
            external_source: beacon.map(|_| "drand round 4711".to_owned()),
            frozen: Some(Frozen {
                root,
                count: 40,
                at: 1_795_000_000_000,
                epoch: Epoch(1),
                base: 0,
            }),
            external: beacon.map(|value| External {
                value: value.to_owned(),
                at: 1_795_000_030_000,
            }),
            drawn: Some(Drawn {
                server_seed,
                seed,
                digest: Hash([0; 32]),
            }),
        };
        let digest = Published::of(&room, window, &facts).digest_of(roster.leaves());
        facts.drawn = facts.drawn.map(|drawn| Drawn { digest, ..drawn });
        let mut whole = Published::of(&room, window, &facts);
        whole.digest = Some(digest);
        whole.roster = Some(roster.leaves().collect());
        (whole, roster)
    }

    fn kept(dir: &tempfile::TempDir, name: &str, text: &[u8]) -> PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn doubts(path: &Path, receipt: Option<&Path>) -> String {
        verify(path, receipt).err().unwrap().to_string()
    }

    #[test]
    fn a_sound_draw_is_told_from_one_in_which_the_operator_was_trusted() {
        let dir = tempfile::tempdir().unwrap();
        for (beacon, words, trusted) in [
            (
                Some("9f2a"),
                "Nobody could have chosen this order",
                "nobody",
            ),
            (None, "the operator was trusted", "operator_before_freeze"),
        ] {
            let (draw, roster) = published(beacon);
            let file = kept(&dir, "draw", &serde_json::to_vec_pretty(&draw).unwrap());
            let receipt = roster.receipt(fan(3)).unwrap();
            let shown = kept(&dir, "receipt", &serde_json::to_vec(&receipt).unwrap());

            let verified = verify(&file, Some(&shown)).unwrap();

            let text = said(&verified);
            assert!(
                text.contains(words) && text.contains("all 40 follow"),
                "{text}"
            );
            let rank = roster.rank(fan(3)).unwrap();
            assert!(text.contains(&format!("number {rank} of 40")), "{text}");
            assert_eq!(told(&verified)["trusted"], trusted);
            assert_eq!(told(&verified)["receipt"]["rank"], rank);
        }
    }

    #[test]
    fn what_is_wrong_is_said_and_in_which_file() {
        let dir = tempfile::tempdir().unwrap();
        let (draw, roster) = published(None);
        let json = serde_json::to_string(&draw).unwrap();
        let good = kept(&dir, "good", json.as_bytes());
        for (from, to, words) in [
            ("\"count\":40", "\"count\":41", "`count` does not fit"),
            (
                "\"room\":\"derby\"",
                "\"room\":\"derbx\"",
                "`room` or `window`",
            ),
            ("\"seed\":\"", "\"seed\":\"g", "`seed` is not 64 lower-case"),
            ("\"window\"", "\"windov\"", "is not the JSON of a draw"),
            ("{", "[", "is not the JSON of a draw"),
        ] {
            let bad = kept(&dir, "bad", json.replacen(from, to, 1).as_bytes());
            let fault = doubts(&bad, None);
            assert!(fault.contains(words) && fault.contains("bad"), "{fault}");
        }
        let mut receipt = roster.receipt(fan(3)).unwrap();
        receipt.rank = receipt.rank.map(|rank| rank + 1);
        let other = kept(&dir, "other", &serde_json::to_vec(&receipt).unwrap());
        let fault = doubts(&good, Some(&other));
        assert!(fault.contains("other: `rank` of the receipt"), "{fault}");
        let doubt = verify(&good, Some(&other)).err().unwrap();
        assert_eq!(doubted(&doubt)["fields"], json!(["rank"]));

        assert!(doubts(dir.path(), None).contains("is a folder"));
        assert!(doubts(&dir.path().join("none"), None).contains("cannot be read"));
        let long = kept(&dir, "long", &vec![b' '; 65 << 10]);
        assert!(doubts(&good, Some(&long)).contains("longer than a receipt"));
        let not_text = kept(&dir, "odd", b"\x1f\x8b\x08");
        assert!(
            doubts(&not_text, None).contains("not the JSON"),
            "still compressed"
        );
    }
}
