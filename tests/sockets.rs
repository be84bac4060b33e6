//! Rows A8 and H9 of docs/security.md: WebSockets, opened by those who may pass and never else,
//! and closed when they may stay no longer.

mod ends;
mod floods;
mod refused;
mod steered;

use tokio::io::AsyncWriteExt;

use crate::kit::origin::OWN_TEXT;
use crate::kit::wire::Asked;
use crate::kit::{Answer, House, Plan, Visitor, Wire, until};

/// A key and its answer, from RFC 6455, section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A good handshake with these lines too.
pub fn handshake(target: &str, fields: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: shop.example\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{fields}\r\n"
    )
}

/// The cookies of a visitor, as a line.
pub fn cookies(visitor: &Visitor) -> String {
    let pairs: Vec<_> = visitor
        .jar
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("Cookie: {}\r\n", pairs.join("; "))
}

/// Sends a handshake and demands that the socket is open.
async fn opens(house: &House, asked: &str) -> Wire {
    let (wire, answer) = asks(house, asked).await;
    answer.expect("the gateway closed").is(101);
    wire
}

async fn asks(house: &House, asked: &str) -> (Wire, Option<Answer>) {
    let mut wire = Wire::to(house.address).await;
    wire.send(asked).await.unwrap();
    let answer = wire.answer(Asked::Any).await;
    (wire, answer)
}

/// Reads as many bytes as `bytes` and demands that they are the same.
pub async fn hears(wire: &mut Wire, bytes: &[u8]) {
    let mut heard = Vec::new();
    while heard.len() < bytes.len() {
        let more = wire.some().await;
        assert!(!more.is_empty(), "closed after {} bytes", heard.len());
        heard.extend(more);
    }
    assert!(heard == bytes, "{:?}", String::from_utf8_lossy(&heard));
}

/// Somebody inside, by the usual way.
async fn inside(house: &House) -> Visitor {
    let mut ann = house.visitor();
    ann.joins().await;
    house.release(1).await;
    ann.polls_until("released").await;
    ann.get("/buy/1").await.is_served();
    house.origin.lines();
    ann
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_an_admitted_visitor_speaks_both_ways() {
    let house = House::open().await;
    let ann = inside(&house).await;
    let fields = format!(
        "{}Origin: http://shop.example\r\nSec-WebSocket-Protocol: chat\r\n\
         X-Forwarded-For: 6.6.6.6\r\nSec-WebSocket-Extensions: permessage-deflate\r\n",
        cookies(&ann)
    );
    let (wire, answer) = asks(&house, &handshake("/buy/socket", &fields)).await;

    let answer = answer.unwrap();
    for (name, value) in [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", ACCEPT),
        ("sec-websocket-protocol", "chat"),
        ("set-cookie", "basket=7"),
    ] {
        assert_eq!(answer.is(101).all(name), [value], "{name}: {answer:?}");
    }
    assert_eq!(answer.header("content-length"), None);
    let arrived = house.origin.arrived().remove(0);
    for (name, values) in [
        ("origin", &["http://shop.example"][..]),
        ("sec-websocket-key", &[KEY]),
        ("sec-websocket-version", &["13"]),
        ("sec-websocket-protocol", &["chat"]),
        ("sec-websocket-extensions", &["permessage-deflate"]),
        ("x-forwarded-for", &["127.0.0.1"]),
        ("cookie", &[]),
    ] {
        assert_eq!(arrived.all(name), values, "{name}: {}", arrived.head);
    }
    assert_eq!(house.metric("anteroom_websockets_open", "").await, 1.0);

    let spoken: Vec<u8> = (0..1_u32 << 20).map(|n| (n % 251) as u8).collect();
    let (mut writes, mut wire) = wire.split();
    let said = spoken.clone();
    let saying = tokio::spawn(async move {
        writes.write_all(&said).await.unwrap();
        writes
    });
    let heard = wire.exactly(spoken.len()).await;
    assert!(heard == spoken, "1 MiB came back changed");
    assert_eq!(house.origin.arrived()[0].body, spoken);

    drop((saying.await.unwrap(), wire));
    closed(&house, "visitor").await;
    assert_eq!(house.metric("anteroom_websockets_total", "").await, 1.0);
}

/// Waits until no socket is open, and demands what ended the only one.
async fn closed(house: &House, by: &str) {
    until("the socket is closed", || async {
        (house.metric("anteroom_websockets_open", "").await == 0.0).then_some(())
    })
    .await;
    let by = format!("by=\"{by}\"");
    let ended = house.metric("anteroom_websockets_ended_total", &by).await;
    assert_eq!(ended, 1.0, "{by}");
}

#[tokio::test]
async fn sockets_open_wherever_requests_pass() {
    let plan = Plan::default()
        .file(
            "rooms/free.toml",
            "name = \"free\"\nsite = \"shop\"\npaths = [\"/free/*\"]\nmethod = \"passthrough\"\n",
        )
        .file(
            "rooms/gate.toml",
            "name = \"gate\"\nsite = \"shop\"\npaths = [\"/gate/*\"]\nexcept = [\"/gate/open/*\"]\n\
             [pace]\nper_minute = 1\n[[exempt]]\npath = \"/gate/live/*\"\n",
        );
    let house = House::of(plan).await;
    let forge = house.forge();
    let app = format!("Anteroom-Admission: {}\r\n", forge.sign(&forge.claims()));
    for (target, fields) in [
        ("/about/socket", ""),
        ("/free/socket", ""),
        ("/gate/open/socket", ""),
        ("/gate/live/socket", ""),
        ("/buy/socket", app.as_str()),
    ] {
        let mut wire = opens(&house, &handshake(target, fields)).await;
        wire.send("hello").await.unwrap();
        hears(&mut wire, b"hello").await;
        assert_eq!(house.origin.lines(), [format!("GET {target}")]);
    }
}

#[tokio::test]
async fn a_site_may_speak_first() {
    let house = House::open().await;
    let mut wire = opens(&house, &handshake("/about/socket?greets", "")).await;

    hears(&mut wire, b"\x01\x05hello").await;
}

#[tokio::test]
async fn h9_early_bytes_belong_to_the_socket_and_are_never_a_request() {
    let house = House::open().await;
    let early = "\r\nGET /buy/1 HTTP/1.1\nHost: other\r\n\r\n\0GET /about/smuggled HTTP/1.1\r\n\
                 Host: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n";
    let before = "GET /about/before HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    let whole = format!("{before}{}{early}", handshake("/about/socket", ""));
    for size in [1, 40, whole.len()] {
        let mut wire = Wire::to(house.address).await;
        for piece in whole.as_bytes().chunks(size) {
            wire.send(piece).await.unwrap();
        }
        assert!(
            wire.answer(Asked::Any)
                .await
                .unwrap()
                .text()
                .contains(OWN_TEXT)
        );
        wire.answer(Asked::Any).await.unwrap().is(101);
        hears(&mut wire, early.as_bytes()).await;

        wire.send("and later").await.unwrap();
        hears(&mut wire, b"and later").await;
        assert_eq!(
            house.origin.lines(),
            ["GET /about/before", "GET /about/socket"],
            "{size} bytes at a time"
        );
    }
}
