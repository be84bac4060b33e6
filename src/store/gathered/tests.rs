//! Gathering over the embedded store, on time that a test moves.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::domain::lane::Lane;
use crate::domain::place::Epoch;
use crate::domain::place::Place;
use crate::domain::room::{RoomName, Terms};
use crate::domain::standing::Stand;
use crate::domain::tick::Proposal;
use crate::domain::visitor::VisitorId;
use crate::domain::window::Orders;
use crate::domain::window::WindowId;
use crate::store::conformance::{EPOCH, Stage, Told, visitor};
use crate::store::embedded::Embedded;
use crate::store::lobby::{Chunk, LobbyPage, Placed};
use crate::store::recovery::Recovery;
use crate::store::survey::Survey;
use crate::store::{
    CheckIn, Claim, Claimed, Ending, Granted, Held, Hold, Joined, Joining, Leaving, Ordered,
    Passed, Passing, QueueStore, Released, Spending, Spent, StoreError, Touch, Touched,
};
use async_trait::async_trait;

/// The embedded store, which notes how it is asked to join and may be told to be slow or down.
struct Counting {
    store: Embedded,
    sizes: Mutex<Vec<usize>>,
    takes: Duration,
    down: AtomicBool,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Counting {
    fn taking(takes: Duration) -> Arc<Self> {
        Arc::new(Self {
            store: Embedded::in_memory(EPOCH),
            sizes: Mutex::default(),
            takes,
            down: AtomicBool::new(false),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        })
    }

    /// How many were asked for in each call.
    fn sizes(&self) -> Vec<usize> {
        self.sizes.lock().unwrap().clone()
    }
}

#[async_trait]
impl QueueStore for Counting {
    async fn join(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Joining],
    ) -> Result<Vec<Joined>, StoreError> {
        self.sizes.lock().unwrap().push(asks.len());
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(self.takes).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::Unreachable("it is down".into()));
        }
        self.store.join(room, terms, asks).await
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
        unreachable!()
    }
    async fn spend(&self, _: &RoomName, _: &[Spending]) -> Result<Vec<Spent>, StoreError> {
        unreachable!()
    }
    async fn release(
        &self,
        room: &RoomName,
        terms: &Terms,
        proposal: Proposal,
    ) -> Result<Released, StoreError> {
        self.store.release(room, terms, proposal).await
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

/// An open room over a store whose calls take so long.
struct Hall {
    counting: Arc<Counting>,
    gathered: Arc<Gathered<Counting>>,
    room: RoomName,
    terms: Terms,
    window: WindowId,
}

type Answer = Result<Vec<Joined>, StoreError>;

impl Hall {
    async fn taking(takes: Duration) -> Self {
        let counting = Counting::taking(takes);
        let stage = Stage::open(&*counting, 1).await.unwrap();
        let (room, window) = (stage.room.clone(), stage.window);
        let terms = Terms {
            max_waiting: 100_000,
            ..stage.terms
        };
        Self {
            gathered: Arc::new(Gathered::over(Arc::clone(&counting))),
            counting,
            room,
            terms,
            window,
        }
    }

    /// One visitor's call, in a task of its own.
    fn joins(&self, number: u32, window: WindowId) -> tokio::task::JoinHandle<Answer> {
        let (gathered, room, terms) = (Arc::clone(&self.gathered), self.room.clone(), self.terms);
        let ask = Joining {
            visitor: visitor(number),
            window,
            lane: Lane::GENERAL,
            promised: Duration::from_secs(2),
        };
        tokio::spawn(async move { gathered.join(&room, &terms, &[ask]).await })
    }

    /// The calls of a crowd, in the order of their numbers.
    fn crowd(&self, many: u32) -> Vec<tokio::task::JoinHandle<Answer>> {
        (1..=many)
            .map(|number| self.joins(number, self.window))
            .collect()
    }
}

fn place(answer: Answer) -> Place {
    match answer.unwrap()[..] {
        [Joined::Stands(stand)] => stand.place.unwrap(),
        ref other => panic!("no place: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_joins_are_one_call_and_keep_their_order() {
    let hall = Hall::taking(Duration::ZERO).await;
    let mut last = None;
    for call in hall.crowd(1_000) {
        let place = Some(place(call.await.unwrap()));
        assert!(place > last, "{place:?} after {last:?}");
        last = place;
    }
    assert_eq!(hall.counting.sizes(), [1_000]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_batch_is_under_way_goes_with_the_next_in_order() {
    let hall = Hall::taking(Duration::from_millis(50)).await;
    let mut last = None;
    for call in hall.crowd(2_500) {
        let place = Some(place(call.await.unwrap()));
        assert!(place > last, "{place:?} after {last:?}");
        last = place;
    }
    assert_eq!(hall.counting.sizes(), [1_000, 1_000, 500]);
    assert_eq!(hall.counting.most_at_once.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lone_join_waits_no_longer_than_five_milliseconds() {
    let hall = Hall::taking(Duration::ZERO).await;
    let mut call = hall.joins(1, hall.window);
    let at_once = tokio::time::timeout(Duration::from_millis(1), &mut call).await;
    assert!(at_once.is_err(), "others may still come: {at_once:?}");
    let answer = tokio::time::timeout(Duration::from_millis(4), call).await;
    place(answer.unwrap().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_fault_reaches_every_caller_of_the_batch_and_none_of_the_next() {
    let hall = Hall::taking(Duration::ZERO).await;
    hall.counting.down.store(true, Ordering::SeqCst);
    for call in hall.crowd(30) {
        let fault = call.await.unwrap().unwrap_err();
        let StoreError::Unreachable(source) = fault else {
            panic!("{fault:?}");
        };
        assert_eq!(source.to_string(), "it is down");
    }
    hall.counting.down.store(false, Ordering::SeqCst);
    place(hall.joins(1, hall.window).await.unwrap());
    assert_eq!(hall.counting.sizes(), [30, 1]);
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_changes_nothing_for_the_others() {
    let hall = Hall::taking(Duration::from_millis(50)).await;
    let calls = hall.crowd(10);
    tokio::time::sleep(Duration::from_millis(1)).await;
    calls[0].abort();
    tokio::time::sleep(Duration::from_millis(20)).await;
    calls[1].abort();
    let mut numbers = Vec::new();
    for call in calls.into_iter().skip(2) {
        numbers.push(place(call.await.unwrap()).number());
    }
    let expected: Vec<u32> = (2..=9).collect();
    assert_eq!(numbers, expected, "one went before the call, one during it");
    assert_eq!(hall.counting.sizes(), [9]);
}

#[tokio::test(start_paused = true)]
async fn one_visitor_of_a_lost_window_keeps_nobody_else_out() {
    let hall = Hall::taking(Duration::ZERO).await;
    let newer = [9, 8].map(WindowId);
    let calls = [
        hall.joins(1, hall.window),
        hall.joins(2, newer[0]),
        hall.joins(3, hall.window),
        hall.joins(4, newer[1]),
        hall.joins(5, WindowId(1)),
        hall.joins(6, hall.window),
    ];
    let mut told = Vec::new();
    for call in calls {
        told.push(match call.await.unwrap() {
            Ok(joined) => match joined[..] {
                [Joined::Stands(stand)] => stand.place.unwrap().number().to_string(),
                [Joined::Shut] => "shut".to_owned(),
                ref other => panic!("{other:?}"),
            },
            Err(fault) => fault.word().to_owned(),
        });
    }
    assert_eq!(told, ["1", "lost", "2", "lost", "shut", "3"]);
    assert_eq!(hall.counting.sizes(), [6, 5, 4]);
}

#[tokio::test(start_paused = true)]
async fn more_than_may_wait_are_told_so_at_once_and_room_comes_back() {
    let hall = Hall::taking(Duration::from_secs(1)).await;
    let most = u32::try_from(MOST_WAITING).unwrap();
    let ask = |number| Joining {
        visitor: visitor(number),
        window: hall.window,
        lane: Lane::GENERAL,
        promised: Duration::from_secs(2),
    };
    let all: Vec<Joining> = (1..=most).map(ask).collect();
    let (gathered, room, terms) = (Arc::clone(&hall.gathered), hall.room.clone(), hall.terms);
    let crowd = tokio::spawn(async move { gathered.join(&room, &terms, &all).await });
    tokio::time::sleep(Duration::from_millis(10)).await;
    let late = hall.joins(most + 1, hall.window);
    let late = tokio::time::timeout(Duration::from_millis(10), late).await;
    assert!(
        matches!(late, Ok(Ok(Err(StoreError::Unreachable(_))))),
        "{late:?}"
    );
    let joined = crowd.await.unwrap().unwrap();
    assert_eq!(joined.len(), MOST_WAITING);
    place(hall.joins(most + 1, hall.window).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn rooms_do_not_wait_for_each_other() {
    let hall = Hall::taking(Duration::from_millis(50)).await;
    let other: RoomName = "final".parse().unwrap();
    let ask = Joining {
        visitor: visitor(2),
        window: WindowId(0),
        lane: Lane::GENERAL,
        promised: Duration::from_secs(2),
    };
    let both = async {
        let first = hall.joins(1, hall.window);
        let second = hall.gathered.join(&other, &hall.terms, &[ask]).await;
        assert_eq!(second.unwrap(), [Joined::Shut]);
        place(first.await.unwrap());
    };
    let long_enough_for_one = Duration::from_millis(60);
    tokio::time::timeout(long_enough_for_one, both)
        .await
        .unwrap();
    assert_eq!(hall.counting.most_at_once.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn the_tasks_end_with_the_wrapper() -> Told {
    let hall = Hall::taking(Duration::ZERO).await;
    hall.joins(1, hall.window).await.unwrap()?;
    let counting = Arc::clone(&hall.counting);
    drop(hall);
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&counting), 1, "no task holds the store");
    Ok(())
}
