//! What visitors cost the Redis that two gateways share, counted at Redis itself.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use anteroom::domain::clock::Clock;
use tokio::task::JoinSet;

use super::pair::{A, B, Pair};
use crate::kit::forge::place_of;
use crate::kit::tally::Tally;
use crate::kit::{Plan, Visitor};

/// How long is counted at a time.
const STRETCH: Duration = Duration::from_secs(5);

/// What Redis was asked.
type Counts = BTreeMap<String, u64>;

/// How often each thing was asked besides what the timers ask: their scripts, and whether Redis
/// is there and fit, which is asked more seldom than a stretch is long.
fn besides(counts: &Counts, timers: &Counts) -> Vec<u64> {
    let known = |kind: &str| timers.contains_key(kind) || ["ping", "info"].contains(&kind);
    let others = counts.iter().filter(|(kind, _)| !known(kind));
    others.map(|(_, count)| *count).collect()
}

impl Pair {
    /// What Redis is asked in a stretch in which `deeds` are done, by script and by command.
    async fn stretch(&self, tally: &mut Tally, deeds: impl Future<Output = ()>) -> [Counts; 2] {
        let clock = Clock::machine();
        tally.take(&self.redis);
        self.redis.forget_calls();
        let begun = clock.now().mono;
        deeds.await;
        let took = clock.now().mono - begun;
        assert!(took < STRETCH, "the deeds took {took:?}");
        tokio::time::sleep(STRETCH - took).await;
        [tally.take(&self.redis), self.redis.calls()]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_polls_from_afar_and_admitted_requests_ask_redis_nothing() {
    // One a minute: the horizon of three minutes reaches three places far.
    let pair = Pair::open(Plan::per_minute(1)).await;
    let mut insiders = pair.insiders(4).await;
    let mut far = pair.fans(60).await.split_off(20);
    pair.tells_of(60).await;
    let mut tally = Tally::of(&pair.redis);
    let before = [pair.visitors_calls(A).await, pair.visitors_calls(B).await];

    let [timers, idle] = pair.stretch(&mut tally, async {}).await;
    let [kept, busy] = pair
        .stretch(&mut tally, async {
            for _ in 0..5 {
                for (visitor, _) in &mut far {
                    let status = visitor.status().await;
                    assert!(status["position"].as_u64().unwrap() > 10, "{status}");
                }
            }
            for _ in 0..50 {
                for visitor in &mut insiders {
                    visitor.get("/buy/1").await.is_served();
                }
            }
        })
        .await;

    println!("idle: {timers:?}\nbusy: {kept:?}");
    println!(
        "scripts: {} idle, {} busy",
        idle["evalsha"], busy["evalsha"]
    );
    assert_eq!(besides(&kept, &timers), [0; 0], "{kept:?}");
    assert!(timers.len() < 10, "{timers:?}");
    // What a loop that is late by a round makes up for.
    assert!(
        busy["evalsha"] <= idle["evalsha"] + 12,
        "{busy:?}, idle {idle:?}"
    );
    let after = [pair.visitors_calls(A).await, pair.visitors_calls(B).await];
    assert_eq!(after, before, "the gateways say so too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_touches_of_many_sessions_are_at_most_one_call_a_second() {
    let pair = Pair::open(Plan::per_minute(1).session("idle_s = 10")).await;
    // They come in one after the other, and so are due for a touch one after the other.
    let mut insiders = pair.insiders(40).await;
    let clock = Clock::machine();
    let before = [
        pair.store_calls(A, "touch").await,
        pair.store_calls(B, "touch").await,
    ];
    let begun = clock.now().mono;
    while clock.now().mono - begun < Duration::from_secs(8) {
        for visitor in &mut insiders {
            visitor.get("/buy/1").await.is_served();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for gateway in [A, B] {
        let touches = pair.store_calls(gateway, "touch").await - before[gateway];
        let took = (clock.now().mono - begun).as_secs_f64();
        println!("{touches} touches in {took} s for 20 sessions");
        assert!(touches >= 1.0, "their half life went by");
        assert!(touches <= took + 1.0, "{touches} calls in {took} s");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_first_visits_ask_redis_nothing_and_a_poll_near_the_front_once() {
    let pair = Pair::open(Plan::per_minute(1)).await;
    let mut fans = pair.fans(20).await;
    pair.tells_of(20).await;
    let mut tally = Tally::of(&pair.redis);
    let [timers, _] = pair.stretch(&mut tally, async {}).await;

    let mut visits = JoinSet::new();
    for number in 0..10 {
        visits.spawn(first_visits(pair.app(number % 2).without_cookies()));
    }
    visits.join_all().await;
    let counts = tally.take(&pair.redis);
    assert_eq!(besides(&counts, &timers), [0; 0], "{counts:?}");

    // The first of all is sent with its text, which Redis does not know yet.
    fans[0].0.status().await;
    tally.take(&pair.redis);
    for (visitor, _) in &mut fans[1..3] {
        let status = visitor.status().await;
        assert_eq!(status["state"], "waiting", "{status}");
        let counts = tally.take(&pair.redis);
        assert_eq!(besides(&counts, &timers), [1], "{counts:?}");
    }
    pair.origin.saw_nothing();
}

async fn first_visits(mut visitor: Visitor) {
    for _ in 0..50 {
        visitor.get("/buy/1").await.is_queue();
        visitor.get("/_anteroom/rooms/derby/status").await.is(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_joins_at_once_are_a_few_calls() {
    const FANS: usize = 500;
    let pair = Pair::open(Plan::per_minute(1)).await;
    // So that the room ticks and its timers' scripts are known.
    let _ = pair.fans(1).await;
    pair.tells_of(1).await;
    let mut tally = Tally::of(&pair.redis);
    let [timers, _] = pair.stretch(&mut tally, async {}).await;
    let mut fans = Vec::new();
    for number in 0..FANS {
        let mut visitor = pair.app(number % 2);
        visitor.status().await;
        fans.push(visitor);
    }
    tally.take(&pair.redis);

    // Redis is busy with something else for a moment, as it is when a sale opens.
    pair.redis.run(&["CLIENT", "PAUSE", "500", "ALL"]);
    let mut joins = JoinSet::new();
    for mut visitor in fans {
        joins.spawn(async move {
            let status = visitor.status().await;
            let position = status["position"].as_u64();
            let place = place_of(&visitor.queue_token());
            (position.unwrap_or_else(|| panic!("{status}")), place)
        });
    }
    let stands = joins.join_all().await;

    let counts = tally.take(&pair.redis);
    let calls = besides(&counts, &timers);
    println!("{FANS} joins in {calls:?} calls");
    let [calls] = calls[..] else {
        panic!("one script for all: {counts:?}");
    };
    assert!(calls <= 20, "{calls} calls");
    let positions: HashSet<u64> = stands.iter().map(|(position, _)| *position).collect();
    let places: HashSet<u64> = stands.iter().map(|(_, place)| *place).collect();
    assert_eq!((positions.len(), places.len()), (FANS, FANS));
    assert!(!places.contains(&0));
}
