//! A frame: the length of all, the length of the command, the command, and perhaps a message.
//!
//! A command is a message of protocol buffers with two fields: which one it is, and it.

use super::codes;
use crate::{
    framed::{Halt, Read, u32_at},
    protobuf::{Fields, Value},
};

/// Bytes of the two lengths.
pub(super) const PREFIX: usize = 8;
/// The largest frame (5 MiB unless somebody raised it).
const SIZE_MAX: u32 = 128 << 20;
/// Bytes of a command at most.
const COMMAND_MAX: u32 = 48 << 10;

/// What pairing needs of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Front {
    /// Bytes of the command.
    pub(super) command: usize,
    /// Bytes behind it.
    pub(super) payload: u64,
    pub(super) kind: u64,
}

// === impl Front ===

impl Front {
    /// Reads the frame at the front.
    pub(super) fn read(input: &[u8]) -> Read<Self> {
        let total = u32_at(input, 0).ok_or(Halt::Short(PREFIX))?;
        let command = u32_at(input, 4).ok_or(Halt::Short(PREFIX))?;
        let fits = total <= SIZE_MAX && (4..=COMMAND_MAX).contains(&command);
        if !fits || total < command + 4 {
            return Err(Halt::Bad);
        }
        let size = usize::try_from(command).map_err(|_| Halt::Bad)?;
        let start = input.get(PREFIX..).unwrap_or_default();
        if start.first().is_some_and(|tag| *tag != 8) {
            return Err(Halt::Bad);
        }
        let bytes = start.get(..size).ok_or(Halt::Short(PREFIX + size))?;
        let (kind, _) = parts(bytes).ok_or(Halt::Bad)?;
        // Only what is sent and delivered has a message behind it.
        let payload = u64::from(total - 4 - command);
        if payload > 0 && !matches!(kind, codes::SEND | codes::MESSAGE) {
            return Err(Halt::Bad);
        }
        Ok(Self { command: size, payload, kind })
    }

    /// Whether a frame may begin like this.
    pub(super) fn may_begin(bytes: &[u8]) -> bool {
        bytes.get(PREFIX).is_none_or(|tag| *tag == 8)
    }

    /// Bytes of all.
    pub(super) fn size(&self) -> u64 {
        (PREFIX + self.command) as u64 + self.payload
    }
}

/// The kind of a command, and what is in it.
pub(super) fn parts(command: &[u8]) -> Option<(u64, &[u8])> {
    let mut fields = Fields::of(command);
    let (1, Value::Number(kind)) = fields.next()? else { return None };
    codes::name(kind)?;
    let (number, Value::Bytes(inside)) = fields.next()? else { return None };
    (number == kind && fields.rest().is_empty()).then_some((kind, inside))
}

/// The same of a record.
pub(super) fn of(record: &[u8]) -> Option<(u64, &[u8])> {
    parts(record.get(PREFIX..)?)
}

/// The number that a command shares with its answer.
pub(super) fn number(record: &[u8]) -> Option<u64> {
    let (kind, inside) = of(record)?;
    let number = |field| Fields::of(inside).number(field);
    match kind {
        codes::CONNECT | codes::CONNECTED => Some(1 << 62),
        codes::PING | codes::PONG => Some(2 << 62),
        codes::SEND | codes::SEND_RECEIPT | codes::SEND_ERROR => {
            let (producer, sequence) = (number(1)?, number(2)?);
            // Larger ones could be taken for others: they stay alone.
            (producer >> 16 == 0 && sequence >> 40 == 0)
                .then_some(3 << 62 | producer << 40 | sequence)
        }
        kind => number(codes::request_id(kind)?),
    }
}

/// Tells each place in a record that holds a secret.
pub(super) fn secrets(record: &[u8], mut hide: impl FnMut(usize)) {
    let Some((kind, inside)) = of(record) else { return };
    let secret: &[u64] = match kind {
        // auth_data, original_auth_data
        codes::CONNECT => &[3, 8],
        // What is challenged, and the answer.
        codes::AUTH_CHALLENGE | codes::AUTH_RESPONSE => &[2],
        _ => return,
    };
    let at_of = |bytes: &[u8]| (bytes.as_ptr() as usize).saturating_sub(record.as_ptr() as usize);
    for (field, value) in Fields::of(inside) {
        if let (true, Value::Bytes(bytes)) = (secret.contains(&field), value) {
            let at = at_of(bytes);
            (at..at + bytes.len()).for_each(&mut hide);
        }
    }
}
