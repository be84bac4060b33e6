//! A gateway's memory does not grow with the line that it surveys.

use std::time::Duration;

use anteroom::domain::lane::Lane;
use anteroom::domain::pace::Pace;
use anteroom::domain::place::Epoch;
use anteroom::domain::room::{RoomName, Terms};
use anteroom::domain::visitor::VisitorId;
use anteroom::domain::window::WindowId;
use anteroom::store::redis::Redis as Rooms;
use anteroom::store::redis::link::Link;
use anteroom::store::{Joined, Joining, QueueStore as _};

use super::pair::{A, B, Pair};
use crate::kit::{Plan, Redis, until};

const MANY: u64 = 100_000;
/// Enough for as many samples as a survey ever carries.
const FEW: u64 = 4_000;
const BATCH: u64 = 1_000;
const MEGABYTE: f64 = 1_048_576.0;

/// Joins visitors by their numbers, past every gateway.
async fn join(rooms: &Rooms, window: WindowId, numbers: std::ops::Range<u64>) {
    let room: RoomName = "derby".parse().unwrap();
    let terms = Terms::of_pace(Pace::per_minute(1).unwrap());
    for first in numbers.step_by(usize::try_from(BATCH).unwrap()) {
        let asks = (first..first + BATCH).map(|number| Joining {
            visitor: VisitorId::from_bytes(scattered(number)),
            window,
            lane: Lane::GENERAL,
            promised: Duration::from_secs(60),
        });
        let asks: Vec<Joining> = asks.collect();
        let joined = rooms.join(&room, &terms, &asks).await.unwrap();
        let all = joined.iter().all(|one| matches!(one, Joined::Stands(_)));
        assert!(all, "{joined:?}");
    }
}

/// Sixteen bytes that differ by number and look random.
fn scattered(number: u64) -> [u8; 16] {
    let wide = u128::from(number + 1);
    wide.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        .to_be_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_who_wait_cost_a_gateway_no_memory() {
    let pair = Pair::on(Redis::forgetful().await, Plan::per_minute(1)).await;
    let rooms = Rooms::new(Link::open(pair.redis.url().parse().unwrap()), || Epoch(1));
    let window = WindowId(
        pair.room(A).await["window"]
            .as_u64()
            .unwrap()
            .try_into()
            .unwrap(),
    );
    until("the link is open", || async {
        let name: RoomName = "derby".parse().unwrap();
        let terms = Terms::of_pace(Pace::per_minute(1).unwrap());
        rooms.survey(&name, &terms, 0).await.ok()
    })
    .await;

    let few = pair.memory_with(&rooms, window, 0..FEW).await;
    let many = pair.memory_with(&rooms, window, FEW..MANY).await;

    for (gateway, name) in [(A, "A"), (B, "B")] {
        let growth = (many[gateway] - few[gateway]) / MEGABYTE;
        println!(
            "{name}: {:.2} MB with {FEW} waiting, {growth:+.2} MB with {MANY}",
            few[gateway] / MEGABYTE
        );
        assert!(growth < 2.0, "{name} grew by {growth} MB");
    }
}

impl Pair {
    /// The memory of both gateways, in bytes, some seconds after these have joined.
    async fn memory_with(
        &self,
        rooms: &Rooms,
        window: WindowId,
        numbers: std::ops::Range<u64>,
    ) -> [f64; 2] {
        let waiting = usize::try_from(numbers.end).unwrap();
        join(rooms, window, numbers).await;
        for gateway in [A, B] {
            until("the survey counts them", || async {
                let told = self.room(gateway).await["waiting"].as_u64().unwrap();
                (told + 2 >= waiting as u64).then_some(())
            })
            .await;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        [A, B].map(|gateway| self.gateway(gateway).memory() as f64)
    }
}
