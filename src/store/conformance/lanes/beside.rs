//! Lanes beside what else a room does: draws, absences, and passing at once.

use super::*;
use crate::store::conformance::drawing::{at, lost};
use crate::store::lobby::Cut;
use crate::store::{Passed, Passing};

/// How many wait in each lane, and how many of them in the lobby.
async fn waits(room: &Stage<'_>) -> Result<Vec<(u64, u64)>, StoreError> {
    let seen = room.survey().await?;
    let lanes = seen.lanes.iter();
    Ok(lanes.map(|lane| (lane.waiting, lane.lobby)).collect())
}

/// Asks for a place in a lane, and must get a stand.
async fn joins(room: &Stage<'_>, number: u32, lane: u8) -> Result<Stand, StoreError> {
    match room.try_join_in(number, Lane(lane)).await? {
        Joined::Stands(stand) => Ok(stand),
        turned_away => panic!("{number} may join: {turned_away:?}"),
    }
}

#[tokio::test]
async fn who_was_drawn_waits_in_its_own_lane_at_the_drawn_place() {
    for_every_store(async |store| {
        let mut room = Stage::prequeue(store, 1).await?;
        room.terms.lanes = Weights::new(&[1, 1]).unwrap();
        for (number, lane) in [(1, 0), (2, 1), (3, 0), (4, 1), (5, 7)] {
            let stand = joins(&room, number, lane).await?;
            assert_eq!(stand.standing, Standing::Lobby);
            assert_eq!(stand.lane, Lane(lane % 7), "{number}");
        }
        let asks = [(2, 0), (6, 0), (4, 1)].map(|(number, lane)| Joining {
            lane: Lane(lane),
            ..room.joining(number)
        });
        let again = store.join(&room.room, &room.terms, &asks).await?;
        let lanes = again.iter().map(|joined| match joined {
            Joined::Stands(stand) => stand.lane.0,
            turned_away => panic!("{turned_away:?}"),
        });
        assert!(lanes.eq([1, 0, 1]), "who is in the lobby stays in the lane");
        assert_eq!(waits(&room).await?, [(4, 4), (2, 2)]);

        room.turn_to(WindowState::Drawing).await?;

        assert_eq!(waits(&room).await?, [(4, 0), (2, 0)]);
        let late = joins(&room, 9, 1).await?;
        assert_eq!((late.standing, late.place), (waiting(2), Some(at(7))));
        room.leave(2).await?;
        assert_eq!(room.shows(9, at(7)).await?, waiting(1));
        let cut = room.cut().await?;
        assert_eq!(room.place(&cut, 0, [4, 1, 2, 6]).await?, 4);
        assert_eq!(room.shows(9, at(7)).await?, waiting(1));
        assert_eq!(room.place(&cut, 4, [5, 3]).await?, 6);
        room.turn_to(WindowState::Open).await?;

        for (number, place, lane, ahead) in [
            (4, 1, 1, 0),
            (1, 2, 0, 0),
            (6, 4, 0, 1),
            (5, 5, 0, 2),
            (3, 6, 0, 3),
            (9, 7, 1, 1),
        ] {
            let stand = room.check_in(room.token(number, at(place))).await?;
            assert_eq!(
                (stand.standing, stand.lane),
                (waiting(ahead), Lane(lane)),
                "{number}"
            );
        }
        assert_eq!(waits(&room).await?, [(4, 0), (2, 0)]);
        let mut went = room.pass(2).await?;
        went.truncate(4);
        went.sort_unstable();
        assert_eq!(went, visitors([1, 4, 6, 9]), "each lane has half");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_draw_that_was_lost_leaves_lanes_to_the_tokens() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 1).await?;
        room.terms.lanes = Weights::new(&[1, 1]).unwrap();
        let cut = Cut {
            round: 0,
            epoch: EPOCH,
            base: 40,
            count: 4,
            placed: 0,
        };
        lost(&mut room, &cut, WindowState::Open).await?;
        let token = |number, place| CheckIn {
            lane: Lane(1),
            ..room.token(number, at(place))
        };
        // One shows the token before, one after the places were put back, one steps away at once.
        assert_eq!(room.check_in(token(1, 41)).await?.lane, Lane(1));
        assert_eq!(room.place(&cut, 0, [1, 2, 3, 4]).await?, 4);
        assert_eq!(waits(&room).await?, [(3, 0), (1, 0)]);

        let back = room.check_in(token(3, 43)).await?;
        assert_eq!((back.lane, back.standing), (Lane(1), waiting(1)));
        assert_eq!(room.check_in(token(3, 43)).await?, back);
        let away = room.step_away(token(4, 44)).await?;
        assert_eq!(away.stand().lane, Lane(1));
        assert_eq!(waits(&room).await?, [(1, 0), (3, 0)]);
        let general = room.check_in(room.token(2, at(42))).await?;
        assert_eq!((general.lane, general.standing), (Lane(0), waiting(0)));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn who_steps_away_keeps_the_lane() {
    for_every_store(async |store| {
        let room = with_lanes(store, &[1, 1], 2).await?;
        room.crowd_in(Lane(0), 1..=10).await?;
        let places = room.crowd_in(Lane(1), 501..=505).await?;
        let token = CheckIn {
            lane: Lane(1),
            ..room.token(501, places[0])
        };
        let granted = room.step_away(token).await?;
        assert_eq!(granted.stand().lane, Lane(1));
        assert_eq!(room.tick().await?, visitors([1, 502]));

        let back = room
            .check_in(CheckIn {
                shown_by: ShownBy::Visitor,
                ..token
            })
            .await?;

        assert_eq!((back.lane, back.standing), (Lane(1), waiting(0)));
        let next = room.tick().await?;
        assert_eq!(next[0], visitor(2));
        assert!(next.contains(&visitor(501)) || next.contains(&visitor(503)));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn nobody_passes_while_somebody_waits_in_any_lane() {
    for_every_store(async |store| {
        let room = with_lanes(store, &[1, 1], 2).await?;
        let passes = async |number: u32, lane: u8| {
            let ask = Passing {
                joining: Joining {
                    lane: Lane(lane),
                    ..room.joining(number)
                },
                session: jti(number, Turn::FIRST),
                at: UnixTime::from_secs(1_000),
            };
            let passed = store.pass(&room.room, &room.terms, &[ask]).await?;
            Ok::<_, StoreError>(passed[0])
        };
        room.pass(1).await?;
        assert!(matches!(
            passes(1, 1).await?,
            Passed::Admitted { stand, .. } if stand.lane == Lane(1)
        ));
        assert_eq!(went(&room).await?, [0, 1]);
        joins(&room, 2, 1).await?;
        let behind = passes(3, 0).await?;
        assert!(matches!(
            behind,
            Passed::Joined(Joined::Stands(stand))
                if stand.lane == Lane(0) && stand.standing == waiting(0)
        ));
        let third = passes(4, 1).await?;
        assert!(matches!(
            third,
            Passed::Joined(Joined::Stands(stand)) if stand.standing == waiting(1)
        ));
        assert_eq!(room.pass(3).await?.len(), 3);
        assert!(
            matches!(passes(5, 9).await?, Passed::Admitted { stand, .. } if stand.lane == Lane(0))
        );
        Ok(())
    })
    .await;
}
