//! What every store must do, told as stories that run on each of them by name.
//!
//! A new store is added to [`for_every_store`] and nothing else. Time is the room's own: a story
//! moves it by ticks, so none of them sleeps.

mod absence;
mod drawing;
mod holding;
mod lanes;
mod model;
mod ordering;
mod passing;
mod queueing;
mod recovering;
mod releasing;
mod rounds;
mod spending;
mod staying;

use std::num::NonZeroU32;
use std::time::Duration;

use super::embedded::Embedded;
use super::recovery::{Recovery, Rest};
use super::redis::databases;
use super::survey::Survey;
use super::{
    CheckIn, Claim, Claimed, Granted, Joined, Joining, Leaving, Ordered, QueueStore, Released,
    ShownBy, StoreError,
};
use crate::domain::clock::UnixTime;
use crate::domain::lane::Lane;
use crate::domain::pace::{Pace, TICK};
use crate::domain::place::{Epoch, Place, Turn};
use crate::domain::room::{RoomName, Terms};
use crate::domain::session::{Jti, SessionTerms};
use crate::domain::standing::{EndedBy, Stand, Standing};
use crate::domain::tick::{Lead, Proposal, TickState};
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowId, WindowState};

/// How a story ends: a store that cannot answer fails it.
pub(crate) type Told = Result<(), StoreError>;

/// The epoch every store begins in.
pub(crate) const EPOCH: Epoch = Epoch(100);

/// How long a visitor was told to wait until the next poll.
pub(crate) const PROMISED: Duration = Duration::from_secs(2);

/// Tells the story to every store, each of them new.
pub(crate) async fn for_every_store(story: impl AsyncFn(&dyn QueueStore) -> Told) {
    let folder = tempfile::tempdir().unwrap();
    let stores: [(&str, Box<dyn QueueStore>); 3] = [
        ("embedded, in memory", Box::new(Embedded::in_memory(EPOCH))),
        (
            "embedded, on disk",
            Box::new(Embedded::open(folder.path(), EPOCH).unwrap()),
        ),
        ("redis", Box::new(databases::store(EPOCH).await)),
    ];
    for (name, store) in stores {
        let told = story(&*store).await;
        assert!(told.is_ok(), "{name}: {told:?}");
    }
}

/// The visitor of this number.
pub(crate) fn visitor(number: u32) -> VisitorId {
    VisitorId::from_bytes(u128::from(number).to_be_bytes())
}

/// The session of a visitor's turn.
pub(crate) fn jti(number: u32, turn: Turn) -> Jti {
    let name = u128::from(number) << 32 | u128::from(turn.0) | 1 << 100;
    Jti(name.to_be_bytes())
}

/// The next tick after `ticks`, proposed by the gateway that won the last one.
pub(crate) fn proposal(ticks: &TickState, elapsed: Duration) -> Proposal {
    let elapsed = u64::try_from(elapsed.as_micros()).unwrap();
    Proposal {
        seen_tick: ticks.tick,
        elapsed,
        waited: elapsed,
        lead: Lead::Kept,
    }
}

/// One room of a store, and what its stories do to it.
pub(crate) struct Stage<'a> {
    pub(crate) store: &'a dyn QueueStore,
    pub(crate) room: RoomName,
    pub(crate) terms: Terms,
    pub(crate) window: WindowId,
}

impl<'a> Stage<'a> {
    /// An open room that releases `per_tick` visitors each 250 ms.
    pub(crate) async fn open(store: &'a dyn QueueStore, per_tick: u32) -> Result<Self, StoreError> {
        let session = SessionTerms {
            idle: Duration::from_secs(5),
            absolute: Duration::from_secs(20),
            claim_window: Duration::from_secs(2),
            hold_max: Duration::from_secs(15),
            max_networks: None,
        };
        let mut stage = Self {
            store,
            room: "derby".parse().unwrap(),
            terms: Terms {
                session,
                max_waiting: 1_000,
                ..Terms::of_pace(Pace::per_minute(240 * per_tick).unwrap())
            },
            window: WindowId(7),
        };
        stage.turn_to(WindowState::Open).await?;
        Ok(stage)
    }

    pub(crate) fn holding(mut self, capacity: u32) -> Self {
        self.terms.capacity = NonZeroU32::new(capacity);
        self
    }

    /// Writes changed orders, and lets the room take notice of them.
    pub(crate) async fn order(&mut self, change: impl FnOnce(&mut Orders)) -> Told {
        let mut orders = self.survey().await?.orders;
        let version = orders.version;
        orders.window = self.window;
        change(&mut orders);
        orders.version += 1;
        let done = self.store.order(&self.room, &orders, version).await?;
        assert_eq!(done, Ordered::Done);
        self.window = orders.window;
        self.tick_of(Duration::ZERO).await?;
        Ok(())
    }

    pub(crate) async fn turn_to(&mut self, state: WindowState) -> Told {
        self.order(|orders| orders.state = state).await
    }

    pub(crate) async fn survey(&self) -> Result<Survey, StoreError> {
        self.store.survey(&self.room, &self.terms, 0).await
    }

    /// Enters an epoch without any rest; the epoch after it.
    pub(crate) async fn enters(&self, epoch: u32) -> Result<Epoch, StoreError> {
        let recovery = Recovery {
            epoch: Epoch(epoch),
            orders: Orders::default(),
            pause: Duration::ZERO,
            rest: Rest::AfterLoss,
            inside: 0,
            inside_for: Duration::ZERO,
        };
        self.store.recover(&self.room, &recovery).await
    }

    /// (waiting, found absent, released, active).
    pub(crate) async fn counts(&self) -> Result<(u64, u64, u64, u64), StoreError> {
        let seen = self.survey().await?;
        Ok((seen.waiting, seen.absent, seen.released, seen.active))
    }

    pub(crate) fn joining(&self, number: u32) -> Joining {
        Joining {
            visitor: visitor(number),
            window: self.window,
            lane: Lane::GENERAL,
            promised: PROMISED,
        }
    }

    pub(crate) async fn try_join(&self, number: u32) -> Result<Joined, StoreError> {
        self.try_join_in(number, Lane::GENERAL).await
    }

    /// Asks for a place in a lane.
    pub(crate) async fn try_join_in(&self, number: u32, lane: Lane) -> Result<Joined, StoreError> {
        let asks = [Joining {
            lane,
            ..self.joining(number)
        }];
        let joined = self.store.join(&self.room, &self.terms, &asks).await?;
        Ok(joined[0])
    }

    /// Joins, and says where the visitor stands.
    pub(crate) async fn join(&self, number: u32) -> Result<Stand, StoreError> {
        match self.try_join(number).await? {
            Joined::Stands(stand) => Ok(stand),
            turned_away => panic!("{number} may not join: {turned_away:?}"),
        }
    }

    /// Joins a crowd in the order of their numbers.
    pub(crate) async fn crowd(
        &self,
        numbers: std::ops::RangeInclusive<u32>,
    ) -> Result<Vec<Place>, StoreError> {
        self.crowd_in(Lane::GENERAL, numbers).await
    }

    /// The same in a lane.
    pub(crate) async fn crowd_in(
        &self,
        lane: Lane,
        numbers: std::ops::RangeInclusive<u32>,
    ) -> Result<Vec<Place>, StoreError> {
        let asks = numbers.map(|number| Joining {
            lane,
            ..self.joining(number)
        });
        let asks: Vec<_> = asks.collect();
        let joined = self.store.join(&self.room, &self.terms, &asks).await?;
        let place = |joined: &Joined| match joined {
            Joined::Stands(stand) => stand.place.unwrap(),
            turned_away => panic!("turned away: {turned_away:?}"),
        };
        Ok(joined.iter().map(place).collect())
    }

    /// The token that a visitor in its first turn got with `place`.
    pub(crate) fn token(&self, number: u32, place: Place) -> CheckIn {
        CheckIn {
            visitor: visitor(number),
            window: self.window,
            lane: Lane::GENERAL,
            epoch: EPOCH,
            turn: Turn::FIRST,
            place,
            tick: 0,
            promised: PROMISED,
            shown_by: ShownBy::Page,
        }
    }

    pub(crate) async fn check_in(&self, token: CheckIn) -> Result<Stand, StoreError> {
        let stands = self
            .store
            .check_in(&self.room, &self.terms, &[token])
            .await?;
        Ok(stands[0])
    }

    /// Checks in with a visitor's first token.
    pub(crate) async fn shows(&self, number: u32, place: Place) -> Result<Standing, StoreError> {
        Ok(self.check_in(self.token(number, place)).await?.standing)
    }

    pub(crate) async fn step_away(&self, token: CheckIn) -> Result<Granted, StoreError> {
        let tokens = [token];
        let granted = self.store.step_away(&self.room, &self.terms, &tokens);
        Ok(granted.await?[0])
    }

    pub(crate) async fn extend(&self, token: CheckIn) -> Result<Granted, StoreError> {
        let granted = self.store.extend(&self.room, &self.terms, &[token]).await?;
        Ok(granted[0])
    }

    pub(crate) fn claiming(&self, number: u32, at: u64) -> Claim {
        Claim {
            visitor: visitor(number),
            window: self.window,
            turn: Turn::FIRST,
            session: jti(number, Turn::FIRST),
            at: UnixTime::from_secs(at),
        }
    }

    pub(crate) async fn claim(&self, number: u32, at: u64) -> Result<Claimed, StoreError> {
        let claims = [self.claiming(number, at)];
        let claimed = self.store.claim(&self.room, &self.terms, &claims).await?;
        Ok(claimed[0])
    }

    /// Claims at second 1,000, and must get in.
    pub(crate) async fn enter(&self, number: u32) -> Told {
        let claimed = self.claim(number, 1_000).await?;
        assert!(matches!(claimed, Claimed::Admitted { .. }), "{claimed:?}");
        Ok(())
    }

    pub(crate) async fn leave(&self, number: u32) -> Told {
        let leaving = Leaving {
            visitor: visitor(number),
            window: self.window,
            turn: Turn::FIRST,
        };
        self.store.leave(&self.room, &[leaving]).await
    }

    /// One tick of `elapsed`; who was released.
    pub(crate) async fn tick_of(&self, elapsed: Duration) -> Result<Vec<VisitorId>, StoreError> {
        let released = self.propose(elapsed).await?;
        assert!(released.won);
        Ok(released.batch)
    }

    pub(crate) async fn propose(&self, elapsed: Duration) -> Result<Released, StoreError> {
        let ticks = self.survey().await?.ticks;
        let next = proposal(&ticks, elapsed);
        self.store.release(&self.room, &self.terms, next).await
    }

    /// One ordinary tick; who was released.
    pub(crate) async fn tick(&self) -> Result<Vec<VisitorId>, StoreError> {
        self.tick_of(TICK).await
    }

    /// Lets whole seconds of room time pass; who was released meanwhile.
    pub(crate) async fn pass(&self, seconds: u32) -> Result<Vec<VisitorId>, StoreError> {
        let mut released = Vec::new();
        for _ in 0..seconds {
            released.extend(self.tick_of(Duration::from_secs(1)).await?);
        }
        Ok(released)
    }
}

/// Waiting, with so many ahead.
pub(crate) fn waiting(ahead: u64) -> Standing {
    Standing::Waiting { ahead }
}

/// Over, for this reason.
pub(crate) fn ended(why: EndedBy) -> Standing {
    Standing::Ended(why)
}

/// The visitors of these numbers.
pub(crate) fn visitors(numbers: impl IntoIterator<Item = u32>) -> Vec<VisitorId> {
    numbers.into_iter().map(visitor).collect()
}
