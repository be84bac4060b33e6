//! Calls of scripts: with the keys of as many lanes as a room has, whole batches in parts.

use std::sync::PoisonError;

use redis::Value;

use super::answers;
use super::asks::{self, Ask};
use super::reader::{Odd, Reader};
use super::{MOST_ASKS, Redis, Script, keys};
use crate::domain::room::{RoomName, Terms};
use crate::store::StoreError;

/// One script's call on one room.
pub(super) struct Call {
    script: &'static Script,
    room: RoomName,
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
}

impl Call {
    pub(super) fn head(&self) -> &str {
        self.keys.first().map_or("", String::as_str)
    }
}

impl Redis {
    /// A call with what every script needs, and `args`. It brings the keys of as many lanes as
    /// are known; a script that needs more says so.
    pub(super) fn to(
        &self,
        (room, terms): (&RoomName, Option<&Terms>),
        script: &'static Script,
        args: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Call, StoreError> {
        let mut all = vec![asks::birth((self.epoch)(), asks::incarnation()?)];
        all.extend(terms.map(asks::terms));
        all.extend(args);
        Ok(Call {
            script,
            room: room.clone(),
            keys: keys::of(room, self.lanes_of(room, terms)),
            args: all,
        })
    }

    /// How many lanes a room has, as far as is known.
    fn lanes_of(&self, room: &RoomName, terms: Option<&Terms>) -> usize {
        let told = terms.map_or(1, |terms| terms.lanes.all().len());
        let known = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(room).copied().unwrap_or(1).max(told)
    }

    /// How many ask in one call at most, of so many in a room of few lanes: each lane is one more
    /// where they could be.
    pub(super) fn most(&self, (room, terms): (&RoomName, Option<&Terms>), usual: usize) -> usize {
        if self.lanes_of(room, terms) > 2 {
            usual / 2
        } else {
            usual
        }
    }

    fn learn_lanes(&self, room: &RoomName, lanes: usize) {
        let mut known = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(room.clone(), lanes);
    }

    /// Makes the call; again where the room has lanes that this store did not know of. The script
    /// has done nothing then.
    pub(super) async fn make(&self, call: &Call) -> Result<Value, StoreError> {
        let mut answer = self.link.call(call.script, &call.keys, &call.args).await?;
        let mut given = call.keys.len();
        while let Some(lanes) = answers::more_lanes(&answer) {
            let keys = keys::of(&call.room, lanes);
            if keys.len() <= given {
                break;
            }
            given = keys.len();
            self.learn_lanes(&call.room, lanes);
            answer = self.link.call(call.script, &keys, &call.args).await?;
        }
        Ok(answer)
    }

    /// Makes the call and reads the bytes it answers.
    pub(super) async fn read<T>(
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
    pub(super) async fn batch<A: Ask + Sync, T: Send>(
        &self,
        (room, terms, script): (&RoomName, Option<&Terms>, &'static Script),
        asked: &[A],
        read: impl Fn(&mut Reader<'_>) -> Result<Vec<T>, Odd> + Send + Sync,
    ) -> Result<Vec<T>, StoreError> {
        let mut answers = Vec::with_capacity(asked.len());
        for part in asked.chunks(self.most((room, terms), MOST_ASKS)) {
            let call = self.to((room, terms), script, [asks::batch(part)])?;
            let answered = self.read(call, &read).await?;
            if answered.len() != part.len() {
                return Err(StoreError::Unreachable(Odd.into()));
            }
            answers.extend(answered);
        }
        Ok(answers)
    }

    /// Tells a whole batch, in parts.
    pub(super) async fn tell<A: Ask + Sync>(
        &self,
        room: &RoomName,
        script: &'static Script,
        told: &[A],
    ) -> Result<(), StoreError> {
        for part in told.chunks(MOST_ASKS) {
            let call = self.to((room, None), script, [asks::batch(part)])?;
            answers::done(&self.make(&call).await?, call.head())?;
        }
        Ok(())
    }
}
