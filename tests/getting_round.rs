//! ATTACKS A: getting round the room.

use crate::kit::forge::claims_of;
use crate::kit::wire::{Asked, statuses};
use crate::kit::{Ask, House, Plan, Visitor, Wire, raw, until};

/// Everything that asks for something below `/buy`, however it is written, and what the shop
/// is asked for once somebody may.
const SPELLINGS: [(&str, &str); 17] = [
    ("/buy", "/buy"),
    ("/Buy", "/Buy"),
    ("/BUY/1", "/BUY/1"),
    ("/buy/", "/buy/"),
    ("/buy/.", "/buy/"),
    ("//buy/1", "/buy/1"),
    ("/buy//1", "/buy/1"),
    ("/./buy", "/buy"),
    ("/x/../buy", "/buy"),
    ("/../../buy/1", "/buy/1"),
    ("/%62uy/1", "/buy/1"),
    ("/b%55y", "/bUy"),
    ("/buy;x=1", "/buy;x=1"),
    ("/buy;.png", "/buy;.png"),
    ("/buy%3bx", "/buy%3Bx"),
    ("/buy/1?path=/about", "/buy/1?path=/about"),
    ("/buy/caf%c3%a9", "/buy/caf%C3%A9"),
];

#[tokio::test]
async fn a1_a_path_is_guarded_however_it_is_spelled() {
    let house = House::open().await;
    for (sent, _) in SPELLINGS {
        house.visitor().get(sent).await.is_queue();
        house.app().get(sent).await.is_queue();
    }
    house.origin.saw_nothing();

    let mut insider = house.insider();
    for (sent, received) in SPELLINGS {
        insider.get(sent).await.is_served();
        assert_eq!(house.origin.only().target(), received, "{sent}");
    }
    for outside in [
        "/",
        "/buyer",
        "/buy.html",
        "/about/../buyer",
        "/buy/../about",
    ] {
        house.visitor().get(outside).await.is_served();
    }
}

#[tokio::test]
async fn a2_hidden_separators_and_odd_bytes_are_refused() {
    let house = House::open().await;
    let targets: [&[u8]; 27] = [
        b"/%2e%2e/buy",
        b"/x/%2e%2e/buy",
        b"/..%2fbuy",
        b"/%2fbuy",
        b"/buy%2f1",
        b"/x%2F..%2Fbuy",
        b"/%252e%252e/buy",
        b"/%2562uy",
        b"/buy%5c1",
        b"/x\\..\\buy",
        b"/..;/buy",
        b"/.;x/buy",
        b"/x/..;/buy",
        b"/buy%00",
        b"/buy%0d%0aX:1",
        b"/%C0%AFbuy",
        b"/%c0%ae%c0%ae/buy",
        b"/x%EF%BC%8Fbuy",
        b"/buy#x",
        b"/buy\x80",
        b"/caf\xc3\xa9",
        b"/buy%",
        b"/buy%4",
        b"/%zzbuy",
        b"/buy/\x7f",
        b"/buy\t",
        b"/buy%ff",
    ];
    for target in targets {
        let next = b"GET /buy/next HTTP/1.1\r\nHost: shop.example\r\n\r\n";
        let asked = [
            b"GET ",
            target,
            b" HTTP/1.1\r\nHost: shop.example\r\n\r\n",
            next,
        ]
        .concat();
        let answers = raw(house.address, asked).await;
        let shown = String::from_utf8_lossy(target);
        assert_eq!(statuses(&answers), [400], "{shown}: refused and closed");
        assert_eq!(answers[0].header("connection"), Some("close"), "{shown}");
    }
    house.origin.saw_nothing();
}

#[tokio::test]
async fn a3_no_method_and_no_override_goes_round_the_room() {
    let house = House::open().await;
    for method in [
        "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "FOO",
    ] {
        for app in [false, true] {
            let mut visitor = if app { house.app() } else { house.visitor() };
            let ask = Ask::new(method, "/buy/1?_method=GET")
                .with("x-http-method-override", "HEAD")
                .with("x-method-override", "OPTIONS");
            let answer = visitor.ask(ask).await;
            assert!([200, 429].contains(&answer.status), "{method}: {answer:?}");
            assert!(!answer.is_from_the_shop(), "{method}");
        }
    }
    let head = house.visitor().ask(Ask::new("HEAD", "/buy/1")).await;
    assert!(
        head.cookies().is_empty() && head.body.is_empty(),
        "{head:?}"
    );
    house
        .visitor()
        .ask(Ask::new("TRACE", "/buy/1"))
        .await
        .is(405);
    let connect = "CONNECT shop.example:80 HTTP/1.1\r\nHost: shop.example:80\r\n\r\n";
    assert_eq!(statuses(&raw(house.address, connect).await), [405]);
    let preflight = Ask::new("OPTIONS", "/buy/1")
        .with("origin", "http://evil.example")
        .with("access-control-request-method", "POST");
    house.visitor().ask(preflight.clone()).await.is(403);
    house.insider().ask(preflight).await.is(403);
    house.origin.saw_nothing();

    let ask = Ask::get("/buy/1").with("x-http-method-override", "DELETE");
    house.insider().ask(ask).await.is_served();
    let arrived = house.origin.only();
    assert_eq!(arrived.line(), "GET /buy/1");
    assert_eq!(
        arrived.all("x-http-method-override"),
        ["DELETE"],
        "passed on as it is"
    );
}

#[tokio::test]
async fn a4_a15_no_file_suffix_and_no_sub_request_goes_round_the_room() {
    let house = House::open().await;
    for path in [
        "/buy/api.js",
        "/buy/x.css",
        "/buy/profile.css",
        "/buy;.png",
        "/buy/ws",
    ] {
        let script = Ask::get(path).with("sec-fetch-dest", "script");
        let answer = house.visitor().ask(script).await;
        answer.is(429);
        assert!(answer.header("retry-after").is_some(), "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.says("state"), "waiting", "{path}");
    }
    let socket = Ask::get("/buy/ws")
        .with("connection", "upgrade")
        .with("upgrade", "websocket")
        .with("sec-websocket-version", "13")
        .with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    house.app().ask(socket).await.is_queue();
    house.origin.saw_nothing();
}

#[tokio::test]
async fn a5_whoever_runs_no_script_is_refused_by_the_gateway() {
    let house = House::open().await;
    let curl = "GET /buy/1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/8.5\r\n\
                Accept: */*\r\n\r\n";
    let bare = "GET /buy/1 HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    let old = "GET /buy/1 HTTP/1.0\r\nHost: shop.example\r\n\r\n";
    for asked in [curl, bare, old] {
        let answers = raw(house.address, asked).await;
        assert_eq!(answers.len(), 1);
        answers[0].is_queue();
    }
    house.origin.saw_nothing();
}

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
        let ours = name.contains("anteroom") || name.contains('_') || name == "x-admitted";
        assert!(!ours, "{}", arrived.head);
    }
    assert_eq!(
        arrived.all("cookie"),
        ["basket=7"],
        "our cookies are cut out"
    );
    assert_eq!(arrived.all("x-own"), ["kept"]);
}

#[tokio::test]
async fn a13_only_exact_urls_below_the_prefix_are_answered_and_none_is_forwarded() {
    let house = House::of(Plan::default().another_room("all", "/*")).await;
    let mut insider = house.insider();
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
        let answer = insider.get(path).await;
        assert_ne!(answer.status, 500, "{path}");
        assert!(!answer.is_from_the_shop(), "{path}");
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
