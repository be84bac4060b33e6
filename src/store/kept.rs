//! What each gateway keeps of its rooms on its own disk, so that a store which lost everything
//! can be told again: one small JSON file a room, and its frozen lobby.
//!
//! A file is written whole under another name and then renamed, so that it is never half there.
//! Reading and writing block: they are done off the async threads.

mod lobby;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::clock::UnixTime;
use crate::domain::place::Epoch;
use crate::domain::room::RoomName;
use crate::domain::session::Jti;
use crate::domain::standing::EndedBy;
use crate::domain::window::Orders;

pub use lobby::KeptLobby;

/// What a file says first.
const FORMAT: &str = "anteroom kept 1";

/// Damaged files of one room that are set aside at most; a further one takes the last one's name.
const MOST_ASIDE: u32 = 100;

/// What is kept of one room.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The newest standing orders.
    pub orders: Orders,
    /// The store's data they were seen in.
    pub incarnation: u64,
    /// The room's epoch then.
    pub epoch: Epoch,
    /// Sessions that ended before their tokens did.
    pub ended: Vec<KeptEnd>,
}

/// One session that ended before its token did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptEnd {
    /// Which.
    pub session: Jti,
    /// Why.
    pub why: EndedBy,
    /// Until when such a token might be honoured.
    pub until: UnixTime,
}

/// Why a room's file cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// It cannot be read, made or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },

    /// It is not what a gateway wrote. It was set aside.
    #[error("{} is damaged ({reason}); it was set aside as {}", path.display(), aside.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it is now.
        aside: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The shape of a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: String,
    room: String,
    incarnation: u64,
    epoch: u32,
    orders: Orders,
    ended: Vec<WrittenEnd>,
}

/// Session, until when, and why: version 0.1 did not write the last.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenEnd {
    Why(String, u64, String),
    Bare(String, u64),
}

impl WrittenEnd {
    fn of(end: &KeptEnd) -> Self {
        let why = end.why.word().to_owned();
        Self::Why(end.session.to_string(), end.until.millis(), why)
    }

    fn read(&self) -> Result<KeptEnd, &'static str> {
        let (session, until, why) = match self {
            Self::Why(session, until, why) => (session, until, EndedBy::parse(why)),
            Self::Bare(session, until) => (session, until, Some(EndedBy::Completed)),
        };
        Ok(KeptEnd {
            session: Jti::parse(session).ok_or("a session's name is unreadable")?,
            why: why.ok_or("why a session ended is unreadable")?,
            until: UnixTime::from_millis(*until),
        })
    }
}

/// The folder of one gateway's files.
#[derive(Clone, Debug)]
pub struct Keeper {
    folder: PathBuf,
}

impl Keeper {
    /// Keeps files in `folder`, which is made at the first write.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// What was kept of a room; `None` when nothing was. A damaged file is set aside, never
    /// deleted.
    ///
    /// # Errors
    /// [`KeptError`]; the room goes on without a memory.
    pub fn read(&self, room: &RoomName) -> Result<Option<Kept>, KeptError> {
        let path = self.path(room);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(KeptError::File { path, source }),
        };
        match parse(room, &text) {
            Ok(kept) => Ok(Some(kept)),
            Err(reason) => Err(self.set_aside(path, reason)),
        }
    }

    /// Writes what is to be kept of a room; once this has returned it is on disk.
    ///
    /// # Errors
    /// [`KeptError::File`]; the old file stays.
    pub fn write(&self, room: &RoomName, kept: &Kept) -> Result<(), KeptError> {
        let path = self.path(room);
        let written = text(room, kept).and_then(|text| self.put(&path, &text));
        written.map_err(|source| KeptError::File { path, source })
    }

    /// Writes a file whole under another name, and then renames it.
    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = &self.folder;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let new = folder.join(format!(".{name}.{}.new", std::process::id()));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(folder)?.sync_all()
    }

    fn path(&self, room: &RoomName) -> PathBuf {
        self.folder.join(format!("{room}.json"))
    }

    fn set_aside(&self, path: PathBuf, reason: String) -> KeptError {
        let free = (1..MOST_ASIDE)
            .map(|number| numbered(&path, number))
            .find(|name| !name.exists());
        let aside = free.unwrap_or_else(|| numbered(&path, MOST_ASIDE));
        match fs::rename(&path, &aside) {
            Ok(()) => KeptError::Damaged {
                path,
                aside,
                reason,
            },
            Err(source) => KeptError::File { path, source },
        }
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    path.with_added_extension(format!("damaged-{number}"))
}

fn text(room: &RoomName, kept: &Kept) -> io::Result<Vec<u8>> {
    let written = Written {
        format: FORMAT.to_owned(),
        room: room.to_string(),
        incarnation: kept.incarnation,
        epoch: kept.epoch.0,
        orders: kept.orders.clone(),
        ended: kept.ended.iter().map(WrittenEnd::of).collect(),
    };
    Ok(serde_json::to_vec(&written)?)
}

fn parse(room: &RoomName, text: &[u8]) -> Result<Kept, String> {
    let written: Written = serde_json::from_slice(text).map_err(|fault| fault.to_string())?;
    if written.format != FORMAT {
        return Err(format!("it is of the format `{}`", written.format));
    }
    if written.room != room.as_str() {
        return Err(format!("it speaks of the room `{}`", written.room));
    }
    let ended: Result<_, _> = written.ended.iter().map(WrittenEnd::read).collect();
    Ok(Kept {
        orders: written.orders,
        incarnation: written.incarnation,
        epoch: Epoch(written.epoch),
        ended: ended?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::window::{WindowId, WindowState};

    fn derby() -> RoomName {
        "derby".parse().unwrap()
    }

    fn kept() -> Kept {
        Kept {
            orders: Orders {
                version: 7,
                window: WindowId(900),
                state: WindowState::Paused,
                message: Some("Back soon \u{1f3ab}".into()),
                ..Orders::default()
            },
            incarnation: u64::MAX,
            epoch: Epoch(901),
            ended: vec![KeptEnd {
                session: Jti([0xab; 16]),
                why: EndedBy::Revoked,
                until: UnixTime::from_secs(1_800_000_000),
            }],
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_kept_is_read_again_and_nothing_else_lies_about() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::new(folder.path().join("kept"));
        assert_eq!(keeper.read(&derby()).unwrap(), None);

        keeper.write(&derby(), &kept()).unwrap();
        let later = Kept {
            epoch: Epoch(902),
            ..kept()
        };
        keeper.write(&derby(), &later).unwrap();

        assert_eq!(keeper.read(&derby()).unwrap(), Some(later));
        assert_eq!(names(&folder.path().join("kept")), ["derby.json"]);
    }

    #[test]
    fn ends_without_a_reason_are_read_too() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::new(folder.path().to_owned());
        keeper.write(&derby(), &kept()).unwrap();
        let path = folder.path().join("derby.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(",\"revoked\"]", "]")).unwrap();

        let [end] = keeper.read(&derby()).unwrap().unwrap().ended[..] else {
            panic!("one end was kept")
        };

        assert_eq!(
            (end.session, end.why),
            (Jti([0xab; 16]), EndedBy::Completed)
        );
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::new(folder.path().to_owned());
        keeper.write(&derby(), &kept()).unwrap();
        let path = folder.path().join("derby.json");
        let whole = fs::read(&path).unwrap();
        let other_room = String::from_utf8(whole.clone()).unwrap();
        let other_room = other_room.replace("\"derby\"", "\"final\"");
        let cut = whole.get(..40).unwrap();
        for (number, bad) in [(1, cut), (2, b"".as_slice()), (3, other_room.as_bytes())] {
            fs::write(&path, bad).unwrap();
            let fault = keeper.read(&derby()).unwrap_err().to_string();
            let aside = format!("derby.json.damaged-{number}");
            assert!(
                fault.contains("derby.json is damaged") && fault.contains(&aside),
                "{fault}"
            );
            assert_eq!(fs::read(folder.path().join(aside)).unwrap(), bad);
            assert_eq!(keeper.read(&derby()).unwrap(), None);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_a_fault_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kept");
        fs::write(&file, "not a folder").unwrap();
        let fault = Keeper::new(file).write(&derby(), &kept()).unwrap_err();
        assert!(fault.to_string().contains("kept/derby.json"), "{fault}");
    }
}
