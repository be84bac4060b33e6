//! What the site says of a session on the answer that opens a socket.

use serde_json::json;

use super::ends::{POLICY, ends, speaks};
use super::{asks, cookies, handshake, inside, opens};
use crate::kit::{Answer, House, Plan, until};

/// A socket's answer that says nothing of ours to whoever asked.
#[track_caller]
fn opened(answer: Option<Answer>) -> Answer {
    let answer = answer.unwrap();
    let ours = answer.fields.iter();
    let ours = ours.filter(|(name, _)| name.starts_with("anteroom-"));
    assert_eq!(ours.count(), 0, "{answer:?}");
    answer.is(101);
    answer
}

/// The life that the answer gives to the admission.
fn life(answer: &Answer) -> Option<String> {
    let cookies = answer.cookies();
    let admission = cookies.iter().find(|one| one.name == "anteroom-a-derby")?;
    let life = admission.attributes.iter();
    life.rev()
        .find_map(|word| word.strip_prefix("Max-Age=").map(str::to_owned))
}

#[tokio::test]
async fn a_socket_that_opens_with_a_hold_keeps_its_session_for_the_payment() {
    let house = House::of(Plan::default().session("hold_max_s = 1800")).await;
    let ann = inside(&house).await;
    let asked = handshake("/buy/socket?session=hold=1200", &cookies(&ann));

    let (mut wire, answer) = asks(&house, &asked).await;

    let answer = opened(answer);
    assert_eq!(life(&answer).as_deref(), Some("1200"), "{answer:?}");
    speaks(&mut wire).await;
    let word = "word=\"hold\"";
    assert_eq!(house.metric("anteroom_site_words_total", word).await, 1.0);
}

#[tokio::test]
async fn a_socket_that_opens_with_a_completion_gives_the_slot_back_and_closes() {
    let house = House::open().await;
    let mut ann = inside(&house).await;
    let mut other = opens(&house, &handshake("/buy/socket", &cookies(&ann))).await;
    speaks(&mut other).await;
    house.set("capacity", json!({"active": 1})).await;
    let asked = handshake("/buy/socket?session=complete", &cookies(&ann));

    let (mut wire, answer) = asks(&house, &asked).await;

    let answer = opened(answer);
    assert_eq!(life(&answer).as_deref(), Some("0"), "it is taken back");
    until("the slot is free", || async {
        (house.room().await["active"] == 0).then_some(())
    })
    .await;
    ends(&mut wire, POLICY).await;
    ends(&mut other, POLICY).await;
    let again = asks(&house, &handshake("/buy/socket", &cookies(&ann))).await;
    again.1.unwrap().is(429);
    assert_eq!(ann.status().await["ended_by"], "completed");
}

#[tokio::test]
async fn a9_a_socket_outside_the_room_steers_nothing() {
    let house = House::open().await;
    let mut ann = inside(&house).await;
    let asked = handshake("/about/socket?session=revoke&stock=0", &cookies(&ann));

    let (mut wire, answer) = asks(&house, &asked).await;

    assert_eq!(life(&opened(answer)), None);
    speaks(&mut wire).await;
    ann.get("/buy/1").await.is_served();
    assert_eq!(house.room().await["stock"], serde_json::Value::Null);
}
