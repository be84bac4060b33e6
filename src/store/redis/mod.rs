//! The store on Redis, which any number of gateways share: one script for each verb.
//!
//! Redis runs a script as one step and does nothing else meanwhile, so every verb is atomic and
//! kept short. `scripts/room.lua` says what stands at which key. The rules are those of the
//! embedded store; the conformance suite holds both to them.

pub mod address;
mod answers;
mod asks;
mod call;
#[cfg(test)]
pub(crate) mod databases;
mod fitness;
mod keys;
pub mod link;
mod reader;
mod refusal;
mod script;
mod scripts;
#[cfg(test)]
mod server;
mod stayed;
mod surveyed;
#[cfg(test)]
mod tests;
mod ticked;
mod verbs;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;

use super::StoreError;
use crate::domain::place::Epoch;
use crate::domain::room::RoomName;
use crate::domain::window::Orders;
use link::Link;

pub use script::Script;

/// Visitors or sessions in one call at most; larger batches are asked in parts, so that no call
/// keeps Redis busy for long.
const MOST_ASKS: usize = 200;

/// The same for joins, which cost less: newcomers a third, those who join again as much as others.
const MOST_JOINS: usize = 250;

/// Those of a chunk who get their places in one call at most.
const MOST_PLACED: usize = 300;

/// The scripts by which Redis does what the verbs of [`QueueStore`] ask, one for each verb and of
/// its name. Whoever watches what a Redis is asked knows them by their digests.
pub fn scripts() -> impl Iterator<Item = &'static Script> {
    scripts::all().into_iter()
}

/// Rooms kept in Redis.
pub struct Redis {
    link: Link,
    /// This gateway's number among those that survey a room.
    gateway: [u8; 8],
    epoch: Box<dyn Fn() -> Epoch + Send + Sync>,
    /// How many lanes a room has, of those that were found to have more than one.
    lanes: Mutex<HashMap<RoomName, usize>>,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

impl Redis {
    /// Over this connection. A room that is asked for and not there is made in the epoch that
    /// `epoch` says at that moment.
    pub fn new(link: Link, epoch: impl Fn() -> Epoch + Send + Sync + 'static) -> Self {
        Self {
            link,
            gateway: asks::incarnation()
                .unwrap_or_else(|_| std::process::id().into())
                .to_be_bytes(),
            epoch: Box::new(epoch),
            lanes: Mutex::default(),
        }
    }
}

fn packed(orders: &Orders) -> Result<Vec<u8>, StoreError> {
    asks::orders(orders).map_err(|fault| StoreError::Unreachable(fault.into()))
}
