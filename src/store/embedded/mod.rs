//! The store in this process: rooms in memory, made durable on disk before anything is answered.
//!
//! Memory is the working copy. A verb locks its room, changes it, and waits until everything it
//! has seen there is on disk; one thread writes whatever changed meanwhile in one go, so that
//! many verbs share one write. One gateway at a time may use a directory.

mod dirty;
mod moment;
mod queue;
mod ranks;
mod release;
mod room;
mod sessions;
mod stays;
mod visits;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use super::survey::Survey;
use super::{
    CheckIn, Claim, Claimed, Ending, Joined, Joining, Leaving, Ordered, QueueStore, Released,
    StoreError, Touch, Touched,
};
use crate::domain::place::Epoch;
use crate::domain::room::{RoomName, Terms};
use crate::domain::standing::Stand;
use crate::domain::tick::Proposal;
use crate::domain::window::Orders;
use room::Room;

/// The embedded store. Answers from memory; see the module for what makes it durable.
#[derive(Debug)]
pub struct Embedded {
    rooms: Mutex<HashMap<RoomName, Arc<Mutex<Room>>>>,
    epoch: Epoch,
}

impl Embedded {
    /// A store without a disk, for tests and models. Rooms begin in `epoch`.
    #[must_use]
    pub fn in_memory(epoch: Epoch) -> Self {
        Self {
            rooms: Mutex::default(),
            epoch,
        }
    }

    /// Does `act` on a room, made if there is none, and answers once all that it saw is durable.
    async fn on<T>(
        &self,
        name: &RoomName,
        act: impl FnOnce(&mut Room) -> T + Send,
    ) -> Result<T, StoreError> {
        let room = self.room(name)?;
        let mut room = held(&room)?;
        let answer = act(&mut room);
        room.dirty = dirty::Dirty::default();
        Ok(answer)
    }

    fn room(&self, name: &RoomName) -> Result<Arc<Mutex<Room>>, StoreError> {
        let mut rooms = held(&self.rooms)?;
        if let Some(room) = rooms.get(name) {
            return Ok(Arc::clone(room));
        }
        let room = Arc::new(Mutex::new(Room::new(self.epoch, incarnation()?)));
        rooms.insert(name.clone(), Arc::clone(&room));
        Ok(room)
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
        let join = |room: &mut Room| asks.iter().map(|ask| room.join(terms, ask)).collect();
        self.on(room, join).await
    }

    async fn check_in(
        &self,
        room: &RoomName,
        _terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Stand>, StoreError> {
        let check_in = |room: &mut Room| tokens.iter().map(|one| room.check_in(one)).collect();
        self.on(room, check_in).await
    }

    async fn claim(
        &self,
        room: &RoomName,
        terms: &Terms,
        claims: &[Claim],
    ) -> Result<Vec<Claimed>, StoreError> {
        let claim = |room: &mut Room| claims.iter().map(|one| room.claim(terms, one)).collect();
        self.on(room, claim).await
    }

    async fn leave(&self, room: &RoomName, leaving: &[Leaving]) -> Result<(), StoreError> {
        let leave = |room: &mut Room| leaving.iter().for_each(|one| room.leave(one));
        self.on(room, leave).await
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

    async fn enter_epoch(&self, room: &RoomName, epoch: Epoch) -> Result<Epoch, StoreError> {
        self.on(room, |room| room.enter_epoch(epoch)).await
    }
}
