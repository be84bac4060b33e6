//! Stories of visitors who watch their places through event streams.

use std::sync::atomic::Ordering;

use super::house::{House, SECOND, Visitor, joined, per_minute};
use crate::domain::clock::UnixTime;
use crate::domain::room::{Method, SaleWindow, Schedule};
use crate::domain::window::Order;
use crate::gate::notice::{Face, Notice};
use crate::gate::watch::{Look, Watcher};
use crate::store::QueueStore;

const EVENTS: &str = "/_anteroom/rooms/sale/events";

/// Opens a stream; the first event, and the watcher.
async fn open(fan: &mut Visitor, house: &House) -> (Notice, Option<Watcher>) {
    let first = fan.ask(house, "GET", EVENTS, &[]).await.is_not_served();
    (first, fan.watcher.take())
}

/// One look at a watcher, with a call of the store where it wants one; `None` when it is over.
async fn look(watcher: &mut Watcher, house: &House) -> Option<Notice> {
    let room = &house.gate.rooms[0];
    let snapshot = room.snapshot.load_full();
    let line = house.gate.line(room, &snapshot, house.clock.now());
    match watcher.look(&line) {
        Look::Told(notice) => Some(*notice),
        Look::Over => None,
        Look::Ask(ask) => {
            let terms = &room.settings.terms;
            let asks = [ask];
            let asked = house.store.check_in(&room.settings.name, terms, &asks);
            let stand = asked.await.unwrap()[0];
            watcher.hears(&line, stand).map(|notice| *notice)
        }
    }
}

#[tokio::test]
async fn far_from_the_front_a_watcher_costs_no_store_call() {
    let mut house = House::open(per_minute(60)).await;
    for _ in 0..400 {
        joined(&house).await;
    }
    let mut fan = joined(&house).await;
    house.tick().await;
    let (first, watcher) = open(&mut fan, &house).await;
    let mut watcher = watcher.unwrap();
    assert_eq!(first.position, Some(401));
    let before = house.calls();
    let mut shown = 401;
    for _ in 0..30 {
        house.pass(SECOND).await;
        let now = look(&mut watcher, &house).await.unwrap().position.unwrap();
        assert!(now <= shown, "{now} after {shown}");
        shown = now;
    }
    assert_eq!(house.calls(), before);
    assert!((370..=372).contains(&shown), "{shown}");
}

#[tokio::test]
async fn near_the_front_a_watcher_counts_as_present_and_hears_of_its_turn_at_once() {
    let mut house = House::open(per_minute(6)).await;
    let mut others = Vec::new();
    for _ in 0..12 {
        others.push(joined(&house).await);
    }
    let mut fan = joined(&house).await;
    let mut watcher = open(&mut fan, &house).await.1.unwrap();
    let before = house.calls();
    let mut ticks = 0_u64;
    // Nobody else shows up any more; the watcher never polls itself.
    let called = loop {
        house.tick().await;
        ticks += 1;
        let notice = look(&mut watcher, &house).await.unwrap();
        let is_out = house.released().contains(&fan.id(&house));
        if notice.face == Face::Released {
            break notice;
        }
        assert!(!is_out || !ticks.is_multiple_of(4), "told within a second");
        assert!(ticks < 4 * 400, "never called: {notice:?}");
    };
    assert!(called.claim_by.is_some() && called.position.is_none());
    let calls = house.calls() - before;
    assert!(calls < ticks / 8, "{calls} calls in {ticks} ticks");
    fan.get(&house, "/buy/1").await.is_served();
}

#[tokio::test]
async fn the_operators_message_and_a_pause_reach_a_watcher_with_the_next_survey() {
    let mut house = House::open(per_minute(7)).await;
    for _ in 0..50 {
        joined(&house).await;
    }
    let mut fan = joined(&house).await;
    house.tick().await;
    let mut watcher = open(&mut fan, &house).await.1.unwrap();
    house.order(Order::Message(Some("Doors at 8".into()))).await;
    let told = look(&mut watcher, &house).await.unwrap();
    assert_eq!(told.message.as_deref(), Some("Doors at 8"));
    house.order(Order::Pause).await;
    let told = look(&mut watcher, &house).await.unwrap();
    assert_eq!((told.face, told.position), (Face::Paused, Some(51)));
}

#[tokio::test]
async fn a_break_taken_elsewhere_is_shown_and_so_is_its_end() {
    let mut house = House::open(per_minute(60)).await;
    let mut fan = joined(&house).await;
    let mut watcher = open(&mut fan, &house).await.1.unwrap();
    let away = "/_anteroom/rooms/sale/step-away";
    fan.ask(&house, "POST", away, &[]).await.is_not_served();
    let mut seen = None;
    for _ in 0..40 {
        house.tick().await;
        seen = look(&mut watcher, &house).await.unwrap().away_until;
        if seen.is_some() {
            break;
        }
    }
    assert!(seen.is_some(), "within ten seconds");
    house.pass(20 * SECOND).await;
    look(&mut watcher, &house).await.unwrap();
    assert!(house.released().is_empty(), "a stream is no return");

    fan.get(&house, "/buy/1").await.is_waiting(0);
    let mut back = false;
    for _ in 0..60 {
        house.tick().await;
        let told = look(&mut watcher, &house).await;
        back = back || told.is_none_or(|told| told.away_until.is_none());
    }
    assert!(back, "within fifteen seconds");
}

#[tokio::test]
async fn a_watch_is_over_with_the_turn_the_sale_or_the_window() {
    let mut house = House::open(per_minute(7)).await;
    let mut gone = joined(&house).await;
    let mut fan = joined(&house).await;
    let mut left = open(&mut gone, &house).await.1.unwrap();
    let mut watcher = open(&mut fan, &house).await.1.unwrap();
    let leave = "/_anteroom/rooms/sale/leave";
    gone.ask(&house, "POST", leave, &[]).await.is_not_served();
    house.pass(70 * SECOND).await;
    assert!(look(&mut left, &house).await.is_none());
    look(&mut watcher, &house).await.unwrap();
    house.order(Order::End).await;
    assert!(look(&mut watcher, &house).await.is_none());
}

#[tokio::test]
async fn who_has_no_place_or_only_looks_gets_one_event_and_no_watch() {
    let mut house = House::open(per_minute(60)).await;
    let mut new = house.visitor();
    let (first, watcher) = open(&mut new, &house).await;
    assert!(first.position.is_none() && watcher.is_none());
    let (joined_by, watcher) = open(&mut new, &house).await;
    assert_eq!((joined_by.position, watcher.is_some()), (Some(1), true));
    for more in [
        [("sec-purpose", "prefetch")],
        [("sec-fetch-site", "cross-site")],
    ] {
        let mut other = new.clone();
        other.watcher = None;
        let told = other.ask(&house, "GET", EVENTS, &more).await;
        assert_eq!(told.is_not_served().position, Some(1));
        assert!(other.watcher.is_none(), "{more:?}");
    }
    let mut head = new.clone();
    head.ask(&house, "HEAD", EVENTS, &[]).await.is_not_served();
    assert!(head.watcher.is_none());
    house.pass(2 * SECOND).await;
    let (called, watcher) = open(&mut new, &house).await;
    assert!(called.face == Face::Released && watcher.is_none());
}

#[tokio::test]
async fn after_a_loss_a_watcher_brings_its_place_back_by_itself() {
    let mut house = House::open(per_minute(7)).await;
    for _ in 0..50 {
        joined(&house).await;
    }
    let mut fan = joined(&house).await;
    house.tick().await;
    let mut watcher = open(&mut fan, &house).await.1.unwrap();
    let (shown, before) = (51, house.calls());
    house.store.lose_all();
    house.tick().await;
    let told = look(&mut watcher, &house).await.unwrap();
    assert_eq!((told.face, told.position), (Face::Recovering, Some(shown)));
    house.tick().await;
    look(&mut watcher, &house).await.unwrap();
    assert_eq!(house.calls(), before + 1, "once");
    house.tick().await;
    assert_eq!(house.snapshot().survey.waiting, 1, "the place is back");
    house.store.away.store(true, Ordering::SeqCst);
    house.tick().await;
    let told = look(&mut watcher, &house).await.unwrap();
    assert_eq!((told.position, house.calls()), (Some(shown), before + 1));
}

/// A lobby whose room opens in a minute, with so many in it, each of whom watches.
async fn lobby(fans: usize) -> (House, Vec<Watcher>) {
    let at = |secs: u64| UnixTime::from_secs(1_800_000_000 + secs);
    let mut house = House::furnished(|room| {
        room.terms = per_minute(6);
        room.schedule = Schedule::of(vec![SaleWindow {
            prequeue_opens_at: Some(at(60)),
            ..SaleWindow::opening(at(120))
        }]);
    });
    house.pass(61 * SECOND).await;
    let mut watchers = Vec::new();
    for _ in 0..fans {
        let mut fan = joined(&house).await;
        let (first, watcher) = open(&mut fan, &house).await;
        assert_eq!((first.face, first.position), (Face::Prequeue, None));
        watchers.push(watcher.unwrap());
    }
    (house, watchers)
}

#[tokio::test]
async fn those_in_the_lobby_hear_of_the_opening_and_their_place_and_the_far_ask_nobody() {
    let (mut house, mut watchers) = lobby(60).await;
    let before = house.calls();
    for watcher in &mut watchers {
        let told = look(watcher, &house).await.unwrap();
        assert_eq!(told.face, Face::Prequeue);
    }
    house.pass(59 * SECOND).await;
    for watcher in &mut watchers {
        let told = look(watcher, &house).await.unwrap();
        assert_eq!((told.face, told.position), (Face::Drawing, None));
    }
    assert_eq!(house.calls(), before, "the lobby asks nothing");

    house.draw(14).await;
    let (mut places, mut asked) = (Vec::new(), 0_u64);
    for watcher in &mut watchers {
        let before = house.calls();
        let told = look(watcher, &house).await.unwrap();
        let calls = house.calls() - before;
        asked += calls;
        match told.position {
            Some(position) => places.push(position),
            None => assert_eq!(told.face, Face::Released),
        }
        assert!(calls == 0 || told.position.is_none_or(|at| at < 50), "far");
    }
    let called = house.released().len();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len() + called, 60, "everybody has a place");
    assert!((1..=50).contains(&asked), "{asked}");
}

#[tokio::test]
async fn an_order_that_another_gateway_drew_is_waited_for_but_not_for_long() {
    let (mut house, mut watchers) = lobby(3).await;
    let mut ann = watchers.remove(0);
    house.pass(60 * SECOND).await;
    house.draw(14).await;
    let order = house.gate.rooms[0].draw.swap(None);
    let told = look(&mut ann, &house).await.unwrap();
    assert_eq!((told.face, told.position), (Face::Drawing, None));
    let mut bob = watchers.remove(0);
    assert_eq!(look(&mut bob, &house).await.unwrap().face, Face::Drawing);
    house.clock.advance(9 * SECOND);
    assert_eq!(look(&mut ann, &house).await.unwrap().face, Face::Drawing);

    house.clock.advance(SECOND);
    assert!(look(&mut ann, &house).await.is_none(), "the page asks");

    house.gate.rooms[0].draw.store(order);
    let told = look(&mut bob, &house).await.unwrap();
    assert!(told.position.is_some() || told.face == Face::Released);
}

#[tokio::test]
async fn the_lobby_of_a_round_is_told_as_one_and_polls() {
    let mut house = House::furnished(|room| {
        room.terms = per_minute(6);
        room.terms.fairness_window = Some(20 * SECOND);
        room.method = Method::Random;
        room.schedule = Schedule::of(vec![
            SaleWindow::opening(UnixTime::from_secs(1_800_000_000)),
            SaleWindow::opening(UnixTime::from_secs(1_900_000_000)),
        ]);
    });
    house.pass(SECOND).await;
    joined(&house).await;
    let mut fan = joined(&house).await;
    house.step().await;

    let (told, watcher) = open(&mut fan, &house).await;

    assert_eq!((told.face, told.position), (Face::Prequeue, None));
    assert_eq!((told.waiting, told.opens_at), (2, None));
    assert!(told.poll_after <= 22 * SECOND, "{:?}", told.poll_after);
    assert!(watcher.is_none());
    house.pass(30 * SECOND).await;
    house.draw(3).await;
    let told = fan.poll(&house).await;
    assert!(
        told.position.is_some() || told.face == Face::Released,
        "{told:?}"
    );
}
