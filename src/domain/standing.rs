//! Where a visitor stands in a room.

use std::time::Duration;

use super::lane::Lane;
use super::place::{Epoch, Place, Turn};

/// Where a visitor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In the lobby: the place is drawn later.
    Lobby,
    /// In the queue, `ahead` present or not-yet-expected visitors before it.
    Waiting {
        /// Unreleased smaller places less those found absent.
        ahead: u64,
    },
    /// In the queue and away by its own wish: not called until it comes back.
    Away {
        /// After this it is expected again.
        left: Duration,
    },
    /// Called by the pacer; the turn may be claimed.
    Released {
        /// What is left of the claim window.
        left: Duration,
    },
    /// Claimed, and inside.
    Admitted,
    /// The turn is over and never comes back.
    Ended(EndedBy),
    /// The store knows no such turn and it cannot be put back.
    Unknown,
}

/// Why a turn ended: the answer to "why am I here again?".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// The site said that the purchase is done.
    Completed,
    /// The visitor left.
    Left,
    /// The operator removed the visitor.
    Removed,
    /// The session reached its idle or absolute limit.
    Expired,
    /// The claim window was missed twice.
    Missed,
    /// The operator revoked the session.
    Revoked,
}

impl EndedBy {
    /// Every reason, in the order of its number on disk and in tokens.
    pub const ALL: [Self; 6] = [
        Self::Completed,
        Self::Left,
        Self::Removed,
        Self::Expired,
        Self::Missed,
        Self::Revoked,
    ];

    /// The reason of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.word() == word)
    }

    /// The word in the status JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Left => "left",
            Self::Removed => "removed",
            Self::Expired => "expired",
            Self::Missed => "missed",
            Self::Revoked => "revoked",
        }
    }
}

/// What the store answers about one visitor: the standing, and the facts the next token carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand {
    /// Where the visitor stands.
    pub standing: Standing,
    /// Which stay this is; [`Turn::FIRST`] when unknown.
    pub turn: Turn,
    /// The place held; `None` when there is none.
    pub place: Option<Place>,
    /// The lane it is in; the general one where nothing is known.
    pub lane: Lane,
    /// The room's epoch now, to be signed into the next token.
    pub epoch: Epoch,
    /// The room's tick now, to be signed into the next token: a store that shows an older one
    /// later has lost something.
    pub tick: u64,
}
