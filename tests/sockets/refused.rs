//! Handshakes that open nothing, and what stands behind them.

use super::{KEY, asks, cookies, handshake, hears, inside, opens};
use crate::kit::wire::{Asked, statuses};
use crate::kit::{House, Plan, Wire, raw};

/// A request that must never be answered.
const BEHIND: &str = "GET /about/smuggled HTTP/1.1\r\nHost: shop.example\r\n\r\n";

#[tokio::test]
async fn a8_who_waits_opens_no_socket_and_changes_nothing_by_asking() {
    let house = House::open().await;
    let nobody = asks(&house, &(handshake("/buy/socket", "") + BEHIND)).await;
    let mut ann = house.visitor();
    ann.status().await;
    let newcomer = asks(&house, &handshake("/buy/socket", &cookies(&ann))).await;
    assert_eq!(
        house.store_calls("join").await,
        0.0,
        "a handshake joins nobody"
    );
    ann.joins().await;
    let waiting = asks(&house, &handshake("/buy/socket", &cookies(&ann))).await;
    house.release(1).await;
    ann.polls_until("released").await;
    let released = asks(&house, &handshake("/buy/socket", &cookies(&ann))).await;

    for (mut wire, answer) in [nobody, newcomer, waiting, released] {
        let answer = answer.unwrap();
        assert_eq!(answer.is(429).says("state"), "waiting", "{answer:?}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        wire.is_closed().await;
    }
    assert_eq!(house.store_calls("claim").await, 0.0, "nor claims a turn");
    ann.get("/buy/1").await.is_served();
    assert_eq!(house.origin.lines(), ["GET /buy/1"]);
    let gate = "reason=\"gate\"";
    assert_eq!(
        house
            .metric("anteroom_websockets_refused_total", gate)
            .await,
        4.0
    );
}

#[tokio::test]
async fn h9_what_is_no_handshake_is_refused_and_closed() {
    let house = House::open().await;
    let good = handshake("/about/socket", "");
    let key = format!("Sec-WebSocket-Key: {KEY}");
    for (part, instead, status) in [
        ("GET", "POST", 400),
        ("HTTP/1.1", "HTTP/1.0", 400),
        ("Version: 13", "Version: 8", 426),
        ("Sec-WebSocket-Version: 13\r\n", "", 400),
        ("keep-alive, Upgrade", "keep-alive", 400),
        ("Upgrade: websocket", "Upgrade: websocket, h2c", 400),
        (
            "Upgrade: websocket",
            "Upgrade: h2c\r\nUpgrade: websocket",
            400,
        ),
        (KEY, "short", 400),
        (KEY, "", 400),
        (key.as_str(), "X: y", 400),
        (
            "Host: shop.example",
            "Host: shop.example\r\nContent-Length: 5",
            400,
        ),
    ] {
        let asked = good.replacen(part, instead, 1);
        assert_ne!(asked, good, "{part}");
        let answers = raw(house.address, format!("{asked}hello{BEHIND}")).await;
        assert_eq!(statuses(&answers), [status], "{instead}");
        let connection = answers[0].header("connection").unwrap();
        assert!(connection.starts_with("close"), "{instead}: {connection}");
        if status == 426 {
            assert_eq!(answers[0].header("sec-websocket-version"), Some("13"));
        }
    }
    house.origin.saw_nothing();
    let none = "reason=\"handshake\"";
    assert_eq!(
        house
            .metric("anteroom_websockets_refused_total", none)
            .await,
        11.0
    );
}

#[tokio::test]
async fn h9_other_protocols_are_not_passed_on_and_requests_go_on() {
    let house = House::open().await;
    for protocol in ["h2c", "TLS/1.0", "websocket/13", "xwebsocket"] {
        let upgrade = format!("Upgrade: {protocol}");
        let asked = handshake("/about/1", "").replace("Upgrade: websocket", &upgrade);
        let answers = raw(house.address, format!("{asked}{BEHIND}")).await;
        assert_eq!(statuses(&answers), [200, 200], "{protocol}");
        for arrived in house.origin.arrived() {
            assert!(arrived.all("upgrade").is_empty(), "{}", arrived.head);
            assert!(arrived.all("connection").is_empty(), "{}", arrived.head);
        }
        house.origin.lines();
    }
}

#[tokio::test]
async fn h9_a_wrong_101_is_a_bad_gateway_and_nothing_behind_it_is_carried() {
    let house = House::open().await;
    for wrong in ["no-accept", "other-accept", "h2c", "both", "unsaid"] {
        let target = format!("/about/socket?{wrong}");
        let (mut wire, answer) = asks(&house, &(handshake(&target, "") + BEHIND)).await;
        let answer = answer.unwrap();
        assert_eq!(
            answer.is(502).header("connection"),
            Some("close"),
            "{wrong}"
        );
        let _ = wire.send(BEHIND).await;
        wire.is_closed().await;
        let arrived = house.origin.only();
        assert_eq!(arrived.target(), target);
        assert!(arrived.body.is_empty(), "{wrong}: {:?}", arrived.body);
    }
    let fault = "reason=\"fault\"";
    assert_eq!(
        house
            .metric("anteroom_websockets_refused_total", fault)
            .await,
        5.0
    );
    assert_eq!(house.metric("anteroom_websockets_total", "").await, 0.0);
}

#[tokio::test]
async fn h9_an_ordinary_answer_passes_and_nothing_behind_the_handshake_does() {
    let house = House::open().await;
    for (target, status) in [
        ("/about/1", 200),
        ("/about/socket?forbidden", 403),
        ("/about/echo", 200),
        ("/about/hangup", 502),
    ] {
        let (mut wire, answer) = asks(&house, &(handshake(target, "") + BEHIND)).await;
        let answer = answer.unwrap();
        assert_eq!(answer.is(status).header("connection"), Some("close"));
        let _ = wire.send(BEHIND).await;
        wire.is_closed().await;
        let arrived = house.origin.only();
        assert_eq!(arrived.target(), target);
        assert!(arrived.body.is_empty(), "{target}: {:?}", arrived.body);
    }
    let declined = "reason=\"declined\"";
    assert_eq!(
        house
            .metric("anteroom_websockets_refused_total", declined)
            .await,
        3.0
    );
    house.visitor().get("/about").await.is_served();
    assert_eq!(
        house.origin.only().target(),
        "/about",
        "no leftover on the way to the shop"
    );
}

#[tokio::test]
async fn h9_bytes_during_a_slow_handshake_wait_for_its_answer() {
    let house = House::open().await;
    let mut wire = Wire::to(house.address).await;
    wire.send(handshake("/about/slow", "")).await.unwrap();
    while house.origin.arrived().is_empty() {
        tokio::task::yield_now().await;
    }
    wire.send(BEHIND.repeat(100)).await.unwrap();
    house.origin.go_on();
    wire.answer(Asked::Any).await.unwrap().is_served();
    wire.is_closed().await;
    assert_eq!(house.origin.lines(), ["GET /about/slow"]);
}

#[tokio::test]
async fn no_more_sockets_are_open_than_may_be() {
    let plan = Plan::default().site("[connections]\nmax_websockets = 1");
    let house = House::of(plan).await;
    let ann = inside(&house).await;
    let asked = handshake("/buy/socket", &cookies(&ann));
    let mut first = opens(&house, &asked).await;

    let (_, second) = asks(&house, &asked).await;

    let second = second.unwrap();
    assert!(second.is(503).header("retry-after").is_some(), "{second:?}");
    house.origin.only();
    first.send("still here").await.unwrap();
    hears(&mut first, b"still here").await;
    drop(first);
    super::closed(&house, "visitor").await;
    opens(&house, &asked).await;
}
