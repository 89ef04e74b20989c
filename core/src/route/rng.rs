//! Random numbers that are the same on every device: SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
//! generators", OOPSLA 2014).

/// A generator.
#[derive(Clone, Debug)]
pub(super) struct Rng(u64);

impl Rng {
    /// A generator of this seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed ^ 0x5851_F42D_4C95_7F2D)
    }

    /// The next 64 bits.
    #[inline]
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 if `n` is 0.
    #[inline]
    pub(super) fn below(&mut self, n: usize) -> usize {
        (((self.bits() >> 32) * n as u64) >> 32) as usize
    }

    /// About exponentially distributed, mean `mean`: what a local search at that temperature lets pass. Whole numbers only, so
    /// that it does not depend on a platform's logarithm.
    #[inline]
    pub(super) fn exponential(&mut self, mean: i64) -> i64 {
        if mean <= 0 {
            return 0;
        }
        let bits = self.bits();
        // -log2 of a uniform number: leading zeros, and a straight line between powers of two.
        let zeros = i64::from(bits.leading_zeros().min(40));
        let part = i64::try_from((bits << (zeros + 1)) >> 54).unwrap_or(0);
        let log2 = zeros * 1024 + (1024 - part);
        // ln 2 = 0.693
        (mean.min(1 << 40) * log2 / 1024) * 693 / 1000
    }
}
