//! The flows of a shard, found by key.

use hashbrown::HashTable;
use model::{FlowKey, Transport};

use crate::flow::Flow;

/// Flows of a chunk; the table grows by chunks, so that growing never copies flows.
const CHUNK: usize = 1_024;

/// Flows by key, and by a number that stays the same while the flow lives.
#[derive(Default)]
pub(crate) struct Table {
    index: HashTable<u32>,
    chunks: Vec<Vec<Slot>>,
    free: Vec<u32>,
    len: usize,
    hand: u32,
}

struct Slot {
    hash: u64,
    flow: Option<Flow>,
}

// === impl Table ===

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The hash under which a flow is found. A datagram's own hash speaks of its ports alone.
    pub(crate) fn hash(key: &FlowKey, hash: u64) -> u64 {
        match key.transport {
            Transport::Tcp => hash,
            Transport::Udp | Transport::Icmp | Transport::Sctp => {
                let bits = |ip| match ip {
                    std::net::IpAddr::V4(ip) => u128::from(ip.to_bits()),
                    std::net::IpAddr::V6(ip) => ip.to_bits(),
                };
                let mixed = bits(key.a.ip).rotate_left(32) ^ bits(key.b.ip);
                let folded = (mixed ^ (mixed >> 64)) as u64;
                (hash ^ folded).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            }
        }
    }

    pub(crate) fn find(&self, hash: u64, key: &FlowKey) -> Option<u32> {
        self.index
            .find(hash, |at| self.flow(*at).is_some_and(|flow| flow.talk.key == *key))
            .copied()
    }

    pub(crate) fn insert(&mut self, hash: u64, flow: Flow) -> u32 {
        let slot = Slot { hash, flow: Some(flow) };
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(place) = self.slot_mut(at) {
                    *place = slot;
                }
                at
            }
            None => self.push(slot),
        };
        self.len += 1;
        let Self { index, chunks, .. } = self;
        index.insert_unique(hash, at, |at| slot_of(chunks, *at).map_or(0, |slot| slot.hash));
        at
    }

    pub(crate) fn remove(&mut self, at: u32) -> Option<Flow> {
        let slot = self.slot_mut(at)?;
        let flow = slot.flow.take()?;
        let hash = slot.hash;
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == at) {
            entry.remove();
        }
        self.free.push(at);
        self.len -= 1;
        Some(flow)
    }

    pub(crate) fn flow(&self, at: u32) -> Option<&Flow> {
        slot_of(&self.chunks, at)?.flow.as_ref()
    }

    pub(crate) fn flow_mut(&mut self, at: u32) -> Option<&mut Flow> {
        self.slot_mut(at)?.flow.as_mut()
    }

    /// All flows, in no order that means anything.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        let slots =
            u32::try_from(self.chunks.iter().map(Vec::len).sum::<usize>()).unwrap_or(u32::MAX);
        (0..slots).filter(|at| self.flow(*at).is_some())
    }

    /// A flow that was silent for long, among the next `looks` that come round.
    pub(crate) fn idlest(&mut self, looks: u32) -> Option<u32> {
        let slots =
            u32::try_from(self.chunks.iter().map(Vec::len).sum::<usize>()).unwrap_or(u32::MAX);
        let mut idlest = None;
        for _ in 0..looks.min(slots) {
            self.hand = if self.hand + 1 >= slots { 0 } else { self.hand + 1 };
            let Some(flow) = self.flow(self.hand) else { continue };
            let rank = (!flow.over(), flow.last_at);
            if idlest.is_none_or(|(least, _)| rank < least) {
                idlest = Some((rank, self.hand));
            }
        }
        idlest.map(|(_, at)| at)
    }

    fn push(&mut self, slot: Slot) -> u32 {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunks = self.chunks.len();
        let last = &mut self.chunks[chunks - 1];
        last.push(slot);
        u32::try_from((chunks - 1) * CHUNK + last.len() - 1)
            .expect("flows are limited far below 2^32")
    }

    fn slot_mut(&mut self, at: u32) -> Option<&mut Slot> {
        let at = at as usize;
        self.chunks.get_mut(at / CHUNK)?.get_mut(at % CHUNK)
    }
}

fn slot_of(chunks: &[Vec<Slot>], at: u32) -> Option<&Slot> {
    let at = at as usize;
    chunks.get(at / CHUNK)?.get(at % CHUNK)
}
