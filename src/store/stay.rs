//! What becomes of sessions: shown to be alive, held by the site, ended.

use std::time::Duration;

use crate::domain::clock::UnixTime;
use crate::domain::session::Jti;
use crate::domain::standing::EndedBy;

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

/// A session that is to be kept for a while, whatever its visitor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Which.
    pub session: Jti,
    /// Wall time of this hold.
    pub at: UnixTime,
    /// Wall time until which its slot is held,
    /// [`LEEWAY`](crate::domain::session::LEEWAY) beyond it.
    pub until: UnixTime,
    /// How long any session may last; one whose beginning the store knows is held no longer.
    pub longest: Duration,
    /// The `rev` of the token that proves the session; `None` where its name alone was told. A
    /// session that the store lost is made again on proof only.
    pub rev: Option<u32>,
}

/// What became of a [`Hold`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Kept until this wall time, by this hold or an earlier one.
    Until(UnixTime),
    /// The session has ended and stays so.
    Ended(EndedBy),
    /// The store knows no such session.
    Unknown,
}
