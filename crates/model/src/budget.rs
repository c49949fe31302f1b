//! The memory that a shard may hold for unfinished things.

/// Counts the bytes of every buffer of a shard against one limit.
///
/// Owners charge what they are about to keep and release what they let go; nobody keeps what was
/// refused.
#[derive(Clone, Debug)]
pub struct Budget {
    used: usize,
    peak: usize,
    limit: usize,
}

// === impl Budget ===

impl Budget {
    /// A budget of `limit` bytes, all of them free.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { used: 0, peak: 0, limit }
    }

    /// Takes `bytes` if they are free; `false` leaves everything as it was.
    #[must_use]
    pub fn charge(&mut self, bytes: usize) -> bool {
        let Some(used) = self.used.checked_add(bytes).filter(|used| *used <= self.limit) else {
            return false;
        };
        self.used = used;
        self.peak = self.peak.max(used);
        true
    }

    /// Gives `bytes` back that were charged before.
    pub fn release(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.used, "released {bytes} of {} charged", self.used);
        self.used = self.used.saturating_sub(bytes);
    }

    /// Bytes charged now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }

    /// The most that was ever charged at a time.
    #[must_use]
    pub fn peak(&self) -> usize {
        self.peak
    }

    /// Bytes that may be charged in all.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_not_counted() {
        let mut budget = Budget::new(10);
        assert!(budget.charge(8));
        assert!(!budget.charge(3));
        assert_eq!(budget.used(), 8);
        budget.release(8);
        assert!(budget.charge(10));
        assert_eq!(budget.peak(), 10);
    }
}
