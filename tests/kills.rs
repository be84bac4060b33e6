//! A gateway that is killed again and again: every place that was shown is there again, and
//! nobody is admitted twice.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anteroom::domain::clock::Clock;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::kit::forge::{claims_of, decoded};
use crate::kit::policies::Addresses;
use crate::kit::process::furnish;
use crate::kit::{Ask, Gateway, Origin, Plan, Visitor, until};

const KILLS: u32 = 100;
const CLIENTS: u64 = 20;
const STATUS: &str = "/_anteroom/rooms/derby/status";

/// Numbers that look random and come again from the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// What a queue token says of its bearer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Held {
    visitor: Vec<u8>,
    turn: Vec<u8>,
    place: u64,
}

fn held(token: &str) -> Held {
    let bytes = decoded(token);
    Held {
        visitor: bytes[9..25].to_vec(),
        turn: bytes[33..35].to_vec(),
        place: u64::from_be_bytes(bytes[36..44].try_into().unwrap()),
    }
}

/// Everything that any client was ever shown.
#[derive(Default)]
struct Ledger {
    /// By visitor: the place, and the visitor who holds it.
    places: HashMap<Vec<u8>, Held>,
    /// By place: whose it is.
    owners: BTreeMap<u64, Vec<u8>>,
    /// By visitor: its session.
    sessions: HashMap<Vec<u8>, String>,
    /// Those who went away without a word, and what they were shown.
    away: Vec<(Visitor, u64)>,
}

impl Ledger {
    /// Writes down what a token says; a place once shown never changes and belongs to one.
    fn shows(&mut self, token: &str) {
        let now = held(token);
        if now.place == 0 {
            assert!(
                !self.places.contains_key(&now.visitor),
                "a place was lost: {now:?}"
            );
            return;
        }
        let before = self
            .places
            .entry(now.visitor.clone())
            .or_insert_with(|| now.clone());
        assert_eq!(*before, now, "a place changed");
        let owner = self
            .owners
            .entry(now.place)
            .or_insert_with(|| now.visitor.clone());
        assert_eq!(*owner, now.visitor, "two hold one place");
    }

    /// Writes down an admission; a visitor has one session however often it claims.
    fn admits(&mut self, visitor: Vec<u8>, admission: &str) {
        let session = claims_of(admission)["jti"].as_str().unwrap().to_owned();
        let before = self
            .sessions
            .entry(visitor)
            .or_insert_with(|| session.clone());
        assert_eq!(*before, session, "admitted twice");
    }
}

/// One visitor's way, as often as the gateway lets it go on.
struct Fan {
    visitor: Visitor,
    shown: u64,
    ledger: Arc<Mutex<Ledger>>,
}

/// Where a fan is after one more request.
enum Step {
    Goes,
    Waits,
    Entered,
}

impl Fan {
    fn new(at: Addresses, ledger: &Arc<Mutex<Ledger>>) -> Self {
        Self {
            visitor: Visitor::to(at.public).speaking_json(),
            shown: u64::MAX,
            ledger: Arc::clone(ledger),
        }
    }

    async fn step(&mut self) -> Step {
        let Some(answer) = self.visitor.try_ask(&Ask::get(STATUS)).await else {
            return Step::Goes;
        };
        if answer.status != 200 {
            return Step::Waits;
        }
        let status = answer.json();
        if status["state"] == "released" || status["state"] == "admitted" {
            return self.claim().await;
        }
        self.notes(&status).await;
        Step::Waits
    }

    async fn notes(&mut self, status: &Value) {
        let Some(token) = self.visitor.jar.get("anteroom-q-derby") else {
            return;
        };
        self.ledger.lock().await.shows(token);
        if let Some(position) = status["position"].as_u64() {
            assert!(
                position <= self.shown,
                "{position} after {}: {status}",
                self.shown
            );
            self.shown = position;
        }
    }

    async fn claim(&mut self) -> Step {
        let token = self.visitor.queue_token();
        self.ledger.lock().await.shows(&token);
        let Some(answer) = self.visitor.try_ask(&Ask::get("/buy/1")).await else {
            return Step::Goes;
        };
        let Some(admission) = self.visitor.admission() else {
            assert!(
                !answer.is_from_the_shop(),
                "served without an admission: {answer:?}"
            );
            return Step::Waits;
        };
        let visitor = held(&token).visitor;
        self.ledger.lock().await.admits(visitor, admission);
        Step::Entered
    }
}

/// One client: a new fan whenever the last one entered, or sometimes went away.
async fn client(at: Addresses, ledger: Arc<Mutex<Ledger>>, mut dice: Dice, stop: Arc<AtomicBool>) {
    let mut fan = Fan::new(at, &ledger);
    while !stop.load(Ordering::SeqCst) {
        let rest = match fan.step().await {
            Step::Goes => 15,
            Step::Waits if fan.shown < u64::MAX && dice.below(40) == 0 => {
                let gone = std::mem::replace(&mut fan, Fan::new(at, &ledger));
                ledger.lock().await.away.push((gone.visitor, gone.shown));
                15
            }
            Step::Waits => 105,
            Step::Entered => {
                fan = Fan::new(at, &ledger);
                15
            }
        };
        tokio::time::sleep(Duration::from_millis(rest)).await;
    }
    if fan.shown < u64::MAX {
        ledger.lock().await.away.push((fan.visitor, fan.shown));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_kills_lose_no_place_and_admit_nobody_twice() {
    let seed = Clock::machine().now().wall.millis();
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let origin = Origin::open().await;
    let dir = TempDir::new().unwrap();
    let plan =
        Plan::per_minute(3_000).session("claim_window_s = 3600\nidle_s = 3600\nabsolute_s = 3600");
    let at = furnish(dir.path(), &plan, origin.address);
    let ledger: Arc<Mutex<Ledger>> = Arc::default();
    let stop: Arc<AtomicBool> = Arc::default();
    let mut gateway = Gateway::start(dir.path(), at).await;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let dice = Dice(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        clients.spawn(client(at, Arc::clone(&ledger), dice, Arc::clone(&stop)));
    }
    for _ in 0..KILLS {
        let life = Duration::from_millis(50 + dice.below(1_200));
        tokio::time::sleep(life).await;
        gateway.kill_nine();
        gateway = Gateway::start(dir.path(), at).await;
        while let Some(ended) = clients.try_join_next() {
            ended.unwrap();
        }
    }
    stop.store(true, Ordering::SeqCst);
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    gateway.kill_nine();
    let gateway = Gateway::start(dir.path(), at).await;
    let ledger = Arc::into_inner(ledger).unwrap().into_inner();
    everybody_is_still_there(at, ledger).await;
    drop(gateway);
}

/// Asks once more for everybody who was ever shown a place and has not entered.
async fn everybody_is_still_there(at: Addresses, mut ledger: Ledger) {
    let (entered, shown) = (ledger.sessions.len(), ledger.places.len());
    println!("{shown} places were shown, {entered} visitors entered");
    assert!(
        entered > 100 && shown > entered,
        "{entered} of {shown} entered"
    );
    let one_each: HashSet<&String> = ledger.sessions.values().collect();
    assert_eq!(
        one_each.len(),
        entered,
        "every visitor has a session of its own"
    );
    let mut line = BTreeMap::new();
    for (mut visitor, shown) in std::mem::take(&mut ledger.away) {
        let status = until("an answer", || {
            let mut tab = visitor.another_tab();
            async move {
                tab.try_ask(&Ask::get(STATUS))
                    .await
                    .map(|answer| (answer.json(), tab))
            }
        })
        .await;
        (_, visitor) = (&status.0, status.1);
        let status = status.0;
        ledger.shows(&visitor.queue_token());
        match status["position"].as_u64() {
            Some(position) => {
                assert!(position <= shown, "{position} after {shown}");
                line.insert(held(&visitor.queue_token()).place, position);
            }
            None => assert!(
                status["state"] == "released" || status["state"] == "admitted",
                "{status}"
            ),
        }
    }
    let positions: Vec<u64> = line.values().copied().collect();
    println!("{} still wait", positions.len());
    assert!(positions.is_sorted(), "in order of place: {positions:?}");
    let newcomer = Visitor::to(at.public).speaking_json().joins().await;
    let last = ledger.owners.keys().next_back().unwrap();
    assert!(newcomer["position"].is_u64(), "{newcomer}: behind {last}");
}
