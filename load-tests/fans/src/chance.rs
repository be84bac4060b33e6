//! Chance that can be repeated: the same seed gives the same sale.

/// A seeded generator (`SplitMix64`, Steele, Lea and Flood 2014). Not for secrets.
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// The generator of `seed`.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Another generator for `number`, so that one fan's chances do not hang on another's.
    #[must_use]
    pub fn fork(&self, number: u64) -> Self {
        let mut mixed = Self::seeded(self.state ^ number.wrapping_mul(0xA24B_AED4_963E_E407));
        Self::seeded(mixed.bits())
    }

    /// 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From `low` to below `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Whether what happens to `share` of all (0 to 1) happens now.
    pub fn happens(&mut self, share: f64) -> bool {
        self.unit() < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_sale_and_another_another() {
        let draw = |seed| {
            let mut chance = Chance::seeded(seed);
            [chance.bits(), chance.bits()]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let (mut ann, mut bob) = (Chance::seeded(7).fork(1), Chance::seeded(7).fork(2));
        assert_ne!(ann.bits(), bob.bits());
    }

    #[test]
    fn a_share_happens_about_as_often_as_it_says() {
        let mut chance = Chance::seeded(1);
        let often = (0..10_000).filter(|_| chance.happens(0.1)).count();
        assert!((850..1_150).contains(&often), "{often}");
        let value = chance.between(3.0, 4.0);
        assert!((3.0..4.0).contains(&value));
    }
}
