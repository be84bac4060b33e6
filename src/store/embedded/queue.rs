//! Who waits in a lane, in order of place: those present or not yet expected, and those found absent.

use std::collections::BTreeMap;
use std::ops::RangeBounds;

use super::ranks::Ranks;
use crate::domain::place::Place;
use crate::domain::visitor::VisitorId;
use crate::store::survey::{MOST_SAMPLES, Sample};

/// A lane's queue. A place is held by one visitor at most.
#[derive(Debug, Default)]
pub(super) struct Queue {
    present: BTreeMap<Place, VisitorId>,
    absent: BTreeMap<Place, VisitorId>,
    ranks: Ranks,
    /// Where the next sweep goes on looking for the absent; `None` is the beginning.
    pub(super) cursor: Option<Place>,
}

impl Queue {
    /// All who wait, present or not.
    pub(super) fn len(&self) -> u64 {
        self.ranks.len() + self.absent()
    }

    /// Those not found absent.
    pub(super) const fn present(&self) -> u64 {
        self.ranks.len()
    }

    /// Those found absent.
    pub(super) fn absent(&self) -> u64 {
        self.absent.len() as u64
    }

    /// Whether somebody waits at `place`.
    pub(super) fn holds(&self, place: Place) -> bool {
        self.present.contains_key(&place) || self.absent.contains_key(&place)
    }

    /// Puts a visitor at its place, or back among the present.
    pub(super) fn add(&mut self, place: Place, visitor: VisitorId) {
        self.absent.remove(&place);
        self.present.insert(place, visitor);
        self.ranks.insert(place);
    }

    /// Notes that the visitor at `place` is absent; the place is kept.
    pub(super) fn add_absent(&mut self, place: Place, visitor: VisitorId) {
        self.remove(place);
        self.absent.insert(place, visitor);
    }

    /// Takes a place out.
    pub(super) fn remove(&mut self, place: Place) {
        if self.present.remove(&place).is_some() {
            self.ranks.remove(place);
        }
        self.absent.remove(&place);
    }

    /// Smaller places less those found absent.
    pub(super) fn ahead_of(&self, place: Place) -> u64 {
        self.ranks.below(place)
    }

    /// The lowest place within `range` that was not found absent.
    pub(super) fn first(&self, range: impl RangeBounds<Place>) -> Option<(Place, VisitorId)> {
        self.iter(range).next()
    }

    /// Those not found absent within `range`, in order of place.
    pub(super) fn iter(
        &self,
        range: impl RangeBounds<Place>,
    ) -> impl Iterator<Item = (Place, VisitorId)> {
        self.present
            .range(range)
            .map(|(place, visitor)| (*place, *visitor))
    }

    /// The place with `rank` among those not found absent; `None` when fewer wait.
    pub(super) fn nth(&self, rank: u64) -> Option<Place> {
        self.ranks.sample([rank]).first().map(|one| one.place)
    }

    /// Samples for a survey, in which so many lanes share [`MOST_SAMPLES`]: everybody while few
    /// wait, else every thousandth of the queue (where it is the only one), the powers of two near
    /// the front, and the last place.
    pub(super) fn samples(&self, lanes: usize) -> Vec<Sample> {
        let most = MOST_SAMPLES.checked_div(lanes).unwrap_or(MOST_SAMPLES) as u64;
        let present = self.present();
        if present <= most {
            return self.ranks.sample(0..present);
        }
        let even = most.saturating_sub(24).max(1);
        let mut ranks: Vec<u64> = (0..even)
            .map(|step| step.saturating_mul(present) / even)
            .chain((0..20).map(|power| 1 << power))
            .chain(present.checked_sub(1))
            .filter(|rank| *rank < present)
            .collect();
        ranks.sort_unstable();
        ranks.dedup();
        self.ranks.sample(ranks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue_of(count: u64) -> Queue {
        let mut queue = Queue::default();
        for number in 1..=count {
            let visitor = VisitorId::from_bytes(u128::from(number).to_be_bytes());
            queue.add(Place::from_score(number).unwrap(), visitor);
        }
        queue
    }

    #[test]
    fn samples_are_few_ascending_exact_and_dense_enough() {
        for count in [0, 1, 2, 999, 1_024, 30_000] {
            let queue = queue_of(count);
            let samples = queue.samples(1);
            assert!(samples.len() <= MOST_SAMPLES, "{count}");
            assert!(
                samples
                    .windows(2)
                    .all(|pair| pair[1].ahead - pair[0].ahead <= count / 1_000 + 1
                        && pair[0].place < pair[1].place)
            );
            assert!(
                samples
                    .iter()
                    .all(|one| one.ahead == queue.ahead_of(one.place))
            );
            assert_eq!(samples.last().map(|one| one.ahead + 1).unwrap_or(0), count);
        }
    }

    #[test]
    fn the_absent_keep_their_place_and_count_as_nobody_ahead() {
        let mut queue = queue_of(3);
        let (first, last) = (Place::from_score(1).unwrap(), Place::from_score(3).unwrap());

        queue.add_absent(first, VisitorId::from_bytes([9; 16]));

        assert_eq!((queue.len(), queue.present(), queue.absent()), (3, 2, 1));
        assert!(queue.holds(first));
        assert_eq!(queue.ahead_of(last), 1);
        queue.add(first, VisitorId::from_bytes([9; 16]));
        assert_eq!((queue.absent(), queue.ahead_of(last)), (0, 2));
    }
}
