//! A store that counts and times every call of the one it wraps, and waits for none of them
//! longer than its deadline.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::labels::Verb;
use super::metrics::Metrics;
use crate::domain::clock::Clock;
use crate::domain::place::Epoch;
use crate::domain::room::{RoomName, Terms};
use crate::domain::standing::Stand;
use crate::domain::tick::Proposal;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowId};
use crate::store::lobby::{Chunk, LobbyPage, Placed};
use crate::store::recovery::Recovery;
use crate::store::survey::Survey;
use crate::store::{
    CheckIn, Claim, Claimed, Ending, Granted, Held, Hold, Joined, Joining, Leaving, Ordered,
    Passed, Passing, QueueStore, Released, Spending, Spent, StoreError, Touch, Touched,
};

/// How long a call of the store is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For verbs that a visitor waits for: join, check-in, claim, leave, spend, hold.
    pub visitor: Duration,
    /// For the rest.
    pub other: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            visitor: Duration::from_secs(2),
            other: Duration::from_secs(5),
        }
    }
}

impl Deadlines {
    const fn of(self, verb: Verb) -> Duration {
        match verb {
            Verb::Join
            | Verb::Pass
            | Verb::CheckIn
            | Verb::StepAway
            | Verb::Extend
            | Verb::Claim
            | Verb::Leave
            | Verb::Spend
            | Verb::Hold => self.visitor,
            Verb::Release
            | Verb::Touch
            | Verb::End
            | Verb::Sweep
            | Verb::Survey
            | Verb::Order
            | Verb::Recover
            | Verb::Lobby
            | Verb::Place
            | Verb::Roster => self.other,
        }
    }
}

/// A store with a meter and a deadline on every call.
pub struct Metered<S: ?Sized> {
    metrics: Arc<Metrics>,
    clock: Clock,
    deadlines: Deadlines,
    store: Arc<S>,
}

impl<S: QueueStore + ?Sized> Metered<S> {
    /// `store`, counted in `metrics` and timed by `clock`, under the default deadlines.
    #[must_use]
    pub fn new(store: Arc<S>, metrics: Arc<Metrics>, clock: Clock) -> Self {
        Self {
            metrics,
            clock,
            deadlines: Deadlines::default(),
            store,
        }
    }

    /// The same with other deadlines.
    #[must_use]
    pub fn with_deadlines(self, deadlines: Deadlines) -> Self {
        Self { deadlines, ..self }
    }

    /// Waits for one call. A call given up may still take effect: the trait says that every verb
    /// may be sent again.
    async fn meter<T>(
        &self,
        verb: Verb,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let began = self.clock.now().mono;
        let waited = self.deadlines.of(verb);
        let answer = tokio::time::timeout(waited, call)
            .await
            .unwrap_or(Err(StoreError::Timeout { waited }));
        let took = self.clock.now().mono.saturating_sub(began);
        self.metrics.store_called(verb, &answer, took);
        answer
    }
}

#[async_trait]
impl<S: QueueStore + ?Sized> QueueStore for Metered<S> {
    async fn join(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Joining],
    ) -> Result<Vec<Joined>, StoreError> {
        self.meter(Verb::Join, self.store.join(room, terms, asks))
            .await
    }

    async fn pass(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Passing],
    ) -> Result<Vec<Passed>, StoreError> {
        self.meter(Verb::Pass, self.store.pass(room, terms, asks))
            .await
    }

    async fn check_in(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Stand>, StoreError> {
        self.meter(Verb::CheckIn, self.store.check_in(room, terms, tokens))
            .await
    }

    async fn step_away(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError> {
        self.meter(Verb::StepAway, self.store.step_away(room, terms, tokens))
            .await
    }

    async fn extend(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError> {
        self.meter(Verb::Extend, self.store.extend(room, terms, tokens))
            .await
    }

    async fn claim(
        &self,
        room: &RoomName,
        terms: &Terms,
        claims: &[Claim],
    ) -> Result<Vec<Claimed>, StoreError> {
        self.meter(Verb::Claim, self.store.claim(room, terms, claims))
            .await
    }

    async fn leave(&self, room: &RoomName, leaving: &[Leaving]) -> Result<(), StoreError> {
        self.meter(Verb::Leave, self.store.leave(room, leaving))
            .await
    }

    async fn spend(
        &self,
        room: &RoomName,
        spendings: &[Spending],
    ) -> Result<Vec<Spent>, StoreError> {
        self.meter(Verb::Spend, self.store.spend(room, spendings))
            .await
    }

    async fn release(
        &self,
        room: &RoomName,
        terms: &Terms,
        proposal: Proposal,
    ) -> Result<Released, StoreError> {
        self.meter(Verb::Release, self.store.release(room, terms, proposal))
            .await
    }

    async fn touch(&self, room: &RoomName, touches: &[Touch]) -> Result<Vec<Touched>, StoreError> {
        self.meter(Verb::Touch, self.store.touch(room, touches))
            .await
    }

    async fn hold(&self, room: &RoomName, holds: &[Hold]) -> Result<Vec<Held>, StoreError> {
        self.meter(Verb::Hold, self.store.hold(room, holds)).await
    }

    async fn end(&self, room: &RoomName, endings: &[Ending]) -> Result<(), StoreError> {
        self.meter(Verb::End, self.store.end(room, endings)).await
    }

    async fn sweep(&self, room: &RoomName, terms: &Terms) -> Result<u64, StoreError> {
        self.meter(Verb::Sweep, self.store.sweep(room, terms)).await
    }

    async fn survey(
        &self,
        room: &RoomName,
        terms: &Terms,
        ends_seen: u64,
    ) -> Result<Survey, StoreError> {
        self.meter(Verb::Survey, self.store.survey(room, terms, ends_seen))
            .await
    }

    async fn order(
        &self,
        room: &RoomName,
        orders: &Orders,
        if_version: u64,
    ) -> Result<Ordered, StoreError> {
        self.meter(Verb::Order, self.store.order(room, orders, if_version))
            .await
    }

    async fn recover(&self, room: &RoomName, recovery: &Recovery) -> Result<Epoch, StoreError> {
        self.meter(Verb::Recover, self.store.recover(room, recovery))
            .await
    }

    async fn lobby(&self, room: &RoomName, from: u32, most: u32) -> Result<LobbyPage, StoreError> {
        self.meter(Verb::Lobby, self.store.lobby(room, from, most))
            .await
    }

    async fn place(&self, room: &RoomName, chunk: &Chunk) -> Result<Placed, StoreError> {
        self.meter(Verb::Place, self.store.place(room, chunk)).await
    }

    async fn roster(
        &self,
        room: &RoomName,
        window: WindowId,
        from: u32,
        most: u32,
    ) -> Result<Vec<VisitorId>, StoreError> {
        self.meter(Verb::Roster, self.store.roster(room, window, from, most))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::UnixTime;

    /// Answers `leave` and never answers `survey`; nothing else is asked of it.
    struct HalfDeaf;

    #[async_trait]
    impl QueueStore for HalfDeaf {
        async fn join(
            &self,
            _: &RoomName,
            _: &Terms,
            _: &[Joining],
        ) -> Result<Vec<Joined>, StoreError> {
            Err(StoreError::Unreachable("it is down".into()))
        }
        async fn pass(
            &self,
            _: &RoomName,
            _: &Terms,
            _: &[Passing],
        ) -> Result<Vec<Passed>, StoreError> {
            unreachable!()
        }

        async fn check_in(
            &self,
            _: &RoomName,
            _: &Terms,
            _: &[CheckIn],
        ) -> Result<Vec<Stand>, StoreError> {
            unreachable!()
        }
        async fn step_away(
            &self,
            _: &RoomName,
            _: &Terms,
            _: &[CheckIn],
        ) -> Result<Vec<Granted>, StoreError> {
            unreachable!()
        }
        async fn extend(
            &self,
            _: &RoomName,
            _: &Terms,
            _: &[CheckIn],
        ) -> Result<Vec<Granted>, StoreError> {
            unreachable!()
        }
        async fn claim(
            &self,
            _: &RoomName,
            _: &Terms,
            _: &[Claim],
        ) -> Result<Vec<Claimed>, StoreError> {
            unreachable!()
        }
        async fn leave(&self, _: &RoomName, _: &[Leaving]) -> Result<(), StoreError> {
            Ok(())
        }
        async fn spend(&self, _: &RoomName, _: &[Spending]) -> Result<Vec<Spent>, StoreError> {
            unreachable!()
        }
        async fn release(
            &self,
            _: &RoomName,
            _: &Terms,
            _: Proposal,
        ) -> Result<Released, StoreError> {
            unreachable!()
        }
        async fn touch(&self, _: &RoomName, _: &[Touch]) -> Result<Vec<Touched>, StoreError> {
            unreachable!()
        }

        async fn hold(&self, _: &RoomName, _: &[Hold]) -> Result<Vec<Held>, StoreError> {
            unreachable!()
        }
        async fn end(&self, _: &RoomName, _: &[Ending]) -> Result<(), StoreError> {
            unreachable!()
        }
        async fn sweep(&self, _: &RoomName, _: &Terms) -> Result<u64, StoreError> {
            unreachable!()
        }
        async fn survey(&self, _: &RoomName, _: &Terms, _: u64) -> Result<Survey, StoreError> {
            unreachable!()
        }
        async fn order(&self, _: &RoomName, _: &Orders, _: u64) -> Result<Ordered, StoreError> {
            std::future::pending().await
        }
        async fn recover(&self, _: &RoomName, _: &Recovery) -> Result<Epoch, StoreError> {
            unreachable!()
        }
        async fn lobby(&self, _: &RoomName, _: u32, _: u32) -> Result<LobbyPage, StoreError> {
            unreachable!()
        }
        async fn place(&self, _: &RoomName, _: &Chunk) -> Result<Placed, StoreError> {
            unreachable!()
        }
        async fn roster(
            &self,
            _: &RoomName,
            _: WindowId,
            _: u32,
            _: u32,
        ) -> Result<Vec<VisitorId>, StoreError> {
            unreachable!()
        }
    }

    fn house() -> (Metered<dyn QueueStore>, Arc<Metrics>, RoomName) {
        let room: RoomName = "derby".parse().unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let clock = Clock::by_hand(UnixTime::from_secs(1_800_000_000));
        let store: Arc<dyn QueueStore> = Arc::new(HalfDeaf);
        (Metered::new(store, metrics.clone(), clock), metrics, room)
    }

    #[tokio::test]
    async fn a_store_that_never_answers_is_given_up_at_the_deadline_and_counted() {
        let (metered, metrics, room) = house();
        let metered = metered.with_deadlines(Deadlines {
            visitor: Duration::from_secs(60),
            other: Duration::from_millis(5),
        });
        let answer = metered.order(&room, &Orders::default(), 0).await;
        let waited = Duration::from_millis(5);
        assert!(matches!(answer, Err(StoreError::Timeout { waited: w }) if w == waited));
        let text = metrics.scrape(&[]).unwrap();
        let line = "anteroom_store_calls_total{result=\"timeout\",verb=\"order\"} 1\n";
        assert!(text.contains(line), "{text}");
    }

    #[tokio::test]
    async fn answers_and_faults_are_handed_on_and_counted_apart() {
        let (metered, metrics, room) = house();
        metered.leave(&room, &[]).await.unwrap();
        let terms = crate::telemetry::reading::settings_for_test("derby").terms;
        let refused = metered.join(&room, &terms, &[]).await;
        assert!(matches!(refused, Err(StoreError::Unreachable(_))));
        let text = metrics.scrape(&[]).unwrap();
        for line in [
            "anteroom_store_calls_total{result=\"ok\",verb=\"leave\"} 1\n",
            "anteroom_store_calls_total{result=\"unreachable\",verb=\"join\"} 1\n",
            "anteroom_store_duration_seconds_count{verb=\"leave\"} 1\n",
        ] {
            assert!(text.contains(line), "{line}in\n{text}");
        }
    }

    #[test]
    fn visitors_wait_two_seconds_and_the_rest_five() {
        let deadlines = Deadlines::default();
        let quick = Verb::ALL.map(|verb| deadlines.of(verb).as_secs());
        assert_eq!(
            quick,
            [2, 2, 2, 2, 2, 2, 2, 2, 5, 5, 2, 5, 5, 5, 5, 5, 5, 5, 5]
        );
    }
}
