//! A whole site, straight and through the door: whatever it answers comes out the same, but for
//! the few differences that are named here with their reasons.

mod answers;
mod exchanges;
mod pages;
mod reply;
mod script;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use exchanges::Part;
use reply::{Reply, fetch};
use script::Script;
use serde_json::Value;

use crate::kit::{House, Plan, Server};

/// Fields that may differ, and why.
const DIFFER: [(&str, &str); 6] = [
    (
        "connection",
        "it speaks of one connection, and there are two",
    ),
    (
        "keep-alive",
        "it speaks of one connection, and there are two",
    ),
    (
        "transfer-encoding",
        "a body is framed anew on each connection",
    ),
    (
        "trailer",
        "trailers are taken out: no list of ours allows any",
    ),
    ("date", "said by the gateway where the site says none"),
    (
        "content-length",
        "a body without a length of its own is framed anew",
    ),
];

/// Fields that an admitted visitor's answers gain, so that no cache shows them to others.
const PRIVATE: [&str; 3] = ["cache-control", "vary", "set-cookie"];

/// Both parts of the site.
struct Site {
    pages: Server,
    script: Script,
}

impl Site {
    async fn open() -> Self {
        Self {
            pages: Server::nginx(pages::CONTENT, pages::furnish).await,
            script: Script::open().await,
        }
    }

    fn part(&self, part: Part) -> SocketAddr {
        match part {
            Part::Pages => self.pages.address,
            Part::Script => self.script.address,
        }
    }
}

/// What differs between the final answer straight from the site and the one through the door.
fn differences(straight: &Reply, through: &Reply, may: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    if straight.status != through.status {
        all.push(format!("status {} is {}", straight.status, through.status));
    }
    if straight.body != through.body {
        all.push(format!(
            "a body of {} bytes has {}",
            straight.body.len(),
            through.body.len()
        ));
    }
    let names = |reply: &Reply| -> BTreeSet<String> {
        reply.fields.iter().map(|(name, _)| name.clone()).collect()
    };
    for name in names(straight).union(&names(through)) {
        let known = DIFFER.iter().any(|(known, _)| known == name) || may.contains(&name.as_str());
        let (said, heard) = (straight.all(name), through.all(name));
        if said != heard && !known {
            all.push(format!("{name}: {said:?} is {heard:?}"));
        }
    }
    let length = |reply: &Reply| {
        reply
            .all("content-length")
            .first()
            .map(|text| (*text).to_owned())
    };
    match (length(straight), length(through)) {
        (Some(said), Some(heard)) if said != heard => all.push(format!("length {said} is {heard}")),
        (Some(said), None) => all.push(format!("length {said} is not said")),
        _ => {}
    }
    if !through.trailers.is_empty() {
        all.push(format!("trailers {:?}", through.trailers));
    }
    all
}

/// What the site says by itself, in the order of the exchanges. Empty that file to record anew.
fn recording() -> Vec<Value> {
    let text = include_str!("fixtures/site/recording.jsonl");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Compares every exchange below a prefix, sent with these lines through the door.
async fn compares(site: &Site, prefix: &str, may: &[&str], admit: bool) {
    let exchanges = exchanges::all();
    assert!(exchanges.len() >= 200, "{} exchanges", exchanges.len());
    let mut faults = Vec::new();
    for part in [Part::Pages, Part::Script] {
        let house = House::in_front_of(Plan::default(), site.part(part)).await;
        let token = house.forge().sign(&house.forge().claims());
        let ours = if admit {
            format!("Cookie: anteroom-a-derby={token}\r\n")
        } else {
            String::new()
        };
        for exchange in exchanges.iter().filter(|exchange| exchange.part == part) {
            let straight = fetch(exchange, site.part(part), prefix, "").await;
            let through = fetch(exchange, house.address, prefix, &ours).await;
            let found = differences(&straight, &through, may);
            faults.extend(
                found
                    .iter()
                    .map(|fault| format!("{}: {fault}", exchange.name)),
            );
        }
    }
    assert!(
        faults.is_empty(),
        "{} differences:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_answers_as_it_is_recorded() {
    let site = Site::open().await;
    let mut said = Vec::new();
    for exchange in exchanges::all() {
        let reply = fetch(&exchange, site.part(exchange.part), "/open", "").await;
        said.push(reply.recorded(&exchange.name));
    }
    let recorded = recording();
    if recorded.is_empty() {
        let lines: String = said.iter().map(|one| format!("{one}\n")).collect();
        std::fs::write(
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/fixtures/site/recording.jsonl"
            ),
            lines,
        )
        .unwrap();
        panic!("recorded anew: run this again");
    }
    for (said, recorded) in said.iter().zip(&recorded) {
        assert_eq!(said, recorded);
    }
    assert_eq!(said.len(), recorded.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_beside_the_room_comes_out_unchanged() {
    compares(&Site::open().await, "/open", &[], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_inside_the_room_comes_out_unchanged_but_private() {
    compares(&Site::open().await, "/buy", &PRIVATE, true).await;
}
