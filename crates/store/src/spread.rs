//! Durations of calls that are taken together: exact while they are few, then to a hundredth.

use sketches_ddsketch::{Config, DDSketch};

/// How durations are spread.
pub(crate) enum Spread {
    Few(Vec<i64>),
    Many(Box<DDSketch>),
}

/// Durations that are kept as they are.
const FEW_MAX: usize = 512;
/// How far a quantile of many may be from the truth, as a share of it.
const ERROR: f64 = 0.01;
/// A nanosecond to a century has 1,800.
const BINS_MAX: u32 = 2048;

// === impl Spread ===

impl Spread {
    pub(crate) fn new() -> Self {
        Self::Few(Vec::new())
    }

    pub(crate) fn add(&mut self, ns: i64) {
        match self {
            Self::Few(all) if all.len() < FEW_MAX => all.push(ns),
            Self::Few(all) => {
                let mut sketch = DDSketch::new(Config::new(ERROR, BINS_MAX, 1.0));
                all.iter().for_each(|ns| sketch.add(float(*ns)));
                sketch.add(float(ns));
                *self = Self::Many(Box::new(sketch));
            }
            Self::Many(sketch) => sketch.add(float(ns)),
        }
    }

    /// The duration that this share of calls did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Option<i64> {
        match self {
            Self::Few(all) => {
                let mut all = all.clone();
                all.sort_unstable();
                all.get(rank(all.len(), share)).copied()
            }
            Self::Many(sketch) => sketch.quantile(share).ok().flatten().map(whole),
        }
    }

    /// Bytes of memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Few(all) => all.capacity() * size_of::<i64>(),
            Self::Many(sketch) => size_of::<DDSketch>() + sketch.length() * size_of::<u64>(),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
#[expect(clippy::cast_precision_loss, reason = "few")]
fn rank(len: usize, share: f64) -> usize {
    ((len as f64 * share).ceil() as usize).max(1) - 1
}

#[expect(clippy::cast_precision_loss, reason = "a hundredth is enough")]
fn float(ns: i64) -> f64 {
    ns as f64
}

#[expect(clippy::cast_possible_truncation, reason = "it saturates")]
fn whole(ns: f64) -> i64 {
    ns.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(durations: impl IntoIterator<Item = i64>) -> Spread {
        let mut spread = Spread::new();
        durations.into_iter().for_each(|ns| spread.add(ns));
        spread
    }

    #[test]
    fn few_are_exact() {
        let spread = of((1..=100).rev());
        let quantile = |share| spread.quantile(share).unwrap();
        assert_eq!((quantile(0.5), quantile(0.99), quantile(1.0)), (50, 99, 100));
        assert_eq!(of([]).quantile(0.5), None);
    }

    #[test]
    fn many_are_right_to_a_hundredth_and_take_little() {
        for factor in [1, 1_000, 1_000_000_000] {
            let spread = of((1..=10_000).map(|n| n * n % 10_007 * factor));
            let mut all: Vec<i64> = (1..=10_000).map(|n| n * n % 10_007 * factor).collect();
            all.sort_unstable();
            for share in [0.5, 0.9, 0.99] {
                let (truth, told) = (all[rank(all.len(), share)], spread.quantile(share).unwrap());
                assert!(told.abs_diff(truth) * 100 <= truth.unsigned_abs() + 100, "{told} {truth}");
            }
            assert!(spread.bytes() < 20_000, "{}", spread.bytes());
        }
    }
}
