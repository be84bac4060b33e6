//! ATTACKS H: where one request ends and the next begins. What is ambiguous is refused before
//! anybody acts on it; what is not arrives byte for byte.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::kit::wire::statuses;
use crate::kit::{Answer, House, raw};

/// What is pipelined behind every request here: it must never be read as anything else.
const NEXT: &[u8] = b"GET /about/next HTTP/1.1\r\nHost: shop.example\r\n\r\n";

/// A POST with these header lines and this body, and the next request behind it.
fn post(target: &str, fields: &[u8], body: &[u8]) -> Vec<u8> {
    let head = format!("POST {target} HTTP/1.1\r\nHost: shop.example\r\n");
    [head.as_bytes(), fields, b"\r\n", body, NEXT].concat()
}

/// Demands 400 and the connection's end, and that the shop heard nothing.
async fn is_refused(house: &House, bytes: &[u8]) {
    let answers = raw(house.address, bytes).await;
    assert_refused(&answers, bytes);
    house.origin.saw_nothing();
}

fn assert_refused(answers: &[Answer], bytes: &[u8]) {
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(statuses(answers), [400], "{shown:?}");
    assert_eq!(answers[0].header("connection"), Some("close"), "{shown:?}");
}

/// Demands that the request arrives once, with this body, and the next one after it.
async fn arrives(house: &House, bytes: &[u8], body: &[u8]) {
    let answers = raw(house.address, bytes).await;
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(statuses(&answers), [200, 200], "{shown:?}");
    let arrived = house.origin.arrived();
    assert_eq!(arrived.len(), 2, "{shown:?}: {arrived:?}");
    assert_eq!(arrived[0].body, body, "{shown:?}");
    assert_eq!(arrived[1].target(), "/about/next");
    house.origin.lines();
}

#[tokio::test]
async fn h1_a_length_beside_an_encoding_is_refused() {
    let house = House::open().await;
    let chunks = b"5\r\nhello\r\n0\r\n\r\n";
    for fields in [
        "Content-Length: 15\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 15\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nX: 1\r\ncontent-length: 5\r\n",
        "Content-Length: 15\r\nTransfer-Encoding: identity\r\n",
    ] {
        is_refused(&house, &post("/about", fields.as_bytes(), chunks)).await;
        is_refused(&house, &post("/buy/1", fields.as_bytes(), chunks)).await;
    }
}

/// One way to write Transfer-Encoding, and whether it is the one that is accepted.
struct Mutation {
    field: Vec<u8>,
    accepted: bool,
}

/// Every byte at every joint of the header line, and the spellings that have fooled servers.
fn mutations() -> Vec<Mutation> {
    let mut all = Vec::new();
    let mut add = |field: Vec<u8>, accepted| all.push(Mutation { field, accepted });
    let no_token = (0..=255_u8)
        .filter(|byte| !byte.is_ascii_alphanumeric() && !b"!#$%&'*+-.^_`|~:".contains(byte));
    for byte in no_token.clone() {
        let odd = [byte];
        add(
            [&odd, &b"Transfer-Encoding: chunked\r\n"[..]].concat(),
            false,
        );
        add(
            [b"Transfer-Encoding", &odd[..], b": chunked\r\n"].concat(),
            false,
        );
        add(
            [b"Transfer", &odd[..], b"Encoding: chunked\r\n"].concat(),
            false,
        );
        let blank = byte == b' ' || byte == b'\t';
        add(
            [b"Transfer-Encoding:", &odd[..], b"chunked\r\n"].concat(),
            blank,
        );
        add(
            [b"Transfer-Encoding: chunked", &odd[..], b"\r\n"].concat(),
            blank,
        );
        add(
            [b"Transfer-Encoding: chun", &odd[..], b"ked\r\n"].concat(),
            false,
        );
    }
    for value in [
        "",
        ",",
        ",chunked",
        "chunked,",
        "chunked, ",
        ", chunked",
        "cow, chunked",
        "cow chunked",
        "chunked, identity",
        "identity, chunked",
        "identity",
        "chunked, chunked",
        "chunked chunked",
        "chunked;x",
        "chunked;q=1",
        "chunked; foo=bar",
        "\"chunked\"",
        "'chunked'",
        "x chunked",
        "chunke",
        "chunkedd",
        "xchunked",
        "chunked-1",
        "chu nked",
        "gzip",
        "gzip, chunked",
        "deflate",
        "compress",
        "trailers",
        "tchunked",
        "0",
        "chunked\r\n ",
        "\r\n chunked",
        "\r\n\tchunked",
        "chunked\r\n\tx",
        "c\rhunked",
        "(x) chunked",
        "chunked (x)",
        "*",
        "chunked\u{a0}",
        "\u{feff}chunked",
        "ｃhunked",
        "chunKed\u{212a}",
        "chun\u{212a}ed",
    ] {
        add(
            format!("Transfer-Encoding: {value}\r\n").into_bytes(),
            false,
        );
        add(format!("Transfer-Encoding:{value}\r\n").into_bytes(), false);
    }
    for (one, two) in [
        ("chunked", "chunked"),
        ("chunked", "identity"),
        ("identity", "chunked"),
        ("", "chunked"),
        ("chunked", ""),
    ] {
        add(
            format!("Transfer-Encoding: {one}\r\nTransfer-Encoding: {two}\r\n").into_bytes(),
            false,
        );
        add(
            format!("Transfer-Encoding: {one}\r\nX: 1\r\ntransfer-encoding: {two}\r\n")
                .into_bytes(),
            false,
        );
    }
    for name in [
        "Transfer_Encoding",
        "transfer_encoding",
        "Transfer.Encoding",
        "Transfer~Encoding",
        "Transfer Encoding",
        "Transfer-Encoding\r",
        "Transfer-Encoding\n",
    ] {
        add(format!("{name}: chunked\r\n").into_bytes(), false);
    }
    for end in ["\n", "\r", "\r\r\n", "\n\r", "\0\r\n"] {
        add(
            format!("Transfer-Encoding: chunked{end}").into_bytes(),
            false,
        );
    }
    for name in [
        "Transfer-Encoding",
        "transfer-encoding",
        "TRANSFER-ENCODING",
        "tRANSFER-eNCODING",
    ] {
        for value in [
            "chunked",
            "Chunked",
            "CHUNKED",
            "cHuNkEd",
            "  chunked",
            "\tchunked \t ",
        ] {
            add(format!("{name}:{value}\r\n").into_bytes(), true);
            add(
                format!("X-Before: 1\r\n{name}: {value}\r\nX-After: 1\r\n").into_bytes(),
                true,
            );
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2_of_all_spellings_of_chunked_one_is_accepted() {
    let house = House::open().await;
    let (address, at_once) = (house.address, Arc::new(Semaphore::new(32)));
    let mut tries = JoinSet::new();
    let mutations = mutations();
    assert!(mutations.len() > 900, "{}", mutations.len());
    for (number, mutation) in mutations.into_iter().enumerate() {
        let at_once = Arc::clone(&at_once);
        tries.spawn(async move {
            let _slot = at_once.acquire_owned().await.unwrap();
            let target = format!("/about/m{number}");
            let bytes = post(&target, &mutation.field, b"5\r\nhello\r\n0\r\n\r\n");
            let answers = raw(address, &bytes).await;
            if mutation.accepted {
                let shown = String::from_utf8_lossy(&bytes);
                assert_eq!(statuses(&answers), [200, 200], "{shown:?}");
            } else {
                assert_refused(&answers, &bytes);
            }
            (target, mutation.accepted)
        });
    }
    let tried = tries.join_all().await;
    let arrived = house.origin.arrived();
    for (target, accepted) in &tried {
        let mine: Vec<_> = arrived
            .iter()
            .filter(|one| one.target() == target)
            .collect();
        assert_eq!(mine.len(), usize::from(*accepted), "{target}");
        for one in mine {
            assert_eq!((one.body.as_slice(), one.complete), (&b"hello"[..], true));
            assert_eq!(
                one.all("transfer-encoding"),
                ["chunked"],
                "framed anew: {}",
                one.head
            );
        }
    }
    let accepted = tried.iter().filter(|(_, accepted)| *accepted).count();
    assert_eq!(arrived.len(), 2 * accepted, "and each next request");
}

#[tokio::test]
async fn h3_a_length_is_plain_digits_said_once() {
    let house = House::open().await;
    for value in [
        "+5",
        "-5",
        "-0",
        "05",
        "5,5",
        "5, 5",
        "5, 6",
        "5 5",
        "0x5",
        "5;",
        "5.0",
        "1e1",
        "",
        " ",
        "five",
        "\"5\"",
        "18446744073709551616",
        "18446744073709551615",
        "99999999999999999999999",
        "5\0",
        "5\u{a0}",
        "５",
    ] {
        let field = format!("Content-Length: {value}\r\n");
        is_refused(&house, &post("/about", field.as_bytes(), b"hello")).await;
    }
    for fields in [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nX: 1\r\ncontent-length: 6\r\n",
        "Content-Length: 0\r\nContent-Length: 5\r\n",
        "Content_Length: 5\r\n",
        "Content-Length : 5\r\n",
        " Content-Length: 5\r\n",
        "Content-Length: 5\r\n 5\r\n",
        "Content-Length: 5\n",
    ] {
        is_refused(&house, &post("/about", fields.as_bytes(), b"hello")).await;
    }
    for value in ["5", " 5", "\t5 "] {
        let field = format!("Content-Length:{value}\r\n");
        arrives(
            &house,
            &post("/about", field.as_bytes(), b"hello"),
            b"hello",
        )
        .await;
    }
}

/// Chunked bodies in which two servers could see two ends.
fn bad_bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5_\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "4\r\nhello\r\n0\r\n\r\n",
        "6\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\r\nhello\r\n0\r\n\rX",
        "5;\nx\r\nhello\r\n0\r\n\r\n",
        "5;x\nhello\r\n0\r\n\r\n",
        "5\n;x\r\nhello\r\n0\r\n\r\n",
        "5;x\rGET / HTTP/1.1\r\nhello\r\n0\r\n\r\n",
        "5;\0\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "00000000000000005\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nNo colon\r\n\r\n",
        "5\r\nhello\r\n0\r\n X: folded\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: a\nY: b\r\n\r\n",
    ]
    .map(|body| body.as_bytes().to_vec())
    .into();
    bodies.push(format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(16 << 10)).into_bytes());
    bodies.push(format!("{}0\r\n\r\n", "1;xxxxxxxxxxxxxxxx\r\na\r\n".repeat(2_000)).into_bytes());
    let trailers = "X: 1\r\n".repeat(2_000);
    bodies.push(format!("5\r\nhello\r\n0\r\n{trailers}\r\n").into_bytes());
    bodies
}

#[tokio::test]
async fn h4_a_body_with_two_possible_ends_never_arrives_whole() {
    let house = House::open().await;
    let chunked = b"Transfer-Encoding: chunked\r\n";
    for body in bad_bodies() {
        let shown = String::from_utf8_lossy(&body)
            .chars()
            .take(60)
            .collect::<String>();
        let answers = raw(house.address, post("/about", chunked, &body)).await;
        assert_eq!(statuses(&answers), [400], "{shown:?}");
        assert_eq!(answers[0].header("connection"), Some("close"), "{shown:?}");

        let answers = raw(house.address, post("/buy/1", chunked, &body)).await;
        assert_eq!(answers.len(), 1, "{shown:?}: the connection ends");
        assert!([400, 429].contains(&answers[0].status), "{shown:?}");
    }
    for one in house.origin.arrived() {
        assert_eq!((one.target(), one.complete), ("/about", false), "{one:?}");
    }
    let house = House::open().await;
    for body in [
        "5\r\nhello\r\n0\r\n\r\n",
        "05\r\nhello\r\n00\r\n\r\n",
        "5;x=y\r\nhello\r\n0;z\r\n\r\n",
        "1\r\nh\r\n4\r\nello\r\n0\r\n\r\n",
    ] {
        arrives(&house, &post("/about", chunked, body.as_bytes()), b"hello").await;
    }
}

#[tokio::test]
async fn h5_trailers_never_arrive() {
    let house = House::open().await;
    let body = "5\r\nhello\r\n0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: evil\r\n\
                Authorization: Basic x\r\nCookie: a=b\r\nAnteroom-Admission: x\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n";
    let fields =
        b"Transfer-Encoding: chunked\r\nTrailer: Cookie, Authorization\r\nTE: trailers\r\n";
    let answers = raw(house.address, post("/about", fields, body.as_bytes())).await;
    assert_eq!(statuses(&answers), [200, 200]);
    let arrived = &house.origin.arrived()[0];
    assert_eq!(
        (arrived.body.as_slice(), arrived.complete),
        (&b"hello"[..], true)
    );
    for name in ["trailer", "te", "authorization", "cookie"] {
        assert!(arrived.all(name).is_empty(), "{}", arrived.head);
    }
}

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
    assert!([&[200][..], &[200, 200]].contains(&statuses(&answers).as_slice()));
    assert_eq!(house.origin.arrived()[0].body, b"hello");
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
