//! Sessions that the site steers at one gateway, and what the other makes of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::pair::{A, B, Pair, time_until};
use crate::kit::forge::claims_of;
use crate::kit::{Ask, Plan, Visitor};

/// What takes effect within a second; three times that, for a busy machine.
const SLACK: Duration = Duration::from_secs(3);

fn session(visitor: &Visitor) -> Value {
    claims_of(visitor.admission().unwrap())["jti"].clone()
}

/// Waits until the shop refuses this visitor with this reason; how long that took.
async fn refused(visitor: &Visitor, why: &str) -> Duration {
    let seen = || async {
        let answer = visitor.another_tab().get("/buy/1").await;
        !answer.is_from_the_shop() && answer.is_queue().says("ended_by") == why
    };
    time_until("the shop is closed to the visitor", seen).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t9_a_completed_session_is_refused_at_both_gateways_and_its_slot_given_on() {
    let pair = Pair::open(Plan::per_minute(600)).await;
    pair.set(A, "capacity", json!({"active": 1})).await;
    let mut insiders = pair.insiders(1).await;
    let mut ann = insiders.remove(0).sent_to(pair.public(B));
    ann.get("/buy/1").await.is_served();
    let mut bob = pair.app(A);
    bob.joins().await;
    let old = ann.another_tab();

    ann.get("/buy/says?session=complete").await.is_served();

    let called = || async { pair.room(A).await["released"] == 1 };
    let took = time_until("the next fan is called", called).await;
    println!("the next fan is called after {took:?}");
    assert!(took < SLACK, "{took:?}");
    bob.polls_until("released").await;
    bob.get("/buy/1").await.is_served();
    for gateway in [A, B] {
        let old = old.another_tab().sent_to(pair.public(gateway));
        let took = refused(&old, "completed").await;
        assert!(took < SLACK, "{gateway}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_held_at_one_gateway_lives_at_the_other() {
    let plan = Plan::per_minute(1).session("idle_s = 1\nhold_max_s = 60");
    let pair = Pair::open(plan).await;
    let mut insiders = pair.insiders(3).await;
    let (mut cleo, mut ben, mut ann) = (insiders.remove(2), insiders.remove(1), insiders.remove(0));

    ann.get("/buy/says?session=hold=40").await.is_served();
    // One by name, at the gateway that has never seen it.
    let path = format!(
        "/v1/rooms/derby/sessions/{}",
        session(&ben).as_str().unwrap()
    );
    let ask = Ask::post(&path).body(r#"{"order":"hold","seconds":40}"#);
    let held = pair.gateway(A).operator().ask(ask).await;
    assert!(held.is(200).says("session")["held_until"].is_string());
    tokio::time::sleep(Duration::from_secs(8)).await;

    assert_eq!(pair.room(A).await["active"], 2, "the third has run out");
    ann = ann.sent_to(pair.public(B));
    ann.get("/buy/paid").await.is_served();
    // The browser has dropped a cookie that is over; the place in line lets its session in.
    let before = session(&ben);
    ben.jar.remove("anteroom-a-derby");
    ben.get("/buy/paid").await.is_served();
    assert_eq!(session(&ben), before);
    cleo.get("/buy/paid").await.is_queue();
    let done = Ask::post(&path).body(r#"{"order":"complete"}"#);
    pair.gateway(A).operator().ask(done).await.is(200);
    let took = refused(&ben, "completed").await;
    assert!(took < SLACK, "{took:?}");
    let late = Ask::post(&path).body(r#"{"order":"hold","seconds":40}"#);
    pair.gateway(B).operator().ask(late).await.is(409);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t10_fifty_claims_at_both_gateways_give_one_session() {
    let pair = Pair::open(Plan::per_minute(1)).await;
    let mut ann = pair.app(A);
    ann.joins().await;
    pair.order(A, "release", json!({"count": 1})).await;
    ann.polls_until("released").await;

    let claims = (0..50).map(|number| {
        let mut tab = ann.another_tab().sent_to(pair.public(number % 2));
        tokio::spawn(async move {
            tab.get("/buy/1").await;
            tab.admission().is_some().then(|| session(&tab).to_string())
        })
    });
    let claims: Vec<_> = claims.collect();

    let mut names = Vec::new();
    for claim in claims {
        names.extend(claim.await.unwrap());
    }
    // Above ten a second a visitor is turned away before any work.
    assert!(names.len() >= 30, "{names:?}");
    names.dedup();
    assert_eq!(names.len(), 1, "{names:?}");
    assert_eq!(pair.head("claims_total"), 1);
    let counted = || async { pair.room(B).await["active"] == 1 };
    time_until("one is inside", counted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_is_known_at_both_and_nothing_left_is_never_lost() {
    let pair = Pair::open(Plan::per_minute(1)).await;
    let mut insiders = pair.insiders(2).await;
    let mut bob = pair.app(B);
    bob.joins().await;
    let stock = |gateway: usize, left: u64| {
        let pair = &pair;
        async move {
            let seen = || async { pair.room(gateway).await["stock"] == left };
            time_until("the room says what is left", seen).await
        }
    };
    insiders[0].get("/buy/says?stock=900").await.is_served();
    stock(B, 900).await;
    assert_eq!(bob.status().await["chance"], "likely");

    // Both gateways tell numbers at once; the one that says 0 is heard.
    for left in (0..20).rev() {
        insiders[0]
            .get(&format!("/buy/says?stock={left}"))
            .await
            .is_served();
        insiders[1]
            .get(&format!("/buy/says?stock={}", left + 3))
            .await
            .is_served();
    }

    let ended = || async { pair.room(B).await["state"] == "ended" };
    let took = time_until("the window ends", ended).await;
    assert!(took < SLACK, "{took:?}");
    let told = bob.status().await;
    assert_eq!(
        (&told["state"], &told["reason"]),
        (&json!("ended"), &json!("sold_out"))
    );
}
