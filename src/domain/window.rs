//! The sale window: its state, the operator's orders about it, and its schedule.
//!
//! [`Orders`] is one value with a version, kept in the store. Deciding what an order or the
//! schedule makes of it is pure; writing it back is a compare-and-set on the version.

mod due;
mod lifted;
mod opening;
mod past;
mod seal;
mod steps;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::clock::UnixTime;
use super::draw::{Draw, Drawn};
use super::invitation::{self, Batch};
pub use super::order::{Opening, Order, OrderRefused};
use super::pace::Pace;
use super::room::{Method, RoomSettings, Terms};
use super::stock::Stock;

pub use past::{Finish, MOST_PAST, PastWindow, Running, Totals};
pub use seal::Seal;

/// Which sale window this is: max(last + 1, minutes since 2025). 0 before the first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct WindowId(pub u32);

impl WindowId {
    /// The window that starts at `now` after this one.
    #[must_use]
    pub fn next(self, now: UnixTime) -> Self {
        Self(self.0.saturating_add(1).max(now.minutes_since_2025()))
    }
}

/// The state of a room's sale window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowState {
    /// No joins, releases or claims; places are kept, claim windows stand still.
    #[default]
    Closed,
    /// Joins go to the lobby, in no order; nobody is released.
    Prequeue,
    /// The lobby is frozen and being given its order; who joins goes behind it.
    Drawing,
    /// Joins and releases.
    Open,
    /// Joins and claims, no releases.
    Paused,
    /// The queue is dismissed.
    Ended,
}

impl WindowState {
    /// The word in the API and the status JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Prequeue => "prequeue",
            Self::Drawing => "drawing",
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }

    /// Whether visitors may join.
    #[must_use]
    pub const fn joins(self) -> bool {
        matches!(
            self,
            Self::Prequeue | Self::Drawing | Self::Open | Self::Paused
        )
    }

    /// Whether the pacer releases.
    #[must_use]
    pub const fn releases(self) -> bool {
        matches!(self, Self::Open)
    }

    /// Whether a released visitor may claim.
    #[must_use]
    pub const fn claims(self) -> bool {
        matches!(self, Self::Open | Self::Paused)
    }
}

/// The standing orders of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    /// Grows by one with every change; 0 is "no order yet".
    pub version: u64,
    /// The present or last sale window.
    pub window: WindowId,
    /// Its state.
    pub state: WindowState,
    /// When this room opens by order, if that is still to come.
    pub opens_at: Option<u64>,
    /// When this window ends by order.
    pub ends_at: Option<u64>,
    /// When the prequeue of the window to come opens by order, if that is still to come.
    #[serde(default)]
    pub prequeue_opens_at: Option<u64>,
    /// Where the external value of the coming draw is to come from, until the prequeue opens.
    #[serde(default)]
    pub external_source: Option<String>,
    /// What is published of this window's draw; `None` where it had no prequeue.
    #[serde(default)]
    pub draw: Option<Draw>,
    /// What is left to be sold in this window, where the site or an operator says so.
    #[serde(default)]
    pub stock: Option<Stock>,
    /// What this window was closed in before it let anybody in, so that `open` goes on there.
    #[serde(default)]
    pub closed_in: Option<Unopened>,
    /// The scheduled prequeue or opening (Unix ms) acted on last, so that each acts once.
    pub opened_for: Option<u64>,
    /// The scheduled opening (Unix ms) of the window in the file that this one is; `None` for one
    /// that an operator began.
    #[serde(default)]
    pub scheduled_for: Option<u64>,
    /// The scheduled end (Unix ms) that has passed, so that each ends once and a room opened
    /// again by order after it stays open.
    #[serde(default)]
    pub ended_for: Option<u64>,
    /// Pace by order, or the window's own.
    pub pace: Option<Pace>,
    /// Capacity by order: `Some(None)` lifts the file's cap.
    #[serde(with = "lifted")]
    pub capacity: Option<Option<NonZeroU32>>,
    /// Shown to those waiting, by order or the window's own.
    pub message: Option<String>,
    /// Which of these came with the window and go with it.
    #[serde(default)]
    pub lent: Lent,
    /// Visitors ever ordered to be released now, counted over the room's life.
    pub grants: u64,
    /// Admission tokens signed under a lower number are void.
    pub rev: u32,
    /// Passes of the crew that were signed under another number are void.
    #[serde(default)]
    pub crew_rev: u32,
    /// How the present window has gone so far.
    #[serde(default)]
    pub running: Option<Running>,
    /// The windows before, the oldest first; at most [`MOST_PAST`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<PastWindow>,
    /// The batches of codes handed out, oldest first; they outlast windows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<Batch>,
}

/// What a window brought along from the file. It holds until an order says otherwise, and lapses
/// when another window begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lent {
    /// Whether the pace is the window's own.
    pub pace: bool,
    /// Whether the message is the window's own.
    pub message: bool,
    /// Who waits in this window.
    pub method: Option<Method>,
}

/// Where a window stands before it lets anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unopened {
    /// In its prequeue.
    Prequeue,
    /// Its lobby is frozen and being drawn.
    Drawing,
}

impl Orders {
    /// What `order` makes of these at `now`. An order already in force gives an equal value with
    /// the same version. What comes of it is [sealed](Orders::sealed) before it is written.
    ///
    /// # Errors
    /// [`OrderRefused`] when the room's state does not allow it.
    pub fn apply(&self, order: &Order, now: UnixTime) -> Result<Self, OrderRefused> {
        let mut next = self.clone();
        match order {
            Order::Open(opening) => next.open(opening, now)?,
            Order::Pause => next.turn_to(WindowState::Paused)?,
            Order::Resume => next.turn_to(WindowState::Open)?,
            Order::Close => next.close(),
            Order::End => next.end(now, Finish::Order),
            Order::Pace(pace) => {
                next.pace = Some(*pace);
                next.lent.pace = false;
            }
            Order::Capacity(capacity) => next.capacity = Some(*capacity),
            Order::Message(message) => {
                next.message.clone_from(message);
                next.lent.message = false;
            }
            Order::Release(count) => next.grant(*count)?,
            Order::External(value) => next.give(value, now)?,
            Order::RevokeAll => next.rev = next.rev.saturating_add(1),
            Order::RevokeCrew => next.crew_rev = next.crew_rev.saturating_add(1),
            Order::Stock { left, over, word } => next.tell_stock((*word, *left, *over), now),
            Order::Invite(invite) => invitation::add(&mut next.batches, invite, now)?,
        }
        Ok(next.versioned(self))
    }

    /// What `order` makes of these where tokens prove that there has been a window `newest`: an
    /// opening continues that one, so that nobody in it loses the place.
    ///
    /// # Errors
    /// As [`Orders::apply`].
    pub fn apply_after(
        &self,
        order: &Order,
        now: UnixTime,
        newest: WindowId,
    ) -> Result<Self, OrderRefused> {
        let opens = matches!(order, Order::Open(_));
        if !opens || newest <= self.window {
            return self.apply(order, now);
        }
        // A window that is closed and has not ended is what an opening continues, now or later.
        let closed = Self {
            window: newest,
            state: WindowState::Closed,
            ends_at: None,
            draw: None,
            closed_in: None,
            running: None,
            ..self.clone()
        };
        closed.apply(order, now).map(|next| next.versioned(self))
    }

    /// Opens a window whose lobby has its order.
    ///
    /// # Errors
    /// [`OrderRefused::NotDrawing`] in every other state.
    pub fn drawn(&self, drawn: Drawn, now: UnixTime) -> Result<Self, OrderRefused> {
        let mut next = self.clone();
        match (self.state, next.draw.as_mut()) {
            (WindowState::Drawing, Some(draw)) => draw.drawn = Some(drawn),
            _ => return Err(OrderRefused::NotDrawing(self.state)),
        }
        next.let_in(now);
        Ok(next.versioned(self))
    }

    /// Who waits, where the room's file says `usual`: a window that is under way may have a way of
    /// its own.
    #[must_use]
    pub fn method(&self, usual: Method) -> Method {
        match self.state {
            WindowState::Closed | WindowState::Ended => usual,
            WindowState::Prequeue
            | WindowState::Drawing
            | WindowState::Open
            | WindowState::Paused => self.lent.method.unwrap_or(usual),
        }
    }

    /// The terms the store keeps the room by: rounds are drawn only where the window is `random`.
    #[must_use]
    pub fn terms(&self, settings: &RoomSettings) -> Terms {
        let draws = self.method(settings.method) == Method::Random;
        Terms {
            fairness_window: settings.terms.fairness_window.filter(|_| draws),
            ..settings.terms
        }
    }

    /// Whether there is a window that has not ended.
    pub(super) fn has_window(&self) -> bool {
        self.window != WindowId::default() && self.state != WindowState::Ended
    }

    fn versioned(mut self, last: &Self) -> Self {
        if self != *last {
            self.version = last.version.saturating_add(1);
        }
        self
    }
}
