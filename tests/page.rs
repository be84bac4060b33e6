//! Rows W of docs/security.md: the page. What a browser itself must show is tried in a browser elsewhere.

use serde_json::{Value, json};

use crate::kit::{Ask, House, Plan, until};

/// Texts that have broken out of pages elsewhere.
const POLYGLOTS: [&str; 9] = [
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</noscript><svg/onload=alert(1)>",
    "--><script>alert(1)</script><!--",
    "{{ 7*7 }}{% raw %}<b>{% endraw %}",
    "jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=alert() )//</stYle/</titLe/--!>\\x3csVg/<sVg/oNloAd=alert()//>",
    "</p></main></body><iframe srcdoc='<script>alert(1)</script>'>",
];

/// The names of a page's elements, as its markup opens them.
fn elements(html: &str) -> Vec<String> {
    let pieces = html.split('<').skip(1);
    pieces
        .map(|piece| {
            let name = piece
                .chars()
                .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '/');
            name.collect()
        })
        .collect()
}

#[tokio::test]
async fn w1_words_from_outside_stand_in_the_page_as_text() {
    let house = House::open().await;
    let mut ann = house.visitor();
    ann.joins().await;
    let plain = elements(ann.get("/buy/1").await.is_queue().text());
    for polyglot in POLYGLOTS {
        house.set("message", json!({ "message": polyglot })).await;
        let page = ann.get("/buy/1").await;
        let html = page.is_queue().text().to_owned();
        assert_eq!(elements(&html), plain, "{polyglot}");
        assert!(!html.contains(polyglot), "{polyglot}");
        let json = ann.get("/_anteroom/rooms/derby/status").await;
        assert_eq!(json.says("message"), polyglot, "as it was typed");
        assert_eq!(json.header("content-type"), Some("application/json"));
        assert_eq!(json.header("x-content-type-options"), Some("nosniff"));
    }
    for query in [
        "%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "%27onmouseover=%27alert(1)",
        "javascript:alert(1)",
        "lang=%3Cscript%3E",
        "target=//evil.example",
        "target=https:evil",
        "x=\"><script>alert(1)</script>",
    ] {
        let ask = Ask::get(&format!("/buy/1?{query}"));
        let ask = ask.with("accept-language", "\"><script>alert(1)</script>");
        let answer = house.visitor().ask(ask).await;
        let html = answer.text();
        assert!(
            !html.contains("<script>alert") && !html.contains("'onmouse"),
            "{query}: {html}"
        );
        assert!(answer.header("location").is_none(), "{query}");
    }
}

#[tokio::test]
async fn w1_a_message_of_control_characters_is_refused() {
    let house = House::open().await;
    for message in ["a\r\nset-cookie: x=1", "a\0b", "\u{1b}[31m"] {
        let body = json!({ "message": message }).to_string();
        let ask = Ask::new("PUT", "/v1/rooms/derby/message").body(body);
        house
            .operator()
            .ask(ask.with("content-type", "application/json"))
            .await
            .is(422);
    }
    house
        .set("message", json!({"message": "\u{202e}abc\u{2028}"}))
        .await;
    house.visitor().get("/buy/1").await.is_queue();
}

#[tokio::test]
async fn w2_w3_the_page_loads_its_own_files_alone_and_nobody_frames_it() {
    let house = House::open().await;
    let page = house.visitor().get("/buy/1").await;
    let fault = house.visitor().get("/_anteroom/nothing").await;
    for answer in [&page, &fault] {
        let csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                   connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
        assert_eq!(answer.header("content-security-policy"), Some(csp));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(
            answer.header("cross-origin-opener-policy"),
            Some("same-origin")
        );
        let html = answer.text();
        for inline in ["<style", " style=", " onclick=", " onload=", "javascript:"] {
            assert!(!html.contains(inline), "{inline}");
        }
        for script in html.split("<script").skip(1) {
            assert!(
                script.starts_with(" src=\"/_anteroom/assets/"),
                "{script:.80}"
            );
        }
    }
    for name in page.text().split("/_anteroom/assets/").skip(1) {
        let name = name.split('"').next().unwrap();
        let asset = house
            .visitor()
            .get(&format!("/_anteroom/assets/{name}"))
            .await;
        assert!(
            asset
                .is(200)
                .header("cache-control")
                .unwrap()
                .contains("immutable"),
            "{name}"
        );
        assert_eq!(
            asset.header("x-content-type-options"),
            Some("nosniff"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn w4_cookies_are_for_this_host_and_no_script() {
    for (site, name, secure) in [
        ("", "anteroom-", false),
        ("scheme = \"https\"", "__Host-anteroom-", true),
    ] {
        let house = House::of(Plan::default().site(site)).await;
        let mut ann = house.visitor();
        ann.get("/buy/1").await;
        ann.get("/buy/1").await;
        house.release(1).await;
        ann.polls_until("released").await;
        let place = ann.get("/_anteroom/rooms/derby/status").await;
        let admission = ann.get("/buy/1").await;
        admission.is_served();
        for (answer, kind, life) in [(&place, "q", 86_400), (&admission, "a", 300)] {
            let cookies = answer.cookies();
            assert_eq!(cookies.len(), 1, "{answer:?}");
            assert_eq!(cookies[0].name, format!("{name}{kind}-derby"));
            let held: Vec<&str> = cookies[0].attributes.iter().map(String::as_str).collect();
            for attribute in ["Path=/", "HttpOnly", "SameSite=Lax"] {
                assert!(held.contains(&attribute), "{held:?}");
            }
            assert_eq!(held.contains(&"Secure"), secure, "{held:?}");
            assert!(
                !held.iter().any(|word| word.starts_with("Domain")),
                "{held:?}"
            );
            let age = held
                .iter()
                .find_map(|word| word.strip_prefix("Max-Age="))
                .unwrap();
            let age: u64 = age.parse().unwrap();
            assert!((life - 5..=life).contains(&age), "{kind}: {age}");
            let line = answer.header("set-cookie").unwrap();
            assert!(line.len() <= 4_096, "{line}");
        }
        assert_eq!(admission.header("cache-control"), Some("private, no-store"));
        ann.get("/buy/1").await.is_served();
    }
}

#[tokio::test]
async fn w4_over_tls_the_bare_names_count_for_nothing() {
    let plan = Plan::default().behind("\"127.0.0.0/8\"");
    let house = House::of(plan).await;
    let token = house.forge().sign(&house.forge().claims());
    let over_tls = |name: &str| {
        house
            .visitor()
            .with_header("x-forwarded-proto", "https")
            .with_cookie(name, &token)
    };
    over_tls("anteroom-a-derby").get("/buy/1").await.is_queue();
    over_tls("__Host-anteroom-a-derby")
        .get("/buy/1")
        .await
        .is_served();
    house
        .visitor()
        .with_cookie("__Host-anteroom-a-derby", &token)
        .get("/buy/1")
        .await
        .is_queue();
}

#[tokio::test]
async fn w6_who_drops_cookies_is_told_once_and_goes_round_no_loop() {
    let house = House::open().await;
    let first = house.visitor().get("/buy/1?a=b").await;
    assert!(
        first
            .text()
            .contains("url=/buy/1?a=b&amp;anteroom-return=1"),
        "{first:?}"
    );
    assert_eq!(first.cookies().len(), 1);
    for _ in 0..3 {
        let back = house.visitor().get("/buy/1?a=b&anteroom-return=1").await;
        assert!(
            back.is_queue().text().contains("data-scene=\"cookies\""),
            "{back:?}"
        );
        assert!(!back.text().contains("http-equiv=\"refresh\""), "{back:?}");
        assert!(
            back.cookies().is_empty(),
            "no token is made for who drops it"
        );
    }
    assert_eq!(house.visitors_calls().await, 0.0);

    let mut ann = house.visitor();
    ann.get("/buy/1").await;
    let joined = ann.get("/buy/1?anteroom-return=1").await;
    assert!(
        joined.text().contains("http-equiv=\"refresh\""),
        "works without script"
    );
    assert_eq!(ann.status().await["position"], 1);
    house.release(1).await;
    until("served without script", || async {
        let mut tab = house.visitor();
        tab.jar.clone_from(&ann.jar);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        tab.get("/buy/1?anteroom-return=1")
            .await
            .is_from_the_shop()
            .then_some(())
    })
    .await;
    assert_eq!(
        house.origin.only().target(),
        "/buy/1",
        "our own mark is cut off"
    );
}

#[tokio::test]
async fn a_form_that_was_not_passed_on_is_said_not_to_have_been_sent() {
    let house = House::open().await;
    let mut ann = house.visitor();
    let form = || Ask::post("/buy/1").body("seat=7");
    let page = ann.ask(form()).await;
    assert!(
        page.is(429).text().contains("data-form=\"not-sent\""),
        "{page:?}"
    );
    assert_eq!(ann.jar.len(), 1);
    let again = house.visitor();
    drop(again);
    let status = ann.ask(form()).await;
    status.is(429);
    assert_eq!(
        ann.status().await["position"],
        1,
        "a form with a token joins"
    );
    house.origin.saw_nothing();
    let json = house.app().ask(form()).await;
    assert_eq!(json.is(429).says("state"), "waiting");
    assert_ne!(json.says("poll_after_s"), Value::Null);
}

#[tokio::test]
async fn our_own_urls_tell_apps_what_is_wrong_in_json() {
    let house = House::open().await;
    for accept in ["*/*", "application/json"] {
        let mut app = house.visitor().with_header("accept", accept);
        let answer = app.get("/_anteroom/rooms/nowhere/status").await;
        let kind = answer.is(404).header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{accept}");
    }
    let page = house.visitor().get("/_anteroom/nothing").await;
    let kind = page.is(404).header("content-type").map(str::to_owned);
    assert!(kind.is_some_and(|kind| kind.starts_with("text/html")));
}

/// Waits until the room has ticked a few times, and was surveyed between.
async fn goes_round(house: &House) {
    let before = house.store_calls("survey").await;
    until("the room goes round", || async {
        (house.store_calls("survey").await > before + 2.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_lower_pace_is_told_in_the_status_and_on_the_page() {
    let house = House::of(Plan::per_minute(3)).await;
    for _ in 0..8 {
        house.visitor().joins().await;
    }
    let mut ann = house.visitor();
    let before = ann.joins().await;
    assert_eq!(before["reason"], Value::Null, "{before}");
    goes_round(&house).await;
    house.set("pace", json!({ "per_minute": 1 })).await;
    goes_round(&house).await;

    let after = ann.status().await;
    assert_eq!(after["reason"], "pace_lowered", "{after}");
    let page = ann.get("/buy/1").await;
    assert!(page.is_queue().text().contains("let in more slowly"));
    house.set("pace", json!({ "per_minute": 6 })).await;
    goes_round(&house).await;
    assert_eq!(ann.status().await["reason"], Value::Null);
}
