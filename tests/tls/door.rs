//! What TLS means for requests: the way to it, the host it is for, and what the site is told.

use super::Secure;
use crate::kit::wire::statuses;
use crate::kit::{Ask, House, Plan, Visitor, raw};

#[tokio::test]
async fn l6_in_the_clear_one_is_sent_over_tls_and_nothing_else_happens() {
    let secure = Secure::with("").await;
    let house = &secure.house;
    let port = house.encrypted().port();
    let mut visitor = house.visitor();
    for (sent, whole) in [
        ("/about", "/about"),
        ("/buy/1?seat=2", "/buy/1?seat=2"),
        ("/x/../buy", "/buy"),
        (
            "/_anteroom/rooms/derby/status",
            "/_anteroom/rooms/derby/status",
        ),
        ("//evil.example/", "/evil.example/"),
    ] {
        let answer = visitor.get(sent).await;
        let location = format!("https://shop.example:{port}{whole}");
        assert_eq!(answer.is(308).header("location"), Some(location.as_str()));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("strict-transport-security"), None);
        assert!(answer.cookies().is_empty());
    }
    visitor.ask(Ask::new("HEAD", "/buy/1")).await.is(308);
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let ask = Ask::new(method, "/buy/1").body("password=1");
        let answer = visitor.ask(ask).await;
        assert_eq!(answer.is(403).header("location"), None);
    }
    visitor.post("/_anteroom/rooms/derby/join").await.is(403);
    let evil = house.visitor().host("evil.example").get("/").await;
    assert_eq!(evil.is(421).header("location"), None);
    let nobody = house.visitors_calls().await;
    assert!(nobody < 0.5, "{nobody}");
    house.origin.saw_nothing();
    let refused = house
        .metric("anteroom_refusals_total", "in_the_clear")
        .await;
    assert!((refused - 5.0).abs() < 0.1, "{refused}");
}

#[tokio::test]
async fn l6_a_request_in_the_clear_at_the_door_for_tls_is_told_so_in_words() {
    let secure = Secure::with("").await;
    let address = secure.house.encrypted();
    for asked in [
        "GET /buy/1 HTTP/1.1\r\nHost: shop.example\r\nCookie: secret=1\r\n\r\n",
        "POST /buy/1 HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 4\r\n\r\nfour",
    ] {
        let answers = raw(address, asked).await;
        assert_eq!(statuses(&answers), [400]);
        assert_eq!(answers[0].header("connection"), Some("close"));
        assert!(answers[0].header("date").is_some());
        let told = String::from_utf8(answers[0].body.clone()).unwrap();
        assert!(told.contains("https://"), "{told}");
    }
    for nonsense in ["GARBAGE\r\n\r\n", "get / HTTP/1.1\r\n\r\n", "\r\n\r\n\r\n"] {
        assert!(raw(address, nonsense).await.is_empty(), "{nonsense:?}");
    }
    secure.house.origin.saw_nothing();
}

#[tokio::test]
async fn l6_over_tls_the_site_is_served_and_browsers_are_told_to_stay() {
    let secure = Secure::with("").await;
    let mut visitor = secure.house.secure(&secure.client);
    let answer = visitor.get("/about").await;
    let told = answer.is_served().header("strict-transport-security");
    assert_eq!(told, Some("max-age=31536000"));
    let arrived = secure.house.origin.only();
    assert_eq!(arrived.all("x-forwarded-proto"), ["https"]);
    assert_eq!(arrived.all("x-forwarded-for"), ["127.0.0.1"]);

    let page = visitor.get("/buy/1").await;
    let told = page.is_queue().header("strict-transport-security");
    assert_eq!(told, Some("max-age=31536000"));
    let cookies = page.cookies();
    assert_eq!(cookies[0].name, "__Host-anteroom-q-derby");
    assert!(cookies[0].attributes.contains(&"Secure".to_owned()));

    let wide = Secure::with("hsts_s = 600\nhsts_subdomains = true").await;
    let answer = wide.house.secure(&wide.client).get("/about").await;
    let told = answer.is_served().header("strict-transport-security");
    assert_eq!(told, Some("max-age=600; includeSubDomains"));

    let back = Secure::with("hsts_s = 0").await;
    let answer = back.house.secure(&back.client).get("/about").await;
    let told = answer.is_served().header("strict-transport-security");
    assert_eq!(told, Some("max-age=0"), "what was told is taken back");
}

#[tokio::test]
async fn l6_the_clear_stays_open_where_the_owner_or_no_tls_says_so() {
    let secure = Secure::with("redirect = false").await;
    secure.house.visitor().get("/about").await.is_served();
    let plain = House::open().await;
    let answer = plain.visitor().get("/about").await;
    let told = answer.is_served().header("strict-transport-security");
    assert_eq!(told, None);
}

#[tokio::test]
async fn n1_a_trusted_proxy_knows_better_how_the_visitor_came() {
    let secure = Secure::of(|authority| {
        let made = authority.vouches(&["shop.example"]);
        Plan::default()
            .behind("\"127.0.0.0/8\"")
            .over_tls(&made, "redirect_port = 443")
    })
    .await;
    let says = |scheme: &str| Ask::get("/about").with("x-forwarded-proto", scheme);
    let house = &secure.house;
    house.visitor().ask(says("https")).await.is_served();
    let answer = house.visitor().ask(says("http")).await;
    let location = answer.is(308).header("location");
    assert_eq!(location, Some("https://shop.example/about"));
    house.visitor().get("/about").await.is(308);

    let mut visitor = house.secure(&secure.client);
    visitor.ask(says("http")).await.is_served();
    visitor.ask(says("https")).await.is_served();
    visitor.get("/about").await.is_served();
    let arrived = house.origin.arrived();
    let schemes = arrived
        .iter()
        .map(|one| one.all("x-forwarded-proto")[0].to_owned());
    let schemes: Vec<String> = schemes.collect();
    assert_eq!(schemes, ["https", "http", "https", "https"]);
}

#[tokio::test]
async fn a7_a_connection_is_for_the_name_it_was_made_for() {
    let secure = Secure::of(|authority| {
        let shop = authority.vouches(&["shop.example", "www.shop.example"]);
        let other = authority.vouches(&["other.example", "*.far.example"]);
        Plan::default()
            .over_tls(&shop, "")
            .certificate("other", &other)
    })
    .await;
    let at = secure.house.encrypted();
    let comes = |name: &str, host: &str| {
        let visitor = Visitor::to(at).over_tls(&secure.client, name);
        visitor.host(host)
    };
    comes("shop.example", "shop.example")
        .get("/about")
        .await
        .is_served();
    comes("shop.example", "Shop.Example.:443")
        .get("/about")
        .await
        .is_served();
    // Browsers bring requests for every name of the certificate on one connection.
    comes("www.shop.example", "shop.example")
        .get("/about")
        .await
        .is_served();
    assert_eq!(secure.house.origin.arrived().len(), 3);
    for (name, host) in [
        ("other.example", "shop.example"),
        ("a.far.example", "shop.example"),
        ("other.example", "other.example"),
        ("shop.example", "127.0.0.1"),
    ] {
        comes(name, host).get("/about").await.is(421);
        comes(name, host).get("/buy/1").await.is(421);
    }
    assert_eq!(secure.house.origin.arrived().len(), 3);
    let told = secure
        .house
        .metric("anteroom_refusals_total", "other_name")
        .await;
    assert!((told - 4.0).abs() < 0.1, "{told}");

    // Who checks no certificate may come under any name, and to no site by it.
    let heedless = secure.authority.heedless();
    let unknown = |host: &str| {
        let visitor = Visitor::to(at).over_tls(&heedless, "unknown.example");
        visitor.host(host)
    };
    unknown("unknown.example").get("/about").await.is(421);
    unknown("other.example").get("/about").await.is(421);
    unknown("shop.example").get("/about").await.is(421);
    assert_eq!(secure.house.origin.arrived().len(), 3);
}

#[tokio::test]
async fn a7_over_http_2_every_request_is_for_a_name_of_its_connection() {
    let secure = Secure::of(|authority| {
        let shop = authority.vouches(&["shop.example", "www.shop.example"]);
        let other = authority.vouches(&["other.example"]);
        Plan::default()
            .over_tls(&shop, "")
            .certificate("other", &other)
    })
    .await;
    let at = secure.house.encrypted();
    let mut www = secure.client.http2(at, "www.shop.example").await;
    let served = www.get("https://shop.example/about").await.unwrap();
    assert_eq!(served.status(), 200);
    assert_eq!(
        served.headers()["strict-transport-security"],
        "max-age=31536000"
    );
    let queue = www.get("https://shop.example/buy/1").await.unwrap();
    let cookie = queue.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-anteroom-q-derby="), "{cookie}");
    let arrived = secure.house.origin.only();
    assert_eq!(arrived.all("x-forwarded-proto"), ["https"]);
    assert_eq!(arrived.all("host"), ["shop.example"]);

    let mut other = secure.client.http2(at, "other.example").await;
    for address in ["https://shop.example/about", "https://shop.example/buy/1"] {
        assert_eq!(other.get(address).await.unwrap().status(), 421);
    }
    secure.house.origin.saw_nothing();
    let counted = secure
        .house
        .metric("anteroom_refusals_total", "other_name")
        .await;
    assert!((counted - 2.0).abs() < 0.1, "{counted}");
}

#[tokio::test]
async fn n3_no_address_from_outside_leads_anywhere_else() {
    let secure = Secure::with("").await;
    let house = &secure.house;
    let port = house.encrypted().port();
    let own = format!("https://shop.example:{port}/");
    for evil in [
        "//evil.example/x",
        "https://evil.example/x",
        "https:evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "%2f%2fevil.example",
        "%0d%0aLocation:%20//evil.example",
        "@evil.example",
    ] {
        let room = "/_anteroom/rooms/derby";
        let query = ["target", "url", "next", "return", "page", "anteroom-return"]
            .map(|name| format!("{name}={evil}"))
            .join("&");
        let mut asks = vec![
            Ask::get(&format!("/buy/1?{query}")),
            Ask::get(&format!("{room}/status?{query}")),
            Ask::get(&format!("{room}/crew?{query}")),
            Ask::get(&format!("/_anteroom/{evil}")),
            Ask::get(&format!("/{evil}")),
        ];
        for deed in ["join", "claim", "leave", "code", "crew"] {
            let form = Ask::post(&format!("{room}/{deed}?{query}"));
            let form = form.with("content-type", "application/x-www-form-urlencoded");
            asks.push(form.with("referer", evil).body(query.clone()));
        }
        for ask in asks {
            for mut visitor in [house.visitor(), house.secure(&secure.client)] {
                let answer = visitor.ask(ask.clone()).await;
                let location = answer.header("location").unwrap_or(&own);
                let host = location.strip_prefix("https://").unwrap_or(&own[8..]);
                assert!(
                    host.starts_with(&own[8..]) && !location.starts_with("//"),
                    "{} {evil}: {location}",
                    answer.status
                );
                let led = format!("=\"{evil}");
                assert!(!answer.text().contains(&led), "{evil}: {answer:?}");
            }
        }
    }
}
