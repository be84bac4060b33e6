//! What a room remembers of itself and of each visitor.

use serde::{Deserialize, Serialize};

use super::lanes::{ByLane, LaneHead, kept};
use super::moment::Moment;
use crate::domain::lane::Lane;
use crate::domain::place::{Place, Turn};
use crate::domain::session::Jti;
use crate::domain::standing::EndedBy;
use crate::domain::tick::TickState;
use crate::domain::window::Orders;

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

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// In the queue; present until this room time.
    Waiting { seen_until: Moment },
    /// In the queue, found absent.
    Absent,
    /// May claim until this claim time.
    Released { until: Moment },
    /// Inside.
    Admitted { session: Jti },
    /// Over.
    Ended(EndedBy),
}
