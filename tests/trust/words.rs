//! Rows N5 to N9 of docs/security.md: words from outside that would be more than words.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::kit::process::{furnish, log, start_under};
use crate::kit::wire::Asked;
use crate::kit::{Answer, Ask, House, Origin, Plan, Visitor, Wire, raw};

#[tokio::test]
async fn n5_no_word_from_outside_becomes_a_header_of_ours() {
    let house = House::open().await;
    let evil = "%0d%0aInjected:%201%0d%0a";
    for asked in [
        format!("GET /buy/1?x={evil} HTTP/1.1\r\nHost: shop.example\r\n"),
        format!("GET /buy/{evil} HTTP/1.1\r\nHost: shop.example\r\n"),
        format!("GET /_anteroom/rooms/{evil}/status HTTP/1.1\r\nHost: shop.example\r\n"),
        format!("GET /_anteroom/{evil} HTTP/1.1\r\nHost: shop.example\r\n"),
        format!("GET /buy/1 HTTP/1.1\r\nHost: shop.example\r\nCookie: anteroom-q-derby={evil}\r\n"),
        format!("GET /buy/1 HTTP/1.1\r\nHost: shop.example\r\nAnteroom-Queue: {evil}\r\n"),
        format!("GET /buy/1 HTTP/1.1\r\nHost: shop.example\r\nAccept-Language: {evil}\r\n"),
        format!(
            "POST /_anteroom/rooms/derby/leave?reference={evil} HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n"
        ),
        format!("GET /buy/1 HTTP/1.1\r\nHost: shop{evil}.example\r\n"),
    ] {
        let answers = raw(house.address, format!("{asked}Connection: close\r\n\r\n")).await;
        assert_eq!(answers.len(), 1, "{asked}");
        assert!(answers[0].header("injected").is_none(), "{:?}", answers[0]);
        assert!(answers[0].header("location").is_none(), "{:?}", answers[0]);
    }
    let faulty =
        "name = \"der\\r\\nby\"\nsite = \"shop\"\npaths = [\"/final/*\"]\n[pace]\nper_minute = 1\n";
    let plan = Plan::default().file("rooms/final.toml", faulty);
    let dir = TempDir::new().unwrap();
    plan.write(dir.path(), addresses(&house));
    let checked =
        crate::kit::process::anteroom(&["check", "--policies", dir.path().to_str().unwrap()]);
    assert_eq!(
        checked.status.code(),
        Some(1),
        "a room's name is letters, digits and hyphens"
    );
}

/// Bytes that end a line, colour a terminal or turn a text round, as they are. Some of them no head
/// may hold and some it may.
const RAW: [&[u8]; 8] = [
    b"a\x1b[31mred",
    b"a\rInjected: 1",
    b"a\nInjected: 1",
    b"a\r\n Injected: 1",
    b"a\0b",
    b"a\x7fb\x08",
    "a\u{202e}b\u{2066}c\u{9b}2J\u{85}d".as_bytes(),
    b"a\xff\xfe\x9b2J",
];

/// A request with these bytes in its target, its method, its host or a field.
fn with_raw(raw: &[u8], place: &str) -> Vec<u8> {
    let (before, after): (&str, &str) = match place {
        "method" => ("GET", " /about HTTP/1.1\r\nHost: shop.example\r\n"),
        "target" => (
            "GET /buy/1?x=",
            " HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n",
        ),
        "host" => (
            "GET /about HTTP/1.1\r\nHost: shop",
            ".example\r\nConnection: close\r\n",
        ),
        _ => (
            "GET /buy/1 HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n",
            "\r\n",
        ),
    };
    let name = format!("{place}: ");
    let name = if before.ends_with('\n') { &name } else { "" };
    [
        before.as_bytes(),
        name.as_bytes(),
        raw,
        after.as_bytes(),
        b"\r\n",
    ]
    .concat()
}

const PLACES: [&str; 9] = [
    "method",
    "target",
    "host",
    "User-Agent",
    "X-Forwarded-For",
    "Cookie",
    "Referer",
    "Anteroom-Queue",
    "Accept-Language",
];

#[tokio::test]
async fn n5_no_raw_byte_becomes_a_header_of_ours() {
    let house = House::open().await;
    for bytes in RAW {
        for place in PLACES {
            let asked = with_raw(bytes, place);
            let answers = raw(house.address, &asked).await;
            assert!(answers.len() <= 1, "{}", asked.escape_ascii());
            for answer in answers {
                assert!(answer.header("injected").is_none(), "{answer:?}");
                let fields = format!("{:?}", answer.fields);
                assert!(
                    !fields.contains("red") && !fields.contains("2J"),
                    "{fields}"
                );
            }
        }
    }
    house.origin.saw_nothing();
}

fn addresses(house: &House) -> crate::kit::policies::Addresses {
    let (public, control, origin) = (house.address, house.control, house.origin.address);
    crate::kit::policies::Addresses {
        public,
        control,
        origin,
    }
}

#[tokio::test]
async fn n6_what_is_compressed_passes_as_it_is() {
    let house = House::open().await;
    let bomb = bomb();
    assert!(bomb.len() < 40_000, "{}", bomb.len());
    for coding in ["gzip", "br", "zstd", "gzip, gzip, gzip"] {
        let ask = Ask::post("/about/echo")
            .body(bomb.clone())
            .with("content-encoding", coding);
        let answer = house
            .visitor()
            .ask(ask.with("accept-encoding", "gzip"))
            .await;
        assert_eq!(answer.is(200).body, bomb, "back as it came");
        let arrived = house.origin.only();
        assert_eq!(
            (arrived.body, arrived.length),
            (bomb.clone(), bomb.len() as u64)
        );
    }
    let queued = Ask::post("/buy/1")
        .body(bomb)
        .with("content-encoding", "gzip");
    house.app().ask(queued).await.is(429);
    house.origin.saw_nothing();
}

/// Thirty million zeros, compressed.
fn bomb() -> Vec<u8> {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..30 {
        packer.write_all(&vec![0; 1_000_000]).unwrap();
    }
    packer.finish().unwrap()
}

#[tokio::test]
async fn n7_ranges_of_our_own_pages_are_not_answered() {
    let house = House::open().await;
    let page = house.visitor().get("/buy/1").await;
    let asset = page
        .text()
        .split('"')
        .find(|word| word.starts_with("/_anteroom/assets/queue"));
    let ranges: Vec<String> = (0..1_000).map(|at| format!("{at}-{at}")).collect();
    for range in ["0-0".to_owned(), ranges.join(",")] {
        for path in [asset.unwrap(), "/buy/1", "/_anteroom/rooms/derby/status"] {
            let whole = house.visitor().get(path).await;
            let ask = Ask::get(path).with("range", &format!("bytes={range}"));
            let answer = house.visitor().ask(ask.with("if-range", "x")).await;
            assert_eq!(
                (answer.status, answer.header("content-range")),
                (whole.status, None)
            );
            assert!(
                answer.body.len() * 10 > whole.body.len() * 9,
                "{path}: the whole of it"
            );
        }
    }
}

/// Words that would begin a line, colour a terminal, turn a text round or end a JSON text.
const ODD: [&str; 6] = [
    "a\u{202e}b\u{2066}c",
    "\u{85}new line",
    "\"}{\"level\":\"ERROR\",\"message\":\"forged",
    "%1b[2J%0d%0aERROR forged",
    "\u{9b}2J",
    "\\u001b[2J\\n",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n8_no_word_from_outside_can_write_a_line_of_the_log() {
    for format in ["text", "json"] {
        let (origin, dir) = (Origin::open().await, TempDir::new().unwrap());
        let at = furnish(dir.path(), &Plan::default(), origin.address);
        let form = format!("ANTEROOM_LOG_FORMAT={format}");
        let gateway = start_under(&["env", "ANTEROOM_LOG=trace", &form], dir.path(), at).await;
        for odd in ODD {
            for path in ["/buy/1", "/about", "/about/hangup"] {
                says(
                    at.public,
                    &format!("GET {path}?{odd} HTTP/1.1\r\nHost: shop.example\r\n"),
                )
                .await;
                for field in [
                    "User-Agent",
                    "X-Forwarded-For",
                    "Cookie",
                    "Referer",
                    "Anteroom-Queue",
                    "Expect",
                ] {
                    says(
                        at.public,
                        &format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\n{field}: {odd}\r\n"),
                    )
                    .await;
                }
                says(
                    at.public,
                    &format!("GET {path} HTTP/1.1\r\nHost: {odd}\r\n"),
                )
                .await;
                says(
                    at.public,
                    &format!("{odd} {path} HTTP/1.1\r\nHost: shop.example\r\n"),
                )
                .await;
            }
            let body = serde_json::json!({"message": odd, "reason": odd}).to_string();
            let ask = Ask::new("PUT", "/v1/rooms/derby/message").body(body);
            gateway
                .operator()
                .ask(ask.with("content-type", "application/json"))
                .await;
            let unknown = Visitor::to(at.control)
                .host(odd)
                .try_ask(&Ask::get("/livez"))
                .await;
            drop(unknown);
        }
        for bytes in RAW {
            for place in PLACES {
                raw(at.public, with_raw(bytes, place)).await;
            }
        }
        gateway.terminate();
        gateway.ended().await;
        keeps_to_its_lines(dir.path(), format);
    }
}

/// Sends a request and reads whatever comes back.
async fn says(at: std::net::SocketAddr, head: &str) -> Option<Answer> {
    let mut wire = Wire::to(at).await;
    let _ = wire.send(format!("{head}Connection: close\r\n\r\n")).await;
    wire.answer(Asked::Any).await
}

fn keeps_to_its_lines(dir: &Path, format: &str) {
    let said = log(dir);
    assert!(said.lines().count() > 20, "{said}");
    let hidden = |one: char| {
        one != '\n'
            && (one.is_control()
                || ('\u{202a}'..='\u{2069}').contains(&one) && !"…–—’“”‰′‹›".contains(one))
    };
    for line in said.lines() {
        assert!(!line.contains(hidden), "{line:?}");
        if format == "json" {
            let line: Value =
                serde_json::from_str(line).unwrap_or_else(|fault| panic!("{fault}: {line:?}"));
            assert!(line.is_object(), "{line}");
        } else {
            assert!(
                line.starts_with("20"),
                "every line begins with its time: {line:?}"
            );
        }
    }
}

#[tokio::test]
async fn n9_nothing_a_cache_does_not_see_changes_an_answer() {
    let house = House::open().await;
    let poison = [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "4444"),
        ("x-forwarded-scheme", "https"),
        ("x-forwarded-prefix", "/evil"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("x-host", "evil.example"),
        ("forwarded", "host=evil.example"),
        ("x-http-method-override", "POST"),
        ("x-forwarded-server", "evil.example"),
    ];
    for (name, value) in poison {
        for path in [
            "/buy/1",
            "/_anteroom/rooms/derby/status",
            "/_anteroom/nowhere",
        ] {
            let answer = house.visitor().ask(Ask::get(path).with(name, value)).await;
            let fields: Vec<_> = answer
                .fields
                .iter()
                .filter(|(key, _)| key != "set-cookie")
                .collect();
            assert!(
                !answer.text().contains("evil") && !format!("{fields:?}").contains("evil"),
                "{answer:?}"
            );
            assert!(!answer.text().contains("4444"), "{answer:?}");
            if answer.status != 404 {
                assert_eq!(
                    answer.header("cache-control"),
                    Some("no-store"),
                    "{name}: {answer:?}"
                );
            }
        }
        let ask = Ask::get("/about").with(name, value);
        house.visitor().ask(ask).await.is_served();
        let arrived = house.origin.only();
        let told = arrived.head.to_ascii_lowercase();
        assert!(
            name == "x-http-method-override" || !told.contains(value),
            "{name}: {told}"
        );
        let inside = house
            .insider()
            .ask(Ask::get("/buy/public").with(name, value))
            .await;
        let kept = inside.header("cache-control").unwrap();
        assert!(
            kept.contains("private") && !kept.contains("public"),
            "{kept}"
        );
        house.origin.only();
    }
}
