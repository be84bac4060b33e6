//! ATTACKS T: tokens. Whatever is wrong with one, its bearer gets exactly what nobody's token
//! gets, and the shop hears nothing of it.

use std::collections::HashSet;
use std::sync::LazyLock;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use regex::Regex;
use serde_json::{Value, json};

use crate::kit::forge::{claims_of, decoded, encoded, now};
use crate::kit::{Answer, Ask, House, Plan, Visitor, until};

/// What an answer says when everything is taken out that is another for every newcomer.
fn shape(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut fields = answer.fields.clone();
    for (name, value) in &mut fields {
        if name == "date" {
            value.clear();
        }
        if name == "set-cookie" {
            let (key, rest) = value.split_once('=').unwrap();
            *value = format!("{key}=…{}", rest.split_once(';').unwrap().1);
        }
    }
    (
        answer.status,
        fields,
        OWN.replace_all(answer.text(), "…").into_owned(),
    )
}

/// Times, and the code by which the support desk finds a visitor.
static OWN: LazyLock<Regex> = LazyLock::new(|| {
    let times = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z|[0-9]{2}:[0-9]{2}(:[0-9]{2})? UTC";
    Regex::new(&format!(r"{times}|\b[a-z1-9]{{12}}\b")).unwrap()
});

/// Demands that none of these admission tokens opens anything or shows in any answer.
async fn count_for_nothing(house: &House, tokens: &[(&str, String)]) {
    let page = shape(&house.visitor().get("/buy/1").await);
    let json = shape(&house.app().get("/buy/1").await);
    for (what, token) in tokens {
        let holder = |visitor: Visitor| visitor.with_cookie("anteroom-a-derby", token);
        let answer = holder(house.visitor()).get("/buy/1").await;
        assert_eq!(shape(&answer), page, "{what}");
        let answer = holder(house.app()).get("/buy/1").await;
        assert_eq!(shape(&answer), json, "{what}");
        if token.len() < 4_096 {
            let ask = Ask::get("/buy/1").with("anteroom-admission", token);
            assert_eq!(shape(&house.app().ask(ask).await), json, "{what} as header");
        }
    }
    house.origin.saw_nothing();
    house.insider().get("/buy/1").await.is_served();
    house.origin.only();
}

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

#[tokio::test]
async fn t5_tokens_of_another_kind_room_or_house_count_for_nothing() {
    let plan = Plan::default().another_room("final", "/final/*");
    let house = House::of(plan.clone()).await;
    let other = House::of(plan).await;
    let forge = house.forge();
    let mut ann = house.visitor();
    ann.joins().await;
    let foreign = other.forge();
    let named_alike = other.forge().named(&forge.kid);
    let tokens = [
        ("a queue token", ann.queue_token()),
        ("another typ", forge.with_header(json!({"typ": "JWT"}))),
        ("no typ", forge.with_header(json!({"typ": null}))),
        ("another issuer", forge.with(json!({"iss": "elsewhere"}))),
        ("another room", forge.with(json!({"aud": "final"}))),
        ("a room in other case", forge.with(json!({"aud": "Derby"}))),
        ("no room", forge.with(json!({"aud": null}))),
        ("another house", foreign.sign(&forge.claims())),
        (
            "another house's key with our kid",
            named_alike.sign(&forge.claims()),
        ),
    ];
    count_for_nothing(&house, &tokens).await;
    let good = forge.sign(&forge.claims());
    house
        .visitor()
        .with_cookie("anteroom-a-final", &good)
        .get("/final/1")
        .await
        .is_queue();

    let mut cat = other.visitor();
    cat.joins().await;
    let fresh = shape(&house.app().get("/_anteroom/rooms/derby/status").await);
    for (what, token) in [
        ("an admission", good),
        ("another house's", cat.queue_token()),
        ("nonsense", "x".repeat(102)),
    ] {
        let mut bearer = house.app().with_cookie("anteroom-q-derby", &token);
        let answer = bearer.get("/_anteroom/rooms/derby/status").await;
        assert_eq!(shape(&answer), fresh, "{what}");
    }
    let mut elsewhere = house
        .app()
        .with_cookie("anteroom-q-final", &ann.queue_token());
    let status = elsewhere.get("/_anteroom/rooms/final/status").await;
    assert_eq!(
        status.says("position"),
        Value::Null,
        "a place holds in its own room"
    );
    house.origin.saw_nothing();
}

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

/// Every way to change one bit of a text that can still travel in a header.
fn flips(text: &str) -> impl Iterator<Item = String> {
    let bits = (0..text.len()).flat_map(|at| (0..8).map(move |bit| (at, bit)));
    bits.filter_map(move |(at, bit)| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1 << bit;
        let fits = (0x21..0x7f).contains(&bytes[at]) && !b";,\"".contains(&bytes[at]);
        fits.then(|| String::from_utf8(bytes).unwrap())
    })
}

#[tokio::test]
async fn t6_no_bit_of_an_admission_may_change() {
    let house = House::open().await;
    let forge = house.forge();
    let good = forge.sign(&forge.claims());
    let none = shape(&house.app().get("/buy/1").await);
    let (mut stranger, mut tried) = (house.app(), 0);
    for flipped in flips(&good) {
        let ask = Ask::get("/buy/1").with("anteroom-admission", &flipped);
        assert_eq!(shape(&stranger.ask(ask).await), none, "{flipped}");
        stranger.jar.clear();
        tried += 1;
    }
    assert!(tried > 2_000, "{tried} flips");
    let mut odd: Vec<(&str, String)> = (1..good.len())
        .step_by(7)
        .map(|end| ("cut off", good[..end].to_owned()))
        .collect();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    odd.extend([
        ("padded", format!("{good}=")),
        ("padded twice", format!("{good}==")),
        (
            "another alphabet",
            format!("{signed}.{}", signature.replace('-', "+").replace('_', "/")),
        ),
        ("a part more", format!("{good}.{signature}")),
        ("a dot more", format!("{good}.")),
        ("a dot before", format!(".{good}")),
        ("a letter more", format!("{good}A")),
        ("twice", format!("{good}{good}")),
    ]);
    odd.retain(|(_, token)| *token != good);
    count_for_nothing(&house, &odd).await;
}

#[tokio::test]
async fn t6_no_bit_of_a_queue_token_may_change() {
    let house = House::open().await;
    let mut ann = house.visitor();
    ann.joins().await;
    let good = ann.queue_token();
    let before = house.visitors_calls().await;
    let (mut stranger, mut tried) = (house.app(), 0);
    for flipped in flips(&good).chain((0..good.len()).map(|end| good[..end].to_owned())) {
        let ask = Ask::get("/_anteroom/rooms/derby/status").with("anteroom-queue", &flipped);
        let answer = stranger.ask(ask).await;
        assert_eq!(answer.is(200).says("position"), Value::Null, "{flipped}");
        stranger.jar.clear();
        tried += 1;
    }
    assert_eq!(
        house.visitors_calls().await,
        before,
        "the store was not asked"
    );
    assert!(tried > 500, "{tried} flips");
    assert_eq!(ann.status().await["position"], 1);
}

#[tokio::test]
async fn t7_doubled_and_oversized_cookies_are_ignored_or_refused() {
    let house = House::open().await;
    let forge = house.forge();
    let (one, two) = (forge.sign(&forge.claims()), forge.with(json!({"rev": 1})));
    let none = shape(&house.app().get("/buy/1").await);
    for cookies in [
        format!("anteroom-a-derby={one}; anteroom-a-derby={two}"),
        format!("anteroom-a-derby={one}; anteroom-a-derby={one}"),
        format!("anteroom-a-derby={one}; anteroom-a-derby="),
        format!("anteroom-a-derby={}", "x".repeat(5_000)),
    ] {
        let answer = house
            .app()
            .ask(Ask::get("/buy/1").with("cookie", &cookies))
            .await;
        assert_eq!(shape(&answer), none, "{cookies:.60}");
    }
    let lines = Ask::get("/buy/1")
        .with("cookie", &format!("anteroom-a-derby={one}"))
        .with("cookie", &format!("anteroom-a-derby={two}"));
    assert_eq!(shape(&house.app().ask(lines).await), none);
    let both = Ask::get("/buy/1")
        .with("cookie", &format!("anteroom-a-derby={one}"))
        .with("anteroom-admission", &one);
    assert_eq!(shape(&house.app().ask(both).await), none);

    let mut ann = house.app();
    ann.joins().await;
    let (mine, mut bob) = (ann.queue_token(), house.app());
    bob.joins().await;
    let doubled = format!(
        "anteroom-q-derby={mine}; anteroom-q-derby={}",
        bob.queue_token()
    );
    let ask = Ask::get("/_anteroom/rooms/derby/status").with("cookie", &doubled);
    let answer = house.app().ask(ask).await;
    assert_eq!(answer.says("position"), Value::Null);
    assert_eq!(answer.cookies().len(), 1, "issued anew");

    let megabyte = Ask::get("/buy/1").with("cookie", &format!("a={}", "x".repeat(1 << 20)));
    let answer = house.visitor().ask(megabyte).await;
    assert_eq!(answer.is(431).header("connection"), Some("close"));
    house.origin.saw_nothing();

    let many: Vec<String> = (0..200)
        .map(|number| format!("c{number}={number}"))
        .collect();
    let ask = Ask::get("/buy/1").with(
        "cookie",
        &format!("{}; anteroom-a-derby={one}", many.join("; ")),
    );
    house.visitor().ask(ask).await.is_served();
    assert_eq!(
        house.origin.only().all("cookie"),
        [many.join("; ")],
        "the site's own stay"
    );
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
    let (fields, tag) = (60, 76);
    assert_eq!(last.len(), tag, "60 bytes of fields and the tag");
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
