//! Header compression (RFC 7541), for a listener that may have come late.
//!
//! One decoder follows one direction of a connection. What was said before it listened is unknown to
//! it, and it says so field by field; everything said since is certain.

mod huffman;
mod table;
mod wire;

pub(crate) use self::{
    table::Field,
    wire::{Flaw, Text, integer, text_in},
};
use self::{table::Table, wire::text};

/// A field by its index (§6.1).
const INDEXED: u8 = 0x80;
/// A literal that becomes an entry (§6.2.1).
const INSERTED: u8 = 0x40;
/// A new size of the table (§6.3).
const RESIZED: u8 = 0x20;

/// What one side said so far, and what its next block means.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    table: Table,
}

// === impl Decoder ===

impl Decoder {
    /// Reads a whole block and hands out its fields in order. After a flaw nothing is known any more.
    pub(crate) fn decode(
        &mut self,
        block: &[u8],
        to: &mut impl FnMut(Field<'_>),
    ) -> Result<(), Flaw> {
        let read = self.fields(block, to);
        if read.is_err() {
            self.forget();
        }
        read
    }

    /// Bytes of memory that it takes beside itself.
    pub(super) fn held(&self) -> usize {
        self.table.held()
    }

    /// Bytes were lost that may have changed the table.
    pub(super) fn forget(&mut self) {
        self.table.forget();
    }

    fn fields(&mut self, mut block: &[u8], to: &mut impl FnMut(Field<'_>)) -> Result<(), Flaw> {
        // §4.2: a change of size comes before the first field.
        while block.first().is_some_and(|first| first & 0xe0 == RESIZED) {
            self.table.resize(integer(&mut block, 5)?);
        }
        while let Some(first) = block.first() {
            match *first {
                first if first & INDEXED != 0 => self.indexed(&mut block, to)?,
                first if first & INSERTED != 0 => self.literal(&mut block, true, to)?,
                first if first & RESIZED != 0 => return Err(Flaw),
                _ => self.literal(&mut block, false, to)?,
            }
        }
        Ok(())
    }

    fn indexed(&mut self, block: &mut &[u8], to: &mut impl FnMut(Field<'_>)) -> Result<(), Flaw> {
        let index = integer(block, 7)?;
        if index == 0 {
            return Err(Flaw);
        }
        let field = self.table.get(index);
        to(field);
        if field.name.is_none() {
            self.table.missed(index);
        }
        Ok(())
    }

    /// A literal, which becomes an entry or not. It is put together where an entry's place is.
    fn literal(
        &mut self,
        block: &mut &[u8],
        keep: bool,
        to: &mut impl FnMut(Field<'_>),
    ) -> Result<(), Flaw> {
        let index = integer(block, if keep { 6 } else { 4 })?;
        let at = self.table.scratch().len();
        let name_known = match index {
            0 => text(block)?.write(self.table.scratch()).map(|()| true)?,
            _ => self.table.name_to_scratch(index),
        };
        let middle = self.table.scratch().len();
        text(block)?.write(self.table.scratch())?;
        to(self.scratched(at, middle, name_known));
        if keep {
            self.table.insert(at, middle, name_known);
        } else {
            self.table.forget_scratch(at);
        }
        if !name_known {
            self.table.missed(index);
        }
        Ok(())
    }

    /// The field whose strings are in the scratch.
    fn scratched(&mut self, at: usize, middle: usize, name_known: bool) -> Field<'_> {
        let scratch = &*self.table.scratch();
        let name = scratch.get(at..middle).filter(|_| name_known);
        Field { name, value: scratch.get(middle..) }
    }
}

#[cfg(test)]
mod tests;
