//! Whom a tick calls: from each lane its share, and within a lane the lowest place first.

use std::ops::Bound;
use std::time::Duration;

use super::entry::{Entry, Status};
use super::moment::Moment;
use super::room::Room;
use crate::domain::lane::{Lane, Weights};
use crate::domain::place::Place;
use crate::domain::presence;
use crate::domain::share::EachLane;
use crate::domain::visitor::VisitorId;

/// One tick's work: who may go, and how much may be looked at for it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) batch: Vec<VisitorId>,
    /// How many of them are of each lane.
    pub(super) by_lane: EachLane,
    /// Lapsed places that may still be met.
    pub(super) looks: u64,
    pub(super) claim_window: Duration,
}

impl Call {
    fn count(&self) -> u64 {
        self.batch.len() as u64
    }
}

/// A lane as it stood when the tick began.
#[derive(Clone, Copy)]
struct Line {
    lane: Lane,
    front: Place,
    expected: Place,
}

impl Room {
    /// How many lanes there are: those of the terms, and those in which somebody has waited.
    pub(super) fn lane_count(&self, weights: &Weights) -> usize {
        self.queues.used().max(weights.all().len())
    }

    /// Calls `most` in all, shared among the lanes. A lane that has fewer to call than its share
    /// has leaves the rest to the others.
    pub(super) fn call_by_share(&mut self, call: &mut Call, weights: &Weights, most: u64) {
        let lanes = Lane::all().take(self.lane_count(weights));
        let lines: Vec<_> = lanes.map(|lane| self.line(lane)).collect();
        if let [only] = lines.as_slice() {
            self.call_in_order(call, *only, most);
            return;
        }
        let mut leads = self.head.lanes.leads();
        let mut waiting = self.queues.present();
        while call.count() < most {
            let shares = leads.share(weights, waiting, most - call.count());
            if shares == EachLane::default() {
                break;
            }
            for ((line, share), waits) in lines.iter().zip(shares).zip(&mut waiting) {
                let called = self.call_in_order(call, *line, share);
                *waits = if called < share { 0 } else { *waits - share };
            }
        }
        self.head.lanes.set_leads(leads);
    }

    fn line(&self, lane: Lane) -> Line {
        Line {
            lane,
            front: self.front(lane),
            expected: self.expected(lane),
        }
    }

    /// Calls so many of one lane; how many it did. Those who came back from behind the front take
    /// at most half while others wait; whatever one side cannot use the other may.
    fn call_in_order(&mut self, call: &mut Call, line: Line, most: u64) -> u64 {
        if most == 0 {
            return 0;
        }
        let before = call.count();
        let behind = (Bound::Unbounded, Bound::Included(line.front));
        let beyond = (Bound::Excluded(line.front), Bound::Unbounded);
        if self.queues.of(line.lane).first(behind).is_some() {
            let head = self.head.lanes.of_mut(line.lane);
            let (half, carry) = presence::from_behind(most, head.carry);
            head.carry = carry;
            self.call_within(call, line, behind, before + half.min(most));
        }
        self.call_within(call, line, beyond, before + most);
        self.call_within(call, line, behind, before + most);
        let called = call.count() - before;
        if let Some(of_lane) = call.by_lane.get_mut(line.lane.index()) {
            *of_lane += called;
        }
        called
    }

    /// Calls the lowest places within `range` until the batch has come to `most`.
    fn call_within(
        &mut self,
        call: &mut Call,
        line: Line,
        range: (Bound<Place>, Bound<Place>),
        most: u64,
    ) {
        while call.count() < most {
            let Some((place, visitor)) = self.queues.of(line.lane).first(range) else {
                return;
            };
            if place <= line.expected && self.has_lapsed(visitor) {
                if call.looks == 0 {
                    return;
                }
                call.looks -= 1;
                self.lose(visitor);
                continue;
            }
            self.call_one(call, line, place, visitor);
        }
    }

    fn call_one(&mut self, call: &mut Call, line: Line, place: Place, visitor: VisitorId) {
        let late = if place <= line.expected {
            Duration::ZERO
        } else {
            presence::EXPECTED_AFTER
        };
        let until = self.head.claim_time.after(call.claim_window).after(late);
        if self.let_go((line.lane, place), visitor, until) {
            call.batch.push(visitor);
        }
    }

    /// Releases the visitor who waits at this place of a lane; whether there was one.
    pub(super) fn let_go(
        &mut self,
        (lane, place): (Lane, Place),
        visitor: VisitorId,
        until: Moment,
    ) -> bool {
        let Some(entry) = self.visitors.get(&visitor).copied() else {
            self.queues.of_mut(lane).remove(place);
            return false;
        };
        let status = Status::Released { until };
        self.put(visitor, Entry { status, ..entry });
        let head = self.head.lanes.of_mut(lane);
        head.front = head.front.max(place.score());
        head.releases_total += 1;
        true
    }
}
