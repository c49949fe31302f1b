//! Go's own table of functions, which a stripped program keeps, too: it needs it for its stacks.
//!
//! Layout as in `runtime.pcHeader` and `runtime._func` of Go 1.18 and later, little-endian, 64 bits.

use std::ops::Range;

/// Go 1.18 and 1.19; 1.20 and later.
const MAGICS: [u32; 2] = [0xffff_fff0, 0xffff_fff1];
/// Before: arguments were passed on the stack, or in a form of their own.
const OLD_MAGICS: [u32; 2] = [0xffff_fffb, 0xffff_fffa];
/// Functions of a program at most.
const FUNCTIONS_MAX: usize = 4_000_000;

/// The table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'t> {
    bytes: &'t [u8],
    count: usize,
    /// Where the code begins; 0 where the table does not say it (Go 1.26 and later).
    pub(crate) text: u64,
    names: usize,
    functions: usize,
}

/// Why there is no table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unread {
    /// Of a Go before 1.18.
    Old,
    /// None, or none that we know.
    Unknown,
}

// === impl Table ===

impl<'t> Table<'t> {
    /// Reads the table's head.
    ///
    /// # Errors
    /// When it is of an old Go, or none.
    pub(crate) fn read(bytes: &'t [u8]) -> Result<Self, Unread> {
        let magic = u32_at(bytes, 0).ok_or(Unread::Unknown)?;
        if OLD_MAGICS.contains(&magic) {
            return Err(Unread::Old);
        }
        if !MAGICS.contains(&magic) || bytes.get(7) != Some(&8) {
            return Err(Unread::Unknown);
        }
        Self::head(bytes).ok_or(Unread::Unknown)
    }

    fn head(bytes: &'t [u8]) -> Option<Self> {
        let word = |index: usize| usize_at(bytes, 8 + index * 8);
        Some(Self {
            bytes,
            count: word(0)?.min(FUNCTIONS_MAX),
            text: u64_at(bytes, 8 + 2 * 8)?,
            names: word(3)?,
            functions: word(7)?,
        })
    }

    /// Each function's name, and where it is behind the beginning of the code.
    pub(crate) fn functions(&self) -> impl Iterator<Item = (&'t [u8], Range<u64>)> {
        let table = *self;
        (0..table.count).map_while(move |index| table.function(index))
    }

    /// Where the first function is behind the beginning of the code.
    pub(crate) fn first(&self) -> Option<u64> {
        u32_at(self.bytes, self.functions).map(u64::from)
    }

    fn function(&self, index: usize) -> Option<(&'t [u8], Range<u64>)> {
        let entry = self.functions.checked_add(index.checked_mul(8)?)?;
        let begin = u32_at(self.bytes, entry)?;
        let about = usize::try_from(u32_at(self.bytes, entry + 4)?).ok()?;
        let end = u32_at(self.bytes, entry + 8)?;
        let name = u32_at(self.bytes, self.functions.checked_add(about)?.checked_add(4)?)?;
        let name = self.names.checked_add(usize::try_from(name).ok()?)?;
        let name = self.bytes.get(name..)?;
        // The longest names are those of generic functions.
        let len = name.iter().take(4_096).position(|byte| *byte == 0)?;
        Some((name.get(..len)?, u64::from(begin)..u64::from(end)))
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
}

fn usize_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64_at(bytes, at)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of two functions, `a` at 0x10 and `bc` at 0x30, that ends at 0x50.
    fn table() -> Vec<u8> {
        let mut bytes = 0xffff_fff1_u32.to_le_bytes().to_vec();
        bytes.extend_from_slice(&[0, 0, 1, 8]);
        for word in [2_u64, 0, 0x1000, 72, 0, 0, 0, 77] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(b"a\0bc\0");
        for word in [0x10_u32, 20, 0x30, 28, 0x50, 0x10, 0, 0x30, 2] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn functions_have_names_and_places() {
        let bytes = table();
        let table = Table::read(&bytes).expect("a table");
        let found: Vec<_> = table.functions().collect();
        assert_eq!(found, [(&b"a"[..], 0x10..0x30), (b"bc", 0x30..0x50)]);
        assert_eq!((table.text, table.first()), (0x1000, Some(0x10)));
    }

    #[test]
    fn a_table_cut_anywhere_ends_there() {
        let bytes = table();
        for end in 0..bytes.len() {
            if let Ok(table) = Table::read(&bytes[..end]) {
                assert!(table.functions().count() < 2, "{end} bytes");
            }
        }
    }

    #[test]
    fn what_old_go_made_is_told_apart() {
        let mut bytes = table();
        bytes[0] = 0xfa;
        assert_eq!(Table::read(&bytes).err(), Some(Unread::Old));
        bytes[0] = 0;
        assert_eq!(Table::read(&bytes).err(), Some(Unread::Unknown));
    }
}
