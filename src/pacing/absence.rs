//! Stories of visitors who step away, come back, and ask for more time.

use std::time::Duration;

use super::house::{House, SECOND, Visitor, joined, per_minute};
use crate::domain::room::{AbsenceTerms, Terms};
use crate::domain::session::SessionTerms;
use crate::gate::absence::{Denial, Wish};
use crate::gate::notice::{Face, Notice};

const STEP_AWAY: &str = "/_anteroom/rooms/sale/step-away";
const EXTEND: &str = "/_anteroom/rooms/sale/extend";
const JOIN: &str = "/_anteroom/rooms/sale/join";
const MINUTE: Duration = Duration::from_mins(1);

/// Breaks of five minutes, claim windows of one.
fn terms(pace: u32) -> Terms {
    Terms {
        absence: AbsenceTerms {
            step_aways: 2,
            step_away: 5 * MINUTE,
            extensions: 2,
        },
        session: SessionTerms {
            claim_window: MINUTE,
            ..SessionTerms::default()
        },
        ..per_minute(pace)
    }
}

async fn post(fan: &mut Visitor, house: &House, path: &str) -> Notice {
    fan.ask(house, "POST", path, &[]).await.is_not_served()
}

#[tokio::test]
async fn who_takes_a_break_is_told_from_the_token_until_it_comes_back() {
    let mut house = House::open(terms(60)).await;
    let mut ann = joined(&house).await;
    let mut bob = joined(&house).await;

    let away = post(&mut ann, &house, STEP_AWAY).await;
    let until = away.away_until.unwrap();
    assert_eq!(until, house.clock.now().wall.after(5 * MINUTE));
    assert_eq!((away.face, away.position), (Face::Waiting, Some(1)));
    assert_eq!(ann.denied, None);

    house.pass(3 * SECOND).await;
    bob.get(&house, "/buy/1").await.is_served();
    let before = house.calls();
    let told = ann.poll(&house).await;
    assert_eq!((told.away_until, house.calls()), (Some(until), before));
    assert!((2..=60).contains(&told.poll_after.as_secs()));
    house.pass(20 * SECOND).await;
    assert_eq!(house.released().len(), 1, "nobody is called while away");

    let back = ann.get(&house, "/buy/1").await.is_waiting(0);
    assert_eq!(back.away_until, None);
    house.pass(2 * SECOND).await;
    ann.get(&house, "/buy/1").await.is_served();
}

#[tokio::test]
async fn far_from_the_front_a_break_costs_one_call_and_coming_back_another() {
    let mut house = House::open(terms(7)).await;
    for _ in 0..60 {
        joined(&house).await;
    }
    let mut far = joined(&house).await;
    let mut other_tab = far.clone();
    house.tick().await;
    let before = house.calls();

    post(&mut far, &house, STEP_AWAY).await;
    far.poll(&house).await;
    far.poll(&house).await;
    assert_eq!(house.calls(), before + 1);
    house.tick().await;
    assert_eq!(house.snapshot().survey.absent, 1);

    let back = post(&mut far, &house, JOIN).await;
    assert_eq!((back.away_until, back.position), (None, Some(61)));
    assert_eq!(house.calls(), before + 2);
    house.tick().await;
    assert_eq!(house.snapshot().survey.absent, 0);
    far.get(&house, "/buy/1").await.is_waiting(60);
    other_tab.poll(&house).await;
    assert_eq!(house.calls(), before + 2, "afar again");
}

#[tokio::test]
async fn a_break_that_is_over_ends_with_the_next_poll() {
    let mut house = House::open(terms(60)).await;
    let mut ann = joined(&house).await;
    post(&mut ann, &house, STEP_AWAY).await;
    house.pass(5 * MINUTE + SECOND).await;
    assert!(house.released().is_empty());

    let told = ann.poll(&house).await;
    assert_eq!((told.away_until, told.position), (None, Some(1)));
    house.pass(2 * SECOND).await;
    ann.get(&house, "/buy/1").await.is_served();
}

#[tokio::test]
async fn a_break_taken_at_one_gateway_is_known_at_another() {
    let mut one = House::open(terms(60)).await;
    let mut two = one.beside(2);
    two.step().await;
    let mut ann = joined(&one).await;
    let mut stale = ann.clone();

    let until = post(&mut ann, &one, STEP_AWAY).await.away_until;

    // The other gateway is shown a token that knows nothing of it.
    let seen = stale.poll(&two).await;
    assert_eq!(seen.away_until, until);
    let again = post(&mut stale, &two, STEP_AWAY).await;
    assert_eq!(again.away_until, until, "not counted twice, and no longer");
    one.pass(10 * SECOND).await;
    assert!(one.released().is_empty(), "a poll is no return");
    assert_eq!(post(&mut ann, &two, JOIN).await.away_until, None);
    one.pass(2 * SECOND).await;
    ann.get(&one, "/buy/1").await.is_served();
}

#[tokio::test]
async fn breaks_are_as_many_as_the_room_allows_and_the_answer_says_so() {
    let house = House::open(terms(60)).await;
    let mut ann = joined(&house).await;
    for _ in 0..2 {
        post(&mut ann, &house, STEP_AWAY).await;
        assert_eq!(ann.denied, None);
        post(&mut ann, &house, JOIN).await;
    }
    let told = post(&mut ann, &house, STEP_AWAY).await;
    assert_eq!(ann.denied, Some(Denial::Spent(Wish::StepAway)));
    assert_eq!((told.away_until, told.position), (None, Some(1)));
}

#[tokio::test]
async fn who_is_not_in_line_takes_no_break_and_gets_no_time() {
    let mut house = House::open(terms(60)).await;
    let mut nobody = house.visitor();
    post(&mut nobody, &house, STEP_AWAY).await;
    assert_eq!(nobody.denied, Some(Denial::NotNow(Wish::StepAway)));
    let mut ann = joined(&house).await;
    post(&mut ann, &house, EXTEND).await;
    assert_eq!(ann.denied, Some(Denial::NotNow(Wish::MoreTime)));
    house.pass(2 * SECOND).await;
    ann.get(&house, "/buy/1").await.is_served();
    let inside = post(&mut ann, &house, STEP_AWAY).await;
    assert_eq!(inside.face, Face::Admitted);
    assert_eq!(ann.denied, Some(Denial::NotNow(Wish::StepAway)));
}

#[tokio::test]
async fn who_is_called_gets_more_time_and_may_still_take_a_break() {
    let mut house = House::open(terms(60)).await;
    let mut ann = joined(&house).await;
    // Called before, so that the next turn is no longer than others.
    house.pass(2 * SECOND).await;
    post(&mut ann, &house, STEP_AWAY).await;
    house.tick().await;
    post(&mut ann, &house, JOIN).await;
    house.pass(2 * SECOND).await;
    let called = ann.poll(&house).await;
    assert_eq!(called.face, Face::Released);

    house.pass(40 * SECOND).await;
    let longer = post(&mut ann, &house, EXTEND).await;
    assert_eq!(ann.denied, None);
    let now = house.clock.now().wall;
    assert!(longer.claim_by.unwrap() > called.claim_by.unwrap());
    assert!(longer.claim_by.unwrap().since(now) >= MINUTE - SECOND);
    house.pass(50 * SECOND).await;
    post(&mut ann, &house, EXTEND).await;
    house.pass(50 * SECOND).await;
    post(&mut ann, &house, EXTEND).await;
    assert_eq!(ann.denied, Some(Denial::Spent(Wish::MoreTime)));

    let away = post(&mut ann, &house, STEP_AWAY).await;
    assert!(away.away_until.is_some() && away.face == Face::Waiting);
    house.tick().await;
    assert_eq!(house.snapshot().survey.released, 0, "the slot is free");
    ann.get(&house, "/buy/1").await.is_waiting(0);
    house.pass(2 * SECOND).await;
    ann.get(&house, "/buy/1").await.is_served();
    assert_eq!(house.snapshot().survey.missed_total, 0);
}

#[tokio::test]
async fn n10_no_other_site_sends_a_visitor_away() {
    let house = House::open(terms(60)).await;
    let mut ann = joined(&house).await;
    for path in [STEP_AWAY, EXTEND] {
        for more in [
            [("sec-fetch-site", "cross-site")],
            [("origin", "https://evil.example")],
            [("origin", "null")],
        ] {
            assert!(ann.refused(&house, "POST", path, &more).await, "{more:?}");
        }
    }
    assert!(ann.refused(&house, "GET", STEP_AWAY, &[]).await);
    let told = ann.poll(&house).await;
    assert_eq!(told.away_until, None);
    let form = format!("{STEP_AWAY}?reference={}", told.reference.unwrap());
    let sent = [("origin", "null")];
    let away = ann.ask(&house, "POST", &form, &sent).await.is_not_served();
    assert!(away.away_until.is_some(), "our own form without a script");
}

#[tokio::test]
async fn while_the_store_is_away_a_wish_is_for_later() {
    let mut house = House::open(terms(60)).await;
    let mut ann = joined(&house).await;
    house
        .store
        .away
        .store(true, std::sync::atomic::Ordering::SeqCst);
    house.tick().await;
    let told = post(&mut ann, &house, STEP_AWAY).await;
    assert_eq!(ann.denied, Some(Denial::Later));
    assert_eq!((told.away_until, told.position), (None, Some(1)));
}
