//! Lengths and trailers that are odd beside the body.

use super::super::super::grammar::HIDDEN;
use super::{HELLO, Shape, fields};

/// Lengths beside what DATA holds.
pub fn lengths() -> Vec<Shape> {
    let mut all = Vec::new();
    let right = HELLO.len();
    let said = [
        right.to_string(),
        "0".into(),
        (right - 1).to_string(),
        (right + 1).to_string(),
        format!("0{right}"),
        format!("+{right}"),
        format!("-{right}"),
        format!("{right},{right}"),
        format!("{right}, {right}"),
        format!("{right};"),
        format!("0x{right:x}"),
        format!("{right}.0"),
        format!("{right}e0"),
        String::new(),
        " ".into(),
        "18446744073709551616".into(),
        "18446744073709551628".into(),
        "9223372036854775807".into(),
        "chunked".into(),
        "１２".into(),
    ];
    for length in &said {
        all.push(Shape::with("lengths", &[("content-length", length)], HELLO));
        all.push(Shape::with("lengths", &[("content-length", length)], ""));
        all.push(Shape::with(
            "lengths",
            &[("content-length", length)],
            HIDDEN,
        ));
        let twice = [
            ("content-length", length.as_str()),
            ("content-length", length),
        ];
        all.push(Shape::with("lengths", &twice, HELLO));
        let differ = [("content-length", length.as_str()), ("content-length", "0")];
        all.push(Shape::with("lengths", &differ, HELLO));
        let mut asks = Shape::with("lengths", &[("content-length", length)], HELLO);
        asks.head[0].1 = b"GET".to_vec();
        all.push(asks);
    }
    for parts in [
        &["hello ", "a00000"][..],
        &["", "hello a00000", ""],
        &["hello a00000", "X"],
        &["", ""],
    ] {
        let mut shape = Shape::with("lengths", &[("content-length", &right.to_string())], "");
        shape.body = parts.iter().map(|part| part.as_bytes().to_vec()).collect();
        all.push(shape.clone());
        shape.head.pop();
        all.push(shape);
    }
    all
}

/// Trailers that say what only a head may, or nothing at all.
pub fn trailers() -> Vec<Shape> {
    let mut all = Vec::new();
    for (name, value) in [
        ("x-sum", "7"),
        (":path", "/pwn/p00000"),
        (":method", "GET"),
        (":status", "200"),
        ("content-length", "0"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("host", "other.example"),
        ("te", "gzip"),
        ("X-Upper", "1"),
        ("", "1"),
        ("x-odd", "1\r\nx-more: 2"),
        (
            "x-odd",
            "1\r\n\r\nGET /pwn/p00000 HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        ),
        ("x-odd\r\n", "1"),
        ("cookie", "anteroom-a-derby=x"),
        ("anteroom-admission", "x"),
        ("x-forwarded-for", "6.6.6.6"),
        ("authorization", "Bearer x"),
    ] {
        let length = HELLO.len().to_string();
        for head in [
            &[][..],
            &[("content-length", length.as_str())],
            &[("te", "trailers"), ("trailer", name)],
        ] {
            let is_named = head
                .iter()
                .all(|(_, value)| !value.is_empty() && !value.contains(['\r', '\n']));
            if is_named {
                let shape = Shape::with("trailers", head, HELLO);
                all.push(shape.trailing(fields(&[(name, value)])));
            }
        }
    }
    all.push(Shape::with("trailers", &[], "").trailing(fields(&[("x-sum", "7")])));
    all.push(Shape::with("trailers", &[], HELLO).trailing(Vec::new()));
    all
}
