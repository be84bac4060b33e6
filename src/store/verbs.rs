//! What the store is asked and what it answers, verb by verb.

use std::time::Duration;

use super::ShownBy;
use crate::domain::clock::UnixTime;
use crate::domain::lane::Lane;
use crate::domain::place::{Epoch, Place, Turn};
use crate::domain::session::Jti;
use crate::domain::standing::Stand;
use crate::domain::tick::TickState;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowId};

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

/// Somebody who passes at once where nobody waits, in a room that queues only under overload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passing {
    /// How the visitor joins; who cannot pass has joined.
    pub joining: Joining,
    /// The name of the session of the first turn.
    pub session: Jti,
    /// Wall time now: the session's beginning.
    pub at: UnixTime,
}

/// What became of a [`Passing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// Joined, released and claimed in one step.
    Admitted {
        /// The room's `rev`: a token signed under a lower one is void.
        rev: u32,
        /// The admitted stand; its turn is the first.
        stand: Stand,
    },
    /// As a join answers. Somebody back for another turn may be released by it and claims then,
    /// for the session has another name.
    Joined(Joined),
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
    /// Who shows it.
    pub shown_by: ShownBy,
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
        /// Until when a [`Hold`](super::Hold) keeps it; zero time where none did.
        kept: UnixTime,
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

/// A single-use thing that a visitor brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spending {
    /// Which thing, by a hash that no other use of this verb could give.
    pub key: [u8; 16],
    /// Who.
    pub visitor: VisitorId,
    /// The window that the visitor's identity counts in.
    pub window: WindowId,
    /// How long the use is remembered, in room time, which never runs fast: at least so long.
    pub keep: Duration,
}

/// What became of a [`Spending`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// Nobody had used it: it is this visitor's now.
    Now,
    /// The same visitor had used it, so that an ask whose answer was lost may be sent again.
    Before,
    /// Another visitor had; nothing was written.
    ByAnother,
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
