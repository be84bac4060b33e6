//! Rooms that draw all the time: one round after another, while the ones before are released.

use super::*;
use crate::store::lobby::Cut;

/// How long a round lasts.
const ROUND: Duration = Duration::from_secs(4);

/// An open room that draws whoever comes within so long.
async fn random(store: &dyn QueueStore, per_tick: u32) -> Result<Stage<'_>, StoreError> {
    let mut room = Stage::open(store, per_tick).await?;
    room.terms.fairness_window = Some(ROUND);
    Ok(room)
}

fn at(number: u32) -> Option<Place> {
    Place::new(EPOCH, number)
}

#[tokio::test]
async fn a_round_is_frozen_when_its_first_has_waited_for_so_long() {
    for_every_store(async |store| {
        let room = random(store, 1).await?;
        room.pass(9).await?;
        room.gather([1]).await?;
        room.pass(3).await?;
        room.gather([2, 3]).await?;
        let seen = room.survey().await?;
        assert_eq!((seen.frozen, seen.lobby, seen.waiting), (None, 3, 3));

        assert_eq!(room.pass(1).await?, []);

        let cut = room.cut().await?;
        let first = Cut {
            round: 1,
            epoch: EPOCH,
            base: 0,
            count: 3,
            placed: 0,
        };
        assert_eq!(cut, first);
        let seen = room.survey().await?;
        assert_eq!(
            (seen.lobby, seen.waiting, seen.lane(Lane::GENERAL).horizon),
            (0, 3, None)
        );
        assert_eq!(room.frozen().await?, visitors(1..=3));
        assert_eq!(store.lobby(&room.room, 0, 1).await?.round, 1);
        assert_eq!(room.place(&cut, 0, [2, 3, 1]).await?, 3);
        let seen = room.survey().await?;
        assert_eq!((seen.frozen, seen.waiting, seen.roster), (None, 3, 0));
        assert_eq!(room.place(&cut, 0, [2, 3, 1]).await?, 0, "it is over");
        assert_eq!(room.tick().await?, visitors([2, 3, 1]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn those_who_have_places_go_on_while_a_round_is_drawn() {
    for_every_store(async |store| {
        let mut room = random(store, 4).await?.holding(1);
        room.gather(1..=4).await?;
        room.pass(4).await?;
        let first = room.cut().await?;
        assert_eq!(room.place(&first, 0, [4, 2]).await?, 2);
        assert_eq!(room.tick().await?, visitors([4]));
        room.gather([5, 6]).await?;
        room.leave(4).await?;
        assert_eq!(room.pass(5).await?, visitors([2]));
        assert_eq!(room.cut().await?.round, 1, "one round at a time");
        assert_eq!(room.survey().await?.lobby, 2);

        assert_eq!(room.place(&first, 2, [1, 3]).await?, 4);
        assert_eq!(room.tick_of(Duration::ZERO).await?, []);
        let second = room.cut().await?;
        assert_eq!((second.round, second.base, second.count), (2, 4, 2));
        room.leave(2).await?;
        assert_eq!(room.tick().await?, visitors([1]));
        room.turn_to(WindowState::Paused).await?;
        assert_eq!(room.place(&second, 0, [6, 5]).await?, 2);
        room.gather([7]).await?;
        room.pass(20).await?;
        assert_eq!(
            room.survey().await?.frozen,
            None,
            "a paused room freezes nobody"
        );
        room.turn_to(WindowState::Open).await?;
        assert_eq!(room.cut().await?.round, 3);
        let placed = room.join(5).await?;
        assert_eq!((placed.standing, placed.place), (waiting(2), at(6)));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn who_comes_again_is_drawn_again() {
    for_every_store(async |store| {
        let room = random(store, 4).await?;
        room.gather(1..=3).await?;
        room.pass(4).await?;
        let first = room.cut().await?;
        room.leave(2).await?;
        let back = room.join(2).await?;
        assert_eq!((back.standing, back.turn), (Standing::Lobby, Turn(2)));
        let seen = room.survey().await?;
        assert_eq!((seen.lobby, seen.waiting), (1, 3));

        assert_eq!(room.place(&first, 0, [2, 1, 3]).await?, 3);

        assert_eq!(room.tick().await?, visitors([1, 3]));
        room.leave(1).await?;
        let back = room.join(1).await?;
        assert_eq!((back.standing, back.turn), (Standing::Lobby, Turn(2)));
        room.pass(4).await?;
        let second = room.cut().await?;
        assert_eq!((second.round, second.count), (2, 2));
        let over = Leaving {
            visitor: visitor(1),
            window: room.window,
            turn: Turn(2),
        };
        store.leave(&room.room, &[over]).await?;
        room.place(&second, 0, [1, 2]).await?;
        let placed = room.join(2).await?;
        assert_eq!((placed.turn, placed.place), (Turn(2), at(5)));
        assert_eq!(room.join(1).await?.turn, Turn(3));
        let seen = room.survey().await?;
        assert_eq!((seen.joins_total, seen.waiting, seen.lobby), (6, 2, 1));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn who_is_left_in_the_lobby_of_a_room_without_rounds_is_drawn_at_once() {
    for_every_store(async |store| {
        let mut room = random(store, 1).await?;
        room.gather([1, 2]).await?;
        room.terms.fairness_window = None;
        assert_eq!(room.join(3).await?.place, at(1));

        room.tick_of(Duration::ZERO).await?;

        let cut = room.cut().await?;
        assert_eq!((cut.round, cut.base, cut.count), (1, 1, 2));
        assert_eq!(room.join(4).await?.place, at(4));
        assert_eq!(room.shows(4, at(4).unwrap()).await?, waiting(3));
        room.place(&cut, 0, [2, 1]).await?;
        assert_eq!(room.pass(1).await?, visitors([3, 2, 1, 4]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_new_window_begins_its_rounds_anew() {
    for_every_store(async |store| {
        let mut room = random(store, 1).await?;
        room.gather(1..=3).await?;
        room.pass(4).await?;
        room.gather([4]).await?;
        room.order(|orders| orders.window = WindowId(8)).await?;
        let seen = room.survey().await?;
        assert_eq!((seen.waiting, seen.frozen), (0, None));

        room.gather([2]).await?;
        room.pass(4).await?;

        let cut = room.cut().await?;
        assert_eq!((cut.round, cut.base, cut.count), (1, 3, 1));
        assert_eq!(room.frozen().await?, visitors([2]));
        Ok(())
    })
    .await;
}
