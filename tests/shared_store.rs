//! The store that gateways share: a Redis that is there, away, or comes back.

use crate::kit::process::{furnish, log};
use std::time::Duration;

use serde_json::Value;

use crate::kit::{Ask, Gateway, House, Origin, Plan, Redis, Visitor, until};

#[tokio::test]
async fn a11_a_gateway_whose_redis_is_away_at_the_start_listens_and_says_so() {
    let origin = Origin::open().await;
    let dir = tempfile::tempdir().unwrap();
    let mut redis = Redis::forgetful().await;
    redis.kill_nine();
    let url = redis.url().replace("//", "//:hush-hush@");
    let at = furnish(dir.path(), &Plan::default().stored_at(&url), origin.address);

    let gateway = Gateway::start_without_store(dir.path(), at).await;

    let mut probe = Visitor::to(at.control).host(&at.control.to_string());
    let ready = probe.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("store_not_yet"), "{ready:?}");
    let mut ann = Visitor::to(at.public);
    let page = ann.get("/buy/1").await;
    assert_eq!(page.status, 200, "{page:?}");
    origin.saw_nothing();
    until("the log says why", || async {
        let said = log(dir.path());
        let why = said.contains("Redis cannot be reached") && said.contains(&redis.url());
        why.then_some(())
    })
    .await;

    gateway.terminate();
    assert!(gateway.ended().await.success());
    let said = log(dir.path());
    assert_eq!(said.matches("Redis cannot be reached").count(), 1, "{said}");
    assert!(!said.contains("hush"), "{said}");
}

#[tokio::test]
async fn a_gateway_without_its_password_file_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let plan = Plan {
        storing: "url = \"redis://127.0.0.1:1\"\npassword_file = \"./none\"".to_owned(),
        ..Plan::default()
    };
    furnish(dir.path(), &plan, ([127, 0, 0, 1], 1).into());

    let (code, said) = crate::kit::process::refuses(dir.path(), &[]).await;

    assert_eq!(code, Some(1));
    assert!(said.contains("cannot read the store's password"), "{said}");
}

#[tokio::test]
async fn the_redis_of_the_kit_keeps_what_its_disk_holds_and_counts_calls() {
    let mut redis = Redis::durable().await;
    redis.run(&["SET", "a", "1"]);
    // What it has answered is in the hands of the system, and so survives the process.
    redis.kill_nine();
    redis.restart().await;
    let held: u64 = redis::from_redis_value(redis.run(&["GET", "a"])).unwrap();
    assert_eq!(held, 1);

    redis.forget_calls();
    redis.run(&["EVAL", "return redis.call('INCR', 'a')", "0"]);
    let calls = redis.calls();
    assert_eq!((calls["eval"], calls["incr"]), (1, 1), "{calls:?}");

    redis.flushall();
    assert_eq!(redis.run(&["DBSIZE"]), redis::Value::Int(0));
}

/// Asks for everybody, the last place first, so that whoever was called meanwhile is no sign of
/// disorder; says the states in order of place. No position has grown.
async fn all_poll(fans: &mut [(Visitor, u64)]) -> Vec<Value> {
    let mut states = Vec::new();
    for (fan, shown) in fans.iter_mut().rev() {
        let status = fan.status().await;
        if let Some(position) = status["position"].as_u64() {
            assert!(position <= *shown, "{status} after {shown}");
            *shown = position;
        }
        assert_eq!(status["ended_by"], Value::Null, "{status}");
        states.push(status["state"].clone());
    }
    states.reverse();
    states
}

#[tokio::test]
async fn a11_f6_a_redis_that_is_flushed_in_mid_sale_loses_neither_places_nor_orders() {
    let redis = Redis::forgetful().await;
    let house = House::of(Plan::per_minute(1).stored_at(&redis.url())).await;
    let pace = Ask::new("PUT", "/v1/rooms/derby/pace").body(r#"{"per_minute":120}"#);
    let mut fans = Vec::new();
    for _ in 0..8 {
        let mut fan = house.app();
        let status = fan.joins().await;
        fans.push((fan, status["position"].as_u64().unwrap()));
    }
    house.tells_of(8).await;
    house.operator().post("/v1/rooms/derby/pause").await.is(200);
    house.operator().ask(pace).await.is(200);
    all_poll(&mut fans).await;

    redis.flushall();
    until("the room recovers", || async {
        let room = house.room().await;
        (room["held_by"] == "recovering" && room["pace"]["per_minute"] == 120).then_some(())
    })
    .await;
    // While the room is being put back an order is to be sent again in a moment.
    until("the order is taken", || async {
        let resumed = house.operator().post("/v1/rooms/derby/resume").await;
        (resumed.status == 200).then_some(())
    })
    .await;
    let states = all_poll(&mut fans).await;
    assert!(
        states.iter().all(|state| state == "recovering"),
        "{states:?}"
    );
    house.tells_of(8).await;
    let mut last = Vec::new();
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        last = all_poll(&mut fans).await;
        if last.iter().all(|state| state == "released") {
            break;
        }
        // In the old order: whoever was called stands before whoever was not.
        let called: Vec<_> = last.iter().map(|state| state != "released").collect();
        assert!(called.is_sorted(), "{last:?}");
    }
    assert!(last.iter().all(|state| state == "released"), "{last:?}");
}
