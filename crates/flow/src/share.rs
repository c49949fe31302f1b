//! Which share of new flows is read, where there is not the time for all of them.

use std::sync::{
    Arc,
    atomic::{AtomicU16, AtomicU64, Ordering},
};

/// The share of new flows that is read, shared by all who read, and by who decides. Flows that are known
/// are read to their end.
///
/// Whether a flow is among them goes by its ends alone: at the same share another capture reads the same
/// ones.
#[derive(Clone, Debug)]
pub struct Share(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    per_mille: AtomicU16,
    passed_over: AtomicU64,
    not_meant: AtomicU64,
}

/// All of them.
pub const ALL: u16 = 1000;

// === impl Share ===

impl Default for Share {
    /// All flows are read.
    fn default() -> Self {
        Self(Arc::new(Inner {
            per_mille: AtomicU16::new(ALL),
            passed_over: AtomicU64::new(0),
            not_meant: AtomicU64::new(0),
        }))
    }
}

impl Share {
    /// From now on so many thousandths of new flows are read.
    pub fn set(&self, per_mille: u16) {
        self.0.per_mille.store(per_mille.min(ALL), Ordering::Relaxed);
    }

    /// How many thousandths of new flows are read.
    #[must_use]
    pub fn per_mille(&self) -> u16 {
        self.0.per_mille.load(Ordering::Relaxed)
    }

    /// Segments and datagrams of flows that nobody wants.
    #[must_use]
    pub fn not_meant(&self) -> u64 {
        self.0.not_meant.load(Ordering::Relaxed)
    }

    pub(crate) fn leave_out(&self) {
        self.0.not_meant.fetch_add(1, Ordering::Relaxed);
    }

    /// Segments and datagrams that would have opened a flow, and did not.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.0.passed_over.load(Ordering::Relaxed)
    }

    /// Whether a new flow with this hash is read.
    pub(crate) fn takes(&self, hash: u64) -> bool {
        let per_mille = u64::from(self.per_mille());
        // The highest bits choose the shard.
        let takes = (hash >> 24 & 0xffff) * u64::from(ALL) < per_mille << 16;
        if !takes {
            self.0.passed_over.fetch_add(1, Ordering::Relaxed);
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_flows_is_taken_and_always_the_same_ones() {
        let hash = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let share = Share::default();
        assert!((0..1000).all(|n| share.takes(hash(n))));
        share.set(250);
        let quarter: Vec<u64> = (0..10_000).filter(|n| share.takes(hash(*n))).collect();
        assert!((2_200..2_800).contains(&quarter.len()), "{}", quarter.len());
        assert_eq!(share.passed_over(), 10_000 - quarter.len() as u64);
        share.set(500);
        assert!(quarter.iter().all(|n| share.takes(hash(*n))), "of more flows, these are some");
        share.set(0);
        assert!(!(0..1000).any(|n| share.takes(hash(n))));
    }
}
