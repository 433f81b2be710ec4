//! Reproducible randomness: every number is a pure function of a seed and a place, so any instant can
//! be computed without stepping through those before it.

/// A source of numbers addressed by words.
#[derive(Clone, Copy, Debug)]
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(scramble(seed ^ 0x9e37_79b9_7f4a_7c15))
    }

    /// A source of its own for a named purpose.
    pub fn named(self, name: &str) -> Self {
        // FNV-1a turns the name into a word.
        let word = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        self.at(word)
    }

    /// A source of its own for a number.
    pub fn at(self, word: u64) -> Self {
        Self(scramble(self.0.wrapping_add(scramble(word ^ 0x2545_f491_4f6c_dd1d))))
    }

    /// 64 random bits.
    pub fn bits(self) -> u64 {
        scramble(self.0)
    }

    /// Uniform in [0, 1).
    pub fn uniform(self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.at(1).uniform()).cos()
    }

    /// Noise over a line of days that changes smoothly over `scale` days; about in [-1, 1].
    pub fn smooth(self, day: i64, scale: i64) -> f64 {
        let cell = day.div_euclid(scale);
        let part = day.rem_euclid(scale) as f64 / scale as f64;
        let ease = part * part * (3.0 - 2.0 * part);
        let knot = |index: i64| self.at(index as u64).uniform() * 2.0 - 1.0;
        knot(cell) * (1.0 - ease) + knot(cell + 1) * ease
    }
}

/// The finaliser of splitmix64.
fn scramble(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normals_have_zero_mean_and_unit_variance() {
        let noise = Noise::new(7).named("test");
        let values: Vec<f64> = (0..20_000).map(|i| noise.at(i).normal()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 0.03, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.05, "variance {variance}");
    }

    #[test]
    fn seeds_and_names_give_different_numbers() {
        assert_ne!(Noise::new(1).named("a").bits(), Noise::new(2).named("a").bits());
        assert_ne!(Noise::new(1).named("a").bits(), Noise::new(1).named("b").bits());
        assert_eq!(Noise::new(1).named("a").at(3).bits(), Noise::new(1).named("a").at(3).bits());
    }
}
