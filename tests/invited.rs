//! Visitors with a code or an identity, through real gateways.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::club::{Club, Shelf};
use crate::kit::house::metric;
use crate::kit::process::{anteroom, furnish, log};
use crate::kit::{Ask, Gateway, House, Origin, Plan, Visitor, until};
use crate::shared::pair::{A, B, Pair};

const REDEEM: &str = "/_anteroom/rooms/derby/redeem";

/// A room with a lane for members, and so much more in its file.
fn laned(more: &str) -> Plan {
    Plan::default().session(&format!(
        "[[lane]]\nname = \"general\"\nweight = 7\n[[lane]]\nname = \"members\"\nweight = 3\n{more}"
    ))
}

/// Codes for members, as the operator's answer has them.
fn codes(answer: &Value) -> Vec<String> {
    let codes = answer["codes"].as_array().unwrap().iter();
    codes
        .map(|code| code.as_str().unwrap().to_owned())
        .collect()
}

async fn handed_out(house: &House, count: u32) -> Vec<String> {
    let asked = json!({"lane": "members", "count": count}).to_string();
    let ask = Ask::post("/v1/rooms/derby/codes").body(asked);
    let answer = house.operator().ask(ask).await;
    let codes = codes(&answer.is(200).json());
    until("the gate knows the batch", || async {
        let page = house.visitor().get("/buy/1").await;
        page.text().contains("I have a code").then_some(())
    })
    .await;
    codes
}

fn bring(code: &str) -> Ask {
    Ask::post(REDEEM)
        .with("content-type", "application/json")
        .body(json!({ "code": code }).to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q8_of_two_who_bring_one_code_to_two_gateways_at_once_one_gets_in() {
    let pair = Pair::open(laned("")).await;
    let asked = json!({"lane": "members", "count": 10}).to_string();
    let ask = Ask::post("/v1/rooms/derby/codes").body(asked);
    let answer = pair.gateway(A).operator().ask(ask).await;
    let version = pair.room(A).await["version"].clone();
    until("B knows the batch", || async {
        (pair.room(B).await["version"] == version).then_some(())
    })
    .await;

    for code in codes(&answer.is(200).json()) {
        let (mut ann, mut bob) = (pair.app(A), pair.app(B));
        ann.status().await;
        bob.status().await;
        let (one, two) = tokio::join!(ann.ask(bring(&code)), bob.ask(bring(&code)));
        let (good, bad) = if one.status == 200 {
            (one, two)
        } else {
            (two, one)
        };
        let inside = good.is(200).json();
        assert_eq!(
            (&inside["lane"], &inside["lane_share"]),
            (&json!("members"), &json!(0.3))
        );
        assert!(inside["position"].is_u64());
        bad.is(409);
        assert_eq!(bad.says("code"), "used");
    }
    let members = async |gateway| pair.room(gateway).await["lanes"][1].clone();
    for gateway in [A, B] {
        until("both count ten members", || async {
            let lane = members(gateway).await;
            let came = lane["waiting"].as_u64()? + lane["released_total"].as_u64()?;
            (came == 10).then_some(())
        })
        .await;
    }
    let used = ["accepted", "used"].map(|word| format!("result=\"{word}\""));
    let mut counted = [0.0; 2];
    for gateway in [A, B] {
        let mut operator = pair.gateway(gateway).operator();
        for (sum, labels) in counted.iter_mut().zip(&used) {
            *sum += metric(&mut operator, "anteroom_codes_redeemed_total", labels).await;
        }
    }
    assert_eq!(counted, [10.0, 10.0]);
}

#[tokio::test]
async fn q8_guessing_is_slowed_down_and_told_nothing() {
    let house = House::of(laned("")).await;
    handed_out(&house, 3).await;
    let mut ann = house.app();
    ann.status().await;
    let guess = "ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ";
    let mistyped = ann.ask(bring(guess)).await;
    mistyped.is(422);
    let forged: Vec<String> = {
        // Codes of another house: well-formed, and unknown here.
        let other = House::of(laned("")).await;
        handed_out(&other, 7).await
    };
    for code in &forged[..6] {
        let wrong = ann.ask(bring(code)).await;
        assert_eq!(wrong.body, mistyped.body, "unknown looks like mistyped");
    }
    let slowed = ann.ask(bring(&forged[6])).await;
    slowed.is(429);
    let wait: u64 = slowed.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    assert_eq!(house.store_calls("spend").await, 0.0);
}

#[tokio::test]
async fn a_code_is_entered_without_javascript_and_before_the_line() {
    let house = House::of(laned("")).await;
    let codes = handed_out(&house, 2).await;
    let mut ann = house.visitor();
    let page = ann.get(REDEEM).await;
    let html = page.is(200).text().to_owned();
    assert!(!html.contains("<script"), "nothing puts her into the line");
    let action = html
        .split("action=\"")
        .find_map(|rest| {
            rest.split('"')
                .next()
                .filter(|path| path.contains("redeem"))
        })
        .unwrap()
        .to_owned();
    let form = |code: &str| {
        Ask::post(&action)
            .with("content-type", "application/x-www-form-urlencoded")
            .with("origin", "null")
            .body(format!("code={}", code.to_lowercase().replace('-', "+")))
    };

    let wrong = ann.ask(form("0000")).await;
    assert!(
        wrong
            .is(422)
            .text()
            .contains("We don\u{2019}t know this code.")
    );
    let told = ann.ask(form(&codes[0])).await;
    let told = told.is(200).text().to_owned();
    assert!(told.contains("Your code counts"), "{told}");
    assert!(told.contains("\u{201c}Members\u{201d}"), "{told}");
    assert!(
        told.contains("url=/buy\""),
        "and goes on to the room: {told}"
    );
    let late = ann.ask(form(&codes[1])).await;
    assert!(late.is(409).text().contains("You have a place already"));
    assert_eq!(ann.status().await["lane"], "members");

    let mut mallory = house.visitor();
    mallory.get(REDEEM).await;
    let foreign = Ask::post(REDEEM)
        .with("origin", "https://evil.example")
        .body(format!("code={}", codes[1]));
    mallory.ask(foreign).await.is(403);
    let mut bob = house.app();
    bob.status().await;
    bob.ask(bring(&codes[1])).await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_that_takes_a_lane_away_loses_nobody_who_waits_in_it() {
    let (dir, origin) = (TempDir::new().unwrap(), Origin::open().await);
    let at = furnish(dir.path(), &laned(""), origin.address);
    let gateway = Gateway::start(dir.path(), at).await;
    let orders = async |verb: &str, body: Value| {
        let path = format!("/v1/rooms/derby/{verb}");
        let ask = Ask::post(&path).with("content-type", "application/json");
        let answer = gateway.operator().ask(ask.body(body.to_string())).await;
        answer.is(200).json()
    };
    let lanes = async || {
        let room = gateway.operator().get("/v1/rooms/derby").await;
        room.is(200).json()["lanes"].clone()
    };
    let app = || Visitor::to(gateway.at.public).speaking_json();
    orders("pause", json!({})).await;
    let made = orders("codes", json!({"lane": "members", "count": 2})).await;
    let (mut ann, mut bob, mut cat) = (app(), app(), app());
    until("the gate knows the batch", || async {
        let page = Visitor::to(gateway.at.public).get("/buy/1").await;
        page.text().contains("I have a code").then_some(())
    })
    .await;
    for (member, code) in [&mut ann, &mut bob].into_iter().zip(codes(&made)) {
        member.status().await;
        let inside = member.ask(bring(&code)).await.is(200).json();
        assert_eq!(inside["lane"], "members");
    }
    assert_eq!(cat.joins().await["position"], 1, "the first in her lane");
    until("all are counted", || async {
        let lanes = lanes().await;
        (lanes[0]["waiting"] == 1 && lanes[1]["waiting"] == 2).then_some(())
    })
    .await;

    Plan::default().write(dir.path(), at);
    let control = format!("http://{}", at.control);
    let told = anteroom(&["reload", "--control", &control]);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("2 waiting in the lane `members`"), "{told}");
    assert!(told.contains("it is gone"), "{told}");

    for (fan, position) in [(&mut ann, 1), (&mut bob, 2), (&mut cat, 1)] {
        assert_eq!(fan.status().await["position"], position);
    }
    let left = lanes().await;
    assert_eq!(
        (&left[1]["name"], &left[1]["waiting"]),
        (&Value::Null, &json!(2))
    );
    orders("resume", json!({})).await;
    orders("release", json!({"count": 3})).await;
    for fan in [&mut ann, &mut bob, &mut cat] {
        fan.polls_until("released").await;
    }
}

#[tokio::test]
async fn bodies_that_are_no_codes_are_answered_and_never_followed() {
    let house = House::of(laned("")).await;
    let codes = handed_out(&house, 1).await;
    for body in [
        String::new(),
        "{}".to_owned(),
        "code".to_owned(),
        format!("{{\"code\":\"{}\",\"code\":\"x\"}}", codes[0]),
        "\u{0}".repeat(900),
        format!("code={}", "0".repeat(100_000)),
    ] {
        let mut ann = house.app();
        ann.status().await;
        let answer = ann.ask(Ask::post(REDEEM).body(body)).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        ann.status().await;
    }
    let mut bob = house.app();
    bob.status().await;
    bob.ask(bring(&codes[0])).await.is(200);
}

/// The lines of a provider whose keys are there.
fn provider(keys: &str) -> String {
    format!(
        "[[identity]]\nname = \"club\"\nissuer = \"https://id.club.example/\"\n\
         audience = \"tickets\"\n{keys}\ncookie = \"club\"\nheader = \"Authorization\"\n\
         sign_in_url = \"/account/sign-in\"\nrefresh_s = 1\n"
    )
}

const RULES: &str = "[identity]\nprovider = \"club\"\none_place_per_identity = true\n\
    [[identity.lane]]\nlane = \"members\"\nclaim = \"tier\"\nis = [\"gold\"]\n";

/// The lane somebody with this token joins, if any.
async fn lane_of(gateway: &Gateway, token: &str) -> Option<String> {
    let mut fan = Visitor::to(gateway.at.public)
        .speaking_json()
        .with_header("authorization", &format!("Bearer {token}"));
    fan.status().await;
    let status = fan.status().await;
    status["position"].as_u64()?;
    Some(status["lane"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t2_an_identity_leads_into_its_lane_and_makes_nobody_fetch_anything() {
    let club = Club::new("one");
    let (shelf, trap) = (
        Shelf::with(club.jwks()).await,
        Shelf::with(club.jwks()).await,
    );
    let url = format!("jwks_url = \"http://{}/jwks.json\"", shelf.address);
    let plan = laned(RULES).site(&provider(&url));
    let (dir, origin) = (TempDir::new().unwrap(), Origin::open().await);
    let at = furnish(dir.path(), &plan, origin.address);
    let gateway = Gateway::start(dir.path(), at).await;

    let gold = club.says("fan-1", "gold");
    assert_eq!(lane_of(&gateway, &gold).await.as_deref(), Some("members"));
    let silver = club.says("fan-2", "silver");
    assert_eq!(lane_of(&gateway, &silver).await.as_deref(), Some("general"));

    let header = |more: Value| {
        let mut header = json!({"alg": "EdDSA", "kid": "one"});
        let fields = more.as_object().unwrap().clone();
        header.as_object_mut().unwrap().extend(fields);
        header
    };
    let lure = format!("http://{}/jwks.json", trap.address);
    for bad in [
        json!({"jku": lure}),
        json!({"x5u": lure}),
        json!({"jwk": club.jwk()}),
        json!({"kid": lure}),
        json!({"alg": "none"}),
    ] {
        let token = club.signs(&header(bad.clone()), "fan-3", "gold");
        assert_eq!(lane_of(&gateway, &token).await, None, "{bad}");
    }
    assert_eq!(trap.asked(), 0, "a token makes nobody fetch anything");

    // A new key is taken up by itself, and the old one is gone with it.
    let newer = Club::new("two");
    shelf.put(newer.jwks());
    let new = newer.says("fan-4", "gold");
    until("the new key is read", || async {
        (lane_of(&gateway, &new).await.as_deref() == Some("members")).then_some(())
    })
    .await;
    let old = club.says("fan-5", "gold");
    assert_eq!(lane_of(&gateway, &old).await, None);

    // Nonsense, or a provider that is away, takes no key.
    shelf.put("<html>oops</html>".to_owned());
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    shelf.close();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let last = newer.says("fan-6", "gold");
    assert_eq!(lane_of(&gateway, &last).await.as_deref(), Some("members"));
    let said = log(dir.path());
    let told = said.matches("keys could not be read").count();
    assert_eq!(told, 1, "told once: {said}");
    for token in [&gold, &silver, &new, &old, &last] {
        let signature = token.rsplit('.').next().unwrap();
        assert!(!said.contains(signature), "a token in the log");
    }
}

#[tokio::test]
async fn a_visitor_signs_in_first_and_the_site_gets_the_token_unchanged() {
    let club = Club::new("one");
    let shelf = Shelf::with(club.jwks()).await;
    let url = format!("jwks_url = \"http://{}/jwks.json\"", shelf.address);
    let house = House::of(laned(RULES).site(&provider(&url))).await;
    let mut ann = house.visitor();

    let page = ann.get("/buy/1").await;
    let html = page.is(200).text().to_owned();
    assert!(html.contains("Please sign in first"), "{html}");
    assert!(html.contains("href=\"/account/sign-in\""), "{html}");
    assert!(ann.jar.is_empty(), "nothing is given before");
    let told = house.app().status().await;
    assert_eq!(told["sign_in"], json!({"url": "/account/sign-in"}));
    assert_eq!(told["state"], "waiting");

    let token = club.says("fan-1", "gold");
    ann.jar.insert("club".to_owned(), token.clone());
    ann.joins().await;
    let mut phone = house.app().with_cookie("club", &token);
    phone.status().await;
    assert_eq!(phone.status().await["position"], 1, "the same place");
    house.tells_of(1).await;
    house.release(1).await;
    ann.polls_until("released").await;
    ann.get("/buy/1").await.is_served();
    let arrived = house.origin.arrived();
    let cookies = arrived.last().unwrap().all("cookie").join("; ");
    assert_eq!(cookies, format!("club={token}"));
}
