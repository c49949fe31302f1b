//! Which state of each object is known, so that what comes twice or too late is no news.

use std::collections::{HashMap, HashSet, VecDeque};

use identity::{Meta, Uid};

/// The newest version seen of every object of a kind.
#[derive(Debug)]
pub(crate) struct Versions {
    seen: HashMap<Uid, u64>,
    /// Deleted; an identity never comes back.
    gone: HashSet<Uid>,
    /// The same, in their order.
    gone_first: VecDeque<Uid>,
    count_max: usize,
}

/// So many deleted objects are remembered.
const GONE_MAX: usize = 65_536;

// === impl Versions ===

impl Versions {
    pub(crate) fn new(count_max: usize) -> Self {
        Self { seen: HashMap::new(), gone: HashSet::new(), gone_first: VecDeque::new(), count_max }
    }

    /// Whether a change tells something new. Resource versions of one kind are numbers that grow
    /// (Kubernetes' API concepts, "Resource versions"); where they are none, everything is news.
    pub(crate) fn is_news(&mut self, of: &Meta, is_deleted: bool) -> bool {
        if self.gone.contains(&of.uid) {
            return false;
        }
        if is_deleted {
            self.seen.remove(&of.uid);
            self.bury(of.uid);
            return true;
        }
        if of.version == 0 {
            return true;
        }
        if self.seen.get(&of.uid).is_some_and(|known| of.version <= *known) {
            return false;
        }
        // It only saves work: when there are too many, all is news again.
        if self.seen.len() >= self.count_max {
            self.seen.clear();
        }
        self.seen.insert(of.uid, of.version);
        true
    }

    /// These are all there are.
    pub(crate) fn listed<'m>(&mut self, all: impl Iterator<Item = &'m Meta>) {
        self.seen.clear();
        for meta in all {
            // The API server may have been set back to an earlier state.
            self.gone.remove(&meta.uid);
            self.seen.insert(meta.uid, meta.version);
        }
    }

    fn bury(&mut self, uid: Uid) {
        self.gone.insert(uid);
        self.gone_first.push_back(uid);
        if self.gone_first.len() > GONE_MAX
            && let Some(first) = self.gone_first.pop_front()
        {
            self.gone.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(uid: u128, version: u64) -> Meta {
        Meta { uid: Uid(uid), version, ..Meta::default() }
    }

    #[test]
    fn what_comes_twice_or_late_is_no_news() {
        let mut versions = Versions::new(10);
        assert!(versions.is_news(&meta(1, 5), false));
        assert!(!versions.is_news(&meta(1, 5), false));
        assert!(!versions.is_news(&meta(1, 4), false));
        assert!(versions.is_news(&meta(1, 6), false));
        assert!(versions.is_news(&meta(1, 7), true));
        assert!(!versions.is_news(&meta(1, 7), true));
        assert!(!versions.is_news(&meta(1, 6), false));
    }

    #[test]
    fn a_list_counts_more_than_what_was_known() {
        let mut versions = Versions::new(10);
        versions.is_news(&meta(1, 9), true);
        versions.is_news(&meta(2, 9), false);
        versions.listed([meta(1, 3), meta(2, 4)].iter());
        assert!(versions.is_news(&meta(1, 4), false));
        assert!(versions.is_news(&meta(2, 5), false));
    }

    #[test]
    fn its_size_is_bounded() {
        let mut versions = Versions::new(10);
        for uid in 0..200_000 {
            assert!(versions.is_news(&meta(uid, 1), false));
            assert!(versions.seen.len() <= 10);
            assert!(versions.is_news(&meta(uid, 2), true));
            assert!(versions.gone.len() <= GONE_MAX + 1);
        }
    }

    #[test]
    fn without_numbers_all_is_news() {
        let mut versions = Versions::new(10);
        assert!(versions.is_news(&meta(1, 0), false) && versions.is_news(&meta(1, 0), false));
    }
}
