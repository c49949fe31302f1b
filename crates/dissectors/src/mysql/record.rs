//! What is written down of a message, and how it is read again.
//!
//! ```text
//! command | 'C' | command | schema len | 0 | text len (4) | types len (2) | params (2)
//!         | schema … | text of the statement … | types … | payload, unless it is the body …
//! login   | 'L' | which | facts …
//! answer  | 'R' | shape | command | note len | columns (4) | rows (8) | affected (8) | sets (4) | flags (4)
//!         | note … | payload of the last packet …
//! event   | 'E'        upload | 'F' | name …        other protocol | 'X' | type | payload …
//! ```
//!
//! The body of an answer holds its packets, heads included, up to the last; that of a long command
//! its payload behind the command byte. All numbers are little-endian.

use model::Message;

use super::{
    command::{Answer, Command},
    facts::{Facts, What},
    statements::Statement,
    wire::Cursor,
};

/// Bytes of a payload that are kept in a record; a longer command is a body.
pub const KEPT_MAX: usize = 4 << 10;

/// First byte of a command's record.
pub const COMMAND: u8 = b'C';
/// In place of the command of an answer that nobody asked for.
pub const UNASKED: u8 = 0xff;

/// First byte of a login's.
pub const LOGIN: u8 = b'L';
/// First byte of an answer's.
pub const ANSWER: u8 = b'R';
/// First byte of an event's.
pub const EVENT: u8 = b'E';
/// First byte of an upload's.
pub const UPLOAD: u8 = b'F';
/// First byte of a message of the X protocol.
pub const X: u8 = b'X';

/// Second byte of a login's record: the first on its connection.
pub const FIRST: u8 = 0;
/// Another user on the same connection.
pub const CHANGE: u8 = 1;
/// The wish for TLS.
pub const TLS: u8 = 2;
/// The server alone spoke.
pub const GREETING: u8 = 3;

const COMMAND_LEN: usize = 12;
const ANSWER_LEN: usize = 32;

/// How an answer ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(u8)]
pub enum Shape {
    /// It was not seen to end.
    #[default]
    Unfinished,
    /// With an OK packet.
    Ok,
    /// With an EOF packet.
    Eof,
    /// With an error.
    Error,
    /// With a line of text.
    Text,
    /// With what was prepared.
    Prepared,
    /// It is the first event of many.
    Event,
}

/// What an answer adds up to while it is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// How it ended.
    pub shape: Shape,
    /// The command it answers; 0 where that is not known.
    pub command: u8,
    /// Bytes of the note behind the facts.
    pub note_len: u8,
    /// Columns of the first result set, or of what was prepared.
    pub columns: u32,
    /// Rows of all result sets.
    pub rows: u64,
    /// Rows that were changed by all statements.
    pub affected: u64,
    /// Result sets.
    pub sets: u32,
}

/// A command, read again.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'m> {
    /// Which.
    pub command: Command,
    /// The schema it was said in, where that is known.
    pub schema: &'m [u8],
    /// The text of the statement it is about, where that is known.
    pub text: &'m [u8],
    /// The types that its parameters had before.
    pub types: &'m [u8],
    /// Parameters of the statement.
    pub params: u16,
    /// What follows the command byte, as much as is kept.
    pub payload: &'m [u8],
}

/// An answer, read again.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'m> {
    /// What it adds up to.
    pub sums: Sums,
    /// The method that the server wants to be convinced by, or the file it wants.
    pub note: &'m [u8],
    /// The payload of its last packet.
    pub last: &'m [u8],
}

/// The fixed part of a command's record.
pub fn command(
    command: Command,
    schema: &[u8],
    statement: Option<&Statement>,
) -> [u8; COMMAND_LEN] {
    let (text, types) =
        statement.map_or((&[][..], &[][..]), |statement| (&statement.text, &statement.types));
    let [a, b, c, d] = u32::try_from(text.len()).unwrap_or(0).to_le_bytes();
    let [e, f] = u16::try_from(types.len()).unwrap_or(0).to_le_bytes();
    let [g, h] = statement.map_or(0, |statement| statement.params).to_le_bytes();
    let schema_len = u8::try_from(schema.len()).unwrap_or(0);
    let is_known = u8::from(statement.is_some());
    [COMMAND, command.0, schema_len, is_known, a, b, c, d, e, f, g, h]
}

/// How the next answer to this request is to be read; nothing if it is no request.
#[inline]
pub fn answer_of(request: &Message) -> Option<(Answer, u8)> {
    match request.record.get(..2)? {
        [COMMAND, command] => Some((Command(*command).answer(), *command)),
        [LOGIN, ..] => Some((Answer::Login, 0)),
        _ => None,
    }
}

/// A fact of a login's record.
pub fn fact(record: &[u8], what: What) -> Option<&[u8]> {
    let [LOGIN, _, facts @ ..] = record else { return None };
    Facts::each(facts).find(|(known, _)| *known == what as u8).map(|(_, value)| value)
}

// === impl Sums ===

impl Sums {
    /// Those of an answer that nobody asked for.
    pub fn unasked() -> Self {
        Self { command: UNASKED, ..Self::default() }
    }

    /// As it is written down.
    pub fn bytes(&self) -> [u8; ANSWER_LEN] {
        let mut bytes = [0; ANSWER_LEN];
        let (columns, rows) = (self.columns.to_le_bytes(), self.rows.to_le_bytes());
        let (affected, sets) = (self.affected.to_le_bytes(), self.sets.to_le_bytes());
        let head = [ANSWER, self.shape as u8, self.command, self.note_len];
        let all = [&head[..], &columns, &rows, &affected, &sets];
        let mut rest = &mut bytes[..];
        for part in all {
            let Some((place, tail)) = rest.split_at_mut_checked(part.len()) else { break };
            place.copy_from_slice(part);
            rest = tail;
        }
        bytes
    }
}

// === impl Shape ===

impl Shape {
    fn of(byte: u8) -> Self {
        const ALL: [Shape; 7] = [
            Shape::Unfinished,
            Shape::Ok,
            Shape::Eof,
            Shape::Error,
            Shape::Text,
            Shape::Prepared,
            Shape::Event,
        ];
        ALL.get(usize::from(byte)).copied().unwrap_or_default()
    }
}

// === impl Asked ===

impl<'m> Asked<'m> {
    /// Reads it off a message.
    pub fn of(message: &'m Message) -> Option<Self> {
        let mut cursor = Cursor(&message.record);
        let [COMMAND, command, schema_len, _] = cursor.array()? else { return None };
        let text_len = cursor.long()? as usize;
        let types_len = cursor.short()?.into();
        let params = cursor.short()?;
        let schema = cursor.take(schema_len.into())?;
        let text = cursor.take(text_len)?;
        let types = cursor.take(types_len)?;
        let payload = if message.body.size > 0 { &message.body.kept } else { cursor.rest() };
        Some(Self { command: Command(command), schema, text, types, params, payload })
    }

    /// Whether the statement it is about was seen being prepared.
    pub fn is_known(message: &Message) -> bool {
        message.record.get(3) == Some(&1)
    }
}

// === impl Answered ===

impl<'m> Answered<'m> {
    /// Reads it off a message.
    pub fn of(message: &'m Message) -> Option<Self> {
        let mut cursor = Cursor(&message.record);
        let [ANSWER, shape, command, note_len] = cursor.array()? else { return None };
        let columns = cursor.long()?;
        let (rows, affected) = (cursor.quad()?, cursor.quad()?);
        let sets = cursor.long()?;
        cursor.long()?;
        let note = cursor.take(note_len.into())?;
        let sums =
            Sums { shape: Shape::of(shape), command, note_len, columns, rows, affected, sets };
        Some(Self { sums, note, last: cursor.rest() })
    }
}

#[cfg(test)]
mod tests {
    use model::{Mark, Side};

    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let sums = Sums {
            shape: Shape::Eof,
            command: 3,
            note_len: 2,
            columns: 1,
            rows: 2,
            affected: 3,
            sets: 4,
        };
        let mut message = Message::new(Side::Server, Mark::default());
        message.record = [&sums.bytes()[..], b"abc"].concat();
        let read = Answered::of(&message).unwrap();
        assert_eq!((read.note, read.last), (&b"ab"[..], &b"c"[..]));
        assert_eq!((read.sums.columns, read.sums.rows), (1, 2));
        assert_eq!((read.sums.affected, read.sums.sets), (3, 4));
        assert_eq!(read.sums.shape, Shape::Eof);
    }

    #[test]
    fn a_record_cut_anywhere_is_read_or_not() {
        let mut message = Message::new(Side::Client, Mark::default());
        let whole = [&command(Command(3), b"db", None)[..], b"dbSELECT 1"].concat();
        for len in 0..whole.len() {
            message.record = whole[..len].to_vec();
            let _ = Asked::of(&message);
        }
        message.record = whole;
        let asked = Asked::of(&message).unwrap();
        assert_eq!((asked.schema, asked.payload), (&b"db"[..], &b"SELECT 1"[..]));
    }
}
