//! The header of a frame (RFC 6455 §5.2).
//!
//! ```text
//!   0               1
//!  0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7
//! ┌─┬─┬─┬─┬───────┬─┬─────────────┬──────────────────────┬─────────────┐
//! │F│R│R│R│opcode │M│ length, or  │ length: 2 or 8 bytes │ masking key │
//! │I│S│S│S│       │A│ 126, or 127 │                      │ if MASK     │
//! │N│1│2│3│       │S│             │                      │             │
//! └─┴─┴─┴─┴───────┴K┴─────────────┴──────────────────────┴─────────────┘
//! ```

use model::Side;

/// What a frame is part of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// A header that was checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Bytes of the header itself.
    pub(super) head: usize,
    /// Bytes of payload.
    pub(super) len: u64,
    pub(super) opcode: Opcode,
    /// It ends its message.
    pub(super) fin: bool,
    /// Its message is compressed (RFC 7692 §6); only on the first frame.
    pub(super) compressed: bool,
    pub(super) key: Option<[u8; 4]>,
}

/// Why there is no header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flaw {
    /// Worth another look with this many bytes.
    Short(usize),
    /// These bytes are none.
    Foreign,
}

/// Longest payload of a control frame (§5.5).
const CONTROL_MAX: u64 = 125;

// === impl Frame ===

impl Frame {
    /// Reads the header at the front of `input`.
    pub(super) fn read(input: &[u8]) -> Result<Self, Flaw> {
        let [first, second, rest @ ..] = input else { return Err(Flaw::Short(2)) };
        let opcode = Opcode::of(first & 0x0f).ok_or(Flaw::Foreign)?;
        // Nobody has given the other reserved bits a meaning (§5.2).
        if first & 0x30 != 0 {
            return Err(Flaw::Foreign);
        }
        let (extended, len) = match second & 0x7f {
            126 => (2, rest.first_chunk().map(|len| u64::from(u16::from_be_bytes(*len)))),
            127 => (8, rest.first_chunk().map(|len| u64::from_be_bytes(*len))),
            len => (0, Some(u64::from(len))),
        };
        let masked = second & 0x80 != 0;
        let head = 2 + extended + if masked { 4 } else { 0 };
        let Some(len) = len else { return Err(Flaw::Short(head)) };
        let key = match (masked, input.get(head.saturating_sub(4)..).and_then(<[u8]>::first_chunk))
        {
            (false, _) => None,
            (true, Some(key)) if input.len() >= head => Some(*key),
            (true, _) => return Err(Flaw::Short(head)),
        };
        let fin = first & 0x80 != 0;
        let compressed = first & 0x40 != 0;
        let frame = Self { head, len, opcode, fin, compressed, key };
        if frame.is_legal(extended) { Ok(frame) } else { Err(Flaw::Foreign) }
    }

    /// Whether a frame may look like this: lengths in the shortest form (§5.2), control frames short
    /// and whole (§5.5), compression said of a message's first frame only (RFC 7692 §6.1).
    fn is_legal(&self, extended: usize) -> bool {
        let shortest = match extended {
            0 => true,
            2 => self.len > CONTROL_MAX,
            _ => self.len > u64::from(u16::MAX) && self.len >> 63 == 0,
        };
        let control = self.opcode.is_control();
        shortest
            && (!control || (self.fin && self.len <= CONTROL_MAX))
            && (!self.compressed || matches!(self.opcode, Opcode::Text | Opcode::Binary))
    }

    /// Clients mask, servers don't (§5.1).
    pub(super) fn is_masked_as(&self, side: Side) -> bool {
        self.key.is_some() == (side == Side::Client)
    }

    /// Header and payload together, where that is a number of bytes at all.
    pub(super) fn total(&self) -> Option<usize> {
        usize::try_from(self.len).ok()?.checked_add(self.head)
    }

    /// The payload as far as `input` has it, unmasked.
    pub(super) fn payload(&self, input: &[u8]) -> Vec<u8> {
        let end = self.total().unwrap_or(usize::MAX).min(input.len());
        let bytes = input.get(self.head..end).unwrap_or_default();
        let key = self.key.unwrap_or_default();
        bytes.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
    }
}

// === impl Opcode ===

impl Opcode {
    /// By its number (§11.8).
    pub(super) fn of(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Its number.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    /// Its name in the specification, in small letters.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Continuation => "continuation",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
        }
    }

    /// Whether it may come between the fragments of a message (§5.5).
    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_form_is_read() {
        for (bytes, head, len) in [
            (&[0x81, 0x05][..], 2, 5),
            (&[0x82, 126, 0x01, 0x00], 4, 256),
            (&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0], 10, 65_536),
            (&[0x81, 0x85, 1, 2, 3, 4], 6, 5),
        ] {
            let frame = Frame::read(bytes).unwrap();
            assert_eq!((frame.head, frame.len), (head, len), "{bytes:?}");
        }
    }

    #[test]
    fn what_the_specification_forbids_is_foreign() {
        for bytes in [
            &[0x83, 0][..],                          // an opcode nobody uses
            &[0xa1, 0],                              // RSV2
            &[0x09, 0],                              // a ping in fragments
            &[0x89, 126, 0, 200],                    // a long ping
            &[0x81, 126, 0, 5],                      // a length in a longer form than needed
            &[0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], // a negative length
            &[0x81, 127, 0, 0, 0, 0, 0, 0, 0xff, 0], // 16 bits would do
            &[0xc0, 0],                              // a compressed continuation
        ] {
            assert_eq!(Frame::read(bytes).unwrap_err(), Flaw::Foreign, "{bytes:?}");
        }
    }

    #[test]
    fn half_a_header_asks_for_the_rest() {
        for (bytes, need) in [(&[0x81][..], 2), (&[0x81, 126, 1], 4), (&[0x81, 0x85, 1], 6)] {
            assert_eq!(Frame::read(bytes).unwrap_err(), Flaw::Short(need), "{bytes:?}");
        }
    }
}
