//! The frame: nine bytes, then a body.
//!
//! ```text
//!  0         8         16                  32        40
//! ┌─────────┬─────────┬───────────────────┬─────────┐
//! │ version │ flags   │ stream            │ opcode  │
//! ├─────────┴─────────┴───────────────────┼─────────┘
//! │ length                                │ body …
//! └───────────────────────────────────────┘
//! ```
//!
//! `native_protocol_v3.spec`, `_v4.spec` and `_v5.spec` of Apache Cassandra, §2.

use model::Side;

/// Bytes of a frame's head.
pub const HEAD: usize = 9;
/// Bytes of a body at most (§2.5).
const BODY_MAX: u32 = 256 << 20;
/// Set in the version by servers (§2.1).
const RESPONSE: u8 = 0x80;

/// The body is compressed (v3 and v4).
pub const COMPRESSED: u8 = 0x01;
/// An answer begins with the id of its trace.
pub const TRACING: u8 = 0x02;
/// The body begins with a map of bytes.
pub const CUSTOM: u8 = 0x04;
/// An answer begins with warnings.
pub const WARNING: u8 = 0x08;
/// All flags there are; the last is that of versions not yet final.
const FLAGS: u8 = 0x1f;

/// What a frame is (§2.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Opcode(pub u8);

/// A frame's head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// 3, 4 or 5.
    pub version: u8,
    /// Flags.
    pub flags: u8,
    /// Question and answer have the same; negative for what the server says by itself.
    pub stream: i16,
    /// What it is.
    pub opcode: Opcode,
    /// Bytes of its body.
    pub len: u32,
}

/// Opcodes and the side that sends them.
const OPCODES: [(Opcode, &str, Side); 17] = [
    (Opcode::ERROR, "ERROR", Side::Server),
    (Opcode::STARTUP, "STARTUP", Side::Client),
    (Opcode::READY, "READY", Side::Server),
    (Opcode::AUTHENTICATE, "AUTHENTICATE", Side::Server),
    (Opcode::CREDENTIALS, "CREDENTIALS", Side::Client),
    (Opcode::OPTIONS, "OPTIONS", Side::Client),
    (Opcode::SUPPORTED, "SUPPORTED", Side::Server),
    (Opcode::QUERY, "QUERY", Side::Client),
    (Opcode::RESULT, "RESULT", Side::Server),
    (Opcode::PREPARE, "PREPARE", Side::Client),
    (Opcode::EXECUTE, "EXECUTE", Side::Client),
    (Opcode::REGISTER, "REGISTER", Side::Client),
    (Opcode::EVENT, "EVENT", Side::Server),
    (Opcode::BATCH, "BATCH", Side::Client),
    (Opcode::AUTH_CHALLENGE, "AUTH_CHALLENGE", Side::Server),
    (Opcode::AUTH_RESPONSE, "AUTH_RESPONSE", Side::Client),
    (Opcode::AUTH_SUCCESS, "AUTH_SUCCESS", Side::Server),
];

// === impl Opcode ===

impl Opcode {
    pub const ERROR: Self = Self(0x00);
    pub const STARTUP: Self = Self(0x01);
    pub const READY: Self = Self(0x02);
    pub const AUTHENTICATE: Self = Self(0x03);
    pub const CREDENTIALS: Self = Self(0x04);
    pub const OPTIONS: Self = Self(0x05);
    pub const SUPPORTED: Self = Self(0x06);
    pub const QUERY: Self = Self(0x07);
    pub const RESULT: Self = Self(0x08);
    pub const PREPARE: Self = Self(0x09);
    pub const EXECUTE: Self = Self(0x0a);
    pub const REGISTER: Self = Self(0x0b);
    pub const EVENT: Self = Self(0x0c);
    pub const BATCH: Self = Self(0x0d);
    pub const AUTH_CHALLENGE: Self = Self(0x0e);
    pub const AUTH_RESPONSE: Self = Self(0x0f);
    pub const AUTH_SUCCESS: Self = Self(0x10);

    /// Its name in the specification.
    pub fn name(self) -> &'static str {
        OPCODES.iter().find(|(opcode, ..)| *opcode == self).map_or("?", |(_, name, _)| name)
    }

    /// Who sends it; nobody if it is none.
    pub fn side(self) -> Option<Side> {
        OPCODES.iter().find(|(opcode, ..)| *opcode == self).map(|(.., side)| *side)
    }

    /// Whether its body proves who somebody is.
    pub fn is_secret(self) -> bool {
        matches!(
            self,
            Self::CREDENTIALS | Self::AUTH_CHALLENGE | Self::AUTH_RESPONSE | Self::AUTH_SUCCESS
        )
    }

    /// Whether its body holds statements.
    pub fn has_text(self) -> bool {
        matches!(self, Self::QUERY | Self::PREPARE | Self::BATCH)
    }
}

// === impl Head ===

impl Head {
    /// The head of a frame that `from` sends, if it can be one.
    pub fn read(from: Side, bytes: &[u8; HEAD]) -> Option<Self> {
        let [version, flags, s0, s1, opcode, len @ ..] = *bytes;
        let sender = if version & RESPONSE == 0 { Side::Client } else { Side::Server };
        let head = Self {
            version: version & !RESPONSE,
            flags,
            stream: i16::from_be_bytes([s0, s1]),
            opcode: Opcode(opcode),
            len: u32::from_be_bytes(len),
        };
        (sender == from && head.is_possible(from)).then_some(head)
    }

    /// The head at the front of `input`, of whoever sent it.
    pub fn probe(input: &[u8]) -> Option<(Side, Self)> {
        let bytes = input.first_chunk()?;
        let from = if bytes[0] & RESPONSE == 0 { Side::Client } else { Side::Server };
        Some((from, Self::read(from, bytes)?))
    }

    fn is_possible(&self, from: Side) -> bool {
        let fits = match self.opcode {
            Opcode::OPTIONS => self.len == 0,
            Opcode::READY => self.len == 0 || self.flags != 0,
            Opcode::SUPPORTED | Opcode::STARTUP | Opcode::REGISTER => self.len >= 2,
            Opcode::QUERY | Opcode::PREPARE | Opcode::RESULT | Opcode::ERROR => self.len >= 4,
            Opcode::EXECUTE | Opcode::BATCH => self.len >= 5,
            _ => true,
        };
        (3..=5).contains(&self.version)
            && self.flags & !FLAGS == 0
            && self.opcode.side() == Some(from)
            && self.len <= BODY_MAX
            && (self.stream >= 0 || self.opcode == Opcode::EVENT || self.opcode == Opcode::ERROR)
            && fits
    }

    /// Whether the body is compressed: from v5 on segments are, not frames.
    pub fn is_compressed(&self) -> bool {
        self.version < 5 && self.flags & COMPRESSED != 0 && self.len > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_of_its_sender() {
        let query = [4, 0, 0, 7, 7, 0, 0, 0, 30];
        let head = Head::read(Side::Client, &query).unwrap();
        assert_eq!((head.version, head.stream, head.len), (4, 7, 30));
        assert_eq!(head.opcode.name(), "QUERY");
        assert_eq!(Head::read(Side::Server, &query), None);
    }

    #[test]
    fn what_can_be_no_head_is_none() {
        for bytes in [
            [2, 0, 0, 7, 7, 0, 0, 0, 30],
            [4, 0x40, 0, 7, 7, 0, 0, 0, 30],
            [4, 0, 0, 7, 0x11, 0, 0, 0, 30],
            [4, 0, 0, 7, 8, 0, 0, 0, 30],
            [4, 0, 0, 7, 7, 0x7f, 0, 0, 30],
            [4, 0, 0xff, 7, 7, 0, 0, 0, 30],
            [4, 0, 0, 7, 5, 0, 0, 0, 30],
        ] {
            assert_eq!(Head::read(Side::Client, &bytes), None, "{bytes:?}");
        }
    }
}
