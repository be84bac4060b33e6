//! What the store knows of a room, told to gateways.

use super::room::Room;
use crate::domain::place::Place;
use crate::domain::presence;
use crate::domain::room::Terms;
use crate::store::survey::{Sample, Survey};

impl Room {
    /// What the store knows of the room.
    pub(super) fn survey(&self, terms: &Terms, ends_seen: u64) -> Survey {
        let head = &self.head;
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
            absent: self.queue.absent(),
            released: self.turns.len() as u64,
            active: self.sessions.active(),
            missing: self.missing(),
            horizon: self
                .horizon(terms)
                .map(|now| now.max(head.horizons.covered().unwrap_or(now))),
            samples: self.samples(),
            history: head.history.clone(),
            releases_total: head.releases_total,
            granted_total: head.granted_total,
            joins_total: head.joins_total,
            claims_total: head.claims_total,
            missed_total: head.missed_total,
            ends_seq: self.sessions.newest_end,
            ends: self.sessions.ends_after(ends_seen),
        }
    }

    /// Places up to this one are near. Where fewer wait than will soon be released, that is every
    /// place given out so far; `None` while nobody waits.
    pub(super) fn horizon(&self, terms: &Terms) -> Option<Place> {
        if self.queue.len() == 0 {
            return None;
        }
        let pace = terms.pace_in_force(self.head.orders.pace);
        let near = presence::horizon(pace, terms.horizon);
        self.queue.nth(near).or(self.last_place())
    }

    fn samples(&self) -> Vec<Sample> {
        let mut samples = self.queue.samples();
        for sample in &mut samples {
            sample.ahead += self.undrawn_before(sample.place);
        }
        samples
    }
}
