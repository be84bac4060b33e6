//! How often somebody leaves, from how many were there for how long.

/// Of more who left, half are forgotten: what was seen lately weighs most.
const MOST: f64 = 1_000.0;

/// Those who leave a place, and the time that all together spent there.
///
/// Their quotient is the rate at which one of them leaves. It counts those who are still there, too,
/// whose stay is not over: the estimate of an exponential stay from censored ones (Epstein and
/// Sobel, "Life testing", 1953). Where few leave soon after they came, as in a shop, the first
/// minutes show too low a rate, never too high a one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Leaving {
    /// How many left.
    left: f64,
    /// How long all were there, in seconds.
    stayed: f64,
}

impl Leaving {
    /// So many were there for so many seconds, then so many of them left.
    pub(super) fn see(&mut self, there: u64, seconds: f64, left: u64) {
        self.stayed += there as f64 * seconds;
        self.left += left as f64;
        if self.left > MOST {
            self.left /= 2.0;
            self.stayed /= 2.0;
        }
    }

    /// How many were seen to leave; of very many only a part.
    pub(super) const fn left(&self) -> f64 {
        self.left
    }

    /// How often one of those who are there leaves in a second, `deviations` standard deviations of
    /// the number seen above what was measured.
    pub(super) fn rate(&self, deviations: f64) -> f64 {
        let left = self.left + deviations * self.left.sqrt();
        left.max(0.0) / self.stayed.max(1.0)
    }

    /// How often one leaves if these, too, left now.
    pub(super) fn rate_if_gone(&self, there: u64) -> f64 {
        (self.left + there as f64) / self.stayed.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_three_hundred_a_second_is_found_and_how_surely() {
        let mut leaving = Leaving::default();
        assert_eq!((leaving.rate(0.0), leaving.rate(1.0)), (0.0, 0.0));
        for _ in 0..100 {
            leaving.see(300, 1.0, 1);
        }
        assert!((leaving.rate(0.0) * 300.0 - 1.0).abs() < 1e-9);
        assert!((leaving.rate(-1.0) * 300.0 - 0.9).abs() < 1e-9);
        assert!((leaving.rate(1.0) * 300.0 - 1.1).abs() < 1e-9);
        assert!((leaving.rate_if_gone(300) * 300.0 - 4.0).abs() < 1e-9);
    }

    #[test]
    fn what_was_seen_long_ago_is_forgotten() {
        let mut leaving = Leaving::default();
        for _ in 0..5_000 {
            leaving.see(100, 1.0, 1);
        }
        for _ in 0..3_000 {
            leaving.see(400, 1.0, 1);
        }
        assert!((370.0..=400.0).contains(&(1.0 / leaving.rate(0.0))));
        assert!(leaving.left() <= MOST);
    }
}
