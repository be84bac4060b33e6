//! A gateway that is killed at a call of the store: before Redis has seen it, or after Redis has
//! done it and before the gateway knows. Nothing is lost or doubled, and its fans go on at the
//! other gateway.

mod draws;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::kit::forge::{claims_of, place_of, visitor_of};
use crate::kit::relay::UNKNOWN;
use crate::kit::{Ask, Cut, Gateway, Origin, Plan, Redis, Relay, Trap, Twins, Visitor};

/// Those who come to the gateway that is killed, and those who come to the other.
const FANS: [usize; 2] = [6, 2];

/// Calls of each verb at which a gateway is killed, where not every one is.
const CALLS: u64 = 6;

/// Stories told at the same time.
const TOGETHER: usize = 6;

/// Longer than a gateway waits for another's tick before it makes one itself.
const TAKES_OVER: Duration = Duration::from_millis(1_300);

/// Far longer than a story takes.
const STORY: Duration = Duration::from_secs(60);

const STATUS: &str = "/_anteroom/rooms/derby/status";

/// The gateway that is killed, and the other.
const KILLED: usize = 0;
const OTHER: usize = 1;

/// At which call a gateway is killed.
#[derive(Clone, Copy, Debug)]
struct Case {
    verb: &'static str,
    cut: Cut,
    call: u64,
}

/// Somebody on the way in.
struct Fan {
    visitor: Visitor,
    path: String,
    place: u64,
    shown: u64,
    /// How often the shop was asked for and nothing was answered.
    unanswered: usize,
}

/// Somebody who was let in.
struct Entered {
    fan: Fan,
    jti: String,
}

impl Fan {
    /// Polls and asks for the shop by turns, at the other gateway once this one is gone.
    async fn enters(number: usize, at: SocketAddr, other: SocketAddr) -> Entered {
        let mut fan = Self {
            visitor: Visitor::to(at).speaking_json(),
            path: format!("/buy/{number}"),
            place: 0,
            shown: u64::MAX,
            unanswered: 0,
        };
        tokio::time::sleep(Duration::from_millis(60) * u32::try_from(number).unwrap()).await;
        for turn in 0_u32.. {
            let polls = turn % 2 == 0;
            let ask = Ask::get(if polls { STATUS } else { &fan.path });
            match fan.visitor.try_ask(&ask).await {
                Some(answer) if answer.is_from_the_shop() => break,
                Some(answer) => fan.notes(&answer.json()),
                None => {
                    fan.unanswered += usize::from(!polls);
                    fan.visitor = fan.visitor.sent_to(other);
                }
            }
            tokio::time::sleep(Duration::from_millis(120)).await;
        }
        let admission = fan
            .visitor
            .admission()
            .expect("served without an admission");
        let jti = claims_of(admission)["jti"].as_str().unwrap().to_owned();
        fan.keeps(fan.visitor.queue_token());
        Entered { fan, jti }
    }

    fn notes(&mut self, status: &serde_json::Value) {
        assert!(status["ended_by"].is_null(), "{status}");
        if let Some(token) = self.visitor.jar.get("anteroom-q-derby") {
            self.keeps(token.clone());
        }
        if let Some(position) = status["position"].as_u64() {
            assert!(position <= self.shown, "{status} after {}", self.shown);
            self.shown = position;
        }
    }

    /// A place once shown never changes.
    fn keeps(&mut self, token: String) {
        let place = place_of(&token);
        assert!(
            self.place == 0 || place == self.place,
            "{place} after {}",
            self.place
        );
        self.place = place;
    }
}

/// A room of two gateways, one of which is behind a relay.
struct Scene {
    redis: Redis,
    relay: Relay,
    origin: Origin,
    twins: Twins,
}

impl Scene {
    async fn open() -> Self {
        let (redis, origin) = (Redis::forgetful().await, Origin::open().await);
        let relay = Relay::before(&redis).await;
        let plan = Plan::per_minute(240)
            .session("claim_window_s = 3600\nidle_s = 3600\nabsolute_s = 3600");
        let twins = Twins::furnish(&plan, [relay.url(), redis.url()], origin.address);
        Self {
            redis,
            relay,
            origin,
            twins,
        }
    }

    /// Starts both; the first of them is the one that paces the room.
    async fn start(&self, first: usize) -> [Gateway; 2] {
        let one = self.twins.start(first).await;
        let two = self.twins.start(1 - first).await;
        if first == KILLED {
            [one, two]
        } else {
            [two, one]
        }
    }

    fn kill_at(&self, case: Case, gateway: &Gateway) {
        let id = gateway.id().to_string();
        let deed = move || {
            let killed = Command::new("kill").args(["-9", &id]).status().unwrap();
            assert!(killed.success());
        };
        let Case { verb, cut, call } = case;
        self.relay.set(Trap {
            verb,
            call,
            cut,
            deed: Box::new(deed),
        });
    }

    /// Sends the fans; gives those who entered when all have.
    fn fans(&self) -> JoinSet<Entered> {
        let mut fans = JoinSet::new();
        let [killed, other] = [KILLED, OTHER].map(|which| self.twins.public(which));
        for number in 0..FANS[KILLED] + FANS[OTHER] {
            // The third and the sixth come to the other.
            let at = if number % 3 == 2 { other } else { killed };
            fans.spawn(Fan::enters(number, at, other));
        }
        fans
    }

    /// Waits until so many have joined.
    async fn joined(&self, many: u64) {
        crate::kit::until("all have joined", || async {
            (self.redis.head("derby", ["joins_total"]) == [many]).then_some(())
        })
        .await;
    }

    /// Nobody was lost and nothing was done twice.
    fn adds_up(&self, entered: &[Entered]) {
        let many = entered.len() as u64;
        let totals = [
            "joins_total",
            "releases_total",
            "claims_total",
            "granted_total",
            "out",
        ];
        assert_eq!(self.redis.head("derby", totals), [many, many, many, 0, 0]);
        for (key, count, held) in [
            ("queue", "ZCARD", 0),
            ("absent", "ZCARD", 0),
            ("slots", "ZCARD", many),
            ("sessions", "HLEN", many),
            ("ends", "HLEN", 0),
        ] {
            let key = format!("anteroom:{{derby}}:{key}");
            assert_eq!(self.redis.count(&[count, &key]), held, "{key}");
        }
        let places: HashSet<u64> = entered.iter().map(|one| one.fan.place).collect();
        let sessions: HashSet<&str> = entered.iter().map(|one| one.jti.as_str()).collect();
        assert_eq!(
            (places.len(), sessions.len()),
            (entered.len(), entered.len())
        );
        self.went_in_order(entered);
        self.only_the_admitted_came(entered);
    }

    /// Each was called once, and in the order of the places.
    fn went_in_order(&self, entered: &[Entered]) {
        let turns = ["ZRANGE", "anteroom:{derby}:turns", "0", "-1"];
        let turns: Vec<Vec<u8>> = redis::from_redis_value(self.redis.run(&turns)).unwrap();
        let place: HashMap<Vec<u8>, u64> = entered
            .iter()
            .map(|one| (visitor_of(&one.fan.visitor.queue_token()), one.fan.place))
            .collect();
        let called = turns.iter().flat_map(|together| together.chunks(16));
        let called: Vec<u64> = called.map(|visitor| place[visitor]).collect();
        assert_eq!(called.len(), entered.len());
        assert!(called.is_sorted(), "{called:?}");
    }

    /// The shop saw what it answered, and at most what was not answered as the gateway was killed.
    fn only_the_admitted_came(&self, entered: &[Entered]) {
        let arrived = self.origin.lines();
        for Entered { fan, .. } in entered {
            let line = format!("GET {}", fan.path);
            let came = arrived.iter().filter(|one| **one == line).count();
            assert!((1..=1 + fan.unanswered).contains(&came), "{came} of {line}");
        }
    }

    /// Everybody has the same session again, at this gateway and from the queue token alone.
    async fn knows_all_again(&self, entered: Vec<Entered>, which: usize) -> Vec<Entered> {
        let mut known = Vec::new();
        for mut one in entered {
            one.fan.visitor = one.fan.visitor.sent_to(self.twins.public(which));
            one.fan.visitor.get(&one.fan.path).await.is_served();
            let mut other_device = one.fan.visitor.another_tab();
            other_device.jar.remove("anteroom-a-derby");
            other_device.get(&one.fan.path).await.is_served();
            let again = claims_of(other_device.admission().unwrap());
            assert_eq!(again["jti"], one.jti, "admitted twice");
            known.push(one);
        }
        known
    }

    /// The killed gateway comes back; those who entered are known to it, and one more enters.
    async fn comes_back(&self, entered: Vec<Entered>) {
        let back = self.twins.start(KILLED).await;
        let entered = self.knows_all_again(entered, KILLED).await;
        let last = entered.iter().map(|one| one.fan.place).max().unwrap();
        let at = self.twins.public(KILLED);
        let new = tokio::time::timeout(STORY, Fan::enters(0, at, at)).await;
        assert!(new.unwrap().fan.place > last);
        let many = entered.len() as u64 + 1;
        let totals = self.redis.head("derby", ["joins_total", "claims_total"]);
        assert_eq!(totals, [many, many]);
        drop(back);
    }
}

/// Tells one story; whether there was such a call.
async fn story(case: Case) -> bool {
    let scene = Scene::open().await;
    let releases = case.verb == "release";
    let first = if releases || case.call % 2 == 1 {
        KILLED
    } else {
        OTHER
    };
    let [killed, other] = scene.start(first).await;
    let mut operator = other.operator();
    let pace = json!({"per_minute": 240, "burst": 1}).to_string();
    let pace = Ask::new("PUT", "/v1/rooms/derby/pace").body(pace);
    operator
        .ask(pace.with("content-type", "application/json"))
        .await
        .is(200);
    let all = (FANS[KILLED] + FANS[OTHER]) as u64;
    let fans = if releases {
        operator.post("/v1/rooms/derby/pause").await.is(200);
        let fans = scene.fans();
        scene.joined(all).await;
        // The room ticks for those who wait: now it is the gateway to be killed that has the ticks.
        other.stands_still(TAKES_OVER).await;
        scene.kill_at(case, &killed);
        operator.post("/v1/rooms/derby/resume").await.is(200);
        fans
    } else {
        scene.kill_at(case, &killed);
        scene.fans()
    };
    let entered = tokio::time::timeout(STORY, fans.join_all()).await;
    let entered = entered.unwrap_or_else(|_| panic!("{case:?}: not all have entered"));

    scene.adds_up(&entered);
    assert_eq!(scene.relay.calls(UNKNOWN), 0, "every script was loaded");
    let sprung = scene.relay.sprung();
    if sprung {
        assert_eq!(killed.ended().await.signal(), Some(9), "{case:?}");
    }
    let entered = scene.knows_all_again(entered, OTHER).await;
    if sprung && case.call == 1 {
        scene.comes_back(entered).await;
    }
    sprung
}

/// Tells a story for each of these calls, some at a time; how many of the calls there were.
async fn stories(cases: Vec<Case>) -> usize {
    let room = Arc::new(Semaphore::new(TOGETHER));
    let mut stories = JoinSet::new();
    for case in cases {
        let room = Arc::clone(&room);
        stories.spawn(async move {
            let _place = room.acquire_owned().await.unwrap();
            story(case).await
        });
    }
    let mut sprung = 0;
    while let Some(told) = stories.join_next().await {
        sprung += usize::from(told.unwrap());
    }
    sprung
}

/// Kills at the first calls of a verb, or at every one where there is time.
async fn killed_at_every(verb: &'static str) {
    let slow = std::env::var_os("ANTEROOM_SLOW").is_some();
    let mut from = 1;
    loop {
        let calls = from..from + CALLS;
        let cuts = [Cut::Before, Cut::After];
        let cases = calls.flat_map(|call| cuts.map(|cut| Case { verb, cut, call }));
        let cases: Vec<Case> = cases.collect();
        let (told, sprung) = (cases.len(), stories(cases).await);
        println!("{verb}: {sprung} kills from call {from} in {told} stories");
        if from == 1 {
            assert!(sprung * 3 >= told * 2, "the kills come where they should");
        }
        if !slow || sprung == 0 {
            return;
        }
        from += CALLS;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_at_any_join_loses_and_doubles_nothing() {
    killed_at_every("join").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_at_any_claim_loses_and_doubles_nothing() {
    killed_at_every("claim").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_at_any_release_loses_and_doubles_nothing() {
    killed_at_every("release").await;
}
