//! The store in this process: rooms in memory, made durable on disk before anything is answered.
//!
//! Memory is the working copy. A verb locks its room, changes it, and waits until everything it
//! has seen there is on disk; one thread writes whatever changed meanwhile in one go, so that
//! many verbs share one write. One gateway at a time may use a directory.

mod absence;
mod call;
mod commit;
mod dirty;
mod disk;
mod draw;
mod encode;
mod entry;
mod lanes;
mod load;
mod lobby;
mod moment;
mod pass;
mod place;
mod queue;
mod ranks;
mod recover;
mod release;
mod room;
mod rows;
mod sessions;
mod spent;
mod stays;
mod surveyed;
mod sweep;
#[cfg(test)]
mod tests;
mod verbs;
mod visits;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use redb::Database;

use super::StoreError;
use crate::domain::place::Epoch;
use crate::domain::room::RoomName;
use commit::{Kept, Ledger, Rooms};
use disk::{Folder, Opener};
use load::Loaded;
use room::Room;

pub use disk::OpenError;

/// The embedded store. Dropping it writes what is left, and gives the directory back.
#[derive(Debug)]
pub struct Embedded {
    // Dropped first: its thread ends before the directory is given back.
    ledger: Option<Ledger>,
    rooms: Arc<Rooms>,
    epoch: Epoch,
    _folder: Option<Folder>,
}

impl Embedded {
    /// Opens the store in the directory `path`, made if there is none; rooms that it does not
    /// know yet begin in `epoch`. Reads the whole file: a second or so for each million visitors.
    ///
    /// # Errors
    /// [`OpenError`]: another gateway uses it, or the file is damaged, foreign or too new.
    pub fn open(path: &Path, epoch: Epoch) -> Result<Self, OpenError> {
        let folder = Folder::take(path)?;
        let open = folder.opener();
        let (database, loaded) = load::load(&folder.file, &open)?;
        let store = Self::over(database, open, loaded, epoch)?;
        Ok(Self {
            _folder: Some(folder),
            ..store
        })
    }

    /// A store without a disk, for tests and models. Rooms begin in `epoch`.
    #[must_use]
    pub fn in_memory(epoch: Epoch) -> Self {
        Self {
            ledger: None,
            rooms: Arc::default(),
            epoch,
            _folder: None,
        }
    }

    fn over(
        database: Database,
        open: Opener,
        loaded: Vec<Loaded>,
        epoch: Epoch,
    ) -> Result<Self, OpenError> {
        let kept = loaded.into_iter().map(|(name, number, room)| {
            let kept = Kept::new(name.clone(), number, room);
            (name, Arc::new(kept))
        });
        let rooms: Arc<Rooms> = Arc::new(Mutex::new(kept.collect()));
        let ledger = Ledger::start(database, open, Arc::clone(&rooms));
        Ok(Self {
            ledger: Some(ledger.map_err(|fault| OpenError::System(fault.into()))?),
            rooms,
            epoch,
            _folder: None,
        })
    }

    /// Does `act` on a room, made if there is none, and answers once all that it saw is durable.
    async fn on<T>(
        &self,
        name: &RoomName,
        act: impl FnOnce(&mut Room) -> T + Send,
    ) -> Result<T, StoreError> {
        let kept = self.kept(name)?;
        let (answer, version) = {
            let mut room = held(&kept.room)?;
            match &self.ledger {
                Some(ledger) => ledger.ready()?,
                None => room.dirty.clear(),
            }
            let answer = act(&mut room);
            (answer, room.version)
        };
        if let Some(ledger) = &self.ledger {
            ledger.durable(&kept, version).await?;
        }
        Ok(answer)
    }

    fn kept(&self, name: &RoomName) -> Result<Arc<Kept>, StoreError> {
        let mut rooms = held(&self.rooms)?;
        if let Some(kept) = rooms.get(name) {
            return Ok(Arc::clone(kept));
        }
        let highest = rooms.values().map(|kept| kept.number).max();
        let number = highest.map_or(1, |number| number + 1);
        let room = Room::new(self.epoch, incarnation()?);
        let kept = Arc::new(Kept::new(name.clone(), number, room));
        rooms.insert(name.clone(), Arc::clone(&kept));
        Ok(kept)
    }
}

/// Locks; a lock given up by a panic may guard half a change and is never used again.
fn held<T>(lock: &Mutex<T>) -> Result<MutexGuard<'_, T>, StoreError> {
    lock.lock()
        .map_err(|_| StoreError::Unreachable("an earlier fault left the room half changed".into()))
}

fn incarnation() -> Result<u64, StoreError> {
    let mut bytes = [0; 8];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| StoreError::Unreachable("the system gives no random numbers".into()))?;
    Ok(u64::from_le_bytes(bytes))
}
