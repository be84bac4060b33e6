//! A house for stories: gate, store and pacing on a clock that is moved by hand. No sockets.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::{Request, header};

use super::jitter::Jitter;
use super::{Beat, RoomLoop};
use crate::domain::clock::{Clock, UnixTime};
use crate::domain::pace::{Pace, TICK};
use crate::domain::place::Epoch;
use crate::domain::room::{
    Activation, Method, PageStatus, RoomName, RoomSettings, Schedule, Terms, WhenStoreFails,
};
use crate::domain::session::Steer;
use crate::domain::standing::Stand;
use crate::domain::tick::Proposal;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Order, Orders, Seal, WindowId};
use crate::gate::absence::Denial;
use crate::gate::admit::Admissions;
use crate::gate::identify::Proxies;
use crate::gate::limit::Limiters;
use crate::gate::notice::{Notice, SetToken};
use crate::gate::redeem::Redeemed;
use crate::gate::room::Room;
use crate::gate::steer::Steered;
use crate::gate::watch::Watcher;
use crate::gate::{Ask, Gate, Own, Refusal, Site, Verdict};
use crate::policy::limits::Limits;
use crate::policy::rules::Rules;
use crate::store::embedded::Embedded;
use crate::store::kept::Keeper;
use crate::store::lobby::{Chunk, LobbyPage, Placed};
use crate::store::recovery::{Recovery, Rest};
use crate::store::survey::{Snapshot, Survey};
use crate::store::{
    CheckIn, Claim, Claimed, Ending, Granted, Held, Hold, Joined, Joining, Leaving, Ordered,
    Passed, Passing, QueueStore, Released, Spending, Spent, StoreError, Touch, Touched,
};
use crate::telemetry::metrics::Metrics;
use crate::token::Keyring;
use crate::token::chance::random_bytes;
use crate::token::keyfile::{AdmissionAlgorithm, KeyFile, Purpose, generate};
use crate::token::queue::QueueToken;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Opens the room now.
pub(crate) const OPEN: Order = Order::OPEN_NOW;

/// Somebody who came, came back, and so has a place.
pub(crate) async fn joined(house: &House) -> Visitor {
    let mut visitor = house.visitor();
    visitor.get(house, "/buy/1").await.is_not_served();
    visitor.get(house, "/buy/1").await.is_not_served();
    visitor
}

/// A store that counts what it is asked, remembers who was released and when, and can be cut off,
/// emptied, or set to another time.
pub(crate) struct Watched {
    store: Mutex<Arc<dyn QueueStore>>,
    clock: Clock,
    pub(crate) visitor_calls: AtomicU64,
    pub(crate) touches: AtomicU64,
    pub(crate) sweeps: AtomicU64,
    pub(crate) recoveries: AtomicU64,
    pub(crate) away: AtomicBool,
    /// So many calls are answered yet; then none is.
    pub(crate) calls_left: Mutex<Option<u64>>,
    pub(crate) released: Arc<Mutex<Vec<(Duration, VisitorId)>>>,
    /// How far its own clock is ahead of the story's, in milliseconds; `None`: it has none.
    pub(crate) ahead_ms: Mutex<Option<i64>>,
}

impl Watched {
    pub(crate) fn over(store: impl QueueStore + 'static, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            store: Mutex::new(Arc::new(store)),
            clock,
            visitor_calls: AtomicU64::new(0),
            touches: AtomicU64::new(0),
            sweeps: AtomicU64::new(0),
            recoveries: AtomicU64::new(0),
            away: AtomicBool::new(false),
            calls_left: Mutex::default(),
            released: Arc::default(),
            ahead_ms: Mutex::default(),
        })
    }

    /// Another way to the same store. Whom it releases is remembered together.
    pub(crate) fn beside(&self) -> Arc<Self> {
        let mut beside = Self::over(Embedded::in_memory(Epoch(1)), self.clock.clone());
        if let Some(beside) = Arc::get_mut(&mut beside) {
            beside.store = Mutex::new(self.inner());
            beside.released = Arc::clone(&self.released);
        }
        beside
    }

    /// What it holds.
    pub(crate) fn inner(&self) -> Arc<dyn QueueStore> {
        Arc::clone(&self.store.lock().unwrap())
    }

    /// Holds something else from now on.
    pub(crate) fn replace(&self, store: impl QueueStore + 'static) {
        *self.store.lock().unwrap() = Arc::new(store);
    }

    /// Loses everything, as a store without persistence that was restarted.
    pub(crate) fn lose_all(&self) {
        let minutes = self.clock.now().wall.minutes_since_2025();
        self.replace(Embedded::in_memory(Epoch(minutes)));
    }

    fn asked(&self, by_visitor: bool) -> Result<Arc<dyn QueueStore>, StoreError> {
        if by_visitor {
            self.visitor_calls.fetch_add(1, Ordering::SeqCst);
        }
        if let Some(left) = &mut *self.calls_left.lock().unwrap() {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => self.away.store(true, Ordering::SeqCst),
            }
        }
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unreachable("cut off by the story".into()));
        }
        Ok(self.inner())
    }
}

#[async_trait]
impl QueueStore for Watched {
    async fn join(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Joining],
    ) -> Result<Vec<Joined>, StoreError> {
        self.asked(true)?.join(room, terms, asks).await
    }
    async fn pass(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Passing],
    ) -> Result<Vec<Passed>, StoreError> {
        let passed = self.asked(true)?.pass(room, terms, asks).await?;
        let now = self.clock.now().mono;
        let through = asks.iter().zip(&passed).filter_map(|(ask, one)| {
            matches!(one, Passed::Admitted { .. }).then_some((now, ask.joining.visitor))
        });
        self.released.lock().unwrap().extend(through);
        Ok(passed)
    }

    async fn check_in(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Stand>, StoreError> {
        self.asked(true)?.check_in(room, terms, tokens).await
    }
    async fn step_away(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError> {
        self.asked(true)?.step_away(room, terms, tokens).await
    }

    async fn extend(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError> {
        self.asked(true)?.extend(room, terms, tokens).await
    }

    async fn claim(
        &self,
        room: &RoomName,
        terms: &Terms,
        claims: &[Claim],
    ) -> Result<Vec<Claimed>, StoreError> {
        self.asked(true)?.claim(room, terms, claims).await
    }
    async fn leave(&self, room: &RoomName, leaving: &[Leaving]) -> Result<(), StoreError> {
        self.asked(true)?.leave(room, leaving).await
    }
    async fn spend(
        &self,
        room: &RoomName,
        spendings: &[Spending],
    ) -> Result<Vec<Spent>, StoreError> {
        self.asked(true)?.spend(room, spendings).await
    }
    async fn release(
        &self,
        room: &RoomName,
        terms: &Terms,
        proposal: Proposal,
    ) -> Result<Released, StoreError> {
        let released = self.asked(false)?.release(room, terms, proposal).await?;
        let now = self.clock.now().mono;
        let batch = released.batch.iter().map(|visitor| (now, *visitor));
        self.released.lock().unwrap().extend(batch);
        Ok(released)
    }
    async fn touch(&self, room: &RoomName, touches: &[Touch]) -> Result<Vec<Touched>, StoreError> {
        self.touches.fetch_add(1, Ordering::SeqCst);
        self.asked(false)?.touch(room, touches).await
    }

    async fn hold(&self, room: &RoomName, holds: &[Hold]) -> Result<Vec<Held>, StoreError> {
        self.asked(false)?.hold(room, holds).await
    }
    async fn end(&self, room: &RoomName, endings: &[Ending]) -> Result<(), StoreError> {
        self.asked(false)?.end(room, endings).await
    }
    async fn sweep(&self, room: &RoomName, terms: &Terms) -> Result<u64, StoreError> {
        self.sweeps.fetch_add(1, Ordering::SeqCst);
        self.asked(false)?.sweep(room, terms).await
    }
    async fn survey(
        &self,
        room: &RoomName,
        terms: &Terms,
        ends_seen: u64,
    ) -> Result<Survey, StoreError> {
        let mut survey = self.asked(false)?.survey(room, terms, ends_seen).await?;
        let ahead = *self.ahead_ms.lock().unwrap();
        let wall = self.clock.now().wall.millis();
        survey.store_time =
            ahead.map(|ahead| UnixTime::from_millis(wall.saturating_add_signed(ahead)));
        Ok(survey)
    }
    async fn order(
        &self,
        room: &RoomName,
        orders: &Orders,
        if_version: u64,
    ) -> Result<Ordered, StoreError> {
        self.asked(false)?.order(room, orders, if_version).await
    }
    async fn recover(&self, room: &RoomName, recovery: &Recovery) -> Result<Epoch, StoreError> {
        self.recoveries.fetch_add(1, Ordering::SeqCst);
        self.asked(false)?.recover(room, recovery).await
    }
    async fn lobby(&self, room: &RoomName, from: u32, most: u32) -> Result<LobbyPage, StoreError> {
        self.asked(false)?.lobby(room, from, most).await
    }
    async fn place(&self, room: &RoomName, chunk: &Chunk) -> Result<Placed, StoreError> {
        self.asked(false)?.place(room, chunk).await
    }
    async fn roster(
        &self,
        room: &RoomName,
        window: WindowId,
        from: u32,
        most: u32,
    ) -> Result<Vec<VisitorId>, StoreError> {
        self.asked(false)?.roster(room, window, from, most).await
    }
}

/// A gateway with one room `sale` over `/buy/*`.
pub(crate) struct House {
    pub(crate) gate: Gate,
    pub(crate) store: Arc<Watched>,
    pub(crate) clock: Clock,
    beat: RoomLoop,
    files: Vec<KeyFile>,
}

/// What a visitor got.
#[derive(Debug)]
pub(crate) enum Got {
    Served,
    Waits(Notice),
    Shut(Notice),
}

impl House {
    /// An open room at this pace.
    pub(crate) async fn open(terms: Terms) -> Self {
        let mut house = Self::closed(terms);
        house.order(OPEN).await;
        house
    }

    /// A room nobody has opened yet.
    pub(crate) fn closed(terms: Terms) -> Self {
        Self::furnished(|room| room.terms = terms)
    }

    /// A closed room in which some settings are others.
    pub(crate) fn furnished(change: impl FnOnce(&mut RoomSettings)) -> Self {
        Self::furnished_on(Embedded::in_memory(Epoch(1_000_000)), change)
    }

    /// The same on another store.
    pub(crate) fn furnished_on(
        store: impl QueueStore + 'static,
        change: impl FnOnce(&mut RoomSettings),
    ) -> Self {
        let mut settings = RoomSettings {
            name: "sale".parse().unwrap(),
            site: "shop".parse().unwrap(),
            paths: vec!["/buy/*".parse().unwrap()],
            except: vec!["/buy/assets/*".parse().unwrap()],
            exempt: Vec::new(),
            method: Method::Fifo,
            rehearsal: false,
            terms: per_minute(600),
            schedule: Schedule::default(),
            page_status: PageStatus::Ok,
            activation: Activation::Always,
            when_store_fails: WhenStoreFails::Hold,
            lanes: Vec::new(),
            identity: None,
        };
        change(&mut settings);
        let clock = Clock::by_hand(UnixTime::from_secs(1_800_000_000));
        let store = Watched::over(store, clock.clone());
        let files = generate(
            clock.now().wall,
            &Purpose::ALL,
            AdmissionAlgorithm::EdDsa,
            &mut random_bytes::<32>,
        )
        .unwrap();
        let with = With {
            store,
            clock,
            files,
            keeper: None,
            jitter: Jitter::default(),
        };
        Self::of(settings, with)
    }

    /// One more gateway of the same room on the same store, with the same keys.
    pub(crate) fn beside(&self, seed: u64) -> Self {
        self.beside_with(seed, |_| {})
    }

    /// The same, in which something is different.
    pub(crate) fn beside_with(&self, seed: u64, change: impl FnOnce(&mut With)) -> Self {
        let mut with = With {
            store: Arc::clone(&self.store),
            clock: self.clock.clone(),
            files: self.files.clone(),
            keeper: None,
            jitter: Jitter::of(seed),
        };
        change(&mut with);
        Self::of(self.gate.rooms[0].settings.as_ref().clone(), with)
    }

    /// One more gateway of the same room, whose file has this schedule.
    pub(crate) fn scheduled(&self, schedule: Schedule) -> Self {
        self.refurnished(|room| room.schedule = schedule)
    }

    /// One more gateway of the same room, whose file says something else.
    pub(crate) fn refurnished(&self, change: impl FnOnce(&mut RoomSettings)) -> Self {
        let mut beside = self.beside(7);
        let mut settings = self.gate.rooms[0].settings.as_ref().clone();
        change(&mut settings);
        let settings = Arc::new(settings);
        beside.gate.rooms[0].settings = Arc::clone(&settings);
        beside.beat.beat.room = settings;
        beside
    }

    fn of(settings: RoomSettings, with: With) -> Self {
        let With {
            store,
            clock,
            files,
            keeper,
            jitter,
        } = with;
        let keys = Arc::new(Keyring::read(&files).unwrap());
        let room = Room::new(settings);
        let beat = Beat {
            room: Arc::clone(&room.settings),
            snapshot: Arc::clone(&room.snapshot),
            notes: Arc::clone(&room.notes),
            store: store.clone(),
            clock: clock.clone(),
            keys: Arc::new(ArcSwap::new(Arc::clone(&keys))),
            draw: Arc::clone(&room.draw),
            keeper,
            heard: Arc::new(|_, _, _| {}),
        };
        let beat = RoomLoop::with_jitter(beat, jitter);
        let gate = Gate {
            sites: vec![Site {
                hosts: vec!["*".parse().unwrap()],
                https: false,
                assertor: None,
                rooms: vec![0],
            }],
            rooms: vec![room],
            proxies: Proxies::default(),
            prefix: "/_anteroom".into(),
            rules: Rules::default(),
            limiters: Limiters::new(
                &Limits::default(),
                clock.clone(),
                Metrics::new().unwrap().limits,
            ),
            keys,
            store: store.clone(),
            admissions: Admissions::default(),
            providers: Vec::new(),
            secure_port: None,
            pressure: Arc::default(),
        };
        Self {
            gate,
            store,
            clock,
            beat,
            files,
        }
    }

    /// Gives an order and lets the loop see it.
    pub(crate) async fn order(&mut self, order: Order) {
        let name: RoomName = "sale".parse().unwrap();
        let terms = self.gate.rooms[0].settings.terms;
        let store = self.store.inner();
        let now = store.survey(&name, &terms, 0).await.unwrap().orders;
        let newest = self.snapshot().window();
        let wall = self.clock.now().wall;
        let next = now.apply_after(&order, wall, newest).unwrap();
        let commitment = |window| self.gate.keys.commitment(&name, window);
        let next = next.sealed(
            &now,
            Seal {
                commitment: &commitment,
                totals: None,
            },
        );
        if let Some(seen) = self.snapshot().unknown {
            let recovery = Recovery {
                epoch: Epoch(seen.epoch.0 + 1),
                orders: Orders::default(),
                pause: Duration::from_secs(20),
                rest: Rest::AfterLoss,
                inside: 0,
                inside_for: Duration::ZERO,
            };
            store.recover(&name, &recovery).await.unwrap();
        }
        store.order(&name, &next, now.version).await.unwrap();
        self.step().await;
    }

    /// Writes other orders and lets the loop see them.
    pub(crate) async fn write(&mut self, change: impl FnOnce(&mut Orders)) {
        let name: RoomName = "sale".parse().unwrap();
        let terms = self.gate.rooms[0].settings.terms;
        let store = self.store.inner();
        let now = store.survey(&name, &terms, 0).await.unwrap().orders;
        let mut next = now.clone();
        change(&mut next);
        next.version += 1;
        let done = store.order(&name, &next, now.version).await.unwrap();
        assert_eq!(done, Ordered::Done);
        self.step().await;
    }

    /// The loop goes round, and whatever takes long comes to its end, so often.
    pub(crate) async fn draw(&mut self, rounds: usize) {
        for _ in 0..rounds {
            self.tick().await;
            self.beat.drawing.settle().await;
        }
    }

    /// What the gate answers from.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.gate.rooms[0].snapshot.load_full()
    }

    /// The loop goes round, and what it keeps is on disk.
    pub(crate) async fn step(&mut self) {
        self.beat.step().await;
        self.beat.kept().await;
    }

    /// The loop goes round once, and what it began beside comes to its end; how long it rests then.
    pub(crate) async fn turn(&mut self) -> Duration {
        let rest = self.beat.step().await;
        self.beat.drawing.settle().await;
        rest
    }

    /// One tick's time goes by, and the loop goes round.
    pub(crate) async fn tick(&mut self) {
        self.clock.advance(TICK);
        self.step().await;
    }

    /// So much time goes by, a tick at a time.
    pub(crate) async fn pass(&mut self, span: Duration) {
        for _ in 0..span.as_millis() / TICK.as_millis() {
            self.tick().await;
        }
    }

    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::default()
    }

    pub(crate) fn calls(&self) -> u64 {
        self.store.visitor_calls.load(Ordering::SeqCst)
    }

    /// Everybody released so far.
    pub(crate) fn released(&self) -> HashSet<VisitorId> {
        let released = self.store.released.lock().unwrap();
        released.iter().map(|(_, visitor)| *visitor).collect()
    }
}

/// Releases by pace in any window are at most the effective burst and what the pace gives.
pub(crate) fn assert_bound(released: &[(Duration, VisitorId)], pace: Pace) {
    let (burst, rate) = (pace.effective_burst(TICK), pace.per_minute.get());
    for (from, (began, _)) in released.iter().enumerate() {
        for (count, (at, _)) in (1..).zip(&released[from..]) {
            let most = burst
                + u64::try_from((*at - *began).as_micros()).unwrap() * u64::from(rate) / 60_000_000;
            assert!(
                count <= most,
                "{count} released from {began:?} to {at:?}, at most {most}"
            );
        }
    }
}

/// What a gateway is made with.
pub(crate) struct With {
    pub(crate) store: Arc<Watched>,
    pub(crate) clock: Clock,
    pub(crate) files: Vec<KeyFile>,
    pub(crate) keeper: Option<Arc<Keeper>>,
    pub(super) jitter: Jitter,
}

/// So much time goes by for several gateways on one clock; each goes round in every 50 ms if its
/// own rest is over, in turn from another first one.
pub(crate) async fn together(houses: &mut [&mut House], span: Duration) {
    const STEP: Duration = Duration::from_millis(50);
    let mut rests = vec![Duration::ZERO; houses.len()];
    for round in 0..usize::try_from(span.as_millis() / STEP.as_millis()).unwrap() {
        houses[0].clock.advance(STEP);
        for at in 0..houses.len() {
            let at = (at + round) % houses.len();
            rests[at] = rests[at].saturating_sub(STEP);
            if rests[at].is_zero() {
                rests[at] = houses[at].beat.step().await;
            }
        }
    }
}

fn ask<'a>(house: &House, head: &'a http::request::Parts) -> Ask<'a> {
    Ask {
        head,
        peer: "192.0.2.1:9".parse().unwrap(),
        tls: None,
        now: house.clock.now(),
    }
}

/// Somebody with a cookie jar.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visitor {
    pub(crate) queue: Option<String>,
    pub(crate) admission: Option<String>,
    /// The event stream opened last.
    pub(crate) watcher: Option<Watcher>,
    /// Why the last wish was not granted.
    pub(crate) denied: Option<Denial>,
}

impl Visitor {
    pub(crate) async fn get(&mut self, house: &House, path: &str) -> Got {
        self.ask(house, "GET", path, &[]).await
    }

    /// Where do I stand? The notice of the status endpoint.
    pub(crate) async fn poll(&mut self, house: &House) -> Notice {
        match self
            .ask(house, "GET", "/_anteroom/rooms/sale/status", &[])
            .await
        {
            Got::Waits(notice) | Got::Shut(notice) => notice,
            Got::Served => panic!("the status is our own"),
        }
    }

    /// Whether the gate turns this request away.
    pub(crate) async fn refused(
        &self,
        house: &House,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
    ) -> bool {
        let head = self.head(method, path, more);
        let verdict = house.gate.decide(&ask(house, &head)).await.verdict;
        verdict.is_err()
    }

    pub(crate) async fn ask(
        &mut self,
        house: &House,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
    ) -> Got {
        let head = self.head(method, path, more);
        match house.gate.decide(&ask(house, &head)).await.verdict.unwrap() {
            Verdict::Pass(_, renewed) => {
                self.admission = renewed.map(|token| token.text).or(self.admission.take());
                Got::Served
            }
            Verdict::Claimed(_, token) => {
                self.admission = Some(token.text);
                Got::Served
            }
            Verdict::Wait(notice) => Got::Waits(self.keep(*notice)),
            Verdict::Shut(notice) => Got::Shut(self.keep(*notice)),
            Verdict::Own(
                Own::Status(notice)
                | Own::ComeBack(notice)
                | Own::NotReleased(notice)
                | Own::CodePage(notice)
                | Own::Left(notice),
            ) => Got::Waits(self.keep(*notice)),
            Verdict::Own(Own::Granted(notice)) => {
                self.denied = None;
                Got::Waits(self.keep(*notice))
            }
            Verdict::Own(Own::Denied(notice, denial)) => {
                self.denied = Some(denial);
                Got::Waits(self.keep(*notice))
            }
            Verdict::Own(Own::Events(watch)) => {
                self.watcher = watch.watcher;
                Got::Waits(self.keep(*watch.notice))
            }
            Verdict::Socket(..)
            | Verdict::Own(
                Own::Jwks
                | Own::OverTls(_)
                | Own::Asset(_)
                | Own::Code(_)
                | Own::Redeemed(..)
                | Own::Draw(_)
                | Own::Crew(_),
            ) => {
                panic!("not asked for")
            }
        }
    }

    /// Asks as an admitted visitor, and the site says this on its answer.
    pub(crate) async fn steered(&mut self, house: &House, steer: Steer) -> Steered {
        let head = self.head("GET", "/buy/pay", &[]);
        let decided = house.gate.decide(&ask(house, &head)).await;
        let holder = decided.trace.holder.expect("the visitor is inside");
        let room = &house.gate.rooms[0];
        let said = (steer, house.clock.now());
        let steered = house.gate.steer(room, &holder, said).await;
        match &steered {
            Steered::Kept(token) => self.admission = Some(token.text.clone()),
            Steered::Ended => self.admission = None,
            Steered::AsBefore => {}
        }
        steered
    }

    /// Brings a code.
    pub(crate) async fn redeem(
        &mut self,
        house: &House,
        code: &str,
        more: &[(&str, &str)],
    ) -> Result<(Notice, Redeemed), Refusal> {
        let head = self.head("POST", "/_anteroom/rooms/sale/redeem", more);
        let bringing = match house.gate.decide(&ask(house, &head)).await.verdict? {
            Verdict::Own(Own::Code(bringing)) => *bringing,
            other => panic!("a code is to be read: {other:?}"),
        };
        match house.gate.redeem(bringing, Some(code)).await? {
            Own::Redeemed(notice, redeemed) => Ok((self.keep(*notice), redeemed)),
            other => panic!("a code was tried: {other:?}"),
        }
    }

    fn head(&self, method: &str, path: &str, more: &[(&str, &str)]) -> http::request::Parts {
        let jar: Vec<String> = [
            ("anteroom-q-sale", &self.queue),
            ("anteroom-a-sale", &self.admission),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)))
        .collect();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "shop.example");
        if !jar.is_empty() {
            request = request.header(header::COOKIE, jar.join("; "));
        }
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn keep(&mut self, notice: Notice) -> Notice {
        match &notice.queue {
            SetToken::Give(text) => self.queue = Some(text.clone()),
            SetToken::Clear => self.queue = None,
            SetToken::Keep => {}
        }
        match &notice.admission {
            SetToken::Give(token) => self.admission = Some(token.text.clone()),
            SetToken::Clear => self.admission = None,
            SetToken::Keep => {}
        }
        notice
    }

    /// Who this is, as the store knows it.
    pub(crate) fn id(&self, house: &House) -> VisitorId {
        self.token(house).visitor
    }

    /// What its queue token says.
    pub(crate) fn token(&self, house: &House) -> QueueToken {
        let text = self.queue.as_deref().unwrap();
        let room = &house.gate.rooms[0].settings.name;
        house
            .gate
            .keys
            .verify_queue(room, text, house.clock.now().wall)
            .unwrap()
    }
}

#[expect(clippy::wrong_self_convention, reason = "so that a story reads as one")]
impl Got {
    /// The notice of somebody who waits with so many ahead.
    pub(crate) fn is_waiting(self, ahead: u64) -> Notice {
        match self {
            Self::Waits(notice) => {
                assert_eq!(notice.position, Some(ahead + 1));
                notice
            }
            other => panic!("should wait: {other:?}"),
        }
    }

    pub(crate) fn is_served(self) {
        assert!(matches!(self, Self::Served), "should be served: {self:?}");
    }

    /// The notice of somebody who is not let in.
    pub(crate) fn is_not_served(self) -> Notice {
        match self {
            Self::Waits(notice) | Self::Shut(notice) => notice,
            Self::Served => panic!("should not be served"),
        }
    }
}

pub(crate) fn per_minute(pace: u32) -> Terms {
    Terms::of_pace(Pace::per_minute(pace).unwrap())
}
