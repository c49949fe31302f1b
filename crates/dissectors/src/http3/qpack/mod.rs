//! Header compression of HTTP/3 (RFC 9204).
//!
//! What may be referred to is said on a stream of its own, and may come later than what refers to
//! it, or never. A field that refers to what was lost is unknown, and said to be.

mod fixed;
mod table;

use std::sync::Arc;

use self::{
    fixed::FIXED,
    table::{Entry, Table},
};
use crate::http2::{
    headers::Decode,
    hpack::{Field, Flaw, Text, integer, text_in},
};

/// What entries are measured by to bound the number of insertions (§4.5.1.1).
const ENTRY_MIN: u64 = 32;
/// Bytes of an instruction whose end did not come yet.
const INSTRUCTION_MAX: usize = 64 << 10;

/// What one side said on its encoder stream, by which its field sections are read.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    table: Table,
    /// An instruction whose end did not come yet.
    rest: Vec<u8>,
    /// Instructions were lost: what is referred to is not known any more.
    is_lost: bool,
    /// The most that the other side lets it keep; nothing where that was not heard.
    capacity_max: Option<u64>,
}

/// What a field section refers to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Prefix {
    /// Insertions that have to be there before it can be read; nothing where nobody knows.
    pub(super) required: Option<u64>,
    /// What its indexes count from.
    base: u64,
    /// Its own bytes.
    len: usize,
}

/// A field section, to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section<'s> {
    decoder: &'s Decoder,
    prefix: Prefix,
    lines: &'s [u8],
}

// === impl Decoder ===

impl Decoder {
    /// The other side lets this one keep so much (`SETTINGS_QPACK_MAX_TABLE_CAPACITY`).
    pub(super) fn allow(&mut self, capacity: u64) {
        self.capacity_max = Some(capacity);
    }

    /// Bytes of the encoder stream.
    pub(super) fn instructions(&mut self, bytes: &[u8]) {
        if self.is_lost {
            return;
        }
        let kept = std::mem::take(&mut self.rest);
        let all = if kept.is_empty() { bytes } else { &[&kept[..], bytes].concat() };
        let mut rest = all;
        // Every turn takes a byte or more.
        while !rest.is_empty() {
            let mut ahead = rest;
            if self.instruction(&mut ahead).is_err() {
                break;
            }
            rest = ahead;
        }
        // What can't be read is either not there yet or nobody's.
        if rest.len() > INSTRUCTION_MAX { self.lose() } else { rest.clone_into(&mut self.rest) }
    }

    /// Bytes of the encoder stream were lost.
    pub(super) fn lose(&mut self) {
        (self.is_lost, self.rest) = (true, Vec::new());
    }

    /// What the field section that begins `block` refers to.
    pub(super) fn prefix(&self, block: &[u8]) -> Result<Prefix, Flaw> {
        let mut rest = block;
        let encoded = integer(&mut rest, 8)? as u64;
        let is_below = rest.first().is_some_and(|byte| byte & 0x80 != 0);
        let delta = integer(&mut rest, 7)? as u64;
        let len = block.len() - rest.len();
        let required = if encoded == 0 { Some(0) } else { self.required(encoded)? };
        let count = required.unwrap_or_default();
        let base = if is_below {
            count.checked_sub(delta + 1).or_else(|| required.is_none().then_some(0)).ok_or(Flaw)?
        } else {
            count + delta
        };
        Ok(Prefix { required, base, len })
    }

    /// Whether a field section can be read as well as it ever will.
    pub(super) fn is_ready(&self, prefix: Prefix) -> bool {
        self.is_lost || prefix.required.is_none_or(|required| required <= self.table.inserted())
    }

    /// The field section in `block`.
    pub(super) fn section<'s>(&'s self, block: &'s [u8], prefix: Prefix) -> Section<'s> {
        Section { decoder: self, prefix, lines: block.get(prefix.len..).unwrap_or_default() }
    }

    /// Bytes of memory.
    pub(super) fn held(&self) -> usize {
        self.table.held() + self.rest.capacity()
    }

    /// §4.5.1.1: the number is sent modulo twice the most entries there can be.
    fn required(&self, encoded: u64) -> Result<Option<u64>, Flaw> {
        let Some(capacity) = self.capacity_max.filter(|_| !self.is_lost) else { return Ok(None) };
        let entries = capacity / ENTRY_MIN;
        let range = 2 * entries;
        if encoded > range {
            return Err(Flaw);
        }
        let most = self.table.inserted() + entries;
        let required = most / range * range + encoded - 1;
        if required <= most {
            return Ok(Some(required));
        }
        let required = required.checked_sub(range).filter(|required| *required > 0).ok_or(Flaw)?;
        Ok(Some(required))
    }

    /// §4.3.
    fn instruction(&mut self, rest: &mut &[u8]) -> Result<(), Flaw> {
        let first = *rest.first().ok_or(Flaw)?;
        let entry = if first & 0x80 != 0 {
            let index = integer(rest, 6)?;
            let name = if first & 0x40 != 0 {
                FIXED.get(index).map(|(name, _)| (*name).into())
            } else {
                self.table.recent(index).and_then(|entry| entry.name.clone())
            };
            Entry { name, value: Some(owned(text_in(rest, 7)?)?) }
        } else if first & 0x40 != 0 {
            let name = owned(text_in(rest, 5)?)?;
            Entry { name: Some(name), value: Some(owned(text_in(rest, 7)?)?) }
        } else if first & 0x20 != 0 {
            // How much is kept: an index means the same whatever that is.
            integer(rest, 5)?;
            return Ok(());
        } else {
            let index = integer(rest, 5)?;
            self.table.recent(index).cloned().unwrap_or_default()
        };
        self.table.insert(entry);
        Ok(())
    }
}

fn owned(text: Text<'_>) -> Result<Arc<[u8]>, Flaw> {
    let mut out = Vec::new();
    text.write(&mut out)?;
    Ok(out.into())
}

// === impl Section ===

impl Section<'_> {
    fn fixed(index: usize) -> Field<'static> {
        let field = FIXED.get(index);
        Field { name: field.map(|(name, _)| *name), value: field.map(|(_, value)| *value) }
    }

    /// The entry `back` before the base (§3.2.5).
    fn before(&self, back: usize) -> Field<'_> {
        self.entry((self.prefix.base.checked_sub(1)).and_then(|last| last.checked_sub(back as u64)))
    }

    /// The entry `on` after the base (§3.2.6).
    fn after(&self, on: usize) -> Field<'_> {
        self.entry(self.prefix.base.checked_add(on as u64))
    }

    /// What was inserted after a loss is not known by its number.
    fn entry(&self, index: Option<u64>) -> Field<'_> {
        let entry = index
            .filter(|index| self.prefix.required.is_some_and(|required| *index < required))
            .and_then(|index| self.decoder.table.get(index));
        Field {
            name: entry.and_then(|entry| entry.name.as_deref()),
            value: entry.and_then(|entry| entry.value.as_deref()),
        }
    }

    /// §4.5.2 to §4.5.6.
    fn line(
        &self,
        rest: &mut &[u8],
        scratch: &mut Vec<u8>,
        to: &mut impl FnMut(Field<'_>),
    ) -> Result<(), Flaw> {
        let first = *rest.first().ok_or(Flaw)?;
        scratch.clear();
        if first & 0x80 != 0 {
            let index = integer(rest, 6)?;
            to(if first & 0x40 != 0 { Self::fixed(index) } else { self.before(index) });
            return Ok(());
        }
        if first & 0xf0 == 0x10 {
            to(self.after(integer(rest, 4)?));
            return Ok(());
        }
        if first & 0xe0 == 0x20 {
            text_in(rest, 3)?.write(scratch)?;
            let middle = scratch.len();
            text_in(rest, 7)?.write(scratch)?;
            let (name, value) = scratch.split_at(middle);
            to(Field { name: Some(name), value: Some(value) });
            return Ok(());
        }
        let named = match first & 0xf0 {
            0x50 | 0x70 => Self::fixed(integer(rest, 4)?),
            0x40 | 0x60 => self.before(integer(rest, 4)?),
            _ => self.after(integer(rest, 3)?),
        };
        text_in(rest, 7)?.write(scratch)?;
        to(Field { name: named.name, value: Some(scratch) });
        Ok(())
    }
}

impl Decode for Section<'_> {
    fn decode(self, to: &mut impl FnMut(Field<'_>)) -> Result<(), Flaw> {
        let mut rest = self.lines;
        let mut scratch = Vec::new();
        // Every turn takes a byte or more.
        while !rest.is_empty() {
            self.line(&mut rest, &mut scratch, to)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
