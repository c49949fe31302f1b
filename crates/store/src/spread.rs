//! Durations of calls that are taken together: exact while they are few, then to a hundredth.

use serde_json::Value;
use sketches_ddsketch::{Config, DDSketch};

use crate::Durations;

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
/// No duration is in a later bin.
const LAST_BIN: i32 = 2_400;
/// More calls than there can be.
const CALLS_MAX: u64 = 1 << 60;

// === impl Spread ===

impl Spread {
    pub(crate) fn new() -> Self {
        Self::Few(Vec::new())
    }

    pub(crate) fn add(&mut self, ns: i64) {
        match self {
            Self::Few(all) if all.len() < FEW_MAX => all.push(ns),
            Self::Few(_) | Self::Many(_) => self.as_many(|sketch| sketch.add(float(ns))),
        }
    }

    /// Does something with it as a sketch, whatever it was.
    fn as_many(&mut self, act: impl FnOnce(&mut DDSketch)) {
        match self {
            Self::Many(sketch) => act(sketch),
            Self::Few(all) => {
                let mut sketch = DDSketch::new(config());
                all.iter().for_each(|ns| sketch.add(float(*ns)));
                act(&mut sketch);
                *self = Self::Many(Box::new(sketch));
            }
        }
    }

    /// Adds what others saw. What can't be is left out.
    pub(crate) fn merge(&mut self, other: &Durations) {
        match other {
            Durations::Few(all) => all.iter().take(FEW_MAX).for_each(|ns| self.add(*ns)),
            Durations::Many { zero, bins } => self.as_many(|sketch| {
                let room = CALLS_MAX.saturating_sub(sketch.count() as u64) / 2;
                sketch.add_with_count(0.0, (*zero).min(room));
                for (bin, count) in bins.iter().filter(|(bin, _)| (0..=LAST_BIN).contains(bin)) {
                    // The middle of a bin falls into this bin again.
                    let count = (*count).min(room / u64::from(LAST_BIN.unsigned_abs()));
                    sketch.add_with_count(config().value(*bin), count);
                }
            }),
        }
    }

    /// What was seen, for others.
    pub(crate) fn told(&self) -> Durations {
        match self {
            Self::Few(all) => Durations::Few(all.clone()),
            Self::Many(sketch) => bins(sketch),
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

fn config() -> Config {
    Config::new(ERROR, BINS_MAX, 1.0)
}

/// What is in a sketch. The library hands its bins out only as a document.
fn bins(sketch: &DDSketch) -> Durations {
    let told = serde_json::to_value(sketch).unwrap_or_default();
    let store = &told["store"];
    let first = store["offset"].as_i64().and_then(|first| i32::try_from(first).ok()).unwrap_or(0);
    let counts = store["bins"].as_array().into_iter().flatten().map(Value::as_u64);
    let bins = (first..).zip(counts).filter_map(|(bin, count)| Some((bin, count?)));
    Durations::Many {
        zero: told["zero_count"].as_u64().unwrap_or(0),
        bins: bins.filter(|(_, count)| *count > 0).collect(),
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
