//! Rows N of docs/security.md: headers, trust, URLs.

mod words;

use crate::kit::wire::statuses;
use crate::kit::{Ask, House, Plan, raw};

/// Headers by which a client may claim to be somebody else.
const CLAIMS: [(&str, &str); 9] = [
    ("x-forwarded-for", "6.6.6.6"),
    ("x-forwarded-for", "7.7.7.7, unknown, fe80::1%eth0"),
    ("forwarded", "for=6.6.6.6;proto=https;host=evil.example"),
    ("x-real-ip", "6.6.6.6"),
    ("cf-connecting-ip", "6.6.6.6"),
    ("true-client-ip", "6.6.6.6"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "https"),
    ("x-original-url", "/admin"),
];

#[tokio::test]
async fn n1_nobody_is_believed_about_their_address_but_trusted_proxies() {
    let house = House::open().await;
    let many = vec!["6.6.6.6"; 100].join(", ");
    let ask = CLAIMS
        .iter()
        .fold(Ask::get("/about"), |ask, (name, value)| {
            ask.with(name, value)
        });
    house
        .visitor()
        .ask(ask.with("x-forwarded-for", &many))
        .await
        .is_served();
    let arrived = house.origin.only();
    assert_eq!(arrived.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(arrived.all("x-real-ip"), ["127.0.0.1"]);
    assert_eq!(arrived.all("x-forwarded-host"), ["shop.example"]);
    assert_eq!(arrived.all("x-forwarded-proto"), ["http"]);
    assert_eq!(arrived.all("host"), ["shop.example"]);
    for name in [
        "forwarded",
        "cf-connecting-ip",
        "true-client-ip",
        "x-original-url",
    ] {
        assert!(arrived.all(name).is_empty(), "{}", arrived.head);
    }

    let plan = Plan::default().behind("\"127.0.0.0/8\", \"10.0.0.0/8\"");
    let house = House::of(plan).await;
    for (lines, client) in [
        (&["1.1.1.1, 2.2.2.2"][..], "2.2.2.2"),
        (&["1.1.1.1", "2.2.2.2, 10.9.9.9"], "2.2.2.2"),
        (&["unknown"], "127.0.0.1"),
        (&["3.3.3.3, unknown, 10.2.2.2"], "10.2.2.2"),
        (&["[2001:db8::1]:9"], "2001:db8::1"),
        (&[many.as_str()], "6.6.6.6"),
    ] {
        let ask = lines.iter().fold(Ask::get("/about"), |ask, line| {
            ask.with("x-forwarded-for", line)
        });
        house
            .visitor()
            .ask(ask.with("x-forwarded-proto", "https"))
            .await
            .is_served();
        let arrived = house.origin.only();
        assert_eq!(arrived.all("x-forwarded-for"), [client], "{lines:?}");
        assert_eq!(arrived.all("x-real-ip"), [client], "{lines:?}");
        assert_eq!(arrived.all("x-forwarded-proto"), ["https"]);
    }
}

#[tokio::test]
async fn n1_limits_count_the_real_address_whatever_a_client_claims() {
    let limits = "[[limit]]\nname = \"few\"\nper = \"address\"\nrate = 1\nburst = 5\n";
    let house = House::of(Plan::default().file("limits.toml", limits)).await;
    let mut served = 0;
    let mut turned_away = 0;
    for number in 0..30 {
        let ask = Ask::get("/about").with("x-forwarded-for", &format!("9.9.9.{number}"));
        let answer = house.visitor().ask(ask).await;
        match answer.status {
            200 => served += 1,
            429 => {
                assert!(answer.header("retry-after").is_some());
                turned_away += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(
        (5..15).contains(&served) && turned_away > 15,
        "{served} served"
    );
}

#[tokio::test]
async fn n2_a_client_cannot_have_our_headers_dropped_by_naming_them() {
    let house = House::open().await;
    let words = "Anteroom-Assertion, Cookie, X-Forwarded-For, X-Real-IP, Host, X-Forwarded-Host, \
                 X-Forwarded-Proto, Content-Length, X-Own";
    let mut insider = house.insider().with_cookie("basket", "7");
    let ask = Ask::post("/buy/1")
        .body("four")
        .with("connection", words)
        .with("x-own", "1");
    insider.ask(ask).await.is_served();
    let arrived = house.origin.only();
    assert_eq!(arrived.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(arrived.all("x-real-ip"), ["127.0.0.1"]);
    assert_eq!(arrived.all("x-forwarded-proto"), ["http"]);
    assert_eq!(arrived.all("host"), ["shop.example"]);
    assert_eq!(arrived.body, b"four");
    assert!(
        arrived.all("x-own").is_empty(),
        "hop by hop: {}",
        arrived.head
    );
}

#[tokio::test]
async fn n4_too_much_of_a_head_is_refused_and_closed() {
    let house = House::open().await;
    let with = |fields: String| {
        format!(
            "GET /about HTTP/1.1\r\nHost: shop.example\r\n{fields}\r\n\
             GET /about HTTP/1.1\r\nHost: shop.example\r\n\r\n"
        )
    };
    let fields: String = (0..100)
        .map(|number| format!("X-{number}: 1\r\n"))
        .collect();
    let large = format!("X-Large: {}\r\n", "x".repeat(64 << 10));
    let total: String = (0..99)
        .map(|number| format!("X-{number}: {}\r\n", "x".repeat(10 << 10)))
        .collect();
    let target = format!(
        "GET /{} HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        "x".repeat(64 << 10)
    );
    for (asked, status) in [
        (with(fields), 431),
        (with(large), 431),
        (with(total), 431),
        (target, 414),
    ] {
        let answers = raw(house.address, asked).await;
        assert_eq!(statuses(&answers), [status], "refused and closed");
        assert_eq!(answers[0].header("connection"), Some("close"));
    }
    house.origin.saw_nothing();
    let most: String = (0..90).map(|number| format!("X-{number}: 1\r\n")).collect();
    assert_eq!(statuses(&raw(house.address, with(most)).await), [200, 200]);
}

#[tokio::test]
async fn n4_w1_a_browser_whose_head_is_refused_is_told_what_to_do_and_when() {
    let house = House::open().await;
    let browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    let cookies = format!("Cookie: {}\r\n", "advert=1; ".repeat(2_000));
    let target = "x".repeat(9 << 10);
    for (path, fields, status, words) in [
        ("a", format!("{browser}{cookies}"), 431, "cookies"),
        (
            target.as_str(),
            browser.to_owned(),
            414,
            "This address is too long",
        ),
        (
            "a",
            format!("{browser}no colon\r\n"),
            400,
            "go back and try again",
        ),
    ] {
        let asked = format!("GET /{path} HTTP/1.1\r\nHost: shop.example\r\n{fields}\r\n");
        let answers = raw(house.address, asked).await;
        assert_eq!(statuses(&answers), [status]);
        let kind = answers[0].header("content-type");
        assert_eq!(kind, Some("text/html; charset=utf-8"));
        let date = answers[0].header("date").unwrap();
        assert!(date.ends_with(" GMT"), "{date}");
        let html = String::from_utf8(answers[0].body.clone()).unwrap();
        assert!(
            html.contains(words) && !html.contains("/_anteroom/"),
            "{html}"
        );
        assert!(!html.contains("advert") && !html.contains("xxx"), "{html}");
    }
    let app = format!("GET /a HTTP/1.1\r\nHost: shop.example\r\nAccept: */*\r\n{cookies}\r\n");
    let answers = raw(house.address, app).await;
    assert_eq!(statuses(&answers), [431]);
    let kind = answers[0].header("content-type");
    assert_eq!(kind, Some("application/problem+json"));
    assert!(answers[0].header("date").is_some());
}

#[tokio::test]
async fn a7_whoever_asks_for_a_host_of_nobody_sees_a_page_that_needs_nothing_else() {
    let house = House::open().await;
    let ask = Ask::get("/buy/1").with("accept", "text/html");
    let answer = house.visitor().host("typo.example").ask(ask).await;
    let html = String::from_utf8(answer.is(421).body.clone()).unwrap();
    assert!(html.contains("No site of that name is here"), "{html}");
    assert!(
        html.contains("[[site]]") && html.contains("hosts"),
        "{html}"
    );
    for asks in ["/_anteroom/", "src=", "<a ", "typo.example"] {
        assert!(!html.contains(asks), "{asks} in {html}");
    }
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("style-src 'self';"), "{policy}");
    let ask = Ask::get("/buy/1").with("sec-fetch-dest", "empty");
    let answer = house.visitor().host("typo.example").ask(ask).await;
    let kind = answer.is(421).header("content-type");
    assert_eq!(kind, Some("application/problem+json"));
    house.origin.saw_nothing();
}

#[tokio::test]
async fn a7_a_host_with_a_colon_and_no_port_is_that_host() {
    let house = House::open().await;
    house
        .visitor()
        .host("shop.example:")
        .get("/about")
        .await
        .is_served();
    assert_eq!(house.origin.only().all("host"), ["shop.example"]);
    house
        .visitor()
        .host("shop.example:")
        .get("/buy/1")
        .await
        .is_queue();
    house.origin.saw_nothing();
}

#[tokio::test]
async fn n10_w5_another_sites_page_changes_nothing() {
    let house = House::open().await;
    let mut ann = house.visitor();
    ann.joins().await;
    house.release(1).await;
    ann.polls_until("released").await;
    let before = house.visitors_calls().await;
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "https://shop.example"),
        ("origin", "null"),
        ("origin", "http://shop.example.evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for deed in ["join", "claim", "leave"] {
            let ask = Ask::post(&format!("/_anteroom/rooms/derby/{deed}")).with(name, value);
            let answer = ann.ask(ask).await;
            answer.is(403);
            assert!(answer.cookies().is_empty(), "{name}: {value} {deed}");
        }
    }
    assert_eq!(
        house.visitors_calls().await,
        before,
        "the store was not asked"
    );
    assert_eq!(
        ann.status().await["state"],
        "released",
        "the turn is still there"
    );
    let own = Ask::post("/_anteroom/rooms/derby/claim").with("origin", "http://shop.example");
    ann.ask(own).await.is(200);
    ann.get("/buy/1").await.is_served();
}

#[tokio::test]
async fn w5_a_form_without_script_proves_itself_by_the_reference_code() {
    let house = House::open().await;
    let mut ann = house.visitor();
    let reference = ann.joins().await["reference"].as_str().unwrap().to_owned();
    let leave = |query: &str| {
        Ask::post(&format!("/_anteroom/rooms/derby/leave{query}")).with("origin", "null")
    };
    for query in ["", "?reference=", "?reference=aaaaaaaaaaaa", "?x=1"] {
        ann.ask(leave(query)).await.is(403);
    }
    let proof = format!("?reference={reference}");
    house.visitor().ask(leave(&proof)).await.is(403);
    let script = leave(&proof).with("sec-fetch-site", "cross-site");
    ann.ask(script).await.is(403);
    assert_eq!(ann.status().await["position"], 1);
    let form = ann.get("/buy/1").await;
    assert!(form.text().contains(&format!("leave{proof}\"")), "{form:?}");
    ann.ask(leave(&proof)).await.is(200);
    assert_eq!(ann.status().await["ended_by"], "left");
}
