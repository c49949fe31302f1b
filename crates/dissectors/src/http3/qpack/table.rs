//! What one side said that it may refer to later (RFC 9204 §3.2).

use std::{collections::VecDeque, sync::Arc};

/// What an entry costs beyond its bytes (§3.2.1).
const ENTRY_COST: usize = 32;
/// More than this is not kept, whatever the encoder keeps.
const SIZE_MAX: usize = 64 << 10;

/// The entries, by the number of the insertion that made them, from 0.
///
/// Nobody refers to an entry that was dropped, so that entries are dropped here for memory alone,
/// never for the meaning of an index.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Oldest first.
    entries: VecDeque<Entry>,
    /// Insertions so far.
    inserted: u64,
    size: usize,
}

/// One field; nothing where it is not known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) name: Option<Arc<[u8]>>,
    pub(super) value: Option<Arc<[u8]>>,
}

// === impl Table ===

impl Table {
    /// Insertions so far.
    pub(super) fn inserted(&self) -> u64 {
        self.inserted
    }

    /// The entry that was inserted as number `index`, if it is kept.
    pub(super) fn get(&self, index: u64) -> Option<&Entry> {
        let first = self.inserted - self.entries.len() as u64;
        self.entries.get(usize::try_from(index.checked_sub(first)?).ok()?)
    }

    /// The entry inserted `back` insertions before the last one.
    pub(super) fn recent(&self, back: usize) -> Option<&Entry> {
        self.get(self.inserted.checked_sub(1 + back as u64)?)
    }

    /// Takes a new entry, and drops old ones for it.
    pub(super) fn insert(&mut self, entry: Entry) {
        self.inserted += 1;
        self.size += entry.size();
        self.entries.push_back(entry);
        while self.size > SIZE_MAX {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.size -= oldest.size();
        }
    }

    /// Bytes of memory.
    pub(super) fn held(&self) -> usize {
        self.size + self.entries.capacity() * size_of::<Entry>()
    }
}

// === impl Entry ===

impl Entry {
    fn size(&self) -> usize {
        let len = |text: &Option<Arc<[u8]>>| text.as_ref().map_or(0, |text| text.len());
        len(&self.name) + len(&self.value) + ENTRY_COST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_numbers_and_memory_stays_small() {
        let mut table = Table::default();
        let entry = |n: u64| Entry {
            name: Some(n.to_be_bytes().into()),
            value: Some([b'x'; 1_000].into()),
        };
        for n in 0..500 {
            table.insert(entry(n));
            assert_eq!(table.recent(0), Some(&entry(n)));
        }
        assert!(table.held() < 2 * SIZE_MAX);
        assert_eq!((table.get(499), table.get(450)), (Some(&entry(499)), Some(&entry(450))));
        assert_eq!((table.get(0), table.get(500), table.recent(500)), (None, None, None));
    }
}
