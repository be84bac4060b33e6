//! Rows A of docs/security.md: getting round the room.

use crate::kit::wire::statuses;
use crate::kit::{Ask, House, raw};

mod impostors;
mod standing;

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
