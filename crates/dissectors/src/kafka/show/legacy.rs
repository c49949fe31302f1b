//! Sets of messages, as producers wrote them before Kafka 0.11.
//!
//! <https://kafka.apache.org/documentation/#messageset>
//!
//! ```text
//! offset (8) | size (4) | crc (4) | magic | attributes | timestamp (8, magic 1) | key | value
//! ```
//!
//! A compressed set is the value of a message.

use super::{
    super::wire::{Cursor, Halt},
    batches::{Headers, Record},
    unpack::Coding,
};

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'b> {
    /// The magic byte, 0 or 1.
    pub magic: i8,
    /// How its value is compressed, if that is a set of messages.
    pub coding: Coding,
    /// The message; the offset is that of the last message of a compressed set.
    pub record: Record<'b>,
    /// Whether its value is all there.
    pub is_whole: bool,
}

// === impl Message ===

impl<'b> Message<'b> {
    /// The message at the front of `cursor`.
    pub fn read(cursor: &mut Cursor<'b>) -> Result<Self, Halt> {
        let (offset, size) = (cursor.int64()?, cursor.int32()?);
        let size = usize::try_from(size).map_err(|_| Halt::Bad)?;
        let there = cursor.rest();
        let mut inner = Cursor::new(there.get(..size).unwrap_or(there));
        inner.int32()?;
        let (magic, attributes) = (inner.int8()?, inner.int8()?);
        let timestamp = match magic {
            0 => None,
            1 => Some(inner.int64()?),
            _ => return Err(Halt::Bad),
        };
        let key = match inner.length(false)? {
            Some(len) => Some(inner.take(len)?),
            None => None,
        };
        let (value, is_whole) = match inner.length(false)? {
            Some(len) => {
                let rest = inner.rest();
                (Some(rest.get(..len).unwrap_or(rest)), rest.len() >= len)
            }
            None => (None, true),
        };
        cursor.take(size.min(there.len()))?;
        let coding = Coding::of(attributes.into());
        let record = Record { offset, timestamp, key, value, headers: Headers::default() };
        Ok(Self { magic, coding, record, is_whole })
    }
}

/// The offset of the first message in a compressed set whose last has the offset `last`: since magic
/// 1, inner offsets count from 0 (KIP-31).
pub fn base(magic: i8, last: i64, set: &[u8]) -> i64 {
    if magic == 0 {
        return 0;
    }
    let mut cursor = Cursor::new(set);
    let mut highest = 0;
    // Every turn takes at least the head of a message.
    while let Ok(message) = Message::read(&mut cursor) {
        highest = message.record.offset;
    }
    last.wrapping_sub(highest)
}
