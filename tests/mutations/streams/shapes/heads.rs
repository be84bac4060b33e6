//! Requests whose pseudo-header fields are odd.

use super::super::super::grammar::lines::{HOSTS, METHODS, TARGETS};
use super::super::super::grammar::parts;
use super::{Field, HELLO, Shape, but, fields, usual};

/// Pseudo-header fields left out, doubled, moved, misspelt, unknown.
pub fn pseudo() -> Vec<Shape> {
    let mut all = Vec::new();
    let mut add = |head: Vec<Field>| {
        all.push(Shape::of("pseudo-headers", head.clone(), HELLO));
        all.push(Shape::of("pseudo-headers", head, ""));
    };
    for at in 0..4 {
        let mut left_out = usual();
        let one = left_out.remove(at);
        add(left_out.clone());
        add([usual(), vec![one.clone()]].concat());
        add([vec![(one.0.clone(), b"/pwn/p00000".to_vec())], usual()].concat());
        add([usual(), vec![(one.0.clone(), b"GET".to_vec())]].concat());
        add([
            left_out.clone(),
            fields(&[("x-first", "1")]),
            vec![one.clone()],
        ]
        .concat());
        let named = |name: Vec<u8>| [left_out.clone(), vec![(name, one.1.clone())]].concat();
        add(named(one.0.to_ascii_uppercase()));
        add(named([&one.0[..], b" "].concat()));
        add(named([b":", &one.0[..]].concat()));
        add(named(one.0[1..].to_vec()));
        add(but(std::str::from_utf8(&one.0).unwrap(), ""));
        left_out.insert(0, one);
        add(left_out);
    }
    for (name, value) in [
        (":status", "200"),
        (":protocol", "websocket"),
        (":host", "shop.example"),
        (":", "x"),
        (":x", "1"),
        (":path_", "/pwn/p00000"),
        (":content-length", "0"),
    ] {
        add([usual(), fields(&[(name, value)])].concat());
    }
    all
}

/// Methods, paths and schemes.
pub fn lines() -> Vec<Shape> {
    let mut all = Vec::new();
    const WHOLE: &str =
        "GET /aux/a00000 HTTP/1.1\r\nHost: shop.example\r\n\r\nGET /pwn/p00000 HTTP/1.1\r\nX:";
    for method in parts(METHODS).chain(["", "GET /pwn/p00000 HTTP/1.1\r\nX:", "GET\r\n", WHOLE]) {
        all.push(Shape::of("methods", but(":method", method), HELLO));
    }
    let split = "/aux/a00000 HTTP/1.1\r\nHost: shop.example\r\n\r\nGET /pwn/p00000";
    let odd = [
        "",
        " ",
        "/aux/a00000 HTTP/1.1",
        "/aux/a00000 ",
        " /aux/a00000",
        "/aux/a00000\t",
        "/aux/a00000\0",
        "/aux/a00000\r\nX: 1",
        "/aux/a00000\nX: 1",
        "/aux/a00000 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX:",
        split,
        "/\\pwn/p00000",
        "//pwn/p00000",
        "/aux/a00000?\r\n",
        ":path",
        "@/aux/a00000",
    ];
    // A fragment alone is cut off, and with it the number that tells whose request it is.
    for target in parts(TARGETS)
        .chain(odd)
        .filter(|target| !target.starts_with('#'))
    {
        all.push(Shape::of("paths", but(":path", target), HELLO));
        let mut asks = but(":path", target);
        asks[0].1 = b"OPTIONS".to_vec();
        all.push(Shape::of("paths", asks, ""));
    }
    for scheme in [
        "http",
        "HTTPS",
        "ftp",
        "",
        "https:",
        "https://",
        "https://shop.example/pwn/p00000?",
        "http\r\nX: 1",
        "h ttp",
        "https\0",
        "/",
        "file",
        "ws",
        "+",
        "1",
    ] {
        all.push(Shape::of("schemes", but(":scheme", scheme), HELLO));
    }
    all
}

/// One host, none, two, and two that differ.
pub fn hosts() -> Vec<Shape> {
    let mut all = Vec::new();
    let odd = [
        "",
        "shop.example\r\nX: 1",
        "shop.example ",
        "shop.example\0",
        "shop.example/pwn/p00000",
    ];
    for host in parts(HOSTS).chain(odd) {
        all.push(Shape::of("hosts", but(":authority", host), HELLO));
        let both = [usual(), fields(&[("host", host)])].concat();
        all.push(Shape::of("hosts", both.clone(), HELLO));
        let mut alone = both;
        alone.remove(2);
        all.push(Shape::of("hosts", alone, HELLO));
    }
    for more in [
        &[("host", "shop.example"), ("host", "shop.example")][..],
        &[("host", "shop.example"), ("host", "other.example")],
        &[("x-forwarded-host", "other.example")],
        &[
            ("x-original-url", "/pwn/p00000"),
            ("x-rewrite-url", "/pwn/p00000"),
        ],
        &[("x-http-method-override", "DELETE")],
    ] {
        all.push(Shape::with("hosts", more, HELLO));
    }
    all
}
