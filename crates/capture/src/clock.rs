//! From the ticks of an interface to nanoseconds since the epoch (draft-ietf-opsawg-pcapng §4.2).

use model::Timestamp;

const NS_PER_SECOND: u128 = 1_000_000_000;

/// How an interface counts time: `if_tsresol` and `if_tsoffset`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Clock {
    tick: Tick,
    offset_s: i64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Tick {
    /// A tick is this many nanoseconds.
    Nanoseconds(u64),
    /// A nanosecond is this many ticks.
    PerNanosecond(u128),
    /// A second is two to this many ticks.
    PerSecondLog2(u32),
}

// === impl Clock ===

impl Clock {
    /// Microseconds, which is what an interface counts in if it doesn't say.
    pub(crate) const DEFAULT: Self = Self { tick: Tick::Nanoseconds(1_000), offset_s: 0 };

    /// By the options: the high bit of the resolution chooses between negative powers of 2 and 10.
    pub(crate) fn new(resolution: Option<u8>, offset_s: i64) -> Self {
        let tick = match resolution {
            None => Self::DEFAULT.tick,
            Some(r) if r & 0x80 != 0 => Tick::PerSecondLog2(u32::from(r & 0x7f)),
            Some(r) if r <= 9 => Tick::Nanoseconds(10_u64.pow(u32::from(9 - r))),
            Some(r) => {
                Tick::PerNanosecond(10_u128.checked_pow(u32::from(r - 9)).unwrap_or(u128::MAX))
            }
        };
        Self { tick, offset_s }
    }

    /// The moment of a tick; the nearest one that can be said where it is out of range.
    #[inline]
    pub(crate) fn at(self, ticks: u64) -> Timestamp {
        match self.tick {
            Tick::Nanoseconds(ns) if self.offset_s == 0 => Timestamp(ticks.saturating_mul(ns)),
            _ => self.at_slow(u128::from(ticks)),
        }
    }

    fn at_slow(self, ticks: u128) -> Timestamp {
        // No product overflows: ticks have 64 bits, the factors 30.
        let ns = match self.tick {
            Tick::Nanoseconds(ns) => ticks * u128::from(ns),
            Tick::PerNanosecond(per_ns) => ticks / per_ns,
            Tick::PerSecondLog2(log2) => (ticks * NS_PER_SECOND) >> log2,
        };
        let offset_ns = u128::from(self.offset_s.unsigned_abs()) * NS_PER_SECOND;
        let ns = if self.offset_s < 0 { ns.saturating_sub(offset_ns) } else { ns + offset_ns };
        Timestamp(u64::try_from(ns).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_and_of_two() {
        let at = |resolution, ticks| Clock::new(resolution, 0).at(ticks).0;
        assert_eq!(at(None, 1_500_000), 1_500_000_000);
        assert_eq!(at(Some(6), 1_500_000), 1_500_000_000);
        assert_eq!(at(Some(9), 1_500_000), 1_500_000);
        assert_eq!(at(Some(0), 3), 3_000_000_000);
        assert_eq!(at(Some(12), 3_999), 3);
        assert_eq!(at(Some(0x80), 3), 3_000_000_000);
        assert_eq!(at(Some(0x80 | 10), 1_536), 1_500_000_000);
        assert_eq!(at(Some(0x80 | 127), u64::MAX), 0);
        assert_eq!(at(Some(0x7f), u64::MAX), 0);
    }

    #[test]
    fn offsets_are_signed_seconds() {
        assert_eq!(Clock::new(None, 2).at(1), Timestamp(2_000_001_000));
        assert_eq!(Clock::new(None, -2).at(2_000_001), Timestamp(1_000));
        assert_eq!(Clock::new(None, -2).at(1), Timestamp(0));
        assert_eq!(Clock::new(Some(0), i64::MAX).at(u64::MAX), Timestamp(u64::MAX));
        assert_eq!(Clock::new(Some(0), i64::MIN).at(u64::MAX), Timestamp(u64::MAX));
    }
}
