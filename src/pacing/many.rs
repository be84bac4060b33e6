//! Stories of several gateways over one store.

use std::num::NonZeroU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::house::{House, SECOND, assert_bound, joined, per_minute, together};
use crate::domain::lane::Lane;
use crate::domain::pace::Pace;
use crate::domain::room::RoomName;
use crate::domain::visitor::VisitorId;
use crate::domain::window::Order;
use crate::store::{Joining, QueueStore};

fn sale() -> RoomName {
    "sale".parse().unwrap()
}

/// So many join at the store itself, in this order.
async fn crowd(house: &House, count: u128) -> Vec<VisitorId> {
    let window = house.snapshot().survey.orders.window;
    let ids: Vec<_> = (1..=count)
        .map(|id| VisitorId::from_bytes(id.to_be_bytes()))
        .collect();
    let asks: Vec<_> = ids
        .iter()
        .map(|visitor| Joining {
            visitor: *visitor,
            window,
            lane: Lane::GENERAL,
            promised: Duration::from_mins(10),
        })
        .collect();
    let terms = house.gate.rooms[0].settings.terms;
    house.store.join(&sale(), &terms, &asks).await.unwrap();
    ids
}

fn called(house: &House) -> Vec<VisitorId> {
    let released = house.store.released.lock().unwrap();
    released.iter().map(|(_, visitor)| *visitor).collect()
}

#[tokio::test]
async fn three_gateways_keep_one_pace_and_the_order_of_places() {
    let mut one = House::open(per_minute(600)).await;
    let (mut two, mut three) = (one.beside(2), one.beside(3));
    let ids = crowd(&one, 400).await;
    together(&mut [&mut one, &mut two, &mut three], 30 * SECOND).await;

    let called = called(&one);
    assert!(
        (290..=300).contains(&called.len()),
        "{} in 30 s",
        called.len()
    );
    assert_eq!(called, ids[..called.len()], "in order, and nobody twice");
    let released = one.store.released.lock().unwrap().clone();
    assert_bound(&released, Pace::per_minute(600).unwrap());
    let sweeps = one.store.sweeps.load(Ordering::SeqCst);
    assert!(sweeps <= 36, "{sweeps} sweeps by three gateways in 30 s");
}

#[tokio::test]
async fn f1_f2_where_one_gateway_stalls_another_goes_on_and_both_together_never_exceed_the_pace() {
    let mut one = House::open(per_minute(600)).await;
    let mut two = one.beside(2);
    let ids = crowd(&one, 400).await;
    together(&mut [&mut one, &mut two], 5 * SECOND).await;
    let before = called(&one).len();
    // Whoever leads, one of the two stands still for ten seconds.
    together(&mut [&mut one], 10 * SECOND).await;
    let alone = called(&one).len() - before;
    assert!((85..=101).contains(&alone), "{alone} in 10 s by one");
    together(&mut [&mut two], 10 * SECOND).await;
    together(&mut [&mut one, &mut two], 5 * SECOND).await;

    let called = called(&one);
    assert!(called.len() >= 270, "{} in 30 s", called.len());
    assert_eq!(called, ids[..called.len()]);
    let released = one.store.released.lock().unwrap().clone();
    assert_bound(&released, Pace::per_minute(600).unwrap());
}

#[tokio::test]
async fn what_is_ordered_through_one_gateway_is_obeyed_by_the_other_within_a_second() {
    let mut one = House::open(per_minute(600)).await;
    let mut two = one.beside(2);
    crowd(&one, 900).await;
    together(&mut [&mut one, &mut two], 3 * SECOND).await;

    one.order(Order::Pause).await;
    let paused = called(&one).len();
    together(&mut [&mut two, &mut one], SECOND).await;
    assert_eq!(called(&one).len(), paused);
    assert_eq!(two.snapshot().survey.orders.state.word(), "paused");

    one.order(Order::Resume).await;
    one.order(Order::Pace(Pace::per_minute(60).unwrap())).await;
    together(&mut [&mut two, &mut one], 20 * SECOND).await;
    let slower = called(&one).len() - paused;
    assert!(
        (17..=22).contains(&slower),
        "{slower} in 20 s at 60 a minute"
    );
}

#[tokio::test]
async fn t9_who_left_or_was_revoked_at_one_gateway_is_out_at_the_other_within_a_second() {
    let mut one = House::open(per_minute(600)).await;
    let mut two = one.beside(2);
    two.step().await;
    let (mut ann, mut bob) = (joined(&one).await, joined(&two).await);
    together(&mut [&mut one, &mut two], 3 * SECOND).await;
    ann.get(&one, "/buy/1").await.is_served();
    bob.get(&one, "/buy/1").await.is_served();
    let mut thief = ann.clone();
    thief.queue = None;
    thief.get(&two, "/buy/1").await.is_served();

    ann.ask(&one, "POST", "/_anteroom/rooms/sale/leave", &[])
        .await
        .is_not_served();
    together(&mut [&mut one, &mut two], SECOND).await;
    thief.get(&two, "/buy/1").await.is_not_served();
    bob.get(&two, "/buy/1").await.is_served();

    let mut orders = one.snapshot().survey.orders.clone();
    orders.version += 1;
    orders.rev += 1;
    let store = one.store.inner();
    store
        .order(&sale(), &orders, orders.version - 1)
        .await
        .unwrap();
    together(&mut [&mut one, &mut two], SECOND).await;
    for house in [&one, &two] {
        bob.get(house, "/buy/1").await.is_not_served();
    }
}

#[tokio::test]
async fn a_tick_that_called_as_many_as_one_can_is_followed_by_the_next_at_once() {
    let mut house = House::open(per_minute(60)).await;
    crowd(&house, 5_000).await;
    house.pass(SECOND).await;
    let before = called(&house).len();
    house
        .order(Order::Release(NonZeroU32::new(4_500).unwrap()))
        .await;
    house.tick().await;
    let called = called(&house).len() - before;
    assert!((4_500..=4_502).contains(&called), "{called} at once");
}

#[tokio::test]
async fn touches_are_carried_once_a_second_however_many_ask() {
    let mut house = House::open(per_minute(6_000)).await;
    let mut all = Vec::new();
    for _ in 0..20 {
        all.push(joined(&house).await);
    }
    house.pass(2 * SECOND).await;
    for fan in &mut all {
        fan.get(&house, "/buy/1").await.is_served();
    }
    house.pass(Duration::from_secs(150)).await;
    let before = house.store.touches.load(Ordering::SeqCst);
    // Somebody asks in every round.
    for _ in 0..2 {
        for fan in &mut all {
            fan.get(&house, "/buy/2").await.is_served();
            house.tick().await;
        }
    }
    let calls = house.store.touches.load(Ordering::SeqCst) - before;
    assert!((1..=10).contains(&calls), "{calls} calls in 10 s");
}

#[tokio::test]
async fn s7_a_position_never_grows_from_one_gateway_to_another_that_knows_less() {
    let mut one = House::open(per_minute(60)).await;
    let mut two = one.beside(2);
    crowd(&one, 300).await;
    let mut far = joined(&one).await;
    one.pass(2 * SECOND).await;
    two.step().await;
    let mut shown = far.poll(&one).await.position.unwrap();
    one.pass(20 * SECOND).await;
    // The second gateway has not surveyed the room for twenty seconds.
    for _ in 0..3 {
        for house in [&one, &two] {
            let now = far.poll(house).await.position.unwrap();
            assert!(now <= shown, "{now} after {shown}");
            shown = now;
        }
        assert!(far.token(&one).tick >= one.snapshot().survey.ticks.tick);
    }
    assert!(shown <= 282, "{shown}");
}
