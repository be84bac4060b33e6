//! Times counted by their size, so that quantiles of millions cost a few kilobytes.

use std::time::Duration;

/// Buckets to each doubling: a quantile is right to about 4 %.
const EACH: f64 = 16.0;
/// The smallest time told apart.
const LEAST_US: f64 = 32.0;
/// Buckets in all: up to about a minute.
const BUCKETS: usize = 340;

/// Times counted by their size.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
    most: Duration,
}

impl Histogram {
    /// Counts one.
    pub fn add(&mut self, time: Duration) {
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
        }
        let size = (time.as_micros() as f64 / LEAST_US).max(1.0).log2() * EACH;
        if let Some(count) = self.counts.get_mut((size as usize).min(BUCKETS - 1)) {
            *count += 1;
        }
        self.total += 1;
        self.most = self.most.max(time);
    }

    /// How many were counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The longest, in milliseconds.
    #[must_use]
    pub const fn most_ms(&self) -> f64 {
        self.most.as_micros() as f64 / 1e3
    }

    /// The time in milliseconds that `share` (0 to 1) of them do not exceed; `None` when there
    /// are none.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        let wanted = (self.total as f64 * share).ceil().max(1.0);
        let mut passed = 0.0;
        let bucket = self.counts.iter().position(|count| {
            passed += f64::from(*count);
            passed >= wanted
        })?;
        let middle = LEAST_US * ((bucket as f64 + 0.5) / EACH).exp2() / 1e3;
        Some(middle.min(self.most_ms()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_few_percent() {
        let mut times = Histogram::default();
        assert_eq!(times.quantile_ms(0.5), None);
        for millis in 1..=1_000 {
            times.add(Duration::from_millis(millis));
        }
        for (share, expected) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0)] {
            let found = times.quantile_ms(share).unwrap();
            assert!((found / expected - 1.0).abs() < 0.05, "{share}: {found}");
        }
        assert_eq!((times.total(), times.most_ms()), (1_000, 1_000.0));
    }
}
