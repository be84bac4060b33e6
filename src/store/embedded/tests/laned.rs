//! Lanes on disk.

use super::drawn::chunk;
use super::*;
use crate::domain::lane::Weights;
use crate::domain::window::WindowState;
use crate::store::conformance::visitors;

/// A room of three lanes on this store, as one opens it again.
async fn again(store: &Embedded) -> Stage<'_> {
    let model = Embedded::in_memory(EPOCH);
    let mut model = Stage::open(&model, 2).await.unwrap();
    model.terms.lanes = Weights::new(&[5, 3, 1]).unwrap();
    Stage {
        store,
        room: model.room.clone(),
        terms: model.terms,
        window: model.window,
    }
}

#[tokio::test]
async fn a_reopened_store_has_everybody_in_the_same_lanes_and_shares_on_where_it_was() {
    let (platter, unharmed) = (Platter::default(), Embedded::in_memory(EPOCH));
    let store = Embedded::on_platter(&platter).unwrap();
    let mut both = Vec::new();
    for store in [&store, &unharmed] {
        let lanes = again(store).await.terms.lanes;
        let mut room = Stage::open(store, 2).await.unwrap();
        room.terms.lanes = lanes;
        for lane in 0..3 {
            let from = 100 * u32::from(lane);
            room.crowd_in(Lane(lane), from + 1..=from + 50)
                .await
                .unwrap();
        }
        for _ in 0..5 {
            room.tick().await.unwrap();
        }
        both.push(room.survey().await.unwrap());
    }
    assert_eq!(both[0].lanes, both[1].lanes);
    drop(store);

    let store = Embedded::on_platter(&platter).unwrap();

    let (room, unharmed) = (again(&store).await, again(&unharmed).await);
    assert_eq!(room.survey().await.unwrap().lanes, both[0].lanes);
    for _ in 0..9 {
        assert_eq!(room.tick().await.unwrap(), unharmed.tick().await.unwrap());
    }
    let went = room.survey().await.unwrap().lanes;
    let went: Vec<_> = went.iter().map(|lane| lane.releases_total).collect();
    assert_eq!(went.iter().sum::<u64>(), 28);
    assert!((2..=4).contains(&went[2]), "one of nine: {went:?}");
}

#[tokio::test]
async fn a_reopened_store_knows_the_lanes_of_a_lobby_and_of_a_frozen_one() {
    let platter = Platter::default();
    let store = Embedded::on_platter(&platter).unwrap();
    Stage::open(&store, 2).await.unwrap();
    let mut room = again(&store).await;
    room.turn_to(WindowState::Prequeue).await.unwrap();
    for number in 1..=6 {
        let lane = Lane(u8::try_from(number % 3).unwrap());
        room.try_join_in(number, lane).await.unwrap();
    }
    let before = room.survey().await.unwrap();
    drop(store);

    let store = Embedded::on_platter(&platter).unwrap();
    let mut room = again(&store).await;
    assert_eq!(room.survey().await.unwrap(), before);
    let lobby: Vec<_> = before.lanes.iter().map(|lane| lane.lobby).collect();
    assert_eq!(lobby, [2, 2, 2]);
    room.turn_to(WindowState::Drawing).await.unwrap();
    let before = room.survey().await.unwrap();
    drop(store);

    let store = Embedded::on_platter(&platter).unwrap();
    let mut room = again(&store).await;
    assert_eq!(room.survey().await.unwrap(), before);
    let cut = before.frozen.unwrap();
    let order = chunk(&cut, 0, [6, 5, 4, 3, 2, 1]);
    assert_eq!(store.place(&room.room, &order).await.unwrap().upto, 6);
    room.turn_to(WindowState::Open).await.unwrap();
    drop(store);

    let store = Embedded::on_platter(&platter).unwrap();
    let room = again(&store).await;
    let seen = room.survey().await.unwrap();
    let waiting: Vec<_> = seen.lanes.iter().map(|lane| lane.waiting).collect();
    assert_eq!(waiting, [2, 2, 2]);
    assert_eq!(room.tick().await.unwrap(), visitors([6, 4]));
    let rest = room.tick().await.unwrap();
    assert_eq!(rest.len(), 2);
    assert!(
        rest.contains(&visitor(5)),
        "the third lane has its turn: {rest:?}"
    );
}
