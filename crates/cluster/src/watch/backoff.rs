//! How long to wait before the next try: longer each time, bounded, and not all at once.

use std::time::Duration;

/// Waits that grow.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    tries: u32,
    random: u64,
}

/// Beyond so many doublings every wait is the longest.
const DOUBLINGS_MAX: u32 = 20;

// === impl Backoff ===

impl Backoff {
    /// From `first` to `max`; the same `seed` waits the same.
    pub(crate) fn new(first: Duration, max: Duration, seed: u64) -> Self {
        Self { first, max, tries: 0, random: seed | 1 }
    }

    /// What was tried works.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }

    /// How long to wait this time: between half of the full wait and all of it.
    pub(crate) fn wait(&mut self) -> Duration {
        let full = self.first.saturating_mul(1 << self.tries.min(DOUBLINGS_MAX)).min(self.max);
        self.tries = self.tries.saturating_add(1);
        full / 2 + self.part_of(full / 2)
    }

    /// Somewhere between nothing and `most`.
    pub(crate) fn part_of(&mut self, most: Duration) -> Duration {
        // xorshift64 (Marsaglia 2003, "Xorshift RNGs", §3).
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let most_ns = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.random % most_ns.saturating_add(1).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(500);
    const MAX: Duration = Duration::from_secs(60);

    #[test]
    fn waits_double_and_are_bounded() {
        let mut backoff = Backoff::new(FIRST, MAX, 7);
        for doubled in 0..100_u32 {
            let full = FIRST.saturating_mul(1 << doubled.min(20)).min(MAX);
            let wait = backoff.wait();
            assert!(wait >= full / 2 && wait <= full, "{doubled}: {wait:?} of {full:?}");
        }
    }

    #[test]
    fn after_success_it_begins_again() {
        let mut backoff = Backoff::new(FIRST, MAX, 7);
        let _ = [(); 9].map(|()| backoff.wait());
        backoff.reset();
        assert!(backoff.wait() <= FIRST);
    }

    #[test]
    fn two_seeds_wait_differently() {
        let waits = |seed| {
            let mut backoff = Backoff::new(FIRST, MAX, seed);
            (0..5).map(|_| backoff.wait()).collect::<Vec<_>>()
        };
        assert_ne!(waits(3), waits(5));
        assert_eq!(waits(3), waits(3));
    }
}
