//! Orders: who may write them, and what windows do to those who wait and those inside.

use super::*;

#[tokio::test]
async fn orders_are_written_only_over_the_version_they_were_made_from() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        let present = room.survey().await?.orders;
        let mut mine = present.clone();
        mine.version += 1;
        mine.message = Some("Doors at eight".to_owned());
        let mut theirs = mine.clone();
        theirs.message = None;

        let version = present.version;
        assert_eq!(
            store.order(&room.room, &mine, version).await?,
            Ordered::Done
        );
        let lost = store.order(&room.room, &theirs, version).await?;
        let again = store.order(&room.room, &mine, version).await?;

        assert_eq!(lost, Ordered::Changed(Box::new(mine.clone())));
        assert_eq!(again, Ordered::Done, "the same order may be sent again");
        assert_eq!(room.survey().await?.orders, mine);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_closed_room_keeps_places_and_stops_claim_windows() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 1).await?.holding(1);
        let places = room.crowd(1..=2).await?;
        room.tick().await?;
        let before = room.shows(1, places[0]).await?;

        room.turn_to(WindowState::Closed).await?;
        room.pass(90).await?;
        assert_eq!(
            room.shows(1, places[0]).await?,
            before,
            "the window stands still"
        );
        let claimed = room.claim(1, 1_000).await?;
        assert!(matches!(claimed, Claimed::Not(stand) if stand.standing == before));

        room.turn_to(WindowState::Open).await?;
        assert_eq!(room.counts().await?, (1, 0, 1, 0));
        room.enter(1).await?;
        room.turn_to(WindowState::Closed).await?;
        room.enter(1).await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_paused_room_still_takes_claims_and_their_windows_run() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 2).await?;
        let places = room.crowd(1..=2).await?;
        room.tick().await?;
        room.turn_to(WindowState::Paused).await?;

        room.enter(1).await?;
        room.pass(69).await?;

        assert_eq!(
            room.shows(2, places[1]).await?,
            waiting(0),
            "the turn was missed"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_new_window_dismisses_the_queue_and_nobody_inside() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 2).await?;
        let places = room.crowd(1..=5).await?;
        room.tick().await?;
        room.enter(1).await?;

        let first = room.window;
        room.turn_to(WindowState::Ended).await?;
        assert_eq!(room.counts().await?, (0, 0, 0, 1));
        assert_eq!(room.shows(1, places[0]).await?, Standing::Admitted);
        assert_eq!(room.shows(3, places[2]).await?, Standing::Unknown);
        room.enter(1).await?;
        room.order(|orders| {
            orders.window = WindowId(8);
            orders.state = WindowState::Open;
        })
        .await?;

        let ann = room.join(3).await?;
        assert_eq!(ann.standing, waiting(0));
        assert_eq!((ann.turn, ann.place), (Turn::FIRST, Place::new(EPOCH, 6)));
        assert_eq!(room.counts().await?, (1, 0, 0, 1));
        let old = Leaving {
            visitor: visitor(1),
            window: first,
            turn: Turn::FIRST,
        };
        store.leave(&room.room, &[old]).await?;
        assert_eq!(room.counts().await?, (1, 0, 0, 0));
        let left = (jti(1, Turn::FIRST), EndedBy::Left);
        assert_eq!(room.survey().await?.ends, [left]);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn turns_granted_in_one_window_are_not_given_in_the_next() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        let mut orders = room.survey().await?.orders;
        for change in [
            |orders: &mut Orders| orders.grants += 3,
            |orders: &mut Orders| orders.window = WindowId(8),
        ] {
            change(&mut orders);
            orders.version += 1;
            let version = orders.version - 1;
            store.order(&room.room, &orders, version).await?;
        }
        let ask = Joining {
            window: WindowId(8),
            ..room.joining(1)
        };
        store.join(&room.room, &room.terms, &[ask]).await?;

        assert_eq!(room.tick_of(Duration::ZERO).await?, []);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_sweep_is_bounded_and_comes_to_an_end() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 1).await?;
        room.terms.max_waiting = 10_000;
        room.crowd(1..=3_000).await?;
        room.order(|orders| orders.window = WindowId(8)).await?;
        room.join(7).await?;

        let mut calls = 0;
        while store.sweep(&room.room, &room.terms).await? > 0 {
            calls += 1;
            assert!(calls < 100);
        }

        assert_eq!(room.counts().await?, (1, 0, 0, 0));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn rooms_do_not_know_of_each_other() {
    for_every_store(async |store| {
        let derby = Stage::open(store, 1).await?;
        let mut final_room = Stage::open(store, 1).await?;
        final_room.room = "final".parse().unwrap();
        final_room.turn_to(WindowState::Open).await?;
        derby.crowd(1..=3).await?;

        let ann = final_room.join(1).await?;

        assert_eq!(ann.standing, waiting(0));
        assert_eq!(derby.counts().await?, (3, 0, 0, 0));
        assert_eq!(final_room.counts().await?, (1, 0, 0, 0));
        let (one, two) = (derby.survey().await?, final_room.survey().await?);
        assert_ne!(one.incarnation, two.incarnation);
        Ok(())
    })
    .await;
}
