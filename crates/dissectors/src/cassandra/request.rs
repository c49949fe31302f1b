//! What clients say: statements, their values and how they are to be run (§4.1).

use super::{codes, cursor::Cursor, frame::Opcode};

/// Values of one statement that are read, at most.
const VALUES_MAX: u16 = 256;
/// Statements of a batch that are read, at most.
const STATEMENTS_MAX: u16 = 64;

const VALUES: u32 = 0x01;
const PAGE_SIZE: u32 = 0x04;
const PAGING_STATE: u32 = 0x08;
const SERIAL: u32 = 0x10;
const TIMESTAMP: u32 = 0x20;
const NAMES: u32 = 0x40;
const KEYSPACE: u32 = 0x80;
const NOW: u32 = 0x100;

/// A value and, where it has one, its name.
pub type Bound<'b> = (Option<&'b [u8]>, Option<&'b [u8]>);

/// A statement, or the id under which the server knows one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Statement<'b> {
    /// Its text.
    Text(&'b [u8]),
    /// Its id.
    Id(&'b [u8]),
}

/// How a statement is to be run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options<'b> {
    /// How many replicas must agree.
    pub consistency: Option<&'static str>,
    /// The same for conditions.
    pub serial: Option<&'static str>,
    /// Values for the places in the statement.
    pub values: Vec<Bound<'b>>,
    /// Rows that are wanted at once.
    pub page_size: Option<i32>,
    /// Whether this goes on where an earlier one ended.
    pub is_next_page: bool,
    /// When it is to have happened, in microseconds.
    pub timestamp: Option<i64>,
    /// The keyspace it is for.
    pub keyspace: Option<&'b [u8]>,
}

/// What a client wants to be run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request<'b> {
    /// The kind of a batch.
    pub batch: Option<&'static str>,
    /// How many statements it says to have.
    pub count: u16,
    /// The statements, with the values of those in a batch.
    pub statements: Vec<(Statement<'b>, Vec<Bound<'b>>)>,
    /// How they are to be run.
    pub options: Options<'b>,
}

// === impl Request ===

impl<'b> Request<'b> {
    /// Reads the body of a `QUERY`, `PREPARE`, `EXECUTE` or `BATCH`, as far as it is there.
    pub fn read(opcode: Opcode, version: u8, body: &'b [u8]) -> Option<Self> {
        let mut cursor = Cursor(body);
        match opcode {
            Opcode::QUERY => {
                let text = cursor.long_string_front()?;
                let options = Options::read(&mut cursor, version);
                Some(Self::one(Statement::Text(text), options))
            }
            Opcode::PREPARE => {
                let text = cursor.long_string_front()?;
                let mut options = Options::default();
                if version >= 5 && cursor.int().is_some_and(|flags| flags & 1 != 0) {
                    options.keyspace = cursor.string();
                }
                Some(Self::one(Statement::Text(text), options))
            }
            Opcode::EXECUTE => {
                let id = cursor.string()?;
                if version >= 5 {
                    cursor.string()?;
                }
                let options = Options::read(&mut cursor, version);
                Some(Self::one(Statement::Id(id), options))
            }
            Opcode::BATCH => Self::batch(&mut cursor, version),
            _ => None,
        }
    }

    fn one(statement: Statement<'b>, options: Options<'b>) -> Self {
        Self { batch: None, count: 1, statements: vec![(statement, Vec::new())], options }
    }

    fn batch(cursor: &mut Cursor<'b>, version: u8) -> Option<Self> {
        let batch = codes::batch(cursor.byte()?);
        let count = cursor.short()?;
        let read: Vec<_> =
            (0..count.min(STATEMENTS_MAX)).map_while(|_| Self::in_batch(cursor)).collect();
        let mut options = Options::default();
        if read.len() == usize::from(count) {
            options.consistency = cursor.short().and_then(codes::consistency);
            let flags = flags(cursor, version).unwrap_or(0);
            options.rest(cursor, flags & !(VALUES | PAGE_SIZE | PAGING_STATE | NAMES));
        }
        Some(Self { batch, count, statements: read, options })
    }

    fn in_batch(cursor: &mut Cursor<'b>) -> Option<(Statement<'b>, Vec<Bound<'b>>)> {
        let statement = match cursor.byte()? {
            0 => Statement::Text(cursor.long_string()?),
            _ => Statement::Id(cursor.string()?),
        };
        let count = cursor.short()?;
        let values = (0..count).map(|_| Some((None, cursor.bytes()?))).collect::<Option<_>>()?;
        Some((statement, values))
    }
}

// === impl Options ===

impl<'b> Options<'b> {
    fn read(cursor: &mut Cursor<'b>, version: u8) -> Self {
        let consistency = cursor.short().and_then(codes::consistency);
        let mut options = Self { consistency, ..Self::default() };
        let flags = flags(cursor, version).unwrap_or(0);
        options.rest(cursor, flags);
        options
    }

    /// Reads what `flags` say; ends where the bytes do.
    fn rest(&mut self, cursor: &mut Cursor<'b>, flags: u32) -> Option<()> {
        let has = |flag: u32| flags & flag != 0;
        if has(VALUES) {
            let count = cursor.short()?;
            for at in 0..count {
                let name = if has(NAMES) { Some(cursor.string()?) } else { None };
                let value = cursor.bytes()?;
                if at < VALUES_MAX {
                    self.values.push((name, value));
                }
            }
        }
        if has(PAGE_SIZE) {
            self.page_size = Some(cursor.int()?);
        }
        if has(PAGING_STATE) {
            self.is_next_page = cursor.bytes()?.is_some();
        }
        if has(SERIAL) {
            self.serial = codes::consistency(cursor.short()?);
        }
        if has(TIMESTAMP) {
            self.timestamp = Some(cursor.long()?);
        }
        if has(KEYSPACE) {
            self.keyspace = Some(cursor.string()?);
        }
        if has(NOW) {
            cursor.int()?;
        }
        Some(())
    }
}

/// One byte until v4, four from v5 on (§4.1.4).
fn flags(cursor: &mut Cursor<'_>, version: u8) -> Option<u32> {
    if version >= 5 {
        cursor.take(4)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
    } else {
        cursor.byte().map(u32::from)
    }
}
