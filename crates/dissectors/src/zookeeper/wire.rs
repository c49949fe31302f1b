//! A message: a length, a number and what is asked; the first one of each side has a form of its own.

use std::ops::Range;

use model::Side;

use super::codes;
use crate::framed::{Halt, Read, u32_at, u64_at};

/// Bytes of the operation in front of a record.
pub(super) const OP: usize = 4;
/// Marks a record that is a word of four letters, or the answer to one.
pub(super) const WORD: u8 = b'w';
/// The operation of an answer to nobody knows what.
pub(super) const UNKNOWN: [u8; OP] = i32::MIN.to_be_bytes();
/// The operation of the first message.
pub(super) const CONNECT: i32 = -10;
/// The largest message (`jute.maxbuffer` is 1 MiB unless somebody raised it).
const SIZE_MAX: usize = 64 << 20;
/// Bytes of a session's password.
const PASSWORD: u32 = 16;

/// What stands in front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Front {
    pub(super) xid: i32,
    /// Of a request; 0 otherwise.
    pub(super) op: i32,
    /// Bytes of all.
    pub(super) size: usize,
}

// === impl Front ===

impl Front {
    /// Reads it. `begun`: the side's first message is behind us.
    pub(super) fn read(from: Side, begun: bool, input: &[u8]) -> Read<Self> {
        let len = u32_at(input, 0).ok_or(Halt::Short(4))?;
        let size = usize::try_from(len).map_err(|_| Halt::Bad)?.saturating_add(4);
        if size > SIZE_MAX {
            return Err(Halt::Bad);
        }
        if !begun {
            let (least, most) = if from == Side::Client { (44, 45) } else { (36, 37) };
            if !(least..=most).contains(&len) {
                return Err(Halt::Bad);
            }
            let password_at = if from == Side::Client { 28 } else { 20 };
            let password = u32_at(input, password_at).ok_or(Halt::Short(password_at + 4))?;
            let version = u32_at(input, 4);
            let sound = version == Some(0) && password == PASSWORD;
            return if sound { Ok(Self { xid: 0, op: CONNECT, size }) } else { Err(Halt::Bad) };
        }
        let xid = u32_at(input, 4).ok_or(Halt::Short(8))?.cast_signed();
        if xid < -8 {
            return Err(Halt::Bad);
        }
        if from == Side::Client {
            let op = u32_at(input, 8).ok_or(Halt::Short(12))?.cast_signed();
            let known = codes::operation(op).is_some() && len >= 8;
            return if known { Ok(Self { xid, op, size }) } else { Err(Halt::Bad) };
        }
        // Number, transaction, error (ReplyHeader).
        let error = u32_at(input, 16).ok_or(Halt::Short(20))?.cast_signed();
        let zxid = u64_at(input, 8).ok_or(Halt::Short(16))?.cast_signed();
        let sound = len >= 16 && (-256..=0).contains(&error) && (-1..1 << 56).contains(&zxid);
        if sound { Ok(Self { xid, op: 0, size }) } else { Err(Halt::Bad) }
    }

    /// The number under which it is paired. The first exchange has none, and is apart.
    pub(super) fn number(self) -> u64 {
        if self.op == CONNECT { 1 << 40 } else { u64::from(self.xid.cast_unsigned()) }
    }
}

/// Whether it looks like a side's first message.
pub(super) fn is_first(from: Side, input: &[u8]) -> bool {
    match Front::read(from, false, input) {
        Ok(_) => true,
        Err(Halt::Short(_)) => Front::read(from, true, input).is_err(),
        Err(Halt::Bad) => false,
    }
}

/// The size of a message that is what it should be.
pub(super) fn sound(from: Side, begun: bool, input: &[u8]) -> Read<u64> {
    let front = Front::read(from, begun, input)?;
    if begun && from == Side::Client {
        let fits = match front.op {
            codes::PING => front.size == 12 && front.xid == -2,
            codes::CLOSE | codes::WHO_AM_I => front.size == 12 && front.xid > 0,
            codes::AUTH => front.xid == -4,
            codes::SET_WATCHES | codes::SET_WATCHES_2 => front.xid == -8,
            codes::SASL => {
                let len = u32_at(input, 12).ok_or(Halt::Short(16))?;
                u64::from(len) + 16 == front.size as u64
            }
            // The first operation, and its path.
            codes::MULTI | codes::MULTI_READ => {
                if front.size < 26 {
                    return Err(Halt::Bad);
                }
                let path = input.get(25).ok_or(Halt::Short(26))?;
                *path == b'/'
            }
            _ => {
                // A path, or nothing.
                let len = u32_at(input, 12).ok_or(Halt::Short(16))?;
                let path = input.get(16).ok_or(Halt::Short(17))?;
                *path == b'/' && u64::from(len) + 16 <= front.size as u64 && len > 0
            }
        };
        if !fits {
            return Err(Halt::Bad);
        }
    }
    if begun && from == Side::Server {
        let is_event = front.xid == codes::EVENT;
        let error = u32_at(input, 16).unwrap_or(0).cast_signed();
        let fits = match (is_event, front.xid) {
            (true, _) => front.size >= 20 + 12,
            (_, -2) => front.size == 20,
            // What failed has no body.
            _ if error != 0 => front.size == 20 && codes::error(error).is_some(),
            (_, -7..=-5 | -3 | 0) => false,
            _ => u64_at(input, 8).is_some_and(|zxid| zxid != 0),
        };
        if !fits {
            return Err(Halt::Bad);
        }
    }
    Ok(front.size as u64)
}

/// Where the secrets of a message are.
pub(super) fn secrets(front: &Front, message: &[u8]) -> Range<usize> {
    match front.op {
        // The password is the last but the flag.
        CONNECT => {
            let at = if message.len() >= 48 { 32 } else { 24 };
            at..at + 16
        }
        codes::AUTH | codes::SASL => {
            let at = if front.op == codes::SASL {
                16
            } else {
                // A kind, a scheme, then what proves it.
                let scheme = u32_at(message, 16).map_or(0, |len| usize::try_from(len).unwrap_or(0));
                20usize.saturating_add(scheme).saturating_add(4)
            };
            at.min(message.len())..message.len()
        }
        _ => 0..0,
    }
}
