//! Stories of waits that grow, and of what the fans are told about it.

use std::time::Duration;

use super::super::house::{House, SECOND, joined, per_minute};
use crate::domain::pace::Pace;
use crate::domain::room::{AbsenceTerms, Terms};
use crate::domain::window::Order;
use crate::gate::notice::{Face, Reason};

const ROOM: &str = "/_anteroom/rooms/sale";
const MINUTE: Duration = Duration::from_mins(1);

/// A house at 60 a minute with 900 in line, and what was measured of a minute.
async fn flowing() -> (House, super::super::house::Visitor) {
    let terms = Terms {
        absence: AbsenceTerms {
            step_aways: 2,
            step_away: 5 * MINUTE,
            extensions: 0,
        },
        ..per_minute(60)
    };
    let mut house = House::open(terms).await;
    for _ in 0..900 {
        joined(&house).await;
    }
    let last = joined(&house).await;
    house.pass(MINUTE).await;
    (house, last)
}

async fn order_pace(house: &mut House, pace: u32) {
    let pace = Pace::per_minute(pace).unwrap();
    house.order(Order::Pace(pace)).await;
    house.tick().await;
}

#[tokio::test]
async fn a_lower_pace_shows_at_once_and_is_said_to_be_why() {
    let (mut house, mut last) = flowing().await;
    let before = last.poll(&house).await;
    let shown = before.wait.unwrap();
    assert_eq!(before.reason, None, "the line moves as it did");

    order_pace(&mut house, 20).await;
    let after = last.poll(&house).await;
    assert_eq!(after.reason, Some(Reason::PaceLowered));
    assert_eq!(after.face, Face::Waiting);
    let grown = after.wait.unwrap();
    assert!(
        grown.median > shown.median * 2 && grown.high > shown.high * 2,
        "{shown:?} became {grown:?}"
    );

    order_pace(&mut house, 240).await;
    let faster = last.poll(&house).await;
    assert!(faster.wait.unwrap().median < shown.median);
    assert_eq!(faster.reason, None, "nothing grew against what was shown");
}

#[tokio::test]
async fn a_pause_is_the_reason_while_it_lasts_and_no_wait_is_told_in_it() {
    let (mut house, mut last) = flowing().await;
    house.order(Order::Pause).await;
    house.tick().await;
    let paused = last.poll(&house).await;
    assert_eq!(paused.reason, Some(Reason::Paused));
    assert_eq!((paused.face, paused.wait), (Face::Paused, None));

    house.order(Order::Resume).await;
    house.tick().await;
    let goes_on = last.poll(&house).await;
    assert_eq!(goes_on.reason, None);
    assert!(
        goes_on.wait.is_some(),
        "what was measured before still holds"
    );
}

#[tokio::test]
async fn those_who_come_back_to_their_places_are_the_reason_for_a_minute_or_two() {
    let (mut house, mut last) = flowing().await;
    let mut breaks = Vec::new();
    for _ in 0..20 {
        let mut fan = joined(&house).await;
        fan.ask(&house, "POST", &format!("{ROOM}/step-away"), &[])
            .await;
        breaks.push(fan);
    }
    house.pass(SECOND).await;
    assert_eq!(
        last.poll(&house).await.reason,
        None,
        "to go away delays nobody"
    );

    for fan in &mut breaks {
        fan.ask(&house, "POST", &format!("{ROOM}/join"), &[]).await;
    }
    house.tick().await;
    assert_eq!(last.poll(&house).await.reason, Some(Reason::AbsentReturned));
    house.pass(3 * MINUTE).await;
    assert_eq!(last.poll(&house).await.reason, None);
}
