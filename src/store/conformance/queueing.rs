//! Joining, checking in, leaving the queue.

use super::*;

#[tokio::test]
async fn joining_twice_keeps_the_first_place() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        let first = room.join(1).await?;
        room.join(2).await?;

        let again = room.join(1).await?;

        assert_eq!(again, first);
        assert_eq!(first.standing, waiting(0));
        assert_eq!((first.turn, first.epoch), (Turn::FIRST, EPOCH));
        let seen = room.survey().await?;
        assert_eq!((seen.waiting, seen.joins_total), (2, 2));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn one_visitor_twice_in_a_batch_gets_one_place() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        let asks = [room.joining(1), room.joining(1), room.joining(2)];

        let joined = store.join(&room.room, &room.terms, &asks).await?;

        assert_eq!(joined[0], joined[1]);
        assert_ne!(joined[0], joined[2]);
        assert_eq!(room.counts().await?, (2, 0, 0, 0));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn places_are_unique_ascending_and_begin_at_one() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;

        let places = room.crowd(1..=100).await?;

        let expected: Vec<_> = (1..=100)
            .map(|number| Place::new(EPOCH, number).unwrap())
            .collect();
        assert_eq!(places, expected);
        for (number, place) in (1..=100).zip(places) {
            assert_eq!(
                room.shows(number, place).await?,
                waiting(u64::from(number) - 1)
            );
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_full_room_turns_newcomers_away_and_nobody_else() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 1).await?;
        room.terms.max_waiting = 2;
        let places = room.crowd(1..=2).await?;

        assert_eq!(room.try_join(3).await?, Joined::Full);

        assert_eq!(room.join(2).await?.place, Some(places[1]));
        assert_eq!(room.counts().await?, (2, 0, 0, 0));
        room.leave(1).await?;
        assert_eq!(room.join(3).await?.standing, waiting(1));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_join_of_another_window_or_into_a_closed_room_is_shut_out() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 1).await?;
        let stale = Joining {
            window: WindowId(6),
            ..room.joining(1)
        };
        let joined = store.join(&room.room, &room.terms, &[stale]).await?;
        assert_eq!(joined, [Joined::Shut]);

        room.turn_to(WindowState::Paused).await?;
        let ann = room.join(1).await?;
        for state in [WindowState::Closed, WindowState::Ended] {
            room.turn_to(state).await?;
            assert_eq!(room.try_join(2).await?, Joined::Shut, "{state:?}");
            if state == WindowState::Closed {
                let again = room.join(1).await?;
                let ann = Stand {
                    tick: again.tick,
                    ..ann
                };
                assert_eq!(again, ann, "a join may be sent again");
            }
        }
        let fresh: RoomName = "never-opened".parse().unwrap();
        let joined = store.join(&fresh, &room.terms, &[room.joining(1)]).await;
        assert!(
            matches!(joined, Err(StoreError::Lost)),
            "its window is unknown"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn checking_in_says_exactly_where_a_visitor_stands() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        let places = room.crowd(1..=4).await?;

        room.leave(2).await?;

        let stand = room.check_in(room.token(4, places[3])).await?;
        assert_eq!(stand.standing, waiting(2));
        assert_eq!(stand.place, Some(places[3]));
        let unknown = room.shows(9, Place::new(EPOCH, 9).unwrap()).await?;
        assert_eq!(unknown, Standing::Unknown);
        let stale = CheckIn {
            window: WindowId(6),
            ..room.token(4, places[3])
        };
        assert_eq!(room.check_in(stale).await?.standing, Standing::Unknown);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_ended_turn_never_comes_back_and_the_next_one_starts_at_the_back() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        let places = room.crowd(1..=2).await?;
        room.leave(1).await?;
        assert_eq!(room.shows(1, places[0]).await?, ended(EndedBy::Left));

        let again = room.join(1).await?;

        assert_eq!(again.turn, Turn(2));
        assert!(again.place > Some(places[1]));
        assert_eq!(again.standing, waiting(1));
        let old = room.check_in(room.token(1, places[0])).await?;
        assert_eq!(old.standing, ended(EndedBy::Left));
        assert_eq!((old.turn, old.place), (Turn::FIRST, None));
        room.leave(1).await?;
        assert_eq!(
            room.counts().await?,
            (2, 0, 0, 0),
            "the old turn left long ago"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_lost_place_of_an_older_epoch_is_put_back_where_it_was() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        let lost = Place::new(EPOCH, 40).unwrap();
        let entered = room.enters(101).await?;
        assert_eq!(entered, Epoch(101));
        let bob = room.join(2).await?;
        assert_eq!(bob.place, Place::new(Epoch(101), 1), "numbers begin again");

        let ann = room.check_in(room.token(1, lost)).await?;

        assert_eq!(ann.standing, waiting(0), "older epochs go first");
        assert_eq!((ann.place, ann.epoch), (Some(lost), Epoch(101)));
        assert_eq!(room.check_in(room.token(1, lost)).await?, ann);
        assert_eq!(room.join(2).await?.standing, waiting(1));
        room.leave(1).await?;
        assert_eq!(room.shows(1, lost).await?, ended(EndedBy::Left));
        assert_eq!(room.counts().await?, (1, 0, 0, 0));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_missing_place_of_the_same_epoch_is_not_put_back() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        let place = Place::new(EPOCH, 40).unwrap();

        let stand = room.check_in(room.token(1, place)).await?;

        assert_eq!((stand.standing, stand.place), (Standing::Unknown, None));
        assert_eq!(room.counts().await?, (0, 0, 0, 0));
        let newer = CheckIn {
            epoch: Epoch(101),
            ..room.token(1, place)
        };
        assert!(matches!(room.check_in(newer).await, Err(StoreError::Lost)));
        room.enters(101).await?;
        let signed_since = room.check_in(newer).await?;
        assert_eq!(
            signed_since.standing,
            Standing::Unknown,
            "an old place, a new token"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_newer_of_two_lost_turns_wins_and_one_place_has_one_holder() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        room.enters(101).await?;
        let (old, new) = (Place::new(EPOCH, 5).unwrap(), Place::new(EPOCH, 9).unwrap());
        room.check_in(room.token(1, old)).await?;

        let second = CheckIn {
            turn: Turn(2),
            ..room.token(1, new)
        };
        let stand = room.check_in(second).await?;

        assert_eq!((stand.place, stand.turn), (Some(new), Turn(2)));
        assert_eq!(room.counts().await?, (1, 0, 0, 0));
        assert!(matches!(room.shows(1, old).await?, Standing::Ended(_)));
        assert_eq!(room.shows(2, new).await?, Standing::Unknown);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn epochs_are_entered_upwards_only() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        room.crowd(1..=3).await?;

        for (asked, entered) in [
            (99, 100),
            (100, 100),
            (103, 103),
            (102, 103),
            (1 << 24, 103),
        ] {
            let epoch = room.enters(asked).await?;
            assert_eq!(epoch, Epoch(entered), "asked for {asked}");
        }

        let seen = room.survey().await?;
        assert_eq!((seen.epoch, seen.waiting), (Epoch(103), 3));
        assert_eq!(seen.ticks.credit, 0, "the bucket starts empty");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_survey_samples_the_queue_and_shows_how_far_near_is() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 1).await?;
        assert_eq!(room.survey().await?.lane(Lane::GENERAL).horizon, None);
        let places = room.crowd(1..=500).await?;
        room.leave(100).await?;

        room.terms.pace = Pace::per_minute(10).unwrap();
        room.terms.horizon = Duration::from_mins(6);
        let seen = room.survey().await?;
        let seen = seen.lane(Lane::GENERAL);

        for (number, place) in (1_u32..=500).zip(&places) {
            let ahead = u64::from(number) - 1 - u64::from(number > 100);
            if number != 100 {
                assert_eq!(seen.ahead_of(*place), ahead, "place {number}");
            }
        }
        assert!(
            seen.is_near(places[55]) && !seen.is_near(places[90]),
            "{:?}",
            seen.horizon
        );
        room.terms.horizon = Duration::from_mins(100);
        let seen = room.survey().await?;
        assert!(seen.lane(Lane::GENERAL).is_near(places[499]));
        Ok(())
    })
    .await;
}
