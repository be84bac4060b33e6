//! Who counts as present near the front, and who may be called absent.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::estimate::LONGEST_JITTERED_POLL;
use super::pace::{Corrected, micros};
use super::place::Place;

/// The shortest time that a check-in lasts.
pub const SHORTEST_CHECK_IN: Duration = Duration::from_secs(60);

/// How long the horizon must have covered a place before its visitor is expected. Whoever was
/// told when to poll just before it did has come by then.
pub const EXPECTED_AFTER: Duration = LONGEST_JITTERED_POLL;

/// How many visitors from the front are near: what will be released within `horizon`, at least 1.
#[must_use]
pub fn horizon(pace: impl Into<Corrected>, horizon: Duration) -> u64 {
    pace.into().within(horizon).max(1)
}

/// How long a check-in lasts when the next poll is `promised` after it: until then and twice
/// that interval more, at least [`SHORTEST_CHECK_IN`].
#[must_use]
pub fn check_in_lasts(promised: Duration) -> Duration {
    promised.saturating_mul(3).max(SHORTEST_CHECK_IN)
}

/// How many of `batch` may go to present visitors from behind the front, while others who are
/// present wait at it: half, with the odd one carried to the next batch (`carry` is 0 or 1).
/// Returns that number and the next carry.
#[must_use]
pub fn from_behind(batch: u64, carry: u64) -> (u64, u64) {
    let halves = batch.saturating_add(carry.min(1));
    (halves / 2, halves % 2)
}

/// How far the horizon has reached, and since when: at most one entry a second of room time, and
/// only those of the last [`EXPECTED_AFTER`] and one before.
///
/// The horizon never moves back: whoever was told to check in keeps doing so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HorizonHistory {
    /// Room time in microseconds and the score of the highest place covered, both ascending.
    reached: VecDeque<(u64, u64)>,
}

impl HorizonHistory {
    /// Notes that at `room_time` microseconds the horizon covers every place up to `place`.
    /// Within one second of the last note, or without having moved on, it does nothing.
    pub fn record(&mut self, room_time: u64, place: Place) {
        if let Some((at, highest)) = self.reached.back() {
            let soon = room_time < at.saturating_add(micros(Duration::from_secs(1)));
            if soon || place.score() <= *highest {
                return;
            }
        }
        self.reached.push_back((room_time, place.score()));
        let long_ago = |entry: Option<&(u64, u64)>| {
            entry.is_some_and(|(at, _)| covered_long_enough(*at, room_time))
        };
        while long_ago(self.reached.get(1)) {
            self.reached.pop_front();
        }
    }

    /// The highest place that the horizon covers; `None` before the first note.
    #[must_use]
    pub fn covered(&self) -> Option<Place> {
        let (_, score) = self.reached.back()?;
        Place::from_score(*score)
    }

    /// The highest place whose visitor is expected to have checked in by `room_time`.
    ///
    /// Up to it, whoever has no check-in that lasts may be called absent. Places above it are
    /// not yet expected and go as if present, as do all places while this is `None`.
    #[must_use]
    pub fn expected(&self, room_time: u64) -> Option<Place> {
        let entries = self.reached.iter().rev();
        let mut old = entries.filter(|(at, _)| covered_long_enough(*at, room_time));
        let (_, score) = old.next()?;
        Place::from_score(*score)
    }
}

fn covered_long_enough(since: u64, room_time: u64) -> bool {
    since.saturating_add(micros(EXPECTED_AFTER)) <= room_time
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::estimate::{LONGEST_POLL, jittered};
    use crate::domain::pace::{Correction, Pace, VISITOR};
    use crate::domain::place::Epoch;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000;

    fn place(number: u32) -> Place {
        Place::new(Epoch(7), number).unwrap()
    }

    #[test]
    fn the_horizon_is_what_the_pace_releases_in_it_and_at_least_one() {
        let pace = |rate| Pace::per_minute(rate).unwrap();
        assert_eq!(horizon(pace(600), Duration::from_mins(3)), 1_800);
        assert_eq!(horizon(pace(7), Duration::from_mins(3)), 21);
        assert_eq!(horizon(pace(1), Duration::from_secs(1)), 1);
        assert_eq!(horizon(pace(Pace::MOST), Duration::MAX), u64::MAX / VISITOR);
        let faster = pace(600).corrected(Correction::MOST);
        assert_eq!(horizon(faster, Duration::from_mins(3)), 2_340);
    }

    #[test]
    fn a_check_in_outlasts_two_missed_polls() {
        let lasts = |secs| check_in_lasts(Duration::from_secs(secs)).as_secs();
        assert_eq!(
            (lasts(2), lasts(20), lasts(21), lasts(66)),
            (60, 60, 63, 198)
        );
        assert_eq!(check_in_lasts(Duration::MAX), Duration::MAX);
    }

    #[test]
    fn nobody_is_expected_sooner_than_the_longest_jittered_poll() {
        let longest = (0..10_000).map(|seed| jittered(LONGEST_POLL, seed)).max();
        assert!(longest.unwrap() <= EXPECTED_AFTER);
    }

    #[test]
    fn a_place_is_expected_once_the_horizon_has_covered_it_for_the_longest_poll() {
        let mut history = HorizonHistory::default();
        assert_eq!(
            (history.covered(), history.expected(u64::MAX)),
            (None, None)
        );
        history.record(10 * SECOND, place(100));
        history.record(20 * SECOND, place(150));

        assert_eq!(history.covered(), Some(place(150)));
        assert_eq!(history.expected(76 * SECOND - 1), None);
        assert_eq!(history.expected(76 * SECOND), Some(place(100)));
        assert_eq!(history.expected(86 * SECOND), Some(place(150)));
    }

    #[test]
    fn the_horizon_never_moves_back_and_is_noted_once_a_second() {
        let mut history = HorizonHistory::default();
        history.record(0, place(100));
        history.record(5 * SECOND, place(40));
        history.record(SECOND / 2, place(900));
        assert_eq!(history.covered(), Some(place(100)));

        history.record(5 * SECOND, place(101));
        assert_eq!(history.expected(66 * SECOND), Some(place(100)));
    }

    #[test]
    fn the_history_stays_small_and_is_the_same_after_being_written_down() {
        let mut history = HorizonHistory::default();
        for tick in 0..40_000u32 {
            history.record(u64::from(tick) * 250_000, place(tick + 1));
        }
        assert!(history.reached.len() <= 68, "{}", history.reached.len());
        assert_eq!(
            history.expected(10_000 * SECOND),
            Some(place(9_934 * 4 + 1))
        );
        let text = serde_json::to_string(&history).unwrap();
        assert_eq!(
            serde_json::from_str::<HorizonHistory>(&text).unwrap(),
            history
        );
    }

    proptest! {
        #[test]
        fn whoever_is_expected_was_covered_that_long_ago(
            steps in prop::collection::vec((0u64..5 * SECOND, 0u32..1_000), 1..300),
        ) {
            let (mut history, mut now, mut notes) = (HorizonHistory::default(), 0, vec![]);
            for (step, number) in steps {
                now += step;
                history.record(now, place(number));
                notes.push((now, place(number)));
                let long_ago = |at: u64| at + micros(EXPECTED_AFTER) <= now;
                let covered = notes.iter().filter(|(at, _)| long_ago(*at)).map(|note| note.1).max();
                prop_assert!(history.expected(now) <= covered);
                prop_assert_eq!(history.expected(now).is_some(), covered.is_some());
            }
        }

        #[test]
        fn half_of_all_batches_goes_to_those_from_behind(
            batches in prop::collection::vec(0u64..50, 0..200),
        ) {
            let (mut carry, mut behind) = (0, 0);
            for batch in &batches {
                let (allowed, next) = from_behind(*batch, carry);
                prop_assert!(allowed <= batch.div_ceil(2) && next <= 1);
                (carry, behind) = (next, behind + allowed);
            }
            prop_assert_eq!(2 * behind + carry, batches.iter().sum::<u64>());
        }
    }
}
