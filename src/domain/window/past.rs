//! Sale windows that are over: what is kept of them, and of the one that runs.

use serde::{Deserialize, Serialize};

use super::WindowId;

/// Windows that are over and kept, at most.
pub const MOST_PAST: usize = 20;

/// What was counted of a room: over its whole life, or in one of its windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// How many joined.
    pub joined: u64,
    /// How many were called.
    pub released: u64,
    /// How many came in.
    pub admitted: u64,
}

impl Totals {
    /// What came on top since `before`; `None` where less is counted now, because the store lost
    /// something in between.
    #[must_use]
    pub fn since(self, before: Self) -> Option<Self> {
        Some(Self {
            joined: self.joined.checked_sub(before.joined)?,
            released: self.released.checked_sub(before.released)?,
            admitted: self.admitted.checked_sub(before.admitted)?,
        })
    }
}

/// How the present window has gone so far; times in Unix milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// When it began, with its prequeue where it had one.
    pub began_at: u64,
    /// When it opened, if it has.
    pub opened_at: Option<u64>,
    /// The room's totals when it began, as far as they were known.
    pub totals: Option<Totals>,
}

/// A window that is over; times in Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastWindow {
    /// Its number.
    pub window: WindowId,
    /// When it began, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<u64>,
    /// When it opened, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<u64>,
    /// When it ended.
    pub ended_at: u64,
    /// What ended it.
    pub why: Finish,
    /// What was counted in it, within a second or so; `None` where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
}

/// What ends a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// An operator.
    Order,
    /// Its time.
    Schedule,
    /// Another window began.
    Replaced,
    /// Nothing was left to be sold.
    SoldOut,
}

impl Finish {
    /// The word in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Schedule => "schedule",
            Self::Replaced => "replaced",
            Self::SoldOut => "sold_out",
        }
    }
}
