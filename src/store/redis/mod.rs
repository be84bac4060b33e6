//! The store on Redis: any number of gateways share the rooms.

pub mod address;
mod fitness;
pub mod link;
mod refusal;
mod script;
#[cfg(test)]
mod server;
mod watch;

use std::sync::LazyLock;

use async_trait::async_trait;

use super::recovery::Recovery;
use super::survey::Survey;
use super::{
    CheckIn, Claim, Claimed, Ending, Joined, Joining, Leaving, Ordered, QueueStore, Released,
    StoreError, Touch, Touched,
};
use crate::domain::place::Epoch;
use crate::domain::room::{RoomName, Terms};
use crate::domain::standing::Stand;
use crate::domain::tick::Proposal;
use crate::domain::window::Orders;
use link::Link;
use script::Script;

static NOTHING: LazyLock<Script> = LazyLock::new(|| Script::new("nothing", "return 0"));

/// The store on Redis.
pub struct Redis {
    link: Link,
}

impl Redis {
    /// A store over `link`; rooms that it does not know yet begin in the epoch that `epoch` says.
    pub fn new(link: Link, _epoch: impl Fn() -> Epoch + Send + Sync + 'static) -> Self {
        Self { link }
    }

    async fn refuse<T>(&self) -> Result<T, StoreError> {
        self.link.call(&NOTHING, &[], &[]).await?;
        Err(StoreError::Unreachable("it has no verbs yet".into()))
    }
}

#[async_trait]
impl QueueStore for Redis {
    async fn join(
        &self,
        _: &RoomName,
        _: &Terms,
        _: &[Joining],
    ) -> Result<Vec<Joined>, StoreError> {
        self.refuse().await
    }
    async fn check_in(
        &self,
        _: &RoomName,
        _: &Terms,
        _: &[CheckIn],
    ) -> Result<Vec<Stand>, StoreError> {
        self.refuse().await
    }
    async fn claim(
        &self,
        _: &RoomName,
        _: &Terms,
        _: &[Claim],
    ) -> Result<Vec<Claimed>, StoreError> {
        self.refuse().await
    }
    async fn leave(&self, _: &RoomName, _: &[Leaving]) -> Result<(), StoreError> {
        self.refuse().await
    }
    async fn release(&self, _: &RoomName, _: &Terms, _: Proposal) -> Result<Released, StoreError> {
        self.refuse().await
    }
    async fn touch(&self, _: &RoomName, _: &[Touch]) -> Result<Vec<Touched>, StoreError> {
        self.refuse().await
    }
    async fn end(&self, _: &RoomName, _: &[Ending]) -> Result<(), StoreError> {
        self.refuse().await
    }
    async fn sweep(&self, _: &RoomName, _: &Terms) -> Result<u64, StoreError> {
        self.refuse().await
    }
    async fn survey(&self, _: &RoomName, _: &Terms, _: u64) -> Result<Survey, StoreError> {
        self.refuse().await
    }
    async fn order(&self, _: &RoomName, _: &Orders, _: u64) -> Result<Ordered, StoreError> {
        self.refuse().await
    }
    async fn recover(&self, _: &RoomName, _: &Recovery) -> Result<Epoch, StoreError> {
        self.refuse().await
    }
}
