//! What a room remembers of itself and of each visitor.

use serde::{Deserialize, Serialize};

use super::lanes::{ByLane, LaneHead, kept};
use super::moment::Moment;
use crate::domain::lane::Lane;
use crate::domain::place::{Place, Turn};
use crate::domain::session::Jti;
use crate::domain::standing::EndedBy;
use crate::domain::tick::TickState;
use crate::domain::window::{Orders, WindowId};
use crate::store::lobby::Cut;

/// What a room knows besides its visitors and sessions: one row on disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) incarnation: u64,
    pub(super) epoch: u32,
    /// The last number given out in this epoch.
    pub(super) last_number: u32,
    pub(super) orders: Orders,
    pub(super) ticks: TickState,
    /// Room time that passed while claims were taken.
    pub(super) claim_time: Moment,
    /// Of `orders.grants`, how many were carried out or lapsed.
    pub(super) grants_met: u64,
    pub(super) releases_total: u64,
    pub(super) granted_total: u64,
    pub(super) joins_total: u64,
    pub(super) claims_total: u64,
    /// Turns that nobody took.
    #[serde(default)]
    pub(super) missed_total: u64,
    pub(super) newest_end: u64,
    /// Room time until which the room is recovering.
    #[serde(default)]
    pub(super) recovering_until: Moment,
    /// How many count as inside although they are unknown: a gateway saw them before a loss.
    #[serde(default)]
    pub(super) missing: u64,
    /// Room time until which they do.
    #[serde(default)]
    pub(super) missing_until: Moment,
    /// The lobby that is frozen.
    #[serde(default)]
    pub(super) cut: Option<Cut>,
    /// The number of the running lobby: each one that was frozen or dismissed had its own.
    #[serde(default)]
    pub(super) lobby: u32,
    /// Room time of the first join of the running lobby.
    #[serde(default)]
    pub(super) lobby_since: Moment,
    /// Rounds frozen in this window after the prequeue's.
    #[serde(default)]
    pub(super) rounds: u32,
    /// The window whose drawn order is kept.
    #[serde(default)]
    pub(super) roster_of: WindowId,
    #[serde(with = "kept")]
    pub(super) lanes: ByLane<LaneHead>,
}

/// What the store knows of a visitor in the present window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) turn: Turn,
    pub(super) place: Place,
    pub(super) status: Status,
    /// Whether a claim window was missed in this turn: the next miss ends it.
    pub(super) missed: bool,
    /// Why the turn before this one ended.
    pub(super) before: Option<EndedBy>,
    /// Where it queues.
    pub(super) lane: Lane,
    /// How often the visitor stepped away in this stay.
    pub(super) step_aways: u8,
    /// How often the visitor asked for more time in this stay.
    pub(super) extensions: u8,
}

impl Entry {
    /// Whether it says no more than that its visitor is in a lobby, which the lobby says too.
    pub(super) fn is_plain_lobby(&self) -> bool {
        matches!(self.status, Status::Lobby { .. }) && self.turn == Turn::FIRST
    }
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// In the lobby of this number; the place is [`Place::LOWEST`] as long.
    Lobby { number: u32 },
    /// In the queue; present until this room time.
    Waiting { seen_until: Moment },
    /// In the queue, found absent.
    Absent,
    /// In the queue among the absent by the visitor's own wish: not called, and not brought back
    /// by its page, until this room time.
    Away { until: Moment },
    /// May claim until this claim time.
    Released { until: Moment },
    /// Inside.
    Admitted { session: Jti },
    /// Over.
    Ended(EndedBy),
}
