//! Rows H of docs/security.md over HTTP/2: every shape of a request on a connection of its own,
//! against three kinds of site. The site behind counts what arrived.

mod reading;
mod shapes;
mod talk;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::echo::{Arrivals, Echo};
use super::names::{is_inside, kind};
use super::{AT_ONCE, Fate, haproxy_before, nginx_before, no_stranger};
use crate::fuzzed::reference::Request;
use crate::kit::tls::Client;
use crate::kit::{Authority, House, Plan};
use shapes::Shape;
use talk::{Seen, Talk};

/// One shape, numbered and ready to be sent.
#[derive(Clone)]
struct Case {
    number: usize,
    shape: Shape,
    is_inside: bool,
    /// Whether the marker is sent at once, or behind the answer.
    at_once: bool,
}

/// Every shape beside the room and inside of it, with the marker in both ways by turns.
fn cases() -> Vec<Case> {
    let shapes = shapes::all();
    assert!(shapes.len() >= 1_200, "{} shapes", shapes.len());
    let mut cases = Vec::new();
    for (at, shape) in shapes.iter().enumerate() {
        for is_inside in [false, true] {
            let number = cases.len() + 1;
            cases.push(Case {
                number,
                shape: shape.placed(number, is_inside),
                is_inside,
                at_once: (at % 2 == 0) != is_inside,
            });
        }
    }
    cases
}

impl Case {
    fn marker(&self) -> String {
        format!("/end/e{:05}", self.number)
    }

    /// Sends it and the marker, which goes on another connection where this one has ended.
    async fn run(&self, client: &Client, address: SocketAddr) -> Seen {
        let marker = Talk::marker(&self.marker());
        let mut talk = Talk::open(client, address).await;
        let first = self.shape.bytes();
        let at_once = if self.at_once { &marker[..] } else { &[] };
        talk.send(&[&first, at_once].concat()).await;
        talk.hears(shapes::STREAM).await;
        if !self.at_once {
            talk.send(&marker).await;
        }
        talk.hears(Talk::MARKER).await;
        let mut seen = talk.seen(shapes::STREAM);
        if seen.marker.status.is_none() {
            let mut talk = Talk::open(client, address).await;
            talk.send(&marker).await;
            talk.hears(Talk::MARKER).await;
            seen.marker = talk.seen(shapes::STREAM).marker;
            seen.connections = 2;
        }
        seen
    }

    /// What became of it.
    fn judge(&self, seen: &Seen, arrived: &[&Request]) -> Result<Fate, String> {
        if !seen.has_ended {
            return Err("neither answered nor reset nor closed".to_owned());
        }
        let (markers, own): (Vec<&Request>, Vec<&Request>) = arrived
            .iter()
            .partition(|one| kind(&one.target).is_some_and(|(letter, _)| letter == 'e'));
        self.marker_is_right(seen, &markers)?;
        if let Some(one) = own.iter().find(|one| is_inside(&one.target)) {
            return Err(format!("{} arrived without an admission", one.target));
        }
        let clear = reading::read(&self.shape);
        let answer = &seen.answer;
        let one = match own[..] {
            [] => return self.refused(seen),
            [one] => one,
            _ => return Err(format!("arrived more than once: {own:?}")),
        };
        let same = clear.as_ref().is_some_and(|clear| {
            let target = kind(&clear.target).or(kind(&one.target));
            clear.method == one.method && target == kind(&one.target) && clear.body == one.body
        });
        if !same {
            return Err(format!("{one:?} arrived, which is said as {clear:?}"));
        }
        let echoed = one.method == "HEAD" || answer.data == one.body;
        match answer.status {
            Some(200) if echoed => Ok(Fate::Served),
            // What follows a whole request may still end its connection before the answer.
            None if self.shape.frames.is_some() || self.shape.trailers.is_some() => {
                Ok(Fate::Unanswered)
            }
            status => Err(format!("arrived, and is answered {status:?}")),
        }
    }

    /// What became of a request of which nothing arrived.
    fn refused(&self, seen: &Seen) -> Result<Fate, String> {
        let is_head = self.shape.head.iter().any(|(_, value)| value == b"HEAD");
        match seen.answer.status {
            Some(429) => Ok(Fate::Queued),
            Some(200) if is_head && self.is_inside => Ok(Fate::Queued),
            Some(200) if seen.text().contains("id=\"line\"") => Ok(Fate::Queued),
            Some(400..=499 | 505) => Ok(Fate::Refused),
            None => Ok(Fate::Unanswered),
            status => Err(format!("nothing arrived, and it is answered {status:?}")),
        }
    }

    /// How it went over the wire, and what came back.
    fn shown(&self, seen: &Seen) -> String {
        let bytes = String::from_utf8_lossy(&self.shape.bytes()).into_owned();
        let bytes: String = bytes.chars().take(500).collect();
        let text: String = seen.text().chars().take(200).collect();
        let (status, family) = (seen.answer.status, self.shape.family);
        format!(
            "{family}: {bytes:?}\n  {status:?} {text:?} {:?}",
            seen.marker
        )
    }

    fn marker_is_right(&self, seen: &Seen, arrived: &[&Request]) -> Result<(), String> {
        let (path, body) = (self.marker(), self.marker());
        let is_right = |one: &&Request| {
            one.method == "POST" && one.target == path && one.body == body.as_bytes()
        };
        let answered = seen.marker.status == Some(200) && seen.marker.data == body.as_bytes();
        let count = arrived.len();
        if !answered || !arrived.iter().all(is_right) || !(1..=seen.connections).contains(&count) {
            let marker = &seen.marker;
            return Err(format!("the marker: {marker:?}, arrived as {arrived:?}"));
        }
        Ok(())
    }
}

/// Sends all cases to a house before this site.
async fn send(cases: &[Case], site: SocketAddr) -> Vec<(Case, Seen)> {
    let authority = Authority::new();
    let plan = Plan::default().over_tls(&authority.vouches(&["shop.example"]), "");
    let house = House::in_front_of(plan, site).await;
    let (address, client) = (house.encrypted(), authority.client());
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    let mut tries = JoinSet::new();
    for case in cases {
        let (at_once, case, client) = (Arc::clone(&at_once), case.clone(), client.clone());
        tries.spawn(async move {
            let _slot = at_once.acquire_owned().await.unwrap();
            let seen = case.run(&client, address).await;
            (case, seen)
        });
    }
    let seen = tries.join_all().await;
    house.drain().await;
    seen
}

/// Judges every case by what the site behind saw, or panics with what is wrong.
fn judge(seen: &[(Case, Seen)], arrivals: &Arrivals) {
    let (mut by_number, mut faults) = no_stranger(arrivals);
    let mut fates: BTreeMap<Fate, usize> = BTreeMap::new();
    for (case, seen) in seen {
        let arrived = by_number.remove(&case.number).unwrap_or_default();
        match case.judge(seen, &arrived) {
            Ok(fate) => *fates.entry(fate).or_default() += 1,
            Err(fault) => faults.push(format!("{fault}\n  {}", case.shown(seen))),
        }
    }
    faults.extend(
        by_number
            .values()
            .flatten()
            .map(|one| format!("nobody sent this: {one:?}")),
    );
    faults.extend(arrivals.whole.iter().filter_map(says_too_much));
    println!("{} connections: {fates:?}", seen.len());
    let shown = faults
        .iter()
        .take(12)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(faults.is_empty(), "{} faults:\n{shown}", faults.len());
    let of = |fate| fates.get(&fate).copied().unwrap_or_default();
    assert!(
        of(Fate::Served) > 100 && of(Fate::Queued) > 100,
        "{fates:?}"
    );
    assert!(
        of(Fate::Refused) + of(Fate::Unanswered) > seen.len() / 3,
        "{fates:?}"
    );
}

/// A request that carries on what belongs to one connection, or to us.
fn says_too_much(one: &Request) -> Option<String> {
    let gone = [
        "te",
        "trailer",
        "upgrade",
        "keep-alive",
        "proxy-connection",
        "http2-settings",
        "expect",
    ];
    let is_wrong = |(name, value): &&(String, Vec<u8>)| {
        let value = String::from_utf8_lossy(value).to_ascii_lowercase();
        gone.contains(&name.as_str())
            || name.starts_with(':')
            || name.contains('_')
            || name.starts_with("anteroom-adm")
            || (name == "cookie"
                && value.split(';').any(|one| {
                    one.trim_start_matches(['=', ' '])
                        .trim_start_matches("__host-")
                        .starts_with("anteroom-")
                }))
    };
    let cookies = one
        .fields
        .iter()
        .filter(|(name, _)| name == "cookie")
        .count();
    let wrong = one.fields.iter().find(is_wrong);
    (wrong.is_some() || cookies > 1)
        .then(|| format!("{wrong:?} of {cookies} cookies arrived: {one:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_to_h13_no_stream_is_read_in_two_ways_by_a_strict_site() {
    let (cases, echo) = (cases(), Echo::open().await);
    let seen = send(&cases, echo.address).await;
    judge(&seen, &echo.arrivals().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_to_h13_no_stream_is_read_in_two_ways_by_nginx() {
    let (cases, echo) = (cases(), Echo::open().await);
    let nginx = nginx_before(&echo).await;
    let seen = send(&cases, nginx.address).await;
    drop(nginx);
    judge(&seen, &echo.arrivals().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_to_h13_no_stream_is_read_in_two_ways_by_haproxy() {
    let (cases, echo) = (cases(), Echo::open().await);
    let haproxy = haproxy_before(&echo).await;
    let seen = send(&cases, haproxy.address).await;
    drop(haproxy);
    judge(&seen, &echo.arrivals().await);
}
