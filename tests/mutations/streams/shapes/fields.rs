//! Requests whose other fields are odd.

use super::super::super::grammar::{HIDDEN, ODD, in_a_chunk};
use super::{HELLO, Shape, but, usual};

/// Fields that belong to a connection of HTTP/1.1, in front of a body that is another request.
pub fn connections() -> Vec<Shape> {
    let mut all = Vec::new();
    for (name, value) in [
        ("connection", "close"),
        ("connection", "keep-alive"),
        ("connection", ""),
        ("connection", "content-length"),
        ("connection", "x-forwarded-for"),
        ("connection", "upgrade"),
        ("keep-alive", "timeout=600"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("transfer-encoding", ""),
        ("transfer-encoding", "gzip, chunked"),
        ("transfer_encoding", "chunked"),
        ("upgrade", "h2c"),
        ("upgrade", "websocket"),
        ("te", "trailers"),
        ("te", "chunked"),
        ("te", "trailers, chunked"),
        ("te", "TRAILERS"),
        ("te", ""),
        ("trailer", "content-length"),
        ("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
        ("expect", "100-continue"),
        ("expect", "x"),
        ("content-encoding", "chunked"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ] {
        let chunked = in_a_chunk(HIDDEN);
        let ends_early = format!("0\r\n\r\n{HIDDEN}");
        for body in ["", HELLO, HIDDEN, &chunked, &ends_early] {
            all.push(Shape::with("connections", &[(name, value)], body));
        }
    }
    all
}

/// Names with a byte that none may hold, or that some server takes for another.
pub fn names() -> Vec<Shape> {
    let mut all = Vec::new();
    let mut add = |name: &[u8], value: &str, body: &str| {
        let one = vec![(name.to_vec(), value.as_bytes().to_vec())];
        all.push(Shape::of("names", [usual(), one].concat(), body));
    };
    for odd in ODD {
        for name in [
            [b"x-odd", odd].concat(),
            [odd, b"x-odd"].concat(),
            [b"x-", odd, b"odd"].concat(),
        ] {
            add(&name, "1", HELLO);
        }
        add(&[b"content-length", odd].concat(), "0", HIDDEN);
        add(
            &[b"transfer-encoding", odd].concat(),
            "chunked",
            &in_a_chunk(HIDDEN),
        );
        add(&[odd, b"host"].concat(), "other.example", HELLO);
    }
    for name in [
        "",
        "X-Upper",
        "Content-Length",
        "TRANSFER-ENCODING",
        "Host",
        "x-a: 1\r\nx-b",
        "x-a:1",
        "x\r\n\r\nGET /pwn/p00000",
        "transfer-encoding: chunked\r\nx",
        "anteroom-admission",
        "anteroom_admission",
        "x_forwarded_for",
        "cookie ",
    ] {
        add(name.as_bytes(), "0", HIDDEN);
    }
    all
}

/// Values with a byte that ends a line somewhere.
pub fn values() -> Vec<Shape> {
    let mut all = Vec::new();
    let mut add = |name: &str, value: Vec<u8>, body: &str| {
        let one = vec![(name.as_bytes().to_vec(), value)];
        all.push(Shape::of("values", [usual(), one].concat(), body));
    };
    for odd in ODD {
        for name in ["x-odd", "cookie"] {
            add(name, [b"a=1", odd].concat(), HELLO);
            add(name, [odd, b"a=1"].concat(), HELLO);
            add(name, [b"a=", odd, b"1"].concat(), HELLO);
        }
        let length = HELLO.len().to_string();
        add("content-length", [length.as_bytes(), odd].concat(), HELLO);
        add("content-length", [odd, length.as_bytes()].concat(), HELLO);
        add(
            "x-odd",
            [b"1", odd, b"transfer-encoding: chunked"].concat(),
            &in_a_chunk(HIDDEN),
        );
    }
    for end in ["\r\n", "\n", "\r", "\r\n\r\n", "\u{2028}", "\u{85}"] {
        for rest in [
            "content-length: 0",
            "transfer-encoding: chunked",
            HIDDEN,
            " folded",
            "\r\n",
        ] {
            add("x-odd", format!("1{end}{rest}").into(), HIDDEN);
        }
    }
    all
}

/// Cookies in crumbs, some with our names.
pub fn crumbs() -> Vec<Shape> {
    let mut all = Vec::new();
    for crumbs in [
        &["a=1", "b=2"][..],
        &["a=1; b=2", "c=3"],
        &["", "a=1"],
        &[";", "; ;", "a=1;"],
        &["a=1", "__Host-anteroom-a-derby=x", "b=2"],
        &["anteroom-a-derby", "=x"],
        &["=anteroom-a-derby=x"],
        &["__Host-anteroom-a-derby=x", "__Host-anteroom-a-derby=y"],
        &["a=1\r\nx: 1", "b=2"],
        &["a=\"1", "b=2\""],
        &["a=1,b=2", "c"],
    ] {
        let lines: Vec<(&str, &str)> = crumbs.iter().map(|crumb| ("cookie", *crumb)).collect();
        all.push(Shape::with("crumbs", &lines, HELLO));
    }
    for count in [50, 99, 150] {
        all.push(Shape::with(
            "crumbs",
            &vec![("cookie", "a=1"); count],
            HELLO,
        ));
    }
    all
}

/// Many fields, and long ones.
pub fn crowds() -> Vec<Shape> {
    let long = "l".repeat(9_000);
    let longer = "l".repeat(70_000);
    let mut all = vec![
        Shape::with("crowds", &[("x-odd", "1"); 90], HELLO),
        Shape::with("crowds", &[("x-odd", "1"); 120], HELLO),
        Shape::with("crowds", &[("x-odd", "1"); 2_000], HELLO),
        Shape::with("crowds", &[("x-odd", long.as_str())], HELLO),
        Shape::with("crowds", &[("x-odd", longer.as_str())], HELLO),
        Shape::of("crowds", but(":path", format!("/aux/a00000?{long}")), HELLO),
        Shape::of(
            "crowds",
            but(":authority", format!("shop.example{long}")),
            HELLO,
        ),
        Shape::of("crowds", but(":method", long.clone()), HELLO),
    ];
    all.push(Shape::of(
        "crowds",
        [usual(), vec![(long.into_bytes(), b"1".to_vec())]].concat(),
        HELLO,
    ));
    all
}
