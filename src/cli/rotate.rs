//! `anteroom keys rotate`: new signing keys beside the old ones, and the end of the oldest.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;

use super::keys::{AlgorithmArg, load, write};
use super::policies::read_dir;
use crate::config;
use crate::domain::clock::UnixTime;
use crate::domain::session::LEEWAY;
use crate::text::excerpt::{Severity, excerpts};
use crate::token::chance::random_bytes;
use crate::token::keyfile::generate;
use crate::token::{AdmissionAlgorithm, Duty, KeyLine, Purpose};

/// The longest idle limit that policies may name.
const LONGEST_IDLE: Duration = Duration::from_hours(30 * 24);

/// What is replaced. Identity and draw stay: other keys would rename every session and break
/// commitments that were published.
const REPLACED: [Purpose; 2] = [Purpose::Queue, Purpose::Admission];

/// How keys are replaced.
#[derive(Args, Debug)]
pub struct RotateArgs {
    /// The folder.
    #[arg(long, default_value = "./keys")]
    dir: PathBuf,
    /// In how many seconds the new keys begin to sign. Until then every gateway must have read
    /// them: copy the folder, then `anteroom reload` or restart.
    #[arg(long, value_name = "SECONDS", default_value_t = 600,
        value_parser = clap::value_parser!(u64).range(0..=2_592_000))]
    signs_in: u64,
    /// How admission tokens are signed; as before unless given.
    #[arg(long, value_enum)]
    algorithm: Option<AlgorithmArg>,
    /// Makes no keys, but removes those that no living token can need.
    #[arg(long, conflicts_with_all = ["signs_in", "algorithm"])]
    prune: bool,
    #[command(flatten)]
    stay: StayArgs,
}

/// How long admissions may live, which decides when a key is needed no more.
#[derive(Args, Debug)]
pub struct StayArgs {
    /// The policies, to know how long sessions may last; without them the longest that policies
    /// may say is assumed.
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
}

impl StayArgs {
    /// The longest that an admission token may be honoured after it was signed: the idle limit,
    /// and as long again while the store is away.
    ///
    /// # Errors
    /// When the policies cannot be read or used.
    pub fn longest(&self) -> anyhow::Result<Duration> {
        let Some(dir) = &self.policies else {
            return Ok(LONGEST_IDLE * 2 + LEEWAY);
        };
        let sources = read_dir(dir)?;
        let checked = config::read(&sources).map_err(|faults| {
            anyhow!(
                "{}{}",
                excerpts(&faults, &sources, Severity::Fault),
                faults.summary("fault")
            )
        })?;
        let rooms = checked.config.rooms.iter();
        let longest = rooms.map(|room| room.terms.session.idle).max();
        Ok(longest.unwrap_or_default() * 2 + LEEWAY)
    }
}

/// Runs `anteroom keys rotate` at `now`; says what was done.
///
/// # Errors
/// When the folder is not sound, or a rotation is under way; each message says what to do.
pub fn run(args: &RotateArgs, now: UnixTime) -> anyhow::Result<String> {
    if args.prune {
        return prune(&args.dir, args.stay.longest()?, now);
    }
    let from = now.after(Duration::from_secs(args.signs_in));
    let made = rotate(&args.dir, args.algorithm.map(Into::into), now, from)?;
    let mut text = String::new();
    for path in made {
        text.push_str(&format!("made {}\n", path.display()));
    }
    text.push_str(&match args.signs_in {
        0 => "Warning: the new keys sign from now on. A gateway that has not read them refuses what others sign with them: run `anteroom reload` on every gateway at once.\n".to_owned(),
        _ => format!(
            "They sign from {} on. Every gateway must have read them by then: give each this folder, then `anteroom reload` or restart.\n",
            from.rfc3339()
        ),
    });
    text.push_str(
        "The old keys go on verifying; `keys rotate --prune` removes them when it may.\n",
    );
    Ok(text)
}

/// Makes a new key for queue and admission tokens, to sign from `from` on. What is there stays.
///
/// # Errors
/// When the folder is not sound as it is, or holds a key whose time is still to come.
pub fn rotate(
    dir: &Path,
    algorithm: Option<AdmissionAlgorithm>,
    now: UnixTime,
    from: UnixTime,
) -> anyhow::Result<Vec<PathBuf>> {
    let keyring = load(dir)?;
    let coming = keyring.lines().iter().find(|line| begins_after(line, now));
    if let Some(line) = coming {
        bail!(
            "{} signs only from a later time on (`anteroom keys list`), and nothing was changed: wait until then, or, if no gateway has it yet, remove its file",
            line.file
        );
    }
    let newest = keyring
        .lines()
        .iter()
        .rfind(|line| line.purpose == Purpose::Admission);
    let before = match newest {
        Some(line) if line.algorithm == AdmissionAlgorithm::Hs256.word() => {
            AdmissionAlgorithm::Hs256
        }
        Some(_) | None => AdmissionAlgorithm::EdDsa,
    };
    let algorithm = algorithm.unwrap_or(before);
    let files = generate(now, &REPLACED, algorithm, &mut random_bytes::<32>)?;
    let files = files.into_iter().map(|file| file.signing_from(from));
    let made = files
        .map(|file| write(dir, &file))
        .collect::<anyhow::Result<Vec<_>>>()?;
    fs::File::open(dir)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot make the folder {} safe", dir.display()))?;
    load(dir)?;
    Ok(made)
}

fn begins_after(line: &KeyLine, now: UnixTime) -> bool {
    match line.duty {
        Duty::Signs { from, .. } => from > now,
        Duty::InUse | Duty::Spare => false,
    }
}

/// Removes the keys that no living token can need.
///
/// # Errors
/// When the folder is not sound, or a file cannot be removed.
fn prune(dir: &Path, longest: Duration, now: UnixTime) -> anyhow::Result<String> {
    let mut text = String::new();
    for line in load(dir)?.lines() {
        let path = dir.join(&line.file);
        let shown = path.display();
        match line.needless_at(longest) {
            Some(at) if at < now => {
                fs::remove_file(&path).with_context(|| format!("cannot remove {shown}"))?;
                text.push_str(&format!("removed {shown}\n"));
            }
            Some(at) => text.push_str(&format!("kept {shown}: needed until {}\n", at.rfc3339())),
            None => {}
        }
    }
    if text.is_empty() {
        text.push_str("No key has been replaced: nothing to remove.\n");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::keys::{generate as make, row};
    use crate::domain::clock::Clock;

    const HOUR: Duration = Duration::from_hours(1);

    fn files(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_rotation_adds_two_keys_and_the_old_ones_go_when_nothing_needs_them() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        make(dir, AdmissionAlgorithm::Hs256).unwrap();
        let before = files(dir);
        let now = Clock::machine().now().wall.after(HOUR);
        let from = now.after(Duration::from_secs(600));

        let made = rotate(dir, None, now, from).unwrap();

        assert_eq!((made.len(), files(dir).len()), (2, 6));
        let keyring = load(dir).unwrap();
        let duty = |nth: usize| keyring.lines()[nth].duty;
        let (old, new) = (duty(0), duty(1));
        assert!(
            matches!(old, Duty::Signs { until: Some(until), .. } if until.secs() == from.secs())
        );
        assert!(matches!(new, Duty::Signs { until: None, from: at } if at.secs() == from.secs()));
        assert_eq!(keyring.lines()[3].algorithm, "HS256", "as before");
        assert_eq!([duty(4), duty(5)], [Duty::InUse; 2]);
        let again = rotate(dir, None, now, from).unwrap_err().to_string();
        assert!(again.contains("nothing was changed"), "{again}");

        let longest = Duration::from_secs(605);
        let early = prune(dir, longest, from).unwrap();
        assert_eq!(early.matches("kept").count(), 2, "{early}");
        let day = from.after(HOUR * 23);
        let text = prune(dir, longest, day).unwrap();
        assert!(
            text.contains("removed") && text.contains("admission-"),
            "{text}"
        );
        assert_eq!(files(dir).len(), 5, "queue tokens live a day");
        prune(dir, longest, from.after(HOUR * 25)).unwrap();
        assert_eq!(files(dir).len(), 4);
        let kept = files(dir);
        assert_eq!(kept.iter().filter(|name| before.contains(name)).count(), 2);
        assert!(load(dir).is_ok());
        let none = prune(dir, longest, from.after(HOUR * 999)).unwrap();
        assert!(none.contains("nothing to remove"), "{none}");
    }

    #[test]
    fn a_folder_that_is_not_sound_is_left_as_it_is_t15() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let now = Clock::machine().now().wall;
        let none = rotate(home.path(), None, now, now).unwrap_err().to_string();
        assert!(none.contains("keys generate"), "{none}");
        let made = make(home.path(), AdmissionAlgorithm::EdDsa).unwrap();
        fs::set_permissions(&made[0], fs::Permissions::from_mode(0o644)).unwrap();
        let open = rotate(home.path(), None, now, now).unwrap_err().to_string();
        assert!(open.contains("chmod 600"), "{open}");
        assert_eq!(files(home.path()).len(), 4);
    }

    #[test]
    fn the_list_says_when_each_key_signs_and_may_go() {
        let home = tempfile::tempdir().unwrap();
        make(home.path(), AdmissionAlgorithm::EdDsa).unwrap();
        let now = Clock::machine().now().wall;
        let from = now.after(HOUR);
        rotate(home.path(), None, now, from).unwrap();
        let keyring = load(home.path()).unwrap();
        let told = |nth: usize, now| row(&keyring.lines()[nth], HOUR, now);
        let at = from.rfc3339();
        assert!(
            told(0, now).contains(&format!("signs until {at}")),
            "{}",
            told(0, now)
        );
        assert!(told(0, now).contains("needed until"));
        assert!(
            told(1, now).contains(&format!("signs from {at}")),
            "{}",
            told(1, now)
        );
        let after = from.after(HOUR * 30);
        assert!(
            told(0, after).contains("may be removed"),
            "{}",
            told(0, after)
        );
        assert!(told(1, after).ends_with("signs"), "{}", told(1, after));
        assert!(told(4, now).ends_with("in use"));
    }

    #[test]
    fn the_longest_session_comes_from_the_policies() {
        let none = StayArgs { policies: None };
        assert!(none.longest().unwrap() > LONGEST_IDLE);
        let house = StayArgs {
            policies: Some("policies".into()),
        };
        assert_eq!(house.longest().unwrap(), Duration::from_secs(605));
    }
}
