//! What is written down of a message.
//!
//! ```text
//!  0      1     2..4      4..6     6..8     8
//! ┌──────┬─────┬─────────┬────────┬────────┬─────────────┬─────────┬────┬─────────────┐
//! │opcode│flags│fragments│ close  │path len│handshake len│handshake│path│ sub-protocol│
//! └──────┴─────┴─────────┴────────┴────────┴─────────────┴─────────┴────┴─────────────┘
//! ```
//!
//! Numbers are little-endian; `close` is the status code of a close frame, 0 for none; `handshake` is what
//! the call is known by that opened the connection, empty where it was not seen.

use dissect::Sink;
use model::Message;

use super::{frame::Opcode, origin::Origin};

const FACTS_LEN: usize = 9;
const FLAGS_AT: usize = 1;

/// Its frames were compressed.
const COMPRESSED: u8 = 1;
/// It could not be decompressed: what came before it, and is needed for it, was not seen.
const OPAQUE: u8 = 2;

/// The facts of a message that is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) opcode: Opcode,
    pub(super) compressed: bool,
    pub(super) opaque: bool,
    pub(super) fragments: u16,
    pub(super) close: u16,
}

/// A record, read again.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'m> {
    facts: [u8; FACTS_LEN],
    rest: &'m [u8],
}

// === impl Facts ===

impl Facts {
    /// A message that begins with this opcode.
    pub(super) fn new(opcode: Opcode, compressed: bool) -> Self {
        Self { opcode, compressed, opaque: false, fragments: 1, close: 0 }
    }

    /// Writes them down, and where the connection came from.
    pub(super) fn record(self, origin: &Origin, sink: &mut Sink<'_, '_>) {
        sink.record(&self.bytes(origin));
        sink.record(origin.handshake.as_bytes());
        sink.record(&origin.path);
        sink.record(&origin.protocol);
    }

    /// Writes them down again, at the message's end.
    pub(super) fn amend(self, origin: &Origin, sink: &mut Sink<'_, '_>) {
        sink.amend(0, &self.bytes(origin));
    }

    fn bytes(self, origin: &Origin) -> [u8; FACTS_LEN] {
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let flags = flag(self.compressed, COMPRESSED) | flag(self.opaque, OPAQUE);
        let [a, b] = self.fragments.to_le_bytes();
        let [c, d] = self.close.to_le_bytes();
        let [e, f] = u16::try_from(origin.path.len()).unwrap_or(0).to_le_bytes();
        let handshake = u8::try_from(origin.handshake.len()).unwrap_or(0);
        [self.opcode.number(), flags, a, b, c, d, e, f, handshake]
    }
}

// === impl View ===

impl<'m> View<'m> {
    pub(super) fn of(message: &'m Message) -> Option<Self> {
        let (facts, rest) = message.record.split_first_chunk()?;
        Some(Self { facts: *facts, rest })
    }

    pub(super) fn opcode(self) -> Opcode {
        Opcode::of(self.facts[0]).unwrap_or(Opcode::Continuation)
    }

    pub(super) fn is_compressed(self) -> bool {
        self.facts[FLAGS_AT] & COMPRESSED != 0
    }

    pub(super) fn is_opaque(self) -> bool {
        self.facts[FLAGS_AT] & OPAQUE != 0
    }

    pub(super) fn fragments(self) -> u16 {
        u16::from_le_bytes([self.facts[2], self.facts[3]])
    }

    /// The status code of a close frame.
    pub(super) fn close(self) -> Option<u16> {
        Some(u16::from_le_bytes([self.facts[4], self.facts[5]])).filter(|code| *code > 0)
    }

    /// What the call is known by that opened the connection; empty where it was not seen.
    pub(super) fn handshake(self) -> &'m [u8] {
        self.parts().0
    }

    pub(super) fn path(self) -> &'m [u8] {
        self.parts().1
    }

    pub(super) fn protocol(self) -> &'m [u8] {
        self.parts().2
    }

    fn parts(self) -> (&'m [u8], &'m [u8], &'m [u8]) {
        let path_len = usize::from(u16::from_le_bytes([self.facts[6], self.facts[7]]));
        let handshake = self.rest.split_at_checked(usize::from(self.facts[8]));
        let (handshake, rest) = handshake.unwrap_or_default();
        let (path, protocol) = rest.split_at_checked(path_len).unwrap_or_default();
        (handshake, path, protocol)
    }
}
