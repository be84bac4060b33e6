//! Rows H14 of docs/security.md about answers that make no sense or could be read in two ways: the
//! visitor gets 502 or an answer that is visibly cut, nobody gets bytes meant for another, and the
//! connection that they came on carries nothing more.

mod cut;
mod site;

use site::{GOOD, Site};

use crate::kit::wire::Asked;
use crate::kit::{Answer, Authority, House, Plan, Wire};

/// Fields and bodies of answers whose first line is sound. All of them say `forged` where a visitor
/// or the next one could be made to see it.
const AFTER_A_SOUND_LINE: [&str; 43] = [
    // Two ends, or none that could be relied on.
    "content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n6\r\nforged\r\n0\r\n\r\n",
    "transfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n6\r\nforged\r\n0\r\n\r\n",
    "content-length: 6\r\ncontent-length: 7\r\n\r\nforged!",
    "content-length: 6\r\ncontent-length: 6\r\n\r\nforged",
    "content-length: 6\r\ncontent-length: 06\r\n\r\nforged",
    "content-length: 6, 6\r\n\r\nforged",
    "content-length: 6,6\r\n\r\nforged",
    "content-length: 6, 7\r\n\r\nforged",
    "content-length: -6\r\n\r\nforged",
    "content-length: +6\r\n\r\nforged",
    "content-length: 0x6\r\n\r\nforged",
    "content-length: 6 6\r\n\r\nforged",
    "content-length:\r\n\r\nforged",
    "content-length: 18446744073709551616\r\n\r\nforged",
    "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n6\r\nforged\r\n0\r\n\r\n",
    "transfer-encoding: chunked, chunked\r\n\r\n6\r\nforged\r\n0\r\n\r\n",
    "transfer-encoding: chunked, gzip\r\n\r\nforged",
    "transfer-encoding: gzip, chunked\r\n\r\n6\r\nforged\r\n0\r\n\r\n",
    "transfer-encoding: identity\r\n\r\nforged",
    "transfer-encoding: xchunked\r\n\r\nforged",
    "transfer-encoding:\r\n\r\nforged",
    // Lines within lines.
    "location: /a\nset-cookie: forged=1\r\ncontent-length: 0\r\n\r\n",
    "location: /a\rset-cookie: forged=1\r\ncontent-length: 0\r\n\r\n",
    "location: /a\0set-cookie: forged=1\r\ncontent-length: 0\r\n\r\n",
    "location: /a\n\nforged",
    "set-cookie: a=b\nlocation: /forged\r\ncontent-length: 0\r\n\r\n",
    "set-cookie: a=b\rlocation: /forged\r\ncontent-length: 0\r\n\r\n",
    "set-cookie: a=b\0forged\r\ncontent-length: 0\r\n\r\n",
    "set-cookie: a=b\r\n location: /forged\r\ncontent-length: 0\r\n\r\n",
    "set-cookie: a=b\r\n\tforged\r\ncontent-length: 0\r\n\r\n",
    "content-length: 6\n\nforged",
    "content-length: 6\r\n\nforged",
    // Fields that are none.
    " x: forged\r\ncontent-length: 0\r\n\r\n",
    "content-length : 6\r\n\r\nforged",
    ": forged\r\ncontent-length: 0\r\n\r\n",
    "forged\r\ncontent-length: 0\r\n\r\n",
    "x(y): forged\r\ncontent-length: 0\r\n\r\n",
    // Chunks that are none, together with the head.
    "transfer-encoding: chunked\r\n\r\n0x6\r\nforged\r\n0\r\n\r\n",
    "transfer-encoding: chunked\r\n\r\n6\nforged\r\n0\r\n\r\n",
    "transfer-encoding: chunked\r\n\r\n-6\r\nforged\r\n0\r\n\r\n",
    "transfer-encoding: chunked\r\n\r\n6;a\nforged\r\n0\r\n\r\n",
    "transfer-encoding: chunked\r\n\r\n\r\nforged\r\n0\r\n\r\n",
    "transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nforged\r\n0\r\n\r\n",
];

/// Whole answers that are none.
const NO_ANSWERS: [&str; 19] = [
    "HTTP/1.1 2OO OK\r\ncontent-length: 6\r\n\r\nforged",
    "HTTP/1.1 20 OK\r\ncontent-length: 6\r\n\r\nforged",
    "HTTP/1.1 2000 OK\r\ncontent-length: 6\r\n\r\nforged",
    "HTTP/1.1 099 OK\r\ncontent-length: 6\r\n\r\nforged",
    "HTTP/1.1  200 OK\r\ncontent-length: 6\r\n\r\nforged",
    "HTTP/1.1\t200 OK\r\ncontent-length: 6\r\n\r\nforged",
    "HTTP/2.0 200 OK\r\ncontent-length: 6\r\n\r\nforged",
    "HTTP/1.2 200 OK\r\ncontent-length: 6\r\n\r\nforged",
    "http/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged",
    "HTTP/1.1 200 O\nset-cookie: forged=1\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\ncontent-length: 6\r\n\r\nforged",
    "\r\nHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged",
    "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nforged\r\n0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nforged",
    "HTTP/1.1 103 Early Hints\r\nlink: </a>\nset-cookie: forged=1\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged",
    // As HTTP/0.9 would be, and what belongs to HTTP/2.
    "<html>forged</html>",
    "forged\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nforged",
    "\0\0\0\x04\0\0\0\0\0forged",
];

fn nonsense() -> Vec<String> {
    let line = "HTTP/1.1 200 OK\r\n";
    let fields = AFTER_A_SOUND_LINE.iter();
    let mut all: Vec<String> = fields.map(|rest| format!("{line}{rest}")).collect();
    all.extend(NO_ANSWERS.iter().map(ToString::to_string));
    let flood = "HTTP/1.1 102 Processing\r\n\r\n".repeat(60_000);
    all.push(format!("{flood}{line}content-length: 6\r\n\r\nforged"));
    let long = "x".repeat(70_000);
    all.push(format!(
        "{line}x: {long}\r\ncontent-length: 6\r\n\r\nforged"
    ));
    all
}

fn ask(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: shop.example\r\n\r\n")
}

/// The next answer, whatever interim ones come ahead of it.
async fn answer(wire: &mut Wire, asked: Asked) -> Option<Answer> {
    loop {
        let answer = wire.answer(asked).await?;
        if answer.status >= 200 {
            return Some(answer);
        }
    }
}

fn shown(says: &str) -> String {
    says.chars()
        .take(200)
        .collect::<String>()
        .escape_debug()
        .to_string()
}

#[tokio::test]
async fn h14_answers_that_make_no_sense_are_a_bad_gateway_and_the_next_visitor_gets_its_own() {
    let site = Site::open().await;
    let house = House::in_front_of(Plan::default(), site.address).await;
    let mut wire = Wire::to(house.address).await;
    for (number, says) in nonsense().into_iter().enumerate() {
        let case = shown(&says);
        site.say([says]);

        wire.send(ask("GET", "/bad")).await.unwrap();
        let bad = answer(&mut wire, Asked::Any).await.expect(&case);
        assert_eq!(bad.status, 502, "{case}: {bad:?}");
        assert!(!format!("{bad:?}").contains("forged"), "{case}: {bad:?}");
        site.hangs_up(&case).await;
        wire.send(ask("GET", &format!("/good/{number}")))
            .await
            .unwrap();
        let good = answer(&mut wire, Asked::Any).await.expect(&case);

        assert_eq!(good.text(), format!("{GOOD}/good/{number}"), "{case}");
    }
}

#[tokio::test]
async fn h14_bytes_behind_an_answer_end_its_connection_and_reach_nobody() {
    let forged = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
    let site = Site::open().await;
    let house = House::in_front_of(Plan::default(), site.address).await;
    let mut wire = Wire::to(house.address).await;
    for (method, head, status) in [
        ("GET", "200 OK\r\ncontent-length: 4\r\n\r\nmine", 200),
        (
            "GET",
            "200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n",
            200,
        ),
        ("GET", "200 OK\r\ncontent-length: 0\r\n\r\n", 200),
        ("HEAD", "200 OK\r\ncontent-length: 6\r\n\r\n", 200),
        ("HEAD", "200 OK\r\ntransfer-encoding: chunked\r\n\r\n", 200),
        ("GET", "304 Not Modified\r\ncontent-length: 6\r\n\r\n", 304),
        (
            "GET",
            "304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n",
            304,
        ),
        ("GET", "204 No Content\r\ncontent-length: 6\r\n\r\n", 204),
        ("GET", "204 No Content\r\n\r\n", 204),
    ] {
        for behind in ["forged", "\r\nforged", forged] {
            let case = format!("{method} {} and {}", shown(head), shown(behind));
            site.say([format!("HTTP/1.1 {head}{behind}")]);

            wire.send(ask(method, "/bad")).await.unwrap();
            let asked = if method == "HEAD" {
                Asked::Head
            } else {
                Asked::Any
            };
            let first = answer(&mut wire, asked).await.expect(&case);
            site.hangs_up(&case).await;
            wire.send(ask("GET", "/good")).await.unwrap();
            let good = answer(&mut wire, Asked::Any).await.expect(&case);

            assert_eq!(first.status, status, "{case}");
            assert!(
                !format!("{first:?}").contains("forged"),
                "{case}: {first:?}"
            );
            assert_eq!(good.text(), format!("{GOOD}/good"), "{case}");
        }
    }
}

#[tokio::test]
async fn h14_an_answer_ahead_of_its_request_ends_the_connection_with_all_that_follows() {
    let forged = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
    let site = Site::open().await;
    let house = House::in_front_of(Plan::default(), site.address).await;
    let mut wire = Wire::to(house.address).await;
    let own = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nmine";
    site.say([format!("{own}{forged}")]);
    let body = "x".repeat(400_000);
    let head = format!(
        "POST /bad HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    // Half of it: the site answers while the rest is still to come.
    wire.send(format!("{head}{}", &body[..200_000]))
        .await
        .unwrap();

    let first = wire.answer(Asked::Any).await.unwrap();

    assert_eq!((first.status, first.text()), (200, "mine"));
    site.hangs_up("early").await;
    let rest = wire.all().await;
    assert!(!String::from_utf8_lossy(&rest).contains("forged"));
    let mut other = Wire::to(house.address).await;
    other.send(ask("GET", "/good")).await.unwrap();
    let good = other.answer(Asked::Any).await.unwrap();
    assert_eq!(good.text(), format!("{GOOD}/good"));
}

#[tokio::test]
async fn h14_over_http_2_answers_that_make_no_sense_are_a_bad_gateway_too() {
    let site = Site::open().await;
    let authority = Authority::new();
    let plan = Plan::default().over_tls(&authority.vouches(&["shop.example"]), "");
    let house = House::in_front_of(plan, site.address).await;
    let mut ann = authority
        .client()
        .http2(house.encrypted(), "shop.example")
        .await;
    for says in nonsense().into_iter().step_by(3) {
        let case = shown(&says);
        site.say([says]);

        let bad = ann.get("https://shop.example/bad").await.expect(&case);
        assert_eq!(bad.status(), 502, "{case}: {bad:?}");
        assert!(!format!("{bad:?}").contains("forged"), "{case}: {bad:?}");
        site.hangs_up(&case).await;
        let good = ann.get("https://shop.example/good").await.expect(&case);

        assert_eq!(good.body(), &format!("{GOOD}/good"), "{case}");
    }
}
