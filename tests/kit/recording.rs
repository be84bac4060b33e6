//! A store that remembers who was released and when.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use anteroom::domain::clock::Clock;
use anteroom::domain::place::{Epoch, Place};
use anteroom::domain::room::{RoomName, Terms};
use anteroom::domain::standing::Stand;
use anteroom::domain::tick::Proposal;
use anteroom::domain::visitor::VisitorId;
use anteroom::domain::window::{Orders, WindowId};
use anteroom::store::embedded::Embedded;
use anteroom::store::lobby::{Chunk, LobbyPage, Placed};
use anteroom::store::recovery::Recovery;
use anteroom::store::survey::Survey;
use anteroom::store::{
    CheckIn, Claim, Claimed, Ending, Granted, Held, Hold, Joined, Joining, Leaving, Ordered,
    Passed, Passing, QueueStore, Released, Spending, Spent, StoreError, Touch, Touched,
};
use async_trait::async_trait;

/// One accepted tick.
#[derive(Clone, Debug)]
pub struct Release {
    /// Before the store was asked.
    pub before: Duration,
    /// After it had answered.
    pub after: Duration,
    /// Who was released, in order.
    pub batch: Vec<VisitorId>,
}

/// The embedded store, with a diary.
pub struct Recording {
    store: Embedded,
    clock: Clock,
    diary: Mutex<Vec<Release>>,
    places: Mutex<HashMap<VisitorId, Place>>,
}

impl Recording {
    /// Keeps `store`, and the time by `clock`.
    pub fn of(store: Embedded, clock: Clock) -> Self {
        Self {
            store,
            clock,
            diary: Mutex::default(),
            places: Mutex::default(),
        }
    }

    /// Every tick that let somebody in.
    pub fn releases(&self) -> Vec<Release> {
        self.diary.lock().unwrap().clone()
    }

    /// The place of everybody who ever joined.
    pub fn places(&self) -> HashMap<VisitorId, Place> {
        self.places.lock().unwrap().clone()
    }
}

#[async_trait]
impl QueueStore for Recording {
    async fn release(
        &self,
        room: &RoomName,
        terms: &Terms,
        proposal: Proposal,
    ) -> Result<Released, StoreError> {
        let before = self.clock.now().mono;
        let released = self.store.release(room, terms, proposal).await?;
        if !released.batch.is_empty() {
            self.diary.lock().unwrap().push(Release {
                before,
                after: self.clock.now().mono,
                batch: released.batch.clone(),
            });
        }
        Ok(released)
    }

    async fn join(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Joining],
    ) -> Result<Vec<Joined>, StoreError> {
        let joined = self.store.join(room, terms, asks).await?;
        for (ask, outcome) in asks.iter().zip(&joined) {
            if let Joined::Stands(Stand {
                place: Some(place), ..
            }) = outcome
            {
                self.places.lock().unwrap().insert(ask.visitor, *place);
            }
        }
        Ok(joined)
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
