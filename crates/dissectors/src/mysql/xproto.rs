//! The X protocol of MySQL, as a listing of its messages.
//!
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_mysqlx_protocol.html>. A message is four
//! bytes of length, a byte that says what it is, and protobuf. Each is told alone; what is said to
//! log in is not kept.

use dissect::{Found, Pair, Sink, Step};
use model::{Message, Side};

use super::{
    record::{self, KEPT_MAX},
    wire::Cursor,
};

/// Bytes of length.
const HEAD: usize = 4;
/// A notice that the server begins with: "hello" (8.0.16).
const HELLO: &[u8] = b"\x05\0\0\0\x0b\x08\x05\x1a\0";
/// The client asks what the server can.
const CAPABILITIES_GET: &[u8] = b"\x01\0\0\0\x01";
/// `Mysqlx.Sql.StmtExecute`
const EXECUTE: u8 = 12;
/// `Mysqlx.Error`
const ERROR: u8 = 1;
/// Bytes of a number of protobuf, at most.
const NUMBER_MAX: usize = 10;

/// A message, read again.
#[derive(Clone, Copy, Debug)]
pub struct Said<'m> {
    from: Side,
    kind: u8,
    payload: &'m [u8],
}

/// What a server says that refuses something.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'m> {
    /// The number of the error.
    pub number: u64,
    /// Its SQLSTATE.
    pub state: &'m [u8],
    /// What is said beside it.
    pub message: &'m [u8],
}

/// A field of a message of protobuf.
#[derive(Clone, Copy, Debug)]
enum Field<'m> {
    Number(u64),
    Bytes(&'m [u8]),
}

/// Whether these first bytes of a side are the X protocol; nothing if there are too few to tell.
pub fn speaks(from: Side, input: &[u8]) -> Option<bool> {
    match (from, input) {
        (_, [] | [_] | [_, _] | [_, _, _] | [_, _, _, _]) => None,
        (Side::Server, [5, 0, 0, 0, 11, ..]) => Some(true),
        (Side::Client, [1, 0, 0, 0, kind, ..]) => Some(*kind == 1),
        (Side::Client, [_, _, 0, 0, 2 | 4]) => None,
        (Side::Client, [_, _, 0, 0, 2 | 4, first, ..]) => Some(*first == 0x0a),
        _ => Some(false),
    }
}

/// Whether a client that speaks it says this first.
pub fn is_client(bytes: &[u8], is_home: bool) -> bool {
    let names_tls = || memchr::memmem::find(bytes, b"tls").is_some();
    match bytes {
        bytes if bytes == CAPABILITIES_GET => is_home,
        [len, 0, 0, 0, 2, 0x0a, ..] => usize::from(*len) + HEAD == bytes.len() && names_tls(),
        [len, 0, 0, 0, 4, 0x0a, ..] => {
            usize::from(*len) + HEAD == bytes.len()
                && memchr::memmem::find(bytes, b"MYSQL41").is_some()
        }
        _ => false,
    }
}

/// Whether a server that speaks it says this first.
pub fn is_server(bytes: &[u8]) -> bool {
    bytes.starts_with(HELLO)
}

/// Reads one message.
pub fn read(from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
    let Some((head, rest)) = input.split_first_chunk::<HEAD>() else { return Step::Need(HEAD) };
    let len = u32::from_le_bytes(*head) as usize;
    let Some(kind) = rest.first().copied().filter(|_| len > 0) else {
        return if len > 0 { Step::Need(HEAD + 1) } else { Step::Took(HEAD) };
    };
    if len > 1 << 30 || name(from, kind).is_none() {
        return Step::Lost;
    }
    let is_secret = is_secret(from, kind);
    if is_secret && len > KEPT_MAX {
        return Step::Lost;
    }
    let is_statement = from == Side::Client && kind == EXECUTE;
    let is_error = from == Side::Server && kind == ERROR;
    let is_crud = from == Side::Client && place_of_collection(kind).is_some();
    let is_kept = (is_statement || is_error || is_crud) && len <= KEPT_MAX;
    if is_secret || is_kept {
        let Some(message) = rest.get(1..len) else { return Step::Need(HEAD + len) };
        sink.begin(Pair::OneWay);
        sink.record(&[record::X, kind]);
        if is_kept {
            sink.record(message);
        }
        if is_crud {
            sink.body(message);
        }
        sink.finish();
        return Step::Took(HEAD + len);
    }
    sink.begin(Pair::OneWay);
    sink.record(&[record::X, kind]);
    Step::Body { head: HEAD + 1, body: (len - 1) as u64 }
}

/// Where a message starts: nowhere that could be known.
pub fn resync(_from: Side, _input: &[u8]) -> Found {
    Found::Nowhere
}

/// What is said to log in.
fn is_secret(from: Side, kind: u8) -> bool {
    match from {
        Side::Client => matches!(kind, 4 | 5),
        Side::Server => kind == 3,
    }
}

/// Where a request to a collection names it (`Mysqlx.Crud`).
fn place_of_collection(kind: u8) -> Option<u64> {
    match kind {
        17 | 19 => Some(2),
        18 | 20 | 30..=32 => Some(1),
        _ => None,
    }
}

/// The fields of a message of protobuf, as far as they can be read.
fn fields(message: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    let mut cursor = Cursor(message);
    // Each turn takes a byte at least.
    std::iter::from_fn(move || {
        let tag = number(&mut cursor)?;
        let field = match tag & 7 {
            0 => Field::Number(number(&mut cursor)?),
            1 => Field::Bytes(cursor.take(8)?),
            2 => {
                let len = usize::try_from(number(&mut cursor)?).ok()?;
                Field::Bytes(cursor.take(len)?)
            }
            5 => Field::Bytes(cursor.take(4)?),
            _ => return None,
        };
        Some((tag >> 3, field))
    })
}

/// Seven bits in each byte, the lowest first.
fn number(cursor: &mut Cursor<'_>) -> Option<u64> {
    let mut value = 0_u64;
    for n in 0..NUMBER_MAX {
        let byte = cursor.byte()?;
        value |= u64::from(byte & 0x7f) << (7 * n).min(63);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn bytes_at(message: &[u8], place: u64) -> Option<&[u8]> {
    fields(message).find_map(|(at, field)| match field {
        Field::Bytes(bytes) if at == place => Some(bytes),
        _ => None,
    })
}

/// The name of a message.
fn name(from: Side, kind: u8) -> Option<&'static str> {
    Some(match (from, kind) {
        (Side::Client, 1) => "CAPABILITIES_GET",
        (Side::Client, 2) => "CAPABILITIES_SET",
        (Side::Client, 3) => "CLOSE",
        (Side::Client, 4) => "AUTHENTICATE_START",
        (Side::Client, 5) => "AUTHENTICATE_CONTINUE",
        (Side::Client, 6) => "RESET",
        (Side::Client, 7) => "SESSION_CLOSE",
        (Side::Client, EXECUTE) => "STMT_EXECUTE",
        (Side::Client, 17) => "CRUD_FIND",
        (Side::Client, 18) => "CRUD_INSERT",
        (Side::Client, 19) => "CRUD_UPDATE",
        (Side::Client, 20) => "CRUD_DELETE",
        (Side::Client, 24) => "EXPECT_OPEN",
        (Side::Client, 25) => "EXPECT_CLOSE",
        (Side::Client, 30) => "CRUD_CREATE_VIEW",
        (Side::Client, 31) => "CRUD_MODIFY_VIEW",
        (Side::Client, 32) => "CRUD_DROP_VIEW",
        (Side::Client, 40) => "PREPARE",
        (Side::Client, 41) => "EXECUTE",
        (Side::Client, 42) => "DEALLOCATE",
        (Side::Client, 43) => "CURSOR_OPEN",
        (Side::Client, 44) => "CURSOR_CLOSE",
        (Side::Client, 45) => "CURSOR_FETCH",
        (_, 46) => "COMPRESSION",
        (Side::Server, 0) => "OK",
        (Side::Server, 1) => "ERROR",
        (Side::Server, 2) => "CAPABILITIES",
        (Side::Server, 3) => "AUTHENTICATE_CONTINUE",
        (Side::Server, 4) => "AUTHENTICATE_OK",
        (Side::Server, 11) => "NOTICE",
        (Side::Server, 12) => "COLUMN_META_DATA",
        (Side::Server, 13) => "ROW",
        (Side::Server, 14) => "FETCH_DONE",
        (Side::Server, 15) => "FETCH_SUSPENDED",
        (Side::Server, 16) => "FETCH_DONE_MORE_RESULTSETS",
        (Side::Server, 17) => "STMT_EXECUTE_OK",
        (Side::Server, 18) => "FETCH_DONE_MORE_OUT_PARAMS",
        _ => return None,
    })
}

// === impl Said ===

impl<'m> Said<'m> {
    /// Reads it off a message.
    pub fn of(message: &'m Message) -> Option<Self> {
        let [record::X, kind, payload @ ..] = &message.record[..] else { return None };
        Some(Self { from: message.from, kind: *kind, payload })
    }

    /// What it is.
    pub fn name(&self) -> &'static str {
        name(self.from, self.kind).unwrap_or("MESSAGE")
    }

    /// The statement it holds.
    pub fn statement(&self) -> Option<&'m [u8]> {
        let holds = self.from == Side::Client && self.kind == EXECUTE;
        bytes_at(self.payload, 1).filter(|_| holds)
    }

    /// The collection it is about, and the schema that one is in.
    pub fn collection(&self) -> Option<(&'m [u8], Option<&'m [u8]>)> {
        let place = place_of_collection(self.kind).filter(|_| self.from == Side::Client)?;
        let collection = bytes_at(self.payload, place)?;
        Some((bytes_at(collection, 1)?, bytes_at(collection, 2)))
    }

    /// What is refused, and why.
    pub fn refusal(&self) -> Option<Refusal<'m>> {
        if self.from != Side::Server || self.kind != ERROR {
            return None;
        }
        let number = fields(self.payload).find_map(|(at, field)| match field {
            Field::Number(number) if at == 2 => Some(number),
            _ => None,
        });
        let text = |place| bytes_at(self.payload, place).unwrap_or_default();
        Some(Refusal { number: number?, state: text(4), message: text(3) })
    }
}
