//! Batches of records, as producers write them since Kafka 0.11.
//!
//! <https://kafka.apache.org/documentation/#recordbatch>
//!
//! ```text
//! base offset (8) | length (4) | leader epoch (4) | magic = 2 | crc (4) | attributes (2)
//! last offset delta (4) | first and last timestamp (8, 8) | producer id (8) and epoch (2)
//! base sequence (4) | count (4) | records, compressed together
//! ```

use super::{
    super::wire::{Cursor, Halt},
    unpack::Coding,
};

/// Bytes from the base offset to the records.
pub const HEAD: usize = 61;
/// Where the magic byte is, in old and new batches.
pub const MAGIC: usize = 16;
/// Bytes that the length does not count: offset and length.
pub const UNCOUNTED: usize = 12;
/// The attribute of a batch of control records: commits, aborts.
const CONTROL: i16 = 0x20;

/// A batch.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'b> {
    /// The offset of its first record.
    pub offset: i64,
    /// How it is compressed.
    pub coding: Coding,
    /// Whether its records are not for consumers.
    pub is_control: bool,
    /// Milliseconds since 1970 of its first record.
    pub timestamp: i64,
    /// How many records it says to hold.
    pub count: i32,
    /// Its records, as far as they are there.
    pub records: &'b [u8],
    /// Whether they are all there.
    pub is_whole: bool,
    /// Bytes of all of it.
    pub size: usize,
}

/// A record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<'b> {
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since 1970; none in the oldest format.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Option<&'b [u8]>,
    /// Its value; none says that what had the key is gone.
    pub value: Option<&'b [u8]>,
    /// Its headers.
    pub headers: Headers<'b>,
}

/// Headers of a record, by name and value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'b> {
    bytes: &'b [u8],
    left: usize,
}

// === impl Batch ===

impl<'b> Batch<'b> {
    /// The batch at the front of `bytes`.
    pub fn read(bytes: &'b [u8]) -> Result<Self, Halt> {
        let mut cursor = Cursor::new(bytes);
        let (offset, len) = (cursor.int64()?, cursor.int32()?);
        let size = usize::try_from(len).map_err(|_| Halt::Bad)?.saturating_add(UNCOUNTED);
        if size < HEAD {
            return Err(Halt::Bad);
        }
        cursor.take(MAGIC - UNCOUNTED + 1 + 4)?;
        let attributes = cursor.int16()?;
        cursor.int32()?;
        let timestamp = cursor.int64()?;
        cursor.take(8 + 8 + 2 + 4)?;
        let count = cursor.int32()?;
        let all = bytes.get(..size);
        let records = all.unwrap_or(bytes).get(HEAD..).unwrap_or_default();
        Ok(Self {
            offset,
            coding: Coding::of(attributes),
            is_control: attributes & CONTROL != 0,
            timestamp,
            count,
            records,
            is_whole: all.is_some(),
            size,
        })
    }

    /// The record at the front of `cursor`, which is in the batch's records.
    pub fn record<'r>(&self, cursor: &mut Cursor<'r>) -> Result<Record<'r>, Halt> {
        let len = usize::try_from(cursor.zigzag()?).map_err(|_| Halt::Bad)?;
        let there = cursor.rest();
        let is_whole = there.len() >= len;
        let mut inner = Cursor::new(there.get(..len).unwrap_or(there));
        inner.int8()?;
        let timestamp = self.timestamp.wrapping_add(inner.zigzag()?);
        let offset = self.offset.wrapping_add(inner.zigzag()?);
        let key = bytes(&mut inner)?;
        let value = bytes(&mut inner)?;
        let headers = if is_whole { Headers::read(&mut inner)? } else { Headers::default() };
        cursor.take(len.min(there.len()))?;
        Ok(Record { offset, timestamp: Some(timestamp), key, value, headers })
    }
}

fn bytes<'b>(cursor: &mut Cursor<'b>) -> Result<Option<&'b [u8]>, Halt> {
    match cursor.zigzag()? {
        -1 => Ok(None),
        len => cursor.take(usize::try_from(len).map_err(|_| Halt::Bad)?).map(Some),
    }
}

// === impl Headers ===

impl<'b> Headers<'b> {
    fn read(cursor: &mut Cursor<'b>) -> Result<Self, Halt> {
        let left = usize::try_from(cursor.zigzag()?).map_err(|_| Halt::Bad)?;
        Ok(Self { bytes: cursor.rest(), left })
    }
}

impl<'b> Iterator for Headers<'b> {
    type Item = (&'b [u8], &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let mut cursor = Cursor::new(self.bytes);
        let name = bytes(&mut cursor).ok()??;
        let value = bytes(&mut cursor).ok()?.unwrap_or_default();
        self.bytes = cursor.rest();
        Some((name, value))
    }
}
