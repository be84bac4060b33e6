//! What stands behind a request: bodies of methods that seldom have one, lengths that are too
//! short or too long, further requests, and fields that change what follows.

use super::{HELLO, HIDDEN, HOST, TAIL, in_a_chunk, length_of, parts, request};

const METHODS: &str = "GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT|PROPFIND|FOO";

/// Fields that some server lets change where a request ends, or who answers it.
const FIELDS: &str = "Connection: close|Connection: keep-alive|Connection: Content-Length|Connection: Transfer-Encoding\
    |Connection: Host|Connection: close, Content-Length|Connection: upgrade|Connection: keep-alive, close|Connection:|Connection: ,\
    |Proxy-Connection: keep-alive|Keep-Alive: timeout=600, max=1000|Expect: 100-continue|Expect: 100-Continue|Expect: 101-continue\
    |Expect: 100-continue, x|Expect:|Expect: 200-ok|Upgrade: websocket|Upgrade: h2c|Upgrade: TLS/1.0|Upgrade: websocket, h2c\
    |Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\
    |Upgrade: websocket\r\nConnection: Upgrade|Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\
    |Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\
    |TE: trailers|TE: chunked|TE: chunked\r\nConnection: TE|Trailer: Content-Length|Content-Encoding: chunked|Content-Range: bytes 0-4/5\
    |X-HTTP-Method-Override: HEAD|X-HTTP-Method: DELETE|Range: bytes=0-0|If-Match: *|Max-Forwards: 0|Via: 1.1 x|Warning: 1\
    |Content-Type: multipart/byteranges; boundary=x|Accept-Encoding: chunked|Transfer-Coding: chunked|Content-Lenght: 5\
    |X-Content-Length: 5|Sec-WebSocket-Key: x|HTTP2-Settings: x|Host2: x|X-Forwarded-Host: other.example|X-Original-URL: /pwn/p00000\
    |X-Rewrite-URL: /pwn/p00000|Forwarded: host=other.example|Anteroom-Admission: x|anteroom_admission: x|Cookie: anteroom-a-derby=x";

/// Every method with every kind of tail.
pub fn all() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for method in parts(METHODS) {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let line = format!("{method} /aux/a00000 {version}");
            let mut with = |fields: &[&str], body: &str| {
                all.push(request(&[&[line.as_str(), HOST], fields].concat(), body));
            };
            for (field, body) in framed() {
                with(&[&field], &body);
                with(&[&field, "Connection: keep-alive"], &body);
                with(&[&field, "Connection: close"], &body);
                with(&["Expect: 100-continue", &field], &body);
            }
            with(&[], "");
            with(&[], TAIL);
            with(&[], "X");
            with(&[], "0\r\n\r\n");
            with(&[], "\r\n");
        }
    }
    for field in parts(FIELDS) {
        for line in [
            "GET /aux/a00000 HTTP/1.1",
            "POST /aux/a00000 HTTP/1.1",
            "POST /aux/a00000 HTTP/1.0",
        ] {
            all.push(request(&[line, HOST, field], ""));
            all.push(request(&[line, HOST, field, &length_of(HIDDEN)], HIDDEN));
            all.push(request(
                &[line, field, HOST, "Transfer-Encoding: chunked"],
                &in_a_chunk(HIDDEN),
            ));
        }
    }
    for count in [2, 5, 20] {
        let post = format!("POST /aux/a00000 HTTP/1.1\r\n{HOST}\r\nContent-Length: 5\r\n\r\nhello");
        all.push(
            format!(
                "{post}{}",
                HIDDEN.replace("/pwn/p", "/tail/t").repeat(count)
            )
            .into_bytes(),
        );
    }
    all
}

/// A framing and a body that fits, or does not.
fn framed() -> Vec<(String, String)> {
    let chunked = || "Transfer-Encoding: chunked".to_owned();
    vec![
        ("Content-Length: 0".into(), String::new()),
        ("Content-Length: 0".into(), TAIL.into()),
        ("Content-Length: 5".into(), "hello".into()),
        ("Content-Length: 5".into(), format!("hello{TAIL}")),
        ("Content-Length: 5".into(), "hell".into()),
        (length_of(HIDDEN), HIDDEN.into()),
        (
            format!("Content-Length: {}", HIDDEN.len() + 90),
            HIDDEN.into(),
        ),
        (
            format!("Content-Length: {}", HIDDEN.len() - 4),
            HIDDEN.into(),
        ),
        ("Content-Length: 100000".into(), HIDDEN.into()),
        (chunked(), HELLO.into()),
        (chunked(), format!("{HELLO}{TAIL}")),
        (chunked(), in_a_chunk(HIDDEN)),
        (chunked(), "5\r\nhel".into()),
        (chunked(), HIDDEN.into()),
    ]
}
