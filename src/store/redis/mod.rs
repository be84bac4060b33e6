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

use std::fmt;

use redis::Value;

use super::StoreError;
use crate::domain::place::Epoch;
use crate::domain::room::{RoomName, Terms};
use crate::domain::window::Orders;
use answers::{Odd, Reader};
use asks::Ask;
use call::Call;
use link::Link;

pub use script::Script;

/// Visitors or sessions in one call at most; larger batches are asked in parts, so that no call
/// keeps Redis busy for long.
const MOST_ASKS: usize = 200;

/// The same for joins, which cost less.
const MOST_JOINS: usize = 500;

/// Those of a chunk who get their places in one call at most.
const MOST_PLACED: usize = 500;

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
        }
    }

    /// A call with what every script needs, and `args`.
    fn to(
        &self,
        room: &RoomName,
        script: &'static Script,
        args: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Call, StoreError> {
        let mut all = vec![asks::birth((self.epoch)(), asks::incarnation()?)];
        all.extend(args);
        Ok(Call {
            script,
            keys: keys::of(room),
            args: all,
        })
    }

    async fn make(&self, call: &Call) -> Result<Value, StoreError> {
        self.link.call(call.script, &call.keys, &call.args).await
    }

    /// Makes the call and reads the bytes it answers.
    async fn read<T>(
        &self,
        call: Call,
        read: impl Fn(&mut Reader<'_>) -> Result<T, Odd> + Send,
    ) -> Result<T, StoreError> {
        let bytes = answers::bytes(self.make(&call).await?, call.head())?;
        read(&mut Reader::new(&bytes)).map_err(|odd| StoreError::Unreadable {
            key: call.head().to_owned(),
            source: odd.into(),
        })
    }

    /// Asks for a whole batch, in parts, and joins the answers.
    async fn batch<A: Ask + Sync, T: Send>(
        &self,
        (room, terms, script): (&RoomName, Option<&Terms>, &'static Script),
        asked: &[A],
        read: impl Fn(&mut Reader<'_>) -> Result<Vec<T>, Odd> + Send + Sync,
    ) -> Result<Vec<T>, StoreError> {
        let mut answers = Vec::with_capacity(asked.len());
        for part in asked.chunks(MOST_ASKS) {
            let terms = terms.map(asks::terms).into_iter();
            let call = self.to(room, script, terms.chain([asks::batch(part)]))?;
            let answered = self.read(call, &read).await?;
            if answered.len() != part.len() {
                return Err(StoreError::Unreachable(Odd.into()));
            }
            answers.extend(answered);
        }
        Ok(answers)
    }

    /// Tells a whole batch, in parts.
    async fn tell<A: Ask + Sync>(
        &self,
        room: &RoomName,
        script: &'static Script,
        told: &[A],
    ) -> Result<(), StoreError> {
        for part in told.chunks(MOST_ASKS) {
            let call = self.to(room, script, [asks::batch(part)])?;
            answers::done(&self.make(&call).await?, call.head())?;
        }
        Ok(())
    }
}

fn packed(orders: &Orders) -> Result<Vec<u8>, StoreError> {
    asks::orders(orders).map_err(|fault| StoreError::Unreachable(fault.into()))
}
