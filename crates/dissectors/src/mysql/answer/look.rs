//! What the next packet of an answer is, by its first byte and its length.

use super::Answers;
use crate::mysql::{
    record::{KEPT_MAX, Shape},
    wire::{Cursor, HEADER, Header, LEN_MAX},
};

/// Bytes of an EOF packet's payload.
pub const EOF_LEN: usize = 5;
/// The same before 4.1.
const EOF_LEN_OLD: usize = 1;

/// What the next packet may be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Stage {
    /// The first of an answer.
    #[default]
    Idle,
    /// The first of a result.
    Result,
    /// A column definition.
    Columns,
    /// What ends the definitions, or a row.
    AfterColumns,
    /// A row.
    Rows,
    /// What was prepared.
    Prepared,
    /// A definition of a parameter or a column of it.
    PreparedDefs,
    /// A definition, nobody knows how many.
    Fields,
    /// A line of text.
    Text,
    /// Something of a login.
    Login,
    /// An event.
    Events,
    /// OK or an error.
    Last,
}

/// What the next packet is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Look {
    /// The end of a result.
    End(Shape),
    /// How many columns.
    Count,
    /// A definition.
    Definition,
    /// The end of the definitions.
    EndOfColumns,
    /// A row.
    Row,
    /// What was prepared.
    Prepared,
    /// The wish for a file.
    File,
    /// The wish for another way to log in.
    Switch,
    /// Something else of a login.
    Secret,
    /// An event of the binary log.
    Event,
    /// Nothing that can be here.
    Wrong,
}

// === impl Answers: a look ===

impl Answers {
    /// The packet at the front, by its first byte and its length.
    #[inline]
    pub fn look(&self, stage: Stage, header: Header, first: u8) -> Look {
        let is_eof = first == 0xfe && (header.len == EOF_LEN || header.len == EOF_LEN_OLD);
        match (stage, first) {
            (Stage::Text, _) if first != 0xff => Look::End(Shape::Text),
            (_, 0xff) => Look::End(Shape::Error),
            (Stage::Rows | Stage::Fields, 0xfe) if header.len < LEN_MAX => Look::End(ended(is_eof)),
            (Stage::AfterColumns, 0xfe) if is_eof => Look::EndOfColumns,
            (Stage::AfterColumns, 0xfe) if header.len < LEN_MAX => Look::End(Shape::Ok),
            (Stage::Rows | Stage::AfterColumns, _) => Look::Row,
            (Stage::PreparedDefs, 0xfe) if is_eof => Look::EndOfColumns,
            (Stage::Columns | Stage::Fields | Stage::PreparedDefs, _) => Look::Definition,
            (Stage::Prepared, 0) if header.len >= 12 => Look::Prepared,
            (Stage::Login, 0xfe) => Look::Switch,
            (Stage::Login, 1..) => Look::Secret,
            (Stage::Events, 0) => Look::Event,
            (Stage::Result | Stage::Last | Stage::Login, 0) => Look::End(Shape::Ok),
            (Stage::Result | Stage::Last | Stage::Events, 0xfe) if is_eof => Look::End(Shape::Eof),
            (Stage::Result, 0xfb) => Look::File,
            (Stage::Result, 1..) if header.len <= 10 => Look::Count,
            _ => Look::Wrong,
        }
    }
}

fn ended(is_eof: bool) -> Shape {
    if is_eof { Shape::Eof } else { Shape::Ok }
}

/// Bytes that must be there before such a packet is read.
pub fn needs(look: Look, header: Header) -> usize {
    match look {
        Look::Definition | Look::Row | Look::Secret | Look::Event | Look::Wrong => HEADER,
        _ => HEADER + header.len.min(KEPT_MAX),
    }
}

/// Columns, and whether their definitions follow. With cached metadata a byte says so: behind the
/// number (MariaDB), or before it (MySQL).
pub fn count_of(payload: &[u8]) -> Option<(u64, bool)> {
    let mut cursor = Cursor(payload);
    let count = cursor.count()?;
    match *cursor.rest() {
        [] => Some((count, true)),
        [follows @ (0 | 1)] => Some((count, follows == 1)),
        _ if count <= 1 => {
            let columns = cursor.count().filter(|_| cursor.rest().is_empty())?;
            Some((columns, count == 1))
        }
        _ => None,
    }
    .filter(|(columns, _)| *columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_columns_may_say_whether_they_are_defined() {
        for (payload, count) in [
            (&b"\x05"[..], Some((5, true))),
            (b"\x05\x01", Some((5, true))),
            (b"\x05\x00", Some((5, false))),
            (b"\x01\x05", Some((5, true))),
            (b"\x00\x05", Some((5, false))),
            (b"\x01\x00", Some((1, false))),
            (b"\xfc\x2c\x01", Some((300, true))),
            (b"\xfc\x2c\x01\x00", Some((300, false))),
            (b"\x05\x05", None),
            (b"\x00", None),
        ] {
            assert_eq!(count_of(payload), count, "{}", payload.escape_ascii());
        }
    }
}
