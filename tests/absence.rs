//! Stepping away, coming back and more time, over real sockets and on two gateways.

use serde_json::json;

use crate::kit::{Ask, House, Plan, Visitor};
use crate::shared::pair::{A, B, Pair};

fn plan() -> Plan {
    Plan::default().session(
        "claim_window_s = 30\n[absence]\nstep_aways = 1\nstep_away_max_s = 60\nextensions = 1",
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_steps_away_comes_back_and_hears_why_it_may_not_again() {
    let house = House::of(plan()).await;
    let mut ann = house.app();
    ann.joins().await;

    let away = ann.posts("step-away").await.is(200).json();
    assert_eq!(
        (&away["state"], &away["position"]),
        (&json!("waiting"), &json!(1))
    );
    assert!(away["away_until"].is_string(), "{away}");
    assert_eq!(ann.status().await["away_until"], away["away_until"]);
    house.release(1).await;
    assert_eq!(house.room().await["released"], 0, "nobody else is there");

    let back = ann.posts("join").await.is(200).json();
    assert_eq!(
        (&back["away_until"], &back["position"]),
        (&json!(null), &json!(1))
    );
    let spent = ann.posts("step-away").await;
    assert_eq!(
        spent.is(409).header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(spent.says("reason"), "spent");
    assert!(
        spent
            .says("detail")
            .as_str()
            .unwrap()
            .contains("as often as")
    );
    let early = ann.posts("extend").await;
    assert_eq!(early.is(409).says("reason"), "not_now");

    house.release(1).await;
    let called = ann.polls_until("released").await;
    let longer = ann.posts("extend").await.is(200).json();
    assert!(
        longer["claim_by"].as_str() >= called["claim_by"].as_str(),
        "{longer}"
    );
    ann.get("/buy/1").await.is_served();
    assert_eq!(
        ann.posts("step-away").await.is(409).says("reason"),
        "not_now"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_without_a_script_gets_pages() {
    let house = House::of(plan()).await;
    let mut ann = house.visitor();
    for _ in 0..2 {
        ann.get("/buy/1").await.is_queue();
    }
    let page = ann.get("/buy/1").await.text().to_owned();
    let form = page
        .split("action=\"")
        .find(|part| part.contains("/step-away?"))
        .unwrap();
    let target = form.split('"').next().unwrap().to_owned();

    let sent = Ask::post(&target).with("origin", "null");
    let away = ann.ask(sent.clone()).await;
    let text = away.is(200).text();
    assert!(
        text.contains("taking a break") && text.contains("href=\"/buy\""),
        "{text}"
    );
    assert!(
        text.contains("<noscript>") && text.contains("url=/buy\""),
        "it comes back by itself"
    );
    assert!(!text.contains("<script"));
    ann.get("/buy/1").await.is_queue();
    let spent = ann.ask(sent).await;
    let text = spent.is(409).text();
    assert!(text.contains("as many breaks as there are"), "{text}");
    for more in ["http://evil.example", "null"] {
        let bare = Ask::post("/_anteroom/rooms/derby/step-away").with("origin", more);
        ann.ask(bare).await.is(403);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_without_breaks_offers_none() {
    let plan = Plan::default().session("[absence]\nstep_aways = 0\nextensions = 0");
    let house = House::of(plan).await;
    let mut ann = house.visitor();
    for _ in 0..2 {
        ann.get("/buy/1").await.is_queue();
    }
    let page = ann.get("/buy/1").await;
    assert!(!page.text().contains("step-away") && !page.text().contains("/extend"));
    ann.post("/_anteroom/rooms/derby/step-away").await.is(409);
}

async fn at(pair: &Pair, fan: Visitor, gateway: usize) -> Visitor {
    fan.sent_to(pair.public(gateway))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_break_taken_at_one_gateway_is_seen_at_the_other() {
    let pair = Pair::open(plan()).await;
    let mut ann = pair.app(A);
    ann.joins().await;
    let stale = ann.another_tab();
    let away = ann.posts("step-away").await.is(200).json();

    let mut tab = at(&pair, stale, B).await;
    let seen = tab.status().await;
    assert_eq!(seen["away_until"], away["away_until"], "{seen}");
    assert_eq!(
        tab.posts("step-away").await.is(200).says("away_until"),
        away["away_until"]
    );
    pair.order(B, "release", json!({ "count": 1 })).await;

    let mut ann = at(&pair, ann, B).await;
    ann.get("/buy/1").await.is_waiting(0);
    pair.order(A, "release", json!({ "count": 1 })).await;
    ann.polls_until("released").await;
    let mut ann = at(&pair, ann, A).await;
    ann.posts("extend").await.is(200);
    ann.get("/buy/1").await.is_served();
    assert_eq!(pair.head("missed_total"), 0);
}
