//! Questions that wait under a number.

use hashbrown::HashMap;
use model::{Message, Timestamp};

use crate::pool::Held;

/// Up to here a list is searched; beyond, a map.
const LIST_MAX: usize = 8;
/// Answered numbers remembered, so that an answer seen again is known.
const ANSWERED_MAX: usize = 8;
/// How long they are remembered.
const ANSWERED_NS: u64 = 5_000_000_000;

/// Pending questions by their number. Most flows have one or two, some have thousands.
#[derive(Debug, Default)]
pub(super) struct ById {
    list: Vec<(u64, Waiting)>,
    map: HashMap<u64, Waiting>,
    answered: Vec<(u64, Timestamp)>,
}

#[derive(Debug)]
struct Waiting {
    held: Held,
    number: u64,
    datagram: bool,
}

// === impl ById ===

impl ById {
    pub(super) fn len(&self) -> usize {
        self.list.len() + self.map.len()
    }

    pub(super) fn question(&self, id: u64) -> Option<&Message> {
        match self.list.iter().find(|(known, _)| *known == id) {
            Some((_, waiting)) => Some(&waiting.held),
            None => self.map.get(&id).map(|waiting| &*waiting.held),
        }
    }

    pub(super) fn pending(&mut self, id: u64) -> Option<&mut Held> {
        match self.list.iter().position(|(known, _)| *known == id) {
            Some(at) => Some(&mut self.list[at].1.held),
            None => self.map.get_mut(&id).map(|waiting| &mut waiting.held),
        }
    }

    pub(super) fn insert(&mut self, id: u64, held: Held, number: u64, datagram: bool) {
        let waiting = Waiting { held, number, datagram };
        if self.list.len() < LIST_MAX {
            self.list.push((id, waiting));
        } else {
            self.map.insert(id, waiting);
        }
    }

    pub(super) fn take(&mut self, id: u64) -> Option<(Held, u64)> {
        let waiting = match self.list.iter().position(|(known, _)| *known == id) {
            Some(at) => self.list.swap_remove(at).1,
            None => self.map.remove(&id)?,
        };
        Some((waiting.held, waiting.number))
    }

    pub(super) fn remember(&mut self, id: u64, at: Timestamp) {
        if self.answered.len() >= ANSWERED_MAX {
            self.answered.remove(0);
        }
        self.answered.push((id, at));
    }

    pub(super) fn answered_lately(&self, id: u64, now: Timestamp) -> bool {
        self.answered.iter().any(|(known, at)| *known == id && now.since(*at) < ANSWERED_NS)
    }

    /// When the oldest question asked by datagram was asked.
    pub(super) fn oldest_datagram(&self) -> Option<Timestamp> {
        self.waiting().filter(|w| w.datagram).map(|w| w.held.first.at).min()
    }

    /// A datagram question older than `ns`, oldest first.
    pub(super) fn pop_older(&mut self, now: Timestamp, ns: u64) -> Option<(Held, u64)> {
        let old = |w: &Waiting| w.datagram && now.since(w.held.first.at) >= ns;
        let listed = self.list.iter().filter(|(_, w)| old(w)).map(|(id, w)| (w.number, *id));
        let mapped = self.map.iter().filter(|(_, w)| old(w)).map(|(id, w)| (w.number, *id));
        let (_, id) = listed.chain(mapped).min()?;
        self.take(id)
    }

    /// Everything, oldest first.
    pub(super) fn drain(&mut self) -> Vec<(Held, u64)> {
        let listed = self.list.drain(..).map(|(_, w)| (w.held, w.number));
        let mut all: Vec<_> =
            listed.chain(self.map.drain().map(|(_, w)| (w.held, w.number))).collect();
        all.sort_unstable_by_key(|(_, number)| *number);
        all
    }

    fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.list.iter().map(|(_, w)| w).chain(self.map.values())
    }
}
