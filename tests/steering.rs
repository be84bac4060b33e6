//! What the site says on its answers: sessions it completes, revokes and holds, and what is left.

use std::time::Duration;

use serde_json::json;

use crate::kit::forge::claims_of;
use crate::kit::{Answer, Ask, House, Plan, Visitor, until};

/// So many headers of ours reach whoever asks: none.
#[track_caller]
fn says_nothing_of_ours(answer: &Answer) {
    let ours = answer
        .fields
        .iter()
        .find(|(name, _)| name.starts_with("anteroom-"));
    assert_eq!(ours, None, "{answer:?}");
}

/// Somebody inside a room that takes one at a time, and somebody next.
async fn ann_and_bob(house: &House) -> (Visitor, Visitor) {
    house.set("capacity", json!({"active": 1})).await;
    house.set("pace", json!({"per_minute": 600})).await;
    let mut ann = house.app();
    ann.joins().await;
    ann.polls_until("released").await;
    ann.get("/buy/1").await.is_served();
    let mut bob = house.app();
    bob.joins().await;
    (ann, bob)
}

async fn word(house: &House, word: &str) -> f64 {
    let label = format!("word=\"{word}\"");
    house.metric("anteroom_site_words_total", &label).await
}

#[tokio::test]
async fn a_completed_purchase_lets_the_next_fan_in_within_a_moment() {
    let house = House::open().await;
    let (mut ann, mut bob) = ann_and_bob(&house).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bob.status().await["state"], "waiting", "it is full inside");
    let old = ann.another_tab();

    let last = ann.get("/buy/says?session=complete").await;

    last.is_served();
    says_nothing_of_ours(&last);
    assert_eq!(last.header("cache-control"), Some("private, no-store"));
    assert_eq!(ann.admission(), None, "the admission is taken back");
    let clock = anteroom::domain::clock::Clock::machine();
    let begun = clock.now().mono;
    bob.polls_until("released").await;
    let took = clock.now().mono - begun;
    println!("the next fan is called after {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    bob.get("/buy/1").await.is_served();
    let mut old = old;
    let told = old.get("/buy/1").await;
    told.is_queue();
    assert_eq!(told.says("ended_by"), "completed");
}

#[tokio::test]
async fn a_hold_carries_a_session_over_a_long_silence() {
    // Without a hold a session of one second is over after six: leeway included.
    let plan = Plan::default().session("idle_s = 1\nhold_max_s = 60");
    let house = House::of(plan).await;
    let (mut ann, mut ben) = (house.app(), house.app());
    for visitor in [&mut ann, &mut ben] {
        visitor.joins().await;
        house.release(1).await;
        visitor.polls_until("released").await;
        visitor.get("/buy/1").await.is_served();
    }

    let pays = ann.get("/buy/says?session=hold=40").await;

    pays.is_served();
    says_nothing_of_ours(&pays);
    let [cookie] = &pays.cookies()[..] else {
        panic!("one cookie: {pays:?}")
    };
    assert!(
        cookie.attributes.contains(&"Max-Age=40".to_owned()),
        "{cookie:?}"
    );
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(
        house.room().await["active"],
        1,
        "the other one's has run out"
    );
    ann.get("/buy/paid").await.is_served();
    ben.get("/buy/paid").await.is_queue();
}

#[tokio::test]
async fn a9_only_the_site_steers_and_only_a_session_that_asked() {
    let exempt = "except = [\"/buy/open/*\"]\n";
    let room = format!(
        "name = \"derby\"\nsite = \"shop\"\npaths = [\"/buy/*\"]\n{exempt}\
         [pace]\nper_minute = 1\n[window]\nopens_at = \"2025-06-01T00:00:00Z\"\n"
    );
    let house = House::of(Plan::default().file("rooms/derby.toml", &room)).await;
    let mut ann = house.app();
    ann.joins().await;
    house.release(1).await;
    ann.polls_until("released").await;
    ann.get("/buy/1").await.is_served();
    let session = claims_of(ann.admission().unwrap())["jti"].clone();
    house.origin.lines();

    let forged = Ask::get("/buy/1")
        .with("Anteroom-Session", "revoke")
        .with("Anteroom-Stock", "0")
        .with("anteroom_session", "complete")
        .with("Anteroom-Session-Id", "ffffffffffffffffffffffffffffffff");
    ann.ask(forged).await.is_served();

    let arrived = house.origin.only();
    assert_eq!(
        arrived.all("anteroom-session-id"),
        [session.as_str().unwrap()]
    );
    for name in ["anteroom-session", "anteroom-stock", "anteroom_session"] {
        assert!(arrived.all(name).is_empty(), "{name}: {}", arrived.head);
    }
    for outside in [
        "/buy/open/says?session=complete&stock=0",
        "/says?session=revoke&stock=0",
    ] {
        let answer = ann.get(outside).await;
        answer.is_served();
        says_nothing_of_ours(&answer);
        assert!(
            house
                .origin
                .arrived()
                .last()
                .unwrap()
                .all("anteroom-session-id")
                .is_empty()
        );
    }
    for odd in [
        "/buy/says?session=hold=0",
        "/buy/says?session=complete&session=complete",
        "/buy/says?session=done&stock=-1",
    ] {
        let answer = ann.get(odd).await;
        answer.is_served();
        says_nothing_of_ours(&answer);
        assert!(answer.cookies().is_empty(), "{answer:?}");
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    ann.get("/buy/1").await.is_served();
    assert_eq!(house.room().await["stock"], serde_json::Value::Null);
    assert_eq!(word(&house, "unheeded").await, 2.0);
    assert_eq!(word(&house, "malformed").await, 3.0);
    assert_eq!(word(&house, "complete").await, 0.0);
}

#[tokio::test]
async fn what_is_left_is_told_as_a_chance_and_nothing_left_is_said_kindly() {
    let house = House::open().await;
    let mut ann = house.app();
    ann.joins().await;
    house.release(1).await;
    ann.polls_until("released").await;
    let mut bob = house.app();
    bob.joins().await;
    assert_eq!(bob.status().await["chance"], serde_json::Value::Null);

    ann.get("/buy/says?stock=500").await.is_served();
    until("the room knows what is left", || async {
        (house.room().await["stock"] == 500).then_some(())
    })
    .await;
    assert_eq!(bob.status().await["chance"], "likely");
    let mut page = bob.another_tab().with_header("accept", "text/html");
    let said = page.get("/buy/1").await;
    assert!(said.text().contains("likely"), "{said:?}");

    ann.get("/buy/says?stock=0").await.is_served();
    until("the window ends", || async {
        (house.room().await["state"] == "ended").then_some(())
    })
    .await;
    let told = bob.status().await;
    assert_eq!(
        (&told["state"], &told["reason"]),
        (&json!("ended"), &json!("sold_out"))
    );
    let said = page.get("/buy/1").await;
    assert!(said.text().contains("Sold out"), "{said:?}");
    ann.get("/buy/1").await.is_served();
    let put = house.set("stock", json!({"remaining": 3})).await;
    assert_eq!((&put["state"], &put["stock"]), (&json!("ended"), &json!(3)));
}

/// Asks from somewhere, as a trusted proxy tells.
async fn from(visitor: &mut Visitor, client: &str) -> Answer {
    let ask = Ask::get("/buy/1").with("x-forwarded-for", client);
    visitor.ask(ask).await
}

#[tokio::test]
async fn t8_a_session_used_from_many_networks_is_counted_and_can_be_limited() {
    for (lines, last_is_served) in [("", true), ("max_networks = 4", false)] {
        let plan = Plan::default().session(lines).behind("\"127.0.0.0/8\"");
        let house = House::of(plan).await;
        let (mut ann, mut bob) = (house.app(), house.app());
        for visitor in [&mut ann, &mut bob] {
            visitor.joins().await;
            house.release(1).await;
            visitor.polls_until("released").await;
            visitor.get("/buy/1").await.is_served();
        }
        // The own network is one of the four.
        for client in ["10.1.0.1", "10.2.0.1", "10.2.0.77", "10.3.0.1"] {
            from(&mut ann, client).await.is_served();
        }
        let spread = || house.metric("anteroom_sessions_spread_total", "");
        assert_eq!(spread().await, 0.0);

        let one_more = from(&mut ann, "10.4.0.1").await;
        assert!(one_more.is_from_the_shop() || !last_is_served);
        from(&mut ann, "10.5.0.1").await;
        assert_eq!(spread().await, 1.0, "once a session");

        if last_is_served {
            from(&mut ann, "10.6.0.1").await.is_served();
        } else {
            let tab = ann.another_tab();
            until("the session is over", || async {
                let told = tab.another_tab().get("/buy/1").await;
                (!told.is_from_the_shop() && told.says("ended_by") == "revoked").then_some(())
            })
            .await;
        }
        bob.get("/buy/1").await.is_served();
    }
}
