//! How often the waits shown to fans came true.

use super::figures::quantile;
use crate::domain::estimate::WaitRange;

/// When a range was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// At joining.
    Join,
    /// When half of those who were ahead at joining had gone.
    Half,
    /// When a minute or less was left, as it was shown.
    Near,
}

impl Moment {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Join, Self::Half, Self::Near];

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Join => "at joining",
            Self::Half => "half way",
            Self::Near => "a minute before",
        }
    }
}

/// A range that was shown, or that none was known.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// When, in microseconds after the opening.
    at: u64,
    /// What.
    wait: Option<WaitRange>,
}

/// A fan whose ranges are held against what came.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    /// The fan's number.
    pub fan: u32,
    /// How many were ahead at joining.
    pub ahead: u64,
    shown: [Option<Shown>; 3],
}

impl Watched {
    /// A fan that joins behind `ahead` others.
    #[must_use]
    pub const fn new(fan: u32, ahead: u64) -> Self {
        Self {
            fan,
            ahead,
            shown: [None; 3],
        }
    }

    /// Notes what is shown at a moment, the first time.
    pub fn note(&mut self, moment: Moment, at: u64, wait: Option<WaitRange>) {
        let slot = self.shown.iter_mut().zip(Moment::ALL);
        let slot = slot.filter(|(shown, of)| *of == moment && shown.is_none());
        for (shown, _) in slot {
            *shown = Some(Shown { at, wait });
        }
    }

    fn at(&self, moment: Moment) -> Option<Shown> {
        let mut all = self.shown.into_iter().zip(Moment::ALL);
        all.find(|(_, of)| *of == moment).and_then(|one| one.0)
    }
}

/// How the ranges shown at one moment came true.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Hits {
    /// Ranges shown to somebody who was called later.
    pub shown: u64,
    /// Of those, how many waits ended inside.
    pub inside: u64,
    /// How many ended sooner than the range said.
    pub sooner: u64,
    /// How many ended later.
    pub later: u64,
    /// How often no range was known yet.
    pub unknown: u64,
    /// How often the operator changed something before the wait was over: no range foresees that.
    pub overtaken: u64,
    /// How wide the ranges were, as a share of their median: half of them less, half more.
    pub width: f64,
}

impl Hits {
    /// The share of the ranges shown that held; `None` of none.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.shown > 0).then(|| self.inside as f64 / self.shown as f64)
    }

    /// Holds what was shown to fans at a moment against when they were called. `orders` are the
    /// times of the operator's orders.
    #[must_use]
    pub fn of(
        watched: &[Watched],
        moment: Moment,
        orders: &[u64],
        called: impl Fn(u32) -> Option<u64>,
    ) -> Self {
        let mut hits = Self::default();
        let mut widths = Vec::new();
        for fan in watched {
            let (Some(shown), Some(called)) = (fan.at(moment), called(fan.fan)) else {
                continue;
            };
            let Some(range) = shown.wait else {
                hits.unknown += 1;
                continue;
            };
            if orders
                .iter()
                .any(|order| (shown.at..called).contains(order))
            {
                hits.overtaken += 1;
                continue;
            }
            let waited = called.saturating_sub(shown.at) as f64 / 1e6;
            hits.shown += 1;
            if waited < range.low.as_secs_f64() {
                hits.sooner += 1;
            } else if waited > range.high.as_secs_f64() {
                hits.later += 1;
            } else {
                hits.inside += 1;
            }
            let span = range.high.saturating_sub(range.low).as_secs_f64();
            widths.push(span / range.median.as_secs_f64().max(1.0));
        }
        widths.sort_by(f64::total_cmp);
        hits.width = quantile(&widths, 0.5).unwrap_or(0.0);
        hits
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn range(low: u64, high: u64) -> WaitRange {
        WaitRange {
            low: Duration::from_secs(low),
            median: Duration::from_secs(u64::midpoint(low, high)),
            high: Duration::from_secs(high),
        }
    }

    #[test]
    fn a_range_holds_when_the_call_comes_within_it() {
        let mut watched: Vec<Watched> = (0..5).map(|fan| Watched::new(fan, 10)).collect();
        for fan in &mut watched[..4] {
            fan.note(Moment::Join, 1_000_000, Some(range(10, 20)));
            fan.note(Moment::Join, 9_000_000, None);
        }
        watched[4].note(Moment::Join, 0, None);
        let called = [
            Some(12_000_000),
            Some(10_999_999),
            Some(21_000_001),
            None,
            Some(5),
        ];

        let hits = Hits::of(&watched, Moment::Join, &[99_000_000], |fan| {
            called[fan as usize]
        });

        assert_eq!(
            (hits.shown, hits.unknown),
            (3, 1),
            "who is never called tells nothing"
        );
        assert_eq!((hits.inside, hits.sooner, hits.later), (1, 1, 1));
        assert_eq!(hits.share(), Some(1.0 / 3.0));
        assert!((hits.width - 10.0 / 15.0).abs() < 1e-9);
        assert_eq!(
            Hits::of(&watched, Moment::Near, &[], |_| Some(0)).share(),
            None
        );

        let overtaken = Hits::of(&watched, Moment::Join, &[11_000_000], |fan| {
            called[fan as usize]
        });
        assert_eq!((overtaken.shown, overtaken.overtaken), (1, 2));
    }
}
