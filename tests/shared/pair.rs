//! Two gateways with policies of their own, the same keys, and one Redis.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anteroom::domain::clock::Clock;
use serde_json::{Value, json};

use crate::kit::house::metric;
use crate::kit::twins::Twins;
use crate::kit::{Ask, Gateway, Origin, Plan, Redis, Visitor, until};

/// The first gateway of a pair.
pub const A: usize = 0;
/// The second.
pub const B: usize = 1;

/// The pair.
pub struct Pair {
    /// The site behind both.
    pub origin: Origin,
    /// Where their room is kept.
    pub redis: Redis,
    twins: Twins,
    gateways: [Option<Gateway>; 2],
}

impl Pair {
    /// A pair on a Redis that survives a kill.
    pub async fn open(plan: Plan) -> Self {
        Self::on(Redis::durable().await, plan).await
    }

    /// A pair on this Redis.
    pub async fn on(redis: Redis, plan: Plan) -> Self {
        let origin = Origin::open().await;
        let urls = [redis.url(), redis.url()];
        let twins = Twins::furnish(&plan, urls, origin.address);
        let (a, b) = tokio::join!(twins.start(A), twins.start(B));
        Self {
            origin,
            redis,
            twins,
            gateways: [Some(a), Some(b)],
        }
    }

    /// Somebody who says over JSON what an app would, at this gateway.
    pub fn app(&self, gateway: usize) -> Visitor {
        Visitor::to(self.public(gateway)).speaking_json()
    }

    /// Where visitors come to this gateway.
    pub fn public(&self, gateway: usize) -> SocketAddr {
        self.twins.public(gateway)
    }

    /// What this gateway says of the room.
    pub async fn room(&self, gateway: usize) -> Value {
        let room = self
            .gateway(gateway)
            .operator()
            .get("/v1/rooms/derby")
            .await;
        room.is(200).json()
    }

    /// An operator's POST order, given to this gateway.
    pub async fn order(&self, gateway: usize, verb: &str, body: Value) {
        self.give(gateway, "POST", verb, body).await;
    }

    /// An operator's PUT order, given to this gateway.
    pub async fn set(&self, gateway: usize, what: &str, body: Value) {
        self.give(gateway, "PUT", what, body).await;
    }

    async fn give(&self, gateway: usize, method: &str, what: &str, body: Value) {
        let ask = Ask::new(method, &format!("/v1/rooms/derby/{what}"))
            .with("content-type", "application/json")
            .body(body.to_string());
        self.gateway(gateway).operator().ask(ask).await.is(200);
    }

    /// So many visitors who have entered by an operator's order, half of them at each gateway.
    pub async fn insiders(&self, count: usize) -> Vec<Visitor> {
        let mut insiders = Vec::new();
        for number in 0..count {
            let mut visitor = self.app(number % 2);
            visitor.joins().await;
            insiders.push(visitor);
        }
        self.order(A, "release", json!({ "count": count })).await;
        for visitor in &mut insiders {
            visitor.polls_until("released").await;
            visitor.get("/buy/1").await.is_served();
        }
        insiders
    }

    /// So many visitors who wait, half of them at each gateway, with the position of each.
    pub async fn fans(&self, count: usize) -> Vec<(Visitor, u64)> {
        let mut fans = Vec::new();
        for number in 0..count {
            let mut visitor = self.app(number % 2);
            let position = visitor.joins().await["position"].as_u64().unwrap();
            fans.push((visitor, position));
        }
        fans
    }

    /// Waits until both gateways tell of so many who wait.
    pub async fn tells_of(&self, waiting: usize) {
        for gateway in [A, B] {
            until("the survey counts them", || async {
                (self.room(gateway).await["waiting"] == waiting).then_some(())
            })
            .await;
        }
    }

    /// How often this gateway called a verb of the store.
    pub async fn store_calls(&self, gateway: usize, verb: &str) -> f64 {
        let labels = format!("verb=\"{verb}\"");
        let mut operator = self.gateway(gateway).operator();
        metric(&mut operator, "anteroom_store_calls_total", &labels).await
    }

    /// How often visitors made this gateway ask the store, now or later.
    pub async fn visitors_calls(&self, gateway: usize) -> f64 {
        let mut calls = 0.0;
        for verb in ["join", "check_in", "claim", "leave", "touch", "end"] {
            calls += self.store_calls(gateway, verb).await;
        }
        calls
    }

    /// A number in the room's head, 0 where there is none.
    pub fn head(&self, field: &str) -> u64 {
        let [number] = self.redis.head("derby", [field]);
        number
    }

    /// A gateway, while it lives.
    pub fn gateway(&self, gateway: usize) -> &Gateway {
        self.gateways[gateway].as_ref().unwrap()
    }

    /// Kills a gateway at once.
    pub fn kill_nine(&mut self, gateway: usize) {
        self.gateways[gateway].take().unwrap().kill_nine();
    }
}

/// Waits until `look` says yes; how long that took.
pub async fn time_until<F: Future<Output = bool>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> Duration {
    let clock = Clock::machine();
    let begun = clock.now().mono;
    until(what, || {
        let seen = look();
        async { seen.await.then_some(()) }
    })
    .await;
    clock.now().mono - begun
}
