//! The kit the tests are told with: a house, its visitors, and the ticket site behind it.

pub mod answer;
pub mod club;
pub mod crowd;
pub mod events;
pub mod forge;
pub mod frames;
pub mod house;
pub mod origin;
pub mod policies;
pub mod process;
pub mod recording;
pub mod redis;
pub mod relay;
pub mod server;
pub mod tally;
pub mod tls;
pub mod twins;
pub mod visitor;
pub mod wire;

use std::future::Future;
use std::time::Duration;

pub use answer::Answer;
pub use forge::Forge;
pub use house::House;
pub use origin::Origin;
pub use policies::Plan;
pub use process::Gateway;
pub use redis::Redis;
pub use relay::{Cut, Relay, Trap};
pub use server::Server;
pub use tls::Authority;
pub use twins::Twins;
pub use visitor::{Ask, Visitor};
pub use wire::{Wire, raw};

/// How long anything that must happen is waited for: far longer than it takes, so that only a
/// fault is ever found late.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Asks again and again until `look` finds something.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let search = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, search).await;
    found.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}
