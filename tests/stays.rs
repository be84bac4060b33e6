//! Row A8 of docs/security.md: event streams of the site, opened by those who may pass and never
//! else, and ended with the session that opened them.

use std::time::Duration;

use anteroom::domain::clock::Clock;
use http::Request;
use http_body_util::Empty;
use serde_json::json;

use crate::kit::tls::Client;
use crate::kit::wire::Asked;
use crate::kit::{Ask, Authority, House, PATIENCE, Plan, Visitor, Wire, until};
use crate::sockets::cookies;

/// How long after its session's end a stream may be open.
const SOON: Duration = Duration::from_secs(5);

/// An event stream without an end, and one whose bytes are compressed.
const PLAIN: &str = "/buy/live?text/Event-Stream;charset=utf-8";
const PACKED: &str = "/buy/live?text/event-stream&gzip";

/// A house over TLS, and a client that trusts its certificate.
async fn secure(plan: Plan) -> (House, Client) {
    let authority = Authority::new();
    let made = authority.vouches(&["shop.example"]);
    let house = House::of(plan.over_tls(&made, "")).await;
    (house, authority.client())
}

/// Takes a visitor inside by the usual way.
async fn enter(house: &House, ann: &mut Visitor) {
    ann.joins().await;
    house.release(1).await;
    ann.polls_until("released").await;
    ann.get("/buy/1").await.is_served();
    house.origin.lines();
}

/// What a browser's event source asks.
fn asking(target: &str, cookies: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: shop.example\r\nAccept: text/event-stream\r\n\
         Sec-Fetch-Dest: empty\r\n{cookies}\r\n"
    )
}

/// Asks on one connection and reads to the end of the stream, then asks again until somebody is
/// told to wait. Gives how late it was at the end of the stream.
///
/// A token counts for some seconds longer than its session lasts; in those a stream ends as soon
/// as it is opened.
async fn told_at_the_end(
    version: &str,
    clock: &Clock,
    mut ask: impl AsyncFnMut() -> (u16, Vec<u8>),
) -> Duration {
    let first = tokio::time::timeout(PATIENCE, ask()).await;
    let (status, body) = first.unwrap_or_else(|_| panic!("{version}: it goes on"));
    let end = clock.now().mono;
    assert_eq!(status, 200, "{version}");
    let events = events(body);
    assert!(events >= 10, "{version}: {events} events before the end");
    for _ in 0..4 * SOON.as_secs() {
        let (status, body) = ask().await;
        if status != 200 {
            assert_eq!(status, 429, "{version}: whoever comes back is told to wait");
            return end;
        }
        assert!(self::events(body) <= 1, "{version}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("{version}: nobody is told to wait");
}

fn events(body: Vec<u8>) -> usize {
    String::from_utf8(body).unwrap().matches("data: ").count()
}

/// What is asked over HTTP/1.1, where a last chunk ends the stream and the connection goes on.
async fn over_http1(
    house: &House,
    client: &Client,
    (target, ann): (&str, &Visitor),
    clock: &Clock,
) -> Duration {
    let asked = asking(target, &cookies(ann));
    let wire = client.wire(house.encrypted(), "shop.example").await;
    let mut wire = wire.unwrap();
    told_at_the_end("HTTP/1.1", clock, async || {
        wire.send(&asked).await.unwrap();
        let answer = wire.answer(Asked::Any).await.expect("a last chunk");
        (answer.status, answer.body)
    })
    .await
}

/// What is asked over HTTP/2, where END_STREAM does.
async fn over_http2(
    house: &House,
    client: &Client,
    (target, ann): (&str, &Visitor),
    clock: &Clock,
) -> Duration {
    let mut connection = client.http2(house.encrypted(), "shop.example").await;
    let cookies = cookies(ann);
    let cookies = cookies.trim_start_matches("Cookie: ").trim_end();
    told_at_the_end("HTTP/2", clock, async || {
        let asked = Request::get(format!("https://shop.example{target}"))
            .header("accept", "text/event-stream")
            .header("sec-fetch-dest", "empty")
            .header("cookie", cookies)
            .body(Empty::new());
        let answer = connection.ask(asked.unwrap()).await.expect("END_STREAM");
        (answer.status().as_u16(), answer.into_body().to_vec())
    })
    .await
}

/// Reads two streams over each version to their ends. Gives how late it was at the last.
async fn all_to_their_ends(
    house: &House,
    client: &Client,
    (ann, clock): (&Visitor, &Clock),
) -> Duration {
    let ends = tokio::join!(
        over_http1(house, client, (PLAIN, ann), clock),
        over_http1(house, client, (PACKED, ann), clock),
        over_http2(house, client, (PLAIN, ann), clock),
        over_http2(house, client, (PACKED, ann), clock),
    );
    ends.0.max(ends.1).max(ends.2).max(ends.3)
}

/// Demands that as many streams were ended, and that the site is let go of.
async fn were_ended(house: &House, streams: f64) {
    let ended = "anteroom_site_event_streams_ended_total";
    assert!(house.metric(ended, "").await >= streams);
    until("the site's connections are closed", || async {
        let active = house.metric("anteroom_origin_requests_active", "").await;
        (active == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a8_an_event_stream_of_the_site_ends_with_its_session() {
    let plan = Plan::default().session("idle_s = 3\nabsolute_s = 3");
    let (house, client) = secure(plan).await;
    let mut ann = house.secure(&client);
    let clock = Clock::machine();
    enter(&house, &mut ann).await;
    let inside = clock.now().mono;

    let end = all_to_their_ends(&house, &client, (&ann, &clock)).await;

    let open = end - inside;
    assert!(open < Duration::from_secs(3) + SOON, "{open:?}");
    were_ended(&house, 4.0).await;
}

#[tokio::test]
async fn a8_an_event_stream_of_the_site_ends_when_its_session_is_revoked() {
    let (house, client) = secure(Plan::default()).await;
    let mut ann = house.secure(&client);
    enter(&house, &mut ann).await;
    let clock = Clock::machine();

    let (revoked, end) = tokio::join!(
        async {
            until("the streams are open", || async {
                (house.origin.arrived().len() == 4).then_some(())
            })
            .await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            house.order("sessions/revoke", json!({})).await;
            clock.now().mono
        },
        all_to_their_ends(&house, &client, (&ann, &clock))
    );

    let after = end.saturating_sub(revoked);
    assert!(after < SOON, "{after:?}");
    were_ended(&house, 4.0).await;
}

#[tokio::test]
async fn a8_an_event_stream_that_said_its_length_is_broken_off_and_never_passed_off_as_whole() {
    let house = House::open().await;
    let mut ann = house.visitor();
    enter(&house, &mut ann).await;
    let asked = asking("/buy/live?text/event-stream&length", &cookies(&ann));
    let mut wire = Wire::to(house.address).await;
    wire.send(asked).await.unwrap();
    wire.answer(Asked::Head).await.unwrap().is(200);

    ann.posts("leave").await.is(200);

    let end = tokio::time::timeout(SOON, wire.all()).await;
    let heard = end.expect("the connection is closed");
    assert!(heard.starts_with(b"data: "), "{} bytes", heard.len());
    were_ended(&house, 1.0).await;
}

#[tokio::test]
async fn a8_an_event_stream_asked_for_while_waiting_never_reaches_the_site() {
    let house = House::open().await;
    let mut ann = house.visitor();
    let ask = || {
        Ask::get(PLAIN)
            .with("accept", "text/event-stream")
            .with("sec-fetch-dest", "empty")
    };
    ann.ask(ask()).await.is(429).is_queue();
    ann.joins().await;
    ann.ask(ask()).await.is(429).is_queue();
    let over = house.forge().with(json!({"iat": 1, "nbf": 1, "exp": 300}));
    let mut late = house.visitor().with_cookie("anteroom-a-derby", &over);
    late.ask(ask()).await.is(429).is_queue();
    house.origin.saw_nothing();

    let mut insider = Wire::to(house.address).await;
    let cookies = cookies(&house.insider());
    insider.send(asking(PLAIN, &cookies)).await.unwrap();
    insider.answer(Asked::Head).await.unwrap().is(200);
}

#[tokio::test]
async fn a8_downloads_and_streams_of_no_session_are_not_ended() {
    let plan = Plan::default()
        .file(
            "rooms/free.toml",
            "name = \"free\"\nsite = \"shop\"\npaths = [\"/free/*\"]\nmethod = \"passthrough\"\n",
        )
        .file(
            "rooms/gate.toml",
            "name = \"gate\"\nsite = \"shop\"\npaths = [\"/gate/*\"]\nexcept = [\"/gate/open/*\"]\n\
             [pace]\nper_minute = 1\n[[exempt]]\npath = \"/gate/exempt/*\"\n",
        );
    let house = House::of(plan).await;
    let mut ann = house.visitor();
    enter(&house, &mut ann).await;
    let mut wires = Vec::new();
    for target in [
        PLAIN,
        "/buy/live?application/octet-stream",
        "/about/live?text/event-stream",
        "/free/live?text/event-stream",
        "/gate/open/live?text/event-stream",
        "/gate/exempt/live?text/event-stream",
    ] {
        let mut wire = Wire::to(house.address).await;
        wire.send(asking(target, &cookies(&ann))).await.unwrap();
        wire.answer(Asked::Head).await.unwrap().is(200);
        wires.push((target, wire));
    }

    ann.posts("leave").await.is(200);

    let (_, mut stream) = wires.remove(0);
    let end = async { while !stream.some().await.ends_with(b"0\r\n\r\n") {} };
    let end = tokio::time::timeout(SOON, end).await;
    end.expect("the session's own stream ends");
    let clock = Clock::machine();
    while clock.now().mono < Duration::from_secs(3) {
        for (target, wire) in &mut wires {
            assert!(!wire.some().await.is_empty(), "{target}");
        }
    }
    let ended = "anteroom_site_event_streams_ended_total";
    assert_eq!(house.metric(ended, "").await, 1.0);
}

#[tokio::test]
async fn an_open_event_stream_keeps_its_session() {
    let house = House::of(Plan::default().session("idle_s = 2\nabsolute_s = 60")).await;
    let mut ann = house.visitor();
    enter(&house, &mut ann).await;
    let mut wire = Wire::to(house.address).await;
    wire.send(asking(PLAIN, &cookies(&ann))).await.unwrap();
    wire.answer(Asked::Head).await.unwrap().is(200);

    until("the session was touched twice", || async {
        (house.store_calls("touch").await >= 2.0).then_some(())
    })
    .await;

    assert_eq!(house.room().await["active"], 1, "its slot is held");
    assert!(!wire.some().await.is_empty(), "and the stream goes on");
}

#[tokio::test]
async fn an_event_stream_holds_a_drain_to_its_limit_and_no_longer() {
    let house = House::of(Plan::default().site("[connections]\ndrain_s = 3")).await;
    let mut ann = house.visitor();
    enter(&house, &mut ann).await;
    let mut wire = Wire::to(house.address).await;
    wire.send(asking(PLAIN, &cookies(&ann))).await.unwrap();
    wire.answer(Asked::Head).await.unwrap().is(200);

    let (drained, ()) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(6), house.drain()),
        async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            wire.some().await;
            assert!(!wire.some().await.is_empty(), "it goes on for a while");
            wire.all().await;
        }
    );

    assert!(drained.is_ok(), "the gateway waits for nobody");
}
