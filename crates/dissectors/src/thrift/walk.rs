//! Walks over a struct to find where it ends, and to look at its fields.

use super::wire::{Front, varint};
use crate::framed::{Halt, Read, u16_at, u32_at};

/// How deep is gone.
pub(super) const DEPTH_MAX: u32 = 32;
/// Values looked at, at most.
const VALUES_MAX: u32 = 100_000;

/// Types, as the binary protocol numbers them.
pub(super) mod kind {
    pub(crate) const STOP: u8 = 0;
    pub(crate) const BOOL: u8 = 2;
    pub(crate) const BYTE: u8 = 3;
    pub(crate) const DOUBLE: u8 = 4;
    pub(crate) const I16: u8 = 6;
    pub(crate) const I32: u8 = 8;
    pub(crate) const I64: u8 = 10;
    pub(crate) const STRING: u8 = 11;
    pub(crate) const STRUCT: u8 = 12;
    pub(crate) const MAP: u8 = 13;
    pub(crate) const SET: u8 = 14;
    pub(crate) const LIST: u8 = 15;
    pub(crate) const UUID: u8 = 16;
}

/// A place in a message.
pub(super) struct Walker<'b> {
    compact: bool,
    bytes: &'b [u8],
    pub(super) at: usize,
    values: u32,
    /// The last field's number, which the compact protocol counts from.
    pub(super) last: i16,
}

/// A field of a struct.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) id: i16,
    pub(super) kind: u8,
    /// The value of a truth value in the compact protocol.
    pub(super) truth: Option<bool>,
}

/// Where the struct at `at` ends.
pub(super) fn end(compact: bool, bytes: &[u8], at: usize) -> Read<usize> {
    let mut walker = Walker::new(compact, bytes, at);
    walker.skip_struct(0)?;
    Ok(walker.at)
}

/// Whether the arguments of a message of `size` bytes are a struct that ends where it does, as far as
/// they are there.
pub(super) fn check(front: &Front, bytes: &[u8], size: u64) -> Read<()> {
    let there = usize::try_from(size).unwrap_or(usize::MAX).min(bytes.len());
    let bytes = bytes.get(..there).unwrap_or(bytes);
    match end(front.compact, bytes, front.head) {
        Ok(end) if end as u64 == size => Ok(()),
        Ok(_) => Err(Halt::Bad),
        Err(Halt::Short(_)) if there as u64 == size => Err(Halt::Bad),
        Err(halt) => Err(halt),
    }
}

// === impl Walker ===

impl<'b> Walker<'b> {
    pub(super) fn new(compact: bool, bytes: &'b [u8], at: usize) -> Self {
        Self { compact, bytes, at, values: VALUES_MAX, last: 0 }
    }

    fn take(&mut self, len: usize) -> Read<&'b [u8]> {
        let end = self.at.checked_add(len).ok_or(Halt::Bad)?;
        let taken = self.bytes.get(self.at..end).ok_or(Halt::Short(end))?;
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Read<u8> {
        self.take(1).map(|bytes| bytes.first().copied().unwrap_or(0))
    }

    pub(super) fn number(&mut self) -> Read<u64> {
        let (value, at) = varint(self.bytes, self.at)?;
        self.at = at;
        Ok(value)
    }

    /// The next field's front; none where the struct ends.
    pub(super) fn field(&mut self) -> Read<Option<Field>> {
        let first = self.byte()?;
        if first == kind::STOP {
            return Ok(None);
        }
        if !self.compact {
            is_kind(first)?;
            let id = u16_at(self.take(2)?, 0).unwrap_or(0).cast_signed();
            return Ok(Some(Field { id, kind: first, truth: None }));
        }
        let truth = match first & 0x0f {
            1 => Some(true),
            2 => Some(false),
            _ => None,
        };
        let kind = from_compact(first & 0x0f)?;
        let id = match first >> 4 {
            0 => {
                let zigzag = self.number()?;
                let value = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
                i16::try_from(value).map_err(|_| Halt::Bad)?
            }
            step => self.last.checked_add(i16::from(step)).ok_or(Halt::Bad)?,
        };
        self.last = id;
        Ok(Some(Field { id, kind, truth }))
    }

    /// Skips a field's value.
    pub(super) fn skip(&mut self, field: Field) -> Read<()> {
        if field.truth.is_some() {
            return Ok(());
        }
        self.skip_value(field.kind, 0)
    }

    /// The bytes of a text.
    pub(super) fn text(&mut self) -> Read<&'b [u8]> {
        let len = self.text_len()?;
        self.take(len)
    }

    /// How many bytes of a text follow.
    pub(super) fn text_len(&mut self) -> Read<usize> {
        let len = if self.compact {
            usize::try_from(self.number()?).map_err(|_| Halt::Bad)?
        } else {
            let len = u32_at(self.take(4)?, 0).unwrap_or(0);
            usize::try_from(len).ok().filter(|len| *len < 1 << 30).ok_or(Halt::Bad)?
        };
        if len >= 1 << 30 { Err(Halt::Bad) } else { Ok(len) }
    }

    /// A number of 32 bits.
    pub(super) fn i32(&mut self) -> Read<i32> {
        if self.compact {
            let zigzag = self.number()?;
            let value = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
            return i32::try_from(value).map_err(|_| Halt::Bad);
        }
        Ok(u32_at(self.take(4)?, 0).unwrap_or(0).cast_signed())
    }

    fn skip_struct(&mut self, depth: u32) -> Read<()> {
        if depth > DEPTH_MAX {
            return Err(Halt::Bad);
        }
        let before = std::mem::take(&mut self.last);
        while let Some(field) = self.field()? {
            if field.truth.is_none() {
                self.skip_value(field.kind, depth)?;
            }
            self.count()?;
        }
        self.last = before;
        Ok(())
    }

    fn count(&mut self) -> Read<()> {
        self.values = self.values.checked_sub(1).ok_or(Halt::Bad)?;
        Ok(())
    }

    fn skip_value(&mut self, kind: u8, depth: u32) -> Read<()> {
        self.count()?;
        match kind {
            kind::BOOL | kind::BYTE => self.take(1).map(|_| ()),
            kind::DOUBLE => self.take(8).map(|_| ()),
            kind::UUID => self.take(16).map(|_| ()),
            kind::I16 | kind::I32 | kind::I64 if self.compact => self.number().map(|_| ()),
            kind::I16 => self.take(2).map(|_| ()),
            kind::I32 => self.take(4).map(|_| ()),
            kind::I64 => self.take(8).map(|_| ()),
            kind::STRING => self.text().map(|_| ()),
            kind::STRUCT => self.skip_struct(depth + 1),
            kind::MAP => self.skip_map(depth + 1),
            kind::SET | kind::LIST => self.skip_list(depth + 1),
            _ => Err(Halt::Bad),
        }
    }

    fn skip_list(&mut self, depth: u32) -> Read<()> {
        if depth > DEPTH_MAX {
            return Err(Halt::Bad);
        }
        let (kind, len) = self.list_head()?;
        self.bounded(len)?;
        for _ in 0..len {
            self.skip_value(kind, depth)?;
        }
        Ok(())
    }

    /// What a list or a set holds, and how many.
    pub(super) fn list_head(&mut self) -> Read<(u8, u64)> {
        let (kind, len) = if self.compact {
            let first = self.byte()?;
            let len = if first >> 4 == 15 { self.number()? } else { u64::from(first >> 4) };
            (from_compact(first & 0x0f)?, len)
        } else {
            let kind = self.byte()?;
            (kind, u64::from(u32_at(self.take(4)?, 0).unwrap_or(0)))
        };
        if len > 0 {
            is_kind(kind)?;
        }
        Ok((kind, len))
    }

    fn skip_map(&mut self, depth: u32) -> Read<()> {
        if depth > DEPTH_MAX {
            return Err(Halt::Bad);
        }
        let (keys, values, len) = self.map_head()?;
        self.bounded(len)?;
        for _ in 0..len {
            self.skip_value(keys, depth)?;
            self.skip_value(values, depth)?;
        }
        Ok(())
    }

    /// What a map's keys and values are, and how many pairs it has.
    pub(super) fn map_head(&mut self) -> Read<(u8, u8, u64)> {
        let (keys, values, len) = if self.compact {
            let len = self.number()?;
            if len == 0 {
                return Ok((kind::STOP, kind::STOP, 0));
            }
            let kinds = self.byte()?;
            (from_compact(kinds >> 4)?, from_compact(kinds & 0x0f)?, len)
        } else {
            let (keys, values) = (self.byte()?, self.byte()?);
            (keys, values, u64::from(u32_at(self.take(4)?, 0).unwrap_or(0)))
        };
        if len > 0 {
            is_kind(keys)?;
            is_kind(values)?;
        }
        Ok((keys, values, len))
    }

    /// Whether so many values may come.
    fn bounded(&self, len: u64) -> Read<()> {
        if len > u64::from(self.values) { Err(Halt::Bad) } else { Ok(()) }
    }
}

fn is_kind(kind: u8) -> Read<()> {
    match kind {
        kind::BOOL..=kind::DOUBLE | kind::I16 | kind::I32 | kind::I64..=kind::UUID => Ok(()),
        _ => Err(Halt::Bad),
    }
}

/// A type as the binary protocol numbers it.
fn from_compact(number: u8) -> Read<u8> {
    Ok(match number {
        1 | 2 => kind::BOOL,
        3 => kind::BYTE,
        4 => kind::I16,
        5 => kind::I32,
        6 => kind::I64,
        7 => kind::DOUBLE,
        8 => kind::STRING,
        9 => kind::LIST,
        10 => kind::SET,
        11 => kind::MAP,
        12 => kind::STRUCT,
        13 => kind::UUID,
        _ => return Err(Halt::Bad),
    })
}
