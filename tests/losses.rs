//! A Redis that loses everything in the middle of a sale of two gateways: its fans hold their
//! places themselves, and the gateways the orders.

mod fan;
mod sale;

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::kit::forge::{place_of, visitor_of};
use crate::kit::{Visitor, until};
use fan::Fan;
use sale::{Orders, Rest, Sale};

/// Those who come to the sale that is flushed.
const FANS: usize = 80;

const SECOND: Duration = Duration::from_secs(1);

/// What is shown to those who wait.
const MESSAGE: &str = "Doors at eight";

/// Whether a saved admission alone opens the shop at any gateway.
async fn passes(saved: &Visitor, sale: &Sale) -> bool {
    let token = saved.admission().expect("an admission");
    for which in sale.running() {
        let mut thief =
            Visitor::to(sale.twins.public(which)).with_cookie("anteroom-a-derby", token);
        if thief.get("/buy/1").await.is_from_the_shop() {
            return true;
        }
    }
    false
}

async fn is_out(saved: &Visitor, sale: &Sale) {
    until("the session has ended everywhere", || async {
        (!passes(saved, sale).await).then_some(())
    })
    .await;
}

fn is_as_long_as_told(rests: &[Rest]) {
    for (from, to) in rests {
        let rest = *to - *from;
        println!("recovering for {rest:?}");
        assert!((15 * SECOND..=sale::REST).contains(&rest), "{rest:?}");
    }
}

/// Opens the room of both gateways, with orders that its file does not say.
async fn opened(per_minute: u32) -> Sale {
    let mut sale = Sale::closed().await;
    sale.start(0).await;
    sale.start(1).await;
    opens(&sale, per_minute).await;
    sale
}

async fn opens(sale: &Sale, per_minute: u32) {
    sale.order("POST", "open", json!({})).await;
    sale.pace(per_minute).await;
    sale.order("PUT", "message", json!({"message": MESSAGE}))
        .await;
}

/// Some who join one after another, at these doors.
async fn fans(sale: &Sale, count: usize) -> Vec<Fan> {
    let mut fans = Vec::new();
    for number in 0..count {
        let first = sale.running()[number % sale.running().len()];
        fans.push(Fan::joins(sale.doors(first), &sale.clock).await);
    }
    fans
}

/// Those who entered before the loss and are out: all were revoked at once, one was revoked
/// alone, one left. What each had saved.
async fn three_who_are_out(sale: &Sale) -> [Visitor; 3] {
    let enter = || async { Fan::joins(sale.doors(0), &sale.clock).await.enters().await };
    let swept = enter().await.visitor;
    sale.order("POST", "sessions/revoke", json!({})).await;
    is_out(&swept, sale).await;
    let sacked = enter().await;
    let (jti, _) = sacked.entered.clone().unwrap();
    sale.order("POST", "sessions/revoke", json!({"jti": jti}))
        .await;
    is_out(&sacked.visitor, sale).await;
    let left = enter().await.leaves().await;
    is_out(&left, sale).await;
    [swept, sacked.visitor, left]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a11_a_redis_flushed_in_mid_sale_gives_everybody_the_place_back() {
    let sale = opened(180).await;
    let out = three_who_are_out(&sale).await;
    let (stop, stopped) = watch::channel(false);
    let mut crowd = JoinSet::new();
    for fan in fans(&sale, FANS).await {
        crowd.spawn(fan.lives(stopped.clone()));
    }
    tokio::time::sleep(6 * SECOND).await;
    let orders = Orders::of(&sale.room(0).await);
    let epoch = sale.redis.head("derby", ["epoch"]);
    let flushed = sale.clock.now().mono;
    sale.redis.flushall();
    let (rests, queue) = sale.recovers(&orders).await;

    is_as_long_as_told(&rests);
    assert!(sale.redis.head("derby", ["epoch"]) > epoch);
    for saved in &out {
        assert!(!passes(saved, &sale).await, "an end was forgotten");
    }
    until_all_are_in(&sale).await;
    stop.send(true).unwrap();
    let crowd = crowd.join_all().await;
    for which in sale.running() {
        orders.stand(&sale.room(which).await);
    }
    let late = all_came_in_once(&sale, &crowd, flushed);
    are_back(&sale, &late, (flushed, &rests), &queue);
    let last = crowd.iter().map(|fan| fan.place).max().unwrap();
    let buyer = crowd.into_iter().max_by_key(|fan| fan.place).unwrap();
    starts_at_the_back(&sale, buyer, last).await;
    finished_before(&sale, &out[2]).await;
}

async fn until_all_are_in(sale: &Sale) {
    for _ in 0..120 {
        let room = sale.room(0).await;
        if room["waiting"] == 0 && room["released"] == 0 {
            tokio::time::sleep(2 * SECOND).await;
            return;
        }
        tokio::time::sleep(SECOND / 2).await;
    }
    panic!("not all came in: {}", sale.room(0).await);
}

/// Everybody has a session of an own, and each that was made after the loss was made once. Those
/// who entered after it, in order of place.
fn all_came_in_once<'a>(sale: &Sale, crowd: &'a [Fan], flushed: Duration) -> Vec<&'a Fan> {
    let sessions: HashSet<&String> = crowd
        .iter()
        .map(|fan| &fan.entered.as_ref().expect("everybody came in").0)
        .collect();
    assert_eq!(sessions.len(), FANS);
    // Who claimed as the flush came heard of it a moment later.
    let entered_late = |fan: &&Fan| fan.entered.as_ref().unwrap().1 > flushed + SECOND;
    let mut late: Vec<&Fan> = crowd.iter().filter(entered_late).collect();
    late.sort_by_key(|fan| fan.place);
    println!(
        "{} were inside at the loss, {} came in after it",
        FANS - late.len(),
        late.len()
    );
    assert!((20..FANS - 5).contains(&late.len()));
    let many = late.len() as u64;
    let totals = [
        "joins_total",
        "releases_total",
        "claims_total",
        "granted_total",
    ];
    assert_eq!(sale.redis.head("derby", totals), [0, many, many, 0]);
    late
}

/// All are back at their places within two of their poll intervals, were told that the room
/// recovers, and were called in order and not before its rest was over.
fn are_back(
    sale: &Sale,
    late: &[&Fan],
    (flushed, rests): (Duration, &[Rest]),
    queue: &[(Vec<u8>, u64)],
) {
    let who = |fan: &&Fan| visitor_of(&fan.visitor.queue_token());
    let places: Vec<(Vec<u8>, u64)> = late.iter().map(|fan| (who(fan), fan.place)).collect();
    assert_eq!(queue, places, "as Redis has them at the end of the rest");
    let called: Vec<Vec<u8>> = late.iter().map(who).collect();
    assert_eq!(sale.called(), called, "in order");
    let rested = rests.iter().map(|(_, to)| *to).min().unwrap();
    let mut longest = 0.0_f64;
    for fan in late {
        let before = fan.polls.iter().rev().find(|poll| poll.at < flushed);
        let told = before.map_or(2 * SECOND, |poll| poll.next);
        let since = fan.polls.iter().filter(|poll| poll.at >= flushed);
        let epoch = fan.polls.last().unwrap().epoch;
        let back = since.clone().find(|poll| poll.epoch == epoch).unwrap();
        let took = (back.at - flushed).as_secs_f64() / told.as_secs_f64();
        longest = longest.max(took);
        assert!(
            took <= 2.0 + 1.0 / told.as_secs_f64(),
            "{told:?}: {:?}",
            fan.polls
        );
        assert_eq!(back.state, "recovering", "{:?}", fan.polls);
        let called = since.clone().find(|poll| poll.state == "released");
        assert!(
            called.is_some_and(|poll| poll.at > rested),
            "{:?}",
            fan.polls
        );
    }
    println!("the last was back after {longest:.2} of its poll intervals");
}

/// Who finished after the loss is in the new epoch: what was saved buys nothing.
async fn starts_at_the_back(sale: &Sale, buyer: Fan, last: u64) {
    let saved = buyer.leaves().await;
    is_out(&saved, sale).await;
    let mut thief = saved.another_tab();
    thief.get("/buy/1").await.is_queue();
    let told = thief.status().await;
    assert_eq!(told["ended_by"], "left", "{told}");
    thief.get("/buy/1").await;
    assert!(place_of(&thief.queue_token()) > last, "at the back");
}

/// The known limit: who finished before the loss may have one more turn of what was saved, and
/// has none here, as the gateways remember how the first one ended.
async fn finished_before(sale: &Sale, saved: &Visitor) {
    let mut turns = 0;
    for _ in 0..2 {
        let (place, mut thief) = (place_of(&saved.queue_token()), saved.another_tab());
        thief.jar.remove("anteroom-a-derby");
        let told = until("an end, or a turn", || async {
            let mut thief = thief.another_tab();
            thief.status().await;
            let page = thief.get("/buy/1").await;
            tokio::time::sleep(SECOND / 5).await;
            let over = page.is_from_the_shop() || place_of(&thief.queue_token()) != place;
            over.then_some((page, thief))
        })
        .await;
        let (page, mut thief) = told;
        if page.is_from_the_shop() && place_of(&thief.queue_token()) == place {
            turns += 1;
            thief.posts("leave").await.is(200);
            is_out(&thief, sale).await;
        }
    }
    println!("a saved token of somebody who had finished bought {turns} more turns");
    assert!(turns <= 1);
}

/// Asks for all, the last place first, until all have entered.
async fn all_enter(sale: &Sale, fans: &mut [Fan]) {
    fans.sort_by_key(|fan| std::cmp::Reverse(fan.place));
    for _ in 0..150 {
        if fans.iter().all(|fan| fan.entered.is_some()) {
            break;
        }
        for fan in fans.iter_mut() {
            fan.asks().await;
        }
        tokio::time::sleep(SECOND / 5).await;
    }
    let who = |fan: &Fan| visitor_of(&fan.visitor.queue_token());
    let places: Vec<Vec<u8>> = fans.iter().rev().map(who).collect();
    assert!(
        fans.iter().all(|fan| fan.entered.is_some()),
        "not all have entered"
    );
    let called = sale.called();
    assert_eq!(called, places, "in order of place");
}

/// Asks for all. One may have been called at once.
async fn all_wait(fans: &mut Vec<Fan>) {
    for fan in fans.iter_mut() {
        fan.asks().await;
    }
    fans.retain(|fan| fan.entered.is_none());
    assert!(fans.len() > 10);
}

/// Asks for all, who are told so, and the position that they were shown last.
async fn all_are_told(fans: &mut [Fan], state: &str) {
    for fan in fans {
        let shown = fan.polls.iter().rev().find_map(|poll| poll.position);
        fan.asks().await;
        let told = fan.polls.last().unwrap();
        assert_eq!(told.state, state, "{told:?}");
        assert_eq!(told.position, shown, "positions stand still");
    }
}

fn recovering(room: &Value) -> bool {
    room["held_by"] == "recovering"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a11_gateways_killed_with_their_redis_bring_the_orders_back_from_their_disks() {
    let mut sale = opened(600).await;
    let mut inside = Fan::joins(sale.doors(0), &sale.clock).await.enters().await;
    sale.pace(1).await;
    let mut waiting = fans(&sale, 12).await;
    all_wait(&mut waiting).await;
    let orders = Orders::of(&sale.room(0).await);
    for which in [0, 1] {
        sale.is_kept(which).await;
    }
    sale.kill(0);
    sale.kill(1);
    sale.redis.flushall();
    sale.start(1).await;
    sale.start(0).await;
    for which in [0, 1] {
        sale.says(which, recovering).await;
    }

    inside.asks().await;
    inside.asks().await;
    all_are_told(&mut waiting, "recovering").await;
    let (rests, _) = sale.recovers(&orders).await;
    is_as_long_as_told(&rests);
    for which in [0, 1] {
        orders.stand(&sale.room(which).await);
    }
    inside.asks().await;
    sale.pace(600).await;
    all_enter(&sale, &mut waiting).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a11_a_gateway_that_knows_nothing_holds_everybody_until_one_that_does_is_back() {
    let mut sale = Sale::closed().await;
    sale.start(0).await;
    opens(&sale, 600).await;
    let mut inside = Fan::joins(sale.doors(0), &sale.clock).await.enters().await;
    sale.pace(1).await;
    let mut waiting = fans(&sale, 12).await;
    all_wait(&mut waiting).await;
    let orders = Orders::of(&sale.room(0).await);
    sale.is_kept(0).await;
    sale.kill(0);
    sale.redis.flushall();
    sale.start(1).await;

    for fan in waiting.iter_mut().chain([&mut inside]) {
        fan.goes_to([sale.twins.public(1); 2]);
    }
    inside.asks().await;
    for _ in 0..3 {
        all_are_told(&mut waiting, "recovering").await;
        let room = sale.says(1, recovering).await;
        assert!(room["warning"].is_string(), "{room}");
        tokio::time::sleep(SECOND).await;
    }

    sale.start(0).await;
    for which in [0, 1] {
        sale.says(which, |room| recovering(room) && room["state"] == "open")
            .await;
    }
    let (rests, _) = sale.recovers(&orders).await;
    is_as_long_as_told(&rests);
    for fan in waiting.iter_mut().chain([&mut inside]) {
        fan.goes_to(sale.doors(0));
    }
    inside.asks().await;
    for which in [0, 1] {
        orders.stand(&sale.room(which).await);
    }
    for fan in &mut waiting {
        fan.asks().await;
    }
    sale.pace(600).await;
    all_enter(&sale, &mut waiting).await;
}
