//! Random spans, so that many gateways do not all do the same thing at the same moment.

use std::time::Duration;

use crate::token::chance;

/// A source of random spans; a machine that gives no random numbers gets none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Jitter {
    state: Option<u64>,
}

impl Jitter {
    /// Spans that no other gateway draws.
    pub(super) fn by_chance() -> Self {
        Self {
            state: chance::random_bytes().ok().map(u64::from_le_bytes),
        }
    }

    /// The spans that follow from a seed, for stories.
    pub(super) const fn of(seed: u64) -> Self {
        Self { state: Some(seed) }
    }

    /// A span below `most`.
    pub(super) fn below(&mut self, most: Duration) -> Duration {
        let Some(state) = &mut self.state else {
            return Duration::ZERO;
        };
        // SplitMix64: each draw adds the golden ratio and scrambles the sum.
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let parts = u32::try_from((mixed ^ (mixed >> 31)) >> 48).unwrap_or(0);
        most * parts / (1 << 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_lie_below_the_bound_and_are_spread_over_it() {
        let mut jitter = Jitter::of(7);
        let most = Duration::from_millis(250);
        let spans: Vec<_> = (0..1_000).map(|_| jitter.below(most)).collect();
        assert!(spans.iter().all(|span| *span < most));
        let low = spans.iter().filter(|span| **span < most / 2).count();
        assert!(
            (400..600).contains(&low),
            "{low} of 1,000 in the lower half"
        );
        let (one, two) = (
            Jitter::by_chance().below(most),
            Jitter::by_chance().below(most),
        );
        assert_ne!(one, two, "two gateways draw alike once in 65,536 times");
    }
}
