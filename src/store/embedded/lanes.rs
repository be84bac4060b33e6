//! What a room keeps of each of its lanes: a part of its head on disk, and the queues in memory.

use serde::{Deserialize, Serialize};

use super::queue::Queue;
use crate::domain::estimate::ReleaseHistory;
use crate::domain::lane::{Lane, MOST_LANES};
use crate::domain::place::Place;
use crate::domain::presence::HorizonHistory;
use crate::domain::share::{EachLane, Leads};
use crate::domain::visitor::VisitorId;

/// Something of every lane there could be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ByLane<T>([T; MOST_LANES]);

impl<T> ByLane<T> {
    /// That of a lane; a lane that cannot be is the general one.
    pub(super) fn of(&self, lane: Lane) -> &T {
        let [general, ..] = &self.0;
        self.0.get(lane.index()).unwrap_or(general)
    }

    pub(super) fn of_mut(&mut self, lane: Lane) -> &mut T {
        let [general, others @ ..] = &mut self.0;
        let other = lane.index().checked_sub(1);
        match other.and_then(|at| others.get_mut(at)) {
            Some(other) => other,
            None => general,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut()
    }
}

/// What a room knows of a lane besides who waits in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LaneHead {
    /// The highest place released so far.
    pub(super) front: u64,
    /// What is left of a half for those from behind the front.
    pub(super) carry: u64,
    /// How far it is ahead of its share of the releases.
    pub(super) lead: u64,
    pub(super) releases_total: u64,
    pub(super) history: ReleaseHistory,
    pub(super) horizons: HorizonHistory,
}

impl ByLane<LaneHead> {
    pub(super) fn leads(&self) -> Leads {
        let [first, second, third, fourth, fifth, sixth, seventh, eighth] = &self.0;
        let all = [first, second, third, fourth, fifth, sixth, seventh, eighth];
        Leads::new(all.map(|lane| lane.lead))
    }

    pub(super) fn set_leads(&mut self, leads: Leads) {
        for (lane, lead) in self.0.iter_mut().zip(leads.kept()) {
            lane.lead = lead;
        }
    }
}

/// Lanes as they stand in the head's row: without those at the end of which nothing is known.
pub(super) mod kept {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use super::{ByLane, LaneHead};

    pub(in super::super) fn serialize<S: Serializer>(
        lanes: &ByLane<LaneHead>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let unknown = LaneHead::default();
        let last = lanes.0.iter().rposition(|lane| *lane != unknown);
        let known = last.map_or(0, |at| at + 1);
        lanes.0.get(..known).unwrap_or_default().serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<ByLane<LaneHead>, D::Error> {
        let kept = Vec::<LaneHead>::deserialize(from)?;
        let mut lanes = ByLane::default();
        if kept.len() > lanes.0.len() {
            return Err(de::Error::custom("too many lanes"));
        }
        for (lane, kept) in lanes.iter_mut().zip(kept) {
            *lane = kept;
        }
        Ok(lanes)
    }
}

/// The queues of a room's lanes. A place is held in one of them at most.
#[derive(Debug, Default)]
pub(super) struct Queues {
    lanes: ByLane<Queue>,
    /// How many lanes there are, as far as somebody has waited in them.
    used: usize,
}

impl Queues {
    /// How many lanes there are, as far as somebody has waited in them.
    pub(super) const fn used(&self) -> usize {
        self.used
    }

    /// A lane's queue.
    pub(super) fn of(&self, lane: Lane) -> &Queue {
        self.lanes.of(lane)
    }

    /// A lane's queue, for whatever adds nobody to it.
    pub(super) fn of_mut(&mut self, lane: Lane) -> &mut Queue {
        self.lanes.of_mut(lane)
    }

    /// Notes that somebody waits in a lane, with a place or for one.
    pub(super) fn use_lane(&mut self, lane: Lane) {
        self.used = self.used.max(lane.index() + 1);
    }

    /// Puts a visitor at its place, or back among the present.
    pub(super) fn add(&mut self, lane: Lane, place: Place, visitor: VisitorId) {
        self.use_lane(lane);
        self.lanes.of_mut(lane).add(place, visitor);
    }

    /// Puts an absent visitor at its place, or notes that it is absent.
    pub(super) fn add_absent(&mut self, lane: Lane, place: Place, visitor: VisitorId) {
        self.use_lane(lane);
        self.lanes.of_mut(lane).add_absent(place, visitor);
    }

    /// All who wait, present or not.
    pub(super) fn len(&self) -> u64 {
        self.lanes.iter().map(Queue::len).sum()
    }

    /// Those found absent.
    pub(super) fn absent(&self) -> u64 {
        self.lanes.iter().map(Queue::absent).sum()
    }

    /// Whether somebody waits at `place`, in whichever lane.
    pub(super) fn holds(&self, place: Place) -> bool {
        self.lanes.iter().any(|queue| queue.holds(place))
    }

    /// How many wait in each lane who were not found absent.
    pub(super) fn present(&self) -> EachLane {
        let mut present = EachLane::default();
        for (count, queue) in present.iter_mut().zip(self.lanes.iter()) {
            *count = queue.present();
        }
        present
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_cannot_be_is_the_general_one() {
        let mut lanes = ByLane::<LaneHead>::default();
        lanes.of_mut(Lane(200)).front = 7;
        lanes.of_mut(Lane(7)).front = 9;
        assert_eq!((lanes.of(Lane(0)).front, lanes.of(Lane(8)).front), (7, 7));
        assert_eq!(lanes.of(Lane(7)).front, 9);
    }

    #[test]
    fn only_lanes_of_which_something_is_known_are_written() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Row(#[serde(with = "kept")] ByLane<LaneHead>);
        let mut lanes = ByLane::default();
        assert_eq!(serde_json::to_string(&Row(lanes.clone())).unwrap(), "[]");
        lanes.of_mut(Lane(2)).lead = 5;
        let text = serde_json::to_string(&Row(lanes.clone())).unwrap();
        assert_eq!(serde_json::from_str::<Row>(&text).unwrap(), Row(lanes));
        let three = &text[1..text.len() - 1];
        let nine = format!("[{}]", [three; 3].join(","));
        assert!(serde_json::from_str::<Row>(&nine).is_err());
    }
}
