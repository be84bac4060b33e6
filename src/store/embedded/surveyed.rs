//! What the store knows of a room, told to gateways.

use super::room::Room;
use crate::domain::lane::Lane;
use crate::domain::place::Place;
use crate::domain::presence;
use crate::domain::room::Terms;
use crate::store::survey::{LaneSurvey, Survey};

impl Room {
    /// What the store knows of the room.
    pub(super) fn survey(&self, terms: &Terms, ends_seen: u64) -> Survey {
        let head = &self.head;
        let count = self.lane_count(&terms.lanes);
        let lanes = Lane::all().take(count);
        Survey {
            orders: head.orders.clone(),
            incarnation: head.incarnation,
            epoch: self.epoch(),
            // What was spent since the tick is the store's own affair.
            ticks: head.ticks.as_told(),
            recovering: self.recovering(),
            store_time: None,
            gateways: 1,
            waiting: self.waiting_in_all(),
            lobby: u64::from(self.lobby.gathered()),
            frozen: head.cut,
            roster: u64::from(self.drawn()),
            absent: self.queues.absent(),
            released: self.turns.len() as u64,
            active: self.sessions.active(),
            missing: self.missing(),
            lanes: lanes
                .map(|lane| self.survey_of(terms, lane, count))
                .collect(),
            releases_total: head.releases_total,
            granted_total: head.granted_total,
            joins_total: head.joins_total,
            claims_total: head.claims_total,
            missed_total: head.missed_total,
            ends_seq: self.sessions.newest_end,
            ends: self.sessions.ends_after(ends_seen),
        }
    }

    /// What the store knows of one of so many lanes.
    fn survey_of(&self, terms: &Terms, lane: Lane, lanes: usize) -> LaneSurvey {
        let (head, queue) = (self.head.lanes.of(lane), self.queues.of(lane));
        let mut samples = queue.samples(lanes);
        for sample in &mut samples {
            sample.ahead += self.undrawn_before(lane, sample.place);
        }
        LaneSurvey {
            waiting: self.waiting_in(lane),
            absent: queue.absent(),
            lobby: self.lobby.gathered_in(lane),
            horizon: self
                .horizon(terms, lane)
                .map(|now| now.max(head.horizons.covered().unwrap_or(now))),
            samples,
            history: head.history.clone(),
            releases_total: head.releases_total,
        }
    }

    /// Places of a lane up to this one are near: what the whole pace will release of it, for it
    /// gets that when nobody waits in the others. Where fewer wait than that, it is every place
    /// given out so far; `None` while nobody waits.
    pub(super) fn horizon(&self, terms: &Terms, lane: Lane) -> Option<Place> {
        let queue = self.queues.of(lane);
        if queue.len() == 0 {
            return None;
        }
        let pace = terms.pace_in_force(self.head.orders.pace);
        let near = presence::horizon(pace, terms.horizon);
        queue.nth(near).or(self.last_place())
    }
}
