//! A whole gateway in this process, with a recording ticket site behind it.

use std::net::SocketAddr;

use anteroom::app::{App, Parts, audit, open_store};
use anteroom::cli::keys;
use anteroom::domain::clock::Clock;
use anteroom::token::AdmissionAlgorithm;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::policies::Addresses;
use super::tls::Client;
use super::visitor::{Ask, Visitor};
use super::{Forge, Origin, Plan, until};

/// The admin token of every house.
pub const CONTROL_TOKEN: &str = "control-token-of-the-house-0123456789";

/// A running gateway, its room `derby` open.
pub struct House {
    /// Where visitors come.
    pub address: SocketAddr,
    /// Where operators come.
    pub control: SocketAddr,
    /// The site behind.
    pub origin: Origin,
    dir: TempDir,
    app: App,
}

impl House {
    /// One that lets nobody in by itself while a test runs: a visitor a minute.
    pub async fn open() -> Self {
        Self::of(Plan::default()).await
    }

    /// One of this plan.
    pub async fn of(plan: Plan) -> Self {
        let origin = Origin::open().await;
        let address = origin.address;
        Self::with(plan, origin, address).await
    }

    /// One that stands before another site than its own, which stays empty.
    pub async fn in_front_of(plan: Plan, site: SocketAddr) -> Self {
        Self::with(plan, Origin::open().await, site).await
    }

    async fn with(plan: Plan, origin: Origin, site: SocketAddr) -> Self {
        let dir = TempDir::new().unwrap();
        plan.write_certificates(dir.path());
        let free = "127.0.0.1:0".parse().unwrap();
        let config = plan.config(Addresses {
            public: free,
            control: free,
            origin: site,
        });
        keys::generate(&dir.path().join("keys"), AdmissionAlgorithm::EdDsa).unwrap();
        let clock = Clock::machine();
        let store = plan
            .store
            .unwrap_or_else(|| open_store(&config.store, dir.path(), &clock).unwrap());
        let ring = keys::load(&dir.path().join("keys")).unwrap();
        let issuer = config.keys.issuer.clone();
        let audit = audit::open(&config, dir.path(), &clock);
        let app = App::start(Parts {
            config,
            keys: ring.with_issuer(&issuer),
            store,
            control_token: Some(CONTROL_TOKEN.to_owned()),
            audit,
            clock,
            reread: None,
            keep: dir.path().join("kept"),
            policies: dir.path().to_owned(),
        });
        let app = app.unwrap();
        let house = Self {
            address: app.public()[0],
            control: app.control(),
            origin,
            dir,
            app,
        };
        until("the room opens", || house.room_if("open")).await;
        house
    }

    async fn room_if(&self, state: &str) -> Option<()> {
        (self.room().await["state"] == state).then_some(())
    }

    /// Where visitors come over TLS.
    pub fn encrypted(&self) -> SocketAddr {
        self.app.encrypted()[0]
    }

    /// Somebody who comes over TLS.
    pub fn secure(&self, client: &Client) -> Visitor {
        Visitor::to(self.encrypted()).over_tls(client, "shop.example")
    }

    /// Somebody who has never been here.
    pub fn visitor(&self) -> Visitor {
        Visitor::to(self.address)
    }

    /// Somebody who says over JSON what an app would.
    pub fn app(&self) -> Visitor {
        self.visitor().speaking_json()
    }

    /// Makes admission tokens with this house's own key.
    pub fn forge(&self) -> Forge {
        Forge::of(&self.dir.path().join("keys"))
    }

    /// Somebody who holds a valid admission to the room.
    pub fn insider(&self) -> Visitor {
        let forge = self.forge();
        let token = forge.sign(&forge.claims());
        self.visitor().with_cookie("anteroom-a-derby", &token)
    }

    /// What the control API says of the room.
    pub async fn room(&self) -> Value {
        self.operator().get("/v1/rooms/derby").await.is(200).json()
    }

    /// Waits until every answer tells of so many who wait.
    pub async fn tells_of(&self, waiting: u64) {
        until("the survey counts them", || async {
            (self.room().await["waiting"] == waiting).then_some(())
        })
        .await;
    }

    /// Somebody with the control token, at the control API.
    pub fn operator(&self) -> Visitor {
        Visitor::to(self.control)
            .host(&self.control.to_string())
            .with_header("authorization", &format!("Bearer {CONTROL_TOKEN}"))
    }

    /// An operator's POST order to the room, waited for until the gateway obeys it.
    pub async fn order(&self, verb: &str, body: Value) -> Value {
        let path = format!("/v1/rooms/derby/{verb}");
        self.give(Ask::post(&path).body(body.to_string())).await
    }

    /// An operator's PUT order to the room, waited for until the gateway obeys it.
    pub async fn set(&self, what: &str, body: Value) -> Value {
        let path = format!("/v1/rooms/derby/{what}");
        self.give(Ask::new("PUT", &path).body(body.to_string()))
            .await
    }

    async fn give(&self, ask: Ask) -> Value {
        let ask = ask.with("content-type", "application/json");
        let answer = self.operator().ask(ask).await;
        let room = answer.is(200).json();
        let version = room["version"].as_u64();
        until("the order is obeyed", || async {
            (self.room().await["version"].as_u64() >= version).then_some(())
        })
        .await;
        room
    }

    /// Lets the next so many in now.
    pub async fn release(&self, count: u32) {
        self.order("release", json!({ "count": count })).await;
    }

    /// The sum of a metric over all its series whose labels contain `labels`.
    pub async fn metric(&self, name: &str, labels: &str) -> f64 {
        metric(&mut self.operator(), name, labels).await
    }

    /// How often a verb of the store was called.
    pub async fn store_calls(&self, verb: &str) -> f64 {
        let labels = format!("verb=\"{verb}\"");
        self.metric("anteroom_store_calls_total", &labels).await
    }

    /// How often visitors made the store do something.
    pub async fn visitors_calls(&self) -> f64 {
        let mut calls = 0.0;
        for verb in ["join", "check_in", "claim", "leave"] {
            calls += self.store_calls(verb).await;
        }
        calls
    }

    /// Lets what runs finish, then ends.
    pub async fn drain(self) {
        self.app.drain().await;
    }
}

/// The sum of a metric over all its series whose labels contain `labels`, as an operator sees it.
pub async fn metric(operator: &mut Visitor, name: &str, labels: &str) -> f64 {
    let text = operator.get("/metrics").await;
    let text = text.is(200).text();
    let of_metric = text.lines().filter(|line| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(labels)
    });
    of_metric
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}
