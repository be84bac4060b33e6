//! What operators do that reaches visitors at once, what is left of it on record, and keys that
//! change while a sale runs.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::forge::claims_of;
use crate::kit::house::CONTROL_TOKEN;
use crate::kit::process::{anteroom, furnish, log};
use crate::kit::{Ask, Gateway, House, Origin, Plan, Visitor, until};

const REVOKE: &str = "sessions/revoke";

/// Somebody who has queued and is inside, looking at the shop.
async fn inside(mut visitor: Visitor, released: impl AsyncFnOnce()) -> Visitor {
    visitor.joins().await;
    released().await;
    visitor.polls_until("released").await;
    visitor.get("/buy/1").await.is_served();
    visitor
}

fn session(visitor: &Visitor) -> Value {
    claims_of(visitor.admission().unwrap())["jti"].clone()
}

#[tokio::test]
async fn one_session_is_revoked_and_nobody_elses() {
    let house = House::open().await;
    let mut ann = inside(house.app(), async || house.release(1).await).await;
    let mut bob = inside(house.app(), async || house.release(1).await).await;

    let room = house.order(REVOKE, json!({ "jti": session(&ann) })).await;

    assert_eq!(room["name"], "derby");
    let told = ann.get("/buy/1").await;
    told.is_queue();
    assert_eq!(told.says("ended_by"), "revoked");
    bob.get("/buy/1").await.is_served();
    let back = ann.status().await;
    assert_eq!(back["position"], 1, "at the back of an empty line: {back}");
    assert_eq!(back["ended_by"], "revoked");
}

#[tokio::test]
async fn everybody_is_revoked_and_may_come_in_anew() {
    let house = House::open().await;
    let mut ann = inside(house.app(), async || house.release(1).await).await;
    let mut bob = inside(house.app(), async || house.release(1).await).await;
    let old = ann.another_tab();

    house.order(REVOKE, json!({})).await;

    for visitor in [&mut ann, &mut bob] {
        let told = visitor.get("/buy/1").await;
        told.is_queue();
        assert_eq!(told.says("ended_by"), "revoked");
    }
    ann.status().await;
    house.release(1).await;
    ann.polls_until("released").await;
    ann.get("/buy/1").await.is_served();
    assert_eq!(claims_of(ann.admission().unwrap())["rev"], 1);
    let mut stale = house
        .app()
        .with_cookie("anteroom-a-derby", old.admission().unwrap());
    stale.get("/buy/1").await.is_queue();
    house.tells_of(0).await;
    until("only who came in anew is counted", || async {
        (house.room().await["active"] == 1).then_some(())
    })
    .await;
}

fn operator(control: SocketAddr, token: &str) -> Visitor {
    Visitor::to(control)
        .host(&control.to_string())
        .with_header("authorization", &format!("Bearer {token}"))
}

async fn order(control: SocketAddr, verb: &str, body: Value) -> u16 {
    let path = format!("/v1/rooms/derby/{verb}");
    let ask = Ask::post(&path).body(body.to_string());
    operator(control, CONTROL_TOKEN).ask(ask).await.status
}

fn verify(words: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, .. } =
        anteroom(&[&["audit", "verify", "--output", "json"], words].concat());
    (status.code(), String::from_utf8(stdout).unwrap())
}

/// Secrets that must be found nowhere, without what is common to all of their kind.
fn secrets(dir: &Path) -> Vec<String> {
    let files = fs::read_dir(dir.join("keys")).unwrap();
    let texts = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    texts
        .map(|text| {
            let mut lines = text.lines().filter(|line| !line.starts_with("-----"));
            lines.next().unwrap().to_owned()
        })
        .collect()
}

#[tokio::test]
async fn g20_what_operators_did_is_on_record_and_no_secret_is() {
    let (dir, origin) = (TempDir::new().unwrap(), Origin::open().await);
    let at = furnish(dir.path(), &Plan::default(), origin.address);
    let audit = dir.path().join("audit.jsonl");
    let path = audit.to_str().unwrap();
    let gateway = Gateway::start(dir.path(), at).await;
    let visitor = Visitor::to(at.public).speaking_json();
    let ann = inside(visitor, async || {
        assert_eq!(order(at.control, "release", json!({"count": 1})).await, 200);
    })
    .await;
    let wrong = "a-wrong-token-of-somebody-0123456789";
    let refused = operator(at.control, wrong).get("/v1/audit").await;
    refused.is(401);
    let jti = json!({ "jti": session(&ann) });
    assert_eq!(order(at.control, REVOKE, jti).await, 200);
    assert_eq!(order(at.control, "resume", json!({"now": 1})).await, 422);

    let read = operator(at.control, CONTROL_TOKEN).get("/v1/audit").await;
    let read = read.is(200).json();
    let kinds: Vec<_> = read["lines"].as_array().unwrap().iter().collect();
    let kinds: Vec<_> = kinds.iter().map(|line| line["kind"].as_str()).collect();
    let asked = ["intent", "outcome", "intent", "outcome"].map(Some);
    assert_eq!(kinds[..2], ["begin", "automatic"].map(Some));
    assert_eq!(kinds[2..], asked);
    assert_eq!(read["lines"][1]["by"], "schedule");
    assert_eq!(read["lines"][1]["after"]["state"], "open");
    assert_eq!(read["lines"][2]["who"], "environment");
    let head = read["head"]["hash"].as_str().unwrap().to_owned();

    gateway.kill_nine();
    let (code, told) = verify(&[path, "--expect", &head]);
    assert_eq!(code, Some(0), "{told}");
    let gateway = Gateway::start(dir.path(), at).await;
    assert_eq!(order(at.control, "pause", json!({})).await, 200);
    gateway.terminate();
    assert!(gateway.ended().await.success());
    let (code, told) = verify(&[path, "--expect", &head]);
    assert_eq!(code, Some(0), "one chain over the restart: {told}");

    let text = fs::read_to_string(&audit).unwrap();
    let said = log(dir.path());
    assert!(said.contains(&head), "the log tells the head too");
    let tokens = [ann.queue_token(), ann.admission().unwrap().clone()];
    let more = [CONTROL_TOKEN.to_owned(), wrong.to_owned()];
    for secret in secrets(dir.path()).iter().chain(&tokens).chain(&more) {
        assert!(!text.contains(secret.as_str()), "{secret} is in the audit");
        assert!(!said.contains(secret.as_str()), "{secret} is in the log");
    }

    let lines: Vec<&str> = text.lines().collect();
    let cut = lines[..3].join("\n") + "\n";
    fs::write(&audit, cut).unwrap();
    assert_eq!(verify(&[path]).0, Some(0), "a cut at the end needs a note");
    assert_eq!(verify(&[path, "--expect", &head]).0, Some(1));
    fs::write(&audit, text.replace("\"count\":1", "\"count\":9")).unwrap();
    let (code, told) = verify(&[path]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["line"]), (Some(1), &json!(3)), "{told}");

    let gateway = Gateway::start(dir.path(), at).await;
    assert_eq!(order(at.control, "resume", json!({})).await, 503);
    assert!(log(dir.path()).contains("operators can change nothing"));
    let room = operator(at.control, CONTROL_TOKEN)
        .get("/v1/rooms/derby")
        .await;
    assert_eq!(room.is(200).says("state"), "paused", "nothing was done");
    drop(gateway);
}

fn rotate(dir: &Path, words: &[&str]) -> String {
    let keys = dir.join("keys");
    let line = [&["keys", "rotate", "--dir", keys.to_str().unwrap()], words].concat();
    let done = anteroom(&line);
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap()
}

#[tokio::test]
async fn t14_f26_nobody_loses_a_place_or_a_session_when_keys_are_rotated() {
    let (dir, origin) = (TempDir::new().unwrap(), Origin::open().await);
    let at = furnish(dir.path(), &Plan::default(), origin.address);
    let mut gateway = Gateway::start(dir.path(), at).await;
    let visitor = Visitor::to(at.public).speaking_json();
    let mut ann = inside(visitor, async || {
        assert_eq!(order(at.control, "release", json!({"count": 1})).await, 200);
    })
    .await;
    let mut bob = Visitor::to(at.public).speaking_json();
    bob.joins().await;
    let (before, first) = (bob.queue_token(), session(&ann));

    for (words, warns) in [(&["--signs-in", "0"][..], true), (&[], false)] {
        assert_eq!(rotate(dir.path(), words).contains("Warning"), warns);
        gateway.terminate();
        assert!(gateway.ended().await.success());
        gateway = Gateway::start(dir.path(), at).await;
        ann.get("/buy/1").await.is_served();
        assert_eq!(session(&ann), first);
        assert_eq!(bob.status().await["position"], 1);
    }

    let key = |token: &str| crate::kit::forge::decoded(token)[1..5].to_vec();
    assert_ne!(key(&bob.queue_token()), key(&before), "the new key signs");
    let public = Visitor::to(at.public).get("/_anteroom/jwks.json").await;
    let public = public.is(200).json();
    assert_eq!(public["keys"].as_array().unwrap().len(), 3, "one to come");
    drop(gateway);
}
