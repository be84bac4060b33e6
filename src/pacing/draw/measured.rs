//! One draw on both stores: the same order, and how long it takes. A small lobby, or with
//! `ANTEROOM_SLOW=1` a million fans:
//!
//! ```sh
//! ANTEROOM_SLOW=1 cargo test --release --lib draw::measured -- --nocapture --test-threads 1
//! ```

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::MultiplexedConnection;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::domain::clock::Clock;
use crate::domain::draw::formula::hash;
use crate::domain::draw::{Draw, Hash};
use crate::domain::lane::Lane;
use crate::domain::place::Epoch;
use crate::domain::room::RoomSettings;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowId, WindowState};
use crate::gate::room::Room;
use crate::pacing::{Beat, RoomLoop};
use crate::store::embedded::Embedded;
use crate::store::redis::databases::Server;
use crate::store::redis::link::Link;
use crate::store::redis::{Redis, scripts};
use crate::store::{Joining, Ordered, QueueStore};
use crate::telemetry::reading::settings_for_test;
use crate::token::Keyring;
use crate::token::chance::random_bytes;
use crate::token::keyfile::{AdmissionAlgorithm, Purpose, generate};

const WINDOW: WindowId = WindowId(1_004_160);
const EPOCH: Epoch = Epoch(100);

/// Joins sent at once.
const BATCH: u32 = 1_000;

fn fans() -> u32 {
    let slow = std::env::var_os("ANTEROOM_SLOW").is_some();
    if slow { 1_000_000 } else { 2_500 }
}

fn fan(number: u32) -> VisitorId {
    let Hash(bytes) = hash(&[b"fan", &number.to_be_bytes()]);
    VisitorId::from_bytes(bytes[..16].try_into().unwrap())
}

/// One gateway of one room on a store.
struct Sale {
    store: Arc<dyn QueueStore>,
    room: Room,
    keys: Arc<Keyring>,
    clock: Clock,
}

impl Sale {
    fn on(store: Arc<dyn QueueStore>, keys: &Arc<Keyring>) -> Self {
        let settings = Arc::unwrap_or_clone(settings_for(fans()));
        Self {
            store,
            room: Room::new(settings),
            keys: Arc::clone(keys),
            clock: Clock::machine(),
        }
    }

    async fn turn_to(&self, state: WindowState) {
        let (name, terms) = (&self.room.settings.name, &self.room.settings.terms);
        let last = self.store.survey(name, terms, 0).await.unwrap().orders;
        let commitment = self.keys.commitment(name, WINDOW);
        let next = Orders {
            version: last.version + 1,
            window: WINDOW,
            state,
            draw: last.draw.clone().or(Some(Draw::promised(commitment, None))),
            ..last.clone()
        };
        let ordered = self.store.order(name, &next, last.version).await.unwrap();
        assert_eq!(ordered, Ordered::Done);
    }

    async fn gather(&self) {
        let (name, terms) = (&self.room.settings.name, &self.room.settings.terms);
        for first in (0..fans()).step_by(BATCH as usize) {
            let joining = |number| Joining {
                visitor: fan(number),
                window: WINDOW,
                lane: Lane::GENERAL,
                promised: Duration::from_mins(1),
            };
            let batch: Vec<Joining> = (first..fans().min(first + BATCH)).map(joining).collect();
            self.store.join(name, terms, &batch).await.unwrap();
        }
    }

    fn runs(&self) -> CancellationToken {
        let beat = Beat {
            room: Arc::clone(&self.room.settings),
            snapshot: Arc::clone(&self.room.snapshot),
            notes: Arc::clone(&self.room.notes),
            store: Arc::clone(&self.store),
            clock: self.clock.clone(),
            keys: Arc::new(ArcSwap::new(Arc::clone(&self.keys))),
            draw: Arc::clone(&self.room.draw),
            keeper: None,
            heard: Arc::new(|_, _, _| {}),
        };
        let stop = CancellationToken::new();
        let (_, told) = watch::channel(Arc::clone(&self.room.settings));
        tokio::spawn(RoomLoop::new(beat).run(told, stop.clone()));
        stop
    }

    /// Draws the lobby; how long until the room was open, and until the roster could be fetched.
    async fn draw(&self) -> (Duration, Duration) {
        let stop = self.runs();
        let began = self.clock.now().mono;
        self.turn_to(WindowState::Drawing).await;
        let is_open = || self.room.snapshot.load().survey.orders.state == WindowState::Open;
        let open = self.until(is_open).await - began;
        let has_file = || {
            let kept = self.room.draw.load();
            kept.as_ref().is_some_and(|kept| kept.file.is_some())
        };
        let fetched = self.until(has_file).await - began;
        stop.cancel();
        (open, fetched)
    }

    async fn until(&self, holds: impl Fn() -> bool) -> Duration {
        for _ in 0..60_000 {
            if holds() {
                return self.clock.now().mono;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it took too long");
    }

    /// The whole order, as the store keeps it.
    async fn order(&self) -> Vec<VisitorId> {
        let mut order = Vec::new();
        loop {
            let from = u32::try_from(order.len()).unwrap();
            let name = &self.room.settings.name;
            let page = self.store.roster(name, WINDOW, from, 5_000).await.unwrap();
            if page.is_empty() {
                return order;
            }
            order.extend(page);
        }
    }
}

fn settings_for(fans: u32) -> Arc<RoomSettings> {
    let mut settings = settings_for_test("sale");
    settings.terms.max_waiting = fans;
    Arc::new(settings)
}

/// Every command of Redis longer than half a millisecond from now on, in microseconds.
async fn watch_calls(connection: &mut MultiplexedConnection) {
    for words in [
        &["CONFIG", "SET", "slowlog-log-slower-than", "500"][..],
        &["CONFIG", "SET", "slowlog-max-len", "100000"],
        &["SLOWLOG", "RESET"],
    ] {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(word);
        }
        command.exec_async(connection).await.unwrap();
    }
}

/// The longest call of each script and command since, the longest first, and how many calls took
/// more than half a millisecond. What this test asks itself does not count.
async fn longest(connection: &mut MultiplexedConnection) -> (Vec<(Duration, String)>, usize) {
    let mut command = redis::cmd("SLOWLOG");
    command.arg("GET").arg(100_000);
    type Entry = (u64, u64, u64, Vec<Vec<u8>>, String, String);
    let entries: Vec<Entry> = command.query_async(connection).await.unwrap();
    let own = |words: &[Vec<u8>]| [&b"SLOWLOG"[..], b"CONFIG"].contains(&&words[0][..]);
    let calls: Vec<_> = entries.iter().filter(|entry| !own(&entry.3)).collect();
    let mut longest = HashMap::<String, Duration>::new();
    for (_, _, micros, words, ..) in &calls {
        let is_called = |sha: &str| words.get(1).is_some_and(|word| word == sha.as_bytes());
        let script = scripts().find(|script| is_called(&script.sha));
        let other = || String::from_utf8_lossy(&words[0]).into_owned();
        let name = script.map_or_else(other, |script| script.name.to_owned());
        let most = longest.entry(name).or_default();
        *most = (*most).max(Duration::from_micros(*micros));
    }
    let mut longest: Vec<_> = longest
        .into_iter()
        .map(|(name, most)| (most, name))
        .collect();
    longest.sort_unstable_by(|one, other| other.cmp(one));
    (longest, calls.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lobby_is_drawn_alike_on_both_stores_and_soon() {
    let clock = Clock::machine();
    let eddsa = AdmissionAlgorithm::EdDsa;
    let files = generate(
        clock.now().wall,
        &Purpose::ALL,
        eddsa,
        &mut random_bytes::<32>,
    )
    .unwrap();
    let keys = Arc::new(Keyring::read(&files).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(1);
    let mut own = server.connection(0).await;
    let embedded = Sale::on(
        Arc::new(Embedded::open(folder.path(), EPOCH).unwrap()),
        &keys,
    );
    let link = Link::new(server.connection(0).await);
    let redis = Sale::on(Arc::new(Redis::new(link, || EPOCH)), &keys);

    for (name, sale) in [("embedded", &embedded), ("redis", &redis)] {
        sale.turn_to(WindowState::Prequeue).await;
        sale.gather().await;
        watch_calls(&mut own).await;
        let (open, fetched) = sale.draw().await;
        let (calls, long) = longest(&mut own).await;
        println!(
            "{name}: {} fans drawn, open after {open:.2?}, roster after {fetched:.2?}; {long} calls of Redis above 500 µs, the longest {calls:.2?}",
            fans()
        );
    }

    let (one, two) = (embedded.order().await, redis.order().await);
    assert_eq!(one.len(), fans() as usize);
    assert!(one == two, "both stores keep one order");
}
