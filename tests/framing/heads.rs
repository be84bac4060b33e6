//! Request lines, targets, hosts, field lines and versions.

use super::{NEXT, arrives, is_refused};
use crate::kit::wire::statuses;
use crate::kit::{House, raw};

#[tokio::test]
async fn h6_lines_end_one_way_and_fields_have_one_form() {
    let house = House::open().await;
    let whole = |text: &[u8]| [text, NEXT].concat();
    for bytes in [
        &b"GET /about HTTP/1.1\nHost: shop.example\n\n"[..],
        b"GET /about HTTP/1.1\r\nHost: shop.example\n\r\n",
        b"GET /about HTTP/1.1\r\nHost: shop.example\r\n\n",
        b"GET /about HTTP/1.1\nHost: shop.example\r\n\r\n",
        b"GET /about HTTP/1.1\r\nHost: shop.example\r\nX: a\nY: b\r\n\r\n",
        b"GET /about HTTP/1.1\r\nHost: shop.example\r\nX: a\rY: b\r\n\r\n",
        b"GET /about HTTP/1.1\r\nHost: shop.example\r\nX: a\0b\r\n\r\n",
        b"GET /about HTTP/1.1\r\nHost: shop.example\r\nX: a\x07b\r\n\r\n",
        b"GET /about HTTP/1.1\r\nHost: shop.example\r\nX\xa0: a\r\n\r\n",
        b"GET /about HTTP/1.1\r\nHost: shop.example\r\nX: \xa0\r\n\r\n",
        b"GET /about HTTP/1.1\r\nHost: shop.example\r\n: empty\r\n\r\n",
        b"GET /about HTTP/1.1\r\nHost: shop.example\r\nno colon\r\n\r\n",
        b"GET /about HTTP/1.1\r\nHost: shop.example\r\nX : a\r\n\r\n",
        b"GET /about HTTP/1.1\r\nHost: shop.example\r\nX: a\r\n folded\r\n\r\n",
        b"GET /about HTTP/1.1\r\n Host: shop.example\r\n\r\n",
        b"GET /about HTTP/1.1\r\n\tX: 1\r\nHost: shop.example\r\n\r\n",
        b"GET  /about HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        b"GET /about  HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        b"GET /about HTTP/1.1 \r\nHost: shop.example\r\n\r\n",
        b"GET\t/about HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        b" GET /about HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        b"GET /about http/1.1\r\nHost: shop.example\r\n\r\n",
        b"GET /about HTTP/1.1x\r\nHost: shop.example\r\n\r\n",
        b"G\x00T /about HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        b"G(T /about HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        b"GET about HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        b"\r\n\r\nGET /about HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        b"\nGET /about HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 not for this port\r\n\r\n",
    ] {
        is_refused(&house, &whole(bytes)).await;
    }
    let blank_before = whole(b"\r\nGET /about HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    arrives(&house, &blank_before, b"").await;
}

#[tokio::test]
async fn h10_old_versions_have_plain_bodies_and_close() {
    let house = House::open().await;
    let with = |fields: &str, body: &str| {
        let head = format!("POST /about HTTP/1.0\r\nHost: shop.example\r\n{fields}\r\n{body}");
        [head.as_bytes(), NEXT].concat()
    };
    is_refused(
        &house,
        &with("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    )
    .await;
    is_refused(
        &house,
        &with(
            "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
    )
    .await;

    let answers = raw(house.address, with("", "hello")).await;
    assert_eq!(
        statuses(&answers),
        [200],
        "closed: nothing after it is a request"
    );
    let arrived = house.origin.only();
    assert!(
        arrived.body.is_empty() && arrived.complete,
        "no body without a length"
    );
    let answers = raw(house.address, with("Content-Length: 5\r\n", "hello")).await;
    assert_eq!(statuses(&answers), [200]);
    assert_eq!(house.origin.only().body, b"hello");
    let answers = raw(
        house.address,
        with("Connection: keep-alive\r\nContent-Length: 5\r\n", "hello"),
    )
    .await;
    assert_eq!(statuses(&answers), [200], "closed, though it would go on");
    assert_eq!(answers[0].header("connection"), Some("close"));
    assert_eq!(house.origin.only().body, b"hello");
    let old = "GET /buy/1 HTTP/1.0\r\nHost: shop.example\r\nConnection: keep-alive\r\n\r\n";
    let answers = raw(house.address, [old.as_bytes(), NEXT].concat()).await;
    assert_eq!(answers.len(), 1, "so is a connection that waits");
    answers[0].is_queue();
    house.origin.saw_nothing();
}

#[tokio::test]
async fn h12_a_target_never_chooses_the_server() {
    let house = House::open().await;
    for target in [
        "http://169.254.169.254/",
        "http://169.254.169.254/latest/meta-data/",
        "https://other.example/",
        "http://evil@shop.example/about",
        "http://shop.example@evil.example/",
        "http://shop.example:80:80/",
        "ftp://shop.example/about",
        "file:///etc/passwd",
        "shop.example:80",
        "169.254.169.254:80",
        "*",
        "//evil.example@shop.example\\x",
        "http:/about",
        "about",
        "http://",
    ] {
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: shop.example\r\n\r\n");
        is_refused(&house, &[bytes.as_bytes(), NEXT].concat()).await;
    }
    let foreign = "GET http://other.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n";
    assert_eq!(statuses(&raw(house.address, foreign).await), [421]);
    house.origin.saw_nothing();
    let same = "GET http://Shop.example/about?x HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    arrives(&house, &[same.as_bytes(), NEXT].concat(), b"").await;
    let guarded = "GET http://shop.example/buy/1 HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    raw(house.address, guarded).await[0].is_queue();
    house.origin.saw_nothing();
}

#[tokio::test]
async fn a7_the_host_is_named_once_and_is_one_of_ours() {
    let house = House::open().await;
    let with = |hosts: &str| {
        [
            format!("GET /about HTTP/1.1\r\n{hosts}\r\n").as_bytes(),
            NEXT,
        ]
        .concat()
    };
    for hosts in [
        "",
        "Host: shop.example\r\nHost: shop.example\r\n",
        "Host: shop.example\r\nHost: evil.example\r\n",
        "Host: \r\n",
        "Host: shop.example, evil.example\r\n",
        "Host: a b\r\n",
        "Host: evil@shop.example\r\n",
        "Host: shop.example:x\r\n",
        "Host: shop.example:99999\r\n",
        "Host: shop.example/about\r\n",
        "Host: [::1\r\n",
        "Host : shop.example\r\n",
    ] {
        is_refused(&house, &with(hosts)).await;
    }
    for host in [
        "evil.example",
        "shop.example.evil.example",
        "127.0.0.1",
        "x.shop.example",
    ] {
        house.visitor().host(host).get("/about").await.is(421);
    }
    house.origin.saw_nothing();
    for host in [
        "shop.example",
        "SHOP.example",
        "shop.example.",
        "shop.example:8700",
    ] {
        house.visitor().host(host).get("/about").await.is_served();
        assert_eq!(
            house.origin.only().all("host"),
            [host],
            "kept as it was sent"
        );
        house.visitor().host(host).get("/buy/1").await.is_queue();
    }
    house.origin.saw_nothing();
}
