//! Packets that wait for their keys: they overtake each other, and a key log may be written while it
//! is read.

use std::collections::VecDeque;

use model::Side;

use super::wire::Kind;

/// Bytes of packets that are kept of one connection.
const BYTES_MAX: usize = 64 << 10;
/// What a packet is charged beside its bytes.
const COST: usize = size_of::<Packet>();

/// The packets of one connection that wait.
#[derive(Debug, Default)]
pub struct Late {
    sides: [VecDeque<Packet>; 2],
    bytes: usize,
    /// Nobody waits any more: there were too many.
    is_given_up: bool,
    /// Keys came since the packets were looked at last.
    is_worth_a_look: [bool; 2],
}

/// One packet.
#[derive(Debug)]
pub struct Packet {
    /// What it is.
    pub kind: Kind,
    /// All of it.
    pub bytes: Vec<u8>,
    /// Where its number begins.
    pub number_at: usize,
}

// === impl Late ===

impl Late {
    /// Keeps a packet; `false` if there are too many.
    pub fn put(&mut self, from: Side, kind: Kind, bytes: &[u8], number_at: usize) -> bool {
        let cost = bytes.len() + COST;
        if self.is_given_up || self.bytes + cost > BYTES_MAX {
            return false;
        }
        self.bytes += cost;
        let packet = Packet { kind, bytes: bytes.to_vec(), number_at };
        self.sides[from as usize].push_back(packet);
        true
    }

    /// New keys came.
    pub fn look_again(&mut self) {
        self.is_worth_a_look = [true; 2];
    }

    /// The first packet of `from` that `has` says there are keys for.
    pub fn take(&mut self, from: Side, has: impl Fn(Kind) -> bool) -> Option<Packet> {
        if !self.is_worth_a_look[from as usize] {
            return None;
        }
        let waiting = &mut self.sides[from as usize];
        let at = waiting.iter().position(|packet| has(packet.kind));
        let taken = at.and_then(|at| waiting.remove(at));
        match &taken {
            Some(packet) => self.bytes -= packet.bytes.len() + COST,
            None => self.is_worth_a_look[from as usize] = false,
        }
        if self.is_empty(from) {
            // What waited for that is next.
            self.is_worth_a_look[from.other() as usize] = true;
        }
        taken
    }

    /// Nothing more of `from` is waited for: the other side need not wait for it any more.
    pub fn forget(&mut self, from: Side) {
        let gone = std::mem::take(&mut self.sides[from as usize]);
        self.bytes -= gone.iter().map(|packet| packet.bytes.len() + COST).sum::<usize>();
        self.look_again();
    }

    /// Whether nothing of `from` waits.
    pub fn is_empty(&self, from: Side) -> bool {
        self.sides[from as usize].is_empty()
    }

    /// Nothing is kept from here on.
    pub fn give_up(&mut self) {
        *self = Self { is_given_up: true, ..Self::default() };
    }

    /// Bytes of memory.
    pub fn held(&self) -> usize {
        self.bytes
    }
}
