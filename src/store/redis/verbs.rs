//! The verbs of the store, each one script.

use super::super::lobby::{Chunk, LobbyPage, MOST_PAGE, Placed};
use super::super::recovery::Recovery;
use super::super::survey::Survey;
use super::super::{
    CheckIn, Claim, Claimed, Ending, Granted, Held, Hold, Joined, Joining, Leaving, Ordered,
    Passed, Passing, QueueStore, Released, Spending, Spent, StoreError, Touch, Touched,
};
use super::reader::Odd;
use super::{
    MOST_JOINS, MOST_PLACED, Redis, answers, asks, packed, scripts, stayed, surveyed, ticked,
};
use crate::domain::place::Epoch;
use crate::domain::room::{RoomName, Terms};
use crate::domain::standing::Stand;
use crate::domain::tick::Proposal;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowId};
use async_trait::async_trait;

#[async_trait]
impl QueueStore for Redis {
    async fn join(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Joining],
    ) -> Result<Vec<Joined>, StoreError> {
        let mut joined = Vec::with_capacity(asks.len());
        let of = (room, Some(terms));
        for part in asks.chunks(self.most(of, MOST_JOINS)) {
            let call = self.to(of, &scripts::JOIN, asks::joins(part))?;
            joined.extend(self.read(call, answers::joined).await?);
        }
        if joined.len() != asks.len() {
            return Err(StoreError::Unreachable(Odd.into()));
        }
        Ok(joined)
    }

    async fn pass(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Passing],
    ) -> Result<Vec<Passed>, StoreError> {
        let what = (room, Some(terms), &*scripts::PASS);
        self.batch(what, asks, answers::passed).await
    }

    async fn check_in(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Stand>, StoreError> {
        let what = (room, Some(terms), &*scripts::CHECK_IN);
        self.batch(what, tokens, answers::stands).await
    }

    async fn step_away(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError> {
        let what = (room, Some(terms), &*scripts::STEP_AWAY);
        self.batch(what, tokens, answers::granted).await
    }

    async fn extend(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError> {
        let what = (room, Some(terms), &*scripts::EXTEND);
        self.batch(what, tokens, answers::granted).await
    }

    async fn claim(
        &self,
        room: &RoomName,
        terms: &Terms,
        claims: &[Claim],
    ) -> Result<Vec<Claimed>, StoreError> {
        let what = (room, Some(terms), &*scripts::CLAIM);
        self.batch(what, claims, stayed::claimed).await
    }

    async fn leave(&self, room: &RoomName, leaving: &[Leaving]) -> Result<(), StoreError> {
        self.tell(room, &scripts::LEAVE, leaving).await
    }

    async fn spend(
        &self,
        room: &RoomName,
        spendings: &[Spending],
    ) -> Result<Vec<Spent>, StoreError> {
        let what = (room, None, &*scripts::SPEND);
        self.batch(what, spendings, answers::spent).await
    }

    async fn release(
        &self,
        room: &RoomName,
        terms: &Terms,
        proposal: Proposal,
    ) -> Result<Released, StoreError> {
        let args = [asks::proposal(proposal)];
        let call = self.to((room, Some(terms)), &scripts::RELEASE, args)?;
        self.read(call, ticked::released).await
    }

    async fn touch(&self, room: &RoomName, touches: &[Touch]) -> Result<Vec<Touched>, StoreError> {
        let what = (room, None, &*scripts::TOUCH);
        self.batch(what, touches, stayed::touched).await
    }

    async fn hold(&self, room: &RoomName, holds: &[Hold]) -> Result<Vec<Held>, StoreError> {
        let what = (room, None, &*scripts::HOLD);
        self.batch(what, holds, stayed::held).await
    }

    async fn end(&self, room: &RoomName, endings: &[Ending]) -> Result<(), StoreError> {
        self.tell(room, &scripts::END, endings).await
    }

    async fn sweep(&self, room: &RoomName, terms: &Terms) -> Result<u64, StoreError> {
        let call = self.to((room, Some(terms)), &scripts::SWEEP, [])?;
        answers::whole(&self.make(&call).await?, call.head())
    }

    async fn survey(
        &self,
        room: &RoomName,
        terms: &Terms,
        ends_seen: u64,
    ) -> Result<Survey, StoreError> {
        let seen = asks::number(ends_seen).to_vec();
        let call = self.to(
            (room, Some(terms)),
            &scripts::SURVEY,
            [seen, self.gateway.to_vec()],
        )?;
        surveyed::survey(self.make(&call).await?, call.head())
    }

    async fn order(
        &self,
        room: &RoomName,
        orders: &Orders,
        if_version: u64,
    ) -> Result<Ordered, StoreError> {
        let args = [packed(orders)?, asks::number(if_version).to_vec()];
        let call = self.to((room, None), &scripts::ORDER, args)?;
        let ordered = answers::ordered(self.make(&call).await?, call.head())?;
        // Another version may write the same orders in other words.
        Ok(match ordered {
            Ordered::Changed(present) if *present == *orders => Ordered::Done,
            other => other,
        })
    }

    async fn recover(&self, room: &RoomName, recovery: &Recovery) -> Result<Epoch, StoreError> {
        let args = [packed(&recovery.orders)?, asks::recovery(recovery)];
        let call = self.to((room, None), &scripts::RECOVER, args)?;
        let epoch = answers::whole(&self.make(&call).await?, call.head())?;
        Ok(Epoch(u32::try_from(epoch).unwrap_or(u32::MAX)))
    }

    async fn lobby(&self, room: &RoomName, from: u32, most: u32) -> Result<LobbyPage, StoreError> {
        let page = asks::smalls([from, most.min(MOST_PAGE)]);
        let call = self.to((room, None), &scripts::LOBBY, [page])?;
        self.read(call, answers::page).await
    }

    async fn place(&self, room: &RoomName, chunk: &Chunk) -> Result<Placed, StoreError> {
        let mut from = chunk.from;
        let mut rest = chunk.visitors.as_slice();
        loop {
            let (part, later) = rest.split_at(rest.len().min(MOST_PLACED));
            let call = self.to(
                (room, None),
                &scripts::PLACE,
                asks::places(chunk, from, part),
            )?;
            let upto = answers::whole(&self.make(&call).await?, call.head())?;
            let upto = u32::try_from(upto).unwrap_or(u32::MAX);
            from = from.saturating_add(u32::try_from(part.len()).unwrap_or(u32::MAX));
            if upto < from || later.is_empty() {
                return Ok(Placed { upto });
            }
            rest = later;
        }
    }

    async fn roster(
        &self,
        room: &RoomName,
        window: WindowId,
        from: u32,
        most: u32,
    ) -> Result<Vec<VisitorId>, StoreError> {
        let page = asks::smalls([window.0, from, most.min(MOST_PAGE)]);
        let call = self.to((room, None), &scripts::ROSTER, [page])?;
        self.read(call, answers::visitors).await
    }
}
