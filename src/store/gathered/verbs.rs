//! The verbs of the store: joins are gathered, all else goes straight on.

use super::super::lobby::{Chunk, LobbyPage, Placed};
use super::super::recovery::Recovery;
use super::super::survey::Survey;
use super::super::{
    CheckIn, Claim, Claimed, Ending, Granted, Held, Hold, Joined, Joining, Leaving, Ordered,
    Passed, Passing, QueueStore, Released, Spending, Spent, StoreError, Touch, Touched,
};
use super::{Caller, Gathered};
use crate::domain::place::Epoch;
use crate::domain::room::{RoomName, Terms};
use crate::domain::standing::Stand;
use crate::domain::tick::Proposal;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowId};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::oneshot;

#[async_trait]
impl<S: QueueStore + ?Sized> QueueStore for Gathered<S> {
    async fn join(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Joining],
    ) -> Result<Vec<Joined>, StoreError> {
        if asks.is_empty() {
            return Ok(Vec::new());
        }
        let many = u32::try_from(asks.len()).unwrap_or(u32::MAX);
        let waits = Arc::clone(&self.room_to_wait).try_acquire_many_owned(many);
        let crowded = || StoreError::Unreachable("too many joins wait for the store".into());
        let (answer, told) = oneshot::channel();
        let caller = Caller {
            terms: *terms,
            asks: asks.to_vec(),
            answer,
            _room_to_wait: waits.map_err(|_| crowded())?,
        };
        self.hand_on(room, caller)?;
        let ended = |_| StoreError::Unreachable("the join was given up".into());
        told.await.map_err(ended)?
    }

    async fn pass(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Passing],
    ) -> Result<Vec<Passed>, StoreError> {
        self.store.pass(room, terms, asks).await
    }

    async fn check_in(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Stand>, StoreError> {
        self.store.check_in(room, terms, tokens).await
    }

    async fn step_away(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError> {
        self.store.step_away(room, terms, tokens).await
    }

    async fn extend(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError> {
        self.store.extend(room, terms, tokens).await
    }

    async fn claim(
        &self,
        room: &RoomName,
        terms: &Terms,
        claims: &[Claim],
    ) -> Result<Vec<Claimed>, StoreError> {
        self.store.claim(room, terms, claims).await
    }

    async fn leave(&self, room: &RoomName, leaving: &[Leaving]) -> Result<(), StoreError> {
        self.store.leave(room, leaving).await
    }

    async fn spend(
        &self,
        room: &RoomName,
        spendings: &[Spending],
    ) -> Result<Vec<Spent>, StoreError> {
        self.store.spend(room, spendings).await
    }

    async fn release(
        &self,
        room: &RoomName,
        terms: &Terms,
        proposal: Proposal,
    ) -> Result<Released, StoreError> {
        self.store.release(room, terms, proposal).await
    }

    async fn touch(&self, room: &RoomName, touches: &[Touch]) -> Result<Vec<Touched>, StoreError> {
        self.store.touch(room, touches).await
    }

    async fn hold(&self, room: &RoomName, holds: &[Hold]) -> Result<Vec<Held>, StoreError> {
        self.store.hold(room, holds).await
    }

    async fn end(&self, room: &RoomName, endings: &[Ending]) -> Result<(), StoreError> {
        self.store.end(room, endings).await
    }

    async fn sweep(&self, room: &RoomName, terms: &Terms) -> Result<u64, StoreError> {
        self.store.sweep(room, terms).await
    }

    async fn survey(
        &self,
        room: &RoomName,
        terms: &Terms,
        ends_seen: u64,
    ) -> Result<Survey, StoreError> {
        self.store.survey(room, terms, ends_seen).await
    }

    async fn order(
        &self,
        room: &RoomName,
        orders: &Orders,
        if_version: u64,
    ) -> Result<Ordered, StoreError> {
        self.store.order(room, orders, if_version).await
    }

    async fn recover(&self, room: &RoomName, recovery: &Recovery) -> Result<Epoch, StoreError> {
        self.store.recover(room, recovery).await
    }

    async fn lobby(&self, room: &RoomName, from: u32, most: u32) -> Result<LobbyPage, StoreError> {
        self.store.lobby(room, from, most).await
    }

    async fn place(&self, room: &RoomName, chunk: &Chunk) -> Result<Placed, StoreError> {
        self.store.place(room, chunk).await
    }

    async fn roster(
        &self,
        room: &RoomName,
        window: WindowId,
        from: u32,
        most: u32,
    ) -> Result<Vec<VisitorId>, StoreError> {
        self.store.roster(room, window, from, most).await
    }
}
