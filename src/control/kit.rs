//! A house for tests: rooms in a store that keeps nothing but their orders, three tokens, and a
//! door to knock at.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;

use super::api::Api;
use super::audit::{Entry, Head};
use super::auth::{Credential, Door, Role};
use super::health::Readiness;
use super::host::HostRule;
use super::ledger::{Ledger, LedgerFault, Lines, Page};
use super::policies::{
    Change, Edition, Finding, Found, InForce, Names, Policies, Refused, Reloaded,
};
use super::routes::{Peer, ROUTES, router};
use super::{Control, ControlRoom};
use crate::domain::clock::{Clock, UnixTime};
use crate::domain::lane::LaneSettings;
use crate::domain::place::Epoch;
use crate::domain::room::{RoomName, RoomSettings, Terms};
use crate::domain::standing::{EndedBy, Stand};
use crate::domain::tick::Proposal;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowId};
use crate::store::lobby::{Chunk, LobbyPage, Placed};
use crate::store::recovery::Recovery;
use crate::store::survey::{Snapshot, StoreHealth, Survey};
use crate::store::{
    CheckIn, Claim, Claimed, Ending, Granted, Held, Hold, Joined, Joining, Leaving, Ordered,
    Passed, Passing, QueueStore, Released, Spending, Spent, StoreError, Touch, Touched,
};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::reading::settings_for_test;
use crate::token::chance::random_bytes;
use crate::token::keyfile::{AdmissionAlgorithm, Purpose, generate};
use crate::token::{Keyring, SharedKeyring};

/// A store that keeps one set of orders for every room, and can be told to misbehave.
#[derive(Default)]
pub(crate) struct OrderBook {
    pub(crate) orders: Mutex<Orders>,
    /// So often somebody else writes just before an order arrives.
    pub(crate) rivals: Mutex<u32>,
    pub(crate) away: Mutex<bool>,
    pub(crate) epochs: Mutex<Vec<Epoch>>,
    pub(crate) writes: Mutex<u32>,
    pub(crate) endings: Mutex<Vec<Ending>>,
    pub(crate) holds: Mutex<Vec<Hold>>,
}

impl OrderBook {
    fn asked(&self) -> Result<(), StoreError> {
        let away = *self.away.lock().unwrap();
        (!away)
            .then_some(())
            .ok_or_else(|| StoreError::Unreachable("cut off".into()))
    }
}

#[async_trait]
impl QueueStore for OrderBook {
    async fn join(
        &self,
        _: &RoomName,
        _: &Terms,
        _: &[Joining],
    ) -> Result<Vec<Joined>, StoreError> {
        unreachable!("control does not join")
    }

    async fn pass(
        &self,
        _: &RoomName,
        _: &Terms,
        _: &[Passing],
    ) -> Result<Vec<Passed>, StoreError> {
        unreachable!("control lets nobody pass")
    }

    async fn check_in(
        &self,
        _: &RoomName,
        _: &Terms,
        _: &[CheckIn],
    ) -> Result<Vec<Stand>, StoreError> {
        unreachable!("control does not check in")
    }

    async fn step_away(
        &self,
        _: &RoomName,
        _: &Terms,
        _: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError> {
        unreachable!("control asks nothing for visitors")
    }
    async fn extend(
        &self,
        _: &RoomName,
        _: &Terms,
        _: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError> {
        unreachable!("control asks nothing for visitors")
    }
    async fn claim(
        &self,
        _: &RoomName,
        _: &Terms,
        _: &[Claim],
    ) -> Result<Vec<Claimed>, StoreError> {
        unreachable!("control does not claim")
    }

    async fn leave(&self, _: &RoomName, _: &[Leaving]) -> Result<(), StoreError> {
        unreachable!("control does not leave")
    }

    async fn spend(&self, _: &RoomName, _: &[Spending]) -> Result<Vec<Spent>, StoreError> {
        unreachable!("control does not spend")
    }

    async fn release(&self, _: &RoomName, _: &Terms, _: Proposal) -> Result<Released, StoreError> {
        unreachable!("control does not tick")
    }

    async fn touch(&self, _: &RoomName, _: &[Touch]) -> Result<Vec<Touched>, StoreError> {
        unreachable!("control does not touch")
    }

    /// Knows every session whose name begins with 1, and that those with 2 are done.
    async fn hold(&self, _: &RoomName, holds: &[Hold]) -> Result<Vec<Held>, StoreError> {
        self.asked()?;
        self.holds.lock().unwrap().extend_from_slice(holds);
        let held = |hold: &Hold| match hold.session.0[0] >> 4 {
            1 => Held::Until(hold.until),
            2 => Held::Ended(EndedBy::Completed),
            _ => Held::Unknown,
        };
        Ok(holds.iter().map(held).collect())
    }

    async fn end(&self, _: &RoomName, endings: &[Ending]) -> Result<(), StoreError> {
        self.asked()?;
        self.endings.lock().unwrap().extend_from_slice(endings);
        Ok(())
    }

    async fn sweep(&self, _: &RoomName, _: &Terms) -> Result<u64, StoreError> {
        unreachable!("control does not sweep")
    }

    async fn survey(&self, _: &RoomName, _: &Terms, _: u64) -> Result<Survey, StoreError> {
        self.asked()?;
        Ok(Survey {
            orders: self.orders.lock().unwrap().clone(),
            ..Survey::default()
        })
    }

    async fn order(
        &self,
        _: &RoomName,
        orders: &Orders,
        if_version: u64,
    ) -> Result<Ordered, StoreError> {
        self.asked()?;
        let mut kept = self.orders.lock().unwrap();
        let mut rivals = self.rivals.lock().unwrap();
        if *rivals > 0 {
            *rivals -= 1;
            kept.version += 1;
        }
        if kept.version != if_version {
            return Ok(Ordered::Changed(Box::new(kept.clone())));
        }
        *self.writes.lock().unwrap() += 1;
        *kept = orders.clone();
        Ok(Ordered::Done)
    }

    async fn recover(&self, _: &RoomName, recovery: &Recovery) -> Result<Epoch, StoreError> {
        assert_eq!(recovery.orders, Orders::default(), "orders go by `order`");
        self.epochs.lock().unwrap().push(recovery.epoch);
        Ok(recovery.epoch)
    }

    async fn lobby(&self, _: &RoomName, _: u32, _: u32) -> Result<LobbyPage, StoreError> {
        unreachable!("control does not draw")
    }

    async fn place(&self, _: &RoomName, _: &Chunk) -> Result<Placed, StoreError> {
        unreachable!("control does not draw")
    }

    async fn roster(
        &self,
        _: &RoomName,
        _: WindowId,
        _: u32,
        _: u32,
    ) -> Result<Vec<VisitorId>, StoreError> {
        unreachable!("control does not draw")
    }
}

/// An audit log in memory, and a disk that can be full.
#[derive(Default)]
pub(crate) struct Diary {
    lines: Mutex<(Option<Head>, Vec<String>)>,
    /// So many more lines fit.
    pub(crate) room: Mutex<Option<u32>>,
}

impl Diary {
    /// The lines written so far.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let lines = &self.lines.lock().unwrap().1;
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Ledger for Diary {
    fn write(&self, at: UnixTime, entry: &Entry) -> Result<Head, LedgerFault> {
        if let Some(left) = self.room.lock().unwrap().as_mut() {
            *left = left.checked_sub(1).ok_or_else(|| LedgerFault {
                file: "audit.jsonl".into(),
                why: "no space left".into(),
            })?;
        }
        let mut kept = self.lines.lock().unwrap();
        let head = kept.0.take();
        let head = head.unwrap_or_else(|| {
            let (line, head) = Head::begin([1; 16], at).unwrap();
            kept.1.push(line);
            head
        });
        let (line, next) = head.add(at, entry).unwrap();
        kept.1.push(line);
        kept.0 = Some(next.clone());
        Ok(next)
    }

    fn read(&self, page: Page, _: UnixTime) -> Result<Lines, LedgerFault> {
        let kept = self.lines.lock().unwrap();
        let head = kept.0.clone().unwrap();
        let whole = kept.1.iter().map(|line| line.trim_end().to_owned());
        let from = page.after.map_or_else(
            || kept.1.len().saturating_sub(page.most),
            |after| usize::try_from(after).unwrap_or(usize::MAX),
        );
        let lines = whole.skip(from).take(page.most).collect();
        Ok(Lines { head, lines })
    }
}

/// The text of the token with this role.
pub(crate) fn token(role: Role) -> String {
    format!("anteroom_the-{role}")
}

fn lane(name: &str) -> LaneSettings {
    LaneSettings {
        name: name.parse().unwrap(),
        weight: 1,
    }
}

/// A control with the rooms `derby` and `final` and a token for each role.
pub(crate) fn control(store: Arc<OrderBook>) -> Control {
    let names = ["derby", "final"].map(|name| name.parse().unwrap());
    let snapshot = Snapshot {
        survey: Survey {
            waiting: 40,
            active: 3,
            ..Survey::default()
        },
        store: StoreHealth::Reachable,
        ..Snapshot::default()
    };
    let rooms = names.iter().map(|name: &RoomName| ControlRoom {
        settings: RoomSettings {
            lanes: ["general", "members"].map(lane).into(),
            ..settings_for_test(name.as_str())
        },
        snapshot: Arc::new(ArcSwap::from_pointee(snapshot.clone())),
        surface: "https://tickets.example/_anteroom".to_owned(),
    });
    let now = UnixTime::from_secs(1_800_000_000);
    let in_force = InForce {
        rooms: rooms.collect(),
        door: Door::new(
            Role::ALL
                .map(|role| Credential::of(role.word(), role, &token(role)))
                .into(),
        ),
        edition: Edition {
            number: 1,
            loaded_at: now,
        },
        names: Names {
            sites: vec!["shop".to_owned()],
            ..Names::default()
        },
    };
    Control {
        in_force: Arc::new(ArcSwap::from_pointee(in_force)),
        store,
        clock: Clock::by_hand(now),
        keys: keys(now),
        metrics: Arc::new(Metrics::new().unwrap()),
        ready: Arc::new(Readiness::default()),
        audit: Arc::new(Diary::default()),
        policies: None,
    }
}

/// Keys of one gateway.
fn keys(now: UnixTime) -> SharedKeyring {
    let algorithm = AdmissionAlgorithm::EdDsa;
    let files = generate(now, &Purpose::ALL, algorithm, &mut random_bytes::<32>).unwrap();
    Arc::new(ArcSwap::from_pointee(Keyring::read(&files).unwrap()))
}

/// Policy files of which it is known beforehand what comes of reading them.
pub(crate) struct Files(pub(crate) Result<Found, Refused>);

impl Files {
    /// Another pace, and another store.
    pub(crate) fn sound() -> Self {
        Self(Ok(Found {
            changes: vec![Change {
                before: Some("600".into()),
                after: Some("900".into()),
                ..Change::unshown("room derby", "pace.per_minute")
            }],
            needs_restart: vec![Change::unshown("[store]", "url")],
            warnings: Vec::new(),
        }))
    }

    /// Nothing else than what is in force.
    pub(crate) fn same() -> Self {
        Self(Ok(Found::default()))
    }

    /// One fault.
    pub(crate) fn faulty() -> Self {
        Self(Err(Refused {
            summary: "1 fault in 1 file".into(),
            faults: vec![Finding {
                file: Some("rooms/derby.toml".into()),
                line: Some(3),
                column: Some(1),
                message: "unknown key `pase`".into(),
                suggestion: Some("pace".into()),
            }],
        }))
    }
}

#[async_trait]
impl Policies for Files {
    async fn reload(self: Arc<Self>, by: &str) -> Result<Reloaded, Refused> {
        assert_eq!(by, "admin");
        let found = self.0.clone()?;
        Ok(Reloaded { version: 2, found })
    }

    async fn look(&self) -> Result<Found, Refused> {
        self.0.clone()
    }
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The detail of a problem, which must be whole.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let body = self.json();
        let title = StatusCode::from_u16(self.status)
            .unwrap()
            .canonical_reason();
        assert_eq!(body["type"], "about:blank");
        assert_eq!(body["title"].as_str(), title);
        assert_eq!(body["status"], self.status);
        body["detail"].as_str().unwrap().to_owned()
    }
}

/// The API of a control, without sockets.
pub(crate) struct House {
    service: TowerToHyperService<axum::Router>,
}

impl House {
    pub(crate) fn of(control: Control) -> Self {
        let api = Api::new(control, HostRule::Loopback);
        let router = router(&Arc::new(api), ROUTES);
        Self {
            service: TowerToHyperService::new(router),
        }
    }

    /// A request as it would come from this machine.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        let headers = request.headers_mut();
        headers
            .entry("host")
            .or_insert("localhost:8701".parse().unwrap());
        let peer = Peer(IpAddr::V4(Ipv4Addr::LOCALHOST));
        request.extensions_mut().insert(peer);
        let (parts, body) = self.service.call(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let answer = Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        };
        assert_eq!(answer.header("cache-control"), "no-store");
        if answer.status >= 400 && answer.header("content-type") != "application/json" {
            answer.problem();
        }
        answer
    }

    /// The same in short, as the holder of `role`.
    pub(crate) async fn ask(&self, role: Role, line: &str, body: &str) -> Answer {
        self.send(
            request(line)
                .header("authorization", bearer(role))
                .body(text(body))
                .unwrap(),
        )
        .await
    }
}

pub(crate) fn bearer(role: Role) -> String {
    format!("Bearer {}", token(role))
}

/// A request from `METHOD /path`.
pub(crate) fn request(line: &str) -> http::request::Builder {
    let (method, path) = line.split_once(' ').unwrap();
    Request::builder().method(method).uri(path)
}

pub(crate) fn text(body: &str) -> Body {
    Body::from(body.to_owned())
}
