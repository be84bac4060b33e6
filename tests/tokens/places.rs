//! Queue tokens, claims, and what can be learnt or taken without them.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::shape;
use crate::kit::forge::{claims_of, decoded, encoded};
use crate::kit::{Ask, House, until};

#[tokio::test]
async fn t5_a_queue_token_of_an_older_window_is_none() {
    let house = House::open().await;
    let mut ann = house.visitor();
    assert_eq!(ann.joins().await["position"], 1);
    house.order("close", json!({"end": true})).await;
    house.order("open", json!({})).await;
    until("the new window is open", || async {
        let status = house.visitor().status().await;
        (status["state"] == "waiting").then_some(())
    })
    .await;
    let mut bob = house.visitor();
    assert_eq!(
        bob.joins().await["position"],
        1,
        "the new window begins at the front"
    );
    assert_eq!(
        ann.status().await["position"],
        Value::Null,
        "as somebody new"
    );
    assert_eq!(ann.status().await["position"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t10_fifty_claims_at_once_give_one_session() {
    let house = House::open().await;
    let mut ann = house.visitor();
    ann.joins().await;
    house.release(1).await;
    ann.polls_until("released").await;
    let mut claims = tokio::task::JoinSet::new();
    for number in 0..50 {
        let mut tab = ann.another_tab();
        claims.spawn(async move {
            if number % 2 == 0 {
                tab.posts("claim").await
            } else {
                tab.get("/buy/1").await
            };
            tab.admission()
                .map(|token| claims_of(token)["jti"].clone().to_string())
        });
    }
    let sessions = claims.join_all().await;
    let named: HashSet<String> = sessions.iter().flatten().cloned().collect();
    assert_eq!(named.len(), 1, "{named:?}");
    // Above ten a second a visitor is turned away before any work: at least the allowance passed.
    assert!(sessions.iter().flatten().count() >= 15, "{sessions:?}");
    until("one is inside", || async {
        (house.room().await["active"] == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn t11_bare_places_and_guessed_names_say_nothing() {
    let house = House::open().await;
    let mut ann = house.app();
    let reference = ann.joins().await["reference"].as_str().unwrap().to_owned();
    house.tells_of(1).await;
    let before = house.visitors_calls().await;
    let fresh = house.app().get("/_anteroom/rooms/derby/status").await;
    for guess in [
        "?place=1",
        "?position=1",
        "?visitor=00000000000000000000000000000001",
        &format!("?reference={reference}"),
        "?queue_token=x",
        "?jti=1",
    ] {
        let path = format!("/_anteroom/rooms/derby/status{guess}");
        let answer = house.app().get(&path).await;
        assert_eq!(shape(&answer), shape(&fresh), "{guess}");
    }
    for body in [r#"{"place":1}"#, r#"{"visitor":"1"}"#, "place=1"] {
        let ask = Ask::post("/_anteroom/rooms/derby/claim").body(body);
        house.app().ask(ask).await.is(409);
    }
    assert_eq!(house.visitors_calls().await, before);
    house.origin.saw_nothing();
    let mut names = HashSet::new();
    for _ in 0..200 {
        let mut visitor = house.visitor();
        visitor.status().await;
        names.insert(decoded(&visitor.queue_token())[9..25].to_vec());
    }
    assert_eq!(names.len(), 200, "every visitor has a name of its own");
}

#[tokio::test]
async fn t12_a_place_written_into_a_token_is_not_believed() {
    let house = House::open().await;
    let mut visitors = Vec::new();
    for _ in 0..3 {
        let mut visitor = house.app();
        visitor.joins().await;
        visitors.push(visitor);
    }
    let first = decoded(&visitors[0].queue_token());
    let last = decoded(&visitors[2].queue_token());
    let (fields, tag) = (65, 81);
    assert_eq!(last.len(), tag, "65 bytes of fields and the tag");
    let mut forgeries = Vec::new();
    for at in 0..fields {
        let mut changed = last.clone();
        changed[at] = first[at].wrapping_add(u8::from(first[at] == last[at]));
        forgeries.push(changed);
    }
    forgeries.push([&first[..fields], &last[fields..]].concat());
    for changed in forgeries {
        let mut bearer = house
            .app()
            .with_cookie("anteroom-q-derby", &encoded(&changed));
        assert_eq!(
            bearer.status().await["position"],
            Value::Null,
            "{changed:?}"
        );
    }
    assert_eq!(visitors[2].status().await["position"], 3);
}

#[tokio::test]
async fn t13_tokens_travel_in_cookies_and_headers_and_never_in_addresses() {
    let house = House::open().await;
    let token = house.forge().sign(&house.forge().claims());
    for path in [
        format!("/buy/1?anteroom-a-derby={token}"),
        format!("/buy/1?anteroom-admission={token}"),
        format!("/buy/1?token={token}"),
        format!("/buy/1;anteroom-a-derby={token}"),
    ] {
        house.visitor().get(&path).await.is_queue();
    }
    let bearer = Ask::get("/buy/1").with("authorization", &format!("Bearer {token}"));
    house.visitor().ask(bearer).await.is_queue();
    house.origin.saw_nothing();

    let mut ann = house.visitor();
    ann.joins().await;
    for path in ["/buy/1", "/_anteroom/rooms/derby/status"] {
        let answer = ann.get(path).await;
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert!(answer.header("location").is_none());
        let held: Vec<&String> = ann.jar.values().collect();
        assert!(
            held.iter().all(|token| !answer.text().contains(*token)),
            "{answer:?}"
        );
    }
    house.release(1).await;
    ann.polls_until("released").await;
    ann.get("/buy/1").await.is_served();
    let arrived = house.origin.only();
    assert!(
        !arrived.head.contains(ann.admission().unwrap().as_str()),
        "{}",
        arrived.head
    );
    assert!(
        !arrived.head.contains(&ann.queue_token()),
        "{}",
        arrived.head
    );
}
