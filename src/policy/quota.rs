//! How often something may happen, as a pure rule.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// So many times at once, and from then on once every step: the generic cell rate algorithm of
/// ITU-T I.371 in the form of virtual scheduling. All there is to remember of whom it counts is
/// when their allowance will be whole again; whoever's is whole is as good as unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Nanoseconds until one more may happen.
    step: NonZeroU64,
    burst: NonZeroU32,
}

impl Quota {
    /// Once every `step`, of at least a nanosecond, and `burst` times at once after a lull.
    #[must_use]
    pub fn every(step: Duration, burst: NonZeroU32) -> Self {
        Self {
            step: NonZeroU64::new(nanos(step)).unwrap_or(NonZeroU64::MIN),
            burst,
        }
    }

    /// `rate` times a second, and `burst` times at once after a lull.
    #[must_use]
    pub fn per_second(rate: NonZeroU32, burst: NonZeroU32) -> Self {
        Self::every(Duration::from_nanos(SECOND / u64::from(rate.get())), burst)
    }

    /// As often as `many` together that each have this quota, to within a nanosecond a step.
    #[must_use]
    pub fn times(self, many: NonZeroU32) -> Self {
        let step = self.step.get() / u64::from(many.get());
        Self {
            step: NonZeroU64::new(step).unwrap_or(NonZeroU64::MIN),
            burst: self.burst.saturating_mul(many),
        }
    }

    /// Counts one at `now`, of somebody whose allowance is whole at `whole_at`; when it will be
    /// whole after this one. Both times are monotonic, in nanoseconds.
    ///
    /// # Errors
    /// The time to wait until one more may happen.
    pub fn take(self, whole_at: u64, now: u64) -> Result<u64, Duration> {
        let span = self.step.get().saturating_mul(u64::from(self.burst.get()));
        let after = whole_at.max(now).saturating_add(self.step.get());
        match (after - now).checked_sub(span) {
            None | Some(0) => Ok(after),
            Some(wait) => Err(Duration::from_nanos(wait)),
        }
    }
}

/// A time in whole nanoseconds, at most `u64::MAX`: 584 years.
#[must_use]
pub fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::limits::MOST;

    fn some(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    #[test]
    fn the_burst_at_once_then_one_a_step_and_the_wait_is_to_the_point() {
        let quota = Quota::per_second(some(4), some(3));
        let step = SECOND / 4;
        let mut whole_at = 0;
        for _ in 0..3 {
            whole_at = quota.take(whole_at, 0).unwrap();
        }
        assert_eq!(quota.take(whole_at, 0), Err(Duration::from_nanos(step)));
        assert_eq!(quota.take(whole_at, step - 1), Err(Duration::from_nanos(1)));
        assert_eq!(quota.take(whole_at, step), Ok(4 * step));
        assert_eq!(
            quota.take(whole_at, 100 * SECOND),
            Ok(100 * SECOND + step),
            "a long lull saves up no more than the burst"
        );
    }

    proptest! {
        #[test]
        fn in_any_time_no_more_pass_than_burst_and_rate_allow(
            (rate, burst, times) in (1..=MOST, 1..=200_u32, 1..=16_u32),
            pauses in proptest::collection::vec(0..SECOND / 50, 1..400),
        ) {
            let quota = Quota::per_second(some(rate), some(burst)).times(some(times));
            let step = SECOND / u64::from(rate) / u64::from(times);
            let (mut now, mut whole_at, mut passed) = (0, 0, 0_u64);
            for pause in pauses {
                now += pause;
                if let Ok(after) = quota.take(whole_at, now) {
                    whole_at = after;
                    passed += 1;
                }
                prop_assert!(passed <= u64::from(burst * times) + now / step);
            }
        }
    }
}
