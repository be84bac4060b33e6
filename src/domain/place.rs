//! A visitor's number in a room's queue, and the epoch that keeps numbers apart after a loss.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A stretch of the store's memory. Numbers of an older epoch sort before those of a newer one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Epoch(pub u32);

/// Which stay of a visitor in a window this is: 1 at the first join, +1 at a join after an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn(pub u16);

impl Turn {
    /// The first stay.
    pub const FIRST: Self = Self(1);

    /// The stay after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A place: unique in its room, issued once, never changed. Lower places go first.
///
/// One number, `epoch × 2²⁹ + number`, so that a sorted set can keep it as an exact score
/// (24 bits of epoch and 29 of number fit the 53 bits of a double).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u64);

/// Bits of a place's number; a room gives out at most 2²⁹ places an epoch.
pub const NUMBER_BITS: u32 = 29;

impl Place {
    /// The lowest place there can be.
    pub const LOWEST: Self = Self(0);

    /// Place `number` of `epoch`; `None` when either is out of its bits.
    #[must_use]
    pub fn new(epoch: Epoch, number: u32) -> Option<Self> {
        (number < 1 << NUMBER_BITS && epoch.0 < 1 << 24)
            .then(|| Self(u64::from(epoch.0) << NUMBER_BITS | u64::from(number)))
    }

    /// From a score as the store keeps it; `None` above 53 bits.
    #[must_use]
    pub fn from_score(score: u64) -> Option<Self> {
        (score < 1 << 53).then_some(Self(score))
    }

    /// `epoch × 2²⁹ + number`.
    #[must_use]
    pub const fn score(self) -> u64 {
        self.0
    }

    /// The epoch it was issued in.
    #[must_use]
    pub fn epoch(self) -> Epoch {
        Epoch(u32::try_from(self.0 >> NUMBER_BITS).unwrap_or(u32::MAX))
    }

    /// Its number within the epoch.
    #[must_use]
    pub fn number(self) -> u32 {
        u32::try_from(self.0 & ((1 << NUMBER_BITS) - 1)).unwrap_or(u32::MAX)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({}/{})", self.epoch().0, self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_older_epoch_always_sorts_first(a in 0u32..1 << 24, b in 0u32..1 << 24, m in 0u32..1 << 29, n in 0u32..1 << 29) {
            let (one, two) = (Place::new(Epoch(a), m).unwrap(), Place::new(Epoch(b), n).unwrap());
            prop_assert_eq!(one.cmp(&two), (a, m).cmp(&(b, n)));
            prop_assert_eq!((one.epoch(), one.number()), (Epoch(a), m));
            prop_assert_eq!(Place::from_score(one.score()), Some(one));
        }
    }

    #[test]
    fn numbers_beyond_their_bits_are_no_place() {
        assert_eq!(Place::new(Epoch(1), 1 << 29), None);
        assert_eq!(Place::new(Epoch(1 << 24), 1), None);
        assert_eq!(Place::from_score(1 << 53), None);
    }
}
