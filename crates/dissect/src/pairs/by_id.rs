//! Exchanges whose halves carry a number.

use hashbrown::HashMap;
use model::{Message, Timestamp};

use crate::pool::Held;

/// Up to here a list is searched; beyond, a map.
const LIST_MAX: usize = 8;
/// Answered numbers remembered, so that an answer seen again is known.
const ANSWERED_MAX: usize = 8;
/// How long they are remembered.
const ANSWERED_NS: u64 = 5_000_000_000;

/// Pending exchanges by their id. Most flows have one or two, some have thousands.
#[derive(Debug, Default)]
pub(super) struct ById {
    list: Vec<(u64, Waiting)>,
    map: HashMap<u64, Waiting>,
    answered: Vec<(u64, Timestamp)>,
    /// How many were asked by datagram: only those leave by themselves.
    datagrams: usize,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Waiting {
    /// The call's number.
    pub(super) number: u64,
    /// `None` while it is still being read.
    pub(super) request: Option<Held>,
    /// There before the request was read to its end.
    pub(super) response: Option<Held>,
    /// Asked by datagram: asked again it is the same question, and it leaves by itself.
    pub(super) datagram: bool,
}

// === impl ById ===

impl ById {
    pub(super) fn len(&self) -> usize {
        self.list.len() + self.map.len()
    }

    pub(super) fn question(&self, id: u64) -> Option<&Message> {
        self.get(id)?.request.as_deref()
    }

    pub(super) fn get(&self, id: u64) -> Option<&Waiting> {
        match self.list.iter().find(|(known, _)| *known == id) {
            Some((_, waiting)) => Some(waiting),
            None => self.map.get(&id),
        }
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Waiting> {
        match self.list.iter().position(|(known, _)| *known == id) {
            Some(at) => Some(&mut self.list[at].1),
            None => self.map.get_mut(&id),
        }
    }

    pub(super) fn insert(&mut self, id: u64, waiting: Waiting) {
        self.datagrams += usize::from(waiting.datagram);
        if self.list.len() < LIST_MAX {
            self.list.push((id, waiting));
        } else {
            self.map.insert(id, waiting);
        }
    }

    pub(super) fn take(&mut self, id: u64) -> Option<Waiting> {
        let waiting = match self.list.iter().position(|(known, _)| *known == id) {
            Some(at) => self.list.swap_remove(at).1,
            None => self.map.remove(&id)?,
        };
        self.datagrams -= usize::from(waiting.datagram);
        Some(waiting)
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
        if self.datagrams == 0 {
            return None;
        }
        self.waiting().filter_map(Waiting::asked_by_datagram).min()
    }

    /// A datagram question older than `ns`, oldest first.
    pub(super) fn pop_older(&mut self, now: Timestamp, ns: u64) -> Option<Waiting> {
        if self.datagrams == 0 {
            return None;
        }
        let old = |w: &Waiting| w.asked_by_datagram().is_some_and(|at| now.since(at) >= ns);
        let listed = self.list.iter().filter(|(_, w)| old(w)).map(|(id, w)| (w.number, *id));
        let mapped = self.map.iter().filter(|(_, w)| old(w)).map(|(id, w)| (w.number, *id));
        let (_, id) = listed.chain(mapped).min()?;
        self.take(id)
    }

    /// Everything, oldest first.
    pub(super) fn drain(&mut self) -> Vec<Waiting> {
        self.datagrams = 0;
        let listed = self.list.drain(..).map(|(_, w)| w);
        let mut all: Vec<_> = listed.chain(self.map.drain().map(|(_, w)| w)).collect();
        all.sort_unstable_by_key(|waiting| waiting.number);
        all
    }

    fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.list.iter().map(|(_, w)| w).chain(self.map.values())
    }
}

// === impl Waiting ===

impl Waiting {
    /// A question that begins.
    pub(super) fn new(number: u64) -> Self {
        Self { number, request: None, response: None, datagram: false }
    }

    fn asked_by_datagram(&self) -> Option<Timestamp> {
        self.request.as_ref().filter(|_| self.datagram).map(|request| request.first.at)
    }
}
