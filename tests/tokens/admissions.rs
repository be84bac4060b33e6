//! Admission tokens made wrong: algorithms, key ids, claims, times.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use super::count_for_nothing;
use crate::kit::House;
use crate::kit::forge::{encoded, now};

#[tokio::test]
async fn t1_only_the_keys_own_algorithm_counts() {
    let house = House::open().await;
    let forge = house.forge();
    let good = forge.sign(&forge.claims());
    let (signed, _) = good.rsplit_once('.').unwrap();
    let unsigned = |alg: &str| {
        let header = json!({"typ": "anteroom-admission+jwt", "alg": alg, "kid": forge.kid});
        format!(
            "{}.{}.",
            encoded(header.to_string()),
            encoded(forge.claims().to_string())
        )
    };
    let mut tokens = vec![
        ("empty signature", format!("{signed}.")),
        ("no signature", signed.to_owned()),
        (
            "ES256 in the header",
            forge.with_header(json!({"alg": "ES256"})),
        ),
        ("no alg", forge.with_header(json!({"alg": null}))),
        ("two algs", forge.with_header(json!({"alg": ["EdDSA"]}))),
    ];
    for alg in [
        "none", "None", "nOnE", "NONE", "EdDSA", "eddsa", "HS256", "",
    ] {
        tokens.push((alg, unsigned(alg)));
    }
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        encoded(forge.public())
    );
    for secret in [
        forge.public(),
        encoded(forge.public()).as_bytes(),
        pem.as_bytes(),
        b"",
    ] {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some("anteroom-admission+jwt".to_owned());
        header.kid = Some(forge.kid.clone());
        let key = EncodingKey::from_secret(secret);
        let token = jsonwebtoken::encode(&header, &forge.claims(), &key).unwrap();
        tokens.push(("HS256 signed with the public key", token));
    }
    count_for_nothing(&house, &tokens).await;
}

#[tokio::test]
async fn t2_key_ids_are_names_and_nothing_is_fetched() {
    let house = House::open().await;
    let forge = house.forge();
    let mut tokens = Vec::new();
    for kid in [
        "../../dev/null",
        "/dev/null",
        "' OR 1=1 --",
        "unknown",
        "",
        "20261201T100000Z",
        "%00",
        "a b",
    ] {
        tokens.push(("a kid", forge.with_header(json!({ "kid": kid }))));
    }
    tokens.push((
        "a kid of 10 KB",
        forge.with_header(json!({"kid": "k".repeat(10_240)})),
    ));
    tokens.push((
        "a kid that is a list",
        forge.with_header(json!({"kid": [forge.kid]})),
    ));
    tokens.push(("no kid", forge.with_header(json!({"kid": null}))));
    let url = format!("http://{}/jwks.json", house.origin.address);
    for (name, value) in [
        ("jku", json!(url)),
        ("x5u", json!(url)),
        (
            "jwk",
            json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(forge.public())}),
        ),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("zip", json!("DEF")),
        ("b64", json!(false)),
        ("cty", json!("JWT")),
    ] {
        tokens.push((name, forge.with_header(json!({ name: value }))));
    }
    count_for_nothing(&house, &tokens).await;
}

#[tokio::test]
async fn t3_claims_of_another_kind_are_refused() {
    let house = House::open().await;
    let forge = house.forge();
    let mut tokens = Vec::new();
    for (name, value) in [
        ("exp", json!("never")),
        ("exp", json!((now() + 300).to_string())),
        ("exp", json!(now() as f64 + 300.5)),
        ("exp", json!(-1)),
        ("exp", json!([now() + 300])),
        ("exp", json!(true)),
        ("nbf", json!("0")),
        ("nbf", json!(-5)),
        ("iat", json!("now")),
        ("aud", json!(["derby"])),
        ("iss", json!(["anteroom"])),
        ("jti", json!(7)),
        ("jti", json!("ABC")),
        ("rev", json!("0")),
        ("rev", json!(0.5)),
        ("sub", json!({"a": 1})),
        ("admin", json!(true)),
    ] {
        tokens.push((name, forge.with(json!({ name: value }))));
    }
    let good = forge.claims().to_string();
    let exp = now() + 300;
    let header = forge.header().to_string();
    for (what, claims) in [
        (
            "1e400",
            good.replace(&format!("\"exp\":{exp}"), "\"exp\":1e400"),
        ),
        (
            "a doubled exp",
            good.replacen('{', "{\"exp\":99999999999,", 1),
        ),
        (
            "a doubled aud",
            good.replacen('{', "{\"aud\":\"derby\",", 1),
        ),
        ("an array", format!("[{good}]")),
        ("white space", format!(" {good}")),
        ("text after", format!("{good}x")),
        ("nothing", String::new()),
        ("depth", "[".repeat(10_000)),
    ] {
        tokens.push((what, forge.sign_text(&header, &claims)));
    }
    let doubled = header.replacen('{', "{\"alg\":\"none\",", 1);
    tokens.push(("a doubled alg", forge.sign_text(&doubled, &good)));
    count_for_nothing(&house, &tokens).await;
}

#[tokio::test]
async fn t4_times_are_kept_to_within_five_seconds() {
    let house = House::open().await;
    let forge = house.forge();
    let at = |iat: u64, nbf: u64, exp: u64| forge.with(json!({"iat": iat, "nbf": nbf, "exp": exp}));
    let now = now();
    let tokens = [
        ("expired", at(now - 600, now - 600, now - 300)),
        (
            "expired just beyond the leeway",
            at(now - 300, now - 300, now - 6),
        ),
        ("not yet valid", at(now, now + 60, now + 300)),
        ("from the future", at(now + 60, now, now + 300)),
        ("ends before it begins", at(now, now, now - 1)),
        ("100 years", at(now, now, now + 100 * 31_557_600)),
        (
            "an old one, prolonged",
            at(now - 86_400, now - 86_400, now + 300),
        ),
        ("no exp", forge.with(json!({"exp": null}))),
        ("no nbf", forge.with(json!({"nbf": null}))),
        ("no iat", forge.with(json!({"iat": null}))),
        ("no sub", forge.with(json!({"sub": null}))),
        ("no jti", forge.with(json!({"jti": null}))),
        ("no rev", forge.with(json!({"rev": null}))),
    ];
    count_for_nothing(&house, &tokens).await;
    let tolerated = at(now - 300, now - 300, now - 2);
    let mut late = house.visitor().with_cookie("anteroom-a-derby", &tolerated);
    late.get("/buy/1").await.is_served();
}
