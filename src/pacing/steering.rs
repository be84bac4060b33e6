//! Stories of what a site says on its answers: sessions it completes, revokes and holds, and what
//! it has left.

use std::num::NonZeroU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::house::{House, OPEN, SECOND, Visitor, joined, per_minute};
use crate::domain::chance::Chance;
use crate::domain::room::Terms;
use crate::domain::session::{SessionTerms, Steer};
use crate::domain::standing::EndedBy;
use crate::domain::stock::{Over, Word};
use crate::domain::window::{Order, WindowState};
use crate::gate::notice::{Face, Reason, Visit};
use crate::gate::steer::Steered;

const HOLD: Steer = Steer::Hold(Duration::from_secs(600));

/// One inside at a time, for 300 seconds without a sign of life, 400 at most, held for 600 more.
fn one_at_a_time() -> Terms {
    Terms {
        session: SessionTerms {
            idle: Duration::from_secs(300),
            absolute: Duration::from_secs(400),
            hold_max: Duration::from_secs(600),
            ..SessionTerms::default()
        },
        capacity: NonZeroU32::new(1),
        ..per_minute(600)
    }
}

/// Ann is inside, Bob is next.
async fn ann_and_bob(house: &mut House) -> (Visitor, Visitor) {
    let mut ann = joined(house).await;
    house.pass(SECOND).await;
    ann.get(house, "/buy/1").await.is_served();
    let bob = joined(house).await;
    house.pass(SECOND).await;
    (ann, bob)
}

#[tokio::test]
async fn t9_a_completed_session_frees_its_slot_for_the_very_next_tick() {
    let mut house = House::open(one_at_a_time()).await;
    let (mut ann, mut bob) = ann_and_bob(&mut house).await;
    let mut thief = ann.clone();
    bob.get(&house, "/buy/1").await.is_waiting(0);

    let steered = ann.steered(&house, Steer::Complete).await;

    assert!(matches!(steered, Steered::Ended), "{steered:?}");
    house.tick().await;
    bob.get(&house, "/buy/1").await.is_served();
    let refused = thief.get(&house, "/buy/1").await.is_not_served();
    assert_eq!(refused.ended_by, Some(EndedBy::Completed));
    house.tick().await;
    assert_eq!(house.snapshot().survey.active, 1);
}

#[tokio::test]
async fn the_last_page_is_shown_whole_and_takes_no_new_place() {
    let mut house = House::open(one_at_a_time()).await;
    let (mut ann, _) = ann_and_bob(&mut house).await;
    ann.steered(&house, Steer::Complete).await;
    house.tick().await;
    house.tick().await;

    let part = [
        ("sec-fetch-dest", "image"),
        ("sec-fetch-site", "same-origin"),
    ];
    for _ in 0..3 {
        let told = ann.ask(&house, "GET", "/buy/seal.png", &part).await;
        assert_eq!(told.is_not_served().position, None);
    }
    assert_eq!(
        house.snapshot().survey.joins_total,
        2,
        "Ann and Bob, once each"
    );

    let page = [("sec-fetch-dest", "document")];
    let told = ann
        .ask(&house, "GET", "/buy/1", &page)
        .await
        .is_not_served();
    assert_eq!(told.ended_by, Some(EndedBy::Completed));
    assert_eq!(
        told.position,
        Some(1),
        "who asks for the page again joins again"
    );
}

#[tokio::test]
async fn a_held_session_outlives_idleness_on_every_gateway_and_keeps_its_slot() {
    let mut house = House::open(one_at_a_time()).await;
    let mut other = house.beside(3);
    other.step().await;
    let (mut ann, mut bob) = ann_and_bob(&mut house).await;

    let kept = ann.steered(&house, HOLD).await;
    let Steered::Kept(token) = kept else {
        panic!("a token that lives as long: {kept:?}")
    };
    assert_eq!(token.life, Duration::from_secs(600));
    ann.queue = None;
    for _ in 0..20 {
        house.pass(Duration::from_secs(29)).await;
        bob.poll(&house).await;
    }
    other.step().await;

    assert_eq!(house.snapshot().survey.inside(), 1);
    ann.clone().get(&other, "/buy/paid").await.is_served();
    ann.get(&house, "/buy/paid").await.is_served();
    house.pass(Duration::from_secs(30)).await;
    ann.get(&house, "/buy/1").await.is_not_served();
    bob.get(&house, "/buy/1").await.is_served();
}

#[tokio::test]
async fn holds_are_repeated_up_to_their_ceiling_past_the_absolute_end() {
    let mut house = House::open(one_at_a_time()).await;
    let (mut ann, _) = ann_and_bob(&mut house).await;
    let mut lives = Vec::new();
    for _ in 0..3 {
        match ann.steered(&house, HOLD).await {
            Steered::Kept(token) => lives.push(token.life.as_secs()),
            other => panic!("{other:?}"),
        }
        house.pass(Duration::from_secs(300)).await;
    }

    // Claimed one second after the beginning, and held for the first time another second later:
    // the absolute end is at 400, the ceiling at 1,000.
    assert_eq!(lives, [600, 600, 399]);
    ann.get(&house, "/buy/1").await.is_served();
    let last = ann.steered(&house, HOLD).await;
    assert!(matches!(last, Steered::AsBefore), "nothing more: {last:?}");
    house.pass(Duration::from_secs(110)).await;
    ann.get(&house, "/buy/1").await.is_not_served();
}

#[tokio::test]
async fn a_hold_asked_for_while_the_store_is_away_is_put_off_and_not_lost() {
    let mut house = House::open(one_at_a_time()).await;
    let (mut ann, _) = ann_and_bob(&mut house).await;
    house.store.away.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let steered = ann.steered(&house, HOLD).await;
        assert!(matches!(steered, Steered::AsBefore), "{steered:?}");
        house.tick().await;
    }

    house.store.away.store(false, Ordering::SeqCst);
    house.tick().await;
    ann.get(&house, "/buy/1").await.is_served();
    // From here on only the token of that answer can let Ann in.
    ann.queue = None;
    house.pass(Duration::from_secs(590)).await;

    assert_eq!(house.snapshot().survey.active, 1);
    ann.get(&house, "/buy/paid").await.is_served();
}

#[tokio::test]
async fn who_comes_back_with_a_lapsed_token_is_let_in_again_while_held() {
    let mut house = House::open(one_at_a_time()).await;
    let (mut ann, _) = ann_and_bob(&mut house).await;
    let lapsed = ann.clone();
    ann.steered(&house, HOLD).await;
    house.pass(Duration::from_secs(500)).await;

    let mut other = house.beside(4);
    other.step().await;
    let mut ann = lapsed;
    ann.admission = None;
    ann.get(&other, "/buy/paid").await.is_served();
    assert_eq!(other.snapshot().survey.active, 1, "it is the same session");
    house.pass(Duration::from_secs(90)).await;
    ann.get(&house, "/buy/paid").await.is_served();
}

#[tokio::test]
async fn why_a_session_ended_is_still_known_after_a_loss() {
    let mut house = House::open(per_minute(600)).await;
    let mut ann = joined(&house).await;
    house.pass(SECOND).await;
    ann.get(&house, "/buy/1").await.is_served();
    let mut thief = ann.clone();
    ann.steered(&house, Steer::Revoke).await;
    house.tick().await;

    house.store.lose_all();
    house.pass(25 * SECOND).await;

    thief.get(&house, "/buy/1").await.is_not_served();
    house.pass(2 * SECOND).await;
    let told = thief.get(&house, "/buy/1").await.is_not_served();
    assert_eq!(told.ended_by, Some(EndedBy::Revoked));
}

#[tokio::test]
async fn a_chance_is_told_where_the_stock_is_known_and_nowhere_else() {
    let mut terms = per_minute(1);
    terms.max_waiting = 100;
    let mut house = House::open(terms).await;
    let mut fans = Vec::new();
    for _ in 0..10 {
        fans.push(joined(&house).await);
    }
    house.tick().await;
    let last = fans.last_mut().unwrap();
    assert_eq!(last.poll(&house).await.chance, None);

    let stock = |left| Order::Stock {
        left,
        over: Over(0),
        word: Word::Order,
    };
    for (left, chance) in [
        (2, Chance::Unlikely),
        (14, Chance::Possible),
        (1_000, Chance::Likely),
    ] {
        house.order(stock(left)).await;
        assert_eq!(last.poll(&house).await.chance, Some(chance), "{left}");
    }
    house.order(Order::Pause).await;
    assert_eq!(last.poll(&house).await.chance, Some(Chance::Likely));
    house.order(Order::Close).await;
    assert_eq!(last.poll(&house).await.chance, None);
}

#[tokio::test]
async fn what_the_site_has_left_is_told_once_a_second_and_nothing_ends_the_queue() {
    let mut house = House::open(per_minute(1)).await;
    let (mut ann, mut bob) = (joined(&house).await, joined(&house).await);
    house.pass(2 * SECOND).await;
    let notes = house.gate.rooms[0].notes.clone();
    let before = house.snapshot().survey.orders.version;

    for left in (1..=40).rev() {
        notes.stock(left);
        house.tick().await;
    }

    let orders = house.snapshot().survey.orders.clone();
    assert_eq!(orders.version, before + 10, "in ten seconds");
    let stock = orders.stock.unwrap();
    assert!(stock.left <= 4 && stock.sold >= 30, "{stock:?}");
    notes.stock(0);
    notes.stock(7);
    house.pass(SECOND).await;
    assert_eq!(house.snapshot().survey.orders.state, WindowState::Ended);
    for visitor in [&mut ann, &mut bob] {
        let told = visitor.get(&house, "/buy/1").await.is_not_served();
        assert_eq!(
            (told.face, told.reason),
            (Face::Ended, Some(Reason::SoldOut))
        );
    }

    house.order(OPEN).await;
    assert_eq!(house.snapshot().survey.orders.stock, None);
    let again = ann.get(&house, "/buy/1").await.is_not_served();
    assert_eq!((again.reason, again.visit), (None, Visit::First));
}
