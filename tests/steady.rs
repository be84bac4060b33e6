//! Seventy real seconds at ten visitors a second: never too many, never too few, in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use anteroom::domain::clock::Clock;
use anteroom::domain::place::Epoch;
use anteroom::store::embedded::Embedded;
use serde_json::Value;

use crate::kit::recording::{Recording, Release};
use crate::kit::wire::Asked;
use crate::kit::{Ask, House, Plan, Visitor};

const PER_MINUTE: u32 = 600;
/// One second's worth of burst and two periods' worth, as the API says too.
const EFFECTIVE_BURST: f64 = 15.0;
const VISITORS: u64 = 1_500;
const WORKERS: u64 = 30;
const MEASURED: Duration = Duration::from_secs(70);
const STATUS: &str = "/_anteroom/rooms/derby/status";

/// One app that keeps its tokens itself and speaks over a connection it shares with others.
struct App {
    queue_token: String,
}

impl App {
    /// Asks where it stands; says when to ask again, or `None` once it was served.
    async fn polls(&mut self, line: &mut Visitor) -> Option<Duration> {
        let ask = Ask::get(STATUS).with("anteroom-queue", &self.queue_token);
        let status = line.ask(ask).await;
        let status = status.is(200).json();
        self.keeps(&status);
        if status["state"] == "released" {
            self.enters(line).await;
            return None;
        }
        Some(Duration::from_secs(
            status["poll_after_s"].as_u64().unwrap(),
        ))
    }

    async fn enters(&mut self, line: &mut Visitor) {
        let claim =
            Ask::post("/_anteroom/rooms/derby/claim").with("anteroom-queue", &self.queue_token);
        let status = line.ask(claim).await;
        let token = status.is(200).says("admission_token");
        let visit = Ask::get("/buy/1").with("anteroom-admission", token.as_str().unwrap());
        line.ask(visit).await.is_served();
    }

    fn keeps(&mut self, status: &Value) {
        if let Some(token) = status["queue_token"].as_str() {
            token.clone_into(&mut self.queue_token);
        }
    }

    /// Takes a place.
    async fn joins(line: &mut Visitor) -> (Self, Duration) {
        let first = line.ask(Ask::post("/_anteroom/rooms/derby/join")).await;
        let token = first.is(202).says("queue_token");
        let mut app = Self {
            queue_token: token.as_str().unwrap().to_owned(),
        };
        let next = app.polls(line).await.unwrap();
        (app, next)
    }
}

/// Fifty apps one after the other on one connection, each when it was told to come.
async fn worker(mut line: Visitor, clock: Clock, until: Duration) -> u64 {
    let mut apps = Vec::new();
    let mut agenda = BinaryHeap::new();
    for number in 0..VISITORS / WORKERS {
        let (app, next) = App::joins(&mut line).await;
        apps.push(app);
        agenda.push(Reverse((
            clock.now().mono + next,
            usize::try_from(number).unwrap(),
        )));
    }
    let mut served = 0;
    while let Some(Reverse((due, number))) = agenda.pop() {
        if due > until {
            break;
        }
        tokio::time::sleep(due.saturating_sub(clock.now().mono)).await;
        match apps[number].polls(&mut line).await {
            Some(next) => agenda.push(Reverse((clock.now().mono + next, number))),
            None => served += 1,
        }
    }
    served
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_seventy_seconds_the_pace_is_kept_in_every_window_and_in_order_of_place() {
    let clock = Clock::machine();
    let store = Arc::new(Recording::of(Embedded::in_memory(Epoch(1)), clock.clone()));
    let house = House::of(Plan::per_minute(PER_MINUTE).on(store.clone())).await;
    let burst = &house.room().await["pace"]["effective_burst"];
    assert_eq!(burst.as_f64(), Some(EFFECTIVE_BURST));

    let end = clock.now().mono + MEASURED + Duration::from_secs(6);
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        workers.spawn(worker(house.app().without_cookies(), clock.clone(), end));
    }
    let served: u64 = workers.join_all().await.into_iter().sum();
    tokio::time::sleep(end.saturating_sub(clock.now().mono)).await;

    let releases = store.releases();
    never_above_the_bound(&releases);
    at_the_pace(&releases);
    in_order_of_place(&store);
    let called: usize = releases.iter().map(|one| one.batch.len()).sum();
    println!("{called} released, {served} served");
    // Who is called within the last poll interval of two seconds has not come yet.
    assert!(
        served as usize + 40 > called,
        "{served} of {called} were served"
    );
    assert_eq!(house.origin.arrived().len() as u64, served);
}

/// In no window go more than the effective burst and the pace's worth of that window.
fn never_above_the_bound(releases: &[Release]) {
    let a_second = f64::from(PER_MINUTE) / 60.0;
    for (first, from) in releases.iter().enumerate() {
        let mut count = 0;
        for to in &releases[first..] {
            count += to.batch.len();
            let window = (to.after - from.before).as_secs_f64();
            let bound = EFFECTIVE_BURST + a_second * window;
            assert!(
                count as f64 <= bound,
                "{count} in {window} s, at most {bound}"
            );
        }
    }
}

/// Over the seventy seconds from the first release, at least 98.5 of 100 that the pace allows.
fn at_the_pace(releases: &[Release]) {
    let begun = releases
        .iter()
        .find(|one| !one.batch.is_empty())
        .unwrap()
        .after;
    let measured = releases
        .iter()
        .filter(|one| one.after > begun && one.after <= begun + MEASURED);
    let count: usize = measured.map(|one| one.batch.len()).sum();
    let due = f64::from(PER_MINUTE) / 60.0 * MEASURED.as_secs_f64();
    println!("{count} of {due} in {MEASURED:?}");
    assert!(count as f64 >= 0.985 * due, "{count} of {due}");
}

fn in_order_of_place(store: &Recording) {
    let places = store.places();
    let order: Vec<_> = store
        .releases()
        .iter()
        .flat_map(|one| one.batch.clone())
        .map(|visitor| places[&visitor])
        .collect();
    assert!(order.is_sorted(), "{order:?}");
}
