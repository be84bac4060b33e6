//! The store in this process: rooms in memory, made durable on disk before anything is answered.
//!
//! Memory is the working copy. A verb locks its room, changes it, and waits until everything it
//! has seen there is on disk; one thread writes whatever changed meanwhile in one go, so that
//! many verbs share one write. One gateway at a time may use a directory.

mod absence;
mod commit;
mod dirty;
mod disk;
mod draw;
mod encode;
mod entry;
mod load;
mod lobby;
mod moment;
mod pass;
mod queue;
mod ranks;
mod recover;
mod release;
mod room;
mod rows;
mod sessions;
mod spent;
mod stays;
#[cfg(test)]
mod tests;
mod visits;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use redb::Database;

use super::lobby::{Chunk, LobbyPage, Placed};
use super::recovery::Recovery;
use super::survey::Survey;
use super::{
    CheckIn, Claim, Claimed, Ending, Granted, Held, Hold, Joined, Joining, Leaving, Ordered,
    Passed, Passing, QueueStore, Released, Spending, Spent, StoreError, Touch, Touched,
};
use crate::domain::place::Epoch;
use crate::domain::room::{RoomName, Terms};
use crate::domain::standing::Stand;
use crate::domain::tick::Proposal;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowId};
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

#[async_trait]
impl QueueStore for Embedded {
    async fn join(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Joining],
    ) -> Result<Vec<Joined>, StoreError> {
        let newest = asks.iter().map(|ask| ask.window).max();
        let join = |room: &mut Room| {
            room.has_reached(newest)?;
            Ok(asks.iter().map(|ask| room.join(terms, ask)).collect())
        };
        self.on(room, join).await?
    }

    async fn pass(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Passing],
    ) -> Result<Vec<Passed>, StoreError> {
        let newest = asks.iter().map(|ask| ask.joining.window).max();
        let pass = |room: &mut Room| {
            room.has_reached(newest)?;
            Ok(asks.iter().map(|ask| room.pass(terms, ask)).collect())
        };
        self.on(room, pass).await?
    }

    async fn check_in(
        &self,
        room: &RoomName,
        _terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Stand>, StoreError> {
        let check_in = |room: &mut Room| {
            tokens.iter().try_for_each(|one| room.has_made(one))?;
            Ok(tokens.iter().map(|one| room.check_in(one)).collect())
        };
        self.on(room, check_in).await?
    }

    async fn step_away(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError> {
        let step_away = |room: &mut Room| {
            tokens.iter().try_for_each(|one| room.has_made(one))?;
            let step_away = |token| room.step_away(terms, token);
            Ok(tokens.iter().map(step_away).collect())
        };
        self.on(room, step_away).await?
    }

    async fn extend(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError> {
        let extend = |room: &mut Room| {
            tokens.iter().try_for_each(|one| room.has_made(one))?;
            Ok(tokens.iter().map(|one| room.extend(terms, one)).collect())
        };
        self.on(room, extend).await?
    }

    async fn claim(
        &self,
        room: &RoomName,
        terms: &Terms,
        claims: &[Claim],
    ) -> Result<Vec<Claimed>, StoreError> {
        let newest = claims.iter().map(|claim| claim.window).max();
        let claim = |room: &mut Room| {
            room.has_reached(newest)?;
            Ok(claims.iter().map(|one| room.claim(terms, one)).collect())
        };
        self.on(room, claim).await?
    }

    async fn leave(&self, room: &RoomName, leaving: &[Leaving]) -> Result<(), StoreError> {
        let leave = |room: &mut Room| leaving.iter().for_each(|one| room.leave(one));
        self.on(room, leave).await
    }

    async fn spend(
        &self,
        room: &RoomName,
        spendings: &[Spending],
    ) -> Result<Vec<Spent>, StoreError> {
        let newest = spendings.iter().map(|one| one.window).max();
        let spend = |room: &mut Room| {
            room.has_reached(newest)?;
            Ok(spendings.iter().map(|one| room.spend(one)).collect())
        };
        self.on(room, spend).await?
    }

    async fn release(
        &self,
        room: &RoomName,
        terms: &Terms,
        proposal: Proposal,
    ) -> Result<Released, StoreError> {
        self.on(room, |room| room.release(terms, proposal)).await
    }

    async fn touch(&self, room: &RoomName, touches: &[Touch]) -> Result<Vec<Touched>, StoreError> {
        let touch = |room: &mut Room| touches.iter().map(|one| room.touch(one)).collect();
        self.on(room, touch).await
    }

    async fn hold(&self, room: &RoomName, holds: &[Hold]) -> Result<Vec<Held>, StoreError> {
        let keep = |room: &mut Room| holds.iter().map(|one| room.keep(one)).collect();
        self.on(room, keep).await
    }

    async fn end(&self, room: &RoomName, endings: &[Ending]) -> Result<(), StoreError> {
        let end = |room: &mut Room| endings.iter().for_each(|one| room.end(one));
        self.on(room, end).await
    }

    async fn sweep(&self, room: &RoomName, _terms: &Terms) -> Result<u64, StoreError> {
        self.on(room, Room::sweep).await
    }

    async fn survey(
        &self,
        room: &RoomName,
        terms: &Terms,
        ends_seen: u64,
    ) -> Result<Survey, StoreError> {
        self.on(room, |room| room.survey(terms, ends_seen)).await
    }

    async fn order(
        &self,
        room: &RoomName,
        orders: &Orders,
        if_version: u64,
    ) -> Result<Ordered, StoreError> {
        let (ordered, _dismissed) = self.on(room, |room| room.order(orders, if_version)).await?;
        Ok(ordered)
    }

    async fn recover(&self, room: &RoomName, recovery: &Recovery) -> Result<Epoch, StoreError> {
        self.on(room, |room| room.recover(recovery)).await
    }

    async fn lobby(&self, room: &RoomName, from: u32, most: u32) -> Result<LobbyPage, StoreError> {
        self.on(room, |room| room.lobby_page(from, most)).await
    }

    async fn place(&self, room: &RoomName, chunk: &Chunk) -> Result<Placed, StoreError> {
        self.on(room, |room| room.place(chunk)).await
    }

    async fn roster(
        &self,
        room: &RoomName,
        window: WindowId,
        from: u32,
        most: u32,
    ) -> Result<Vec<VisitorId>, StoreError> {
        self.on(room, |room| room.roster_page(window, from, most))
            .await
    }
}
