//! `anteroom keys`: makes, replaces and lists the keys that tokens are signed with.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use zeroize::Zeroizing;

use super::rotate::{self, RotateArgs, StayArgs};
use crate::domain::clock::{Clock, UnixTime};
use crate::token::chance::random_bytes;
use crate::token::keyfile;
use crate::token::{AdmissionAlgorithm, Duty, KeyFile, KeyLine, Keyring, Purpose};

/// The most that is read of one key file, in bytes. A key has under 200.
const LONGEST_FILE: u64 = 16_384;

/// Makes, replaces and lists keys.
#[derive(Args, Debug)]
pub struct KeysArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Makes the keys that a folder lacks; those that are there stay as they are.
    Generate {
        /// The folder; it is made when it is not there.
        #[arg(long, default_value = "./keys")]
        dir: PathBuf,
        /// How admission tokens are signed.
        #[arg(long, value_enum, default_value_t = AlgorithmArg::Eddsa)]
        algorithm: AlgorithmArg,
    },
    /// Makes keys that take over from those that sign now, at a time when every gateway has
    /// them.
    Rotate(RotateArgs),
    /// Lists keys by purpose, oldest first, without showing them.
    List {
        /// The folder.
        #[arg(long, default_value = "./keys")]
        dir: PathBuf,
        #[command(flatten)]
        stay: StayArgs,
    },
}

/// `--algorithm` of `keys generate` and `keys rotate`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum AlgorithmArg {
    /// Ed25519: the site can check tokens with the public key.
    Eddsa,
    /// HMAC-SHA-256: only who holds the secret can check.
    Hs256,
}

impl From<AlgorithmArg> for AdmissionAlgorithm {
    fn from(algorithm: AlgorithmArg) -> Self {
        match algorithm {
            AlgorithmArg::Eddsa => Self::EdDsa,
            AlgorithmArg::Hs256 => Self::Hs256,
        }
    }
}

/// Runs `anteroom keys` and prints what was done.
///
/// # Errors
/// When keys cannot be made or read; each message says what to do.
pub fn run(args: &KeysArgs) -> anyhow::Result<()> {
    match &args.verb {
        Verb::Generate { dir, algorithm } => {
            for path in generate(dir, (*algorithm).into())? {
                println!("made {}", path.display());
            }
            println!("Keep this folder secret, back it up, and give every gateway the same one.");
        }
        Verb::Rotate(args) => print!("{}", rotate::run(args, Clock::machine().now().wall)?),
        Verb::List { dir, stay } => {
            let (longest, now) = (stay.longest()?, Clock::machine().now().wall);
            for line in list(dir)? {
                println!("{}", row(&line, longest, now));
            }
        }
    }
    Ok(())
}

/// One key, given the longest life of an admission token.
pub(super) fn row(line: &KeyLine, longest: Duration, now: UnixTime) -> String {
    let role = match line.duty {
        Duty::InUse => "in use".to_owned(),
        Duty::Spare => "not used".to_owned(),
        Duty::Signs { from, .. } if from > now => format!("signs from {}", from.rfc3339()),
        Duty::Signs { until: None, .. } => "signs".to_owned(),
        Duty::Signs {
            until: Some(until), ..
        } => match line.needless_at(longest) {
            Some(at) if at < now => "may be removed".to_owned(),
            needless => format!(
                "{} until {}, needed until {}",
                if until > now { "signs" } else { "signed" },
                until.rfc3339(),
                needless.unwrap_or(until).rfc3339()
            ),
        },
    };
    let KeyLine {
        purpose,
        kid,
        algorithm,
        ..
    } = line;
    format!(
        "{:9}  {:32}  {algorithm:12}  made {}  {role}",
        purpose.word(),
        kid.as_str(),
        kid.made().rfc3339()
    )
}

/// Makes a key for every purpose that has none in `dir`, which it creates (mode 0700) when it is
/// not there. Files have mode 0600. Returns the files made; it never writes over one.
///
/// # Errors
/// When no key is missing, or the folder cannot be read or written.
pub fn generate(dir: &Path, algorithm: AdmissionAlgorithm) -> anyhow::Result<Vec<PathBuf>> {
    let shown = dir.display();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot make the folder {shown}"))?;
    let present: BTreeSet<Purpose> = read(dir)?.iter().filter_map(KeyFile::purpose).collect();
    let missing: Vec<Purpose> = Purpose::ALL
        .into_iter()
        .filter(|purpose| !present.contains(purpose))
        .collect();
    if missing.is_empty() {
        bail!(
            "keys exist in {shown}, and nothing was changed: without them every token signed so far would be refused"
        );
    }
    let now = Clock::machine().now().wall;
    let files = keyfile::generate(now, &missing, algorithm, &mut random_bytes::<32>)?;
    files.iter().map(|file| write(dir, file)).collect()
}

/// Reads the keyring of a folder: every `.key` and `.pem` file in it.
///
/// # Errors
/// When the folder cannot be read, and for every fault in it at once.
pub fn load(dir: &Path) -> anyhow::Result<Keyring> {
    let shown = dir.display();
    let advice =
        || format!("no keys in {shown}: make them with `anteroom keys generate --dir {shown}`");
    let there = dir
        .try_exists()
        .with_context(|| format!("cannot read the folder {shown}"))?;
    if !there {
        bail!(advice());
    }
    let files = read(dir)?;
    if files.is_empty() {
        bail!(advice());
    }
    Keyring::read(&files).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(|fault| format!("  {fault}")).collect();
        anyhow::anyhow!("the keys in {shown} cannot be used:\n{}", lines.join("\n"))
    })
}

/// Every key of a folder by purpose, oldest first.
///
/// # Errors
/// As [`load`].
pub fn list(dir: &Path) -> anyhow::Result<Vec<KeyLine>> {
    load(dir).map(|keyring| keyring.lines().to_vec())
}

fn read(dir: &Path) -> anyhow::Result<Vec<KeyFile>> {
    let cannot = || format!("cannot read the folder {}", dir.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let is_key = path
            .extension()
            .is_some_and(|kind| kind == "key" || kind == "pem");
        if is_key {
            files.push(read_file(&path)?);
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

fn read_file(path: &Path) -> anyhow::Result<KeyFile> {
    let cannot = || format!("cannot read the key {}", path.display());
    let file = fs::File::open(path).with_context(cannot)?;
    let mode = file.metadata().with_context(cannot)?.permissions().mode();
    let mut text = Zeroizing::new(String::new());
    file.take(LONGEST_FILE)
        .read_to_string(&mut text)
        .with_context(cannot)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(KeyFile {
        name: name.into_owned(),
        text,
        mode: mode & 0o7777,
    })
}

pub(super) fn write(dir: &Path, key: &KeyFile) -> anyhow::Result<PathBuf> {
    let path = dir.join(&key.name);
    let cannot = || format!("cannot write the key {}", path.display());
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(key.mode)
        .open(&path)
        .with_context(cannot)?;
    file.write_all(key.text.as_bytes()).with_context(cannot)?;
    file.sync_all().with_context(cannot)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        keys: KeysArgs,
    }

    #[test]
    fn the_command_makes_keys_that_load_and_can_be_listed() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("deep/keys");
        let arg = dir.to_str().unwrap();

        run(&Line::parse_from(["keys", "generate", "--dir", arg]).keys).unwrap();

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        for entry in fs::read_dir(&dir).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
        let lines = list(&dir).unwrap();
        let purposes: Vec<Purpose> = lines.iter().map(|line| line.purpose).collect();
        assert_eq!(purposes, Purpose::ALL);
        let now = Clock::machine().now().wall;
        let rows: Vec<String> = lines
            .iter()
            .map(|line| row(line, Duration::ZERO, now))
            .collect();
        assert!(rows[0].ends_with("signs") && rows[3].ends_with("in use"));
        assert!(rows[1].contains("EdDSA") && rows[1].contains("made 20"));
        run(&Line::parse_from(["keys", "list", "--dir", arg]).keys).unwrap();
    }

    #[test]
    fn keys_that_exist_are_never_written_over_and_missing_ones_are_filled_in() {
        let home = tempfile::tempdir().unwrap();
        generate(home.path(), AdmissionAlgorithm::Hs256).unwrap();
        let before = read(home.path()).unwrap();

        let again = generate(home.path(), AdmissionAlgorithm::EdDsa).unwrap_err();

        assert!(again.to_string().contains("keys exist"), "{again}");
        assert_eq!(read(home.path()).unwrap(), before);

        let queue = before
            .iter()
            .find(|file| file.name.starts_with("queue-"))
            .unwrap();
        fs::remove_file(home.path().join(&queue.name)).unwrap();
        let fault = load(home.path()).unwrap_err().to_string();
        assert!(fault.contains("no queue key"), "{fault}");
        assert_eq!(
            generate(home.path(), AdmissionAlgorithm::Hs256)
                .unwrap()
                .len(),
            1
        );
        load(home.path()).unwrap();
    }

    #[test]
    fn t15_no_keys_says_the_one_command_and_an_open_file_says_chmod() {
        let home = tempfile::tempdir().unwrap();
        for dir in [home.path().to_owned(), home.path().join("none")] {
            let fault = load(&dir).unwrap_err().to_string();
            let command = format!("anteroom keys generate --dir {}", dir.display());
            assert!(fault.contains(&command), "{fault}");
        }

        let made = generate(home.path(), AdmissionAlgorithm::EdDsa).unwrap();
        for path in &made {
            fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
        }
        let fault = load(home.path()).unwrap_err().to_string();
        assert_eq!(fault.matches("chmod 600").count(), 4, "{fault}");
    }
}
