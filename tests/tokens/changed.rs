//! Good tokens changed, cut, doubled or swollen on their way.

use serde_json::{Value, json};

use super::{count_for_nothing, shape};
use crate::kit::{Ask, House};

/// Every way to change one bit of a text that can still travel in a header.
fn flips(text: &str) -> impl Iterator<Item = String> {
    let bits = (0..text.len()).flat_map(|at| (0..8).map(move |bit| (at, bit)));
    bits.filter_map(move |(at, bit)| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1 << bit;
        let fits = (0x21..0x7f).contains(&bytes[at]) && !b";,\"".contains(&bytes[at]);
        fits.then(|| String::from_utf8(bytes).unwrap())
    })
}

#[tokio::test]
async fn t6_no_bit_of_an_admission_may_change() {
    let house = House::open().await;
    let forge = house.forge();
    let good = forge.sign(&forge.claims());
    let none = shape(&house.app().get("/buy/1").await);
    let (mut stranger, mut tried) = (house.app(), 0);
    for flipped in flips(&good) {
        let ask = Ask::get("/buy/1").with("anteroom-admission", &flipped);
        assert_eq!(shape(&stranger.ask(ask).await), none, "{flipped}");
        stranger.jar.clear();
        tried += 1;
    }
    assert!(tried > 2_000, "{tried} flips");
    let mut odd: Vec<(&str, String)> = (1..good.len())
        .step_by(7)
        .map(|end| ("cut off", good[..end].to_owned()))
        .collect();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    odd.extend([
        ("padded", format!("{good}=")),
        ("padded twice", format!("{good}==")),
        (
            "another alphabet",
            format!("{signed}.{}", signature.replace('-', "+").replace('_', "/")),
        ),
        ("a part more", format!("{good}.{signature}")),
        ("a dot more", format!("{good}.")),
        ("a dot before", format!(".{good}")),
        ("a letter more", format!("{good}A")),
        ("twice", format!("{good}{good}")),
    ]);
    odd.retain(|(_, token)| *token != good);
    count_for_nothing(&house, &odd).await;
}

#[tokio::test]
async fn t6_no_bit_of_a_queue_token_may_change() {
    let house = House::open().await;
    let mut ann = house.visitor();
    ann.joins().await;
    let good = ann.queue_token();
    let before = house.visitors_calls().await;
    let (mut stranger, mut tried) = (house.app(), 0);
    for flipped in flips(&good).chain((0..good.len()).map(|end| good[..end].to_owned())) {
        let ask = Ask::get("/_anteroom/rooms/derby/status").with("anteroom-queue", &flipped);
        let answer = stranger.ask(ask).await;
        assert_eq!(answer.is(200).says("position"), Value::Null, "{flipped}");
        stranger.jar.clear();
        tried += 1;
    }
    assert_eq!(
        house.visitors_calls().await,
        before,
        "the store was not asked"
    );
    assert!(tried > 500, "{tried} flips");
    assert_eq!(ann.status().await["position"], 1);
}

#[tokio::test]
async fn t7_doubled_and_oversized_cookies_are_ignored_or_refused() {
    let house = House::open().await;
    let forge = house.forge();
    let (one, two) = (forge.sign(&forge.claims()), forge.with(json!({"rev": 1})));
    let none = shape(&house.app().get("/buy/1").await);
    for cookies in [
        format!("anteroom-a-derby={one}; anteroom-a-derby={two}"),
        format!("anteroom-a-derby={one}; anteroom-a-derby={one}"),
        format!("anteroom-a-derby={one}; anteroom-a-derby="),
        format!("anteroom-a-derby={}", "x".repeat(5_000)),
    ] {
        let answer = house
            .app()
            .ask(Ask::get("/buy/1").with("cookie", &cookies))
            .await;
        assert_eq!(shape(&answer), none, "{cookies:.60}");
    }
    let lines = Ask::get("/buy/1")
        .with("cookie", &format!("anteroom-a-derby={one}"))
        .with("cookie", &format!("anteroom-a-derby={two}"));
    assert_eq!(shape(&house.app().ask(lines).await), none);
    let both = Ask::get("/buy/1")
        .with("cookie", &format!("anteroom-a-derby={one}"))
        .with("anteroom-admission", &one);
    assert_eq!(shape(&house.app().ask(both).await), none);

    let mut ann = house.app();
    ann.joins().await;
    let (mine, mut bob) = (ann.queue_token(), house.app());
    bob.joins().await;
    let doubled = format!(
        "anteroom-q-derby={mine}; anteroom-q-derby={}",
        bob.queue_token()
    );
    let ask = Ask::get("/_anteroom/rooms/derby/status").with("cookie", &doubled);
    let answer = house.app().ask(ask).await;
    assert_eq!(answer.says("position"), Value::Null);
    assert_eq!(answer.cookies().len(), 1, "issued anew");

    let megabyte = Ask::get("/buy/1").with("cookie", &format!("a={}", "x".repeat(1 << 20)));
    let answer = house.visitor().ask(megabyte).await;
    assert_eq!(answer.is(431).header("connection"), Some("close"));
    house.origin.saw_nothing();

    let many: Vec<String> = (0..200)
        .map(|number| format!("c{number}={number}"))
        .collect();
    let ask = Ask::get("/buy/1").with(
        "cookie",
        &format!("{}; anteroom-a-derby={one}", many.join("; ")),
    );
    house.visitor().ask(ask).await.is_served();
    assert_eq!(
        house.origin.only().all("cookie"),
        [many.join("; ")],
        "the site's own stay"
    );
}
