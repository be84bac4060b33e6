//! How many places are smaller than a given one, and which place has a given rank.
//!
//! Places are kept as bits, 4,096 to a chunk, each chunk with its count. Places are given out one
//! after another, so a million of them fill a few hundred chunks: a rank is the sum of the counts
//! before the chunk and at most 64 words within it.

use std::collections::BTreeMap;

use crate::domain::place::Place;
use crate::store::survey::Sample;

/// Low bits of a place that number it within its chunk.
const CHUNK_BITS: u32 = 12;
/// Words of 64 places a chunk.
const WORDS: usize = 1 << (CHUNK_BITS - 6);

/// A set of places that can be counted below any place.
#[derive(Debug, Default)]
pub(super) struct Ranks {
    chunks: BTreeMap<u64, Chunk>,
    total: u64,
}

#[derive(Debug)]
struct Chunk {
    count: u64,
    words: Box<[u64; WORDS]>,
}

/// Where a place's bit is.
struct Spot {
    chunk: u64,
    word: usize,
    bit: u32,
}

impl Spot {
    fn of(place: Place) -> Self {
        let score = place.score();
        let within = score & ((1 << CHUNK_BITS) - 1);
        Self {
            chunk: score >> CHUNK_BITS,
            word: usize::try_from(within >> 6).unwrap_or(0),
            bit: u32::try_from(within & 63).unwrap_or(0),
        }
    }
}

impl Ranks {
    /// How many places it holds.
    pub(super) const fn len(&self) -> u64 {
        self.total
    }

    /// Adds a place; whether it was new.
    pub(super) fn insert(&mut self, place: Place) -> bool {
        let spot = Spot::of(place);
        let chunk = self.chunks.entry(spot.chunk).or_insert_with(|| Chunk {
            count: 0,
            words: Box::new([0; WORDS]),
        });
        let new = chunk.set(&spot, true);
        self.total += u64::from(new);
        new
    }

    /// Takes a place out; whether it was there.
    pub(super) fn remove(&mut self, place: Place) -> bool {
        let spot = Spot::of(place);
        let Some(chunk) = self.chunks.get_mut(&spot.chunk) else {
            return false;
        };
        let held = chunk.set(&spot, false);
        if chunk.count == 0 {
            self.chunks.remove(&spot.chunk);
        }
        self.total -= u64::from(held);
        held
    }

    /// How many smaller places it holds.
    pub(super) fn below(&self, place: Place) -> u64 {
        let spot = Spot::of(place);
        let before: u64 = self
            .chunks
            .range(..spot.chunk)
            .map(|(_, chunk)| chunk.count)
            .sum();
        before
            + self
                .chunks
                .get(&spot.chunk)
                .map_or(0, |chunk| chunk.below(&spot))
    }

    /// The places with these ranks (0 is the lowest place), each with its rank. `ranks` ascend;
    /// what is beyond the last place is left out.
    pub(super) fn sample(&self, ranks: impl IntoIterator<Item = u64>) -> Vec<Sample> {
        let mut chunks = self.chunks.iter();
        let mut current = chunks.next();
        let mut before = 0;
        let mut samples = Vec::new();
        for rank in ranks {
            while let Some((_, chunk)) = current
                && before + chunk.count <= rank
            {
                before += chunk.count;
                current = chunks.next();
            }
            let Some((number, chunk)) = current else {
                break;
            };
            let place = chunk.nth(rank - before).map(|at| number << CHUNK_BITS | at);
            if let Some(place) = place.and_then(Place::from_score) {
                samples.push(Sample { place, ahead: rank });
            }
        }
        samples
    }
}

impl Chunk {
    /// Sets or clears a bit; whether that changed it (set) or it had been set (cleared).
    fn set(&mut self, spot: &Spot, held: bool) -> bool {
        let Some(word) = self.words.get_mut(spot.word) else {
            return false;
        };
        let mask = 1 << spot.bit;
        let changed = (*word & mask != 0) != held;
        if changed {
            *word ^= mask;
            self.count = if held { self.count + 1 } else { self.count - 1 };
        }
        changed
    }

    fn below(&self, spot: &Spot) -> u64 {
        let whole: u32 = self
            .words
            .iter()
            .take(spot.word)
            .map(|word| word.count_ones())
            .sum();
        let part = self
            .words
            .get(spot.word)
            .map_or(0, |word| (word & ((1 << spot.bit) - 1)).count_ones());
        u64::from(whole + part)
    }

    /// The number within the chunk of its `rank`-th place.
    fn nth(&self, mut rank: u64) -> Option<u64> {
        for (index, word) in (0_u64..).zip(self.words.iter()) {
            let ones = u64::from(word.count_ones());
            if rank >= ones {
                rank -= ones;
                continue;
            }
            let mut rest = *word;
            for _ in 0..rank {
                rest &= rest - 1;
            }
            return Some(index << 6 | u64::from(rest.trailing_zeros()));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn place(score: u64) -> Place {
        Place::from_score(score).unwrap()
    }

    proptest! {
        #[test]
        fn ranks_agree_with_a_sorted_set(
            steps in prop::collection::vec((any::<bool>(), 0_u64..20_000), 0..400),
            asked in 0_u64..20_000,
        ) {
            let mut plain = BTreeSet::new();
            let mut ranks = Ranks::default();
            for (add, score) in steps {
                if add {
                    prop_assert_eq!(ranks.insert(place(score)), plain.insert(score));
                } else {
                    prop_assert_eq!(ranks.remove(place(score)), plain.remove(&score));
                }
            }
            prop_assert_eq!(ranks.len(), plain.len() as u64);
            prop_assert_eq!(ranks.below(place(asked)), plain.range(..asked).count() as u64);
            let all: Vec<u64> = ranks.sample(0..=ranks.len()).iter().map(|one| one.place.score()).collect();
            prop_assert_eq!(all, plain.into_iter().collect::<Vec<_>>());
            for one in ranks.sample([0, 3, 7, 50]) {
                prop_assert_eq!(ranks.below(one.place), one.ahead);
            }
        }
    }
}
