//! Stories of sale windows: the prequeue before them, several in one file, and gateways that
//! were not there when their time came.

use std::time::Duration;

use super::house::{Got, House, SECOND, joined, per_minute, together};
use crate::domain::clock::{Clock, UnixTime};
use crate::domain::pace::Pace;
use crate::domain::room::{Method, SaleWindow, Schedule};
use crate::domain::skew::WallClock;
use crate::domain::window::{Order, WindowState};
use crate::gate::notice::{Face, SetToken};

const BEGIN: u64 = 1_800_000_000;

const fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(BEGIN + secs)
}

/// A prequeue after 60 seconds, an opening after 120.
fn sale() -> SaleWindow {
    SaleWindow {
        prequeue_opens_at: Some(at(60)),
        ..SaleWindow::opening(at(120))
    }
}

fn house(windows: Vec<SaleWindow>) -> House {
    House::furnished(|room| {
        room.terms = per_minute(600);
        room.schedule = Schedule::of(windows);
    })
}

fn state(house: &House) -> WindowState {
    house.snapshot().survey.orders.state
}

#[tokio::test]
async fn a_fan_is_counted_down_to_the_lobby_and_from_there_to_the_opening() {
    let mut house = house(vec![sale()]);
    house.pass(30 * SECOND).await;
    let mut ann = house.visitor();
    let before = house.calls();
    let early = ann.get(&house, "/buy/1").await.is_not_served();
    assert_eq!(early.face, Face::Closed);
    assert_eq!(
        (early.prequeue_opens_at, early.opens_at),
        (Some(at(60)), Some(at(120)))
    );
    assert_eq!((early.at, &early.queue), (at(30), &SetToken::Keep));
    let back = early.at.after(early.poll_after);
    assert!(
        (at(62)..at(90)).contains(&back),
        "spread, after the lobby opens"
    );
    assert_eq!(house.calls(), before, "nothing is written of anybody");

    house.pass(31 * SECOND).await;
    assert_eq!(state(&house), WindowState::Prequeue);
    ann.get(&house, "/buy/1").await.is_not_served();
    let lobby = ann.poll(&house).await;
    assert_eq!((lobby.face, lobby.wait), (Face::Prequeue, None));
    assert_eq!(
        (lobby.prequeue_opens_at, lobby.opens_at),
        (None, Some(at(120)))
    );

    let survey = house.snapshot().survey.clone();
    let promised = survey.orders.draw.unwrap().commitment;
    let name = &house.gate.rooms[0].settings.name;
    let kept = house.gate.keys.commitment(name, survey.orders.window);
    assert_eq!(promised, kept, "of this very window, with the draw key");
    house.pass(60 * SECOND).await;
    assert_eq!(state(&house), WindowState::Drawing);
    assert_eq!(ann.poll(&house).await.face, Face::Drawing);
    assert!(house.released().is_empty());
}

#[tokio::test]
async fn a_gateway_that_was_down_over_both_times_does_what_is_right() {
    for (lobby, expected) in [(true, WindowState::Drawing), (false, WindowState::Open)] {
        let mut house = house(vec![sale()]);
        if lobby {
            house.pass(70 * SECOND).await;
        }
        house.clock.advance(300 * SECOND);
        let mut again = house.beside(3);
        again.step().await;
        again.step().await;
        assert_eq!(state(&again), expected, "with a lobby: {lobby}");
        let window = again.snapshot().survey.orders.window;
        assert_eq!(window.0, at(60).minutes_since_2025(), "always the same");
    }
}

#[tokio::test]
async fn of_two_gateways_one_opens_the_lobby_and_both_know_it() {
    let mut one = house(vec![sale()]);
    let mut two = one.beside(2);
    together(&mut [&mut one, &mut two], 62 * SECOND).await;
    let (first, second) = (one.snapshot(), two.snapshot());
    assert_eq!(first.survey.orders, second.survey.orders);
    assert_eq!(first.survey.orders.version, 1, "written once");
    together(&mut [&mut one, &mut two], 60 * SECOND).await;
    assert_eq!(one.snapshot().survey.orders.version, 2);
    assert_eq!(state(&two), WindowState::Drawing);
}

#[tokio::test]
async fn t17_f20_a_gateway_whose_clock_is_wrong_opens_no_lobby_and_counts_down_by_the_stores_clock()
{
    let mut one = house(vec![sale()]);
    *one.store.ahead_ms.lock().unwrap() = Some(0);
    one.tick().await;
    let wrong = Clock::by_hand(at(600));
    let mut two = one.beside_with(2, |with| with.clock = wrong);
    for _ in 0..5 {
        two.step().await;
    }
    assert_eq!(two.snapshot().skew.clock, WallClock::Off);
    assert_eq!(state(&one), WindowState::Closed, "nothing is due");
    let told = two.visitor().get(&two, "/buy/1").await.is_not_served();
    assert!(told.at < at(5), "{:?}", told.at);
    assert_eq!(told.prequeue_opens_at, Some(at(60)));
    one.pass(60 * SECOND).await;
    assert_eq!(state(&one), WindowState::Prequeue);
}

#[tokio::test]
async fn each_window_has_its_own_pace_message_and_method_and_then_lapses() {
    let first = SaleWindow {
        ends_at: Some(at(120)),
        method: Some(Method::Passthrough),
        ..SaleWindow::opening(at(60))
    };
    let second = SaleWindow {
        ends_at: Some(at(300)),
        pace: Pace::per_minute(60),
        message: Some("Members first".into()),
        ..SaleWindow::opening(at(180))
    };
    let mut house = house(vec![second, first]);
    house.pass(30 * SECOND).await;
    house.visitor().get(&house, "/buy/1").await.is_not_served();
    house.pass(31 * SECOND).await;
    house.visitor().get(&house, "/buy/1").await.is_served();
    house.pass(60 * SECOND).await;
    let between = house.visitor().get(&house, "/buy/1").await.is_not_served();
    assert_eq!(
        (between.face, between.opens_at),
        (Face::Ended, Some(at(180)))
    );

    house.pass(60 * SECOND).await;
    let mut line = Vec::new();
    for _ in 0..30 {
        line.push(joined(&house).await);
    }
    let told = line[29].poll(&house).await;
    assert_eq!(told.message.as_deref(), Some("Members first"));
    house.pass(10 * SECOND).await;
    let released = house.released().len();
    assert!(
        (9..=12).contains(&released),
        "{released} in 10 s at 60 a minute"
    );
    house
        .order(Order::Pace(Pace::per_minute(600).unwrap()))
        .await;
    house.pass(5 * SECOND).await;
    assert_eq!(house.released().len(), 30, "an order beats it");
    house.pass(150 * SECOND).await;
    let snapshot = house.snapshot();
    let past = &snapshot.survey.orders.past;
    assert_eq!(past.len(), 2);
    assert_eq!(past[1].totals.unwrap().joined, 30);
}

#[tokio::test]
async fn a_window_of_rejection_turns_everybody_away_and_only_while_it_lasts() {
    let shut = SaleWindow {
        ends_at: Some(at(20)),
        method: Some(Method::Reject),
        ..SaleWindow::opening(at(10))
    };
    let mut house = house(vec![shut, SaleWindow::opening(at(30))]);
    house.pass(15 * SECOND).await;
    let told = house.visitor().get(&house, "/buy/1").await;
    assert!(matches!(told, Got::Shut(_)), "{told:?}");
    house.pass(17 * SECOND).await;
    let mut ann = joined(&house).await;
    house.pass(Duration::from_secs(2)).await;
    ann.get(&house, "/buy/1").await.is_served();
}
