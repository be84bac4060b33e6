//! The file under the embedded store: one `redb` database, written in two phases, so that a
//! commit which was acknowledged is never taken back and damage is never mistaken for a crash.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, StorageError, TableDefinition};

use super::encode::{BlockKey, MemberKey, SessionKey, VisitorKey};
use crate::store::BoxError;

/// Format and other facts of the file as a whole.
const ABOUT: TableDefinition<&str, &str> = TableDefinition::new("about");
pub(super) const ROOMS: TableDefinition<&str, &[u8]> = TableDefinition::new("rooms");
pub(super) const VISITORS: TableDefinition<&VisitorKey, &[u8]> = TableDefinition::new("visitors");
pub(super) const SESSIONS: TableDefinition<&SessionKey, &[u8]> = TableDefinition::new("sessions");
pub(super) const ENDS: TableDefinition<&SessionKey, &[u8]> = TableDefinition::new("ends");
pub(super) const USES: TableDefinition<&SessionKey, &[u8]> = TableDefinition::new("uses");
pub(super) const LOBBIES: TableDefinition<&MemberKey, &[u8]> = TableDefinition::new("lobbies");
pub(super) const ROSTERS: TableDefinition<&BlockKey, &[u8]> = TableDefinition::new("rosters");

/// What `ABOUT` says under `format`.
const FORMAT: &str = "anteroom 2";

/// Memory for pages of the file: small, for the rooms themselves are all in memory.
const CACHE: usize = 32 << 20;

/// Why the embedded store cannot be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a file in it cannot be made, read or written.
    #[error("cannot use the store directory {}", path.display())]
    Folder {
        /// The directory.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },

    /// Another process has it open.
    #[error("another gateway uses the store in {}: an embedded store serves one gateway only", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },

    /// The file is no store of Anteroom's, or was damaged.
    #[error(
        "the store file {} cannot be used: {reason}. Restore it from a backup, or move it away and start again: the rooms' orders come back from this gateway's `kept` folder, and each place with its visitor's next poll",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },

    /// Another version of Anteroom wrote it.
    #[error("the store file {} was written by another version of Anteroom ({format}): run that version, or move the file away", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The format found.
        format: String,
    },

    /// The system gives no random numbers or no thread.
    #[error("the store cannot be started")]
    System(#[source] BoxError),
}

/// How the database is opened, at the start and again after a failed write.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send>;

/// A store's directory, held by this process until it is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) file: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the directory and the file if there are none, and takes the directory for this
    /// process.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let folder = |source| OpenError::Folder {
            path: path.to_owned(),
            source,
        };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(folder)?;
        let lock = private(&path.join("anteroom.lock")).map_err(folder)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let path = path.to_owned();
                return Err(OpenError::InUse { path });
            }
            Err(TryLockError::Error(source)) => return Err(folder(source)),
        }
        let file = path.join("anteroom.redb");
        if !file.try_exists().map_err(folder)? {
            make(path, &file)?;
        }
        Ok(Self { file, _lock: lock })
    }

    /// Opens the file, after checking every page of it.
    pub(super) fn opener(&self) -> Opener {
        let file = self.file.clone();
        Box::new(move || builder().open(&file))
    }
}

/// How every database of ours is opened.
pub(super) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder
        .set_cache_size(CACHE)
        .set_check_integrity_on_open(true);
    builder
}

/// Makes an empty store under another name and gives it its own once it is whole, so that a file
/// of that name is never half made.
fn make(folder: &Path, file: &Path) -> Result<(), OpenError> {
    let failed = |source: BoxError| OpenError::Folder {
        path: folder.to_owned(),
        source: io::Error::other(source),
    };
    let new = folder.join("anteroom.redb.new");
    let begun = || -> Result<(), BoxError> {
        let backend = private(&new)?;
        backend.set_len(0)?;
        let database = builder().create_with_backend(FileBackend::new(backend)?)?;
        begin(&database)?;
        database.close()?;
        fs::rename(&new, file)?;
        File::open(folder)?.sync_all()?;
        Ok(())
    };
    begun().map_err(failed)
}

/// Writes the tables of an empty store.
pub(super) fn begin(database: &Database) -> Result<(), BoxError> {
    let mut write = database.begin_write()?;
    write.set_two_phase_commit(true);
    write.open_table(ABOUT)?.insert("format", FORMAT)?;
    write.open_table(ROOMS)?;
    write.open_table(VISITORS)?;
    write.open_table(SESSIONS)?;
    write.open_table(ENDS)?;
    write.open_table(USES)?;
    write.open_table(LOBBIES)?;
    write.open_table(ROSTERS)?;
    write.commit()?;
    Ok(())
}

/// Opens or makes a file that only its owner may read.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Refuses files that are not ours, or of another version.
pub(super) fn check_format(read: &redb::ReadTransaction, file: &Path) -> Result<(), OpenError> {
    let about = read
        .open_table(ABOUT)
        .map_err(|fault| damaged(file, &fault))?;
    let format = about.get("format").map_err(|fault| damaged(file, &fault))?;
    match format {
        Some(format) if format.value() == FORMAT => Ok(()),
        Some(format) => Err(OpenError::Foreign {
            path: file.to_owned(),
            format: format.value().to_owned(),
        }),
        None => Err(damaged(file, &"it does not say what it is")),
    }
}

/// A fault of the file, told by what was found.
pub(super) fn damaged(file: &Path, reason: &(impl ToString + ?Sized)) -> OpenError {
    OpenError::Damaged {
        path: file.to_owned(),
        reason: reason.to_string(),
    }
}

/// Tells a file in use and a file out of reach from a damaged one.
pub(super) fn open_fault(file: &Path, fault: &DatabaseError) -> OpenError {
    match fault {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse {
            path: file.to_owned(),
        },
        DatabaseError::Storage(StorageError::Io(source)) if !tells_damage(source.kind()) => {
            OpenError::Folder {
                path: file.to_owned(),
                source: io::Error::new(source.kind(), source.to_string()),
            }
        }
        _ => damaged(file, fault),
    }
}

/// Whether this is the database's word for bytes that are not its own, or are missing.
const fn tells_damage(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(kind, InvalidData | InvalidInput | UnexpectedEof)
}
