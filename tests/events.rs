//! Event streams over real sockets.

use std::time::Duration;

use anteroom::domain::clock::Clock;
use serde_json::{Value, json};

use crate::kit::{Ask, House, Plan, Visitor, until};

const EVENTS: &str = "/_anteroom/rooms/derby/events";

/// A house whose gateway keeps so many streams.
async fn house(streams: u32, per_network: u32) -> House {
    let mut plan = Plan::default();
    plan.storing += &format!(
        "\n[connections]\nmax_event_streams = {streams}\n\
         max_event_streams_per_network = {per_network}\ndrain_s = 20"
    );
    House::of(plan).await
}

async fn fan(house: &House) -> Visitor {
    let mut fan = house.app();
    fan.joins().await;
    fan
}

/// How long `wanted` takes.
async fn timed<T>(wanted: impl Future<Output = T>) -> (T, Duration) {
    let clock = Clock::machine();
    let begun = clock.now().mono;
    let got = wanted.await;
    (got, clock.now().mono - begun)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_begins_with_where_the_visitor_stands_and_says_how_it_is_to_be_passed_on() {
    let house = House::open().await;
    let mut ann = fan(&house).await;
    let (head, mut events) = ann.watches().await;
    assert_eq!(head.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
        ("transfer-encoding", "chunked"),
    ] {
        assert_eq!(head.header(name), Some(value), "{name}");
    }
    assert_eq!(head.cookies().len(), 1, "the head renews the cookie");
    let first = events.next().await.unwrap();
    assert_eq!(
        (first.name.as_str(), &first.status["position"]),
        ("standing", &json!(1))
    );
    assert_eq!(
        first.status["queue_token"],
        Value::Null,
        "no token in an event"
    );
    until("it is counted", || async {
        (house.metric("anteroom_event_streams_open", "").await == 1.0).then_some(())
    })
    .await;
    drop(events);
    // Nobody is there to read what is written next.
    for words in ["one", "two", "three"] {
        house.set("message", json!({ "message": words })).await;
    }
    until("its end is counted", || async {
        let ended = "by=\"visitor\"";
        let ended = house
            .metric("anteroom_event_streams_ended_total", ended)
            .await;
        (ended == 1.0).then_some(())
    })
    .await;
    let head = ann.ask(Ask::new("HEAD", EVENTS)).await;
    assert_eq!(
        head.is(200).header("content-type"),
        Some("text/event-stream")
    );
    assert!(head.cookies().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_message_reaches_a_stream_within_two_seconds() {
    let house = House::open().await;
    let mut ann = fan(&house).await;
    let (_, mut events) = ann.watches().await;
    events.until("standing").await;
    let tell = house.set("message", json!({ "message": "Doors at 8" }));
    let (told, took) = timed(async { tokio::join!(tell, events.until("message")).1 }).await;
    assert_eq!(told["message"], "Doors at 8");
    println!("a message: after {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    let (paused, took) =
        timed(async { tokio::join!(house.order("pause", json!({})), events.until("standing")).1 })
            .await;
    assert_eq!(
        (&paused["state"], &paused["position"]),
        (&json!("paused"), &json!(1))
    );
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_called_hears_it_within_a_second_and_the_stream_ends() {
    let house = House::open().await;
    let mut fans = Vec::new();
    for _ in 0..3 {
        fans.push(fan(&house).await);
    }
    let mut streams = Vec::new();
    for fan in &mut fans {
        streams.push(fan.watches().await.1);
    }
    house.tells_of(3).await;
    let ((), took) = timed(async {
        let called = async {
            for events in &mut streams[..2] {
                let status = events.until("released").await;
                assert!(status["claim_by"].is_string() && status["position"].is_null());
            }
        };
        tokio::join!(house.release(2), called);
    })
    .await;
    println!("called: after {took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    for events in &mut streams[..2] {
        events.ends().await;
    }
    fans[0].get("/buy/1").await.is_served();
    let moved = streams[2].until("standing").await;
    assert!(moved["position"].as_u64() <= Some(3), "{moved}");
    let first = streams[2].until("standing").await;
    assert_eq!(first["position"], 1);
    let calls = house.store_calls("claim").await;
    assert_eq!(calls, 1.0, "a stream never claims");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r10_beyond_the_cap_a_stream_is_refused_and_polls_go_on() {
    let house = house(2, 1_000).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(fan(&house).await.watches().await);
    }
    let mut third = fan(&house).await;
    let (head, _) = third.watches().await;
    assert_eq!(head.status, 503, "{head:?}");
    assert!(head.header("retry-after").is_some());
    assert_eq!(third.status().await["position"], 3, "the page polls");
    let full = "reason=\"full\"";
    assert_eq!(
        house
            .metric("anteroom_event_streams_refused_total", full)
            .await,
        1.0
    );

    open.pop();
    until("a place is free again", || async {
        (house.metric("anteroom_event_streams_open", "").await == 1.0).then_some(())
    })
    .await;
    assert_eq!(third.watches().await.0.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r10_one_network_does_not_take_every_stream() {
    let house = house(100, 1).await;
    let mut one = fan(&house).await;
    let (_, _events) = one.watches().await;
    assert_eq!(one.watches().await.0.status, 503);
    let network = "reason=\"network\"";
    let refused = house.metric("anteroom_event_streams_refused_total", network);
    assert_eq!(refused.await, 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_end_at_once_when_the_gateway_stops() {
    let house = house(100, 100).await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(fan(&house).await.watches().await.1);
    }
    let ((), took) = timed(async {
        let ends = async {
            for events in &mut streams {
                events.ends().await;
            }
        };
        tokio::join!(house.drain(), ends);
    })
    .await;
    assert!(
        took < Duration::from_secs(5),
        "not at the drain limit: {took:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_stream_asks_the_store_nothing() {
    let house = House::open().await;
    for _ in 0..6 {
        fan(&house).await;
    }
    let mut far = fan(&house).await;
    house.tells_of(7).await;
    let (_, mut events) = far.watches().await;
    events.until("standing").await;
    let before = house.store_calls("check_in").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(house.store_calls("check_in").await, before);
}
