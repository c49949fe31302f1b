//! Reads a message by its table: one interpreter for all messages in all versions.
//!
//! It tells what it meets and keeps nothing. Lengths and counts of the wire only bound what is taken
//! from bytes that are there; the depth is the table's.

use super::{
    schema::{Field, Kind},
    wire::{Cursor, Halt},
};

/// How deep the tables are nested at most.
pub const DEPTH_MAX: usize = 8;
/// Things met in one message at most.
const EVENTS_MAX: u32 = 1 << 17;

/// What is met.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'m> {
    /// A list of so many begins.
    List(usize),
    /// An element of a list, or a structure, begins.
    Open,
    /// It ends.
    Close,
    /// The list ends.
    ListEnd,
    /// A value.
    Value(Value<'m>),
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'m> {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// An id.
    Uuid([u8; 16]),
    /// Text.
    Text(&'m [u8]),
    /// Bytes.
    Bytes(&'m [u8]),
    /// A configured value, and where it ends in the message.
    Setting(&'m [u8], usize),
    /// Bytes that nobody may see, and where they end in the message.
    Secret(&'m [u8], usize),
    /// Batches of records, as far as they are there, and how many bytes they are.
    Records(&'m [u8], usize),
}

/// Who wants to know.
pub trait Visit<'m> {
    /// `field` of the table, or an element of its list, is met.
    fn meet(&mut self, field: &'static Field, event: Event<'m>);
}

/// How it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// All of the table was read; so many bytes.
    Whole(usize),
    /// The table ended before the message did, as it says.
    Rest,
    /// The bytes ended first.
    Short,
    /// The bytes don't fit the table.
    Bad,
}

/// Reads the message at the front of `bytes` by `fields`.
pub fn walk<'m>(
    fields: &'static [Field],
    version: i16,
    flexible: bool,
    bytes: &'m [u8],
    visit: &mut dyn Visit<'m>,
) -> Ending {
    let cursor = Cursor::new(bytes);
    let mut walker = Walker { cursor, version, flexible, events: EVENTS_MAX, base: 0, visit };
    match walker.fields(fields, 0) {
        Ok(()) => Ending::Whole(walker.cursor.at()),
        Err(Stop::Rest) => Ending::Rest,
        Err(Stop::Halt(Halt::Short)) => Ending::Short,
        Err(Stop::Halt(Halt::Bad)) => Ending::Bad,
    }
}

struct Walker<'m, 'v> {
    cursor: Cursor<'m>,
    version: i16,
    flexible: bool,
    events: u32,
    /// Where the cursor's bytes begin in the message.
    base: usize,
    visit: &'v mut dyn Visit<'m>,
}

enum Stop {
    Rest,
    Halt(Halt),
}

// === impl Stop ===

impl From<Halt> for Stop {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

// === impl Walker ===

impl<'m> Walker<'m, '_> {
    fn fields(&mut self, fields: &'static [Field], depth: usize) -> Result<(), Stop> {
        if depth > DEPTH_MAX {
            return Err(Halt::Bad.into());
        }
        let version = self.version;
        let in_order = |field: &&Field| field.is_in(version) && field.tag.is_none();
        for field in fields.iter().filter(in_order) {
            self.kind(field, &field.kind, depth)?;
        }
        if self.flexible { self.tags(fields, depth) } else { Ok(()) }
    }

    /// Fields that carry their number and size; unknown ones are skipped (KIP-482).
    fn tags(&mut self, fields: &'static [Field], depth: usize) -> Result<(), Stop> {
        // Every turn takes at least two bytes.
        for _ in 0..self.cursor.varint()? {
            let tag = self.cursor.varint()?;
            let size = usize::try_from(self.cursor.varint()?).map_err(|_| Halt::Bad)?;
            let begin = self.place();
            let bytes = self.cursor.take(size)?;
            let version = self.version;
            let is_it = |field: &&Field| field.tag.map(u64::from) == Some(tag);
            let Some(field) = fields.iter().filter(is_it).find(|field| field.is_in(version)) else {
                continue;
            };
            let outer = (std::mem::replace(&mut self.cursor, Cursor::new(bytes)), self.base);
            self.base = begin;
            let done = self.kind(field, &field.kind, depth);
            (self.cursor, self.base) = outer;
            match done {
                Err(Stop::Halt(_)) => return Err(Halt::Bad.into()),
                done => done?,
            }
        }
        Ok(())
    }

    fn kind(
        &mut self,
        field: &'static Field,
        kind: &'static Kind,
        depth: usize,
    ) -> Result<(), Stop> {
        match kind {
            Kind::Rest => Err(Stop::Rest),
            Kind::Structure(fields) => self.structure(field, fields, depth),
            Kind::Maybe(fields) => self.maybe(field, fields, depth),
            Kind::List(fields) => self.each(field, |walker| walker.structure(field, fields, depth)),
            Kind::Each(kind) => self.each(field, |walker| walker.value(field, kind)),
            _ => self.value(field, kind),
        }
    }

    fn structure(
        &mut self,
        field: &'static Field,
        fields: &'static [Field],
        depth: usize,
    ) -> Result<(), Stop> {
        self.meet(field, Event::Open)?;
        self.fields(fields, depth + 1)?;
        self.meet(field, Event::Close)
    }

    /// A structure that may be null has a byte before it that says so.
    fn maybe(
        &mut self,
        field: &'static Field,
        fields: &'static [Field],
        depth: usize,
    ) -> Result<(), Stop> {
        if self.cursor.int8()? < 0 {
            return self.meet(field, Event::Value(Value::Null));
        }
        self.structure(field, fields, depth)
    }

    fn each(
        &mut self,
        field: &'static Field,
        mut element: impl FnMut(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let Some(count) = self.cursor.length(self.flexible)? else {
            return self.meet(field, Event::Value(Value::Null));
        };
        self.meet(field, Event::List(count))?;
        // Every element takes at least one byte.
        for _ in 0..count {
            let before = self.cursor.at();
            element(self)?;
            if self.cursor.at() == before {
                return Err(Halt::Bad.into());
            }
        }
        self.meet(field, Event::ListEnd)
    }

    fn value(&mut self, field: &'static Field, kind: &'static Kind) -> Result<(), Stop> {
        let value = match kind {
            Kind::Bool => Value::Bool(self.cursor.int8()? != 0),
            Kind::Int8 => Value::Integer(self.cursor.int8()?.into()),
            Kind::Int16 => Value::Integer(self.cursor.int16()?.into()),
            Kind::Uint16 => Value::Integer(self.cursor.uint16()?.into()),
            Kind::Int32 => Value::Integer(self.cursor.int32()?.into()),
            Kind::Int64 => Value::Integer(self.cursor.int64()?),
            Kind::Float64 => Value::Float(self.cursor.float64()?),
            Kind::Uuid => Value::Uuid(self.cursor.uuid()?),
            Kind::Text | Kind::Topic | Kind::Group | Kind::Transaction => {
                self.text()?.map_or(Value::Null, Value::Text)
            }
            Kind::Setting => {
                self.text()?.map_or(Value::Null, |text| Value::Setting(text, self.place()))
            }
            Kind::Secret => {
                self.bytes()?.map_or(Value::Null, |bytes| Value::Secret(bytes, self.place()))
            }
            Kind::Bytes => self.bytes()?.map_or(Value::Null, Value::Bytes),
            Kind::Records => return self.records(field),
            Kind::Each(_) | Kind::List(_) | Kind::Structure(_) | Kind::Maybe(_) | Kind::Rest => {
                return Err(Halt::Bad.into());
            }
        };
        self.meet(field, Event::Value(value))
    }

    fn text(&mut self) -> Result<Option<&'m [u8]>, Halt> {
        match self.cursor.string_length(self.flexible)? {
            Some(len) => self.cursor.take(len).map(Some),
            None => Ok(None),
        }
    }

    fn bytes(&mut self) -> Result<Option<&'m [u8]>, Halt> {
        match self.cursor.length(self.flexible)? {
            Some(len) => self.cursor.take(len).map(Some),
            None => Ok(None),
        }
    }

    /// Where in the message the cursor is.
    fn place(&self) -> usize {
        self.base + self.cursor.at()
    }

    /// Records are told as far as they are there.
    fn records(&mut self, field: &'static Field) -> Result<(), Stop> {
        let Some(len) = self.cursor.length(self.flexible)? else {
            return self.meet(field, Event::Value(Value::Null));
        };
        let there = self.cursor.rest();
        let bytes = there.get(..len).unwrap_or(there);
        self.meet(field, Event::Value(Value::Records(bytes, len)))?;
        self.cursor.take(len)?;
        Ok(())
    }

    fn meet(&mut self, field: &'static Field, event: Event<'m>) -> Result<(), Stop> {
        self.events = self.events.checked_sub(1).ok_or(Halt::Short)?;
        self.visit.meet(field, event);
        Ok(())
    }
}
