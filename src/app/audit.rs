//! The audit log's file: opened once, held by one gateway, every line safe on disk before the
//! call answers.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Config;
use crate::control::audit::{BadLine, Entry, Head, Reader, Unspeakable};
use crate::control::ledger::{Ledger, LedgerFault, Lines, Page, SharedLedger};
use crate::domain::clock::{Clock, UnixTime};
use crate::token::chance::{NoChance, random_bytes};

/// The longest line that is read, in bytes: far longer than any that is written.
const LONGEST: u64 = 1024 * 1024;

/// The audit log in a file.
pub struct AuditFile {
    path: PathBuf,
    /// `None` after a fault: the next call opens and checks the file anew.
    held: Mutex<Option<Held>>,
}

/// The file while this gateway holds it.
struct Held {
    file: File,
    head: Head,
    /// Where each line begins.
    starts: Vec<u64>,
    length: u64,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error(
        "it is damaged: {0}. Keep it: move it away, look at it with `anteroom audit verify`, and a new log begins with the next change"
    )]
    Damaged(#[from] BadLine),
    #[error("another gateway writes to it: give each its own `[audit] file`")]
    Shared,
    #[error("it is no plain file")]
    Odd,
    #[error("it was written to by somebody else: it is checked anew before the next change")]
    Touched,
    #[error("{0}")]
    Disk(#[from] io::Error),
    #[error("a line could not be made: {0}")]
    Line(#[from] Unspeakable),
    #[error("{0}")]
    Chance(#[from] NoChance),
}

impl AuditFile {
    /// Opens the log at `path`, or begins it. A log that cannot be used is told in the log of the
    /// program, and refuses every change until it can: visitors are served all the same.
    #[must_use]
    pub fn open(path: PathBuf, now: UnixTime) -> Self {
        let audit = Self {
            path,
            held: Mutex::default(),
        };
        if let Err(fault) = audit.with(now, |_| Ok(())) {
            tracing::error!(%fault, "operators can change nothing until the audit log can be written");
        }
        audit
    }

    /// Does something with the file, opened and begun if need be.
    fn with<T>(
        &self,
        now: UnixTime,
        work: impl FnOnce(&mut Held) -> Result<T, Unfit>,
    ) -> Result<T, LedgerFault> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let done = match self.ready(held.take(), now) {
            Ok(mut ready) => {
                let done = work(&mut ready);
                // After a fault the file is opened and checked anew.
                *held = done.is_ok().then_some(ready);
                done
            }
            Err(fault) => Err(fault),
        };
        done.map_err(|fault| LedgerFault {
            file: self.path.display().to_string(),
            why: fault.to_string(),
        })
    }

    /// The file at the path: the one held, one that continues it where it was moved away, or
    /// whatever stands there, once it has been checked.
    fn ready(&self, held: Option<Held>, now: UnixTime) -> Result<Held, Unfit> {
        match (held, fs::metadata(&self.path)) {
            (Some(held), Ok(there)) if held.is_at(&there)? => Ok(held),
            (_, Ok(_)) => self.take_up(now),
            (Some(held), Err(fault)) if fault.kind() == io::ErrorKind::NotFound => {
                let (line, head) = held.head.turn_over(now)?;
                Held::begin(&self.path, &line, head)
            }
            (None, Err(fault)) if fault.kind() == io::ErrorKind::NotFound => {
                let (line, head) = Head::begin(random_bytes()?, now)?;
                Held::begin(&self.path, &line, head)
            }
            (_, Err(fault)) => Err(fault.into()),
        }
    }

    /// Checks an existing file from its first line to its last. An empty one is begun.
    fn take_up(&self, now: UnixTime) -> Result<Held, Unfit> {
        let file = File::options().read(true).append(true).open(&self.path)?;
        if !file.metadata()?.is_file() {
            return Err(Unfit::Odd);
        }
        lock(&file)?;
        let mut reader = Reader::default();
        let mut starts = Vec::new();
        let mut length = 0;
        verify(&file, &mut reader, |line, _| {
            starts.push(length);
            length += line.len() as u64;
        })??;
        match reader.head() {
            Some(head) => Ok(Held {
                head: head.clone(),
                file,
                starts,
                length,
            }),
            None => {
                let (line, head) = Head::begin(random_bytes()?, now)?;
                Held::first(file, &line, head)
            }
        }
    }
}

impl Held {
    /// A new file with its first line.
    fn begin(path: &Path, line: &str, head: Head) -> Result<Self, Unfit> {
        let file = File::options()
            .read(true)
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        lock(&file)?;
        let held = Self::first(file, line, head)?;
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(held)
    }

    fn first(file: File, line: &str, head: Head) -> Result<Self, Unfit> {
        let mut held = Self {
            file,
            head: head.clone(),
            starts: Vec::new(),
            length: 0,
        };
        held.append(line, head)?;
        Ok(held)
    }

    /// Whether the file found at the path is this one, as long as it was left.
    fn is_at(&self, there: &fs::Metadata) -> Result<bool, Unfit> {
        let own = self.file.metadata()?;
        let same = (own.dev(), own.ino()) == (there.dev(), there.ino());
        if same && own.len() != self.length {
            return Err(Unfit::Touched);
        }
        Ok(same)
    }

    /// Adds a line and waits until it is safe. After a fault the file is as it was, if the disk
    /// still takes that much.
    fn append(&mut self, line: &str, head: Head) -> Result<(), Unfit> {
        let written = self.file.write_all(line.as_bytes());
        if let Err(fault) = written.and_then(|()| self.file.sync_all()) {
            // Where even this fails, the check before the next change finds the torn line.
            let _ = self.file.set_len(self.length);
            return Err(fault.into());
        }
        self.starts.push(self.length);
        self.length += line.len() as u64;
        self.head = head;
        Ok(())
    }

    fn lines(&self, page: Page) -> Result<Vec<String>, Unfit> {
        let count = self.starts.len();
        let before = self.head.number.saturating_sub(count as u64);
        let skip = page.after.map_or(count.saturating_sub(page.most), |after| {
            usize::try_from(after.saturating_sub(before)).unwrap_or(count)
        });
        let end = |at: usize| self.starts.get(at + 1).copied().unwrap_or(self.length);
        let wanted = self.starts.iter().enumerate().skip(skip).take(page.most);
        wanted
            .map(|(at, start)| {
                let length = end(at).saturating_sub(*start).saturating_sub(1);
                let mut line = vec![0; usize::try_from(length).unwrap_or(0)];
                self.file.read_exact_at(&mut line, *start)?;
                String::from_utf8(line).map_err(|_| Unfit::Touched)
            })
            .collect()
    }
}

impl Ledger for AuditFile {
    fn write(&self, at: UnixTime, entry: &Entry) -> Result<Head, LedgerFault> {
        self.with(at, |held| {
            let (line, head) = held.head.add(at, entry)?;
            held.append(&line, head.clone())?;
            Ok(head)
        })
    }

    fn read(&self, page: Page, now: UnixTime) -> Result<Lines, LedgerFault> {
        self.with(now, |held| {
            Ok(Lines {
                head: held.head.clone(),
                lines: held.lines(page)?,
            })
        })
    }
}

fn lock(file: &File) -> Result<(), Unfit> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(fs::TryLockError::WouldBlock) => Err(Unfit::Shared),
        Err(fs::TryLockError::Error(fault)) => Err(fault.into()),
    }
}

/// Opens the audit log that a configuration names, or begins it.
#[must_use]
pub fn open(config: &Config, policies: &Path, clock: &Clock) -> SharedLedger {
    let file = config.audit.resolve(policies);
    Arc::new(AuditFile::open(file, clock.now().wall))
}

/// Reads a log from its first line to its last, and shows `each` good line with the head after
/// it. The inner fault is the first wrong line.
///
/// # Errors
/// When the file cannot be read.
pub fn verify(
    file: &File,
    reader: &mut Reader,
    mut each: impl FnMut(&[u8], &Head),
) -> io::Result<Result<(), BadLine>> {
    let mut text = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = text.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(Ok(()));
        }
        match reader.read(&line) {
            Ok(head) => each(&line, head),
            Err(bad) => return Ok(Err(bad)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use tempfile::TempDir;

    const NOON: UnixTime = UnixTime::from_secs(1_795_000_000);
    const ALL: Page = Page {
        after: None,
        most: 1_000,
    };

    fn outcome(of: u64) -> Entry {
        Entry::Outcome {
            of,
            status: 200,
            before: None,
            after: None,
        }
    }

    fn begun() -> (TempDir, PathBuf, AuditFile) {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("audit.jsonl");
        let audit = AuditFile::open(path.clone(), NOON);
        (dir, path, audit)
    }

    fn checked(paths: &[&Path]) -> Result<Head, BadLine> {
        let mut reader = Reader::default();
        for path in paths {
            reader.next_file();
            verify(&File::open(path).unwrap(), &mut reader, |_, _| ()).unwrap()?;
        }
        Ok(reader.head().unwrap().clone())
    }

    #[test]
    fn lines_are_kept_over_a_restart_and_read_in_pages() {
        let (_dir, path, audit) = begun();
        for number in 1..=3 {
            audit.write(NOON, &outcome(number)).unwrap();
        }
        let before = audit.read(ALL, NOON).unwrap();
        drop(audit);

        let again = AuditFile::open(path.clone(), NOON);
        assert_eq!(again.read(ALL, NOON).unwrap(), before);
        let head = again.write(NOON, &outcome(4)).unwrap();
        assert_eq!((head.number, &head.chain), (5, &before.head.chain));
        assert_eq!(checked(&[&path]).unwrap(), head);
        let of = |after, most| {
            let page = again.read(Page { after, most }, NOON).unwrap();
            let lines = page.lines.iter();
            lines
                .map(|line| serde_json::from_str::<Value>(line).unwrap()["number"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(of(None, 2), [json!(4), json!(5)]);
        assert_eq!(of(Some(1), 2), [json!(2), json!(3)]);
        assert!(of(Some(9), 2).is_empty());
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_log_that_was_moved_away_is_continued_in_a_new_file() {
        let (dir, path, audit) = begun();
        audit.write(NOON, &outcome(1)).unwrap();
        let old = dir.path().join("audit-old.jsonl");
        fs::rename(&path, &old).unwrap();

        let head = audit.write(NOON, &outcome(2)).unwrap();

        assert_eq!(head.number, 4, "a beginning, and the line");
        assert_eq!(checked(&[&old, &path]).unwrap(), head);
        let lines = audit.read(ALL, NOON).unwrap().lines;
        assert_eq!(lines.len(), 2);
        let page = Page {
            after: Some(3),
            most: 9,
        };
        assert_eq!(audit.read(page, NOON).unwrap().lines.len(), 1);
        drop(audit);
        let again = AuditFile::open(path.clone(), NOON);
        assert_eq!(again.write(NOON, &outcome(3)).unwrap().number, 5);
    }

    #[test]
    fn a_damaged_log_takes_nothing_more_until_it_is_moved_away() {
        let (dir, path, audit) = begun();
        audit.write(NOON, &outcome(1)).unwrap();
        drop(audit);
        let whole = fs::read(&path).unwrap();
        for (damage, says) in [
            (whole[..whole.len() - 9].to_vec(), "line 2: it has no end"),
            ([&whole[..], b"{}\n"].concat(), "line 3: it is no line"),
            ([b" ", &whole[..]].concat(), "line 1: "),
        ] {
            fs::write(&path, &damage).unwrap();
            let audit = AuditFile::open(path.clone(), NOON);
            let fault = audit.write(NOON, &outcome(2)).unwrap_err().to_string();
            assert!(
                fault.contains(says) && fault.contains("move it away"),
                "{fault}"
            );
            assert!(fault.contains("audit.jsonl"), "{fault}");
            assert_eq!(fs::read(&path).unwrap(), damage, "it is left as it is");

            fs::rename(&path, dir.path().join("damaged")).unwrap();
            let head = audit.write(NOON, &outcome(2)).unwrap();
            assert_eq!(head.number, 2, "a new chain");
        }
    }

    #[test]
    fn f31_a_line_that_cannot_be_written_is_a_fault_and_no_line() {
        let (dir, path, audit) = begun();
        audit.write(NOON, &outcome(1)).unwrap();
        let elsewhere = TempDir::new().unwrap();
        fs::rename(&path, elsewhere.path().join("old")).unwrap();
        fs::remove_dir(dir.path()).unwrap();
        assert!(audit.write(NOON, &outcome(2)).is_err());
        fs::create_dir(dir.path()).unwrap();
        assert!(audit.write(NOON, &outcome(2)).is_ok());

        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        for _ in 0..2 {
            let fault = audit.write(NOON, &outcome(3)).unwrap_err().to_string();
            assert!(fault.contains("no plain file"), "{fault}");
        }
    }

    #[test]
    fn two_gateways_never_write_one_log() {
        let (_dir, path, audit) = begun();
        let second = AuditFile::open(path.clone(), NOON);
        let fault = second.write(NOON, &outcome(1)).unwrap_err().to_string();
        assert!(fault.contains("another gateway"), "{fault}");
        audit.write(NOON, &outcome(1)).unwrap();

        let line = fs::read(&path).unwrap();
        fs::write(&path, [&line[..], b"more"].concat()).unwrap();
        let fault = audit.write(NOON, &outcome(2)).unwrap_err().to_string();
        assert!(fault.contains("somebody else"), "{fault}");
        let fault = audit.write(NOON, &outcome(2)).unwrap_err().to_string();
        assert!(fault.contains("line 3"), "{fault}");
    }
}
