//! The rows of a response as a JSON array: an object a row where its columns are known, else an array.

use super::{
    record::{self, CUT, Entry, View},
    text, types,
    wire::{self, Column},
};
use crate::listing::Listing;

/// Bytes of one row, at most.
const ROW_MAX: usize = 8 << 10;
/// Columns of one row, at most.
const COLUMNS_MAX: usize = 256;

/// The columns of a description, with the formats that were asked for.
#[derive(Default)]
struct Columns<'m> {
    list: Vec<Column<'m>>,
    /// Not all of them are known.
    cut: bool,
}

/// The rows in what was kept of the body, those of several results one after the other.
pub fn list(view: View<'_>, body: &[u8]) -> Listing {
    let mut rows = Rows { rest: body, list: Listing::new() };
    let mut columns = Columns::default();
    let mut binary = 0_u64;
    for entry in view.entries() {
        match entry.kind {
            record::FORMATS => {
                binary = entry.payload.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            }
            b'T' => {
                columns = Columns::of(entry, binary);
                binary = 0;
            }
            record::ROWS => {
                let count = entry.payload.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
                rows.list(count, &columns);
                columns = Columns::default();
            }
            _ => {}
        }
    }
    rows.list(u64::MAX, &columns);
    rows.list
}

struct Rows<'m> {
    rest: &'m [u8],
    list: Listing,
}

// === impl Columns ===

impl<'m> Columns<'m> {
    fn of(entry: Entry<'m>, binary: u64) -> Self {
        let mut list: Vec<_> = wire::columns(entry.payload).take(COLUMNS_MAX).collect();
        for (n, column) in list.iter_mut().enumerate() {
            column.binary |= binary >> n.min(63) & 1 == 1;
        }
        Self { list, cut: entry.flags & CUT != 0 }
    }
}

// === impl Rows ===

impl<'m> Rows<'m> {
    fn list(&mut self, count: u64, columns: &Columns<'_>) {
        for _ in 0..count {
            let Some(row) = self.next() else { return };
            if !self.list.push(|out| push(row, columns, out)) {
                return;
            }
        }
    }

    /// The fields of the next row, as far as they are there.
    fn next(&mut self) -> Option<&'m [u8]> {
        let len = wire::long(self.rest, 1)?.checked_sub(4)? as usize;
        let rest = self.rest.get(wire::HEAD..)?;
        if self.rest.first() != Some(&b'D') {
            return None;
        }
        let row = rest.get(..len).unwrap_or(rest);
        self.rest = rest.get(len..).unwrap_or_default();
        Some(row)
    }
}

/// Writes a row; whether all of it is there.
fn push(row: &[u8], columns: &Columns<'_>, out: &mut Vec<u8>) -> bool {
    let named = !columns.list.is_empty();
    let begin = out.len();
    out.push(if named { b'{' } else { b'[' });
    let count = wire::short(row, 0).map_or(0, usize::from);
    let mut values = wire::values(row.get(2..).unwrap_or_default());
    let mut whole = true;
    for n in 0..count {
        let column = columns.list.get(n);
        let is_left_out = named && column.is_none() && columns.cut;
        if n >= COLUMNS_MAX || out.len() - begin > ROW_MAX || is_left_out {
            whole = false;
            break;
        }
        let Some(value) = values.next() else {
            whole = false;
            break;
        };
        if n > 0 {
            out.push(b',');
        }
        if named {
            text::string(out, column.map_or(b"?", |column| column.name), false);
            out.push(b':');
        }
        whole &= value.is_none_or(|(value, cut)| !cut && value.len() <= text::VALUE_MAX);
        match (value, column) {
            (None, _) => out.extend_from_slice(b"null"),
            (Some((value, cut)), Some(column)) => {
                types::json(out, column.oid, column.binary, value, cut);
            }
            (Some((value, cut)), None) => {
                let binary = value.contains(&0) || std::str::from_utf8(value).is_err();
                types::parameter(out, 0, binary, value, cut);
            }
        }
    }
    out.push(if named { b'}' } else { b']' });
    whole
}
