//! Stories of visitors who wait in lanes beside each other.

use super::invited::{GENERAL, MEMBERS, arrived, brings, code, house};
use super::*;
use crate::domain::chance::{Before, chance};
use crate::domain::lane::{Lane, Weights};
use crate::domain::place::Place;
use crate::domain::stock::{Over, Word};
use crate::domain::window::Order;
use crate::gate::notice::Face;
use crate::gate::redeem::Redeemed;
use crate::pacing::house::{SECOND, joined};

/// Four in the general lane, then three members, then two more in the general lane.
async fn crowd(house: &House) -> Vec<Visitor> {
    let mut fans = Vec::new();
    for _ in 0..4 {
        fans.push(joined(house).await);
    }
    for serial in 1..=3 {
        let mut member = arrived(house).await;
        let told = brings(&mut member, house, &code(house, 1, serial)).await;
        assert_eq!(told, Redeemed::Accepted);
        fans.push(member);
    }
    for _ in 0..2 {
        fans.push(joined(house).await);
    }
    fans
}

const LANES: [(Lane, u64); 9] = [
    (GENERAL, 1),
    (GENERAL, 2),
    (GENERAL, 3),
    (GENERAL, 4),
    (MEMBERS, 1),
    (MEMBERS, 2),
    (MEMBERS, 3),
    (GENERAL, 5),
    (GENERAL, 6),
];

fn place(fan: &Visitor, house: &House) -> Place {
    fan.token(house).place.unwrap()
}

#[tokio::test]
async fn positions_count_within_the_lane_and_the_chance_counts_the_others_beside_it() {
    let mut house = house().await;
    house.order(Order::Pause).await;
    let mut fans = crowd(&house).await;
    house.step().await;
    for left in [3, 5, 8, 12, 20] {
        house
            .order(Order::Stock {
                left,
                over: Over(0),
                word: Word::Order,
            })
            .await;
        let stock = house.snapshot().survey.orders.stock.unwrap();
        // All lanes have the same weight: as many go beside those ahead as wait there.
        let before = [0, 2, 4, 6, 0, 2, 4, 7, 8];
        for ((fan, (lane, position)), before) in fans.iter_mut().zip(LANES).zip(before) {
            let told = fan.poll(&house).await;
            assert_eq!((told.lane, told.position), (Some(lane), Some(position)));
            let expected = Before {
                ahead: before,
                inside: 0,
            };
            assert_eq!(told.chance, chance(&stock, expected), "{lane:?} {position}");
        }
    }
}

#[tokio::test]
async fn f6_after_a_total_loss_everybody_is_back_in_the_lane_at_the_place() {
    let mut house = house().await;
    house.order(Order::Pause).await;
    let mut fans = crowd(&house).await;
    house.step().await;
    let before: Vec<_> = fans.iter().map(|fan| place(fan, &house)).collect();

    house.store.lose_all();
    house.pass(2 * SECOND).await;
    for fan in fans.iter_mut().rev() {
        let told = fan.poll(&house).await;
        assert!(matches!(told.face, Face::Recovering | Face::Paused));
    }
    house.pass(25 * SECOND).await;

    let seen = house.snapshot().survey.clone();
    let waiting: Vec<_> = seen.lanes.iter().map(|lane| lane.waiting).collect();
    assert_eq!(waiting, [6, 3, 0]);
    for ((fan, (lane, position)), before) in fans.iter_mut().zip(LANES).zip(before) {
        let told = fan.poll(&house).await;
        assert_eq!((told.lane, told.position), (Some(lane), Some(position)));
        assert_eq!(place(fan, &house), before);
    }
}

#[tokio::test]
async fn positions_never_grow_while_lanes_share_and_a_lane_goes() {
    let mut house = house().await;
    house.order(Order::Pause).await;
    let mut fans = crowd(&house).await;
    house.order(Order::Resume).await;
    house
        .order(Order::Pace(Pace::per_minute(120).unwrap()))
        .await;
    let mut shown: Vec<_> = LANES.iter().map(|(_, position)| *position).collect();
    let mut called = Vec::new();
    for second in 0..8 {
        house.pass(SECOND).await;
        if second == 1 {
            // The room's file names one lane from now on.
            house = house.refurnished(|room| {
                room.lanes.clear();
                room.terms.lanes = Weights::default();
            });
            house.step().await;
        }
        for (at, fan) in fans.iter_mut().enumerate() {
            let told = fan.poll(&house).await;
            match told.face {
                Face::Released if !called.contains(&at) => called.push(at),
                Face::Released => {}
                _ => {
                    let position = told.position.unwrap();
                    assert!(position <= shown[at], "{at}: {position}");
                    shown[at] = position;
                }
            }
        }
    }
    assert_eq!(called.len(), fans.len(), "{called:?}");
    for lane in [GENERAL, MEMBERS] {
        let of_lane = called.iter().filter(|at| LANES[**at].0 == lane);
        assert!(of_lane.is_sorted(), "in the order of places: {called:?}");
    }
}
