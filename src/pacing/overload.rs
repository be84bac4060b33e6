//! Stories of rooms that queue only under overload, and of what they do while the store is away.

use std::sync::atomic::Ordering;

use super::house::{Got, House, OPEN, SECOND, Visitor, assert_bound, per_minute};
use crate::domain::room::{Activation, Terms, WhenStoreFails};
use crate::gate::notice::Face;

/// An open room of 120 a minute in which visitors pass until that is reached.
async fn opened(terms: Terms, fails: WhenStoreFails) -> House {
    let mut house = House::furnished(|room| {
        room.terms = terms;
        room.activation = Activation::Overload;
        room.when_store_fails = fails;
    });
    house.tick().await;
    house.order(OPEN).await;
    house.pass(3 * SECOND).await;
    house
}

/// Somebody who came and comes back; whether that got in.
async fn comes(house: &House) -> (Visitor, Got) {
    let mut visitor = house.visitor();
    visitor.get(house, "/buy/1").await.is_not_served();
    let got = visitor.get(house, "/buy/1").await;
    (visitor, got)
}

#[tokio::test]
async fn visitors_pass_until_the_pace_is_reached_then_queue_and_pass_again() {
    let mut house = opened(per_minute(120), WhenStoreFails::Hold).await;
    let before = house.calls();
    let (mut ann, got) = comes(&house).await;
    got.is_served();
    assert_eq!(
        house.calls() - before,
        1,
        "one call for somebody who passes"
    );
    ann.get(&house, "/buy/2").await.is_served();
    assert_eq!(house.calls() - before, 1, "and none for the admitted");

    let mut through = 1;
    let mut line = Vec::new();
    for _ in 0..20 {
        let (visitor, got) = comes(&house).await;
        match got {
            Got::Served => through += 1,
            other => {
                other.is_not_served();
                line.push(visitor);
            }
        }
    }
    assert_eq!(
        through, 3,
        "two and a tick's worth, which is the effective burst"
    );
    house.tick().await;
    let (mut late, got) = comes(&house).await;
    got.is_waiting(18);

    for _ in 0..19 * 4 / 2 + 4 {
        house.tick().await;
    }
    for visitor in &mut line {
        visitor.get(&house, "/buy/1").await.is_served();
    }
    late.get(&house, "/buy/1").await.is_served();
    house.pass(2 * SECOND).await;
    comes(&house).await.1.is_served();
    assert_bound(&house.store.released.lock().unwrap(), per_minute(120).pace);
}

#[tokio::test]
async fn an_overload_room_ticks_while_nobody_is_there() {
    let mut house = opened(per_minute(120), WhenStoreFails::Hold).await;
    let before = house.snapshot().survey.ticks.tick;

    house.pass(10 * SECOND).await;

    assert!(house.snapshot().survey.ticks.tick >= before + 30);
}

#[tokio::test]
async fn f11_newcomers_wait_while_the_store_is_away_where_the_owner_does_not_say_otherwise() {
    let mut house = opened(per_minute(600), WhenStoreFails::Hold).await;
    house.store.away.store(true, Ordering::SeqCst);
    house.pass(5 * SECOND).await;

    for _ in 0..5 {
        comes(&house).await.1.is_not_served();
        house.pass(SECOND).await;
    }
}

#[tokio::test]
async fn a11_newcomers_pass_a_lone_gateway_at_the_pace_for_a_minute_each() {
    let mut house = opened(per_minute(60), WhenStoreFails::Pass).await;
    house.store.away.store(true, Ordering::SeqCst);
    house.pass(2 * SECOND).await;
    let mut inside = Vec::new();
    for _ in 0..40 {
        house.pass(SECOND / 2).await;
        let (visitor, got) = comes(&house).await;
        if matches!(got, Got::Served) {
            inside.push(visitor);
        }
    }
    assert!(
        (19..=21).contains(&inside.len()),
        "{} in 20 s",
        inside.len()
    );

    let ann = &mut inside[0];
    house.pass(30 * SECOND).await;
    ann.get(&house, "/buy/2").await.is_served();
    house.pass(20 * SECOND).await;
    comes(&house).await.1.is_served();
    let again = ann.get(&house, "/buy/3").await;
    again.is_not_served();

    house.store.away.store(false, Ordering::SeqCst);
    house.pass(2 * SECOND).await;
    let (mut bob, got) = comes(&house).await;
    assert_eq!(got.is_not_served().face, Face::Recovering);
    house.pass(55 * SECOND).await;
    bob.get(&house, "/buy/1").await.is_not_served();
    house.pass(10 * SECOND).await;
    bob.get(&house, "/buy/1").await.is_served();
}

#[tokio::test]
async fn a_lone_gateway_lets_nobody_pass_who_would_overtake() {
    let mut house = opened(per_minute(60), WhenStoreFails::Pass).await;
    while matches!(comes(&house).await.1, Got::Served) {}
    house.tick().await;
    assert!(house.snapshot().survey.waiting > 0);
    house.store.away.store(true, Ordering::SeqCst);
    for _ in 0..10 {
        house.pass(2 * SECOND).await;
        comes(&house).await.1.is_not_served();
    }
}

#[tokio::test]
async fn a_lone_gateway_keeps_to_the_capacity() {
    let terms = Terms {
        capacity: std::num::NonZeroU32::new(3),
        ..per_minute(600)
    };
    let mut house = opened(terms, WhenStoreFails::Pass).await;
    comes(&house).await.1.is_served();
    house.pass(SECOND).await;
    house.store.away.store(true, Ordering::SeqCst);
    let mut through = 0;
    for _ in 0..118 {
        house.pass(SECOND / 2).await;
        through += u32::from(matches!(comes(&house).await.1, Got::Served));
    }
    assert!(through <= 2, "{through} in a minute beside one inside");
}
