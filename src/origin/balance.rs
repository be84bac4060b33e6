//! Which of several origins a request goes to. Pure.
//!
//! Both ways know shares: an origin that has just come back is given less.

use std::hash::Hasher;

/// One origin that may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Its index among the site's.
    pub(super) at: usize,
    /// How many requests it has, or are to come to it.
    pub(super) busy: usize,
    /// Its share, in thousandths.
    pub(super) share: u32,
    /// What it is called, as a number.
    pub(super) name: u64,
}

/// The candidate that has the fewest requests for its share. Among equals the first one, counted
/// from `turn`, so that they take turns.
pub(super) fn least(candidates: impl Iterator<Item = Candidate>, turn: usize) -> Option<usize> {
    let load = |candidate: &Candidate| {
        let load = (candidate.busy as u64).saturating_add(1);
        load.saturating_mul(1 << 20) / u64::from(candidate.share.max(1))
    };
    let order = |at: usize| at.wrapping_sub(turn) & 0xff;
    candidates
        .min_by_key(|candidate| (load(candidate), order(candidate.at)))
        .map(|candidate| candidate.at)
}

/// The candidate that this visitor belongs to: the one whose hash together with the visitor's is
/// highest, weighted by shares (rendezvous hashing; Thaler and Ravishankar, 1998, with the weights
/// of Schindelhauer and Schomaker, 2005). When one goes, only its visitors move.
pub(super) fn hashed(candidates: impl Iterator<Item = Candidate>, visitor: u64) -> Option<usize> {
    let score = |candidate: &Candidate| {
        let even = unit(mixed(candidate.name ^ mixed(visitor)));
        -f64::from(candidate.share.max(1)) / even.ln()
    };
    candidates
        .max_by(|one, other| score(one).total_cmp(&score(other)))
        .map(|candidate| candidate.at)
}

/// A number for these bytes, the same on every gateway (FNV-1a, 64 bits).
pub(super) fn number(bytes: &[u8]) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    hasher.write(bytes);
    mixed(hasher.finish())
}

struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// Spreads a number over all 64 bits (the finisher of SplitMix64; Steele, Lea and Flood, 2014).
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// A number as one between 0 and 1, neither included.
#[expect(
    clippy::cast_precision_loss,
    reason = "52 bits fit, and the half keeps it off both ends"
)]
fn unit(number: u64) -> f64 {
    ((number >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(busy_and_share: &[(usize, u32)]) -> impl Iterator<Item = Candidate> + '_ {
        let given = busy_and_share.iter().copied().enumerate();
        given.map(|(at, (busy, share))| Candidate {
            at,
            busy,
            share,
            name: number(&[u8::try_from(at).unwrap()]),
        })
    }

    fn spread(shares: &[(usize, u32)]) -> Vec<u32> {
        let mut counts = vec![0; shares.len()];
        for visitor in 0..10_000_u64 {
            let visitor = number(&visitor.to_be_bytes());
            counts[hashed(candidates(shares), visitor).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn the_one_with_the_fewest_requests_for_its_share_is_chosen() {
        for (given, chosen) in [
            (&[(3, 1_000), (2, 1_000), (4, 1_000)][..], 1),
            (&[(9, 1_000), (0, 100)], 0),
            (&[(10, 1_000), (0, 100)], 1),
            (&[(99, 1)], 0),
        ] {
            assert_eq!(least(candidates(given), 0), Some(chosen), "{given:?}");
        }
        assert_eq!(least(candidates(&[]), 0), None);
    }

    #[test]
    fn equals_take_turns() {
        let given = [(0, 1_000), (0, 1_000), (0, 1_000)];
        let chosen = [0, 1, 2, 3].map(|turn| least(candidates(&given), turn).unwrap());
        assert_eq!(chosen, [0, 1, 2, 0]);
    }

    #[test]
    fn visitors_are_spread_evenly_and_by_shares() {
        let even = spread(&[(0, 1_000); 4]);
        assert!(
            even.iter().all(|count| (2_300..2_700).contains(count)),
            "{even:?}"
        );
        let slow = spread(&[(0, 1_000), (0, 100)]);
        assert!((700..1_120).contains(&slow[1]), "{slow:?}");
    }

    #[test]
    fn when_one_goes_only_its_visitors_move() {
        let all = [(0, 1_000); 3];
        for visitor in 0..1_000_u64 {
            let visitor = number(&visitor.to_be_bytes());
            let before = hashed(candidates(&all), visitor).unwrap();
            let left = candidates(&all).filter(|candidate| candidate.at != 1);
            let after = hashed(left, visitor).unwrap();
            assert!(before == 1 || before == after);
        }
    }
}
