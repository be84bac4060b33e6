//! The verbs of the store, each one change of a room.

use super::super::lobby::{Chunk, LobbyPage, Placed};
use super::super::recovery::Recovery;
use super::super::survey::Survey;
use super::super::{
    CheckIn, Claim, Claimed, Ending, Granted, Held, Hold, Joined, Joining, Leaving, Ordered,
    Passed, Passing, QueueStore, Released, Spending, Spent, StoreError, Touch, Touched,
};
use super::Embedded;
use super::room::Room;
use crate::domain::place::Epoch;
use crate::domain::room::{RoomName, Terms};
use crate::domain::standing::Stand;
use crate::domain::tick::Proposal;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowId};
use async_trait::async_trait;

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
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Stand>, StoreError> {
        let check_in = |room: &mut Room| {
            tokens.iter().try_for_each(|one| room.has_made(one))?;
            Ok(tokens.iter().map(|one| room.check_in(terms, one)).collect())
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
