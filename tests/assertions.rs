//! Rows A6 and N2 of docs/security.md: a site that takes only what came through the door.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anteroom::domain::clock::Clock;
use anteroom::token::assertion::TYP;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::kit::process::{anteroom, furnish};
use crate::kit::{Ask, House, Plan};

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
