//! What the store knows of a room at one moment, and the snapshot that gateways answer from.

mod lane;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::domain::clock::UnixTime;
use crate::domain::estimate::{Flow, Lately};
use crate::domain::lane::{Lane, MOST_LANES, Weights};
use crate::domain::place::Epoch;
use crate::domain::session::Jti;
use crate::domain::skew::Skew;
use crate::domain::standing::EndedBy;
use crate::domain::stock::Over;
use crate::domain::tick::TickState;
use crate::domain::window::{Orders, Totals, WindowId};

use super::lobby::Cut;
use super::notes::Glimpse;

use lane::NOBODY;
pub use lane::{LaneSurvey, MOST_SAMPLES, Sample};

/// One answer of the store's `survey` verb.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// The standing orders.
    pub orders: Orders,
    /// Random, made with the room and stored with it: another value means the data was lost.
    pub incarnation: u64,
    /// The room's epoch.
    pub epoch: Epoch,
    /// Tick, room time, credit, anchor.
    pub ticks: TickState,
    /// Room time left of a recovery; zero when the room is not recovering.
    pub recovering: Duration,
    /// The store's own wall time at this survey; `None` where it shares the gateway's clock.
    pub store_time: Option<UnixTime>,
    /// How many gateways surveyed the room within the last ten seconds of room time; 0 is unknown.
    pub gateways: u32,
    /// All unreleased, present or not; those who wait for a draw included.
    pub waiting: u64,
    /// Those of `waiting` in the running lobby.
    pub lobby: u64,
    /// The lobby that is frozen and not yet drawn to its end.
    pub frozen: Option<Cut>,
    /// How many of the window's drawn order are kept. Fewer than the orders' draw tells of: some
    /// were lost.
    pub roster: u64,
    /// Those of `waiting` who were found absent.
    pub absent: u64,
    /// Released and unclaimed.
    pub released: u64,
    /// Admitted sessions.
    pub active: u64,
    /// Those inside before a loss of whom the store knows nothing yet: they hold their slots.
    pub missing: u64,
    /// Each lane's part of it, general lane first: those the room has, and those in which
    /// somebody waited in this window.
    pub lanes: Vec<LaneSurvey>,
    /// Releases by pace over the room's life.
    pub releases_total: u64,
    /// Releases by order over the room's life.
    pub granted_total: u64,
    /// Joins over the room's life.
    pub joins_total: u64,
    /// Claims over the room's life.
    pub claims_total: u64,
    /// Turns that nobody took over the room's life.
    pub missed_total: u64,
    /// Number of the newest end; ask for those after it next time.
    pub ends_seq: u64,
    /// Ends recorded after the number asked for, whose tokens may still live, and why each was.
    pub ends: Vec<(Jti, EndedBy)>,
}

impl Survey {
    /// What was counted over the room's life.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        Totals {
            joined: self.joins_total,
            released: self.releases_total.saturating_add(self.granted_total),
            admitted: self.claims_total,
        }
    }

    /// How many slots are taken: those called, those inside, and those missing after a loss.
    #[must_use]
    pub const fn inside(&self) -> u64 {
        self.released
            .saturating_add(self.active)
            .saturating_add(self.missing)
    }

    /// What is known of a lane.
    #[must_use]
    pub fn lane(&self, lane: Lane) -> &LaneSurvey {
        self.lanes.get(lane.index()).unwrap_or(&NOBODY)
    }

    /// Whether somebody waits, and was not found absent, in each lane there could be.
    #[must_use]
    pub fn busy(&self) -> [bool; MOST_LANES] {
        let mut busy = [false; MOST_LANES];
        for (busy, lane) in busy.iter_mut().zip(&self.lanes) {
            *busy = lane.most_ahead() > 0;
        }
        busy
    }

    /// How many are released before somebody with so many ahead in a lane, about: those, and what
    /// the others get beside them while somebody waits in them.
    #[must_use]
    pub fn before(&self, lane: Lane, ahead: u64, weights: &Weights) -> u64 {
        let weights = weights.each().map(u64::from);
        let own = weights.get(lane.index()).copied().unwrap_or(1).max(1);
        let others = Lane::all().zip(&self.lanes).zip(weights);
        let others = others.filter(|((one, _), _)| *one != lane);
        let beside = others.map(|((_, other), weight)| {
            let share = ahead.saturating_mul(weight) / own;
            share.min(other.most_ahead())
        });
        beside.fold(ahead, u64::saturating_add)
    }

    /// How many sessions are over, in this room's life as far as its store knows it.
    #[must_use]
    pub const fn over(&self) -> Over {
        Over(self.claims_total.saturating_sub(self.active))
    }

    /// How new it is: a token that has seen more was made from more than the store knows.
    #[must_use]
    pub const fn glimpse(&self) -> Glimpse {
        Glimpse {
            window: self.orders.window,
            epoch: self.epoch,
            tick: self.ticks.tick,
        }
    }
}

/// Whether the store answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreHealth {
    /// It has not answered since the gateway started.
    NotYet,
    /// The last survey came.
    Reachable,
    /// It has not answered since this monotonic time.
    AwaySince(Duration),
    /// It answers, and has known less than this gateway since this monotonic time: what it lost
    /// is being put back.
    LostSince(Duration),
}

/// What a gateway answers from: the last survey and what was measured on it. Swapped whole.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The last survey.
    pub survey: Survey,
    /// Measured flow of each lane, general lane first; `None` until 20 releases were measured.
    pub flows: Vec<Option<Flow>>,
    /// What changed lately, as far as this gateway saw it.
    pub lately: Lately,
    /// Sessions that ended before their tokens did.
    pub ended: Arc<HashSet<Jti>>,
    /// Whether the store answers.
    pub store: StoreHealth,
    /// The newest thing that tokens have seen, where that is a sale window for which neither the
    /// store nor this gateway has any orders. Nobody is released until an operator opens the room.
    pub unknown: Option<Glimpse>,
    /// This gateway's wall clock against the store's.
    pub skew: Skew,
}

impl Snapshot {
    /// The measured flow of a lane.
    #[must_use]
    pub fn flow(&self, lane: Lane) -> Option<&Flow> {
        self.flows.get(lane.index())?.as_ref()
    }

    /// Whether places are being made sure of after a loss: nobody is released, and positions
    /// shown stand still.
    #[must_use]
    pub const fn recovers(&self) -> bool {
        matches!(self.store, StoreHealth::LostSince(_))
            || !self.survey.recovering.is_zero()
            || self.unknown.is_some()
    }

    /// The newest sale window there is, as far as the store or a token tells.
    #[must_use]
    pub fn window(&self) -> WindowId {
        let known = self.survey.orders.window;
        self.unknown.map_or(known, |seen| known.max(seen.window))
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            survey: Survey::default(),
            flows: Vec::new(),
            lately: Lately::default(),
            ended: Arc::default(),
            store: StoreHealth::NotYet,
            unknown: None,
            skew: Skew::default(),
        }
    }
}

/// One room's snapshot: `pacing` writes, `gate` and `control` read.
pub type SharedSnapshot = Arc<ArcSwap<Snapshot>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_before_are_those_ahead_and_the_others_share_while_they_wait() {
        let lane = |waiting| LaneSurvey {
            waiting,
            ..LaneSurvey::default()
        };
        let seen = Survey {
            lanes: vec![lane(1_000), lane(60), lane(0)],
            ..Survey::default()
        };
        let weights = Weights::new(&[70, 20, 10]).unwrap();
        assert_eq!(seen.before(Lane(0), 70, &weights), 90);
        assert_eq!(
            seen.before(Lane(0), 700, &weights),
            760,
            "the others run out"
        );
        assert_eq!(seen.before(Lane(1), 40, &weights), 180);
    }
}
