//! Figures of a sale: quantiles, how well an order was kept, how far a curve went over its bound.

/// The value below which a share of `sorted` lies: the smallest one that has at least that share
/// at or below it (the nearest-rank definition). `None` of nothing.
#[must_use]
pub fn quantile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

/// Kendall's tau of an order in which different numbers stand: 1 where they ascend, −1 where they
/// descend, 0 where any two stand either way alike often. Of fewer than two numbers it is 1.
///
/// 1 − 4 × inversions ÷ (n × (n − 1)): Kendall, "A New Measure of Rank Correlation", 1938.
#[must_use]
pub fn kendall_tau(order: &[u32]) -> f64 {
    let count = order.len() as f64;
    if order.len() < 2 {
        return 1.0;
    }
    1.0 - 4.0 * inversions(order) as f64 / (count * (count - 1.0))
}

/// How many pairs stand in descending order: counted while sorting by merging, in n × log n steps.
#[must_use]
pub fn inversions(order: &[u32]) -> u64 {
    let mut from = order.to_vec();
    let mut found = 0;
    let mut width = 1;
    while width < from.len() {
        let mut merged = Vec::with_capacity(from.len());
        for pair in from.chunks(width * 2) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            found += merge(left, right, &mut merged);
        }
        from = merged;
        width *= 2;
    }
    found
}

/// Merges two ascending runs; says how many pairs stood in descending order.
fn merge(left: &[u32], right: &[u32], into: &mut Vec<u32>) -> u64 {
    let (mut left, mut right) = (left, right);
    let mut found = 0;
    loop {
        match (left.split_first(), right.split_first()) {
            (Some((first, rest)), Some((other, _))) if first <= other => {
                into.push(*first);
                left = rest;
            }
            (_, Some((other, rest))) => {
                found += left.len() as u64;
                into.push(*other);
                right = rest;
            }
            (Some(_), None) => {
                into.extend_from_slice(left);
                return found;
            }
            (None, None) => return found,
        }
    }
}

/// How many places the one furthest from its own stands away from it. The numbers of `order` are
/// ranked among each other; 0 where they ascend.
#[must_use]
pub fn greatest_displacement(order: &[u32]) -> u64 {
    let mut sorted: Vec<(u32, u64)> = order.iter().copied().zip(0u64..).collect();
    sorted.sort_unstable();
    let away = (0u64..)
        .zip(sorted)
        .map(|(rank, (_, stood))| rank.abs_diff(stood));
    away.max().unwrap_or(0)
}

/// How far a count goes over what a rate allows, over all windows of time: the most that any
/// stretch counted beyond what its time was worth. In whole parts, so that nothing is lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overshoot {
    /// Counted less allowed, so far.
    over: i128,
    /// The lowest that was before a count.
    lowest: i128,
    most: i128,
}

impl Overshoot {
    /// Time went by that allows so many.
    pub fn allow(&mut self, worth: u64) {
        self.over -= i128::from(worth);
    }

    /// So many went at once.
    pub fn count(&mut self, went: u64) {
        if went == 0 {
            return;
        }
        self.lowest = self.lowest.min(self.over);
        self.over += i128::from(went);
        self.most = self.most.max(self.over - self.lowest);
    }

    /// The most that went in any window beyond what its time allowed.
    #[must_use]
    pub fn most(&self) -> u64 {
        u64::try_from(self.most).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_are_values_that_were_there() {
        let ten: Vec<u32> = (1..=10).collect();
        for (share, value) in [
            (0.0, 1),
            (0.1, 1),
            (0.11, 2),
            (0.5, 5),
            (0.9, 9),
            (0.99, 10),
            (1.0, 10),
        ] {
            assert_eq!(quantile(&ten, share), Some(value), "{share}");
        }
        assert_eq!(quantile::<u32>(&[], 0.5), None);
    }

    #[test]
    fn the_known_taus_are_found() {
        assert_eq!(kendall_tau(&[1, 2, 3, 4]), 1.0);
        assert_eq!(kendall_tau(&[4, 3, 2, 1]), -1.0);
        assert_eq!(kendall_tau(&[7]), 1.0);
        // Five of six pairs stand right, one wrong.
        assert!((kendall_tau(&[1, 3, 2, 4]) - 2.0 / 3.0).abs() < 1e-12);
        // Eight of ten against two: (8 − 2) ÷ 10.
        assert!((kendall_tau(&[1, 4, 2, 3, 5]) - 0.6).abs() < 1e-12);
    }

    #[test]
    fn the_furthest_displacement_is_counted_among_those_who_are_there() {
        assert_eq!(greatest_displacement(&[10, 20, 30]), 0);
        assert_eq!(greatest_displacement(&[30, 10, 20]), 2);
        assert_eq!(greatest_displacement(&[]), 0);
    }

    #[test]
    fn an_overshoot_is_what_a_window_has_beyond_its_time() {
        let mut steady = Overshoot::default();
        for _ in 0..100 {
            steady.allow(3);
            steady.count(2);
        }
        assert_eq!(steady.most(), 2);
        let mut burst = Overshoot::default();
        burst.count(10);
        burst.allow(5);
        burst.count(10);
        assert_eq!(burst.most(), 15);
        burst.allow(1_000);
        burst.count(3);
        assert_eq!(burst.most(), 15, "what was not used is not saved up");
    }

    /// Every window from one count to another, one by one.
    fn by_hand(steps: &[(u64, u64)]) -> u64 {
        let mut most = 0;
        for from in 0..steps.len() {
            let (mut counted, mut allowed) = (0, 0);
            for (at, (worth, went)) in steps.iter().enumerate().skip(from) {
                allowed += if at == from { 0 } else { *worth };
                counted += went;
                most = most.max(counted.saturating_sub(allowed));
            }
        }
        most
    }

    proptest! {
        #[test]
        fn inversions_are_those_counted_one_by_one(order in prop::collection::vec(0u32..50, 0..60)) {
            let mut counted = 0;
            for (at, one) in order.iter().enumerate() {
                counted += order[at..].iter().filter(|other| *other < one).count() as u64;
            }
            prop_assert_eq!(inversions(&order), counted);
        }

        #[test]
        fn tau_turns_round_with_the_order_and_swapping_neighbours_costs_one_pair(
            order in Just((0..40u32).collect::<Vec<_>>()).prop_shuffle(),
            at in 0usize..39,
        ) {
            let tau = kendall_tau(&order);
            prop_assert!((-1.0..=1.0).contains(&tau));
            let back: Vec<u32> = order.iter().rev().copied().collect();
            prop_assert!((kendall_tau(&back) + tau).abs() < 1e-9);
            let mut swapped = order;
            swapped.swap(at, at + 1);
            prop_assert!(((kendall_tau(&swapped) - tau).abs() - 4.0 / (40.0 * 39.0)).abs() < 1e-9);
            prop_assert!(greatest_displacement(&swapped) <= 39);
        }

        #[test]
        fn the_overshoot_is_that_of_the_worst_window(
            steps in prop::collection::vec((0u64..20, 0u64..20), 0..60),
        ) {
            let mut overshoot = Overshoot::default();
            for (worth, went) in &steps {
                overshoot.allow(*worth);
                overshoot.count(*went);
            }
            prop_assert_eq!(overshoot.most(), by_hand(&steps));
        }
    }
}
