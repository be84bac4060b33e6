//! A room that queues only under overload, over two gateways: ten times as many come as may, and
//! never do too many pass in any window; when the rush is over, newcomers pass again.

use std::sync::Arc;
use std::time::Duration;

use anteroom::domain::clock::Clock;

use super::pace::{PER_MINUTE, look, never_above_the_bound};
use super::pair::{A, B, Pair};
use crate::kit::{Plan, Visitor, until};

const RUSH: Duration = Duration::from_secs(6);
const WORKERS: usize = 25;
/// Each worker sends four a second: all together ten times the pace.
const EVERY: Duration = Duration::from_millis(250);

/// Somebody comes and comes back; whether that one was let in at once.
async fn comes(pair: &Pair, gateway: usize) -> (Visitor, bool) {
    let mut visitor = pair.app(gateway);
    visitor.get("/buy/1").await.is(429);
    let answer = visitor.get("/buy/1").await;
    let through = answer.status == 200;
    (visitor, through)
}

/// One worker's visitors during the rush: those who passed, and those who wait.
async fn rushes(pair: &Pair, worker: usize, clock: &Clock, end: Duration) -> (u64, Vec<Visitor>) {
    let (mut through, mut line) = (0, Vec::new());
    let mut next = clock.now().mono;
    while next < end {
        tokio::time::sleep(next.saturating_sub(clock.now().mono)).await;
        next += EVERY;
        match comes(pair, worker % 2).await {
            (_, true) => through += 1,
            (visitor, false) => line.push(visitor),
        }
    }
    (through, line)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenfold_rush_over_two_gateways_lets_no_more_pass_than_the_pace() {
    let plan = Plan::per_minute(PER_MINUTE).room("activation = \"overload\"");
    let pair = Arc::new(Pair::open(plan).await);
    // The buckets have filled.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(comes(&pair, A).await.1 && comes(&pair, B).await.1);
    let clock = Clock::machine();
    let end = clock.now().mono + RUSH;
    let (url, watch) = (pair.redis.url(), clock.clone());
    let looking = tokio::task::spawn_blocking(move || look(url, watch, end + RUSH));

    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..WORKERS {
        let (pair, clock) = (Arc::clone(&pair), clock.clone());
        workers.spawn(async move { rushes(&pair, worker, &clock, end).await });
    }
    let outcomes = workers.join_all().await;

    let passed: u64 = outcomes.iter().map(|(through, _)| through).sum();
    let waiting: usize = outcomes.iter().map(|(_, line)| line.len()).sum();
    println!("{passed} passed at once, {waiting} queued");
    assert!(passed >= 5, "the bucket was full");
    assert!(waiting > 200, "most had to queue");
    let samples = looking.await.unwrap();
    never_above_the_bound(&samples);
    let during = samples.last().unwrap().released;
    println!("{during} released in all");

    // The line is worked off first, then it is as before.
    let faster = serde_json::json!({"per_minute": 60_000});
    pair.set(A, "pace", faster).await;
    until("an empty line", async || {
        (pair.room(B).await["waiting"] == 0).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(
        comes(&pair, A).await.1 && comes(&pair, B).await.1,
        "open again by itself"
    );
}
