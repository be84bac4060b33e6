//! Two gateways of one room on one Redis, and what is known of the room there.

use std::net::SocketAddr;
use std::time::Duration;

use anteroom::domain::clock::Clock;
use serde_json::{Value, json};

use crate::kit::{Ask, Gateway, Origin, Plan, Redis, Twins, Visitor, until};

/// The longest that a room may rest after a loss.
pub const REST: Duration = Duration::from_secs(60);

/// The sale.
pub struct Sale {
    /// Where the room is kept.
    pub redis: Redis,
    /// The gateways, as far as they run.
    pub gateways: [Option<Gateway>; 2],
    /// Their folders.
    pub twins: Twins,
    /// The clock of the test.
    pub clock: Clock,
    _origin: Origin,
}

/// How long a gateway said that the room recovers: from when to when.
pub type Rest = (Duration, Duration);

impl Sale {
    /// A room that an operator has to open; nothing runs yet.
    pub async fn closed() -> Self {
        let (redis, origin) = (Redis::forgetful().await, Origin::open().await);
        let room = "name = \"derby\"\nsite = \"shop\"\npaths = [\"/buy/*\"]\n\
                    [pace]\nper_minute = 60\n[capacity]\nactive = 5000\n";
        let plan = Plan::default().file("rooms/derby.toml", room);
        let twins = Twins::furnish(&plan, [redis.url(), redis.url()], origin.address);
        Self {
            redis,
            gateways: [None, None],
            twins,
            clock: Clock::machine(),
            _origin: origin,
        }
    }

    /// Starts this gateway.
    pub async fn start(&mut self, which: usize) {
        self.gateways[which] = Some(self.twins.start_closed(which).await);
    }

    /// Kills this gateway.
    pub fn kill(&mut self, which: usize) {
        self.gateways[which].take().unwrap().kill_nine();
    }

    /// Where visitors come, this gateway first; the other only if it runs.
    pub fn doors(&self, first: usize) -> [SocketAddr; 2] {
        let other = 1 - first;
        let second = if self.gateways[other].is_some() {
            other
        } else {
            first
        };
        [first, second].map(|which| self.twins.public(which))
    }

    fn operator(&self, which: usize) -> Visitor {
        self.gateways[which].as_ref().unwrap().operator()
    }

    /// What this gateway says of the room.
    pub async fn room(&self, which: usize) -> Value {
        let room = self.operator(which).get("/v1/rooms/derby").await;
        room.is(200).json()
    }

    /// An operator's order, obeyed by every gateway that runs.
    pub async fn order(&self, method: &str, what: &str, body: Value) {
        let ask = Ask::new(method, &format!("/v1/rooms/derby/{what}"))
            .with("content-type", "application/json")
            .body(body.to_string());
        let which = self.gateways.iter().position(Option::is_some).unwrap();
        let version = self.operator(which).ask(ask).await.is(200).says("version");
        for which in self.running() {
            self.says(which, |room| room["version"].as_u64() >= version.as_u64())
                .await;
        }
    }

    /// This pace, and nobody at once.
    pub async fn pace(&self, per_minute: u32) {
        let pace = json!({"per_minute": per_minute, "burst": 1});
        self.order("PUT", "pace", pace).await;
    }

    /// The gateways that run.
    pub fn running(&self) -> Vec<usize> {
        (0..2)
            .filter(|&which| self.gateways[which].is_some())
            .collect()
    }

    /// Waits until this gateway says so of the room.
    pub async fn says(&self, which: usize, so: impl Fn(&Value) -> bool) -> Value {
        until("the gateway says so", || async {
            let room = self.room(which).await;
            so(&room).then_some(room)
        })
        .await
    }

    /// Waits until the gateways that run have recovered. Meanwhile each tells the orders as they
    /// were before, and nobody is released. How long each said so, and who stood in Redis at last.
    pub async fn recovers(&self, orders: &Orders) -> (Vec<Rest>, Vec<(Vec<u8>, u64)>) {
        let running = self.running();
        let began = self.clock.now().mono;
        let mut rests: Vec<Option<Rest>> = vec![None; running.len()];
        let mut queue = Vec::new();
        loop {
            let [released] = self.redis.head("derby", ["releases_total"]);
            let stood = self.queue();
            let (now, mut recovering) = (self.clock.now().mono, 0);
            assert!(now < began + REST, "still recovering: {rests:?}");
            for (rest, &which) in rests.iter_mut().zip(&running) {
                let room = self.room(which).await;
                if room["held_by"] == "recovering" {
                    recovering += 1;
                    *rest = Some((rest.map_or(now, |(from, _)| from), now));
                    assert_eq!(released, 0, "while {room}");
                    orders.stand(&room);
                }
            }
            if recovering == running.len() {
                queue = stood;
            }
            if recovering == 0 && rests.iter().all(Option::is_some) {
                return (rests.into_iter().flatten().collect(), queue);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn queue(&self) -> Vec<(Vec<u8>, u64)> {
        let all = ["ZRANGE", "anteroom:{derby}:queue", "0", "-1", "WITHSCORES"];
        redis::from_redis_value(self.redis.run(&all)).unwrap()
    }

    /// Everybody who was called since the room is there, in order.
    pub fn called(&self) -> Vec<Vec<u8>> {
        let turns = ["ZRANGE", "anteroom:{derby}:turns", "0", "-1"];
        let turns: Vec<Vec<u8>> = redis::from_redis_value(self.redis.run(&turns)).unwrap();
        let each = turns.iter().flat_map(|together| together.chunks(16));
        each.map(<[u8]>::to_vec).collect()
    }

    /// Waits until this gateway has the orders in force on its disk.
    pub async fn is_kept(&self, which: usize) {
        let version = self.room(which).await["version"].clone();
        let file = self.twins.folder(which).join("kept/derby.json");
        until("the orders are kept", || async {
            let kept: Value = serde_json::from_slice(&std::fs::read(&file).ok()?).ok()?;
            (kept["orders"]["version"] == version).then_some(())
        })
        .await;
    }
}

/// What operators ordered.
#[derive(Clone, Debug, PartialEq)]
pub struct Orders(Value);

impl Orders {
    /// As the room tells them.
    pub fn of(room: &Value) -> Self {
        let kept = ["state", "window", "pace", "message", "version"];
        Self(
            kept.iter()
                .map(|&key| (key.to_owned(), room[key].clone()))
                .collect(),
        )
    }

    /// They are what the room tells now.
    pub fn stand(&self, room: &Value) {
        assert_eq!(*self, Self::of(room));
    }
}
