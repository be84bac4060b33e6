//! Lanes: their shares of the releases, and that a place stays in its lane.

mod beside;

use super::*;
use crate::domain::lane::Weights;

/// A room of these weights that releases `per_tick` each 250 ms.
async fn with_lanes<'a>(
    store: &'a dyn QueueStore,
    weights: &[u16],
    per_tick: u32,
) -> Result<Stage<'a>, StoreError> {
    let mut room = Stage::open(store, per_tick).await?;
    room.terms.lanes = Weights::new(weights).unwrap();
    room.terms.max_waiting = 100_000;
    Ok(room)
}

/// How many were released from each lane so far.
async fn went(room: &Stage<'_>) -> Result<Vec<u64>, StoreError> {
    let seen = room.survey().await?;
    let lanes = seen.lanes.iter();
    Ok(lanes.map(|lane| lane.releases_total).collect())
}

#[tokio::test]
async fn over_a_thousand_releases_each_lane_has_its_share_while_all_wait() {
    for_every_store(async |store| {
        let room = with_lanes(store, &[70, 20, 10], 8).await?;
        for lane in 0..3 {
            let from = u32::from(lane) * 2_000;
            room.crowd_in(Lane(lane), from + 1..=from + 1_500).await?;
        }
        let mut released = 0;
        while released < 1_000 {
            released += room.tick().await?.len();
            let sum = released as f64;
            for (went, part) in went(&room).await?.into_iter().zip([0.7, 0.2, 0.1]) {
                let off = (went as f64 - sum * part).abs();
                assert!(off <= 1.0 + 3.0 * part, "{went} of {released}");
            }
        }
        for (went, part) in went(&room).await?.into_iter().zip([0.7, 0.2, 0.1]) {
            let share = went as f64 / released as f64;
            assert!((share / part - 1.0).abs() <= 0.02, "{share} for {part}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_lane_of_little_weight_is_not_starved_by_one_released_at_a_time() {
    for_every_store(async |store| {
        let room = with_lanes(store, &[9, 1], 1).await?.holding(1);
        room.crowd_in(Lane(0), 1..=100).await?;
        room.crowd_in(Lane(1), 201..=210).await?;
        for _ in 0..40 {
            let called = room.tick().await?;
            assert_eq!(called.len(), 1);
            let number = u128::from_be_bytes(*called[0].as_bytes());
            room.leave(u32::try_from(number).unwrap()).await?;
        }
        assert_eq!(went(&room).await?, [36, 4]);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_an_empty_lane_does_not_use_goes_to_the_others_and_is_not_saved_up() {
    for_every_store(async |store| {
        let room = with_lanes(store, &[1, 1], 4).await?;
        room.crowd_in(Lane(0), 1..=200).await?;
        for _ in 0..10 {
            assert_eq!(room.tick().await?.len(), 4, "the whole pace");
        }
        room.crowd_in(Lane(1), 301..=400).await?;

        for _ in 0..10 {
            room.tick().await?;
        }

        assert_eq!(
            went(&room).await?,
            [60, 20],
            "no burst for those who came later"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn positions_count_within_the_lane_and_its_order_is_that_of_places() {
    for_every_store(async |store| {
        let room = with_lanes(store, &[1, 1], 2).await?;
        let mut places = Vec::new();
        for number in 1..=8 {
            let lane = Lane(u8::from(number % 2 == 0));
            let Joined::Stands(stand) = room.try_join_in(number, lane).await? else {
                panic!("{number} may join");
            };
            let ahead = u64::from(number - 1) / 2;
            assert_eq!((stand.standing, stand.lane), (waiting(ahead), lane));
            places.push(stand.place.unwrap());
        }
        assert!(places.is_sorted(), "one counter of places for all lanes");

        assert_eq!(room.tick().await?, visitors([1, 2]));

        assert_eq!(room.shows(8, places[7]).await?, waiting(2));
        let seen = room.survey().await?;
        assert_eq!((seen.waiting, seen.lanes.len()), (6, 2));
        let lane = seen.lane(Lane(1));
        assert_eq!((lane.waiting, lane.ahead_of(places[7])), (3, 2));
        assert!(lane.has_seen(places[7]) && lane.is_near(places[7]));
        assert_eq!(room.tick().await?, visitors([3, 4]));
        assert_eq!(room.tick().await?, visitors([5, 6]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_place_stays_in_its_lane_whichever_is_asked_for_later() {
    for_every_store(async |store| {
        let room = with_lanes(store, &[1, 1, 1], 1).await?;
        room.crowd(1..=3).await?;
        let first = room.try_join_in(9, Lane(1)).await?;
        for lane in [0, 1, 2, 7] {
            assert_eq!(room.try_join_in(9, Lane(lane)).await?, first);
        }
        let asks = [1, 9, 4, 9, 4].map(|number| Joining {
            lane: Lane(2),
            ..room.joining(number)
        });
        let joined = store.join(&room.room, &room.terms, &asks).await?;
        assert_eq!((joined[1], joined[3]), (first, first));
        assert_eq!(joined[2], joined[4]);
        assert!(matches!(joined[0], Joined::Stands(stand) if stand.lane == Lane(0)));
        assert!(matches!(joined[2], Joined::Stands(stand) if stand.lane == Lane(2)));
        let Joined::Stands(nowhere) = room.try_join_in(5, Lane(3)).await? else {
            panic!("5 may join");
        };
        assert_eq!(
            (nowhere.lane, nowhere.standing),
            (Lane::GENERAL, waiting(3))
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn one_batch_may_ask_for_several_lanes() {
    for_every_store(async |store| {
        let room = with_lanes(store, &[1, 1], 1).await?;
        let lanes = [0, 0, 1, 0, 1, 1];
        let asks: Vec<_> = (1..=6)
            .zip(lanes)
            .map(|(number, lane)| Joining {
                lane: Lane(lane),
                ..room.joining(number)
            })
            .collect();
        let joined = store.join(&room.room, &room.terms, &asks).await?;
        let told = joined.iter().map(|joined| match joined {
            Joined::Stands(stand) => (stand.lane.0, stand.standing, stand.place.unwrap().number()),
            turned_away => panic!("{turned_away:?}"),
        });
        let expected = [(0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (1, 2)];
        let expected = expected.into_iter().zip(1..);
        let expected = expected.map(|((lane, ahead), number)| (lane, waiting(ahead), number));
        assert!(told.eq(expected));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn after_a_loss_a_token_brings_its_place_back_into_its_lane() {
    for_every_store(async |store| {
        let room = with_lanes(store, &[1, 1], 1).await?;
        let old = |number| Place::new(EPOCH, number).unwrap();
        room.enters(101).await?;
        let token = |number, place, lane| CheckIn {
            lane: Lane(lane),
            ..room.token(number, old(place))
        };
        let back = room.check_in(token(1, 40, 1)).await?;
        assert_eq!((back.lane, back.standing), (Lane(1), waiting(0)));
        let before = room.check_in(token(2, 30, 1)).await?;
        assert_eq!((before.lane, before.standing), (Lane(1), waiting(0)));
        assert_eq!(room.check_in(token(1, 40, 1)).await?.standing, waiting(1));
        let gone = room.check_in(token(3, 20, 6)).await?;
        assert_eq!(gone.lane, Lane::GENERAL, "there is no such lane any more");
        let taken = room.check_in(token(4, 40, 0)).await?;
        assert_eq!(taken.standing, Standing::Unknown, "a place is held once");
        let seen = room.survey().await?;
        let counts: Vec<_> = seen.lanes.iter().map(|lane| lane.waiting).collect();
        assert_eq!(counts, [1, 2]);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_second_chance_is_in_the_same_lane_and_takes_half_of_its_share_at_most() {
    for_every_store(async |store| {
        let mut room = with_lanes(store, &[1, 1], 4).await?;
        room.crowd_in(Lane(0), 1..=2).await?;
        let places = room.crowd_in(Lane(1), 501..=502).await?;
        assert_eq!(room.tick().await?, visitors([1, 2, 501, 502]));
        // Nobody claims: all four miss their turns, and two of them come back.
        room.turn_to(WindowState::Paused).await?;
        room.pass(70).await?;
        let seen = room.survey().await?;
        assert_eq!([seen.lanes[0].absent, seen.lanes[1].absent], [2, 2]);
        for (number, place) in (501..).zip(places) {
            let stand = room.check_in(room.token(number, place)).await?;
            assert_eq!((stand.lane, stand.place), (Lane(1), Some(place)));
        }
        room.crowd_in(Lane(0), 3..=10).await?;
        room.crowd_in(Lane(1), 503..=510).await?;
        room.turn_to(WindowState::Open).await?;

        assert_eq!(room.tick().await?, visitors([3, 4, 501, 503]));
        assert_eq!(room.tick().await?, visitors([5, 6, 502, 504]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn those_in_a_lane_that_is_gone_are_released_with_the_weight_of_the_general_one() {
    for_every_store(async |store| {
        let mut room = with_lanes(store, &[3, 1], 4).await?;
        room.crowd_in(Lane(0), 1..=100).await?;
        room.crowd_in(Lane(1), 201..=220).await?;
        room.tick().await?;
        assert_eq!(went(&room).await?, [3, 1]);

        room.terms.lanes = Weights::default();
        for _ in 0..9 {
            room.tick().await?;
        }

        assert_eq!(went(&room).await?, [21, 19]);
        assert!(matches!(
            room.try_join_in(300, Lane(1)).await?,
            Joined::Stands(stand) if stand.lane == Lane::GENERAL
        ));
        room.pass(20).await?;
        let seen = room.survey().await?;
        assert_eq!((seen.waiting, seen.absent), (0, 0), "nobody is left behind");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn changed_weights_hold_at_the_next_tick() {
    for_every_store(async |store| {
        let mut room = with_lanes(store, &[1_000, 1], 4).await?;
        room.crowd_in(Lane(0), 1..=300).await?;
        room.crowd_in(Lane(1), 501..=700).await?;
        for _ in 0..10 {
            room.tick().await?;
        }
        let before = went(&room).await?;
        assert_eq!(before, [39, 1]);
        room.terms.lanes = Weights::new(&[1, 3]).unwrap();
        for _ in 0..10 {
            room.tick().await?;
        }
        let after = went(&room).await?;
        assert_eq!((after[0] - before[0], after[1] - before[1]), (10, 30));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn each_lane_measures_its_own_releases_and_has_its_own_horizon() {
    for_every_store(async |store| {
        let mut room = with_lanes(store, &[3, 1], 4).await?;
        room.terms.horizon = Duration::from_secs(5);
        room.crowd_in(Lane(0), 1..=500).await?;
        let places = room.crowd_in(Lane(1), 1_001..=1_500).await?;
        for _ in 0..80 {
            room.tick().await?;
        }
        let seen = room.survey().await?;
        let all = (seen.lane(Lane(0)), seen.lane(Lane(1)));
        let (of, beside) = (all.0.history.measured(), all.1.history.measured());
        assert!(
            of.abs_diff(3 * beside) <= 3,
            "{of} and {beside} of 16 a second"
        );
        let lane = seen.lane(Lane(1));
        assert!(
            lane.is_near(places[150]) && !lane.is_near(places[170]),
            "as if alone"
        );
        Ok(())
    })
    .await;
}
