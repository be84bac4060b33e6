//! Rows H of docs/security.md, by machine: every mutation of the grammar, against three kinds of
//! site, 64 at a time, in the clear and over TLS. The site behind counts what arrived.

mod case;
mod echo;
mod grammar;
mod names;
mod streams;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use case::{Case, Doorway, Ending, Fate, Place, Seen};
use echo::{Arrivals, Echo};
use names::{is_inside, kind};

use crate::fuzzed::reference::Request;
use crate::kit::{Authority, House, Plan, Server};

/// So many connections at once.
const AT_ONCE: usize = 64;

/// Every mutation beside the room and inside of it, ended in all three ways by turns.
fn cases() -> Vec<Case> {
    let mutations = grammar::all();
    assert!(mutations.len() >= 6_000, "{} mutations", mutations.len());
    let endings = [Ending::Pipelined, Ending::Waits, Ending::Closed];
    let mut cases = Vec::new();
    for (at, mutation) in mutations.iter().enumerate() {
        for (turn, place) in [Place::Beside, Place::Inside].into_iter().enumerate() {
            let ending = endings[(at + turn) % endings.len()];
            cases.push(Case::new(cases.len() + 1, mutation, place, ending));
        }
    }
    cases
}

/// A spread of them, and with `ANTEROOM_SLOW=1` all.
fn spread(cases: Vec<Case>) -> Vec<Case> {
    let all = std::env::var_os("ANTEROOM_SLOW").is_some();
    cases.into_iter().step_by(if all { 1 } else { 9 }).collect()
}

/// Sends them all and gives what came back to each.
async fn send(cases: &[Case], doorway: &Doorway) -> Vec<(Case, Seen)> {
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    let mut tries = JoinSet::new();
    for case in cases {
        let (at_once, case, doorway) = (Arc::clone(&at_once), case.clone(), doorway.clone());
        tries.spawn(async move {
            let _slot = at_once.acquire_owned().await.unwrap();
            let seen = case.run(&doorway).await;
            (case, seen)
        });
    }
    tries.join_all().await
}

/// Sends them all to a house before this site.
async fn send_in_the_clear(cases: &[Case], site: SocketAddr) -> Vec<(Case, Seen)> {
    let house = House::in_front_of(Plan::default(), site).await;
    let seen = send(cases, &Doorway::Plain(house.address)).await;
    house.drain().await;
    seen
}

/// The same over TLS.
async fn send_over_tls(cases: &[Case], site: SocketAddr) -> Vec<(Case, Seen)> {
    let authority = Authority::new();
    let plan = Plan::default().over_tls(&authority.vouches(&["shop.example"]), "");
    let house = House::in_front_of(plan, site).await;
    let doorway = Doorway::Tls(house.encrypted(), authority.client());
    let seen = send(cases, &doorway).await;
    house.drain().await;
    seen
}

/// What arrived, by the number of its case, and what may not have in any.
fn no_stranger(arrivals: &Arrivals) -> (BTreeMap<usize, Vec<&Request>>, Vec<String>) {
    let mut by_number: BTreeMap<usize, Vec<&Request>> = BTreeMap::new();
    let mut faults = arrivals.faults.clone();
    for request in &arrivals.whole {
        match kind(&request.target) {
            Some((_, number)) => by_number.entry(number).or_default().push(request),
            None => by_number.entry(0).or_default().push(request),
        }
    }
    for begun in &arrivals.broken {
        let target = begun.split(' ').nth(1).unwrap_or_default();
        if is_inside(target) || kind(target).is_some_and(|(letter, _)| letter == 'p') {
            faults.push(format!("began to arrive: {begun:?}"));
        }
    }
    (by_number, faults)
}

/// Judges every case by what the site behind saw; gives the fates, or panics with what is wrong.
fn judge(seen: &[(Case, Seen)], arrivals: &Arrivals) -> BTreeMap<Fate, usize> {
    let (mut by_number, mut faults) = no_stranger(arrivals);
    let mut fates = BTreeMap::new();
    for (case, seen) in seen {
        let arrived = by_number.remove(&case.number).unwrap_or_default();
        match case.judge(seen, &arrived) {
            Ok(fate) => *fates.entry(fate).or_default() += 1,
            Err(fault) => faults.push(format!("{fault}\n  {}", case.shown(seen))),
        }
    }
    let strangers = by_number.values().flatten();
    faults.extend(strangers.map(|request| format!("nobody sent this: {request:?}")));
    let shown = faults
        .iter()
        .take(12)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(faults.is_empty(), "{} faults:\n{shown}", faults.len());
    fates
}

/// An nginx that passes everything on to the site behind.
async fn nginx_before(echo: &Echo) -> Server {
    let site = format!(
        "log_format line '$status $request_method $request_uri';\n\
         large_client_header_buffers 8 64k;\nclient_max_body_size 0;\nkeepalive_requests 100000;\n\
         upstream echo {{ server {}; keepalive 64; }}\n\
         server {{ access_log @dir/access line; listen @listen; location / {{ proxy_pass http://echo; proxy_http_version 1.1;\n\
         proxy_set_header Host $http_host; proxy_set_header Connection \"\"; }} }}",
        echo.address
    );
    Server::nginx(&site, |_| ()).await
}

/// A HAProxy that passes everything on to the site behind.
async fn haproxy_before(echo: &Echo) -> Server {
    let site = format!(
        "defaults\nmode http\ntimeout connect 5s\ntimeout client 30s\ntimeout server 30s\n\
         frontend door\nbind @listen\ndefault_backend echo\n\
         backend echo\nhttp-reuse always\nserver echo {}\n",
        echo.address
    );
    Server::haproxy(&site).await
}

/// Demands that the suite is no empty one: enough is served, refused and queued.
fn are_all_there(fates: &BTreeMap<Fate, usize>, cases: usize) {
    println!("{cases} connections: {fates:?}");
    let of = |fate| fates.get(&fate).copied().unwrap_or_default();
    assert!(
        of(Fate::Served) > cases / 15 && of(Fate::Queued) > cases / 15,
        "{fates:?}"
    );
    assert!(of(Fate::Refused) > cases / 3, "{fates:?}");
}

/// Demands that nginx answered what the site behind it got, and no more.
fn nginx_saw(logged: &str, arrivals: &Arrivals) {
    let lines = logged.lines();
    let served = lines.filter(|line| line.starts_with("200 ")).count();
    assert_eq!(served, arrivals.whole.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_to_h13_no_mutation_is_read_in_two_ways_by_a_strict_site() {
    let (cases, echo) = (cases(), Echo::open().await);
    let seen = send_in_the_clear(&cases, echo.address).await;
    are_all_there(&judge(&seen, &echo.arrivals().await), cases.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_to_h13_no_mutation_over_tls_is_read_in_two_ways_by_a_strict_site() {
    let (cases, echo) = (cases(), Echo::open().await);
    let seen = send_over_tls(&cases, echo.address).await;
    are_all_there(&judge(&seen, &echo.arrivals().await), cases.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_to_h13_no_mutation_is_read_in_two_ways_by_nginx() {
    let (cases, echo) = (cases(), Echo::open().await);
    let nginx = nginx_before(&echo).await;
    let seen = send_in_the_clear(&cases, nginx.address).await;
    let logged = nginx.file("access");
    drop(nginx);
    let arrivals = echo.arrivals().await;
    are_all_there(&judge(&seen, &arrivals), cases.len());
    nginx_saw(&logged, &arrivals);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_to_h13_no_mutation_is_read_in_two_ways_by_haproxy() {
    let (cases, echo) = (cases(), Echo::open().await);
    let haproxy = haproxy_before(&echo).await;
    let seen = send_in_the_clear(&cases, haproxy.address).await;
    drop(haproxy);
    are_all_there(&judge(&seen, &echo.arrivals().await), cases.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_to_h13_no_mutation_over_tls_is_read_in_two_ways_by_nginx() {
    let (cases, echo) = (spread(cases()), Echo::open().await);
    let nginx = nginx_before(&echo).await;
    let seen = send_over_tls(&cases, nginx.address).await;
    let logged = nginx.file("access");
    drop(nginx);
    let arrivals = echo.arrivals().await;
    are_all_there(&judge(&seen, &arrivals), cases.len());
    nginx_saw(&logged, &arrivals);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_to_h13_no_mutation_over_tls_is_read_in_two_ways_by_haproxy() {
    let (cases, echo) = (spread(cases()), Echo::open().await);
    let haproxy = haproxy_before(&echo).await;
    let seen = send_over_tls(&cases, haproxy.address).await;
    drop(haproxy);
    are_all_there(&judge(&seen, &echo.arrivals().await), cases.len());
}
