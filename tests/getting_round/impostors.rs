//! Forged words, our own URLs, caches and requests that nobody made.

use crate::kit::forge::claims_of;
use crate::kit::wire::{Asked, statuses};
use crate::kit::{Ask, House, Plan, Visitor, Wire, raw, until};

#[tokio::test]
async fn a9_forged_words_of_a_gateway_open_nothing_and_never_arrive() {
    let house = House::open().await;
    let token = house.forge().sign(&house.forge().claims());
    let forged = |ask: Ask| {
        ask.with("x-admitted", "1")
            .with("anteroom-assertion", "yes")
            .with("anteroom-session", "hold=9")
            .with("anteroom-visitor", "1")
            .with("x-anteroom-admitted", "true")
            .with("anteroom_admission", &token)
            .with("x_admitted", "1")
    };
    house
        .visitor()
        .ask(forged(Ask::get("/buy/1")))
        .await
        .is_queue();
    for name in [
        "Anteroom-A-derby",
        "anteroom_a_derby",
        "anteroom-a-Derby",
        "ANTEROOM-A-DERBY",
    ] {
        house
            .visitor()
            .with_cookie(name, &token)
            .get("/buy/1")
            .await
            .is_queue();
    }
    for name in ["Content_Length", "Transfer_Encoding"] {
        house
            .visitor()
            .ask(Ask::get("/about").with(name, "5"))
            .await
            .is(400);
    }
    house.origin.saw_nothing();

    let mut insider = house.insider().with_cookie("basket", "7");
    insider
        .ask(forged(Ask::get("/buy/1")).with("x-own", "kept"))
        .await
        .is_served();
    let arrived = house.origin.only();
    for name in arrived.names() {
        let told = name == "anteroom-session-id";
        let ours = name.contains("anteroom") || name.contains('_') || name == "x-admitted";
        assert!(told || !ours, "{}", arrived.head);
    }
    let names = arrived.all("anteroom-session-id");
    assert!(
        names.len() == 1 && names[0].len() == 32,
        "our own word: {names:?}"
    );
    assert_eq!(
        arrived.all("cookie"),
        ["basket=7"],
        "our cookies are cut out"
    );
    assert_eq!(arrived.all("x-own"), ["kept"]);
}

/// A room over the whole site that lets everybody pass at once.
const OPEN_TO_ALL: [&str; 2] = [
    "name = \"all\"\nsite = \"shop\"\npaths = [\"/*\"]\nmethod = \"passthrough\"\n",
    "name = \"all\"\nsite = \"shop\"\npaths = [\"/*\"]\n[pace]\nper_minute = 1\n\
     [[exempt]]\npath = \"/*\"\n",
];

/// Everything else is let through in each of these houses, so that only what guards the prefix
/// keeps these from the site.
#[tokio::test]
async fn a13_only_exact_urls_below_the_prefix_are_answered_and_none_is_forwarded() {
    no_url_below_the_prefix_is_forwarded(&House::open().await).await;
    for room in OPEN_TO_ALL {
        let plan = Plan::default().file("rooms/all.toml", room);
        no_url_below_the_prefix_is_forwarded(&House::of(plan).await).await;
    }
}

async fn no_url_below_the_prefix_is_forwarded(house: &House) {
    let mut insider = house.insider();
    for path in ["/", "/_anteroomx", "/x/_anteroom/x"] {
        insider.get(path).await.is_served();
    }
    house.origin.lines();
    for path in [
        "/_anteroom",
        "/_anteroom/",
        "/_anteroom/x",
        "/_anteroom/rooms",
        "/_anteroom/rooms/derby",
        "/_anteroom/rooms/derby/status/",
        "/_anteroom/rooms/derby/status/x",
        "/_anteroom/rooms/nowhere/status",
        "/_anteroom/rooms/Derby/status",
        "/_anteroom/jwks.json/x",
        "/_Anteroom/jwks.json",
        "/_ANTEROOM/x",
        "/_anteroom;x/jwks.json",
        "/_anteroom/assets/..",
        "/_anteroom/assets/none.js",
        "/x/../_anteroom/x",
        "//_anteroom/x",
        "/%5fanteroom/x",
    ] {
        insider.get(path).await.is(404);
        let status = insider.post(path).await.status;
        assert!(matches!(status, 404 | 405), "{path}: {status}");
    }
    for path in [
        "/_anteroom%2Fx",
        "/_anteroom%5Cx",
        "/_anteroom/rooms%2fderby/status",
    ] {
        insider.get(path).await.is(400);
    }
    for (method, path) in [
        ("POST", "status"),
        ("GET", "join"),
        ("GET", "claim"),
        ("PUT", "leave"),
    ] {
        let ask = Ask::new(method, &format!("/_anteroom/rooms/derby/{path}"));
        insider.ask(ask).await.is(405);
    }
    insider.get("/_anteroom/jwks.json").await.is(200);
    house.origin.saw_nothing();
}

#[tokio::test]
async fn a14_no_answer_of_the_room_may_be_kept_for_others() {
    let house = House::open().await;
    let mut newcomer = house.visitor();
    for path in [
        "/buy/public",
        "/_anteroom/rooms/derby/status",
        "/_anteroom/nothing",
    ] {
        let answer = newcomer.get(path).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("vary"), Some("Cookie"), "{path}");
        assert_eq!(answer.header("x-robots-tag"), Some("noindex"), "{path}");
    }
    let admitted = house.insider().get("/buy/public").await;
    assert_eq!(
        admitted.is_served().header("cache-control"),
        Some("private")
    );
    assert_eq!(admitted.header("vary"), Some("Cookie"));
    let outside = house.visitor().get("/public").await;
    let kept = outside.is_served().header("cache-control");
    assert_eq!(
        kept,
        Some("public, s-maxage=600"),
        "what no room covers is the site's own affair"
    );
}

#[tokio::test]
async fn a16_prefetches_previews_and_cross_site_requests_change_nothing() {
    let house = House::open().await;
    let mut ann = house.visitor();
    ann.status().await;
    let no_visits: [&[(&str, &str)]; 5] = [
        &[("sec-purpose", "prefetch")],
        &[("sec-purpose", "prefetch;prerender")],
        &[("purpose", "prefetch")],
        &[("x-moz", "prefetch")],
        &[
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-dest", "image"),
        ],
    ];
    let ask = |method: &str, path: &str, fields: &[(&str, &str)]| {
        let ask = Ask::new(method, path);
        fields
            .iter()
            .fold(ask, |ask, (name, value)| ask.with(name, value))
    };
    for fields in no_visits {
        for path in ["/buy/1", "/_anteroom/rooms/derby/status"] {
            ann.ask(ask("GET", path, fields)).await;
        }
    }
    ann.ask(Ask::new("HEAD", "/buy/1")).await;
    ann.ask(Ask::new("HEAD", "/_anteroom/rooms/derby/status"))
        .await;
    assert_eq!(house.visitors_calls().await, 0.0, "nobody joined");

    ann.joins().await;
    house.release(1).await;
    ann.polls_until("released").await;
    for fields in no_visits {
        let answer = ann.ask(ask("GET", "/buy/1", fields)).await;
        assert!(!answer.is_from_the_shop());
    }
    ann.ask(Ask::new("HEAD", "/buy/1")).await;
    assert_eq!(house.store_calls("claim").await, 0.0, "nobody claimed");
    house.origin.saw_nothing();

    let mut other_tab = ann.another_tab();
    ann.get("/buy/1").await.is_served();
    other_tab.get("/buy/1").await.is_served();
    let session = |tab: &Visitor| claims_of(tab.admission().unwrap())["jti"].clone();
    assert_eq!(
        session(&ann),
        session(&other_tab),
        "one visitor, one session"
    );
    until("one is inside", || async {
        (house.room().await["active"] == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a12_old_versions_and_other_protocols_get_no_further() {
    let house = House::open().await;
    assert_eq!(
        statuses(&raw(house.address, "GET /buy/1\r\n\r\n").await),
        [400],
        "0.9"
    );
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_eq!(
        statuses(&raw(house.address, preface).await),
        [505],
        "prior knowledge"
    );
    let mut wire = Wire::to(house.address).await;
    let upgrade = "GET /about HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade, HTTP2-Settings\r\n\
                   Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n";
    wire.send(upgrade).await.unwrap();
    wire.answer(Asked::Any).await.unwrap().is_served();
    let arrived = house.origin.only();
    for name in ["upgrade", "http2-settings"] {
        assert!(arrived.all(name).is_empty(), "{}", arrived.head);
    }
}
