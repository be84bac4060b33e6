//! What a survey knows of one lane, and how many are ahead in it.

use std::sync::LazyLock;

use crate::domain::estimate::ReleaseHistory;
use crate::domain::place::Place;

/// What a survey knows of one lane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LaneSurvey {
    /// All unreleased in it, present or not.
    pub waiting: u64,
    /// Those of `waiting` who were found absent.
    pub absent: u64,
    /// Those of `waiting` who are in the running lobby.
    pub lobby: u64,
    /// Places in it up to this one are near the front and check in; `None` while nobody waits in
    /// it. It never moves back while somebody does.
    pub horizon: Option<Place>,
    /// How many of the lane wait below chosen places, ascending.
    pub samples: Vec<Sample>,
    /// Measured releases from it, for the estimate.
    pub history: ReleaseHistory,
    /// Releases from it over the room's life, by pace and by order.
    pub releases_total: u64,
}

/// A lane that the store knows nothing of.
pub(super) static NOBODY: LazyLock<LaneSurvey> = LazyLock::new(LaneSurvey::default);

/// Samples of a queue at most: enough that a position read between two is off by less than 0.1 %
/// of it. The lanes of a room share them, and have a few more near each front.
pub const MOST_SAMPLES: usize = 1_024;

/// How many count as ahead of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The place.
    pub place: Place,
    /// Unreleased smaller places, less those found absent.
    pub ahead: u64,
}

impl LaneSurvey {
    /// How many of the lane are ahead of `place` as far as the samples tell: exact at a sample,
    /// in between never less than the sample below and never more than the one above.
    #[must_use]
    pub fn ahead_of(&self, place: Place) -> u64 {
        let after = self.samples.partition_point(|sample| sample.place <= place);
        let below = after.checked_sub(1).and_then(|at| self.samples.get(at));
        let above = self.samples.get(after);
        match (below, above) {
            (None, None) => self.most_ahead(),
            (None, Some(above)) => above.ahead,
            (Some(below), None) => {
                let gap = place.score().saturating_sub(below.place.score());
                let most = self.most_ahead().max(below.ahead);
                below.ahead.saturating_add(gap).min(most)
            }
            (Some(below), Some(above)) => {
                let span = above
                    .place
                    .score()
                    .saturating_sub(below.place.score())
                    .max(1);
                let part = place.score().saturating_sub(below.place.score());
                let more = above.ahead.saturating_sub(below.ahead);
                let share = u128::from(more) * u128::from(part) / u128::from(span);
                below.ahead + u64::try_from(share).unwrap_or(more)
            }
        }
    }

    /// Whoever has a place, or will get one that was kept free.
    pub(super) const fn most_ahead(&self) -> u64 {
        self.waiting
            .saturating_sub(self.absent)
            .saturating_sub(self.lobby)
    }

    /// Whether it was taken late enough to count those ahead of `place`: the last place of a
    /// queue is always a sample, so a place behind it was given since.
    #[must_use]
    pub fn has_seen(&self, place: Place) -> bool {
        self.samples.last().is_some_and(|last| place <= last.place)
    }

    /// Whether holders of `place` must ask the store: it is within the horizon.
    #[must_use]
    pub fn is_near(&self, place: Place) -> bool {
        self.horizon.is_none_or(|horizon| place <= horizon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::place::Epoch;

    fn place(number: u32) -> Place {
        Place::new(Epoch(5), number).unwrap()
    }

    fn survey() -> LaneSurvey {
        LaneSurvey {
            waiting: 100,
            samples: vec![
                Sample {
                    place: place(10),
                    ahead: 0,
                },
                Sample {
                    place: place(50),
                    ahead: 20,
                },
                Sample {
                    place: place(150),
                    ahead: 90,
                },
            ],
            horizon: Some(place(50)),
            ..LaneSurvey::default()
        }
    }

    #[test]
    fn a_position_between_samples_lies_between_them() {
        let survey = survey();
        for (number, ahead) in [
            (1, 0),
            (10, 0),
            (30, 10),
            (50, 20),
            (100, 55),
            (150, 90),
            (155, 95),
            (999, 100),
        ] {
            assert_eq!(survey.ahead_of(place(number)), ahead, "place {number}");
        }
    }

    #[test]
    fn a_place_given_since_is_not_seen() {
        assert!(survey().has_seen(place(150)) && !survey().has_seen(place(151)));
        assert!(!LaneSurvey::default().has_seen(place(1)));
    }

    #[test]
    fn near_is_up_to_the_horizon() {
        assert!(survey().is_near(place(50)) && !survey().is_near(place(51)));
        assert!(LaneSurvey::default().is_near(place(1)), "unknown is near");
    }
}
