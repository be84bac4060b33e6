//! Lanes: queues beside each other in one room, each with its share of the releases.

use super::room::RoomName;

/// Which lane of its room; 0 is the general one, and the only one where a room names none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(pub u8);

impl Lane {
    /// Where everybody waits who has no right to another.
    pub const GENERAL: Self = Self(0);

    /// Every lane there could be, the general one first.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        (0..).take(MOST_LANES).map(Self)
    }

    /// Its number as an index.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Lanes of a room at most.
pub const MOST_LANES: usize = 8;

/// One lane, as the owner set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneSettings {
    /// Its name, unique in the room.
    pub name: RoomName,
    /// Its share of the releases while all lanes wait, against the sum of all weights; 1 to 1,000.
    pub weight: u16,
}

/// The weights of a room's lanes, general lane first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    weights: [u16; MOST_LANES],
    count: u8,
}

impl Weights {
    /// The highest weight there is.
    pub const MOST: u16 = 1_000;

    /// The weights of these lanes; `None` where there is none, there are more than
    /// [`MOST_LANES`], or a weight is 0 or above [`Weights::MOST`].
    #[must_use]
    pub fn new(given: &[u16]) -> Option<Self> {
        let count = u8::try_from(given.len()).ok()?;
        let fits = |weight: &u16| (1..=Self::MOST).contains(weight);
        if count == 0 || given.len() > MOST_LANES || !given.iter().all(fits) {
            return None;
        }
        let mut weights = [0; MOST_LANES];
        for (to, from) in weights.iter_mut().zip(given) {
            *to = *from;
        }
        Some(Self { weights, count })
    }

    /// The weights, general lane first; 1 to [`MOST_LANES`] of them.
    #[must_use]
    pub fn all(&self) -> &[u16] {
        self.weights
            .get(..usize::from(self.count))
            .unwrap_or_default()
    }

    /// The weight of every lane there could be. A lane that there is no longer, in which somebody
    /// may still wait, weighs as much as the general one.
    #[must_use]
    pub fn each(&self) -> [u16; MOST_LANES] {
        let [general, ..] = self.weights;
        self.weights
            .map(|weight| if weight == 0 { general } else { weight })
    }

    /// A lane's part of the releases while people wait in all lanes, 0 to 1.
    #[must_use]
    pub fn share(&self, lane: Lane) -> f64 {
        let sum: f64 = self.all().iter().copied().map(f64::from).sum();
        let [general, ..] = self.weights;
        let weight = self.each().get(lane.index()).copied().unwrap_or(general);
        f64::from(weight) / sum
    }

    /// Where somebody who comes now queues: in the lane asked for, or in the general one where
    /// there is no such lane (any more).
    #[must_use]
    pub fn lane(&self, asked: Lane) -> Lane {
        if asked.0 < self.count {
            asked
        } else {
            Lane::GENERAL
        }
    }
}

impl Default for Weights {
    /// One lane.
    fn default() -> Self {
        Self {
            weights: [1, 0, 0, 0, 0, 0, 0, 0],
            count: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_has_one_to_eight_lanes_that_each_weigh_something() {
        assert_eq!(Weights::new(&[70, 30]).unwrap().all(), [70, 30]);
        assert_eq!(Weights::default().all(), [1]);
        for bad in [&[][..], &[0], &[1_001], &[1; 9], &[5, 0]] {
            assert_eq!(Weights::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_lane_that_there_is_not_is_the_general_one_and_weighs_as_much() {
        let weights = Weights::new(&[70, 30]).unwrap();
        assert_eq!(weights.lane(Lane(1)), Lane(1));
        assert_eq!(weights.lane(Lane(2)), Lane::GENERAL);
        assert_eq!(weights.each(), [70, 30, 70, 70, 70, 70, 70, 70]);
        assert!((weights.share(Lane(1)) - 0.3).abs() < 1e-9);
    }
}
