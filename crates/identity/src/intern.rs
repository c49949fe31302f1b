//! Names kept once.

use std::{collections::HashSet, sync::Arc};

use crate::tables::{Label, Name};

/// The names in use. Those that nobody uses any more are let go from time to time.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    names: HashSet<Name>,
    /// How many there may be before it looks for unused ones.
    sweep_at: usize,
    /// Bytes of all of them.
    bytes: usize,
}

/// What a name costs beside its text: counters, and its place in the table.
const NAME_BYTES: usize = 40;
const SWEEP_MIN: usize = 4096;

// === impl Interner ===

impl Interner {
    pub(crate) fn name(&mut self, text: &str) -> Name {
        if let Some(known) = self.names.get(text) {
            return known.clone();
        }
        if self.names.len() >= self.sweep_at.max(SWEEP_MIN) {
            self.sweep();
        }
        let name: Name = Arc::from(text);
        self.bytes += NAME_BYTES + text.len();
        self.names.insert(name.clone());
        name
    }

    pub(crate) fn labels(&mut self, pairs: &[(String, String)]) -> Box<[Label]> {
        pairs.iter().map(|(name, value)| (self.name(name), self.name(value))).collect()
    }

    /// Bytes of all names.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn sweep(&mut self) {
        self.names.retain(|name| Arc::strong_count(name) > 1);
        self.bytes = self.names.iter().map(|name| NAME_BYTES + name.len()).sum();
        self.sweep_at = self.names.len() * 2;
    }
}
