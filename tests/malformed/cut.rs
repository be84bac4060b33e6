//! Answers that go wrong once their visitor has some of them: they are cut where that is seen.

use super::ask;
use super::site::{GOOD, Site};
use crate::kit::wire::{Asked, position};
use crate::kit::{Authority, House, Plan, Wire};

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// What a stream brings after it has begun well, all of it broken.
const BROKEN: [&str; 5] = [
    "0x6\r\nforged\r\n0\r\n\r\n",
    "6\nforged\r\n0\r\n\r\n",
    "\r\nforged\r\n0\r\n\r\n",
    "0\r\nforged\r\n\r\n",
    "0\r\n: forged\r\n\r\n",
];

async fn read_until(wire: &mut Wire, end: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    while position(&read, end).is_none() {
        let some = wire.some().await;
        assert!(!some.is_empty(), "{:?}", String::from_utf8_lossy(&read));
        read.extend(some);
    }
    read
}

#[tokio::test]
async fn h14_an_answer_that_goes_wrong_later_is_visibly_cut_and_its_head_does_not_wait() {
    let site = Site::open().await;
    let house = House::in_front_of(Plan::default(), site.address).await;
    for broken in BROKEN {
        for (begun, seen) in [("", "\r\n\r\n"), ("4\r\nmine\r\n", "mine\r\n")] {
            site.say([format!("{STREAM}{begun}"), broken.to_owned()]);
            let mut wire = Wire::to(house.address).await;
            wire.send(ask("GET", "/bad")).await.unwrap();
            let head = read_until(&mut wire, seen.as_bytes()).await;
            assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"));

            site.go_on();
            let rest = wire.all().await;

            assert_eq!(rest, b"", "{broken:?} after {begun:?}: no last chunk");
            site.hangs_up(broken).await;
        }
    }
    let mut wire = Wire::to(house.address).await;
    wire.send(ask("GET", "/good")).await.unwrap();
    let good = wire.answer(Asked::Any).await.unwrap();
    assert_eq!(good.text(), format!("{GOOD}/good"));
}

#[tokio::test]
async fn h14_over_http_2_an_answer_that_goes_wrong_later_is_reset() {
    let site = Site::open().await;
    let authority = Authority::new();
    let plan = Plan::default().over_tls(&authority.vouches(&["shop.example"]), "");
    let house = House::in_front_of(plan, site.address).await;
    let client = authority.client();
    let mut ann = client.http2(house.encrypted(), "shop.example").await;
    for broken in BROKEN {
        site.say([format!("{STREAM}4\r\nmine\r\n"), broken.to_owned()]);
        site.go_on();

        let cut = ann.get("https://shop.example/bad").await;

        let fault = cut.expect_err(broken);
        assert!(
            format!("{fault:?}").contains("Reset"),
            "{broken:?}: {fault:?}"
        );
        site.hangs_up(broken).await;
        let good = ann.get("https://shop.example/good").await.unwrap();
        assert_eq!(good.body(), &format!("{GOOD}/good"));
    }
}
