//! The raw answers of the scripted part, by name.

use std::fmt::Write as _;

/// Fields that a site may send, one answer each.
const FIELDS: [(&str, &str); 44] = [
    (
        "weak-etag",
        "etag: W/\"abc\"\r\nlast-modified: Sat, 01 Nov 2025 10:00:00 GMT",
    ),
    ("dated", "date: Sat, 01 Nov 2025 10:00:00 GMT\r\nage: 30"),
    ("two-vary", "vary: Accept\r\nvary: Accept-Language, Cookie"),
    (
        "links",
        "link: </a.css>; rel=preload\r\nlink: </b.js>; rel=preload\r\nlink: <https://x.example/>; rel=next",
    ),
    (
        "csp",
        "content-security-policy: default-src 'self'\r\ncontent-security-policy: img-src *\r\nx-frame-options: DENY",
    ),
    (
        "hsts",
        "strict-transport-security: max-age=31536000; includeSubDomains",
    ),
    ("alt-svc", "alt-svc: h3=\":443\"; ma=86400"),
    (
        "cors",
        "access-control-allow-origin: *\r\naccess-control-expose-headers: X-A, X-B\r\ntiming-allow-origin: *",
    ),
    (
        "disposition",
        "content-disposition: attachment; filename=\"a b.pdf\"; filename*=UTF-8''%e2%82%ac.pdf",
    ),
    ("utf8", "x-name: Zoë — Straße"),
    ("latin", "x-name: caf\u{e9}"),
    ("empty-value", "x-empty:\r\nx-blank:  \t "),
    ("tabs", "x-tabs: a\tb\t\tc"),
    ("quoted", "x-quoted: \"a, b\\\"c\", d; e=\"f\""),
    (
        "basic",
        "www-authenticate: Basic realm=\"a\"\r\nwww-authenticate: Bearer realm=\"b\", error=\"c\"",
    ),
    (
        "warning",
        "warning: 110 - \"stale\"\r\nvia: 1.1 cache\r\nx-cache: HIT",
    ),
    ("location", "location: ../up?x=1#frag"),
    (
        "foreign-location",
        "location: https://pay.example/go?back=%2Fbuy%2F1",
    ),
    (
        "content-location",
        "content-location: /open/other.html\r\ncontent-language: de, en",
    ),
    ("refresh", "refresh: 5; url=/open/next"),
    (
        "robots",
        "x-robots-tag: noindex, nofollow\r\nx-robots-tag: otherbot: none",
    ),
    (
        "server-timing",
        "server-timing: db;dur=53, app;dur=47.2\r\nserver: Shop/9.1 (x)",
    ),
    (
        "permissions",
        "permissions-policy: geolocation=(), camera=()\r\nreferrer-policy: same-origin",
    ),
    (
        "no-cache",
        "cache-control: no-cache, must-revalidate\r\npragma: no-cache\r\nexpires: 0",
    ),
    ("immutable", "cache-control: max-age=31536000, immutable"),
    (
        "one-cookie",
        "set-cookie: sid=abc; Path=/; HttpOnly; Secure; SameSite=Lax",
    ),
    (
        "odd-cookies",
        "set-cookie: a=\r\nset-cookie: =b\r\nset-cookie: c\r\nset-cookie: d=\"x; y\"; Path=/\r\nset-cookie: e=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT",
    ),
    ("json", "content-type: application/json; charset=utf-8"),
    ("problem", "content-type: application/problem+json"),
    ("brotli", "content-encoding: br\r\ncontent-type: text/html"),
    (
        "two-codings",
        "content-encoding: gzip\r\ncontent-encoding: br",
    ),
    (
        "unknown-type",
        "content-type: application/vnd.shop.seats+cbor; v=2",
    ),
    (
        "byte-ranges",
        "accept-ranges: bytes\r\ncontent-range: bytes 0-9/100",
    ),
    (
        "public",
        "cache-control: public, max-age=600, s-maxage=60\r\nvary: accept-encoding",
    ),
    ("own-private", "cache-control: private, max-age=0"),
    (
        "half-private",
        "cache-control: private=\"set-cookie\", max-age=60, no-cache=\"x-a, x-b\"",
    ),
    (
        "two-cache-lines",
        "cache-control: no-cache\r\ncache-control: Public, Must-Revalidate",
    ),
    ("vary-all", "vary: *"),
    ("vary-cookie", "vary: accept, COOKIE"),
    (
        "for-caches",
        "surrogate-control: max-age=60\r\ncdn-cache-control: max-age=61\r\nx-accel-expires: 62\r\n\
         edge-control: cache-maxage=63\r\nshop-cdn-cache-control: max-age=64\r\nx-cache-control: max-age=65",
    ),
    (
        "our-cookies",
        "set-cookie: first=1\r\nset-cookie: anteroom-a-derby=forged; Path=/\r\n\
         set-cookie: __Host-anteroom-q-derby=x; Secure; Path=/\r\nset-cookie: my-anteroom-a=2; Path=/",
    ),
    (
        "our-words",
        "anteroom-admission: forged\r\nx-anteroom-room: derby\r\nx-anteroomy: 1",
    ),
    (
        "nominated",
        "connection: keep-alive, X-Near\r\nx-near: 1\r\nx-far: 2",
    ),
    (
        "capitals",
        "X-CAPITALS: Yes\r\nX-Mixed-Case: No\r\nETag: \"Q\"",
    ),
];

/// Statuses that a site may answer with, each with a short body.
const STATUSES: &str = "200 201 202 203 206 207 208 226 299 300 302 303 305 307 308 400 401 402 403 404 405 406 408 409 \
    410 411 412 414 415 416 417 418 421 422 423 424 425 426 428 429 431 451 499 500 501 503 505 506 507 508 510 511 599";

/// Statuses that never have a body.
const BARE: &str = "204 205 304";

/// Whole answers by name, `@B` for a body of its length.
const WHOLE: [(&str, &str); 16] = [
    (
        "chunked",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
    ),
    (
        "chunk-extensions",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0;c\r\n\r\n",
    ),
    (
        "small-chunks",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n0\r\n\r\n",
    ),
    (
        "capital-size",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nA\r\n0123456789\r\n000\r\n\r\n",
    ),
    (
        "trailers",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n",
    ),
    (
        "no-length",
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\nuntil the end",
    ),
    (
        "old",
        "HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nof old",
    ),
    (
        "old-length",
        "HTTP/1.0 200 OK\r\ncontent-length: 6\r\n\r\nof old",
    ),
    (
        "old-keep-alive",
        "HTTP/1.0 200 OK\r\ncontent-length: 6\r\nconnection: keep-alive\r\n\r\nof old",
    ),
    ("no-reason", "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok"),
    (
        "own-reason",
        "HTTP/1.1 200 Sold Out Soon\r\ncontent-length: 2\r\n\r\nok",
    ),
    (
        "early-hints",
        "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ),
    (
        "processing",
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ),
    (
        "continue",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ),
    ("empty", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    (
        "keep-alive",
        "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nkeep-alive: timeout=5, max=9\r\ncontent-length: 2\r\n\r\nok",
    ),
];

/// The name of every answer.
pub fn names() -> Vec<String> {
    let fields = FIELDS.iter().map(|(name, _)| (*name).to_owned());
    let whole = WHOLE.iter().map(|(name, _)| (*name).to_owned());
    let statuses = STATUSES.split_whitespace().chain(BARE.split_whitespace());
    let built = ["many-fields", "long-field", "many-cookies", "long"].map(str::to_owned);
    fields
        .chain(whole)
        .chain(statuses.map(|status| format!("status-{status}")))
        .chain(built)
        .collect()
}

/// The answer of this name to this method, and whether the connection ends with it.
///
/// # Panics
/// If there is none.
pub fn raw(name: &str, method: &str) -> (Vec<u8>, bool) {
    if let Some((_, whole)) = WHOLE.iter().find(|(known, _)| *known == name) {
        let closes = matches!(name, "no-length" | "old" | "old-length");
        return (without_body_for_head(whole, method), closes);
    }
    if let Some(status) = name.strip_prefix("status-") {
        let (length, body) = match BARE.contains(status) {
            true if status == "205" => ("content-length: 0\r\n", ""),
            true => ("", ""),
            false => ("content-length: 9\r\n", "of a kind"),
        };
        let text = format!("HTTP/1.1 {status} Said\r\netag: \"s\"\r\n{length}\r\n{body}");
        return (without_body_for_head(&text, method), false);
    }
    let (fields, body) = match name {
        "many-fields" => (
            (0..80).fold(String::new(), |mut all, number| {
                let _ = write!(all, "x-field-{number}: {number}\r\n");
                all
            }),
            "many".to_owned(),
        ),
        "long-field" => (
            format!("x-long: {}\r\n", "l".repeat(12_000)),
            "long".to_owned(),
        ),
        "many-cookies" => (
            (0..20).fold(String::new(), |mut all, number| {
                let _ = write!(all, "set-cookie: c{number}={number}; Path=/\r\n");
                all
            }),
            "cookies".to_owned(),
        ),
        "long" => (String::new(), "0123456789abcdef".repeat(200_000)),
        name => {
            let found = FIELDS.iter().find(|(known, _)| *known == name);
            let (_, fields) = found.unwrap_or_else(|| panic!("no answer is called {name}"));
            (format!("{fields}\r\n"), "a body".to_owned())
        }
    };
    let length = body.len();
    let text = format!("HTTP/1.1 200 OK\r\n{fields}content-length: {length}\r\n\r\n{body}");
    let mut bytes = without_body_for_head(&text, method);
    if name == "latin" {
        // One byte that is no UTF-8.
        let text = String::from_utf8(bytes).unwrap();
        bytes = text
            .chars()
            .map(|one| u8::try_from(u32::from(one)).unwrap())
            .collect();
    }
    (bytes, false)
}

fn without_body_for_head(text: &str, method: &str) -> Vec<u8> {
    match (method, text.rsplit_once("\r\n\r\n")) {
        ("HEAD", Some(_)) => {
            let last = text.find("\r\n\r\n").unwrap();
            let interim = text[..last].starts_with("HTTP/1.1 10");
            let end = if interim {
                text.rfind("HTTP/1.1 200").unwrap()
            } else {
                0
            };
            let head = text[end..].find("\r\n\r\n").unwrap();
            text.as_bytes()[..end + head + 4].to_vec()
        }
        _ => text.as_bytes().to_vec(),
    }
}
