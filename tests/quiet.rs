//! Row R11 of docs/security.md: what costs the store nothing: first visits, admitted requests, polls from afar.

use crate::kit::{House, Plan};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r11_a_thousand_first_visits_without_cookies_write_nothing() {
    let house = House::open().await;
    let mut visits = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let mut visitor = house.visitor().without_cookies();
        visits.spawn(async move {
            for number in 0..100 {
                let target = if number % 2 == 0 {
                    "/buy/1"
                } else {
                    "/_anteroom/rooms/derby/status"
                };
                visitor.get(target).await.is(200);
            }
        });
    }
    visits.join_all().await;
    assert_eq!(house.visitors_calls().await, 0.0);
    for verb in ["touch", "end"] {
        assert_eq!(house.store_calls(verb).await, 0.0, "{verb}");
    }
    assert_eq!(house.room().await["waiting"], 0);
    assert_eq!(house.metric("anteroom_joins_total", "derby").await, 0.0);
    house.origin.saw_nothing();
}

#[tokio::test]
async fn r11_an_admitted_request_makes_no_store_call() {
    let house = House::open().await;
    let mut ann = house.visitor();
    ann.joins().await;
    house.release(1).await;
    ann.polls_until("released").await;
    ann.get("/buy/1").await.is_served();
    let before = house.visitors_calls().await;
    for _ in 0..100 {
        ann.get("/buy/1").await.is_served();
    }
    assert_eq!(house.visitors_calls().await, before);
    assert_eq!(
        house.store_calls("touch").await,
        0.0,
        "half its life has not gone by"
    );
}

#[tokio::test]
async fn r11_a_poll_near_the_front_is_one_store_call_and_one_from_afar_none() {
    // One a minute: the horizon of three minutes reaches three places far.
    let house = House::of(Plan::per_minute(1)).await;
    let mut line = Vec::new();
    for _ in 0..40 {
        let mut visitor = house.app();
        visitor.joins().await;
        line.push(visitor);
    }
    house.tells_of(40).await;
    let joins = house.store_calls("join").await;
    assert_eq!(joins, 40.0, "one call a joining visitor at most");

    let before = house.visitors_calls().await;
    for visitor in &mut line[20..] {
        let status = visitor.status().await;
        assert!(status["position"].as_u64().unwrap() > 20, "{status}");
    }
    assert_eq!(house.visitors_calls().await, before, "from afar");

    for (number, visitor) in line[..2].iter_mut().enumerate() {
        let before = house.visitors_calls().await;
        visitor.status().await;
        assert_eq!(
            house.visitors_calls().await,
            before + 1.0,
            "near, number {number}"
        );
    }
}
