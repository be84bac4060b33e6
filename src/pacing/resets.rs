//! Stories of stores that were emptied on purpose, or more than once, and of what gateways kept
//! from before.

use std::sync::Arc;
use std::time::Duration;

use super::house::{Got, House, OPEN, SECOND, Visitor, joined, per_minute, together};
use crate::domain::room::{SaleWindow, Schedule, Terms};
use crate::domain::window::{Order, WindowState};
use crate::store::kept::Keeper;
use crate::store::survey::StoreHealth;

const MINUTE: Duration = Duration::from_mins(1);

/// How many of these get in when they ask once each.
async fn served(house: &House, visitors: &mut [Visitor]) -> usize {
    let mut served = 0;
    for visitor in visitors {
        served += usize::from(matches!(visitor.get(house, "/buy/1").await, Got::Served));
    }
    served
}

#[tokio::test]
async fn s4_a_store_that_is_lost_twice_lets_no_more_in_than_the_capacity() {
    let mut house = House::open(Terms {
        capacity: std::num::NonZeroU32::new(10),
        ..per_minute(6_000)
    })
    .await;
    let mut inside = Vec::new();
    for _ in 0..10 {
        inside.push(joined(&house).await);
    }
    house.pass(3 * SECOND).await;
    assert_eq!(served(&house, &mut inside).await, 10);
    let mut line = Vec::new();
    for _ in 0..20 {
        line.push(joined(&house).await);
    }

    // Those inside fill in a form and ask for nothing meanwhile.
    house.store.lose_all();
    house.pass(2 * SECOND).await;
    house.store.lose_all();
    for _ in 0..40 {
        house.pass(SECOND).await;
        assert_eq!(served(&house, &mut line).await, 0, "all ten are inside");
    }
}

#[tokio::test]
async fn a_gateway_that_kept_a_sale_long_gone_undoes_nothing_of_the_one_that_runs() {
    let disk = tempfile::tempdir().unwrap();
    let keeper = Arc::new(Keeper::new(disk.path().join("kept")));
    let base = House::closed(per_minute(60));
    let kept = |house: &House| {
        let keeper = Some(Arc::clone(&keeper));
        house.beside_with(1, |with| with.keeper = keeper)
    };
    let mut old = kept(&base);
    old.order(OPEN).await;
    for message in ["one", "two", "three", "four"] {
        old.order(Order::Message(Some(message.into()))).await;
    }
    old.pass(SECOND).await;
    drop(old);

    // Redis is emptied on purpose, and a day later another sale has been running for an hour.
    base.store.lose_all();
    base.clock.advance(Duration::from_hours(24));
    let mut now = base.beside(2);
    now.order(OPEN).await;
    now.pass(60 * MINUTE).await;
    let mut line = Vec::new();
    for _ in 0..30 {
        line.push(joined(&now).await);
    }
    now.tick().await;
    let before = now.snapshot().survey.clone();

    let mut back = kept(&base);
    together(&mut [&mut now, &mut back], 3 * SECOND).await;
    for house in [&now, &back] {
        let snapshot = house.snapshot();
        assert_eq!(snapshot.store, StoreHealth::Reachable);
        assert_eq!(snapshot.survey.orders, before.orders);
        assert_eq!(snapshot.survey.epoch, before.epoch);
        assert!(!snapshot.recovers());
    }
    together(&mut [&mut now, &mut back], 30 * SECOND).await;
    assert!(served(&back, &mut line).await >= 28, "with their places");
    back.pass(SECOND).await;
    drop(back);
    let mut again = kept(&base);
    again.step().await;
    assert_eq!(again.snapshot().survey.orders, before.orders);
}

#[tokio::test]
async fn a_gateway_whose_window_was_overruled_obeys_and_says_so() {
    let mut one = House::open(per_minute(60)).await;
    for message in ["one", "two", "three", "four"] {
        one.order(Order::Message(Some(message.into()))).await;
    }
    one.clock.advance(2 * MINUTE);
    one.tick().await;
    // The store is emptied, and a gateway that knows nothing opens it before the other comes round.
    one.store.lose_all();
    let mut two = one.beside(2);
    two.order(OPEN).await;
    let mut fan = joined(&two).await;
    assert!(two.snapshot().window() > one.snapshot().window());
    together(&mut [&mut one, &mut two], 3 * SECOND).await;
    fan.get(&two, "/buy/1").await.is_not_served();
    together(&mut [&mut one, &mut two], 3 * SECOND).await;
    for house in [&one, &two] {
        let snapshot = house.snapshot();
        assert_eq!(snapshot.store, StoreHealth::Reachable);
        assert_eq!(snapshot.survey.orders.message.as_deref(), Some("four"));
    }
    assert!(two.snapshot().unknown.is_some(), "the operator is told");
}

#[tokio::test]
async fn an_old_token_does_not_keep_a_scheduled_sale_shut() {
    let mut rehearsal = House::open(per_minute(60)).await;
    let mut tester = joined(&rehearsal).await;
    rehearsal.pass(SECOND).await;

    // Everything is emptied in the evening, the sale opens by its schedule in the morning.
    rehearsal.store.lose_all();
    let opens_at = rehearsal.clock.now().wall.after(60 * MINUTE);
    let mut sale = rehearsal.scheduled(Schedule::of(vec![SaleWindow::opening(opens_at)]));
    sale.step().await;
    tester.get(&sale, "/buy/1").await.is_not_served();
    sale.pass(SECOND).await;
    assert!(sale.snapshot().unknown.is_some());
    sale.clock.advance(60 * MINUTE);
    sale.pass(2 * SECOND).await;

    let snapshot = sale.snapshot();
    assert_eq!(snapshot.survey.orders.state, WindowState::Open);
    assert_eq!(snapshot.unknown, None);
    let mut fan = joined(&sale).await;
    sale.pass(2 * SECOND).await;
    fan.get(&sale, "/buy/1").await.is_served();
}
