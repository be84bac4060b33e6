//! The lobby: who joined without a place, and how it is given places once it was drawn.
//!
//! A *lobby* gathers visitors in no order. It is *frozen* in one step, which keeps as many places
//! free as it has members: a *cut*. Any gateway reads the members, draws their order, and writes
//! it back in chunks. The prequeue's cut is round 0 of its window; the order it was drawn in is
//! the window's *roster*. Later cuts are the rounds 1, 2, … of a room that draws all the time.
//!
//! In such a room a round is cut once `fairness_window` of room time has passed since the *first
//! join* of the running lobby, and the round before has its places. Had it been counted from the
//! last cut, the first of a crowd that comes after a quiet hour would be drawn among themselves:
//! being quick would pay.

use serde::{Deserialize, Serialize};

use crate::domain::place::{Epoch, Place};
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;

/// Visitors in one page of a lobby or roster at most.
pub const MOST_PAGE: u32 = 4_000;

/// A frozen lobby, and how far it has its places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// 0 for the prequeue's, else which round of its window.
    pub round: u32,
    /// The epoch of the places kept free for it.
    pub epoch: Epoch,
    /// They are this number and 1, to this number and `count`.
    pub base: u32,
    /// How many were frozen.
    pub count: u32,
    /// How many of them were dealt with, in drawn order.
    pub placed: u32,
}

impl Cut {
    /// Whether nobody of it waits for a place any more.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.placed >= self.count
    }

    /// The last of the places kept free for it.
    #[must_use]
    pub fn last(&self) -> Option<Place> {
        Place::new(self.epoch, self.base.checked_add(self.count)?)
    }
}

/// A part of the frozen lobby. Its order says nothing, and is the same on each page while the
/// lobby is frozen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LobbyPage {
    /// Which round is frozen.
    pub round: u32,
    /// How many were frozen; 0 also where nothing is.
    pub count: u32,
    /// Those of this page, none beyond the end.
    pub visitors: Vec<VisitorId>,
}

/// A stretch of the drawn order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The window that was drawn.
    pub window: WindowId,
    /// Which round of it.
    pub round: u32,
    /// The cut's epoch.
    pub epoch: Epoch,
    /// The cut's base.
    pub base: u32,
    /// The rank of the first of `visitors`; ranks begin at 0.
    pub from: u32,
    /// Who comes next, in drawn order.
    pub visitors: Vec<VisitorId>,
}

/// What became of a [`Chunk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// How many of the round have been dealt with, this chunk included: where the next chunk
    /// begins. 0 also where nothing of the kind is to be placed.
    pub upto: u32,
}
