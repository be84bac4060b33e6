//! The control API from outside.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::Control;
use super::api::OPENAPI;
use super::auth::{Door, Needs, Role};
use super::kit::{Diary, Files, House, OrderBook, bearer, control, request, text};
use super::policies::InForce;
use super::routes::{ROUTES, Route};
use crate::control::ledger::Page;
use crate::domain::clock::UnixTime;
use crate::domain::draw::{Draw, Frozen, Hash};
use crate::domain::invitation::{Batch, CodeNumber};
use crate::domain::place::Epoch;
use crate::domain::session::{Jti, SessionTerms};
use crate::domain::standing::EndedBy;
use crate::domain::window::{Orders, WindowId, WindowState};
use crate::store::notes::Glimpse;
use crate::store::survey::{Snapshot, StoreHealth};

const ADMIN: Role = Role::Admin;

/// A session that the store of these tests knows.
const SESSION: &str = "1123456789abcdef0123456789abcdef";

fn house() -> (House, Arc<OrderBook>) {
    let store = Arc::new(OrderBook::default());
    (House::of(control(store.clone())), store)
}

fn line(route: &Route) -> String {
    let path = route.path.replace("{room}", "derby");
    format!("{} {}", route.method, path.replace("{jti}", SESSION))
}

/// A body that each route takes.
fn body(route: &Route) -> &'static str {
    match route.path.rsplit('/').next().unwrap() {
        "release" => r#"{"count":1}"#,
        "draw" => r#"{"external_value":"9f"}"#,
        "pace" => r#"{"per_minute":60}"#,
        "capacity" => r#"{"active":5}"#,
        "codes" => r#"{"lane":"members","count":1}"#,
        "message" if route.method == "PUT" => r#"{"message":"soon"}"#,
        "stock" => r#"{"remaining":5}"#,
        "{jti}" => r#"{"order":"complete"}"#,
        _ => "",
    }
}

/// Every route and the role it needs, written down a second time on purpose: a new route, or
/// one opened to a lower role, is decided here as well.
const MATRIX: [(&str, Option<Role>); 25] = [
    ("GET /livez", None),
    ("GET /readyz", None),
    ("GET /metrics", Some(Role::Viewer)),
    ("GET /openapi.json", Some(Role::Viewer)),
    ("GET /v1/rooms", Some(Role::Viewer)),
    ("GET /v1/rooms/{room}", Some(Role::Viewer)),
    ("POST /v1/rooms/{room}/open", Some(Role::Operator)),
    ("POST /v1/rooms/{room}/pause", Some(Role::Operator)),
    ("POST /v1/rooms/{room}/resume", Some(Role::Operator)),
    ("POST /v1/rooms/{room}/close", Some(Role::Operator)),
    ("POST /v1/rooms/{room}/draw", Some(Role::Operator)),
    ("POST /v1/rooms/{room}/release", Some(Role::Operator)),
    ("PUT /v1/rooms/{room}/pace", Some(Role::Operator)),
    ("PUT /v1/rooms/{room}/capacity", Some(Role::Operator)),
    ("PUT /v1/rooms/{room}/message", Some(Role::Operator)),
    ("DELETE /v1/rooms/{room}/message", Some(Role::Operator)),
    ("PUT /v1/rooms/{room}/stock", Some(Role::Operator)),
    ("POST /v1/rooms/{room}/sessions/{jti}", Some(Role::Operator)),
    (
        "POST /v1/rooms/{room}/sessions/revoke",
        Some(Role::Operator),
    ),
    ("POST /v1/rooms/{room}/codes", Some(Role::Operator)),
    ("POST /v1/rooms/{room}/preview", Some(Role::Operator)),
    ("DELETE /v1/rooms/{room}/preview", Some(Role::Operator)),
    ("GET /v1/audit", Some(Role::Operator)),
    ("GET /v1/policies", Some(Role::Viewer)),
    ("POST /v1/policies/reload", Some(Role::Admin)),
];

#[test]
fn every_route_has_its_row_in_the_matrix_c2() {
    let routes = ROUTES
        .iter()
        .map(|route| format!("{} {}", route.method, route.path));
    let rows = MATRIX.iter().map(|(line, _)| (*line).to_owned());
    assert_eq!(routes.collect::<BTreeSet<_>>(), rows.collect());
}

#[tokio::test]
async fn every_route_opens_to_its_role_and_those_above_and_to_nobody_else_c2() {
    for (row, needed) in MATRIX {
        let (house, _) = house();
        house.ask(ADMIN, "POST /v1/rooms/derby/open", "").await;
        let route = ROUTES
            .iter()
            .find(|route| row == format!("{} {}", route.method, route.path))
            .unwrap();
        for role in Role::ALL {
            let answer = house.ask(role, &line(route), body(route)).await;
            let may = needed.is_none_or(|needed| role >= needed);
            if may {
                assert!(!matches!(answer.status, 401 | 403), "{role} {row}");
            } else {
                assert_eq!(answer.status, 403, "{role} {row}");
                assert!(answer.problem().contains("needs the role"));
            }
        }
        let bare = request(&line(route)).body(text(body(route))).unwrap();
        assert_eq!(house.send(bare).await.status == 401, needed.is_some());
        for header in ["Bearer wrong", "Basic d3Jvbmc=", ""] {
            let asked = request(&line(route)).header("authorization", header);
            let answer = house.send(asked.body(text(body(route))).unwrap()).await;
            assert_eq!(answer.status == 401, needed.is_some(), "{header} {row}");
            assert_eq!(
                answer.header("www-authenticate").starts_with("Bearer"),
                needed.is_some()
            );
        }
    }
}

#[tokio::test]
async fn without_tokens_only_health_answers_c1() {
    let bare = control(Arc::default());
    let told = bare.in_force.load_full();
    bare.in_force.store(Arc::new(InForce {
        rooms: told.rooms.clone(),
        door: Door::default(),
        edition: told.edition,
        names: told.names.clone(),
    }));
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
async fn the_promised_value_is_taken_after_the_freeze_once() {
    let (house, store) = house();
    let give = async |value: &str| {
        let body = json!({"external_value": value}).to_string();
        let line = "POST /v1/rooms/derby/draw";
        house.ask(Role::Operator, line, &body).await
    };
    let none = give("9f").await;
    assert_eq!(none.status, 409);
    assert!(none.problem().contains("has no draw"), "{}", none.text);

    let draw = Draw::promised(Hash([1; 32]), Some("a beacon".to_owned()));
    {
        let mut orders = store.orders.lock().unwrap();
        orders.state = WindowState::Drawing;
        orders.draw = Some(draw);
    }
    let early = give("9f").await;
    assert!(early.problem().contains("not frozen yet"), "{}", early.text);
    {
        let mut orders = store.orders.lock().unwrap();
        let frozen = Frozen {
            root: Hash([2; 32]),
            count: 3,
            at: 0,
            epoch: Epoch(1),
            base: 0,
        };
        *orders = orders.with_frozen(frozen).unwrap();
    }
    let given = give("9f").await;
    assert_eq!(
        (given.status, given.json()["held_by"].is_null()),
        (200, true)
    );
    let again = give("9f").await;
    assert_eq!(again.json()["version"], given.json()["version"]);
    let other = give("a0").await;
    assert_eq!(other.status, 409);
    assert!(other.problem().contains("the first one stands"));
    let kept = store.orders.lock().unwrap().draw.clone().unwrap();
    assert_eq!(kept.external.unwrap().value, "9f");
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
async fn q8_codes_are_shown_once_and_recorded_without_themselves() {
    let store = Arc::new(OrderBook::default());
    let control = control(store.clone());
    let audit = Arc::clone(&control.audit);
    let key = control.keys.load().codes();
    let house = House::of(control);
    let asked = r#"{"lane":"members","count":3,"expires_at":"2099-01-01T00:00:00Z"}"#;

    let answer = house
        .ask(Role::Operator, "POST /v1/rooms/derby/codes", asked)
        .await;

    assert_eq!((answer.status, answer.header("etag")), (200, "\"v1\""));
    let told = answer.json();
    assert_eq!(
        (&told["lane"], &told["batch"]),
        (&json!("members"), &json!(1))
    );
    assert_eq!(told["expires_at"], "2099-01-01T00:00:00Z");
    let codes = told["codes"].as_array().unwrap();
    assert_eq!(codes.len(), 3);
    let derby = "derby".parse().unwrap();
    for (serial, code) in (1..).zip(codes) {
        let text = code.as_str().unwrap();
        let code = crate::token::code::Code::parse(text).unwrap();
        let number = CodeNumber { batch: 1, serial };
        assert_eq!(key.number(&derby, &code), Some(number));
        let page = Page {
            after: None,
            most: 100,
        };
        let lines = audit.read(page, UnixTime::default()).unwrap().lines;
        assert!(!lines.concat().contains(text), "a code in the audit log");
        assert!(lines.concat().contains("members"));
    }
    let orders = store.orders.lock().unwrap().clone();
    assert_eq!(orders.batches.len(), 1);
    let text = serde_json::to_string(&orders).unwrap();
    assert!(!text.contains(codes[0].as_str().unwrap()));

    let again = house
        .ask(Role::Operator, "POST /v1/rooms/derby/codes", asked)
        .await;
    assert_eq!(again.json()["batch"], 2, "others, not the same again");
    assert_ne!(again.json()["codes"], told["codes"]);
    let lapsed = r#"{"lane":"members","count":3,"expires_at":"2001-01-01T00:00:00Z"}"#;
    let refused = house
        .ask(Role::Operator, "POST /v1/rooms/derby/codes", lapsed)
        .await;
    assert_eq!(refused.status, 422);
    store.orders.lock().unwrap().batches = (1..=32)
        .map(|number| Batch {
            number,
            lane: "members".into(),
            count: 1,
            expires_at: None,
        })
        .collect();
    let many = house
        .ask(Role::Operator, "POST /v1/rooms/derby/codes", asked)
        .await;
    assert_eq!(many.status, 409);
    assert!(many.problem().contains("32 batches"));
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
async fn a_prequeue_is_opened_now_or_later_and_committed_to() {
    let (house, store) = house();
    let open = "POST /v1/rooms/derby/open";
    let later = r#"{"prequeue_opens_at":"2098-01-01T00:00:00Z","opens_at":"2098-01-01T00:30:00Z","external_source":"a beacon"}"#;
    let soon = house.ask(ADMIN, open, later).await.json();
    assert_eq!(
        (&soon["state"], &soon["window"]),
        (&"closed".into(), &0.into())
    );
    assert_eq!(soon["prequeue_opens_at"], "2098-01-01T00:00:00Z");
    assert_eq!(soon["opens_at"], "2098-01-01T00:30:00Z");
    assert_eq!(soon["windows"][0]["state"], "coming");
    assert_eq!(soon["windows"][0]["external_source"], "a beacon");

    let now = later.replace("2098-01-01T00:00", "2001-01-01T00:00");
    let lobby = house.ask(ADMIN, open, &now).await.json();
    assert_eq!(lobby["state"], "prequeue");
    assert_eq!(lobby["windows"][0]["external_source"], "a beacon");
    let draw = store.orders.lock().unwrap().draw.clone().unwrap();
    assert_ne!(draw.commitment.0, [0; 32]);
    let again = house.ask(ADMIN, open, &now).await;
    assert_eq!(
        (again.status, &again.json()["version"]),
        (200, &lobby["version"])
    );

    let pause = house.ask(ADMIN, "POST /v1/rooms/derby/pause", "").await;
    assert_eq!(pause.status, 409);
    assert!(pause.problem().contains("in its prequeue"));
    let drawing = house.ask(ADMIN, open, "{}").await.json();
    assert_eq!(drawing["state"], "drawing");
    assert_eq!(drawing["held_by"], "external_value");
    let repeated = house.ask(ADMIN, open, "{}").await;
    assert_eq!(repeated.status, 200);
    let warning = repeated.json()["warning"].as_str().unwrap().to_owned();
    assert!(
        warning.contains("waits for the external value"),
        "{warning}"
    );
}

#[tokio::test]
async fn an_opening_that_cannot_be_is_refused_with_words() {
    let (house, store) = house();
    let open = "POST /v1/rooms/derby/open";
    for (body, words) in [
        (
            r#"{"prequeue_opens_at":"2098-01-01T00:00:00Z"}"#,
            "needs an `opens_at` that is later",
        ),
        (
            r#"{"prequeue_opens_at":"2098-01-01T00:00:00Z","opens_at":"2097-01-01T00:00:00Z"}"#,
            "needs an `opens_at` that is later",
        ),
        (
            r#"{"external_source":"a beacon"}"#,
            "give `prequeue_opens_at` too",
        ),
        (
            r#"{"opens_at":"2098-01-01T00:00:00Z","ends_at":"2098-01-01T00:00:00Z"}"#,
            "`ends_at` must be later",
        ),
        (
            r#"{"ends_at":"2001-01-01T00:00:00Z"}"#,
            "`ends_at` must be later",
        ),
    ] {
        let answer = house.ask(ADMIN, open, body).await;
        assert_eq!(answer.status, 422, "{body}");
        assert!(answer.problem().contains(words), "{}", answer.text);
    }
    assert_eq!(*store.writes.lock().unwrap(), 0);

    house.ask(ADMIN, open, "{}").await;
    let body = r#"{"opens_at":"2098-01-01T00:00:00Z"}"#;
    let answer = house.ask(ADMIN, open, body).await;
    assert_eq!(answer.status, 409);
    assert!(answer.problem().contains("open already"));
    house.ask(ADMIN, "POST /v1/rooms/derby/close", "{}").await;
    let lobby = r#"{"opens_at":"2098-01-01T00:00:00Z","prequeue_opens_at":"2097-01-01T00:00:00Z"}"#;
    let answer = house.ask(ADMIN, open, lobby).await;
    assert_eq!(answer.status, 409);
    assert!(answer.problem().contains("end it first"));
}

#[tokio::test]
async fn while_the_store_is_away_orders_are_503_and_readers_are_told() {
    let store = Arc::new(OrderBook::default());
    let control = control(store.clone());
    let room = control.in_force.load().rooms[0].snapshot.clone();
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

fn with(files: Files) -> House {
    House::of(Control {
        policies: Some(Arc::new(files)),
        ..control(Arc::default())
    })
}

#[tokio::test]
async fn a_reload_takes_effect_or_says_what_is_wrong() {
    let line = "POST /v1/policies/reload";
    let sound = with(Files::sound());
    let fine = sound.ask(ADMIN, line, "{}").await;
    assert_eq!(fine.status, 200);
    let recorded = sound.ask(ADMIN, "GET /v1/audit", "").await.json();
    let last = recorded["lines"].as_array().unwrap().last().unwrap();
    assert_eq!(last["before"], json!({"policies": 1}));
    let changes = ["room derby: pace.per_minute 600 → 900"];
    assert_eq!(last["after"], json!({"policies": 2, "changes": changes}));
    let told = fine.json();
    assert_eq!(told["version"], 2);
    let pace = json!({"what": "room derby", "change": "changed", "key": "pace.per_minute",
        "before": "600", "after": "900"});
    assert_eq!(told["changes"], json!([pace]));
    assert_eq!(told["needs_restart"][0]["what"], "[store]");

    let bad = with(Files::faulty()).ask(ADMIN, line, "").await;
    assert_eq!(bad.status, 422);
    assert_eq!(
        bad.problem(),
        "the policies in force stay: 1 fault in 1 file"
    );
    let fault = &bad.json()["faults"][0];
    assert_eq!(
        (&fault["file"], &fault["line"]),
        (&json!("rooms/derby.toml"), &json!(3))
    );

    let odd = with(Files::sound())
        .ask(ADMIN, line, r#"{"now":true}"#)
        .await;
    assert_eq!(odd.status, 422);
    let (none, _) = house();
    assert_eq!(none.ask(ADMIN, line, "").await.status, 404);
}

#[tokio::test]
async fn what_is_in_force_is_shown_beside_what_the_files_say() {
    let line = "GET /v1/policies";
    let sound = with(Files::sound())
        .ask(Role::Viewer, line, "")
        .await
        .json();
    assert_eq!(sound["version"], 1);
    assert_eq!(sound["loaded_at"], "2027-01-15T08:00:00Z");
    assert_eq!(sound["rooms"], json!(["derby", "final"]));
    assert_eq!(
        (&sound["sites"], &sound["rules"]),
        (&json!(["shop"]), &json!([]))
    );
    assert_eq!(sound["files"]["valid"], true);
    assert_eq!(sound["files"]["changes"][0]["after"], "900");

    let faulty = with(Files::faulty())
        .ask(Role::Viewer, line, "")
        .await
        .json();
    assert_eq!(faulty["version"], 1);
    assert_eq!(faulty["files"]["valid"], false);
    assert_eq!(faulty["files"]["faults"][0]["suggestion"], "pace");
    let (none, _) = house();
    assert_eq!(
        none.ask(Role::Viewer, line, "").await.json()["files"],
        Value::Null
    );
}

/// A house whose log can be read.
fn recorded() -> (House, Arc<OrderBook>, Arc<Diary>) {
    let (store, diary) = (Arc::new(OrderBook::default()), Arc::new(Diary::default()));
    let audit: Arc<Diary> = diary.clone();
    let control = Control {
        audit,
        ..control(store.clone())
    };
    (House::of(control), store, diary)
}

#[tokio::test]
async fn every_change_leaves_an_intent_and_its_outcome_g20() {
    let (house, _, diary) = recorded();
    house
        .ask(Role::Operator, "POST /v1/rooms/derby/open", "")
        .await;
    let paced = r#"{ "burst": 9, "per_minute": 60 }"#;
    house.ask(ADMIN, "PUT /v1/rooms/derby/pace", paced).await;
    house.ask(ADMIN, "PUT /v1/rooms/derby/pace", paced).await;
    house.ask(ADMIN, "POST /v1/policies/reload", "").await;

    let lines = diary.lines();
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].clone()).collect();
    let pair = ["intent", "outcome"];
    assert_eq!(kinds[0], "begin");
    assert_eq!(kinds[1..], [pair, pair, pair, pair].concat());
    let intent = &lines[3];
    for (field, expected) in [
        ("number", json!(4)),
        ("who", json!("admin")),
        ("role", json!("admin")),
        ("from", json!("127.0.0.1")),
        ("action", json!("PUT /v1/rooms/{room}/pace")),
        ("room", json!("derby")),
        ("asked", json!({"per_minute": 60, "burst": 9})),
        ("at", json!("2027-01-15T08:00:00Z")),
    ] {
        assert_eq!(intent[field], expected, "{field}");
    }
    let outcome = &lines[4];
    assert_eq!(
        (&outcome["of"], &outcome["status"]),
        (&json!(4), &json!(200))
    );
    assert_eq!(outcome["before"]["pace"], Value::Null);
    assert!(outcome["after"]["pace"].to_string().contains("60"));
    assert_eq!(lines[6]["after"], json!({}), "the same order once more");
    assert_eq!(
        (&lines[8]["status"], &lines[8]["after"]),
        (&json!(404), &Value::Null)
    );
}

#[tokio::test]
async fn refusals_by_the_room_are_recorded_and_what_was_never_understood_is_not() {
    let (house, _, diary) = recorded();
    for (line, body, expected) in [
        ("POST /v1/rooms/derby/resume", "", 409),
        ("PUT /v1/rooms/derby/pace", r#"{"per_minute":0}"#, 422),
        ("PUT /v1/rooms/darby/pace", r#"{"per_minute":1}"#, 404),
        ("PUT /v1/rooms/derby/pace", "{", 400),
    ] {
        assert_eq!(
            house.ask(ADMIN, line, body).await.status,
            expected,
            "{line}"
        );
    }
    let line = "POST /v1/rooms/derby/open";
    assert_eq!(house.ask(Role::Viewer, line, "").await.status, 403);
    let metrics = house.ask(Role::Viewer, "GET /metrics", "").await.text;
    let counted = "anteroom_control_refusals_total{reason=\"forbidden\"} 1\n";
    assert!(metrics.contains(counted), "counted, not recorded");
    let lines = diary.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[2]["status"], 409);
}

#[tokio::test]
async fn f31_without_a_record_nothing_is_done() {
    let (house, store, diary) = recorded();
    *diary.room.lock().unwrap() = Some(0);
    for (line, body) in [
        ("POST /v1/rooms/derby/open", ""),
        ("POST /v1/rooms/derby/sessions/revoke", "{}"),
        (
            "POST /v1/rooms/derby/sessions/revoke",
            r#"{"jti":"0123456789abcdef0123456789abcdef"}"#,
        ),
        ("POST /v1/policies/reload", ""),
    ] {
        let answer = house.ask(ADMIN, line, body).await;
        assert_eq!(answer.status, 503, "{line}");
        let says = answer.problem();
        assert!(says.starts_with("nothing was changed"), "{says}");
        assert!(says.contains("no space left"), "{says}");
    }
    assert_eq!(*store.writes.lock().unwrap(), 0);
    assert!(store.endings.lock().unwrap().is_empty());
    let seen = house.ask(Role::Viewer, "GET /v1/rooms", "").await;
    assert_eq!(seen.status, 200, "looking goes on");

    *diary.room.lock().unwrap() = Some(1);
    let opened = house.ask(ADMIN, "POST /v1/rooms/derby/open", "").await;
    assert_eq!(opened.status, 200, "its intent is recorded");
    assert_eq!(*store.writes.lock().unwrap(), 1);
}

#[tokio::test]
async fn the_log_is_read_in_pages_as_it_was_written() {
    let (house, _, _) = recorded();
    for _ in 0..60 {
        house.ask(ADMIN, "POST /v1/rooms/derby/open", "").await;
    }
    let read = async |query: &str| {
        let line = format!("GET /v1/audit{query}");
        house.ask(Role::Operator, &line, "").await
    };
    let newest = read("").await;
    assert_eq!(newest.status, 200);
    let newest = newest.json();
    assert_eq!(newest["head"]["number"], 121);
    let lines = newest["lines"].as_array().unwrap();
    assert_eq!((lines.len(), &lines[0]["number"]), (100, &json!(22)));
    assert_eq!(lines[99]["hash"], newest["head"]["hash"]);

    let first = read("?after=0&limit=2").await;
    let first = first.json();
    let numbers: Vec<_> = first["lines"].as_array().unwrap().iter().collect();
    assert_eq!((numbers.len(), &numbers[1]["number"]), (2, &json!(2)));
    assert_eq!(read("?after=500").await.json()["lines"], json!([]));
    let bad = read("?limit=5000").await;
    assert_eq!(bad.status, 422);
    assert!(bad.problem().contains("from 1 to 1000"));
}

#[tokio::test]
async fn one_session_ends_at_once_and_the_orders_stay() {
    let store = Arc::new(OrderBook::default());
    let control = control(store.clone());
    let snapshot = control.in_force.load().rooms[0].snapshot.clone();
    let house = House::of(control);
    let line = "POST /v1/rooms/derby/sessions/revoke";
    let name = "0123456789abcdef0123456789abcdef";
    let answer = house
        .ask(Role::Operator, line, &format!(r#"{{"jti":"{name}"}}"#))
        .await;
    assert_eq!((answer.status, answer.header("etag")), (200, "\"v0\""));
    assert_eq!(answer.json()["name"], "derby");
    let session = Jti::parse(name).unwrap();
    {
        let endings = store.endings.lock().unwrap();
        assert_eq!(
            (endings[0].session, endings[0].why),
            (session, EndedBy::Revoked)
        );
        assert!(endings[0].life >= SessionTerms::default().idle * 2);
    }
    assert!(snapshot.load().ended.contains(&session));
    assert_eq!(*store.writes.lock().unwrap(), 0);

    let stale = request(line)
        .header("authorization", bearer(ADMIN))
        .header("if-match", "\"v3\"");
    let stale = stale.body(text(&format!(r#"{{"jti":"{name}"}}"#))).unwrap();
    assert_eq!(house.send(stale).await.status, 412);
}

#[tokio::test]
async fn a_session_is_steered_by_its_name() {
    let store = Arc::new(OrderBook::default());
    let control = control(store.clone());
    let snapshot = control.in_force.load().rooms[0].snapshot.clone();
    let house = House::of(control);
    let steer = async |session: &str, body: &str| {
        let line = format!("POST /v1/rooms/derby/sessions/{session}");
        house.ask(Role::Operator, &line, body).await
    };
    let done = SESSION.replacen('1', "2", 1);
    let unknown = SESSION.replacen('1', "3", 1);

    let held = steer(SESSION, r#"{"order":"hold","seconds":9999}"#).await;
    assert_eq!(held.status, 200, "{}", held.text);
    let told = held.json();
    assert_eq!(told["name"], "derby");
    assert_eq!(told["session"]["jti"], SESSION);
    assert!(told["session"]["held_until"].is_string(), "{told}");
    {
        let holds = store.holds.lock().unwrap();
        let terms = SessionTerms::default();
        assert_eq!(holds[0].until.since(holds[0].at), terms.hold_max);
        assert_eq!(
            (holds[0].longest, holds[0].rev),
            (terms.longest_stay(), None)
        );
    }

    let complete = r#"{"order":"complete"}"#;
    for (session, body, ended_by, endings) in [
        (SESSION, complete, "completed", 1),
        (&unknown, r#"{"order":"revoke"}"#, "revoked", 2),
        (&done, r#"{"order":"revoke"}"#, "completed", 2),
        (&done, complete, "completed", 2),
    ] {
        let answer = steer(session, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["session"]["ended_by"], ended_by, "{body}");
        assert_eq!(store.endings.lock().unwrap().len(), endings);
    }
    assert!(
        snapshot
            .load()
            .ended
            .contains(&Jti::parse(SESSION).unwrap())
    );

    let hold = r#"{"order":"hold","seconds":60}"#;
    let over = steer(&done, hold).await;
    assert_eq!(over.status, 409);
    assert!(over.problem().contains("completed"), "{}", over.text);
    assert_eq!(steer(&unknown, hold).await.status, 404);
    assert_eq!(steer("derby", complete).await.status, 404);
    assert_eq!(steer(SESSION, "{}").await.status, 422);
}

#[tokio::test]
async fn nothing_left_ends_the_window_and_the_room_says_what_there_is() {
    let (house, store) = house();
    house.ask(ADMIN, "POST /v1/rooms/derby/open", "").await;
    let line = "PUT /v1/rooms/derby/stock";
    let some = house.ask(Role::Operator, line, r#"{"remaining":12}"#).await;
    assert_eq!(some.status, 200, "{}", some.text);
    assert_eq!(
        (&some.json()["stock"], &some.json()["state"]),
        (&json!(12), &json!("open"))
    );
    let none = house.ask(Role::Operator, line, r#"{"remaining":0}"#).await;
    assert_eq!(
        (&none.json()["stock"], &none.json()["state"]),
        (&json!(0), &json!("ended"))
    );
    assert!(store.orders.lock().unwrap().is_sold_out());
    let again = house.ask(Role::Operator, line, r#"{"remaining":0}"#).await;
    assert_eq!(
        again.json()["version"],
        none.json()["version"],
        "in force already"
    );
}

#[tokio::test]
async fn revoking_all_raises_the_rooms_number_each_time() {
    let store = Arc::new(OrderBook::default());
    let control = control(store.clone());
    let snapshot = control.in_force.load().rooms[0].snapshot.clone();
    let house = House::of(control);
    let line = "POST /v1/rooms/derby/sessions/revoke";
    for (body, rev) in [("", 1), ("{}", 2), (r#"{"all":true}"#, 3)] {
        let answer = house.ask(Role::Operator, line, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["version"], rev);
        assert_eq!(store.orders.lock().unwrap().rev, rev);
        assert_eq!(snapshot.load().survey.orders.rev, rev, "at once here");
    }
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
    let room = control.in_force.load().rooms[0].snapshot.clone();
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
    assert_eq!(opened.json()["warning"], Value::Null, "it is done");
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
