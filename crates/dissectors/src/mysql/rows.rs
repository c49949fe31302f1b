//! Result sets out of the body of an answer: columns, and rows as a JSON array.

use super::{
    answer::count_of,
    column::Column,
    command::{self, Command},
    record::{Answered, Shape},
    value,
    wire::{Cursor, HEADER, header},
};
use crate::listing::Listing;

/// Columns shown, at most.
const COLUMNS_MAX: usize = 256;
/// Packets looked at, at most.
const PACKETS_MAX: usize = 1 << 16;
/// Bytes of one row shown.
const ROW_BYTES_MAX: usize = 8 << 10;

/// What lies in the body of an answer.
#[derive(Debug)]
pub struct Results<'b> {
    /// Columns of all result sets, or of what was prepared.
    pub columns: Vec<Column<'b>>,
    /// Rows as JSON objects, those of several result sets one after the other.
    pub rows: Listing,
}

/// The packets of a body.
struct Packets<'b>(&'b [u8]);

/// What is expected next.
enum Next {
    Result,
    Columns(u64),
    AfterColumns,
    Rows,
    Definitions,
}

// === impl Results ===

impl<'b> Results<'b> {
    /// Reads the kept part of the body of `answer`.
    pub fn of(answer: &Answered<'_>, body: &'b [u8]) -> Self {
        let command = Command(answer.sums.command);
        let mut results = Self { columns: Vec::new(), rows: Listing::new() };
        let mut next = match command {
            _ if answer.sums.shape == Shape::Event => return results,
            command::FETCH => return results,
            command::PREPARE | command::FIELD_LIST => Next::Definitions,
            _ => Next::Result,
        };
        let mut first = 0;
        for payload in Packets(body).take(PACKETS_MAX) {
            next = results.hear(next, payload, command, &mut first);
        }
        results
    }

    fn hear(&mut self, next: Next, payload: &'b [u8], command: Command, first: &mut usize) -> Next {
        let is_end = matches!(payload, [0xfe | 0xff, ..]);
        match next {
            Next::Result => match count_of(payload) {
                Some((columns, is_defined))
                    if payload.first() != Some(&0) || payload.len() == 2 =>
                {
                    *first = self.columns.len();
                    if is_defined { Next::Columns(columns) } else { Next::AfterColumns }
                }
                _ => Next::Result,
            },
            Next::Columns(left) => {
                self.define(payload);
                if left > 1 { Next::Columns(left - 1) } else { Next::AfterColumns }
            }
            Next::AfterColumns if is_end && payload.len() < 6 => Next::Rows,
            Next::AfterColumns | Next::Rows if is_end => Next::Result,
            Next::AfterColumns | Next::Rows => {
                self.row(payload, command, *first);
                Next::Rows
            }
            Next::Definitions => {
                if !is_end {
                    self.define(payload);
                }
                Next::Definitions
            }
        }
    }

    fn define(&mut self, payload: &'b [u8]) {
        if self.columns.len() < COLUMNS_MAX
            && let Some(column) = Column::read(payload)
        {
            self.columns.push(column);
        }
    }

    fn row(&mut self, payload: &[u8], command: Command, first: usize) {
        let columns = self.columns.get(first..).unwrap_or_default();
        if columns.is_empty() || command == Command(0) {
            return self.rows.lacks();
        }
        self.rows.push(|out| match command {
            command::EXECUTE | command::BULK_EXECUTE => push_binary_row(payload, columns, out),
            _ => push_text_row(payload, columns, out),
        });
    }
}

fn push_text_row(payload: &[u8], columns: &[Column<'_>], out: &mut Vec<u8>) -> bool {
    let mut cursor = Cursor(payload);
    push_object(columns, out, |column, out| {
        if cursor.rest().first() == Some(&0xfb) {
            cursor.byte();
            out.extend_from_slice(b"null");
            return Some(true);
        }
        let (text, is_cut) = cursor.text_or_less()?;
        value::push_text(out, column.kind, text, is_cut);
        Some(!is_cut && text.len() <= value::VALUE_MAX)
    })
}

/// A zero, a bit for each null from the third bit on, the values.
fn push_binary_row(payload: &[u8], columns: &[Column<'_>], out: &mut Vec<u8>) -> bool {
    let mut cursor = Cursor(payload);
    cursor.byte();
    let nulls = cursor.take((columns.len() + 9) / 8).unwrap_or_default();
    let mut bit = 1;
    push_object(columns, out, |column, out| {
        bit += 1;
        if nulls.get(bit / 8)? >> (bit % 8) & 1 == 1 {
            out.extend_from_slice(b"null");
            return Some(true);
        }
        let before = cursor.rest().len();
        value::push_binary(out, column.kind, column.is_unsigned, &mut cursor)?;
        Some(before - cursor.rest().len() <= value::VALUE_MAX)
    })
}

/// An object of all columns whose values could be read; whether that is all of them. `push` writes a
/// value and says whether all of it is there.
fn push_object(
    columns: &[Column<'_>],
    out: &mut Vec<u8>,
    mut push: impl FnMut(&Column<'_>, &mut Vec<u8>) -> Option<bool>,
) -> bool {
    let open = out.len();
    out.push(b'{');
    let mut whole = true;
    for column in columns {
        let begin = out.len();
        if begin > open + 1 {
            out.push(b',');
        }
        content::json::push_bytes_lossy(out, column.name);
        out.push(b':');
        let pushed = if begin > open + ROW_BYTES_MAX { None } else { push(column, out) };
        let Some(is_all) = pushed else {
            out.truncate(begin);
            whole = false;
            break;
        };
        whole &= is_all;
    }
    out.push(b'}');
    whole
}

// === impl Packets ===

impl<'b> Iterator for Packets<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let header = header(self.0)?;
        let behind = self.0.get(HEADER..)?;
        let payload = behind.get(..header.len).unwrap_or(behind);
        self.0 = behind.get(header.len..).unwrap_or_default();
        (!payload.is_empty()).then_some(payload)
    }
}
