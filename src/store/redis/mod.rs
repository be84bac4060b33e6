//! The store on Redis, which any number of gateways share: one script for each verb.
//!
//! Redis runs a script as one step and does nothing else meanwhile, so every verb is atomic and
//! kept short. `scripts/room.lua` says what stands at which key. The rules are those of the
//! embedded store; the conformance suite holds both to them.

pub mod address;
mod answers;
mod asks;
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
mod watch;

use std::fmt;

use async_trait::async_trait;
use redis::Value;

use super::lobby::{Chunk, LobbyPage, MOST_PAGE, Placed};
use super::recovery::Recovery;
use super::survey::Survey;
use super::{
    CheckIn, Claim, Claimed, Ending, Granted, Held, Hold, Joined, Joining, Leaving, Ordered,
    Passed, Passing, QueueStore, Released, Spending, Spent, StoreError, Touch, Touched,
};
use crate::domain::place::Epoch;
use crate::domain::room::{RoomName, Terms};
use crate::domain::standing::Stand;
use crate::domain::tick::Proposal;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowId};
use answers::{Odd, Reader};
use asks::Ask;
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

/// One script's call on one room.
struct Call {
    script: &'static Script,
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
}

impl Call {
    fn head(&self) -> &str {
        self.keys.first().map_or("", String::as_str)
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

#[async_trait]
impl QueueStore for Redis {
    async fn join(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Joining],
    ) -> Result<Vec<Joined>, StoreError> {
        let mut joined = Vec::with_capacity(asks.len());
        for part in asks.chunks(MOST_JOINS) {
            let args = [asks::terms(terms)].into_iter().chain(asks::joins(part));
            let call = self.to(room, &scripts::JOIN, args)?;
            joined.extend(self.read(call, answers::joined).await?);
        }
        if joined.len() != asks.len() {
            return Err(StoreError::Unreachable(Odd.into()));
        }
        Ok(joined)
    }

    async fn pass(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Passing],
    ) -> Result<Vec<Passed>, StoreError> {
        let what = (room, Some(terms), &*scripts::PASS);
        self.batch(what, asks, answers::passed).await
    }

    async fn check_in(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Stand>, StoreError> {
        let what = (room, Some(terms), &*scripts::CHECK_IN);
        self.batch(what, tokens, answers::stands).await
    }

    async fn step_away(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError> {
        let what = (room, Some(terms), &*scripts::STEP_AWAY);
        self.batch(what, tokens, answers::granted).await
    }

    async fn extend(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError> {
        let what = (room, Some(terms), &*scripts::EXTEND);
        self.batch(what, tokens, answers::granted).await
    }

    async fn claim(
        &self,
        room: &RoomName,
        terms: &Terms,
        claims: &[Claim],
    ) -> Result<Vec<Claimed>, StoreError> {
        let what = (room, Some(terms), &*scripts::CLAIM);
        self.batch(what, claims, stayed::claimed).await
    }

    async fn leave(&self, room: &RoomName, leaving: &[Leaving]) -> Result<(), StoreError> {
        self.tell(room, &scripts::LEAVE, leaving).await
    }

    async fn spend(
        &self,
        room: &RoomName,
        spendings: &[Spending],
    ) -> Result<Vec<Spent>, StoreError> {
        let what = (room, None, &*scripts::SPEND);
        self.batch(what, spendings, answers::spent).await
    }

    async fn release(
        &self,
        room: &RoomName,
        terms: &Terms,
        proposal: Proposal,
    ) -> Result<Released, StoreError> {
        let args = [asks::terms(terms), asks::proposal(proposal)];
        let call = self.to(room, &scripts::RELEASE, args)?;
        self.read(call, ticked::released).await
    }

    async fn touch(&self, room: &RoomName, touches: &[Touch]) -> Result<Vec<Touched>, StoreError> {
        let what = (room, None, &*scripts::TOUCH);
        self.batch(what, touches, stayed::touched).await
    }

    async fn hold(&self, room: &RoomName, holds: &[Hold]) -> Result<Vec<Held>, StoreError> {
        let what = (room, None, &*scripts::HOLD);
        self.batch(what, holds, stayed::held).await
    }

    async fn end(&self, room: &RoomName, endings: &[Ending]) -> Result<(), StoreError> {
        self.tell(room, &scripts::END, endings).await
    }

    async fn sweep(&self, room: &RoomName, terms: &Terms) -> Result<u64, StoreError> {
        let call = self.to(room, &scripts::SWEEP, [asks::terms(terms)])?;
        answers::whole(&self.make(&call).await?, call.head())
    }

    async fn survey(
        &self,
        room: &RoomName,
        terms: &Terms,
        ends_seen: u64,
    ) -> Result<Survey, StoreError> {
        let seen = asks::number(ends_seen).to_vec();
        let call = self.to(
            room,
            &scripts::SURVEY,
            [asks::terms(terms), seen, self.gateway.to_vec()],
        )?;
        surveyed::survey(self.make(&call).await?, call.head())
    }

    async fn order(
        &self,
        room: &RoomName,
        orders: &Orders,
        if_version: u64,
    ) -> Result<Ordered, StoreError> {
        let args = [packed(orders)?, asks::number(if_version).to_vec()];
        let call = self.to(room, &scripts::ORDER, args)?;
        let ordered = answers::ordered(self.make(&call).await?, call.head())?;
        // Another version may write the same orders in other words.
        Ok(match ordered {
            Ordered::Changed(present) if *present == *orders => Ordered::Done,
            other => other,
        })
    }

    async fn recover(&self, room: &RoomName, recovery: &Recovery) -> Result<Epoch, StoreError> {
        let args = [packed(&recovery.orders)?, asks::recovery(recovery)];
        let call = self.to(room, &scripts::RECOVER, args)?;
        let epoch = answers::whole(&self.make(&call).await?, call.head())?;
        Ok(Epoch(u32::try_from(epoch).unwrap_or(u32::MAX)))
    }

    async fn lobby(&self, room: &RoomName, from: u32, most: u32) -> Result<LobbyPage, StoreError> {
        let page = asks::smalls([from, most.min(MOST_PAGE)]);
        let call = self.to(room, &scripts::LOBBY, [page])?;
        self.read(call, answers::page).await
    }

    async fn place(&self, room: &RoomName, chunk: &Chunk) -> Result<Placed, StoreError> {
        let mut from = chunk.from;
        let mut rest = chunk.visitors.as_slice();
        loop {
            let (part, later) = rest.split_at(rest.len().min(MOST_PLACED));
            let call = self.to(room, &scripts::PLACE, asks::places(chunk, from, part))?;
            let upto = answers::whole(&self.make(&call).await?, call.head())?;
            let upto = u32::try_from(upto).unwrap_or(u32::MAX);
            from = from.saturating_add(u32::try_from(part.len()).unwrap_or(u32::MAX));
            if upto < from || later.is_empty() {
                return Ok(Placed { upto });
            }
            rest = later;
        }
    }

    async fn roster(
        &self,
        room: &RoomName,
        window: WindowId,
        from: u32,
        most: u32,
    ) -> Result<Vec<VisitorId>, StoreError> {
        let page = asks::smalls([window.0, from, most.min(MOST_PAGE)]);
        let call = self.to(room, &scripts::ROSTER, [page])?;
        self.read(call, answers::visitors).await
    }
}
