//! What an operator may order of a room, and why an order may be refused.

use std::num::NonZeroU32;

use super::clock::UnixTime;
use super::draw::steps::ValueRefused;
use super::invitation::{Invite, MOST_BATCHES, NoBatch};
use super::pace::Pace;
use super::stock::{Over, Word};
use super::window::WindowState;

/// What an operator may order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Opens now, or at the time given; a past time means now.
    Open(Opening),
    /// Stops releases.
    Pause,
    /// Goes on after a pause.
    Resume,
    /// Closes; places are kept.
    Close,
    /// Ends the window and dismisses the queue.
    End,
    /// Sets the pace, at once.
    Pace(Pace),
    /// Sets the capacity, at once; `None` lifts the cap.
    Capacity(Option<NonZeroU32>),
    /// Shows a message to those waiting; `None` takes it down.
    Message(Option<String>),
    /// Lets the next so many in now, within capacity.
    Release(NonZeroU32),
    /// Gives the promised value to the draw.
    External(String),
    /// Ends every session: tokens signed before count for nothing.
    RevokeAll,
    /// Withdraws every link that was given to the crew.
    RevokeCrew,
    /// Says what is left to be sold; nothing ends the window.
    Stock {
        /// How many are left.
        left: u64,
        /// How many sessions were over at that moment.
        over: Over,
        /// Who says so.
        word: Word,
    },
    /// Adds a batch of codes that lead into a lane.
    Invite(Invite),
}

impl Order {
    /// The same order, given when so many sessions are over: what is said of the stock is counted
    /// against them.
    #[must_use]
    pub fn counting(self, over: Over) -> Self {
        match self {
            Self::Stock { left, word, .. } => Self::Stock { left, over, word },
            other => other,
        }
    }
}

/// When a window is to open, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// When to open; without it, now.
    pub opens_at: Option<UnixTime>,
    /// When to open the lobby; must be before the opening, a past time means now.
    pub prequeue_opens_at: Option<UnixTime>,
    /// When to end; must be after the opening and the present.
    pub ends_at: Option<UnixTime>,
    /// Where the external value of the draw will come from; only with a prequeue.
    pub external_source: Option<String>,
}

impl Order {
    /// Opens now, without an end.
    pub const OPEN_NOW: Self = Self::Open(Opening {
        opens_at: None,
        prequeue_opens_at: None,
        ends_at: None,
        external_source: None,
    });
}

/// The longest name of a source of external values, in characters.
pub const MOST_SOURCE: usize = 200;

/// Why an order cannot be carried out in the room's present state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefused {
    /// Pause, resume or release of a room that is not open.
    #[error("{}", not_open(*.0))]
    NotOpen(WindowState),
    /// A time of opening for a room that is open, or whose lobby is being drawn.
    #[error("{}", open_already(*.0))]
    OpenAlready(WindowState),
    /// A prequeue for a room whose window has not ended.
    #[error(
        "the room is closed and its window has not ended: `open` without a prequeue goes on with it; to begin a new one, end it first"
    )]
    HasWindow,
    /// Another source than the one that was published when the prequeue opened.
    #[error(
        "where the external value comes from was published when the prequeue opened, and stays"
    )]
    SourcePublished,
    /// An order of a draw for a room that draws none.
    #[error("the room is {} and draws no lobby", .0.word())]
    NotDrawing(WindowState),
    /// The end is not after the opening and the present.
    #[error("`ends_at` must be later than the opening and than now")]
    EndsTooEarly,
    /// Codes that would have lapsed already.
    #[error("`expires_at` must be later than now")]
    LapsesTooEarly,
    /// As many batches of codes as there may be.
    #[error(
        "the room has {MOST_BATCHES} batches of codes that have not expired: order larger ones, or let some expire"
    )]
    TooManyBatches,
    /// A value for the draw that is not taken.
    #[error(transparent)]
    External(#[from] ValueRefused),
    /// The prequeue is not before the opening.
    #[error("`prequeue_opens_at` needs an `opens_at` that is later, and later than now")]
    PrequeueTooLate,
    /// A source for a draw that does not take place.
    #[error("`external_source` belongs to the draw of a prequeue: give `prequeue_opens_at` too")]
    NoPrequeue,
}

impl From<NoBatch> for OrderRefused {
    fn from(why: NoBatch) -> Self {
        match why {
            NoBatch::Lapsed => Self::LapsesTooEarly,
            NoBatch::TooMany => Self::TooManyBatches,
        }
    }
}

const fn not_open(state: WindowState) -> &'static str {
    match state {
        WindowState::Prequeue => {
            "the room is in its prequeue and lets nobody in yet: `open` draws the lobby now, `close` shuts it and keeps it"
        }
        WindowState::Drawing => {
            "the lobby is being drawn and nobody is let in yet: `close` holds the room back, or wait until it is open"
        }
        WindowState::Ended => "the room is ended: open it first",
        // Nobody is refused this in an open room.
        WindowState::Closed | WindowState::Open | WindowState::Paused => {
            "the room is closed: open it first"
        }
    }
}

const fn open_already(state: WindowState) -> &'static str {
    match state {
        WindowState::Prequeue => {
            "the prequeue is open already: leave `prequeue_opens_at` out to change the opening alone"
        }
        WindowState::Drawing => "the lobby is being drawn: its opening cannot be put off any more",
        WindowState::Closed | WindowState::Open | WindowState::Paused | WindowState::Ended => {
            "the room is open already: to open a new window later, end this one first"
        }
    }
}
