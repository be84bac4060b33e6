//! How fast visitors are released: the pace, and what a stretch of pace time is worth.

use std::num::NonZeroU32;
use std::time::Duration;

/// Visitors per minute, and how many may go at once after a lull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pace {
    /// 1 to 10,000,000.
    pub per_minute: NonZeroU32,
    /// 1 to 10,000,000; one second's worth, at least 1, unless set.
    pub burst: NonZeroU32,
}

/// The time between two ticks of a room that has somebody.
pub const TICK: Duration = Duration::from_millis(250);

impl Pace {
    /// The highest pace, burst and capacity that may be set.
    pub const MOST: u32 = 10_000_000;

    /// `per_minute` with the default burst; `None` outside 1 to [`Pace::MOST`].
    #[must_use]
    pub fn per_minute(per_minute: u32) -> Option<Self> {
        let rate = NonZeroU32::new(per_minute).filter(|rate| rate.get() <= Self::MOST)?;
        let burst = NonZeroU32::new(per_minute / 60).unwrap_or(NonZeroU32::MIN);
        Some(Self {
            per_minute: rate,
            burst,
        })
    }

    /// The same pace with `burst`; `None` outside 1 to [`Pace::MOST`].
    #[must_use]
    pub fn with_burst(self, burst: u32) -> Option<Self> {
        let burst = NonZeroU32::new(burst).filter(|burst| burst.get() <= Self::MOST)?;
        Some(Self { burst, ..self })
    }

    /// The most that can go at once, in whole visitors: `burst` plus two periods' worth.
    ///
    /// Rounded up, so that releases in any window `w` stay within this number plus
    /// `per_minute × w`: the bucket may carry the broken part from one tick to the next.
    #[must_use]
    pub fn effective_burst(self, period: Duration) -> u64 {
        self.ceiling(period).div_ceil(VISITOR)
    }

    /// The lower rate and the lower burst of the two.
    ///
    /// The first tick after a change earns at this pace, because nobody knows how much of its
    /// time went by before the change.
    #[must_use]
    pub fn slower(self, other: Self) -> Self {
        Self {
            per_minute: self.per_minute.min(other.per_minute),
            burst: self.burst.min(other.burst),
        }
    }

    /// What the bucket holds at most, in parts of [`VISITOR`].
    #[must_use]
    pub(super) fn ceiling(self, period: Duration) -> u64 {
        let burst = u64::from(self.burst.get()) * VISITOR;
        burst.saturating_add(micros(period).saturating_mul(2 * self.rate()))
    }

    /// What one microsecond earns, in parts of [`VISITOR`].
    #[must_use]
    pub(super) fn rate(self) -> u64 {
        u64::from(self.per_minute.get())
    }
}

/// What one visitor costs. A pace of `r` visitors per minute earns `r` of
/// these parts every microsecond, so whole-number arithmetic loses nothing.
pub const VISITOR: u64 = 60_000_000;

/// What a room's pacing carries from one tick to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PaceState {
    /// Allowance not yet used, in parts of [`VISITOR`].
    pub credit: u64,
}

/// What one tick may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceStep {
    /// How many visitors may go now.
    pub batch: u64,
    /// What is carried on, before one [`VISITOR`] is taken off for each who goes.
    pub next: PaceState,
}

/// Plans a room's next release from what the last one left behind.
///
/// `earned` is pace time not yet accounted for. Allowance is counted in whole
/// visitors; the caller takes off one [`VISITOR`] for each it released and the rest
/// is carried in [`PaceStep::next`], so 7 per minute lets in 7 each minute however
/// unevenly this is called. The bucket holds `pace.burst` visitors and two periods'
/// worth, so its own ceiling never rounds a rate down.
#[must_use]
pub fn plan(pace: Pace, last: PaceState, earned: Duration, period: Duration) -> PaceStep {
    let fresh = micros(earned).saturating_mul(pace.rate());
    let credit = last.credit.saturating_add(fresh).min(pace.ceiling(period));
    PaceStep {
        batch: credit / VISITOR,
        next: PaceState { credit },
    }
}

/// A span in whole microseconds, at most `u64::MAX`.
pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pace(per_minute: u32, burst: u32) -> Pace {
        Pace::per_minute(per_minute)
            .unwrap()
            .with_burst(burst)
            .unwrap()
    }

    #[test]
    fn a_stalled_gateway_releases_one_bucket_and_no_more() {
        let pace = Pace::per_minute(60).unwrap().with_burst(10).unwrap();

        let step = plan(pace, PaceState::default(), Duration::from_secs(3_600), TICK);

        assert_eq!(
            step.batch, 10,
            "an hour's arrears must not be let in at once"
        );
    }

    #[test]
    fn the_default_burst_is_one_second_and_at_least_one_visitor() {
        for (per_minute, burst) in [(1, 1), (7, 1), (119, 1), (120, 2), (600, 10)] {
            let pace = Pace::per_minute(per_minute).unwrap();
            assert_eq!(pace.burst.get(), burst, "{per_minute} per minute");
        }
        assert_eq!(Pace::per_minute(0), None);
        assert_eq!(Pace::per_minute(Pace::MOST + 1), None);
        assert_eq!(pace(7, 1).with_burst(0), None);
    }

    #[test]
    fn the_effective_burst_is_burst_and_two_periods_in_whole_visitors() {
        assert_eq!(pace(600, 20).effective_burst(TICK), 25);
        assert_eq!(pace(120, 2).effective_burst(TICK), 3);
        assert_eq!(pace(7, 1).effective_burst(TICK), 2);
        assert_eq!(
            pace(Pace::MOST, Pace::MOST).effective_burst(TICK),
            10_083_334
        );
    }

    #[test]
    fn the_slower_of_two_paces_has_the_lower_rate_and_the_lower_burst() {
        assert_eq!(pace(600, 10).slower(pace(60, 100)), pace(60, 10));
        assert_eq!(pace(60, 100).slower(pace(600, 10)), pace(60, 10));
    }

    proptest! {
        #[test]
        fn uneven_calls_release_exactly_what_the_time_is_worth(
            per_minute in 1u32..200_000,
            spans in prop::collection::vec(0u64..500_000, 1..200),
        ) {
            let pace = Pace::per_minute(per_minute).unwrap();
            let (mut last, mut released) = (PaceState::default(), 0);
            for span in &spans {
                let step = plan(pace, last, Duration::from_micros(*span), TICK);
                released += step.batch;
                last.credit = step.next.credit - step.batch * VISITOR;
            }
            let worth = spans.iter().sum::<u64>() * u64::from(per_minute);
            prop_assert_eq!((released, last.credit), (worth / VISITOR, worth % VISITOR));
        }

        #[test]
        fn no_batch_exceeds_the_effective_burst(
            per_minute in 1..=Pace::MOST,
            burst in 1..=Pace::MOST,
            credit: u64,
            earned: u64,
        ) {
            let pace = pace(per_minute, burst);
            let step = plan(pace, PaceState { credit }, Duration::from_micros(earned), TICK);
            prop_assert!(step.batch <= pace.effective_burst(TICK));
            prop_assert!(step.batch >= u64::from(burst).min(credit / VISITOR));
        }
    }
}
