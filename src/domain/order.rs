//! What an operator may order of a room, and why an order may be refused.

use std::num::NonZeroU32;

use super::clock::UnixTime;
use super::draw::steps::ValueRefused;
use super::pace::Pace;
use super::window::WindowState;

/// What an operator may order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Opens now, or at the time given; a past time means now.
    Open {
        /// When to open.
        opens_at: Option<UnixTime>,
        /// When to end; must be after the opening and the present.
        ends_at: Option<UnixTime>,
    },
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
}

/// Why an order cannot be carried out in the room's present state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefused {
    /// Pause, resume or release of a room that is not open.
    #[error("the room is {}: open it first", .0.word())]
    NotOpen(WindowState),
    /// The end is not after the opening and the present.
    #[error("`ends_at` must be later than the opening and than now")]
    EndsTooEarly,
    /// A value for the draw that is not taken.
    #[error(transparent)]
    External(#[from] ValueRefused),
}
