//! Result sets out of the body of an answer: columns, and rows as JSON.

use super::{
    answer::count_of,
    column::Column,
    command::{self, Command},
    record::{Answered, Shape},
    value,
    wire::{Cursor, HEADER, header},
};

/// Rows shown, at most.
const ROWS_MAX: usize = 64;
/// Columns shown, at most.
const COLUMNS_MAX: usize = 256;
/// Packets looked at, at most.
const PACKETS_MAX: usize = 4_096;
/// Bytes of one row shown.
const ROW_BYTES_MAX: usize = 8 << 10;

/// What lies in the body of an answer.
#[derive(Debug, Default)]
pub struct Results<'b> {
    /// Columns of all result sets, or of what was prepared.
    pub columns: Vec<Column<'b>>,
    /// Rows as JSON objects.
    pub rows: Vec<Vec<u8>>,
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
        let mut results = Self::default();
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
        if self.rows.len() >= ROWS_MAX {
            return;
        }
        let columns = self.columns.get(first..).unwrap_or_default();
        let row = match command {
            command::EXECUTE | command::BULK_EXECUTE => binary_row(payload, columns),
            Command(0) => return,
            _ => text_row(payload, columns),
        };
        self.rows.extend(row);
    }
}

fn text_row(payload: &[u8], columns: &[Column<'_>]) -> Option<Vec<u8>> {
    let mut cursor = Cursor(payload);
    object(columns, |column, out| {
        if cursor.rest().first() == Some(&0xfb) {
            cursor.byte();
            out.extend_from_slice(b"null");
            return Some(());
        }
        let (text, is_cut) = cursor.text_or_less()?;
        value::push_text(out, column.kind, text, is_cut);
        Some(())
    })
}

/// A zero, a bit for each null from the third bit on, the values.
fn binary_row(payload: &[u8], columns: &[Column<'_>]) -> Option<Vec<u8>> {
    let mut cursor = Cursor(payload);
    cursor.byte()?;
    let nulls = cursor.take((columns.len() + 9) / 8)?;
    let mut bit = 1;
    object(columns, |column, out| {
        bit += 1;
        if nulls.get(bit / 8)? >> (bit % 8) & 1 == 1 {
            out.extend_from_slice(b"null");
            return Some(());
        }
        value::push_binary(out, column.kind, column.is_unsigned, &mut cursor)
    })
}

/// An object of all columns whose values could be read.
fn object(
    columns: &[Column<'_>],
    mut push: impl FnMut(&Column<'_>, &mut Vec<u8>) -> Option<()>,
) -> Option<Vec<u8>> {
    let mut out = vec![b'{'];
    for column in columns {
        let begin = out.len();
        if begin > 1 {
            out.push(b',');
        }
        content::json::push_bytes_lossy(&mut out, column.name);
        out.push(b':');
        if begin > ROW_BYTES_MAX || push(column, &mut out).is_none() {
            out.truncate(begin);
            break;
        }
    }
    out.push(b'}');
    (out.len() > 2).then_some(out)
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
