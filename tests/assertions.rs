//! Rows A6 and N2 of docs/security.md: a site that takes only what came through the door.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anteroom::domain::clock::Clock;
use anteroom::token::assertion::TYP;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
};
use serde_json::{Value, json};

use crate::kit::origin::OWN_TEXT;
use crate::kit::process::{anteroom, furnish};
use crate::kit::{Ask, House, Plan, Server, Visitor};

/// 32 bytes of chance, as `openssl rand` writes them.
const SECRET: &str = "q6f2Jw0yT5m1kZcVhXo8nR3sUe7bLd9aPgWiKxMtYvA";

fn secret_in(folder: &Path, mode: u32) -> PathBuf {
    let file = folder.join("shop.key");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    file
}

fn asking_for_assertions(file: &Path) -> Plan {
    Plan::default().site(&format!("assertion_key = \"{}\"", file.display()))
}

/// What a site reads in an assertion, with nothing but the line of the secret's file.
fn read(text: &str) -> Result<Value, jsonwebtoken::errors::Error> {
    assert_eq!(decode_header(text)?.typ.as_deref(), Some(TYP));
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_audience(&["shop"]);
    rules.set_issuer(&["anteroom"]);
    rules.leeway = 0;
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    Ok(decode::<Value>(text, &key, &rules)?.claims)
}

#[tokio::test]
async fn a6_the_site_is_told_what_came_through_the_door_and_nobody_else_can_tell_it() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::of(asking_for_assertions(&secret_in(folder.path(), 0o600))).await;
    let now = Clock::machine().now().wall.secs();

    let forged = Ask::get("/about?x=1").with("anteroom-assertion", "forged");
    house.app().ask(forged).await.is_served();
    let outside = house.origin.only();
    let said = outside.all("anteroom-assertion");
    assert_eq!(said.len(), 1, "{said:?}");
    let claims = read(said[0]).unwrap();
    assert_eq!(claims["method"], "GET");
    assert_eq!(claims["path"], "/about");
    assert_eq!(claims["host"], outside.all("host")[0]);
    assert_eq!(claims["grounds"], "outside");
    assert_eq!(claims.get("jti"), None);
    let (iat, exp) = (
        claims["iat"].as_u64().unwrap(),
        claims["exp"].as_u64().unwrap(),
    );
    assert!(iat >= now && exp == iat + 60, "{claims}");

    let mut insider = house.insider();
    insider
        .ask(Ask::post("/Buy//1").body("order"))
        .await
        .is_served();
    let arrived = house.origin.arrived();
    let bought = arrived.last().unwrap();
    let claims = read(bought.all("anteroom-assertion")[0]).unwrap();
    assert_eq!(claims["method"], "POST");
    assert_eq!(claims["path"], "/Buy/1", "the path that the site got");
    assert_eq!(claims["grounds"], "admitted");
    assert_eq!(claims["jti"], json!(bought.all("anteroom-session-id")[0]));

    let (head, rest) = said[0].split_once('.').unwrap();
    let (body, tag) = rest.split_once('.').unwrap();
    let mut other: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap();
    other["path"] = json!("/buy/1");
    let other = URL_SAFE_NO_PAD.encode(other.to_string());
    assert!(read(&format!("{head}.{other}.{tag}")).is_err());
}

#[tokio::test]
async fn n2_naming_them_hop_by_hop_drops_neither_assertion_nor_session() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::of(asking_for_assertions(&secret_in(folder.path(), 0o600))).await;
    for named in [
        "anteroom-assertion, anteroom-session-id",
        "Anteroom-Session-Id,close,ANTEROOM-ASSERTION",
    ] {
        let ask = Ask::post("/buy/1")
            .body("order")
            .with("connection", named)
            .with("anteroom-assertion", "forged")
            .with("anteroom-session-id", "forged");
        house.insider().ask(ask).await.is_served();
        let arrived = house.origin.only();
        let (assertions, sessions) = (
            arrived.all("anteroom-assertion"),
            arrived.all("anteroom-session-id"),
        );
        assert_eq!((assertions.len(), sessions.len()), (1, 1), "{named}");
        let claims = read(assertions[0]).unwrap();
        assert_eq!(claims["grounds"], "admitted");
        assert_eq!(claims["jti"], json!(sessions[0]));
        assert_ne!(sessions[0], "forged");
    }
}

#[tokio::test]
async fn a_site_that_asks_for_none_gets_none() {
    let house = House::open().await;
    house.visitor().get("/about").await.is_served();
    assert!(house.origin.only().all("anteroom-assertion").is_empty());
}

#[tokio::test]
async fn t15_a_secret_that_others_may_read_opens_no_door() {
    let folder = tempfile::tempdir().unwrap();
    let plan = asking_for_assertions(&secret_in(folder.path(), 0o644));
    furnish(folder.path(), &plan, "127.0.0.1:1".parse().unwrap());
    let dir = folder.path().to_str().unwrap();

    let refused = anteroom(&["run", "--policies", dir]);

    assert_eq!(refused.status.code(), Some(1));
    let fault = String::from_utf8(refused.stderr).unwrap();
    assert!(fault.contains("open to others (mode 644)"), "{fault}");
    assert!(!fault.contains(SECRET), "{fault}");
}

/// The lines that the documentation gives for HAProxy, with the secret in its place.
fn documented_for_haproxy() -> String {
    let page = include_str!("../docs/operations.md");
    let (_, lines) = page
        .split_once("# haproxy, in front of the shop\n")
        .unwrap();
    let (lines, _) = lines.split_once("```").unwrap();
    assert!(lines.lines().count() >= 8, "{lines}");
    lines.replace("THE-LINE-OF-THE-FILE", SECRET)
}

/// A HAProxy before a shop of its own words, with these lines.
async fn shop_behind_haproxy(lines: &str) -> Server {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    let page = format!("{OWN_TEXT:<1024}");
    Server::haproxy(&format!(
        "defaults\n    mode http\n    timeout connect 5s\n    timeout client 30s\n    \
         timeout server 30s\nfrontend shop\n    bind @listen\n{lines}    \
         http-request return status 200 content-type text/plain string \"{page}\"\n"
    ))
    .await
}

#[tokio::test]
async fn a6_the_documented_haproxy_takes_only_what_came_through_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let plan = asking_for_assertions(&secret_in(folder.path(), 0o600));
    let witness = House::of(plan.clone()).await;
    let shop = shop_behind_haproxy(&documented_for_haproxy()).await;
    let house = House::in_front_of(plan, shop.address).await;

    for path in ["/about", "/about?x=1", "/Buy//1"] {
        house.insider().get(path).await.is_served();
    }
    house
        .insider()
        .ask(Ask::post("/buy/1").body("order"))
        .await
        .is_served();

    // What a request of another house with the same secret is told of it at the site.
    witness.visitor().get("/about").await.is_served();
    let arrived = witness.origin.only();
    let (said, host) = (arrived.all("anteroom-assertion")[0], arrived.all("host")[0]);
    let direct = async |ask: Ask| {
        let mut visitor = Visitor::to(shop.address).host(host);
        visitor.ask(ask).await.status
    };
    let with = |ask: Ask| ask.with("anteroom-assertion", said);
    assert_eq!(direct(with(Ask::get("/about"))).await, 200, "the very one");
    assert_eq!(direct(with(Ask::get("/about?y=2"))).await, 200, "its path");
    assert_eq!(direct(Ask::get("/about")).await, 403, "without any");
    assert_eq!(direct(with(Ask::get("/buy/1"))).await, 403, "another path");
    assert_eq!(
        direct(with(Ask::post("/about"))).await,
        403,
        "another method"
    );
    let other_host = with(Ask::get("/about"));
    let mut visitor = Visitor::to(shop.address).host("other.example");
    visitor.ask(other_host).await.is(403);
    for forged in forgeries(said) {
        let ask = Ask::get("/about").with("anteroom-assertion", &forged);
        assert_eq!(direct(ask).await, 403, "{forged}");
    }
}

/// Assertions that nobody signed so: changed, of another algorithm, of another secret, or stale.
fn forgeries(said: &str) -> Vec<String> {
    let (head, rest) = said.split_once('.').unwrap();
    let (body, tag) = rest.split_once('.').unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap();
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut later = claims.clone();
    later["exp"] = json!(claims["exp"].as_u64().unwrap() + 600);
    let none = encoded(&json!({"typ": TYP, "alg": "none"}));
    let mut stale = claims.clone();
    stale["iat"] = json!(claims["iat"].as_u64().unwrap() - 120);
    stale["exp"] = json!(claims["exp"].as_u64().unwrap() - 120);
    let signed = |claims: &Value, secret: &str| {
        let key = EncodingKey::from_secret(secret.as_bytes());
        encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
    };
    vec![
        "forged".to_owned(),
        format!("{head}.{}.{tag}", encoded(&later)),
        format!("{none}.{body}."),
        format!("{none}.{body}.{tag}"),
        signed(&claims, "another secret of the very same length, no 1"),
        signed(&stale, SECRET),
    ]
}
