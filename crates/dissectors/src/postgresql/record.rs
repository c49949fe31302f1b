//! What is written down of a request or a response: facts of fixed size, then the messages it is
//! made of, as far as they tell something.
//!
//! ```text
//!   0      1        2     3    4..12        each: 0      1      2..6
//! ┌──────┬────────┬───────┬───┬──────┐          ┌──────┬───────┬─────┬─────────
//! │ kind │ status │ flags │ 0 │ rows │          │ type │ flags │ len │ payload …
//! └──────┴────────┴───────┴───┴──────┘          └──────┴───────┴─────┴─────────
//! ```
//!
//! `status` is the transaction's after a response, 0 while it is not known. Numbers are
//! little-endian; payloads are as sent, but cut at a limit and without secrets.

use dissect::Sink;

/// Bytes before the first message.
const FACTS: usize = 12;
const STATUS_AT: usize = 1;
const FLAGS_AT: usize = 2;
const ROWS_AT: usize = 4;

/// Bytes of one record, at most; messages beyond it are left out.
const RECORD_MAX: usize = 96 << 10;

/// Flag of a request: what it runs was prepared before it could be seen.
pub const UNKNOWN: u8 = 1;
/// Flag of a message: there is more of it.
pub const CUT: u8 = 1;
/// Flag of a message: it is not of this request or response, but of one before it.
pub const EARLIER: u8 = 2;

/// Marks the number of rows before a command's end.
pub const ROWS: u8 = b'r';
/// Marks which columns are binary, before their description.
pub const FORMATS: u8 = b'f';
/// Parameters of a startup packet.
pub const STARTUP: u8 = b'U';

/// What a record is of.
pub mod kind {
    /// A startup packet.
    pub const STARTUP: u8 = b'U';
    /// A request for encryption.
    pub const ENCRYPT: u8 = b'e';
    /// A request to cancel.
    pub const CANCEL: u8 = b'x';
    /// A simple query, an execution, or what prepares one.
    pub const WORK: u8 = b'w';
    /// A response.
    pub const ANSWER: u8 = b'a';
    /// One byte that answers a request for encryption.
    pub const CHOICE: u8 = b's';
    /// Something that nobody asked for and nobody answers.
    pub const NEWS: u8 = b'n';
    /// A message of a replication stream.
    pub const STREAM: u8 = b'r';
    /// Data of a `COPY` whose command was not seen.
    pub const DATA: u8 = b'd';
}

/// The facts at the start of a record.
pub fn facts(kind: u8) -> [u8; FACTS] {
    let mut facts = [0; FACTS];
    facts[0] = kind;
    facts
}

/// Writes down the status of the transaction.
pub fn set_status(status: u8, sink: &mut Sink<'_, '_>) {
    sink.amend(STATUS_AT, &[status]);
}

/// Writes down that what is run is unknown.
pub fn set_unknown(sink: &mut Sink<'_, '_>) {
    sink.amend(FLAGS_AT, &[UNKNOWN]);
}

/// Writes down the number of rows.
pub fn set_rows(rows: u64, sink: &mut Sink<'_, '_>) {
    sink.amend(ROWS_AT, &rows.to_le_bytes());
}

/// Writes down a message.
#[inline]
pub fn push(kind: u8, flags: u8, payload: &[&[u8]], sink: &mut Sink<'_, '_>) {
    let len: usize = payload.iter().map(|piece| piece.len()).sum();
    if sink.recorded().len() + len > RECORD_MAX {
        return;
    }
    let Ok(short) = u32::try_from(len) else { return };
    let [a, b, c, d] = short.to_le_bytes();
    sink.record(&[kind, flags, a, b, c, d]);
    for piece in payload {
        sink.record(piece);
    }
}

/// A message in a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry<'m> {
    /// Its type.
    pub kind: u8,
    /// [`CUT`], [`EARLIER`].
    pub flags: u8,
    /// Its payload.
    pub payload: &'m [u8],
}

/// A record, read again. All of it may be shorter than its facts say.
#[derive(Clone, Copy, Debug)]
pub struct View<'m> {
    facts: &'m [u8; FACTS],
    rest: &'m [u8],
}

// === impl View ===

impl<'m> View<'m> {
    /// Reads a record.
    pub fn of(record: &'m [u8]) -> Option<Self> {
        let (facts, rest) = record.split_first_chunk()?;
        Some(Self { facts, rest })
    }

    /// What it is of.
    pub fn kind(self) -> u8 {
        self.facts[0]
    }

    /// The status of the transaction: `I`, `T`, `E`; 0 if it is not known.
    pub fn status(self) -> u8 {
        self.facts[STATUS_AT]
    }

    /// Whether what it runs is unknown.
    pub fn is_unknown(self) -> bool {
        self.facts[FLAGS_AT] & UNKNOWN != 0
    }

    /// The number of rows.
    pub fn rows(self) -> u64 {
        let bytes = self.facts.get(ROWS_AT..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// Its messages, in order.
    pub fn entries(self) -> impl Iterator<Item = Entry<'m>> + Clone {
        Entries(self.rest)
    }

    /// The first message of this type.
    pub fn first(self, kind: u8) -> Option<Entry<'m>> {
        self.entries().find(|entry| entry.kind == kind)
    }

    /// The last message of this type.
    pub fn last(self, kind: u8) -> Option<Entry<'m>> {
        self.entries().filter(|entry| entry.kind == kind).last()
    }
}

#[derive(Clone)]
struct Entries<'m>(&'m [u8]);

impl<'m> Iterator for Entries<'m> {
    type Item = Entry<'m>;

    fn next(&mut self) -> Option<Entry<'m>> {
        let ([kind, flags, len @ ..], rest) = self.0.split_first_chunk::<6>()?;
        let len = (u32::from_le_bytes(*len) as usize).min(rest.len());
        let (payload, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some(Entry { kind: *kind, flags: *flags, payload })
    }
}
