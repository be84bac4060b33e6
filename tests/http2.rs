//! HTTP/2 over TLS: the same decisions and the same request at the site as over HTTP/1.1, and
//! floods of frames (rows R3 of docs/security.md) against a gateway of their own.

mod frames;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::kit::tls::Client;
use crate::kit::{Ask, Authority, House, Plan};

/// A house over TLS, and a client that trusts its certificate.
async fn secure() -> (House, Client) {
    let authority = Authority::new();
    let made = authority.vouches(&["shop.example"]);
    let house = House::of(Plan::default().over_tls(&made, "")).await;
    (house, authority.client())
}

/// A connection of HTTP/2 on which anything can be asked.
struct Asks(http2::SendRequest<Full<Bytes>>);

impl Asks {
    async fn on(house: &House, client: &Client) -> Self {
        let client = client.speaking_http2();
        let stream = client.connect(house.encrypted(), "shop.example").await;
        let io = TokioIo::new(stream.unwrap());
        let (sends, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        Self(sends)
    }

    async fn ask(&mut self, request: http::request::Builder, body: &[u8]) -> Response<Bytes> {
        let request = request.body(Full::from(body.to_vec())).unwrap();
        let (head, body) = self.0.send_request(request).await.unwrap().into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }
}

fn at(method: &str, path: &str) -> http::request::Builder {
    let uri = format!("https://shop.example{path}");
    Request::builder().method(method).uri(uri)
}

#[tokio::test]
async fn the_site_sees_the_same_request_over_either_version() {
    let (house, client) = secure().await;
    let forge = house.forge();
    let token = forge.sign(&forge.claims());
    let admission = format!("__Host-anteroom-a-derby={token}");
    let cookie = format!("basket=1; {admission}; theme=dark");
    let mut plain = house.secure(&client).without_cookies();
    let order = Ask::new("POST", "/buy/./echo?seat=2")
        .with("cookie", &cookie)
        .with("te", "trailers")
        .with("x-forwarded-for", "6.6.6.6")
        .with("content-type", "text/plain")
        .body("order");
    plain.ask(order).await.is(200);

    let mut asks = Asks::on(&house, &client).await;
    let order = at("POST", "/buy/./echo?seat=2")
        .header("cookie", "basket=1")
        .header("cookie", &admission)
        .header("cookie", "theme=dark")
        .header("te", "trailers")
        .header("x-forwarded-for", "6.6.6.6")
        .header("content-type", "text/plain");
    let answer = asks.ask(order, b"order").await;

    assert_eq!(
        (answer.status().as_u16(), &answer.body()[..]),
        (200, &b"order"[..])
    );
    assert_eq!(answer.headers()["cache-control"], "private");
    let arrived = house.origin.arrived();
    let [old, new] = &arrived[..] else {
        panic!("{arrived:?}")
    };
    assert_eq!((new.line(), &new.body), (old.line(), &old.body));
    assert_eq!(new.line(), "POST /buy/echo?seat=2");
    let port = house.encrypted().port();
    for name in new.names().iter().chain(&old.names()) {
        if name == "host" || name == "x-forwarded-host" {
            let named = new.all(name)[0];
            assert_eq!(named.trim_end_matches(&format!(":{port}")), "shop.example");
        } else if name != "user-agent" && name != "accept" && name != "anteroom-session-id" {
            assert_eq!(new.all(name), old.all(name), "{name}");
        }
    }
    assert_eq!(new.all("cookie"), ["basket=1; theme=dark"]);
    house.drain().await;
}

#[tokio::test]
async fn a1_a7_a9_what_opens_nothing_over_http_1_1_opens_nothing_over_http_2() {
    let (house, client) = secure().await;
    let mut asks = Asks::on(&house, &client).await;
    for (request, status) in [
        (at("GET", "/buy/1"), 429),
        (at("GET", "/x/../BUY/1"), 429),
        (at("GET", "/buy;x=1/1"), 429),
        (at("GET", "/%2e%2e/buy"), 400),
        (at("GET", "/a%2fb"), 400),
        (at("FOO", "/buy/1"), 429),
        (at("TRACE", "/about"), 405),
        (at("GET", "/buy/1").header("x-admitted", "1"), 429),
        (at("GET", "/about").header("host", "evil.example"), 400),
        (at("GET", "/about").header("content_length", "5"), 400),
        (at("GET", "/about").header("expect", "miracles"), 417),
        (at("GET", &format!("/{}", "a".repeat(9_000))), 414),
    ] {
        let asked = format!("{request:?}");
        let answer = asks
            .ask(request.header("accept", "application/json"), b"")
            .await;
        assert_eq!(answer.status(), status, "{asked}");
        for gone in ["connection", "transfer-encoding", "keep-alive"] {
            assert!(!answer.headers().contains_key(gone), "{asked}: {gone}");
        }
    }
    let mut many = at("GET", "/about");
    for _ in 0..101 {
        many = many.header("x", "1");
    }
    assert_eq!(asks.ask(many, b"").await.status(), 431);
    let mut crumbs = at("GET", "/about").header("accept", "text/html");
    for number in 0..10 {
        crumbs = crumbs.header("cookie", format!("{number}={}", "x".repeat(2_500)));
    }
    let page = asks.ask(crumbs, b"").await;
    assert_eq!(page.status(), 431);
    let page = String::from_utf8_lossy(page.body()).into_owned();
    assert!(page.contains("cookies"), "{page}");
    house.origin.saw_nothing();
    assert_eq!(asks.ask(at("GET", "/about"), b"").await.status(), 200);
    house.drain().await;
}

#[tokio::test]
async fn answers_without_a_body_have_none_and_their_length() {
    let (house, client) = secure().await;
    let mut asks = Asks::on(&house, &client).await;
    for path in ["/about", "/buy/1"] {
        let answer = asks
            .ask(at("HEAD", path).header("accept", "text/html"), b"")
            .await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.body().is_empty(), "{path}");
        let length: usize = answer.headers()["content-length"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(length > 0, "{path}");
    }
    house.drain().await;
}

#[tokio::test]
async fn h7_an_unwanted_body_ends_its_stream_and_no_other() {
    let (house, client) = secure().await;
    let mut asks = Asks::on(&house, &client).await;
    let large = vec![b'x'; 500_000];
    for round in 0..8 {
        let order = at("POST", "/buy/1").header("accept", "application/json");
        let order = order.body(Full::from(large.clone())).unwrap();
        let answer = asks.0.send_request(order).await.unwrap();
        assert_eq!(answer.status(), 429, "{round}");
        let page = asks.ask(at("GET", "/about"), b"").await;
        assert_eq!(page.status(), 200, "{round}");
    }
    assert!(house.origin.lines().iter().all(|line| line == "GET /about"));
    house.drain().await;
}

#[tokio::test]
async fn h11_uploads_of_any_size_arrive_whole_and_side_by_side() {
    let (house, client) = secure().await;
    let asks = Asks::on(&house, &client).await;
    let mut uploads = tokio::task::JoinSet::new();
    for number in 0..20_u8 {
        let mut asks = Asks(asks.0.clone());
        uploads.spawn(async move {
            let whole = vec![number; 40_000 + 9_000 * usize::from(number)];
            let answer = asks.ask(at("POST", "/echo"), &whole).await;
            assert_eq!(answer.body(), &whole[..], "{number}");
        });
    }
    while let Some(done) = uploads.join_next().await {
        done.unwrap();
    }
    house.drain().await;
}

#[tokio::test]
async fn a_site_that_is_silent_on_one_stream_holds_up_no_other() {
    let (house, client) = secure().await;
    let mut asks = Asks::on(&house, &client).await;
    let mut slow = Asks(asks.0.clone());
    let slow = tokio::spawn(async move { slow.ask(at("GET", "/slow"), b"").await });
    for _ in 0..5 {
        assert_eq!(asks.ask(at("GET", "/about"), b"").await.status(), 200);
    }
    assert!(!slow.is_finished());
    house.origin.go_on();
    assert_eq!(slow.await.unwrap().status(), 200);
    house.drain().await;
}
