//! Where the rooms are kept: one trait, its questions and answers, and the stores behind it.
//!
//! Every verb is one atomic, idempotent, bounded step. A store that has answered has made what it
//! answered durable, and everything it had seen by then: nobody is shown what a crash could undo.

mod absence;
#[cfg(test)]
pub(crate) mod conformance;
pub mod drawn;
pub mod embedded;
mod fault;
pub mod gathered;
pub mod kept;
pub mod lobby;
pub mod memory;
pub mod notes;
pub mod recovery;
pub mod redis;
pub mod stay;
pub mod survey;
mod verbs;

use async_trait::async_trait;

use crate::domain::place::Epoch;
use crate::domain::room::{RoomName, Terms};
use crate::domain::standing::Stand;
use crate::domain::tick::Proposal;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowId};
use lobby::{Chunk, LobbyPage, Placed};
use recovery::Recovery;
use survey::Survey;

pub use absence::{Granted, ShownBy};
pub use fault::{BoxError, StoreError};
pub use stay::{Ending, Held, Hold, Touch, Touched};
pub use verbs::{
    CheckIn, Claim, Claimed, Joined, Joining, Leaving, Ordered, Passed, Passing, Released,
    Spending, Spent,
};

/// Visitors called in one tick at most, so that no call takes long; what is beyond keeps its
/// credit, and a tick that called so many may be followed by the next at once.
pub const MOST_CALLED: u64 = 2_000;

/// The queue of every room.
#[async_trait]
pub trait QueueStore: Send + Sync + 'static {
    /// Gives each visitor a place, once, or puts it into the lobby; a visitor whose last turn
    /// ended gets a new one at the back. Answers in the order asked.
    ///
    /// # Errors
    /// [`StoreError`], among them [`StoreError::Lost`] when an ask is of a newer window than the
    /// store's; safe to send again.
    async fn join(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Joining],
    ) -> Result<Vec<Joined>, StoreError>;

    /// Lets each visitor in at once: joins, releases and claims in one step, while the window is
    /// open, nobody present waits, and both bucket and capacity have room for one more. Else it
    /// is a join. Who has a place or a session already is told so, as by a join.
    ///
    /// # Errors
    /// As [`QueueStore::join`]; safe to send again.
    async fn pass(
        &self,
        room: &RoomName,
        terms: &Terms,
        asks: &[Passing],
    ) -> Result<Vec<Passed>, StoreError>;

    /// Says where each stands, exactly, and marks them present. Puts back a missing place of an
    /// older epoch unless its turn ended; any other missing place is `Unknown`: it has ended.
    ///
    /// # Errors
    /// [`StoreError`], among them [`StoreError::Lost`] when a token has seen a newer window, epoch
    /// or, within them, tick than the store's; safe to send again.
    async fn check_in(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Stand>, StoreError>;

    /// Lets visitors who wait or were called step away for `absence.step_away` of room time: they
    /// keep their places and are not called until they come back, by a check-in of their own or a
    /// join, or that time is over. Who was called gives the turn back, which is no miss. Who is
    /// away stays so until the same moment, uncounted. Puts lost places back as `check_in` does.
    ///
    /// # Errors
    /// As [`QueueStore::check_in`]; safe to send again.
    async fn step_away(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError>;

    /// Gives visitors who were called another claim window of time from now on, never less than
    /// they have. While more than three quarters of one are left an ask changes nothing and is not
    /// counted. Otherwise as [`QueueStore::step_away`].
    ///
    /// # Errors
    /// As [`QueueStore::check_in`]; safe to send again.
    async fn extend(
        &self,
        room: &RoomName,
        terms: &Terms,
        tokens: &[CheckIn],
    ) -> Result<Vec<Granted>, StoreError>;

    /// Makes sessions of released turns. Repeatable: the same claim gives the same session.
    ///
    /// # Errors
    /// [`StoreError`], among them [`StoreError::Lost`] when a claim is of a newer window than the
    /// store's; safe to send again.
    async fn claim(
        &self,
        room: &RoomName,
        terms: &Terms,
        claims: &[Claim],
    ) -> Result<Vec<Claimed>, StoreError>;

    /// Ends the turns of those who go, wherever they stand. Unknown and ended turns are no fault.
    ///
    /// # Errors
    /// [`StoreError`]; safe to send again.
    async fn leave(&self, room: &RoomName, leaving: &[Leaving]) -> Result<(), StoreError>;

    /// Uses single-use things, each for one visitor once. A store that lost its data has forgotten
    /// which were used.
    ///
    /// # Errors
    /// [`StoreError`], among them [`StoreError::Lost`] when a visitor is of a newer window than
    /// the store's; safe to send again.
    async fn spend(
        &self,
        room: &RoomName,
        spendings: &[Spending],
    ) -> Result<Vec<Spent>, StoreError>;

    /// One tick, if `proposal` is for the present tick number: first ends what expired (bounded),
    /// then releases what pace, capacity and grants (even while paused) allow, lowest place first.
    ///
    /// # Errors
    /// [`StoreError`]; safe to send again.
    async fn release(
        &self,
        room: &RoomName,
        terms: &Terms,
        proposal: Proposal,
    ) -> Result<Released, StoreError>;

    /// Holds the slots of living sessions.
    ///
    /// # Errors
    /// [`StoreError`]; safe to send again.
    async fn touch(&self, room: &RoomName, touches: &[Touch]) -> Result<Vec<Touched>, StoreError>;

    /// Keeps sessions for a while, whatever their visitors do.
    ///
    /// # Errors
    /// [`StoreError`]; safe to send again.
    async fn hold(&self, room: &RoomName, holds: &[Hold]) -> Result<Vec<Held>, StoreError>;

    /// Ends sessions; unknown ones are remembered as ended.
    ///
    /// # Errors
    /// [`StoreError`]; safe to send again.
    async fn end(&self, room: &RoomName, endings: &[Ending]) -> Result<(), StoreError>;

    /// Clears away, a bounded number a call: those found absent within the horizon, what is left
    /// of windows gone by, ends no longer needed. Returns how many things it cleared.
    ///
    /// # Errors
    /// [`StoreError`]; safe to send again.
    async fn sweep(&self, room: &RoomName, terms: &Terms) -> Result<u64, StoreError>;

    /// What is known of the room, with the ends recorded after number `ends_seen`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn survey(
        &self,
        room: &RoomName,
        terms: &Terms,
        ends_seen: u64,
    ) -> Result<Survey, StoreError>;

    /// Writes the room's standing orders if its version is still `if_version`. A new window and
    /// the end of one dismiss the old queue; sessions live on, except where `rev` grows: that
    /// revokes every one of them. The first `Drawing` of a window freezes its lobby; nobody opens
    /// or pauses a window before its draw is complete: that answers the orders in force.
    ///
    /// # Errors
    /// [`StoreError`]; safe to send again.
    async fn order(
        &self,
        room: &RoomName,
        orders: &Orders,
        if_version: u64,
    ) -> Result<Ordered, StoreError>;

    /// Puts back what a gateway remembers of a room that the store lost, all or in part; see
    /// [`Recovery`] for what that does. Answers the room's epoch after it.
    ///
    /// # Errors
    /// [`StoreError`]; safe to send again.
    async fn recover(&self, room: &RoomName, recovery: &Recovery) -> Result<Epoch, StoreError>;

    /// A page of the frozen lobby, from index `from`, of at most `most` and
    /// [`MOST_PAGE`](lobby::MOST_PAGE) visitors.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lobby(&self, room: &RoomName, from: u32, most: u32) -> Result<LobbyPage, StoreError>;

    /// Gives the next of a frozen lobby their places: rank `r` gets number `base + r + 1`. Who
    /// went meanwhile keeps the rank and does not queue. Writes nothing of what was written
    /// before, and nothing where a rank is missing in between. Also puts back places that were
    /// lost, where the orders tell of the draw.
    ///
    /// # Errors
    /// [`StoreError`]; safe to send again.
    async fn place(&self, room: &RoomName, chunk: &Chunk) -> Result<Placed, StoreError>;

    /// The drawn order of the window's prequeue as far as it was placed, from rank `from`, at most
    /// `most` and [`MOST_PAGE`](lobby::MOST_PAGE) visitors. It is kept until the next one is
    /// frozen.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn roster(
        &self,
        room: &RoomName,
        window: WindowId,
        from: u32,
        most: u32,
    ) -> Result<Vec<VisitorId>, StoreError>;
}
