//! Seventy real seconds at ten visitors a second over two gateways, watched at Redis itself:
//! never too many in any window, never too few, in order of place, and nobody twice. Twice the
//! gateway that ticks stands still.

use std::collections::HashSet;
use std::time::Duration;

use anteroom::domain::clock::Clock;

use super::pair::{A, B, Pair};
use crate::kit::Plan;
use crate::kit::crowd::{Entered, crowd};

pub(super) const PER_MINUTE: u32 = 600;
const A_SECOND: f64 = 10.0;
/// One second's worth of burst and two periods' worth, as the API says too.
const EFFECTIVE_BURST: f64 = 15.0;
const VISITORS: usize = 1_500;
const WORKERS: usize = 30;
const MEASURED: Duration = Duration::from_secs(70);
const STALL: Duration = Duration::from_millis(1_200);
const PAUSE: Duration = Duration::from_millis(20);

/// In one step: how many the pace released, the highest place that was, the lowest that waits.
const LOOK: &str = "local head = redis.call('HMGET', KEYS[1], 'releases_total', 'front')
local next = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
return {tonumber(head[1] or 0), tonumber(head[2] or 0), tonumber(next[2] or 0)}";

/// What Redis said at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    before: f64,
    after: f64,
    pub(super) released: u64,
    front: u64,
    next: u64,
}

/// Looks every few milliseconds over a connection of its own, until this monotonic time.
pub(super) fn look(url: String, clock: Clock, until: Duration) -> Vec<Sample> {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_connection().unwrap();
    let mut ask = redis::cmd("EVAL_RO");
    ask.arg(LOOK).arg(2);
    ask.arg(&["anteroom:{derby}:head", "anteroom:{derby}:queue"]);
    let mut samples = Vec::new();
    while clock.now().mono < until {
        let before = clock.now().mono.as_secs_f64();
        let (released, front, next) = ask.query(&mut connection).unwrap();
        let after = clock.now().mono.as_secs_f64();
        samples.push(Sample {
            before,
            after,
            released,
            front,
            next,
        });
        std::thread::sleep(PAUSE);
    }
    samples
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_keep_one_pace_for_seventy_seconds_in_order_and_admit_nobody_twice() {
    let pair = Pair::open(Plan::per_minute(PER_MINUTE)).await;
    for gateway in [A, B] {
        let burst = &pair.room(gateway).await["pace"]["effective_burst"];
        assert_eq!(burst.as_f64(), Some(EFFECTIVE_BURST));
    }
    let clock = Clock::machine();
    let end = clock.now().mono + MEASURED + Duration::from_secs(8);
    let (url, watch) = (pair.redis.url(), clock.clone());
    let looking = tokio::task::spawn_blocking(move || look(url, watch, end));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        let lines = [A, B].map(|gateway| pair.app(gateway).without_cookies());
        let (apps, clock) = (VISITORS / WORKERS, clock.clone());
        workers.spawn(crowd(lines.into(), apps, clock, end));
    }
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        pair.who_ticks_stands_still().await;
    }
    let entered: Vec<Entered> = workers.join_all().await.into_iter().flatten().collect();
    let samples = looking.await.unwrap();

    println!("{} looks at Redis", samples.len());
    never_above_the_bound(&samples);
    at_the_pace(&samples);
    in_order_of_place(&samples);
    let called = samples.last().unwrap().released;
    everybody_once(&pair, &entered, usize::try_from(called).unwrap()).await;
}

/// In no window go more than the effective burst and the pace's worth of that window. Each look
/// is held against the earlier one that leaves the least room.
pub(super) fn never_above_the_bound(samples: &[Sample]) {
    let (mut least, mut closest) = (f64::INFINITY, f64::INFINITY);
    for sample in samples {
        let released = sample.released as f64;
        least = least.min(released - A_SECOND * sample.before);
        let room = least + EFFECTIVE_BURST - (released - A_SECOND * sample.after);
        closest = closest.min(room);
        assert!(room >= 0.0, "{} too many until {sample:?}", -room);
    }
    println!("no window had room for fewer than {closest:.2} more");
}

/// Over the seventy seconds from the first release, at least 98.5 of 100 that the pace allows.
fn at_the_pace(samples: &[Sample]) {
    let begun = samples.iter().find(|one| one.released > 0).unwrap();
    let over = begun.after + MEASURED.as_secs_f64();
    let last = samples.iter().rfind(|one| one.after <= over).unwrap();
    let released = (last.released - begun.released) as f64;
    let due = A_SECOND * MEASURED.as_secs_f64();
    println!("{released} of {due} in {MEASURED:?}");
    assert!(released >= 0.985 * due, "{released} of {due}");
}

/// Whoever waits stands behind everybody who was ever released.
fn in_order_of_place(samples: &[Sample]) {
    for sample in samples {
        let in_order = sample.next == 0 || sample.front < sample.next;
        assert!(in_order, "{sample:?}");
    }
}

impl Pair {
    /// The gateway that won the last ticks stands still, so that the other must take over: after
    /// four periods at the latest, which is not yet so long that pace lapses.
    async fn who_ticks_stands_still(&self) {
        let before = self.store_calls(A, "release").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let of_a = self.store_calls(A, "release").await - before;
        let (ticks, name) = if of_a > 2.0 { (A, "A") } else { (B, "B") };
        println!("{name} ticks and stands still");
        self.gateway(ticks).stands_still(STALL).await;
    }
}

async fn everybody_once(pair: &Pair, entered: &[Entered], called: usize) {
    let sessions: HashSet<&String> = entered.iter().map(|one| &one.session).collect();
    assert_eq!(sessions.len(), entered.len(), "every visitor has its own");
    let count = entered.len();
    println!("{called} released, {count} served");
    // Who is called within the last poll interval of two seconds has not come yet.
    assert!(count + 60 > called, "{count} of {called} were served");
    assert_eq!(pair.origin.arrived().len(), count);
    assert_eq!(pair.head("claims_total"), count as u64);
    println!("{} ticks", pair.head("tick"));
    for (gateway, name) in [(A, "A"), (B, "B")] {
        let served = entered.iter().filter(|one| one.gateway == gateway).count();
        let proposals = pair.store_calls(gateway, "release").await;
        println!("{name} served {served} and proposed {proposals} ticks");
        assert!(served * 5 > count, "{name} served {served} of {count}");
        assert!(proposals > 10.0, "{name} ticked for a while");
    }
}
