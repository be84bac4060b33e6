//! What closes an open socket.

use std::time::Duration;

use super::{closed, cookies, handshake, hears, inside, opens};
use crate::kit::{House, Plan, Wire, until};

/// A text frame as a client sends it, its mask zero.
const TEXT: &[u8] = b"\x81\x85\0\0\0\0hello";
/// Close frames of ours.
const GOING_AWAY: &[u8] = b"\x88\x02\x03\xe9";
pub(super) const POLICY: &[u8] = b"\x88\x02\x03\xf0";

/// Says a frame and hears it back.
pub(super) async fn speaks(wire: &mut Wire) {
    wire.send(TEXT).await.unwrap();
    hears(wire, TEXT).await;
}

/// Demands that the socket ends with these last bytes, soon.
pub(super) async fn ends(wire: &mut Wire, last: &[u8]) {
    let end = async {
        hears(wire, last).await;
        wire.is_closed().await;
    };
    let soon = Duration::from_secs(5);
    assert!(
        tokio::time::timeout(soon, end).await.is_ok(),
        "not within {soon:?}"
    );
}

#[tokio::test]
async fn a8_a_socket_ends_when_its_visitor_leaves_the_room() {
    let house = House::open().await;
    let mut ann = inside(&house).await;
    let mut wire = opens(&house, &handshake("/buy/socket", &cookies(&ann))).await;
    let mut outside = opens(&house, &handshake("/about/socket", "")).await;
    speaks(&mut wire).await;

    ann.posts("leave").await.is(200);

    ends(&mut wire, POLICY).await;
    until("the site is told too", || async {
        let heard = &house.origin.arrived()[0].body;
        heard.ends_with(b"\x88\x82\0\0\0\0\x03\xf0").then_some(())
    })
    .await;
    speaks(&mut outside).await;
    drop(outside);
    until("the other is closed too", || async {
        (house.metric("anteroom_websockets_open", "").await == 0.0).then_some(())
    })
    .await;
    let session = "by=\"session\"";
    assert_eq!(
        house
            .metric("anteroom_websockets_ended_total", session)
            .await,
        1.0
    );
}

#[tokio::test]
async fn a8_a_socket_ends_with_the_longest_stay() {
    let house = House::of(Plan::default().session("idle_s = 3\nabsolute_s = 3")).await;
    let ann = inside(&house).await;
    let mut wire = opens(&house, &handshake("/buy/socket", &cookies(&ann))).await;
    speaks(&mut wire).await;

    ends(&mut wire, POLICY).await;

    closed(&house, "session").await;
}

#[tokio::test]
async fn a_socket_in_the_middle_of_a_frame_is_closed_without_another() {
    let house = House::of(Plan::default().session("idle_s = 3\nabsolute_s = 3")).await;
    let ann = inside(&house).await;
    let mut wire = opens(&house, &handshake("/buy/socket", &cookies(&ann))).await;
    wire.send(&TEXT[..9]).await.unwrap();
    hears(&mut wire, &TEXT[..9]).await;

    ends(&mut wire, b"").await;
}

#[tokio::test]
async fn an_open_socket_keeps_its_session() {
    let house = House::of(Plan::default().session("idle_s = 2\nabsolute_s = 60")).await;
    let ann = inside(&house).await;
    let mut wire = opens(&house, &handshake("/buy/socket", &cookies(&ann))).await;

    until("the session was touched twice", || async {
        (house.store_calls("touch").await >= 2.0).then_some(())
    })
    .await;

    assert_eq!(house.room().await["active"], 1, "its slot is held");
    speaks(&mut wire).await;
}

#[tokio::test]
async fn a_socket_on_which_nothing_moves_is_closed() {
    let house = House::of(Plan::default().site("idle_s = 2")).await;
    let mut wire = opens(&house, &handshake("/about/socket", "")).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        speaks(&mut wire).await;
    }

    ends(&mut wire, GOING_AWAY).await;

    closed(&house, "idle").await;
}

#[tokio::test]
async fn a_socket_ends_when_the_site_closes_it() {
    let house = House::open().await;
    let mut wire = opens(&house, &handshake("/about/socket?short", "")).await;
    wire.send(TEXT).await.unwrap();

    ends(&mut wire, TEXT).await;

    closed(&house, "site").await;
}

#[tokio::test]
async fn sockets_go_before_the_drain_limit() {
    let plan = Plan::default().site("[connections]\ndrain_s = 3");
    let house = House::of(plan).await;
    let mut wire = opens(&house, &handshake("/about/socket", "")).await;

    let (drained, ()) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(6), house.drain()),
        async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            speaks(&mut wire).await;
            ends(&mut wire, GOING_AWAY).await;
        }
    );

    assert!(
        drained.is_ok(),
        "the gateway waits for nobody beyond its limit"
    );
}
