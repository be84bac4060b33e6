//! Counting whom rate limits count.

use prometheus::{IntCounter, IntGauge};

use super::families::{Families, words};
use super::metrics::count;

/// Where a rate limit counts somebody it did not know, as
/// `anteroom_limit_newcomers_total{place}` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitPlace {
    /// In a place that was free.
    New,
    /// In the place of somebody whose allowance was whole again.
    Reused,
    /// Together with others of its larger network, because there was no place.
    Shared,
}

/// The handles of rate limits.
#[derive(Debug)]
pub struct LimitMetrics {
    keys: IntGauge,
    newcomers: Vec<IntCounter>,
}

impl LimitMetrics {
    pub(super) fn of(families: &Families) -> prometheus::Result<Self> {
        let none: [&str; 0] = [];
        Ok(Self {
            keys: families.limit_keys.get_metric_with_label_values(&none)?,
            newcomers: words(&families.limit_newcomers, ["new", "reused", "shared"])?,
        })
    }

    /// Counts somebody a limit did not know.
    pub fn newcomer(&self, place: LimitPlace) {
        count(&self.newcomers, place as usize);
        if place == LimitPlace::New {
            self.keys.inc();
        }
    }

    /// Counts so many as forgotten.
    pub fn forgotten(&self, keys: usize) {
        self.keys.sub(i64::try_from(keys).unwrap_or(i64::MAX));
    }
}
