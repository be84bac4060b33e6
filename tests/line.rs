//! The line: places are given once, and the position shown never grows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::kit::{House, Plan, Visitor, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tabs_of_one_visitor_have_one_place() {
    let house = House::of(Plan::per_minute(1)).await;
    let mut first = house.visitor();
    first.joins().await;
    let mut ann = house.visitor();
    ann.get("/buy/1").await;
    let mut tabs = tokio::task::JoinSet::new();
    for number in 0..15 {
        let mut tab = ann.another_tab();
        tabs.spawn(async move {
            match number % 3 {
                0 => drop(tab.get("/buy/1").await),
                1 => drop(tab.posts("join").await),
                _ => drop(tab.status().await),
            }
            tab
        });
    }
    let mut tabs: Vec<Visitor> = tabs.join_all().await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    for tab in tabs.iter_mut().take(5) {
        assert_eq!(tab.status().await["position"], 2);
    }
    let mut next = house.visitor().speaking_json();
    next.get("/buy/1").await.is_queue();
    next.get("/buy/1").await.is_waiting(2);
    until("three places were given", || async {
        (house.metric("anteroom_joins_total", "derby").await == 3.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn joining_over_json_takes_two_steps_and_tells_the_tokens() {
    let house = House::open().await;
    let mut app = house.app();
    let first = app.posts("join").await;
    assert_eq!(first.is(202).says("position"), json!(null));
    let token = first.says("queue_token").as_str().unwrap().to_owned();
    let join =
        || crate::kit::Ask::post("/_anteroom/rooms/derby/join").with("anteroom-queue", &token);
    for _ in 0..3 {
        let answer = house.app().ask(join()).await;
        assert_eq!(answer.is(200).says("position"), 1);
        assert!(answer.says("queue_token").is_string());
    }
    app.jar.clear();
    assert_eq!(app.posts("claim").await.is(409).says("state"), "waiting");
    assert_eq!(app.posts("leave").await.is(200).says("ended_by"), "left");
}

#[tokio::test]
async fn a_position_never_grows_and_everybody_gets_in_by_order_of_place() {
    let house = House::of(Plan::per_minute(600)).await;
    let mut line = Vec::new();
    for _ in 0..60 {
        let mut visitor = house.app();
        visitor.joins().await;
        line.push((visitor, u64::MAX));
    }
    let mut entered = BTreeMap::new();
    for round in 0.. {
        for (number, (visitor, shown)) in line.iter_mut().enumerate() {
            if entered.contains_key(&number) {
                continue;
            }
            let status = visitor.status().await;
            if let Some(position) = status["position"].as_u64() {
                assert!(position <= *shown, "{number}: {position} after {shown}");
                *shown = position;
            }
            if status["state"] == "released" {
                visitor.get("/buy/1").await.is_served();
                entered.insert(number, round);
            }
        }
        if entered.len() == line.len() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(120)).await;
    }
    let rounds: Vec<i32> = entered.into_values().collect();
    // A release in the middle of a round is met by those asked after it, and by the others next.
    let in_order = rounds.windows(2).all(|pair| pair[0] <= pair[1] + 1);
    assert!(in_order, "nobody overtakes: {rounds:?}");
}

#[tokio::test]
async fn who_leaves_starts_again_at_the_back_and_the_others_move_up() {
    let house = House::open().await;
    let (mut ann, mut bob) = (house.visitor(), house.visitor());
    ann.joins().await;
    bob.joins().await;
    let token = ann.queue_token();
    ann.posts("leave").await.is(200);
    assert_eq!(bob.polls_until("waiting").await["position"], 1);
    let mut again = house.visitor().with_cookie("anteroom-q-derby", &token);
    let status = again.status().await;
    assert_eq!(
        (&status["position"], &status["ended_by"]),
        (&json!(null), &json!("left"))
    );
    assert_eq!(again.status().await["position"], 2, "at the back");
}

#[tokio::test]
async fn a_paused_room_keeps_places_and_a_closed_one_forgets_nobody() {
    let house = House::of(Plan::per_minute(6_000)).await;
    house.order("pause", json!({})).await;
    let mut visitors: Vec<Visitor> = (0..5).map(|_| house.app()).collect();
    for visitor in &mut visitors {
        visitor.joins().await;
    }
    let paused = visitors[4].status().await;
    assert_eq!(
        (&paused["state"], &paused["position"]),
        (&json!("paused"), &json!(5))
    );
    house.order("close", json!({})).await;
    assert_eq!(visitors[4].status().await["state"], "closed");
    house.visitor().get("/buy/1").await;
    house.app().get("/buy/1").await.is(403);
    house.order("open", json!({})).await;
    let mut served = BTreeSet::new();
    for (number, visitor) in visitors.iter_mut().enumerate() {
        visitor.polls_until("released").await;
        visitor.get("/buy/1").await.is_served();
        served.insert(number);
    }
    assert_eq!(served.len(), 5, "an operator's slip loses nobody");
}

#[tokio::test]
async fn in_a_rush_nobody_is_shown_a_better_place_than_the_one_held() {
    let house = House::of(Plan::per_minute(1)).await;
    let mut line = Vec::new();
    for place in 1..=300 {
        let mut visitor = house.app();
        assert_eq!(visitor.joins().await["position"], place);
        assert_eq!(
            visitor.status().await["position"],
            place,
            "asked again at once"
        );
        line.push(visitor);
    }
    for (number, visitor) in line.iter_mut().enumerate() {
        assert_eq!(visitor.status().await["position"], number + 1);
    }
}

#[tokio::test]
async fn an_app_that_keeps_its_token_itself_is_told_the_next_ones() {
    let house = House::open().await;
    let mut app = house.app().without_cookies();
    let told = app.posts("join").await.is(202).says("queue_token");
    let queue = told.as_str().unwrap().to_owned();
    let mut app = app.with_header("anteroom-queue", &queue);
    let waits = app.get("/buy/1").await;
    let queue = waits.is(429).says("queue_token");
    let mut app = app.with_header("anteroom-queue", queue.as_str().unwrap());
    house.release(1).await;
    app.polls_until("released").await;

    let passed = app.get("/buy/1").await;
    let admission = passed.is(200).header("anteroom-admission").unwrap();

    let mut inside = house.app().with_header("anteroom-admission", admission);
    inside.get("/buy/2").await.is_served();
}
