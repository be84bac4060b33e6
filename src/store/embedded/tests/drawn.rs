//! Lobbies and rosters on disk.

use super::*;
use crate::domain::standing::Standing;
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;
use crate::domain::window::WindowState;
use crate::store::QueueStore as _;
use crate::store::conformance::visitors;
use crate::store::lobby::{Chunk, Cut};
use crate::store::survey::Survey;

/// The room as one opens it again.
async fn again(store: &Embedded) -> Stage<'_> {
    let model = Embedded::in_memory(EPOCH);
    let model = Stage::open(&model, 2).await.unwrap();
    Stage {
        store,
        room: model.room.clone(),
        terms: model.terms,
        window: model.window,
    }
}

pub(super) fn chunk(cut: &Cut, from: u32, numbers: impl IntoIterator<Item = u32>) -> Chunk {
    Chunk {
        window: WindowId(7),
        round: cut.round,
        epoch: cut.epoch,
        base: cut.base,
        from,
        visitors: visitors(numbers),
    }
}

async fn seen(room: &Stage<'_>) -> (Survey, Vec<VisitorId>, Vec<VisitorId>) {
    let frozen = room.store.lobby(&room.room, 0, 5_000).await.unwrap();
    let roster = room.store.roster(&room.room, room.window, 0, 5_000).await;
    (
        room.survey().await.unwrap(),
        frozen.visitors,
        roster.unwrap(),
    )
}

#[tokio::test]
async fn a_reopened_store_knows_its_lobby_and_its_draw() {
    let platter = Platter::default();
    let store = Embedded::on_platter(&platter).unwrap();
    let mut room = Stage::open(&store, 2).await.unwrap();
    room.turn_to(WindowState::Prequeue).await.unwrap();
    for number in [4, 2, 5, 1, 3] {
        room.join(number).await.unwrap();
    }
    for number in [1, 5] {
        room.leave(number).await.unwrap();
    }
    room.join(1).await.unwrap();
    let before = seen(&room).await;
    drop(store);

    let store = Embedded::on_platter(&platter).unwrap();
    let mut room = again(&store).await;
    assert_eq!(seen(&room).await, before);
    assert_eq!(before.0.lobby, 4);
    assert_eq!(room.join(1).await.unwrap().turn, Turn(2));
    room.turn_to(WindowState::Drawing).await.unwrap();
    let cut = room.survey().await.unwrap().frozen.unwrap();
    store
        .place(&room.room, &chunk(&cut, 0, [2, 1]))
        .await
        .unwrap();
    room.leave(4).await.unwrap();
    room.join(9).await.unwrap();
    let before = seen(&room).await;
    drop(store);

    let store = Embedded::on_platter(&platter).unwrap();
    let mut room = again(&store).await;
    assert_eq!(seen(&room).await, before);
    assert_eq!(
        (before.1.len(), before.2.len(), before.0.waiting),
        (4, 2, 4)
    );
    let late = room.join(9).await.unwrap();
    assert_eq!(late.standing, Standing::Waiting { ahead: 3 });
    let placed = store.place(&room.room, &chunk(&cut, 0, [2, 1, 4, 3])).await;
    assert_eq!(placed.unwrap().upto, 4);
    room.turn_to(WindowState::Open).await.unwrap();
    let before = seen(&room).await;
    drop(store);

    let store = Embedded::on_platter(&platter).unwrap();
    let room = again(&store).await;
    assert_eq!(seen(&room).await, before);
    assert_eq!(before.2, visitors([2, 1, 4, 3]));
    assert_eq!(room.tick().await.unwrap(), visitors([2, 1]));
    let cleared = store.sweep(&room.room, &room.terms).await.unwrap();
    assert_eq!(cleared, 4, "the rows of the frozen lobby");
    drop(store);
    let store = Embedded::on_platter(&platter).unwrap();
    let room = again(&store).await;
    assert_eq!(store.sweep(&room.room, &room.terms).await.unwrap(), 0);
}

#[tokio::test]
async fn a_roster_of_many_blocks_is_kept_until_the_next() {
    let platter = Platter::default();
    let store = Embedded::on_platter(&platter).unwrap();
    let mut room = Stage::open(&store, 2).await.unwrap();
    room.terms.max_waiting = 5_000;
    room.turn_to(WindowState::Prequeue).await.unwrap();
    let asks: Vec<_> = (1..=2_500).map(|number| room.joining(number)).collect();
    store.join(&room.room, &room.terms, &asks).await.unwrap();
    room.turn_to(WindowState::Drawing).await.unwrap();
    let cut = room.survey().await.unwrap().frozen.unwrap();
    for (from, to) in [(0, 700), (700, 1_024), (1_024, 2_500)] {
        let drawn = (from..to).map(|rank| 2_500 - rank);
        let part = chunk(&cut, from, drawn);
        assert_eq!(store.place(&room.room, &part).await.unwrap().upto, to);
    }
    drop(store);

    let store = Embedded::on_platter(&platter).unwrap();
    let mut room = again(&store).await;
    assert_eq!(seen(&room).await.2, visitors((1..=2_500).rev()));
    let window = room.window;
    room.order(|orders| {
        orders.window = WindowId(8);
        orders.state = WindowState::Prequeue;
    })
    .await
    .unwrap();
    drop(store);
    let store = Embedded::on_platter(&platter).unwrap();
    let room = again(&store).await;
    let roster = store.roster(&room.room, window, 1_000, 2).await.unwrap();
    assert_eq!(roster, visitors([1_500, 1_499]));
}

#[tokio::test]
async fn a_kill_at_any_moment_of_a_draw_loses_and_doubles_nobody() {
    let platter = Platter::default();
    let store = Embedded::on_platter(&platter).unwrap();
    let mut room = Stage::open(&store, 2).await.unwrap();
    let mut moments = Vec::new();
    let mut note = |shown: u32| {
        moments.push((platter.after_kill(), shown));
        moments.push((platter.after_power_loss(), shown));
    };
    room.turn_to(WindowState::Prequeue).await.unwrap();
    for number in 1..=6 {
        room.join(number).await.unwrap();
        note(0);
    }
    room.turn_to(WindowState::Drawing).await.unwrap();
    note(0);
    let cut = room.survey().await.unwrap().frozen.unwrap();
    for rank in 0..6 {
        let part = chunk(&cut, rank, [6 - rank]);
        store.place(&room.room, &part).await.unwrap();
        note(rank + 1);
    }
    room.turn_to(WindowState::Open).await.unwrap();
    note(6);

    for (image, shown) in moments {
        let store = Embedded::on_platter(&image).unwrap();
        let mut room = again(&store).await;
        let seen = room.survey().await.unwrap();
        if seen.orders.state == WindowState::Prequeue {
            for number in 1..=6 {
                room.join(number).await.unwrap();
            }
            room.turn_to(WindowState::Drawing).await.unwrap();
        }
        if room.survey().await.unwrap().orders.state == WindowState::Drawing {
            let cut = room.survey().await.unwrap().frozen.unwrap();
            assert!(cut.placed >= shown, "{cut:?}");
            let all = chunk(&cut, 0, (1..=6).rev());
            assert_eq!(store.place(&room.room, &all).await.unwrap().upto, 6);
            room.turn_to(WindowState::Open).await.unwrap();
        }
        for number in 1..=6 {
            let placed = room.join(number).await.unwrap().place;
            assert_eq!(placed, Place::new(EPOCH, 7 - number));
        }
        let seen = room.survey().await.unwrap();
        assert_eq!((seen.waiting, seen.joins_total, seen.frozen), (6, 6, None));
    }
}
