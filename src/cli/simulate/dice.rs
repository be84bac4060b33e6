//! Chance that can be thrown again: everything random in a simulated sale follows from one seed.

/// Random numbers that follow from a seed.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// The numbers that follow from `seed`.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        Self { state: seed }
    }

    /// 64 random bits: SplitMix64, which adds the golden ratio and scrambles the sum.
    pub const fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// At least 0 and below 1.
    pub fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Whether something happens that does in this share of cases.
    pub fn falls(&mut self, share: f64) -> bool {
        self.share() < share
    }

    /// A span of an exponential distribution with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.share()).ln()
    }

    /// 32 random bytes.
    pub fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for part in bytes.chunks_exact_mut(8) {
            part.copy_from_slice(&self.bits().to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_their_means_are_right() {
        let (mut one, mut same) = (Dice::of(5), Dice::of(5));
        assert!((0..100).all(|_| one.bits() == same.bits()));
        assert_ne!(Dice::of(5).bytes(), Dice::of(6).bytes());
        let count = 20_000;
        let mean = |draw: &mut dyn FnMut() -> f64| {
            (0..count).map(|_| draw()).sum::<f64>() / f64::from(count)
        };
        assert!((mean(&mut || one.share()) - 0.5).abs() < 0.01);
        assert!((mean(&mut || one.exponential(90.0)) - 90.0).abs() < 3.0);
        let falls = mean(&mut || f64::from(u8::from(one.falls(0.2))));
        assert!((falls - 0.2).abs() < 0.01);
    }
}
