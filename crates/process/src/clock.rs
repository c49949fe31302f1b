//! The kernel's clock of events and the clock of packets.

use model::Timestamp;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// What to add to nanoseconds since boot to get a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Clock {
    boot_ns: u64,
}

// === impl Clock ===

impl Clock {
    /// As the clocks stand now; the clock of packets may be set, so ask again from time to time.
    #[must_use]
    pub fn now() -> Self {
        let since_boot = nanoseconds(clock_gettime(ClockId::Boottime));
        Self { boot_ns: now().0.saturating_sub(since_boot) }
    }

    /// The time at which this many nanoseconds had gone since boot.
    #[must_use]
    pub fn at(self, since_boot_ns: u64) -> Timestamp {
        Timestamp(self.boot_ns.saturating_add(since_boot_ns))
    }
}

/// The time now, by the clock that stamps packets.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp(nanoseconds(clock_gettime(ClockId::Realtime)))
}

fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let rest = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}
