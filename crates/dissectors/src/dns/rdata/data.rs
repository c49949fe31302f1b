//! A cursor over the data of one record.

use std::ops::Range;

use crate::dns::{
    name::{self, Pointers},
    wire::{Bad, Read},
};

/// What is left of a record's data. The whole message is at hand, for names that point into it.
pub struct Data<'m> {
    message: &'m [u8],
    at: usize,
    end: usize,
}

// === impl Data ===

impl<'m> Data<'m> {
    /// The bytes of `message` in `range`.
    pub fn new(message: &'m [u8], range: Range<usize>) -> Self {
        let end = range.end.min(message.len());
        Self { message, at: range.start.min(end), end }
    }

    pub fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    /// Where in the message it stands.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Read<&'m [u8]> {
        let bytes = self.left().get(..len).ok_or(Bad::Damaged)?;
        self.at += len;
        Ok(bytes)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'m [u8] {
        let bytes = self.left();
        self.at = self.end;
        bytes
    }

    pub fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let bytes = *self.left().first_chunk().ok_or(Bad::Damaged)?;
        self.at += N;
        Ok(bytes)
    }

    pub fn u8(&mut self) -> Read<u8> {
        self.array().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Read<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Read<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A length of one byte, and that many.
    pub fn sized(&mut self) -> Read<&'m [u8]> {
        let len = self.u8()?;
        self.take(usize::from(len))
    }

    /// A length of two bytes, and that many.
    pub fn sized_long(&mut self) -> Read<&'m [u8]> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// Writes a name; it has to end in this data.
    pub fn name(&mut self, pointers: Pointers, out: &mut Vec<u8>) -> Read<()> {
        let end = name::write(self.message, self.at, pointers, out)?;
        if end > self.end {
            return Err(Bad::Damaged);
        }
        self.at = end;
        Ok(())
    }

    /// Writes things up to the end, with spaces between them.
    pub fn separated(
        &mut self,
        out: &mut Vec<u8>,
        mut write: impl FnMut(&mut Self, &mut Vec<u8>) -> Read<()>,
    ) -> Read<()> {
        let mut first = true;
        while !self.is_empty() {
            if !std::mem::take(&mut first) {
                out.push(b' ');
            }
            let before = self.at;
            write(self, out)?;
            if self.at == before {
                return Err(Bad::Damaged);
            }
        }
        Ok(())
    }

    fn left(&self) -> &'m [u8] {
        self.message.get(self.at..self.end).unwrap_or(&[])
    }
}
