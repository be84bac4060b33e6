//! How fast visitors are released: the pace, and what a stretch of pace time is worth.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Visitors per minute, and how many may go at once after a lull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// This pace, multiplied by `correction`.
    #[must_use]
    pub const fn corrected(self, correction: Correction) -> Corrected {
        Corrected {
            pace: self,
            correction,
        }
    }
}

/// What a pace is multiplied by for those who will not come, in thousandths: 1,000 to 1,300.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Correction(u16);

impl Correction {
    /// No correction.
    pub const NONE: Self = Self(1_000);

    /// The highest there is.
    pub const MOST: Self = Self(1_300);

    /// So many thousandths; `None` outside 1,000 to 1,300.
    #[must_use]
    pub fn thousandths(thousandths: u16) -> Option<Self> {
        (Self::NONE.0..=Self::MOST.0)
            .contains(&thousandths)
            .then_some(Self(thousandths))
    }

    /// In thousandths.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// `parts` times this, rounded down. In two steps, because a script counts in doubles and has
    /// to come to the same number: no product here is beyond 2⁵³ where `parts` is not.
    fn times(self, parts: u64) -> u64 {
        let by = u64::from(self.0);
        (parts / 1_000).saturating_mul(by) + parts % 1_000 * by / 1_000
    }

    /// `parts` divided by this, rounded down, in the same manner.
    fn parts_of(self, parts: u64) -> u64 {
        let by = u64::from(self.0);
        (parts / by).saturating_mul(1_000) + parts % by * 1_000 / by
    }
}

impl Default for Correction {
    fn default() -> Self {
        Self::NONE
    }
}

/// A pace and its correction: the rate at which visitors are in fact released.
///
/// Rate and burst are both multiplied. The bucket counts in parts of [`VISITOR`], and what time
/// earns is rounded down to whole parts, a sixty-millionth of a visitor: so releases in any window
/// `w` stay within the effective burst plus `per_minute × correction × w`, also where that rate is
/// no whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    /// The pace as it was set.
    pub pace: Pace,
    /// What it is multiplied by.
    pub correction: Correction,
}

impl Corrected {
    /// As [`Pace::effective_burst`], corrected.
    #[must_use]
    pub fn effective_burst(self, period: Duration) -> u64 {
        self.ceiling(period).div_ceil(VISITOR)
    }

    /// Visitors a minute, to be shown.
    #[must_use]
    pub fn per_minute(self) -> f64 {
        f64::from(self.pace.per_minute.get()) * f64::from(self.correction.0) / 1_000.0
    }

    /// The lower of the two in rate, burst and correction.
    #[must_use]
    pub fn slower(self, other: Self) -> Self {
        Self {
            pace: self.pace.slower(other.pace),
            correction: self.correction.min(other.correction),
        }
    }

    /// How many visitors `span` is worth, rounded down.
    #[must_use]
    pub fn within(self, span: Duration) -> u64 {
        self.earns(micros(span)) / VISITOR
    }

    /// What the bucket holds at most, in parts of [`VISITOR`].
    #[must_use]
    pub(super) fn ceiling(self, period: Duration) -> u64 {
        self.correction.times(self.pace.ceiling(period))
    }

    /// What so many microseconds earn, in parts of [`VISITOR`].
    #[must_use]
    pub(super) fn earns(self, micros: u64) -> u64 {
        self.correction
            .times(micros.saturating_mul(self.pace.rate()))
    }

    /// The longest time, in microseconds, that earns no more than so many parts.
    #[must_use]
    pub(super) fn time_for(self, parts: u64) -> u64 {
        self.correction.parts_of(parts) / self.pace.rate()
    }
}

impl From<Pace> for Corrected {
    fn from(pace: Pace) -> Self {
        pace.corrected(Correction::NONE)
    }
}

/// What one visitor costs. A pace of `r` visitors per minute earns `r` of
/// these parts every microsecond, so whole-number arithmetic loses nothing.
pub const VISITOR: u64 = 60_000_000;

/// What a room's pacing carries from one tick to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
pub fn plan(
    pace: impl Into<Corrected>,
    last: PaceState,
    earned: Duration,
    period: Duration,
) -> PaceStep {
    let pace = pace.into();
    let fresh = pace.earns(micros(earned));
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

    fn by(thousandths: u16) -> Correction {
        Correction::thousandths(thousandths).unwrap()
    }

    #[test]
    fn a_correction_is_at_most_three_tenths_and_never_slows_down() {
        assert_eq!(Correction::thousandths(999), None);
        assert_eq!(Correction::thousandths(1_301), None);
        assert_eq!(by(1_000), Correction::NONE);
        let corrected = pace(600, 20).corrected(by(1_150));
        assert!((corrected.per_minute() - 690.0).abs() < 1e-9);
        assert_eq!(corrected.effective_burst(TICK), 29, "25 × 1.15 is 28.75");
        assert_eq!(Corrected::from(pace(600, 20)).effective_burst(TICK), 25);
    }

    proptest! {
        #[test]
        fn a_corrected_pace_earns_its_share_and_never_more(
            per_minute in 1u32..200_000,
            correction in 1_000u16..=1_300,
            spans in prop::collection::vec(0u64..500_000, 1..200),
        ) {
            let pace = Pace::per_minute(per_minute).unwrap().corrected(by(correction));
            let (mut last, mut released) = (PaceState::default(), 0);
            for span in &spans {
                let step = plan(pace, last, Duration::from_micros(*span), TICK);
                released += step.batch;
                last.credit = step.next.credit - step.batch * VISITOR;
            }
            let time = u128::from(spans.iter().sum::<u64>());
            let worth = time * u128::from(per_minute) * u128::from(correction) / 1_000;
            let earned = u128::from(released * VISITOR + last.credit);
            prop_assert!(earned <= worth && worth <= earned + spans.len() as u128);
        }

        #[test]
        fn the_time_for_some_parts_never_earns_more(
            per_minute in 1..=Pace::MOST,
            burst in 1..=Pace::MOST,
            correction in 1_000u16..=1_300,
            part in 0u64..=1_000,
        ) {
            let pace = pace(per_minute, burst).corrected(by(correction));
            let exact = u128::from(pace.pace.ceiling(TICK)) * u128::from(correction);
            prop_assert_eq!(u128::from(pace.ceiling(TICK)) * 1_000, exact, "nothing is rounded");
            let parts = pace.ceiling(TICK) / 1_000 * part;
            let time = pace.time_for(parts);
            prop_assert!(pace.earns(time) <= parts);
            prop_assert!(pace.earns(time + 2) > parts);
        }

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
