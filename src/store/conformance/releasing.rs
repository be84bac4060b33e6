//! The tick: who is released, how many, and what becomes of turns that nobody takes.

use super::*;
use crate::store::Touch;

#[tokio::test]
async fn release_moves_the_lowest_places_first() {
    for_every_store(async |store| {
        let room = Stage::open(store, 3).await?;
        let places = room.crowd(1..=8).await?;

        assert_eq!(room.tick().await?, visitors(1..=3));

        assert_eq!(room.counts().await?, (5, 0, 3, 0));
        let stand = room.check_in(room.token(1, places[0])).await?;
        assert!(matches!(stand.standing, Standing::Released { .. }));
        assert_eq!(stand.place, Some(places[0]));
        assert_eq!(room.shows(4, places[3]).await?, waiting(0));
        assert_eq!(room.tick().await?, visitors(4..=6));
        assert_eq!(room.survey().await?.releases_total, 6);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_tick_number_is_taken_once() {
    for_every_store(async |store| {
        let room = Stage::open(store, 2).await?;
        room.crowd(1..=8).await?;
        let next = proposal(&room.survey().await?.ticks, TICK);

        let first = store.release(&room.room, &room.terms, next).await?;
        let second = store.release(&room.room, &room.terms, next).await?;

        assert!(first.won && !second.won);
        assert_eq!((first.batch, second.batch), (visitors(1..=2), vec![]));
        assert_eq!(second.ticks, first.ticks);
        let mut ahead = next;
        ahead.seen_tick += 7;
        assert!(!store.release(&room.room, &room.terms, ahead).await?.won);
        assert_eq!(room.counts().await?, (6, 0, 2, 0));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn no_more_are_released_than_the_pace_gives() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 1).await?;
        room.terms.pace = Pace::per_minute(7).unwrap();
        room.tick_of(Duration::ZERO).await?;
        room.crowd(1..=100).await?;

        let released = room.pass(60).await?;

        assert!((6..=7).contains(&released.len()), "{}", released.len());
        room.order(|orders| orders.pace = Pace::per_minute(600))
            .await?;
        let released = room.pass(4).await?;
        assert!((30..=45).contains(&released.len()), "{}", released.len());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_paused_or_closed_room_releases_nobody() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 2).await?;
        room.crowd(1..=4).await?;
        for state in [WindowState::Paused, WindowState::Closed] {
            room.turn_to(state).await?;
            assert_eq!(room.pass(5).await?, []);
            assert_eq!(room.survey().await?.ticks.credit, 0, "{state:?}");
        }
        room.turn_to(WindowState::Open).await?;
        assert_eq!(
            room.tick().await?,
            visitors(1..=2),
            "no burst for having waited"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn those_released_and_inside_never_exceed_the_capacity() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 4).await?.holding(3);
        room.crowd(1..=20).await?;

        assert_eq!(room.pass(2).await?, visitors(1..=3));
        room.enter(1).await?;
        assert_eq!(room.tick().await?, []);
        room.leave(1).await?;
        assert_eq!(room.tick().await?, visitors([4]));

        room.order(|orders| orders.capacity = Some(NonZeroU32::new(2)))
            .await?;
        room.leave(2).await?;
        assert_eq!(room.tick().await?, [], "one is still too many");
        room.order(|orders| orders.capacity = Some(None)).await?;
        room.tick().await?;
        assert!(room.survey().await?.released >= 6, "the cap is lifted");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn grants_let_the_next_in_now_and_what_does_not_fit_lapses() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 1).await?.holding(5);
        room.crowd(1..=20).await?;
        room.turn_to(WindowState::Paused).await?;

        let mut orders = room.survey().await?.orders;
        orders.grants += 7;
        orders.version += 1;
        store.order(&room.room, &orders, orders.version - 1).await?;
        assert_eq!(
            room.tick().await?,
            visitors(1..=5),
            "a hand's order works while paused"
        );

        let seen = room.survey().await?;
        assert_eq!((seen.granted_total, seen.releases_total), (5, 0));
        for number in 1..=5 {
            room.leave(number).await?;
        }
        assert_eq!(room.tick().await?, [], "the other two have lapsed");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_unclaimed_turn_comes_back_once_and_the_second_miss_ends_it() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?.holding(1);
        let places = room.crowd(1..=2).await?;
        assert_eq!(room.tick().await?, visitors([1]));

        // Nobody could expect the first one to know, so its window is that much longer.
        assert_eq!(room.pass(67).await?, []);
        room.shows(2, places[1]).await?;
        let next = room.pass(2).await?;

        assert_eq!(next, visitors([2]), "the slot goes on to the next");
        assert_eq!(room.counts().await?, (1, 1, 1, 0));
        assert_eq!(room.shows(1, places[0]).await?, waiting(0), "same place");
        assert_eq!(room.counts().await?, (1, 0, 1, 0));
        room.leave(2).await?;
        assert_eq!(room.tick().await?, visitors([1]), "the second chance");
        room.pass(3).await?;
        assert_eq!(room.shows(1, places[0]).await?, ended(EndedBy::Missed));
        assert_eq!(room.counts().await?, (0, 0, 0, 0));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_absent_are_skipped_and_keep_their_place() {
    for_every_store(async |store| {
        let room = Stage::open(store, 2).await?.holding(2);
        let places = room.crowd(1..=6).await?;
        room.tick().await?;
        room.pass(50).await?;
        for number in 3..=6 {
            room.shows(number, places[number as usize - 1]).await?;
        }
        let next = room.pass(19).await?;
        assert_eq!(next, visitors([3, 4]));
        assert_eq!(room.counts().await?, (4, 2, 2, 0), "1 and 2 are absent");
        assert_eq!(
            room.shows(5, places[4]).await?,
            waiting(0),
            "and ahead of nobody"
        );

        for number in [3, 4] {
            room.leave(number).await?;
        }

        assert_eq!(room.tick().await?, visitors([5, 6]));
        assert_eq!(room.counts().await?, (2, 2, 2, 0));
        assert_eq!(room.shows(2, places[1]).await?, waiting(0));
        assert_eq!(
            room.join(1).await?.place,
            Some(places[0]),
            "a join is a check-in"
        );
        assert_eq!(room.counts().await?, (2, 0, 2, 0));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn those_from_behind_the_front_take_half_of_each_batch() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 4).await?.holding(8);
        let places = room.crowd(1..=24).await?;
        let first: Vec<_> = room.pass(1).await?;
        assert_eq!(first, visitors(1..=8));
        // The first eight miss their turns, the next eight leave, and the first come back.
        room.pass(50).await?;
        for number in 9..=24 {
            room.shows(number, places[number as usize - 1]).await?;
        }
        assert_eq!(room.pass(19).await?, visitors(9..=16));
        room.order(|orders| orders.state = WindowState::Paused)
            .await?;
        for number in 9..=16 {
            room.leave(number).await?;
        }
        for (number, place) in (1..=8).zip(&places) {
            room.shows(number, *place).await?;
        }
        room.turn_to(WindowState::Open).await?;

        let batch = room.tick().await?;

        assert_eq!(batch, visitors([1, 2, 17, 18]));
        assert_eq!(room.tick().await?, visitors([3, 4, 19, 20]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn calling_those_from_behind_does_not_move_the_front_back() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 4).await?.holding(8);
        let places = room.crowd(1..=8).await?;
        assert_eq!(room.pass(1).await?, visitors(1..=8));
        room.pass(69).await?;
        room.turn_to(WindowState::Paused).await?;
        for (number, place) in (1..=8).zip(&places) {
            room.shows(number, *place).await?;
        }
        room.turn_to(WindowState::Open).await?;
        assert_eq!(room.tick().await?, visitors(1..=4));

        room.crowd(9..=12).await?;

        assert_eq!(room.tick().await?, visitors([5, 6, 9, 10]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn nobody_at_the_front_can_block_the_queue() {
    for_every_store(async |store| {
        let room = Stage::open(store, 4).await?.holding(4);
        let places = room.crowd(1..=40).await?;
        // Only the last four ever poll again.
        let mut released = Vec::new();
        for _ in 0..24 {
            for number in 37..=40 {
                room.shows(number, places[number as usize - 1]).await?;
            }
            released.extend(room.pass(30).await?);
        }

        for number in 37..=40 {
            assert!(released.contains(&visitor(number)), "{number} is released");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn who_is_expected_and_does_not_come_loses_the_slot_to_who_does() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?.holding(1);
        let places = room.crowd(1..=6).await?;
        room.tick().await?;
        room.enter(1).await?;
        let touch = Touch {
            session: jti(1, Turn::FIRST),
            rev: 0,
            life: Duration::from_mins(5),
        };
        store.touch(&room.room, &[touch]).await?;
        room.pass(65).await?;
        assert_eq!(
            store.sweep(&room.room, &room.terms).await?,
            0,
            "not expected yet"
        );
        room.shows(5, places[4]).await?;
        room.pass(5).await?;
        assert_eq!(room.counts().await?, (5, 0, 0, 1), "nobody was looked for");

        room.leave(1).await?;

        assert_eq!(room.tick().await?, visitors([5]));
        assert_eq!(
            room.counts().await?,
            (4, 3, 1, 0),
            "2, 3 and 4 were passed over"
        );
        while store.sweep(&room.room, &room.terms).await? > 0 {}
        assert_eq!(room.counts().await?, (4, 4, 1, 0), "and the sweep finds 6");
        Ok(())
    })
    .await;
}
