//! A whole site, straight and through the door, in the clear, over TLS and over HTTP/2: whatever
//! it answers comes out the same, but for what `site/rules.rs` says exactly.

mod answers;
mod exchanges;
mod fetch;
mod pages;
mod passed;
mod reply;
mod rules;
mod script;

use std::net::SocketAddr;

use serde_json::{Value, json};

use exchanges::{Exchange, Part};
use fetch::{Entrance, Way};
use rules::{Passage, Place};
use script::Script;

use crate::kit::forge::now;
use crate::kit::{Authority, House, Plan, Server, until};

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

/// What the site says by itself, in the order of the exchanges. Empty that file to record anew.
fn recording() -> Vec<Value> {
    let text = include_str!("fixtures/site/recording.jsonl");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The door before one part of the site, entered in one way.
struct Door {
    house: House,
    entrance: Entrance,
    /// The admission of a visitor to the room, as a cookie.
    admission: String,
}

impl Door {
    async fn before(site: SocketAddr, way: Way, place: Place) -> Self {
        let authority = Authority::new();
        let made = authority.vouches(&["shop.example"]);
        let plan = match way {
            Way::Plain => Plan::default(),
            Way::Tls | Way::Http2 => Plan::default().over_tls(&made, ""),
        };
        let house = House::in_front_of(plan, site).await;
        let client = authority.client();
        let entrance = match way {
            Way::Plain => Entrance::Plain(house.address),
            Way::Tls => Entrance::Tls(house.encrypted(), client),
            Way::Http2 => Entrance::http2(house.encrypted(), &client).await,
        };
        let forge = house.forge();
        // Past its half life it is renewed.
        let age = if place == Place::Renewed { 200 } else { 0 };
        let began = now() - age;
        let token = forge.with(json!({"iat": began, "nbf": began, "exp": began + 300}));
        let prefix = if way == Way::Plain { "" } else { "__Host-" };
        Self {
            house,
            entrance,
            admission: format!("Cookie: {prefix}anteroom-a-derby={token}\r\n"),
        }
    }

    /// Waits until answers renew the admission.
    async fn renews(&self, exchange: &Exchange) {
        until("the admission is renewed", || async {
            let reply = self.entrance.fetch(exchange, "/buy", &self.admission).await;
            let lines = reply.all("set-cookie");
            let ours = |line: &&str| line.contains("anteroom-a-derby=ey");
            lines.iter().any(ours).then_some(())
        })
        .await;
    }
}

/// Compares every exchange, made straight and by this way through the door.
async fn compares(way: Way, place: Place) {
    let site = Site::open().await;
    let exchanges = exchanges::all();
    assert!(exchanges.len() >= 200, "{} exchanges", exchanges.len());
    let (mut faults, mut compared) = (Vec::new(), 0);
    for part in [Part::Pages, Part::Script] {
        let of_part = exchanges.iter().filter(|exchange| exchange.part == part);
        // A socket is opened over HTTP/1.1 only.
        let of_part: Vec<_> = of_part
            .filter(|exchange| way != Way::Http2 || !exchange.is_socket())
            .collect();
        let door = Door::before(site.part(part), way, place).await;
        let (prefix, more) = match place {
            Place::Beside => ("/open", ""),
            Place::Inside | Place::Renewed => ("/buy", door.admission.as_str()),
        };
        if place == Place::Renewed {
            door.renews(of_part[0]).await;
        }
        let straightway = Entrance::Plain(site.part(part));
        for exchange in of_part {
            let straight = straightway.fetch(exchange, prefix, "").await;
            let through = door.entrance.fetch(exchange, prefix, more).await;
            let passage = Passage {
                exchange,
                way,
                place,
            };
            let found = passage.faults(&straight, &through).into_iter();
            faults.extend(found.map(|fault| format!("{}: {fault}", exchange.name)));
            compared += 1;
        }
        door.house.drain().await;
    }
    println!("{compared} exchanges by {way:?}, {place:?}");
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
        let straightway = Entrance::Plain(site.part(exchange.part));
        let reply = straightway.fetch(&exchange, "/open", "").await;
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
    compares(Way::Plain, Place::Beside).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_inside_the_room_comes_out_unchanged_but_private() {
    compares(Way::Plain, Place::Inside).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_comes_out_unchanged_but_for_the_admission_that_is_renewed_on_its_answers() {
    compares(Way::Plain, Place::Renewed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_comes_out_unchanged_over_tls() {
    compares(Way::Tls, Place::Beside).await;
    compares(Way::Tls, Place::Renewed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_comes_out_unchanged_over_http_2() {
    compares(Way::Http2, Place::Beside).await;
    compares(Way::Http2, Place::Inside).await;
    compares(Way::Http2, Place::Renewed).await;
}
