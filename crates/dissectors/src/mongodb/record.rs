//! What is written down of a message, and how it is read again.
//!
//! ```text
//!   │ notes (2) │ packer + 1 │ 0 │ opcode (2) │ requestID (4) │ responseTo (4) │ front … │ tail … │
//! ```
//!
//! The front is what stands before the documents; of a compressed message it is the first unpacked
//! bytes. The body is everything behind the front as it was sent, or as it was unpacked where secrets
//! had to be hidden. The tail is the end of an answer that is too large to be kept whole.

use std::borrow::Cow;

use model::Message;

use super::{
    packed::Packer,
    wire::{Front, Header, Op},
};

/// Bytes in front of the front.
pub const HEAD: usize = 14;
/// Bytes unpacked of a compressed message to look at it.
const UNPACKED_MAX: usize = 1 << 20;

/// It may hold secrets, or what answers it may.
pub const CAREFUL: u16 = 1;
/// It was compressed, and what is kept is not.
pub const UNPACKED: u16 = 1 << 1;
/// It follows on an answer that said that there is more to come.
pub const CONTINUES: u16 = 1 << 2;
/// Several answers may come to it.
pub const EXHAUST: u16 = 1 << 3;
/// It asks for documents without a command.
pub const SEEKS: u16 = 1 << 4;
/// Its documents are what was looked for.
pub const FOUND: u16 = 1 << 5;
/// It answers a command.
pub const ASKED: u16 = 1 << 6;
/// The end of the message is in the record.
pub const TAIL: u16 = 1 << 7;
/// Not all that it holds is kept.
pub const WITHHELD: u16 = 1 << 8;
/// Secrets are hidden.
pub const HIDDEN: u16 = 1 << 9;

/// The head of a record.
pub fn head(notes: u16, packer: Option<Packer>, op: Op, header: &Header) -> [u8; HEAD] {
    let packer = packer.map_or(0, |packer| packer as u8 + 1);
    let [o0, o1, ..] = op.0.to_le_bytes();
    let [i0, i1, i2, i3] = header.request_id.to_le_bytes();
    let [r0, r1, r2, r3] = header.response_to.to_le_bytes();
    let [n0, n1] = notes.to_le_bytes();
    [n0, n1, packer, 0, o0, o1, i0, i1, i2, i3, r0, r1, r2, r3]
}

/// A message, read again.
#[derive(Clone, Debug)]
pub struct Letter<'m> {
    pub notes: u16,
    pub packer: Option<Packer>,
    pub op: Op,
    pub request_id: u32,
    pub response_to: u32,
    front: Cow<'m, [u8]>,
    /// What is behind the front, as far as it was kept.
    pub behind: Cow<'m, [u8]>,
    /// The last elements of a document that is cut.
    pub tail: &'m [u8],
    /// Whether more was sent than is there.
    pub cut: bool,
}

/// The notes of a message.
pub fn notes(message: &Message) -> u16 {
    message.record.first_chunk().map_or(0, |notes| u16::from_le_bytes(*notes))
}

// === impl Letter ===

impl<'m> Letter<'m> {
    /// What was written down of `message`.
    pub fn of(message: &'m Message) -> Option<Self> {
        let (head, rest) = message.record.split_first_chunk::<HEAD>()?;
        let [n0, n1, packer, _, o0, o1, i0, i1, i2, i3, r0, r1, r2, r3] = *head;
        let op = Op(u16::from_le_bytes([o0, o1]).into());
        let packer = packer.checked_sub(1).and_then(Packer::of);
        let notes = u16::from_le_bytes([n0, n1]);
        let mut letter = Self {
            notes,
            packer,
            op,
            request_id: u32::from_le_bytes([i0, i1, i2, i3]),
            response_to: u32::from_le_bytes([r0, r1, r2, r3]),
            front: Cow::Borrowed(rest),
            behind: Cow::Borrowed(&message.body.kept),
            tail: &[],
            cut: message.body.truncated() || message.missing.is_some() || notes & WITHHELD != 0,
        };
        match packer {
            Some(packer) if notes & UNPACKED == 0 => letter.unpack(packer, rest, message),
            _ => letter.split(rest),
        }
        Some(letter)
    }

    /// What stands before the documents.
    pub fn front(&self) -> Front<'_> {
        Front::of(self.op, &self.front).unwrap_or_default()
    }

    pub fn has(&self, note: u16) -> bool {
        self.notes & note != 0
    }

    fn split(&mut self, rest: &'m [u8]) {
        let size = Front::of(self.op, rest).map_or(rest.len(), |front| front.size);
        let (front, tail) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        self.front = Cow::Borrowed(front);
        if self.has(TAIL) && self.cut {
            self.tail = tail;
        }
    }

    fn unpack(&mut self, packer: Packer, first: &'m [u8], message: &Message) {
        let unpacked = packer.unpack(&message.body.kept, UNPACKED_MAX);
        let mut unpacked = if unpacked.len() >= first.len() { unpacked } else { first.to_vec() };
        let size = Front::of(self.op, &unpacked).map_or(unpacked.len(), |front| front.size);
        self.cut |= unpacked.len() >= UNPACKED_MAX;
        self.behind = Cow::Owned(unpacked.split_off(size));
        self.front = Cow::Owned(unpacked);
    }
}
