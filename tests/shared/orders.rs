//! What is ordered at one gateway and obeyed at the other.

use std::time::Duration;

use serde_json::{Value, json};

use super::pair::{A, B, Pair, time_until};
use crate::kit::forge::claims_of;
use crate::kit::wire::Asked;
use crate::kit::{Plan, Visitor, Wire};
use crate::sockets::{cookies, handshake, hears};

/// An order takes effect everywhere within a second; three times that, for a busy machine.
const SLACK: Duration = Duration::from_secs(3);

fn in_time(what: &str, took: Duration) {
    println!("{what}: after {took:?}");
    assert!(took < SLACK, "{what}: after {took:?}");
}

impl Pair {
    /// Waits until this gateway's room says so; how long that took.
    async fn says(&self, gateway: usize, pointer: &str, value: Value) -> Duration {
        let seen = || async { self.room(gateway).await.pointer(pointer) == Some(&value) };
        time_until(&format!("{pointer} is {value}"), seen).await
    }

    /// Waits until the pace has released so many in all; how long that took.
    async fn has_released(&self, count: u64) -> Duration {
        let seen = || async { self.head("releases_total") >= count };
        time_until(&format!("{count} are released"), seen).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pace_a_pause_and_a_message_given_at_one_gateway_hold_at_the_other() {
    let pair = Pair::open(Plan::per_minute(1)).await;
    let mut fans = pair.fans(60).await;
    pair.tells_of(60).await;
    // The last one joined at B.
    let (ann, _) = fans.last_mut().unwrap();
    let before = pair.head("releases_total");

    pair.set(A, "pace", json!({ "per_minute": 600 })).await;
    in_time(
        "B shows the pace",
        pair.says(B, "/pace/per_minute", json!(600)).await,
    );
    in_time("the pace is faster", pair.has_released(before + 3).await);

    pair.order(A, "pause", json!({})).await;
    let released = pair.head("releases_total");
    in_time(
        "B shows the pause",
        pair.says(B, "/state", json!("paused")).await,
    );
    assert_eq!(ann.status().await["state"], "paused");
    assert_eq!(pair.room(B).await["held_by"], "paused");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(pair.head("releases_total"), released, "while it is paused");

    pair.order(A, "resume", json!({})).await;
    in_time(
        "B shows the resumption",
        pair.says(B, "/state", json!("open")).await,
    );
    in_time("it goes on", pair.has_released(released + 1).await);
    assert_eq!(ann.status().await["state"], "waiting");

    let message = "Gate 4 is closed.";
    pair.set(A, "message", json!({ "message": message })).await;
    in_time(
        "B shows the message",
        pair.says(B, "/message", json!(message)).await,
    );
    assert_eq!(ann.status().await["message"], message);
}

/// Waits until the shop refuses this visitor; how long that took.
async fn refused(visitor: &Visitor) -> Duration {
    let seen = || async {
        let answer = visitor.another_tab().get("/buy/1").await;
        !answer.is_from_the_shop() && answer.is_queue().says("ended_by") == "revoked"
    };
    time_until("the shop is closed to the visitor", seen).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_revoked_at_one_gateway_are_refused_at_the_other() {
    let pair = Pair::open(Plan::per_minute(1)).await;
    let mut insiders = pair.insiders(4).await;
    // Every other one came in at B.
    let (mut cleo, mut ben) = (insiders.remove(3), insiders.remove(1));
    for visitor in [&mut cleo, &mut ben] {
        visitor.get("/buy/1").await.is_served();
    }

    let session = claims_of(ben.admission().unwrap())["jti"].clone();
    pair.order(A, "sessions/revoke", json!({ "jti": session }))
        .await;
    in_time("B refuses the one", refused(&ben).await);
    cleo.get("/buy/1").await.is_served();

    pair.order(A, "sessions/revoke", json!({})).await;
    in_time("B refuses the other", refused(&cleo).await);
    for visitor in &mut insiders {
        visitor.get("/buy/1").await.is_queue();
    }
    pair.origin.lines();
    for visitor in [&mut cleo, &mut ben] {
        visitor.get("/buy/1").await.is_queue();
    }
    pair.origin.saw_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_at_one_gateway_closes_the_sockets_open_at_the_other() {
    let pair = Pair::open(Plan::per_minute(1)).await;
    let insiders = pair.insiders(3).await;
    let session = claims_of(insiders[1].admission().unwrap())["jti"].clone();
    let mut wires = Vec::new();
    // One came in at A and opens the socket at B, one has always been at B.
    for visitor in insiders {
        let mut wire = Wire::to(pair.public(B)).await;
        let asked = handshake("/buy/socket", &cookies(&visitor));
        wire.send(&asked).await.unwrap();
        wire.answer(Asked::Any).await.unwrap().is(101);
        wires.push(wire);
    }
    let [mut ann, mut ben, mut cleo] = <[Wire; 3]>::try_from(wires).ok().unwrap();

    pair.order(A, "sessions/revoke", json!({ "jti": session }))
        .await;
    in_time("B closes the one", ends(&mut ben).await);
    for wire in [&mut ann, &mut cleo] {
        wire.send(TEXT).await.unwrap();
        hears(wire, TEXT).await;
    }

    pair.order(A, "sessions/revoke", json!({})).await;
    in_time("B closes the second", ends(&mut ann).await);
    in_time("B closes the third", ends(&mut cleo).await);
}

/// A text frame as a client sends it, its mask zero.
const TEXT: &[u8] = b"\x81\x85\0\0\0\0hello";

/// Waits until a socket is closed because its session is over; how long that took.
async fn ends(wire: &mut Wire) -> Duration {
    let began = std::time::Instant::now();
    hears(wire, b"\x88\x02\x03\xf0").await;
    wire.is_closed().await;
    began.elapsed()
}
