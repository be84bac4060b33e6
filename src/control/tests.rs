//! The control API from outside.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::Control;
use super::api::OPENAPI;
use super::auth::{Needs, Role};
use super::kit::{House, OrderBook, bearer, control, request, text};
use super::routes::{ROUTES, Route};
use crate::domain::place::Epoch;
use crate::domain::window::{Orders, WindowId, WindowState};
use crate::store::notes::Glimpse;
use crate::store::survey::{Snapshot, StoreHealth};

const ADMIN: Role = Role::Admin;

fn house() -> (House, Arc<OrderBook>) {
    let store = Arc::new(OrderBook::default());
    (House::of(control(store.clone())), store)
}

fn line(route: &Route) -> String {
    format!("{} {}", route.method, route.path.replace("{room}", "derby"))
}

/// A body that each route takes.
fn body(route: &Route) -> &'static str {
    match route.path.rsplit('/').next().unwrap() {
        "release" => r#"{"count":1}"#,
        "pace" => r#"{"per_minute":60}"#,
        "capacity" => r#"{"active":5}"#,
        "message" if route.method == "PUT" => r#"{"message":"soon"}"#,
        _ => "",
    }
}

#[tokio::test]
async fn every_route_opens_to_its_role_and_those_above_and_to_nobody_else_c2() {
    for route in ROUTES {
        let (house, _) = house();
        house.ask(ADMIN, "POST /v1/rooms/derby/open", "").await;
        for role in Role::ALL {
            let answer = house.ask(role, &line(route), body(route)).await;
            let may = match route.needs {
                Needs::Nothing => true,
                Needs::Role(needed) => role >= needed,
            };
            if may {
                assert!(
                    !matches!(answer.status, 401 | 403),
                    "{role} {}",
                    line(route)
                );
            } else {
                assert_eq!(answer.status, 403, "{role} {}", line(route));
                assert!(answer.problem().contains("needs the role"));
            }
        }
        for header in ["Bearer wrong", "Basic d3Jvbmc=", ""] {
            let asked = request(&line(route)).header("authorization", header);
            let answer = house.send(asked.body(text(body(route))).unwrap()).await;
            let open = route.needs == Needs::Nothing;
            assert_eq!(answer.status == 401, !open, "{header} {}", line(route));
            assert_eq!(
                answer.header("www-authenticate").starts_with("Bearer"),
                !open
            );
        }
    }
}

#[tokio::test]
async fn without_tokens_only_health_answers_c1() {
    let mut bare = control(Arc::default());
    bare.tokens.clear();
    let house = House::of(bare);
    for route in ROUTES {
        let answer = house.ask(ADMIN, &line(route), body(route)).await;
        let expected = if route.needs == Needs::Nothing {
            200
        } else {
            401
        };
        assert_eq!(answer.status, expected, "{}", line(route));
    }
}

#[tokio::test]
async fn what_is_no_route_is_said_to_token_holders_only() {
    let (house, _) = house();
    for (line, expected) in [
        ("GET /", 404),
        ("GET /v1/lists/allow", 404),
        ("POST /v1/rooms/derby/open/now", 404),
        ("DELETE /v1/rooms", 405),
        ("POST /livez", 405),
    ] {
        let bare = house.send(request(line).body(text("")).unwrap()).await;
        assert_eq!(bare.status, 401, "{line}");
        assert_eq!(
            house.ask(Role::Viewer, line, "").await.status,
            expected,
            "{line}"
        );
    }
    let answer = house
        .ask(Role::Viewer, "PATCH /v1/rooms/derby/message", "")
        .await;
    assert!(answer.header("allow").contains("PUT"), "{answer:?}");
}

#[tokio::test]
async fn a_foreign_host_reaches_nothing_c1() {
    let (house, _) = house();
    for path in ["/livez", "/v1/rooms"] {
        let asked = request(&format!("GET {path}")).header("host", "evil.example:8701");
        let asked = asked.header("authorization", bearer(ADMIN));
        assert_eq!(
            house.send(asked.body(text("")).unwrap()).await.status,
            421,
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_order_is_answered_with_the_room_after_it_and_seen_at_once() {
    let (house, store) = house();
    let opened = house
        .ask(Role::Operator, "POST /v1/rooms/derby/open", "{}")
        .await;
    assert_eq!(opened.status, 200, "{}", opened.text);
    let room = opened.json();
    assert_eq!(
        (&room["state"], &room["version"]),
        (&json!("open"), &json!(1))
    );
    assert_eq!((&room["waiting"], &room["active"]), (&json!(40), &json!(3)));
    assert_eq!(opened.header("etag"), "\"v1\"");

    let seen = house.ask(Role::Viewer, "GET /v1/rooms/derby", "").await;
    assert_eq!(seen.json(), room);
    assert_eq!(seen.header("etag"), "\"v1\"");
    let all = house.ask(Role::Viewer, "GET /v1/rooms", "").await.json();
    assert_eq!(all[0], room);
    assert_eq!(all[1]["name"], "final");
    assert_eq!(store.orders.lock().unwrap().state, WindowState::Open);
}

#[tokio::test]
async fn each_order_does_what_it_says() {
    let (house, _) = house();
    for (line, body, field, expected) in [
        (
            "POST open",
            r#"{"ends_at":"2099-01-01T00:00:00Z"}"#,
            "/ends_at",
            json!("2099-01-01T00:00:00Z"),
        ),
        ("POST pause", "", "/held_by", json!("paused")),
        ("POST resume", "", "/state", json!("open")),
        ("PUT pace", r#"{"per_minute":120}"#, "/pace/burst", json!(2)),
        (
            "PUT pace",
            r#"{"per_minute":120,"burst":9}"#,
            "/pace/burst",
            json!(9),
        ),
        (
            "PUT capacity",
            r#"{"active":3}"#,
            "/held_by",
            json!("capacity_full"),
        ),
        (
            "PUT capacity",
            r#"{"active":null}"#,
            "/capacity/active",
            Value::Null,
        ),
        (
            "PUT message",
            r#"{"message":"<b>soon</b>"}"#,
            "/message",
            json!("<b>soon</b>"),
        ),
        ("DELETE message", "", "/message", Value::Null),
        ("POST release", r#"{"count":4}"#, "/version", json!(10)),
        ("POST close", "", "/state", json!("closed")),
        (
            "POST open",
            r#"{"opens_at":"2098-01-01T01:00:00+01:00"}"#,
            "/opens_at",
            json!("2098-01-01T00:00:00Z"),
        ),
        (
            "POST open",
            r#"{"opens_at":"2001-01-01T00:00:00Z"}"#,
            "/state",
            json!("open"),
        ),
        ("POST close", r#"{"end":true}"#, "/state", json!("ended")),
    ] {
        let (method, verb) = line.split_once(' ').unwrap();
        let asked = format!("{method} /v1/rooms/derby/{verb}");
        let answer = house.ask(Role::Operator, &asked, body).await;
        assert_eq!(answer.status, 200, "{line}: {}", answer.text);
        assert_eq!(
            answer.json().pointer(field),
            Some(&expected),
            "{line} {body}"
        );
    }
}

#[tokio::test]
async fn a_repeat_is_200_and_changes_nothing_c3() {
    let (house, store) = house();
    for _ in 0..2 {
        let answer = house
            .ask(ADMIN, "POST /v1/rooms/derby/close", r#"{"end":true}"#)
            .await;
        assert_eq!((answer.status, answer.header("etag")), (200, "\"v1\""));
    }
    assert_eq!(*store.writes.lock().unwrap(), 1);
}

#[tokio::test]
async fn what_the_state_does_not_allow_is_409() {
    let (house, store) = house();
    for (verb, body) in [("resume", ""), ("pause", ""), ("release", r#"{"count":1}"#)] {
        let answer = house
            .ask(ADMIN, &format!("POST /v1/rooms/derby/{verb}"), body)
            .await;
        assert_eq!(answer.status, 409, "{verb}");
        assert!(answer.problem().contains("open it first"));
    }
    let early = r#"{"ends_at":"2001-01-01T00:00:00Z"}"#;
    assert_eq!(
        house
            .ask(ADMIN, "POST /v1/rooms/derby/open", early)
            .await
            .status,
        422
    );
    assert_eq!(*store.writes.lock().unwrap(), 0);
}

#[tokio::test]
async fn of_two_operators_at_once_the_one_who_asked_for_a_version_is_told_c3() {
    let (house, store) = house();
    let matched = |tag: &str| {
        let asked = request("PUT /v1/rooms/derby/pace").header("authorization", bearer(ADMIN));
        asked
            .header("if-match", tag)
            .body(text(r#"{"per_minute":60}"#))
            .unwrap()
    };
    assert_eq!(house.send(matched("\"v7\"")).await.status, 412);
    *store.rivals.lock().unwrap() = 1;
    let raced = house.send(matched("\"v0\"")).await;
    assert_eq!(raced.status, 412);
    assert!(raced.problem().contains("version 1"), "{}", raced.text);
    assert_eq!(house.send(matched("\"v1\"")).await.status, 200);

    *store.rivals.lock().unwrap() = 2;
    let patient = house
        .ask(ADMIN, "PUT /v1/rooms/derby/capacity", r#"{"active":7}"#)
        .await;
    assert_eq!((patient.status, patient.header("etag")), (200, "\"v5\""));
    *store.rivals.lock().unwrap() = 99;
    let beaten = house
        .ask(ADMIN, "PUT /v1/rooms/derby/capacity", r#"{"active":8}"#)
        .await;
    assert_eq!(beaten.status, 503);
}

#[tokio::test]
async fn an_unknown_room_is_404_with_the_names_there_are() {
    let (house, _) = house();
    let near = house.ask(Role::Viewer, "GET /v1/rooms/Derby", "").await;
    assert_eq!(near.status, 404);
    let expected = "no room is called `Derby`; did you mean `derby`? (rooms: derby, final)";
    assert_eq!(near.problem(), expected);
    let far = house
        .ask(ADMIN, "POST /v1/rooms/%1B%5B31m%2e%2e/open", "{}")
        .await;
    assert_eq!(far.status, 404);
    assert!(!far.problem().contains("did you mean"));
    let broken = house.ask(ADMIN, "GET /v1/rooms/%ff", "").await;
    assert_eq!(broken.status, 404);
}

#[tokio::test]
async fn bad_bodies_are_400_413_and_422_and_change_nothing() {
    let (house, store) = house();
    let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(70_000));
    for (line, body, expected) in [
        ("PUT /v1/rooms/derby/pace", r#"{"per_minute":"#, 400),
        ("PUT /v1/rooms/derby/pace", r#"{"per_minute":0}"#, 422),
        (
            "PUT /v1/rooms/derby/pace",
            r#"{"per_minute":60,"bursts":1}"#,
            422,
        ),
        ("PUT /v1/rooms/derby/message", long.as_str(), 413),
        ("POST /v1/rooms/derby/pause", "now", 400),
    ] {
        assert_eq!(
            house.ask(ADMIN, line, body).await.status,
            expected,
            "{line} {body:.40}"
        );
    }
    let ranged = house
        .ask(ADMIN, "PUT /v1/rooms/derby/pace", r#"{"per_minute":0}"#)
        .await;
    assert!(ranged.problem().contains("from 1 to 10000000, not 0"));
    let odd = request("PUT /v1/rooms/derby/pace")
        .header("authorization", bearer(ADMIN))
        .header("content-type", "application/x-www-form-urlencoded");
    let lenient = house
        .send(odd.body(text(r#"{"per_minute":5}"#)).unwrap())
        .await;
    assert_eq!(lenient.status, 200);
    assert_eq!(*store.writes.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_prequeue_is_taken_with_a_warning() {
    let (house, _) = house();
    let body = r#"{"prequeue_opens_at":"2026-12-01T09:00:00Z"}"#;
    let answer = house.ask(ADMIN, "POST /v1/rooms/derby/open", body).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.json()["warning"]
            .as_str()
            .unwrap()
            .contains("prequeue_opens_at")
    );
}

#[tokio::test]
async fn while_the_store_is_away_orders_are_503_and_readers_are_told() {
    let store = Arc::new(OrderBook::default());
    let control = control(store.clone());
    let room = control.rooms[0].snapshot.clone();
    room.store(Arc::new(Snapshot {
        store: StoreHealth::AwaySince(std::time::Duration::ZERO),
        ..Snapshot::default()
    }));
    control.clock.advance(std::time::Duration::from_secs(3));
    *store.away.lock().unwrap() = true;
    let house = House::of(control);

    let answer = house.ask(ADMIN, "POST /v1/rooms/derby/open", "").await;
    assert_eq!(answer.status, 503);
    assert!(answer.problem().contains("nothing was changed"));
    let seen = house.ask(ADMIN, "GET /v1/rooms/derby", "").await;
    assert_eq!(seen.json()["held_by"], "store_away");
    let ready = house.ask(ADMIN, "GET /readyz", "").await;
    assert_eq!(ready.status, 503);
    assert_eq!(
        ready.json(),
        json!({
            "ready": false,
            "reasons": ["store_away"],
            "details": ["the store has not answered since 2027-01-15T08:00:00Z"],
        })
    );
    assert_eq!(house.ask(ADMIN, "GET /livez", "").await.status, 200);
}

#[tokio::test]
async fn metrics_and_the_description_are_served() {
    let (house, _) = house();
    let metrics = house.ask(Role::Viewer, "GET /metrics", "").await;
    assert!(
        metrics
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    assert!(
        metrics
            .text
            .contains("anteroom_visitors_waiting{room=\"derby\"} 40\n")
    );
    let head = house.ask(Role::Viewer, "HEAD /metrics", "").await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    let described = house
        .ask(Role::Viewer, "GET /openapi.json", "")
        .await
        .json();
    assert_eq!(described["openapi"], "3.1.0");
}

#[tokio::test]
async fn a_reload_takes_effect_or_says_what_is_wrong() {
    let reloading = |outcome: Result<(), String>| {
        House::of(Control {
            reload: Some(Arc::new(move || outcome.clone())),
            ..control(Arc::default())
        })
    };
    let line = "POST /v1/policies/reload";
    let fine = reloading(Ok(())).ask(ADMIN, line, "").await;
    assert_eq!((fine.status, fine.json()), (200, json!({"reloaded": true})));
    let house = reloading(Err("rooms/derby.toml:3:1: unknown key".into()));
    let bad = house.ask(ADMIN, line, "").await;
    assert_eq!(bad.status, 422);
    assert!(bad.problem().contains("derby.toml:3:1"));
    let metrics = house.ask(ADMIN, "GET /metrics", "").await.text;
    assert!(metrics.contains("anteroom_config_last_reload_successful 0\n"));
    let none = House::of(control(Arc::default()))
        .ask(ADMIN, line, "")
        .await;
    assert_eq!(none.status, 404);
}

#[test]
fn the_description_and_the_table_name_the_same_routes() {
    let described: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut there = BTreeSet::new();
    for (path, operations) in described["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let says = operation["description"].as_str().unwrap().to_owned();
            there.insert((method.to_uppercase(), path.clone(), says));
        }
    }
    let says = |needs| match needs {
        Needs::Nothing => "Needs no token.".to_owned(),
        Needs::Role(role) => format!("Needs the role `{role}`."),
    };
    let table: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| {
            (
                route.method.to_owned(),
                route.path.to_owned(),
                says(route.needs),
            )
        })
        .collect();
    assert_eq!(there, table);
}

#[test]
fn every_route_has_a_line_in_the_guide() {
    let guide = include_str!("../../docs/control-api.md");
    for route in ROUTES {
        let cell = format!("| `{} {}` |", route.method, route.path);
        assert!(guide.contains(&cell), "{cell}");
    }
}

/// Sooner than the connections' own deadlines, so that those prove nothing here.
async fn soon<F: Future>(work: F) -> F::Output {
    let limit = std::time::Duration::from_secs(5);
    tokio::time::timeout(limit, work).await.unwrap()
}

#[tokio::test]
async fn the_listener_serves_over_a_socket_and_stops_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let served = tokio::spawn(super::serve(
        listener,
        control(Arc::default()),
        stop.clone(),
    ));

    let mut stream = TcpStream::connect(address).await.unwrap();
    let asked = format!("GET /livez HTTP/1.1\r\nHost: {address}\r\n\r\n");
    for _ in 0..2 {
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4_096];
        let read = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("{\"live\":true}"), "{answer}");
        assert!(!answer.to_lowercase().contains("server:"), "c7: {answer}");
    }
    stop.cancel();
    let mut rest = [0; 16];
    let read = soon(stream.read(&mut rest)).await.unwrap();
    assert_eq!(read, 0, "an idle connection is closed");
    soon(served).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_stop() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let served = tokio::spawn(super::serve(
        listener,
        control(Arc::default()),
        stop.clone(),
    ));

    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PUT /v1/rooms/derby/pace HTTP/1.1\r\nHost: {address}\r\nAuthorization: {}\r\nContent-Length: 17\r\nExpect: 100-continue\r\n\r\n",
        bearer(ADMIN)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stop.cancel();
    stream.write_all(b"{\"per_minute\":60}").await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    soon(served).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_window_that_only_tokens_know_is_told_of_and_continued_by_open() {
    let store = Arc::new(OrderBook::default());
    let control = control(store.clone());
    let room = control.rooms[0].snapshot.clone();
    room.rcu(|last| Snapshot {
        unknown: Some(Glimpse {
            window: WindowId(2_000_000),
            epoch: Epoch(1_500_000),
            tick: 77,
        }),
        ..Snapshot::clone(last)
    });
    let house = House::of(control);

    let seen = house.ask(ADMIN, "GET /v1/rooms/derby", "").await.json();
    assert_eq!(seen["held_by"], "recovering");
    assert!(
        seen["warning"]
            .as_str()
            .unwrap()
            .contains("`open` continues")
    );

    let opened = house.ask(ADMIN, "POST /v1/rooms/derby/open", "").await;
    assert_eq!(opened.status, 200);
    let orders = store.orders.lock().unwrap().clone();
    assert_eq!(
        (orders.window, orders.state),
        (WindowId(2_000_000), WindowState::Open)
    );
    assert_eq!(*store.epochs.lock().unwrap(), [Epoch(1_500_001)]);

    house.ask(ADMIN, "POST /v1/rooms/derby/pause", "").await;
    assert_eq!(store.epochs.lock().unwrap().len(), 1, "once is enough");
}

#[tokio::test]
async fn no_order_is_given_to_a_store_that_has_forgotten_the_last_one() {
    let (house, store) = house();
    house.ask(ADMIN, "POST /v1/rooms/derby/open", "").await;
    *store.orders.lock().unwrap() = Orders::default();
    let refused = house.ask(ADMIN, "POST /v1/rooms/derby/open", "").await;
    assert_eq!(refused.status, 503);
    assert!(refused.problem().contains("send the order again"));
    assert_eq!(*store.orders.lock().unwrap(), Orders::default());
}
