//! How much each network has of something, counted without a lock.
//!
//! Networks are counted together in cells that a keyed hash chooses: each in one cell of either
//! row, of which the emptier counts. Two networks are taken for one only if they share both, one
//! pair in a million; nobody outside can tell which.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::policy::limits::AddressKey;

/// Cells in a row.
const CELLS: usize = 1 << 10;

/// Counts of networks.
#[derive(Debug)]
pub(super) struct Shares {
    key: RandomState,
    rows: [Box<[AtomicUsize]>; 2],
}

/// Where a network is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cells([usize; 2]);

impl Default for Shares {
    fn default() -> Self {
        let row = || (0..CELLS).map(|_| AtomicUsize::new(0)).collect();
        Self {
            key: RandomState::new(),
            rows: [row(), row()],
        }
    }
}

impl Shares {
    /// Counts one more of a network. Returns how many it had, and where to take the one away again.
    pub(super) fn add(&self, network: AddressKey) -> (usize, Cells) {
        let cells = self.cells(network);
        let before = self
            .at(cells)
            .map(|cell| cell.fetch_add(1, Ordering::Relaxed));
        (before.min().unwrap_or_default(), cells)
    }

    /// Takes away one that was counted there.
    pub(super) fn take(&self, cells: Cells) {
        for cell in self.at(cells) {
            cell.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn cells(&self, network: AddressKey) -> Cells {
        let hash = self.key.hash_one(network);
        let [low, high] =
            [hash, hash >> 32].map(|part| usize::try_from(part).unwrap_or(usize::MAX));
        Cells([low % CELLS, high % CELLS])
    }

    fn at(&self, cells: Cells) -> impl Iterator<Item = &AtomicUsize> {
        let rows = self.rows.iter().zip(cells.0);
        rows.filter_map(|(row, cell)| row.get(cell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Shares {
        /// Whether nobody is counted.
        pub(in crate::origin::slots) fn is_empty(&self) -> bool {
            let mut cells = self.rows.iter().flatten();
            cells.all(|cell| cell.load(Ordering::Relaxed) == 0)
        }
    }

    fn network(number: u32) -> AddressKey {
        AddressKey::V4(number.to_be_bytes())
    }

    #[test]
    fn each_network_has_a_count_of_its_own() {
        let shares = Shares::default();
        for number in 0..100 {
            for had in 0..number {
                let (before, _) = shares.add(network(number));
                assert!(before >= had as usize, "never too few");
            }
        }

        let strangers = (0..1_000).map(|number| shares.add(network(10_000 + number)));
        let apart = strangers.filter(|(before, _)| *before == 0).count();

        assert!(apart >= 700, "{apart} of 1,000 met nobody");
    }

    #[test]
    fn what_is_taken_away_is_gone() {
        let shares = Shares::default();
        let (none, first) = shares.add(network(1));
        let (one, second) = shares.add(network(1));
        assert_eq!((none, one), (0, 1));

        shares.take(first);
        shares.take(second);

        assert!(shares.is_empty());
    }
}
