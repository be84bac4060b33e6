//! Rows H of docs/security.md, between requests: bodies nobody wants, expectations, many requests on one
//! connection.

use std::time::Duration;

use crate::kit::wire::{Asked, statuses};
use crate::kit::{Ask, House, Wire, raw};

/// A head for the shop's host with these lines.
fn head(line: &str, fields: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: shop.example\r\nAccept: application/json\r\n{fields}\r\n")
}

#[tokio::test]
async fn h7_an_unwanted_body_is_never_read_as_a_request() {
    let house = House::open().await;
    let smuggled = head("GET /about/smuggled", "");
    let next = head("GET /about/next", "");
    for (fields, body) in [
        (
            format!("Content-Length: {}\r\n", smuggled.len()),
            smuggled.clone(),
        ),
        (
            "Transfer-Encoding: chunked\r\n".to_owned(),
            format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len()),
        ),
    ] {
        let asked = format!("{}{body}{next}", head("POST /buy/1", &fields));
        let answers = raw(house.address, asked).await;
        assert_eq!(
            statuses(&answers),
            [429, 200],
            "the body was read to its end"
        );
        assert_eq!(house.origin.lines(), ["GET /about/next"]);
    }
    let large = smuggled.repeat(4_000);
    let fields = format!("Content-Length: {}\r\n", large.len());
    let answers = raw(
        house.address,
        format!("{}{large}{next}", head("POST /buy/1", &fields)),
    )
    .await;
    assert_eq!(statuses(&answers), [429], "too much to read: closed");
    assert_eq!(answers[0].header("connection"), Some("close"));
    house.origin.saw_nothing();
}

#[tokio::test]
async fn h7_a_body_that_stays_away_holds_nobody_up() {
    let house = House::open().await;
    let mut wire = Wire::to(house.address).await;
    wire.send(head("POST /buy/1", "Content-Length: 100\r\n"))
        .await
        .unwrap();
    let answer = wire.answer(Asked::Any).await.unwrap();
    assert_eq!(answer.is_queue().header("connection"), Some("close"));
    let _ = wire.send(head("GET /about/smuggled", "")).await;
    wire.is_closed().await;
    house.origin.saw_nothing();
}

#[tokio::test]
async fn h7_an_early_answer_ends_the_connection_its_body_stands_on() {
    let house = House::open().await;
    let smuggled = head("GET /about/smuggled", "");
    let fields = format!("Content-Length: {}\r\n", smuggled.len() + (1 << 20));
    let mut wire = Wire::to(house.address).await;
    wire.send(head("POST /about/early", &fields)).await.unwrap();
    // The site is asked once the first of a body has come.
    wire.send([b'x'; 32 * 1024]).await.unwrap();
    let answer = wire.answer(Asked::Any).await.unwrap();
    assert!([403, 502].contains(&answer.status), "{answer:?}");
    let _ = wire.send(&smuggled).await;
    wire.is_closed().await;
    assert_eq!(house.origin.lines(), ["POST /about/early"]);
    house.visitor().get("/about").await.is_served();
    assert_eq!(
        house.origin.only().target(),
        "/about",
        "no leftover on the way to the shop"
    );
}

#[tokio::test]
async fn h8_the_gateway_meets_expectations_itself() {
    let house = House::open().await;
    let asked = head(
        "POST /about/echo",
        "Content-Length: 5\r\nExpect: 100-continue\r\n",
    );
    let mut wire = Wire::to(house.address).await;
    wire.send(&asked).await.unwrap();
    assert_eq!(wire.answer(Asked::Any).await.unwrap().status, 100);
    wire.send("hello").await.unwrap();
    assert_eq!(
        wire.answer(Asked::Any).await.unwrap().is(200).text(),
        "hello"
    );
    let arrived = house.origin.only();
    assert!(arrived.all("expect").is_empty(), "{}", arrived.head);

    for expect in [
        "miracles",
        "100-continue, miracles",
        "200-ok",
        "",
        "100-continue\r\nExpect: more",
    ] {
        let fields = format!("Content-Length: 5\r\nExpect: {expect}\r\n");
        let answers = raw(
            house.address,
            format!("{}hello", head("POST /about", &fields)),
        )
        .await;
        assert_eq!(statuses(&answers), [417], "{expect}");
    }
    house.origin.saw_nothing();
    for (line, expect) in [
        ("GET /about", "100-continue"),
        ("POST /about", "100-Continue"),
    ] {
        let fields = format!("Expect: {expect}\r\nContent-Length: 0\r\n");
        let answers = raw(house.address, head(line, &fields)).await;
        assert_eq!(answers.last().unwrap().status, 200, "{line}");
        assert!(house.origin.only().all("expect").is_empty());
    }
    let queued = raw(
        house.address,
        head(
            "POST /buy/1",
            "Content-Length: 5\r\nExpect: 100-continue\r\n",
        ),
    )
    .await;
    assert_eq!(queued.last().unwrap().status, 429);
    house.origin.saw_nothing();
}

#[tokio::test]
async fn h11_bodies_of_any_method_arrive_whole() {
    let house = House::open().await;
    let next = head("GET /about/next", "");
    for method in ["GET", "DELETE", "OPTIONS", "PATCH", "PROPFIND"] {
        for (fields, body) in [
            ("Content-Length: 5\r\n", "hello"),
            (
                "Transfer-Encoding: chunked\r\n",
                "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            ),
        ] {
            let line = format!("{method} /about");
            let answers = raw(
                house.address,
                format!("{}{body}{next}", head(&line, fields)),
            )
            .await;
            assert_eq!(statuses(&answers), [200, 200], "{method} {fields}");
            let arrived = house.origin.arrived();
            assert_eq!(arrived[0].line(), line);
            assert_eq!(arrived[0].body, b"hello", "{method} {fields}");
            house.origin.lines();
        }
    }
    for (fields, body) in [
        ("Content-Length: 5\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ] {
        let mut wire = Wire::to(house.address).await;
        wire.send(format!("{}{body}{next}", head("HEAD /about", fields)))
            .await
            .unwrap();
        wire.answer(Asked::Head).await.unwrap().is(200);
        wire.answer(Asked::Any).await.unwrap().is_served();
        assert_eq!(house.origin.arrived()[0].body, b"hello", "{fields}");
        house.origin.lines();
    }
}

#[tokio::test]
async fn h13_a_hundred_pipelined_requests_are_answered_in_order_and_each_decided_alone() {
    let house = House::open().await;
    let forge = house.forge();
    let cookie = format!(
        "Cookie: anteroom-a-derby={}\r\n",
        forge.sign(&forge.claims())
    );
    let mut asked = String::new();
    for number in 0..100 {
        let body = format!("number {number}");
        let length = format!("Content-Length: {}\r\n", body.len());
        asked += &match number % 5 {
            0 => format!(
                "{}{body}",
                head("POST /buy/echo", &format!("{cookie}{length}"))
            ),
            1 => head("GET /buy/echo", ""),
            2 => format!("{}{body}", head("POST /about/echo", &length)),
            3 => format!("{}{body}", head("POST /buy/echo", &length)),
            _ => head("GET /_anteroom/jwks.json", ""),
        };
    }
    let answers = raw(house.address, asked).await;
    assert_eq!(answers.len(), 100);
    for (number, answer) in answers.iter().enumerate() {
        match number % 5 {
            0 | 2 => assert_eq!(answer.is(200).text(), format!("number {number}")),
            1 | 3 => drop(answer.is_queue()),
            _ => drop(answer.is(200).says("keys")),
        }
    }
    let bodies = house
        .origin
        .arrived()
        .into_iter()
        .map(|one| String::from_utf8(one.body).unwrap());
    let expected = (0..100).filter(|number| [0, 2].contains(&(number % 5)));
    assert!(
        bodies.eq(expected.map(|number| format!("number {number}"))),
        "in order, and no other"
    );
}

#[tokio::test]
async fn a_connection_that_was_quiet_for_five_seconds_still_serves() {
    let house = House::open().await;
    let mut wire = Wire::to(house.address).await;
    wire.send(head("GET /about", "")).await.unwrap();
    wire.answer(Asked::Any).await.unwrap().is_served();
    tokio::time::sleep(Duration::from_secs(5)).await;
    wire.send(head("POST /about/echo", "Content-Length: 5\r\n") + "hello")
        .await
        .unwrap();
    assert_eq!(
        wire.answer(Asked::Any).await.unwrap().is(200).text(),
        "hello"
    );
    assert_eq!(
        house.origin.connections(),
        1,
        "the way to the shop stayed warm"
    );
}

#[tokio::test]
async fn warm_connections_to_the_shop_are_used_again() {
    let house = House::open().await;
    for _ in 0..20 {
        house
            .visitor()
            .ask(Ask::post("/about/echo").body("x"))
            .await
            .is(200);
    }
    assert!(
        house.origin.connections() <= 2,
        "{}",
        house.origin.connections()
    );
}

#[tokio::test]
async fn h8_nobody_is_invited_to_send_what_is_not_wanted() {
    let house = House::open().await;
    let fields = "Content-Length: 1000000\r\nExpect: 100-continue\r\n";

    let answers = raw(house.address, head("POST /buy/1", fields)).await;

    assert_eq!(statuses(&answers), [429], "and no 100 before it");
    assert_eq!(answers[0].header("connection"), Some("close"));
    house.origin.saw_nothing();
}
