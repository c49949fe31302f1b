//! What servers answer: rows and what describes them (§4.2.5).

use super::{cursor::Cursor, value::Type};

/// Columns that are read, at most.
const COLUMNS_MAX: i32 = 512;

const GLOBAL: i32 = 0x01;
const MORE_PAGES: i32 = 0x02;
const NO_METADATA: i32 = 0x04;
const CHANGED: i32 = 0x08;

/// A column or a place for a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Column<'b> {
    /// Its name.
    pub name: &'b [u8],
    /// What its values are.
    pub of: Type<'b>,
}

/// What is said of the columns of rows, or of the values of a statement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata<'b> {
    /// Keyspace and table, if they are those of every column.
    pub table: Option<(&'b [u8], &'b [u8])>,
    /// How many columns there are.
    pub count: usize,
    /// The columns; none if they are not described.
    pub columns: Vec<Column<'b>>,
    /// Whether there are more rows to ask for.
    pub has_more: bool,
}

/// An answer to a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<'b> {
    /// Nothing to say.
    Void,
    /// Rows: how many, and the bytes of the values.
    Rows(Metadata<'b>, i32, &'b [u8]),
    /// The keyspace in use.
    Keyspace(&'b [u8]),
    /// A statement is known under an id; what describes its values and its rows.
    Prepared(&'b [u8], &'b [u8]),
    /// Something was created, altered or dropped.
    Schema(Schema<'b>),
}

/// A change of the schema (§4.2.6).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Schema<'b> {
    /// `CREATED`, `UPDATED`, `DROPPED`
    pub change: &'b [u8],
    /// `KEYSPACE`, `TABLE`, `TYPE`, `FUNCTION`, `AGGREGATE`
    pub target: &'b [u8],
    /// Where.
    pub keyspace: &'b [u8],
    /// What, unless it is the keyspace.
    pub name: Option<&'b [u8]>,
}

// === impl Answer ===

impl<'b> Answer<'b> {
    /// Reads the body of a `RESULT`.
    pub fn read(version: u8, body: &'b [u8]) -> Option<Self> {
        let mut cursor = Cursor(body);
        Some(match cursor.int()? {
            1 => Self::Void,
            2 => {
                let metadata = Metadata::rows(&mut cursor)?;
                let count = cursor.int()?;
                Self::Rows(metadata, count, cursor.0)
            }
            3 => Self::Keyspace(cursor.string()?),
            4 => {
                let id = cursor.string()?;
                if version >= 5 {
                    cursor.string()?;
                }
                Self::Prepared(id, cursor.0)
            }
            5 => Self::Schema(Schema::read(&mut cursor)?),
            _ => return None,
        })
    }
}

// === impl Schema ===

impl<'b> Schema<'b> {
    /// Reads one.
    pub fn read(cursor: &mut Cursor<'b>) -> Option<Self> {
        let (change, target, keyspace) = (cursor.string()?, cursor.string()?, cursor.string()?);
        let name = if target == b"KEYSPACE" { None } else { cursor.string() };
        Some(Self { change, target, keyspace, name })
    }
}

// === impl Metadata ===

impl<'b> Metadata<'b> {
    /// Reads what describes rows.
    pub fn rows(cursor: &mut Cursor<'b>) -> Option<Self> {
        let flags = cursor.int()?;
        let count = cursor.int()?;
        let mut metadata = Self { count: usize::try_from(count).ok()?, ..Self::default() };
        if flags & MORE_PAGES != 0 {
            metadata.has_more = cursor.bytes()?.is_some();
        }
        if flags & CHANGED != 0 {
            cursor.string()?;
        }
        if flags & NO_METADATA == 0 {
            metadata.describe(cursor, flags, count)?;
        }
        Some(metadata)
    }

    /// Reads what describes the values of a statement (§4.2.5.4).
    pub fn values(cursor: &mut Cursor<'b>, version: u8) -> Option<Self> {
        let (flags, count) = (cursor.int()?, cursor.int()?);
        let mut metadata = Self { count: usize::try_from(count).ok()?, ..Self::default() };
        if version >= 4 {
            let keys = usize::try_from(cursor.int()?).ok()?;
            cursor.take(keys.checked_mul(2)?)?;
        }
        metadata.describe(cursor, flags, count)?;
        Some(metadata)
    }

    fn describe(&mut self, cursor: &mut Cursor<'b>, flags: i32, count: i32) -> Option<()> {
        if count > COLUMNS_MAX {
            return None;
        }
        if flags & GLOBAL != 0 {
            self.table = Some((cursor.string()?, cursor.string()?));
        }
        for _ in 0..count {
            if flags & GLOBAL == 0 {
                let table = (cursor.string()?, cursor.string()?);
                self.table.get_or_insert(table);
            }
            self.columns.push(Column { name: cursor.string()?, of: Type::read(cursor)? });
        }
        Some(())
    }
}
