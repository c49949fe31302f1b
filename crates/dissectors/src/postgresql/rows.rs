//! The rows of a response as JSON: an object a row where its columns are known, else an array.

use super::{
    record::{self, CUT, Entry, View},
    text, types,
    wire::{self, Column},
};

/// Rows shown, at most.
const ROWS_MAX: usize = 64;
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

/// Calls `each` with one row after the other.
pub fn tell(view: View<'_>, body: &[u8], each: &mut dyn FnMut(&[u8])) {
    let mut rows = Rows { rest: body, left: ROWS_MAX };
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
                rows.tell(count, &columns, each);
                columns = Columns::default();
            }
            _ => {}
        }
    }
    rows.tell(u64::MAX, &columns, each);
}

struct Rows<'m> {
    rest: &'m [u8],
    left: usize,
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
    fn tell(&mut self, count: u64, columns: &Columns<'_>, each: &mut dyn FnMut(&[u8])) {
        for _ in 0..count {
            let Some(row) = self.next() else { return };
            if self.left == 0 {
                continue;
            }
            self.left -= 1;
            each(&shown(row, columns));
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

fn shown(row: &[u8], columns: &Columns<'_>) -> Vec<u8> {
    let named = !columns.list.is_empty();
    let mut out = vec![if named { b'{' } else { b'[' }];
    let count = wire::short(row, 0).map_or(0, usize::from);
    let mut values = wire::values(row.get(2..).unwrap_or_default());
    for n in 0..count.min(COLUMNS_MAX) {
        let Some(value) = values.next() else { break };
        let column = columns.list.get(n);
        if out.len() > ROW_MAX || named && column.is_none() && columns.cut {
            break;
        }
        if n > 0 {
            out.push(b',');
        }
        if named {
            text::string(&mut out, column.map_or(b"?", |column| column.name), false);
            out.push(b':');
        }
        match (value, column) {
            (None, _) => out.extend_from_slice(b"null"),
            (Some((value, cut)), Some(column)) => {
                types::json(&mut out, column.oid, column.binary, value, cut);
            }
            (Some((value, cut)), None) => {
                let binary = value.contains(&0) || std::str::from_utf8(value).is_err();
                types::parameter(&mut out, 0, binary, value, cut);
            }
        }
    }
    out.push(if named { b'}' } else { b']' });
    out
}
