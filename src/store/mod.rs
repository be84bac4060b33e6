//! Where the rooms are kept: one trait, its questions and answers, and the stores behind it.
//!
//! Every verb is one atomic, idempotent, bounded step. A store that has answered has made what it
//! answered durable, and everything it had seen by then: nobody is shown what a crash could undo.

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
pub mod survey;

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::clock::UnixTime;
use crate::domain::lane::Lane;
use crate::domain::place::{Epoch, Place, Turn};
use crate::domain::room::{RoomName, Terms};
use crate::domain::session::Jti;
use crate::domain::standing::{EndedBy, Stand};
use crate::domain::tick::{Proposal, TickState};
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowId};
use lobby::{Chunk, LobbyPage, Placed};
use recovery::Recovery;
use survey::Survey;

pub use fault::{BoxError, StoreError};

/// Visitors called in one tick at most, so that no call takes long; what is beyond keeps its
/// credit, and a tick that called so many may be followed by the next at once.
pub const MOST_CALLED: u64 = 2_000;

/// Somebody who wants a place in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joining {
    /// Who.
    pub visitor: VisitorId,
    /// The window the token was made in.
    pub window: WindowId,
    /// Where to queue; a place held already stays in its own.
    pub lane: Lane,
    /// When the visitor was told to ask again; the join is a check-in for that long.
    pub promised: Duration,
}

/// What became of a [`Joining`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// The visitor's stand: a new place, or the one it already had.
    Stands(Stand),
    /// `max_waiting` is reached; nothing was written.
    Full,
    /// Another window, or no newcomers now; nothing was written. Who has a place is told it.
    Shut,
}

/// A queue token with a place, shown near the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckIn {
    /// Who.
    pub visitor: VisitorId,
    /// The window the place is in.
    pub window: WindowId,
    /// The lane the place is in.
    pub lane: Lane,
    /// The room's epoch when the token was signed.
    pub epoch: Epoch,
    /// The stay the token speaks of.
    pub turn: Turn,
    /// The place it proves.
    pub place: Place,
    /// The newest tick that the token has seen.
    pub tick: u64,
    /// When the visitor was told to ask again.
    pub promised: Duration,
}

/// A released visitor takes the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub visitor: VisitorId,
    /// The window the place is in.
    pub window: WindowId,
    /// The stay the token speaks of.
    pub turn: Turn,
    /// The session's name, the same however often it is asked for.
    pub session: Jti,
    /// Wall time of this claim; the first one becomes the session's beginning.
    pub at: UnixTime,
}

/// What became of a [`Claim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Inside. A repeated claim answers the same `since`.
    Admitted {
        /// When the session began (wall time of the first claim).
        since: UnixTime,
        /// The stay.
        turn: Turn,
        /// The room's `rev`: a token signed under a lower one is void.
        rev: u32,
    },
    /// Not released, or no claims are taken now.
    Not(Stand),
}

/// A visitor goes, from the queue or from inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// Who.
    pub visitor: VisitorId,
    /// The window.
    pub window: WindowId,
    /// The stay that ends.
    pub turn: Turn,
}

/// A session shown to be alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Which.
    pub session: Jti,
    /// The `rev` its token was signed under: below the room's the session was revoked.
    pub rev: u32,
    /// How long its token will live, counted from the moment this was sent; the slot is held that
    /// long and [`LEEWAY`](crate::domain::session::LEEWAY) more.
    pub life: Duration,
}

/// What became of a [`Touch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    /// The slot is held; a missing session was made again.
    Held,
    /// The session has ended and stays so.
    Ended(EndedBy),
}

/// A session's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Which.
    pub session: Jti,
    /// Why.
    pub why: EndedBy,
    /// How long its token may still live: the end is remembered and told to gateways that long.
    pub life: Duration,
}

/// What a tick did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// Whether this proposal was the one accepted for its tick number.
    pub won: bool,
    /// The tick state after it (or the present one, if it was not accepted).
    pub ticks: TickState,
    /// Who was released, in order of release; at most [`MOST_CALLED`].
    pub batch: Vec<VisitorId>,
    /// The version of the standing orders it was done by.
    pub orders: u64,
}

/// What became of changed orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// Written.
    Done,
    /// Somebody wrote before; these are in force.
    Changed(Box<Orders>),
}

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
