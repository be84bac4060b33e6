//! The prequeue's lobby: who is in it, how it is frozen, and how its members get their places.

use super::*;
use crate::domain::draw::{Draw, Frozen, Hash};
use crate::store::lobby::{Chunk, Cut};

impl Stage<'_> {
    /// A window whose prequeue is open.
    pub(super) async fn prequeue(
        store: &dyn QueueStore,
        per_tick: u32,
    ) -> Result<Stage<'_>, StoreError> {
        let mut room = Stage::open(store, per_tick).await?;
        room.order(|orders| {
            orders.window = WindowId(8);
            orders.state = WindowState::Prequeue;
        })
        .await?;
        Ok(room)
    }

    /// Joins these, one by one, into the lobby.
    pub(super) async fn gather(&self, numbers: impl IntoIterator<Item = u32>) -> Told {
        for number in numbers {
            let stand = self.join(number).await?;
            let told = (stand.standing, stand.turn, stand.place);
            assert_eq!(told, (Standing::Lobby, Turn::FIRST, None), "{number}");
        }
        Ok(())
    }

    pub(super) async fn cut(&self) -> Result<Cut, StoreError> {
        Ok(self.survey().await?.frozen.unwrap())
    }

    /// Those who are frozen, ascending, read in pages.
    pub(super) async fn frozen(&self) -> Result<Vec<VisitorId>, StoreError> {
        let mut all = Vec::new();
        loop {
            let from = u32::try_from(all.len()).unwrap();
            let page = self.store.lobby(&self.room, from, 3).await?;
            if page.visitors.is_empty() {
                all.sort_unstable();
                return Ok(all);
            }
            all.extend(page.visitors);
        }
    }

    /// Places these from this rank on; how many are placed then.
    pub(super) async fn place(
        &self,
        cut: &Cut,
        from: u32,
        numbers: impl IntoIterator<Item = u32>,
    ) -> Result<u32, StoreError> {
        let chunk = self.chunk(cut, from, numbers);
        Ok(self.store.place(&self.room, &chunk).await?.upto)
    }

    fn chunk(&self, cut: &Cut, from: u32, numbers: impl IntoIterator<Item = u32>) -> Chunk {
        Chunk {
            window: self.window,
            round: cut.round,
            epoch: cut.epoch,
            base: cut.base,
            from,
            visitors: visitors(numbers),
        }
    }

    async fn roster(&self) -> Result<Vec<VisitorId>, StoreError> {
        self.store.roster(&self.room, self.window, 0, 1_000).await
    }

    /// Whether the orders would be taken that change the state to this.
    async fn may_turn_to(&self, state: WindowState) -> Result<bool, StoreError> {
        let present = self.survey().await?.orders;
        let mut orders = present.clone();
        orders.state = state;
        orders.version += 1;
        let ordered = self
            .store
            .order(&self.room, &orders, present.version)
            .await?;
        if let Ordered::Changed(inforce) = &ordered {
            assert_eq!(**inforce, present);
            assert_eq!(self.survey().await?.orders, present, "nothing was written");
        }
        Ok(ordered == Ordered::Done)
    }
}

/// What orders tell of a draw whose lobby was frozen.
fn published(cut: &Cut) -> Draw {
    Draw {
        commitment: Hash([1; 32]),
        external_source: None,
        frozen: Some(Frozen {
            root: Hash([2; 32]),
            count: cut.count,
            at: 1,
            epoch: cut.epoch,
            base: cut.base,
        }),
        external: None,
        drawn: None,
    }
}

pub(super) fn at(number: u32) -> Place {
    Place::new(EPOCH, number).unwrap()
}

#[tokio::test]
async fn joining_the_lobby_is_idempotent_and_uses_no_number() {
    for_every_store(async |store| {
        let mut room = Stage::prequeue(store, 1).await?;
        room.gather([3, 1, 2, 1, 3]).await?;
        let asks = [4, 4, 5, 1].map(|number| room.joining(number));
        for joined in store.join(&room.room, &room.terms, &asks).await? {
            assert!(matches!(joined, Joined::Stands(stand) if stand.standing == Standing::Lobby));
        }

        let seen = room.survey().await?;
        assert_eq!((seen.waiting, seen.lobby, seen.joins_total), (5, 5, 5));
        let lane = seen.lane(Lane::GENERAL);
        assert_eq!((seen.frozen, lane.horizon), (None, None));
        assert_eq!((lane.lobby, lane.samples.len()), (5, 0));
        let page = store.lobby(&room.room, 0, 9).await?;
        assert_eq!(
            (page.count, page.visitors),
            (0, vec![]),
            "nothing is frozen"
        );
        assert_eq!(room.pass(3).await?, [], "nobody is released");
        assert_eq!(room.shows(1, at(1)).await?, Standing::Lobby);

        room.turn_to(WindowState::Closed).await?;
        room.gather([1, 2]).await?;
        assert_eq!(room.try_join(9).await?, Joined::Shut);
        room.turn_to(WindowState::Prequeue).await?;
        room.gather([6]).await?;
        assert_eq!(room.survey().await?.lobby, 6, "closing keeps the lobby");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_lobby_counts_against_those_who_may_wait() {
    for_every_store(async |store| {
        let mut room = Stage::prequeue(store, 1).await?;
        room.terms.max_waiting = 3;
        room.gather(1..=3).await?;
        assert_eq!(room.try_join(4).await?, Joined::Full);
        room.gather([2]).await?;

        room.turn_to(WindowState::Drawing).await?;
        assert_eq!(room.try_join(4).await?, Joined::Full);
        room.leave(2).await?;
        assert_eq!(room.join(4).await?.place, Some(at(4)));
        assert_eq!(room.try_join(5).await?, Joined::Full);
        let asks = [5, 1].map(|number| room.joining(number));
        let joined = store.join(&room.room, &room.terms, &asks).await?;
        assert_eq!(joined[0], Joined::Full);
        assert!(matches!(joined[1], Joined::Stands(_)));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_freeze_decides_who_is_drawn_and_later_ones_go_behind() {
    for_every_store(async |store| {
        let mut room = Stage::prequeue(store, 1).await?;
        room.gather([5, 2, 7, 4]).await?;
        room.turn_to(WindowState::Drawing).await?;

        let cut = Cut {
            round: 0,
            epoch: EPOCH,
            base: 0,
            count: 4,
            placed: 0,
        };
        let seen = room.survey().await?;
        assert_eq!((seen.frozen, seen.lobby, seen.waiting), (Some(cut), 0, 4));
        assert_eq!(room.frozen().await?, visitors([2, 4, 5, 7]));
        let (one, two) = (
            store.lobby(&room.room, 1, 2).await?,
            store.lobby(&room.room, 1, 2).await?,
        );
        assert_eq!((one.round, one.count, one.visitors.len()), (0, 4, 2));
        assert_eq!(one, two, "pages stay as they are");

        room.gather([5, 2]).await?;
        let late = room.join(9).await?;
        assert_eq!((late.standing, late.place), (waiting(4), Some(at(5))));
        let asks = [9, 10, 7, 11].map(|number| room.joining(number));
        let joined = store.join(&room.room, &room.terms, &asks).await?;
        let told = joined.iter().map(|joined| match joined {
            Joined::Stands(stand) => (stand.standing, stand.place),
            turned_away => panic!("{turned_away:?}"),
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                (waiting(4), Some(at(5))),
                (waiting(5), Some(at(6))),
                (Standing::Lobby, None),
                (waiting(6), Some(at(7))),
            ]
        );
        let seen = room.survey().await?;
        assert_eq!((seen.waiting, seen.joins_total), (7, 7));
        assert_eq!(seen.lane(Lane::GENERAL).ahead_of(at(6)), 5);
        assert_eq!(room.frozen().await?.len(), 4);

        room.turn_to(WindowState::Closed).await?;
        room.turn_to(WindowState::Drawing).await?;
        assert_eq!(room.cut().await?, cut, "a window is frozen once");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_empty_lobby_is_frozen_and_drawn_at_once() {
    for_every_store(async |store| {
        let mut room = Stage::prequeue(store, 1).await?;
        room.turn_to(WindowState::Drawing).await?;
        let cut = room.cut().await?;
        assert_eq!((cut.count, cut.is_complete()), (0, true));
        assert_eq!(room.join(1).await?.place, Some(at(1)));

        room.turn_to(WindowState::Open).await?;
        assert_eq!(room.survey().await?.frozen, None);
        assert_eq!(room.tick().await?, visitors([1]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn places_are_written_in_order_once_and_by_anybody() {
    for_every_store(async |store| {
        let mut room = Stage::prequeue(store, 3).await?;
        room.gather(1..=6).await?;
        room.turn_to(WindowState::Drawing).await?;
        let cut = room.cut().await?;
        assert_eq!(room.join(50).await?.place, Some(at(7)));

        assert_eq!(room.place(&cut, 2, [3, 5]).await?, 0, "a gap");
        assert_eq!(room.place(&cut, 0, [6, 1]).await?, 2);
        assert_eq!(room.place(&cut, 0, [6, 1]).await?, 2, "once more");
        assert_eq!(room.place(&cut, 3, [5]).await?, 2, "a gap");
        assert_eq!(room.cut().await?.placed, 2);
        assert_eq!(room.counts().await?, (7, 0, 0, 0));
        assert_eq!(room.roster().await?, visitors([6, 1]));
        let placed = room.join(1).await?;
        assert_eq!((placed.standing, placed.place), (waiting(1), Some(at(2))));
        room.gather([5]).await?;
        assert_eq!(
            room.shows(50, at(7)).await?,
            waiting(6),
            "it stays as it was"
        );
        assert_eq!(room.survey().await?.lane(Lane::GENERAL).ahead_of(at(7)), 6);

        let other = Cut { base: 3, ..cut };
        assert_eq!(room.place(&other, 2, [3]).await?, 0, "another cut");
        let other = Cut { round: 1, ..cut };
        assert_eq!(room.place(&other, 2, [3]).await?, 0, "another round");
        assert_eq!(room.place(&cut, 2, [3, 77]).await?, 0, "a stranger");
        let old = Chunk {
            window: WindowId(7),
            ..room.chunk(&cut, 2, [3])
        };
        assert_eq!(store.place(&room.room, &old).await?.upto, 0);
        assert_eq!(room.cut().await?.placed, 2);

        assert_eq!(room.place(&cut, 1, [1, 3, 5]).await?, 4, "from the middle");
        assert_eq!(room.place(&cut, 0, [6, 1, 3, 5, 4, 2]).await?, 6);
        assert_eq!(room.place(&cut, 6, [9]).await?, 6, "nobody is left");
        let all = visitors([6, 1, 3, 5, 4, 2]);
        assert_eq!(room.roster().await?, all);
        let middle = store.roster(&room.room, room.window, 2, 3).await?;
        assert_eq!(middle, visitors([3, 5, 4]));
        assert_eq!(store.roster(&room.room, room.window, 9, 3).await?, []);
        assert_eq!(room.survey().await?.roster, 6);

        room.turn_to(WindowState::Open).await?;
        let seen = room.survey().await?;
        assert_eq!((seen.frozen, seen.waiting, seen.joins_total), (None, 7, 7));
        assert_eq!(room.place(&cut, 0, [6, 1]).await?, 0, "it is over");
        assert_eq!(room.tick().await?, visitors([6, 1, 3]));
        assert_eq!(room.tick().await?, visitors([5, 4, 2]));
        assert_eq!(
            room.tick().await?,
            visitors([50]),
            "who came late goes last"
        );
        assert_eq!(room.roster().await?, all, "the roster stays");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn nobody_opens_before_the_draw_is_done() {
    for_every_store(async |store| {
        let mut room = Stage::prequeue(store, 1).await?;
        room.gather(1..=3).await?;
        assert!(!room.may_turn_to(WindowState::Open).await?);
        assert!(!room.may_turn_to(WindowState::Paused).await?);
        room.turn_to(WindowState::Drawing).await?;
        let cut = room.cut().await?;
        room.place(&cut, 0, [2, 3]).await?;
        assert!(!room.may_turn_to(WindowState::Open).await?);
        room.turn_to(WindowState::Closed).await?;
        assert!(!room.may_turn_to(WindowState::Open).await?);
        assert_eq!(
            room.place(&cut, 2, [1]).await?,
            3,
            "also while it is closed"
        );
        assert!(room.may_turn_to(WindowState::Open).await?);
        assert_eq!(room.survey().await?.frozen, None);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn who_leaves_the_lobby_may_come_back_to_it() {
    for_every_store(async |store| {
        let mut room = Stage::prequeue(store, 1).await?;
        room.gather(1..=3).await?;
        room.leave(2).await?;
        room.leave(2).await?;
        assert_eq!(room.survey().await?.lobby, 2);
        assert_eq!(room.shows(2, at(1)).await?, ended(EndedBy::Left));

        let back = room.join(2).await?;
        assert_eq!((back.standing, back.turn), (Standing::Lobby, Turn(2)));
        room.leave(2).await?;
        let seen = room.survey().await?;
        assert_eq!(
            (seen.lobby, seen.waiting),
            (3, 3),
            "that turn is over already"
        );
        room.turn_to(WindowState::Drawing).await?;
        assert_eq!(
            room.frozen().await?,
            visitors(1..=3),
            "one visitor, one leaf"
        );
        let cut = room.cut().await?;
        room.place(&cut, 0, [2, 1, 3]).await?;
        let placed = room.join(2).await?;
        assert_eq!((placed.turn, placed.place), (Turn(2), Some(at(1))));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn who_leaves_while_it_is_drawn_keeps_the_rank_and_does_not_queue() {
    for_every_store(async |store| {
        let mut room = Stage::prequeue(store, 2).await?;
        room.gather(1..=4).await?;
        room.turn_to(WindowState::Drawing).await?;
        let cut = room.cut().await?;
        let late = room.join(9).await?;
        assert_eq!(late.standing, waiting(4));
        room.leave(3).await?;
        room.leave(2).await?;
        assert_eq!(room.shows(9, at(5)).await?, waiting(2));
        assert_eq!(room.survey().await?.waiting, 3);
        assert_eq!(
            room.frozen().await?,
            visitors(1..=4),
            "the roster is frozen"
        );
        let back = room.join(2).await?;
        assert_eq!((back.turn, back.place), (Turn(2), Some(at(6))));

        assert_eq!(room.place(&cut, 0, [3, 4, 2, 1]).await?, 4);

        assert_eq!(room.roster().await?, visitors([3, 4, 2, 1]));
        room.turn_to(WindowState::Open).await?;
        assert_eq!(room.counts().await?, (4, 0, 0, 0));
        assert_eq!(room.shows(3, at(1)).await?, ended(EndedBy::Left));
        assert_eq!(room.tick().await?, visitors([4, 1]));
        assert_eq!(room.tick().await?, visitors([9, 2]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_new_window_and_an_end_dismiss_the_lobby_and_keep_the_roster() {
    for_every_store(async |store| {
        let mut room = Stage::prequeue(store, 1).await?;
        room.gather(1..=3).await?;
        room.turn_to(WindowState::Drawing).await?;
        let cut = room.cut().await?;
        room.place(&cut, 0, [3, 1]).await?;
        let drawn = room.window;

        room.turn_to(WindowState::Ended).await?;
        let seen = room.survey().await?;
        assert_eq!((seen.waiting, seen.frozen), (0, None));
        assert_eq!(room.place(&cut, 2, [2]).await?, 0);
        room.order(|orders| {
            orders.window = WindowId(9);
            orders.state = WindowState::Prequeue;
        })
        .await?;
        assert_eq!(room.survey().await?.roster, 0, "of this window");
        room.gather([2, 3]).await?;
        let old = store.roster(&room.room, drawn, 0, 9).await?;
        assert_eq!(old, visitors([3, 1]));
        room.order(|orders| orders.window = WindowId(10)).await?;
        assert_eq!(room.survey().await?.lobby, 0);
        room.gather([8, 3]).await?;

        room.turn_to(WindowState::Drawing).await?;
        assert_eq!(store.roster(&room.room, drawn, 0, 9).await?, []);
        assert_eq!(room.frozen().await?, visitors([3, 8]));
        let cut = room.cut().await?;
        assert_eq!((cut.base, cut.count), (3, 2));
        room.place(&cut, 0, [8, 3]).await?;
        let placed = room.join(8).await?;
        assert_eq!((placed.turn, placed.place), (Turn::FIRST, Some(at(4))));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn everybody_who_joined_is_somewhere_at_every_step_of_a_draw() {
    for_every_store(async |store| {
        let mut room = Stage::prequeue(store, 2).await?.holding(3);
        let adds_up = async |room: &Stage<'_>, joined: u64, over: u64| -> Told {
            let seen = room.survey().await?;
            let inside = seen.released + seen.active;
            let counted = (seen.joins_total, seen.waiting + inside + over);
            assert_eq!(counted, (joined, joined));
            Ok(())
        };
        room.gather(1..=6).await?;
        room.leave(6).await?;
        adds_up(&room, 6, 1).await?;
        room.join(6).await?;
        room.leave(5).await?;
        room.turn_to(WindowState::Drawing).await?;
        adds_up(&room, 7, 2).await?;
        room.crowd(7..=8).await?;
        room.leave(1).await?;
        room.leave(7).await?;
        let cut = room.cut().await?;
        room.place(&cut, 0, [4, 1]).await?;
        adds_up(&room, 9, 4).await?;
        room.leave(4).await?;
        room.join(1).await?;
        room.place(&cut, 2, [6, 2, 3]).await?;
        adds_up(&room, 10, 5).await?;
        room.turn_to(WindowState::Open).await?;
        assert_eq!(room.tick().await?, visitors([6, 2]));
        room.enter(2).await?;
        adds_up(&room, 10, 5).await?;
        room.leave(2).await?;
        assert_eq!(room.pass(1).await?, visitors([3, 8]));
        adds_up(&room, 10, 6).await?;
        assert_eq!(room.counts().await?, (1, 0, 3, 0));
        Ok(())
    })
    .await;
}

/// A gateway's memory of a room that was drawn, brought to a store that lost everything.
pub(super) async fn lost(room: &mut Stage<'_>, cut: &Cut, state: WindowState) -> Told {
    let orders = Orders {
        version: 20,
        window: WindowId(8),
        state,
        draw: Some(published(cut)),
        ..Orders::default()
    };
    let recovery = Recovery {
        epoch: Epoch(101),
        orders,
        pause: Duration::ZERO,
        rest: Rest::AfterLoss,
        inside: 0,
        inside_for: Duration::ZERO,
    };
    room.window = WindowId(8);
    room.store.recover(&room.room, &recovery).await?;
    Ok(())
}

#[tokio::test]
async fn a_draw_that_was_lost_is_put_back_where_it_was() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 2).await?;
        let cut = Cut {
            round: 0,
            epoch: EPOCH,
            base: 40,
            count: 6,
            placed: 0,
        };
        lost(&mut room, &cut, WindowState::Open).await?;
        let unknown = Cut { base: 41, ..cut };
        assert_eq!(room.place(&unknown, 0, [1]).await?, 0);

        // 1 shows a place of its own, 2 joins anew, 3 was inside and is over, 4 came twice.
        assert_eq!(room.shows(1, at(43)).await?, waiting(0));
        assert_eq!(room.join(2).await?.place, Place::new(Epoch(101), 1));
        let again = CheckIn {
            turn: Turn(2),
            ..room.token(4, at(60))
        };
        assert_eq!(room.check_in(again).await?.standing, waiting(1));
        room.join(3).await?;
        room.leave(3).await?;

        assert_eq!(room.place(&cut, 2, [1]).await?, 0, "a gap");
        assert_eq!(room.place(&cut, 0, [3, 2, 1]).await?, 3);
        assert_eq!(room.place(&cut, 0, [3, 2, 1]).await?, 3);
        assert_eq!(room.survey().await?.roster, 3);
        assert_eq!(room.place(&cut, 3, [6, 4, 5, 77]).await?, 6);

        assert_eq!(room.roster().await?, visitors([3, 2, 1, 6, 4, 5]));
        assert_eq!(room.counts().await?, (5, 0, 0, 0));
        assert_eq!(room.join(2).await?.place, Some(at(42)), "the drawn place");
        assert_eq!(room.shows(3, at(41)).await?, ended(EndedBy::Left));
        assert_eq!(room.join(4).await?.place, Some(at(60)), "its newer turn");
        assert_eq!(room.join(7).await?.place, Place::new(Epoch(101), 3));
        assert_eq!(room.place(&cut, 0, [3, 2]).await?, 6, "nothing is missing");
        room.tick_of(Duration::ZERO).await?;
        assert_eq!(room.pass(1).await?, visitors([2, 1, 6, 5, 4, 7]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_draw_lost_in_the_middle_is_put_back_before_anybody_opens() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 2).await?;
        let cut = Cut {
            round: 0,
            epoch: EPOCH,
            base: 0,
            count: 2,
            placed: 0,
        };
        lost(&mut room, &cut, WindowState::Drawing).await?;
        assert_eq!(room.survey().await?.frozen, None);
        assert_eq!(room.join(9).await?.place, Place::new(Epoch(101), 1));
        assert!(!room.may_turn_to(WindowState::Open).await?);
        assert_eq!(room.place(&cut, 0, [9, 5]).await?, 2);
        assert_eq!(room.join(9).await?.place, Some(at(1)));
        assert!(room.may_turn_to(WindowState::Open).await?);
        assert_eq!(room.survey().await?.frozen, None);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_freeze_that_was_lost_before_it_was_published_is_done_again() {
    for_every_store(async |store| {
        let mut room = Stage::prequeue(store, 2).await?;
        room.gather([1, 2]).await?;
        let mut orders = room.survey().await?.orders;
        orders.version += 5;
        orders.state = WindowState::Drawing;
        let recovery = Recovery {
            epoch: Epoch(101),
            orders,
            pause: Duration::ZERO,
            rest: Rest::AfterLoss,
            inside: 0,
            inside_for: Duration::ZERO,
        };
        store.recover(&room.room, &recovery).await?;

        assert_eq!(
            room.survey().await?.frozen,
            None,
            "who came last may be missing"
        );
        room.gather([3, 1]).await?;
        assert!(!room.may_turn_to(WindowState::Open).await?);
        room.turn_to(WindowState::Prequeue).await?;
        room.turn_to(WindowState::Drawing).await?;

        let cut = room.cut().await?;
        assert_eq!((cut.epoch, cut.base, cut.count), (Epoch(101), 0, 3));
        assert_eq!(room.frozen().await?, visitors(1..=3));
        Ok(())
    })
    .await;
}
