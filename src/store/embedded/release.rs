//! The tick: ends what expired, then calls those whose turn it is, lowest place first.

use std::time::Duration;

use super::call::Call;
use super::entry::{Entry, Status};
use super::room::Room;
use super::sessions::{End, Told};
use crate::domain::lane::{Lane, MOST_LANES};
use crate::domain::room::Terms;
use crate::domain::share::EachLane;
use crate::domain::standing::EndedBy;
use crate::domain::tick::{Door, Proposal};
use crate::domain::visitor::VisitorId;
use crate::store::{MOST_CALLED, Released};

/// How long the end of a session that ran out is remembered, for touches still on their way.
const LATE_TOUCH: Duration = Duration::from_mins(1);

impl Room {
    /// One tick, if `proposal` is for the present tick number.
    pub(super) fn release(&mut self, terms: &Terms, proposal: Proposal) -> Released {
        let pace = terms.pace_in_force(self.head.orders.pace);
        let state = self.head.orders.state;
        let open = state.releases() && self.recovering().is_zero();
        let door = if open { Door::Open } else { Door::Shut };
        let Some(step) = self.head.ticks.accept(proposal, pace, door) else {
            return self.released(false, Vec::new());
        };
        let passed = step.state.earned.saturating_sub(self.head.ticks.earned);
        self.head.ticks = step.state;
        if state.claims() {
            self.head.claim_time.0 += passed;
        }
        self.changed();
        let bound = step.batch.min(MOST_CALLED).saturating_mul(2).max(64);
        if state.claims() {
            self.end_missed_turns(bound);
        }
        self.end_run_out_sessions(bound);
        let batch = self.call(terms, step.batch);
        if open {
            self.freeze_round(terms);
            self.reach(terms);
        }
        self.released(true, batch)
    }

    fn released(&self, won: bool, batch: Vec<VisitorId>) -> Released {
        Released {
            won,
            ticks: self.head.ticks.as_told(),
            batch,
            orders: self.head.orders.version,
        }
    }

    /// Takes back turns that were not claimed: the first time the visitor keeps its place and
    /// counts as absent, the second time the turn is over.
    fn end_missed_turns(&mut self, most: u64) {
        for _ in 0..most {
            let Some(&(until, place, visitor)) = self.turns.first() else {
                return;
            };
            if until > self.head.claim_time {
                return;
            }
            self.turns.pop_first();
            let Some(entry) = self.visitors.get(&visitor).copied() else {
                continue;
            };
            let status = if entry.missed || self.queues.holds(place) {
                Status::Ended(EndedBy::Missed)
            } else {
                Status::Absent
            };
            let missed = true;
            self.head.missed_total += 1;
            self.put(
                visitor,
                Entry {
                    status,
                    missed,
                    ..entry
                },
            );
        }
    }

    /// Ends sessions whose slot ran out. Their tokens have run out before, so nobody is told.
    fn end_run_out_sessions(&mut self, most: u64) {
        for _ in 0..most {
            let Some(jti) = self.sessions.run_out(self.now()) else {
                return;
            };
            let end = End {
                why: EndedBy::Expired,
                number: None,
                forget: self.now().after(LATE_TOUCH),
            };
            self.end_session(jti, end, Told::Nobody);
        }
    }

    /// Calls those granted by order and the pace's batch, as far as capacity allows.
    fn call(&mut self, terms: &Terms, paced: u64) -> Vec<VisitorId> {
        let state = self.head.orders.state;
        let rested = self.recovering().is_zero();
        let (open, grants) = (state.releases() && rested, state.claims() && rested);
        let room = self.capacity_left(terms).min(MOST_CALLED);
        let due = self.head.orders.grants.saturating_sub(self.head.grants_met);
        let granted = if grants { due.min(room) } else { 0 };
        let paced = if open { paced } else { 0 };
        let most = granted.saturating_add(paced).min(room);

        let present = self.queues.present();
        let mut call = Call {
            batch: Vec::new(),
            by_lane: EachLane::default(),
            looks: most.saturating_mul(4).saturating_add(256),
            claim_window: terms.session.claim_window,
        };
        if most > 0 {
            self.call_by_share(&mut call, &terms.lanes, most);
        }

        let called = call.batch.len() as u64;
        let by_order = called.min(granted);
        self.head.granted_total += by_order;
        self.settle_grants(due, by_order, &call);
        self.head.releases_total += called - by_order;
        self.head.ticks.spend(called - by_order);
        let moving = present.map(|present| open && present > 0);
        self.measure(moving, call.by_lane, by_order);
        call.batch
    }

    /// Notes in each lane in which somebody has waited how many went by the pace. Which of them
    /// went by order makes no difference to anybody: the first are taken for it.
    fn measure(&mut self, moving: [bool; MOST_LANES], called: EachLane, mut by_order: u64) {
        let now = self.now().0;
        let used = self.queues.used().max(1);
        let lanes = self.head.lanes.iter_mut().take(used);
        for ((lane, moving), called) in lanes.zip(moving).zip(called) {
            let ordered = by_order.min(called);
            by_order -= ordered;
            if moving {
                lane.history.record(now, called - ordered);
            } else {
                lane.history.skip(now);
            }
        }
    }

    /// Notes how far the horizon of each lane reaches.
    fn reach(&mut self, terms: &Terms) {
        for lane in Lane::all().take(self.lane_count(&terms.lanes)) {
            if let Some(horizon) = self.horizon(terms, lane) {
                let now = self.now().0;
                let head = self.head.lanes.of_mut(lane);
                head.horizons.record(now, horizon);
            }
        }
    }

    /// What was ordered and could not be done now lapses, unless only this tick's bounds stood
    /// in the way.
    fn settle_grants(&mut self, due: u64, done: u64, call: &Call) {
        let bounded = call.looks == 0 || call.batch.len() as u64 == MOST_CALLED;
        self.head.grants_met += if bounded { done } else { due };
    }

    pub(super) fn capacity_left(&self, terms: &Terms) -> u64 {
        let known = self.turns.len() as u64 + self.sessions.active();
        let inside = known + self.missing();
        match self.head.orders.capacity.unwrap_or(terms.capacity) {
            Some(capacity) => u64::from(capacity.get()).saturating_sub(inside),
            None => u64::MAX,
        }
    }
}
