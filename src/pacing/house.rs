//! A house for stories: gate, store and pacing on a clock that is moved by hand. No sockets.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, header};

use super::{Beat, RoomLoop};
use crate::domain::clock::{Clock, UnixTime};
use crate::domain::pace::{Pace, TICK};
use crate::domain::place::Epoch;
use crate::domain::room::{Method, PageStatus, RoomName, RoomSettings, Schedule, Terms};
use crate::domain::standing::Stand;
use crate::domain::tick::Proposal;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Order, Orders};
use crate::gate::admit::Admissions;
use crate::gate::identify::Proxies;
use crate::gate::limit::Limiters;
use crate::gate::notice::{Notice, SetToken};
use crate::gate::room::Room;
use crate::gate::{Ask, Gate, Own, Site, Verdict};
use crate::policy::limits::Limits;
use crate::policy::rules::Rules;
use crate::store::embedded::Embedded;
use crate::store::recovery::Recovery;
use crate::store::survey::Survey;
use crate::store::{
    CheckIn, Claim, Claimed, Ending, Joined, Joining, Leaving, Ordered, QueueStore, Released,
    StoreError, Touch, Touched,
};
use crate::token::Keyring;
use crate::token::chance::random_bytes;
use crate::token::keyfile::{AdmissionAlgorithm, Purpose, generate};

/// A store that counts what visitors cost, remembers who was released, and can be cut off.
pub(crate) struct Watched {
    store: Embedded,
    pub(crate) visitor_calls: AtomicU64,
    pub(crate) away: AtomicBool,
    pub(crate) released: std::sync::Mutex<Vec<VisitorId>>,
}

impl Watched {
    fn asked(&self, by_visitor: bool) -> Result<&Embedded, StoreError> {
        if by_visitor {
            self.visitor_calls.fetch_add(1, Ordering::SeqCst);
        }
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unreachable("cut off by the story".into()));
        }
        Ok(&self.store)
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
    async fn check_in(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Stand>, StoreError> {
        self.asked(true)?.check_in(room, terms, tokens).await
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
    async fn release(
        &self,
        room: &RoomName,
        terms: &Terms,
        proposal: Proposal,
    ) -> Result<Released, StoreError> {
        let released = self.asked(false)?.release(room, terms, proposal).await?;
        self.released.lock().unwrap().extend(&released.batch);
        Ok(released)
    }
    async fn touch(&self, room: &RoomName, touches: &[Touch]) -> Result<Vec<Touched>, StoreError> {
        self.asked(false)?.touch(room, touches).await
    }
    async fn end(&self, room: &RoomName, endings: &[Ending]) -> Result<(), StoreError> {
        self.asked(false)?.end(room, endings).await
    }
    async fn sweep(&self, room: &RoomName, terms: &Terms) -> Result<u64, StoreError> {
        self.asked(false)?.sweep(room, terms).await
    }
    async fn survey(
        &self,
        room: &RoomName,
        terms: &Terms,
        ends_seen: u64,
    ) -> Result<Survey, StoreError> {
        self.asked(false)?.survey(room, terms, ends_seen).await
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
        self.asked(false)?.recover(room, recovery).await
    }
}

/// A gateway with one room `sale` over `/buy/*`.
pub(crate) struct House {
    pub(crate) gate: Gate,
    pub(crate) store: Arc<Watched>,
    pub(crate) clock: Clock,
    beat: RoomLoop,
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
        house
            .order(Order::Open {
                opens_at: None,
                ends_at: None,
            })
            .await;
        house
    }

    /// A room nobody has opened yet.
    pub(crate) fn closed(terms: Terms) -> Self {
        Self::furnished(|room| room.terms = terms)
    }

    /// A closed room in which some settings are others.
    pub(crate) fn furnished(change: impl FnOnce(&mut RoomSettings)) -> Self {
        let mut settings = RoomSettings {
            name: "sale".parse().unwrap(),
            site: "shop".parse().unwrap(),
            paths: vec!["/buy/*".parse().unwrap()],
            except: vec!["/buy/assets/*".parse().unwrap()],
            exempt: Vec::new(),
            method: Method::Fifo,
            terms: per_minute(600),
            schedule: Schedule::default(),
            page_status: PageStatus::Ok,
        };
        change(&mut settings);
        let clock = Clock::by_hand(UnixTime::from_secs(1_800_000_000));
        let store = Arc::new(Watched {
            store: Embedded::in_memory(Epoch(1_000_000)),
            visitor_calls: AtomicU64::new(0),
            away: AtomicBool::new(false),
            released: std::sync::Mutex::default(),
        });
        let room = Room::new(settings);
        let beat = RoomLoop::new(Beat {
            room: Arc::clone(&room.settings),
            snapshot: Arc::clone(&room.snapshot),
            notes: Arc::clone(&room.notes),
            store: store.clone(),
            clock: clock.clone(),
        });
        let files = generate(
            clock.now().wall,
            &Purpose::ALL,
            AdmissionAlgorithm::EdDsa,
            &mut random_bytes::<32>,
        )
        .unwrap();
        let gate = Gate {
            sites: vec![Site {
                hosts: vec!["*".parse().unwrap()],
                https: false,
                rooms: vec![0],
            }],
            rooms: vec![room],
            proxies: Proxies::default(),
            prefix: "/_anteroom".into(),
            rules: Rules::default(),
            limiters: Limiters::new(&Limits::default(), clock.clone()),
            keys: Keyring::read(&files).unwrap(),
            store: store.clone(),
            admissions: Admissions::default(),
        };
        Self {
            gate,
            store,
            clock,
            beat,
        }
    }

    /// Gives an order and lets the loop see it.
    pub(crate) async fn order(&mut self, order: Order) {
        let name: RoomName = "sale".parse().unwrap();
        let terms = self.gate.rooms[0].settings.terms;
        let now = self
            .store
            .store
            .survey(&name, &terms, 0)
            .await
            .unwrap()
            .orders;
        let next = now.apply(&order, self.clock.now().wall).unwrap();
        self.store
            .store
            .order(&name, &next, now.version)
            .await
            .unwrap();
        self.beat.step().await;
    }

    /// One tick's time goes by, and the loop goes round.
    pub(crate) async fn tick(&mut self) {
        self.clock.advance(TICK);
        self.beat.step().await;
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
        self.store
            .released
            .lock()
            .unwrap()
            .iter()
            .copied()
            .collect()
    }
}

fn ask<'a>(house: &House, head: &'a http::request::Parts) -> Ask<'a> {
    Ask {
        head,
        peer: "192.0.2.1:9".parse().unwrap(),
        now: house.clock.now(),
    }
}

/// Somebody with a cookie jar.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visitor {
    pub(crate) queue: Option<String>,
    pub(crate) admission: Option<String>,
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
                | Own::Left(notice),
            ) => Got::Waits(self.keep(*notice)),
            Verdict::Socket(..) | Verdict::Own(Own::Jwks | Own::Asset(_)) => {
                panic!("not asked for")
            }
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
        let text = self.queue.as_deref().unwrap();
        let room = &house.gate.rooms[0].settings.name;
        house
            .gate
            .keys
            .verify_queue(room, text, house.clock.now().wall)
            .unwrap()
            .visitor
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
