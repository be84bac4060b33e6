//! A drawn lobby as fans and regulators see it: over HTTP, and checked with the command.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anteroom::domain::clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::process::anteroom;
use crate::kit::{Ask, House, Plan, Visitor, until};

const ROOM: &str = "/_anteroom/rooms/derby";

/// What a published draw consists of.
const FIELDS: [&str; 11] = [
    "room",
    "window",
    "commitment",
    "server_seed",
    "seed",
    "roster_root",
    "external_source",
    "external_value",
    "count",
    "frozen_at",
    "external_value_at",
];

/// The prequeue of a new window, with so many in its lobby.
async fn lobby(house: &House, source: Option<&str>, fans: usize) -> Vec<Visitor> {
    house.order("close", json!({"end": true})).await;
    let now = Clock::machine().now().wall;
    let soon = now.after(std::time::Duration::from_secs(3_600));
    let opening = json!({
        "prequeue_opens_at": now.rfc3339(), "opens_at": soon.rfc3339(),
        "external_source": source,
    });
    let opening = match opening {
        Value::Object(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            Value::Object(fields)
        }
        other => other,
    };
    house.order("open", opening).await;
    until("the lobby opens", || async {
        (house.room().await["state"] == "prequeue").then_some(())
    })
    .await;
    let mut gathered = Vec::new();
    for _ in 0..fans {
        let mut fan = house.app();
        fan.status().await;
        let status = fan.status().await;
        assert_eq!(
            (&status["state"], &status["position"]),
            (&json!("prequeue"), &Value::Null)
        );
        gathered.push(fan);
    }
    gathered
}

async fn is(house: &House, state: &str) {
    until(state, || async {
        (house.room().await["state"] == state).then_some(())
    })
    .await;
}

async fn draw(house: &House) -> Value {
    house
        .visitor()
        .get(&format!("{ROOM}/draw"))
        .await
        .is(200)
        .json()
}

fn kept(dir: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// `anteroom draw verify` of these files: the exit code and what it says as JSON.
fn verified(file: &Path, receipt: Option<&Path>) -> (i32, Value) {
    let mut words = vec!["draw", "verify", file.to_str().unwrap(), "--output", "json"];
    if let Some(receipt) = receipt {
        words.extend(["--receipt", receipt.to_str().unwrap()]);
    }
    let output = anteroom(&words);
    let said = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code().unwrap(), said)
}

/// The program of docs/fairness.md that computes a draw again without ours.
fn program() -> String {
    let docs = include_str!("../docs/fairness.md");
    let (_, rest) = docs.split_once("```python\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Whether that program is content with a file.
fn recomputes(dir: &TempDir) -> bool {
    let mut python = Command::new("python3");
    let python = python.args(["-c", &program()]).current_dir(dir.path());
    python.output().unwrap().status.success()
}

#[tokio::test]
async fn a_fan_and_a_regulator_check_the_draw() {
    let house = House::open().await;
    let none = house.visitor().get(&format!("{ROOM}/draw")).await;
    assert_eq!(none.is(404).says("status"), 404, "no draw in this window");
    let mut fans = lobby(&house, Some("the evening's lottery"), 9).await;

    let promised = draw(&house).await;
    let names: BTreeSet<&str> = promised
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(names, FIELDS.into_iter().collect());
    assert_eq!(promised["external_source"], "the evening's lottery");
    assert!(
        promised["commitment"]
            .as_str()
            .is_some_and(|hex| hex.len() == 64)
    );
    for later in [
        "server_seed",
        "seed",
        "roster_root",
        "external_value",
        "count",
        "frozen_at",
    ] {
        assert_eq!(promised[later], Value::Null, "{later}");
    }
    let early = fans[0].get(&format!("{ROOM}/receipt")).await;
    assert!(
        early
            .is(404)
            .says("detail")
            .as_str()
            .unwrap()
            .contains("frozen")
    );
    let refused = give(&house, "4 8 15").await;
    assert_eq!(refused.0, 409, "{}", refused.1);

    house.order("open", json!({})).await;
    is(&house, "drawing").await;
    let frozen = until("the lobby is frozen", || async {
        let draw = draw(&house).await;
        draw["roster_root"].is_string().then_some(draw)
    })
    .await;
    assert_eq!(
        (&frozen["count"], &frozen["seed"]),
        (&json!(9), &Value::Null)
    );
    assert_eq!(house.room().await["held_by"], "external_value");
    let before = until("the receipt is there", || async {
        let answer = fans[0].another_tab().get(&format!("{ROOM}/receipt")).await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    assert_eq!(before["rank"], Value::Null);

    assert_eq!(give(&house, "").await.0, 422);
    assert_eq!(give(&house, "4 8 15").await.0, 200);
    assert_eq!(give(&house, "4 8 15").await.0, 200, "the same again");
    is(&house, "open").await;
    assert_eq!(give(&house, "4 8 16").await.0, 409);

    let dir = TempDir::new().unwrap();
    let roster = until("the roster is there", || async {
        let answer = house.visitor().get(&format!("{ROOM}/draw?roster=1")).await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    let file = kept(&dir, "draw.json", roster.text());
    for fan in &mut fans {
        let receipt = fan.get(&format!("{ROOM}/receipt")).await;
        let mine = kept(&dir, "mine.json", receipt.is(200).text());
        let (code, said) = verified(&file, Some(&mine));
        assert_eq!(
            (code, &said["sound"], &said["trusted"]),
            (0, &json!(true), &json!("nobody"))
        );
        assert_eq!(said["receipt"]["rank"], receipt.says("rank"));
    }
    let early = kept(&dir, "early.json", &before.to_string());
    assert_eq!(
        verified(&file, Some(&early)).0,
        0,
        "the receipt from before the draw"
    );
    let bad = kept(
        &dir,
        "bad.json",
        &roster.text().replacen("4 8 15", "4 8 16", 1),
    );
    let (code, said) = verified(&bad, None);
    assert_eq!((code, &said["fields"]), (1, &json!(["external_value"])));
    assert!(recomputes(&dir));
    let mut moved = roster.json();
    moved["roster"].as_array_mut().unwrap().swap(3, 4);
    kept(&dir, "draw.json", &moved.to_string());
    assert!(!recomputes(&dir), "two fans have changed places");
    let stranger = house.visitor().get(&format!("{ROOM}/receipt")).await;
    stranger.is(404);
}

/// The promised value, by the control API.
async fn give(house: &House, value: &str) -> (u16, String) {
    let body = json!({"external_value": value}).to_string();
    let ask = Ask::post("/v1/rooms/derby/draw").body(body);
    let ask = ask.with("content-type", "application/json");
    let answer = house.operator().ask(ask).await;
    (answer.status, answer.text().to_owned())
}

#[tokio::test]
async fn the_roster_is_a_file_that_may_be_kept() {
    let house = House::open().await;
    let _fans = lobby(&house, None, 4).await;
    house.order("open", json!({})).await;
    is(&house, "open").await;
    let window = draw(&house).await["window"].clone();
    let plain = until("the roster is there", || async {
        let answer = house.visitor().get(&format!("{ROOM}/draw?roster=1")).await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(plain.json()["roster"].as_array().unwrap().len(), 4);
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(
        plain.header("content-length"),
        Some(plain.body.len().to_string().as_str())
    );
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    assert_eq!(
        plain.header("cache-control"),
        Some("public, max-age=3600, immutable")
    );

    let forever = format!("{ROOM}/draw?roster=1&window={window}");
    let ask = || Ask::get(&forever).with("accept-encoding", "br, gzip");
    let packed = house.visitor().ask(ask()).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.body.get(..2), Some(&[0x1f, 0x8b][..]));
    assert_eq!(
        packed.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    let tag = packed.header("etag").unwrap();
    assert_ne!(plain.header("etag"), Some(tag), "other bytes");
    let again = house.visitor().ask(ask().with("if-none-match", tag)).await;
    assert!(again.is(304).body.is_empty());
    let other = house
        .visitor()
        .get(&format!("{ROOM}/draw?roster=1&window=1"))
        .await;
    other.is(404);
    let posted = house.visitor().post(&format!("{ROOM}/draw")).await;
    posted.is(405);

    let dir = TempDir::new().unwrap();
    let (code, said) = verified(&kept(&dir, "draw.json", plain.text()), None);
    assert_eq!(
        (code, &said["trusted"]),
        (0, &json!("operator_before_freeze"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opening_and_the_draw_reach_the_streams_of_the_lobby_at_once() {
    let house = House::open().await;
    let mut fans = lobby(&house, None, 4).await;
    let mut streams = Vec::new();
    for fan in &mut fans {
        let (head, mut events) = fan.watches().await;
        assert_eq!(head.status, 200);
        let first = events.until("standing").await;
        assert_eq!(
            (&first["state"], &first["position"]),
            (&json!("prequeue"), &Value::Null)
        );
        streams.push(events);
    }
    let before = house.visitors_calls().await;
    let clock = Clock::machine();
    let begun = clock.now().mono;

    house.order("open", json!({})).await;

    let mut places = BTreeSet::new();
    for events in &mut streams {
        let place = loop {
            let event = events.next().await.expect("told before it ends");
            match event.status["state"].as_str().unwrap() {
                "drawing" => {}
                "released" => break 1,
                _ => break event.status["position"].as_u64().unwrap(),
            }
        };
        places.insert(place);
    }
    let took = clock.now().mono - begun;
    println!("the place: after {took:?}");
    assert!(took < std::time::Duration::from_secs(3), "{took:?}");
    assert_eq!(places.len(), 4, "{places:?}");
    let calls = house.visitors_calls().await - before;
    assert!(calls <= 4.0, "{calls} calls for four at the front");
}

#[tokio::test]
async fn the_lobby_of_a_round_is_polled_for() {
    let room = "name = \"derby\"\nsite = \"shop\"\npaths = [\"/buy/*\"]\nmethod = \"random\"\n\
                fairness_window_s = 5\n[pace]\nper_minute = 60\n\
                [window]\nopens_at = \"2025-06-01T00:00:00Z\"\n";
    let house = House::of(Plan::default().file("rooms/derby.toml", room)).await;
    let mut ann = house.app();
    ann.status().await;
    let status = ann.status().await;
    assert_eq!(
        (&status["state"], &status["position"], &status["waiting"]),
        (&json!("prequeue"), &Value::Null, &json!(1))
    );
    assert!(status["poll_after_s"].as_u64() <= Some(6), "{status}");

    let (refused, _) = ann.watches().await;

    assert_eq!(refused.status, 503, "a stream would know nothing more");
    assert!(refused.header("retry-after").is_some());
    ann.polls_until("released").await;
}
