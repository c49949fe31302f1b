//! What is written down of a message, and how it is read again.
//!
//! ```text
//! command  | 'c' | 0 | db + 1 (2) | arguments (4) | the arguments in RESP, name included …
//! reply    | type | flags | 0 | attribute bytes | elements (4) | attributes … | line or label …
//! ```
//!
//! Arguments of more than [`SMALL_MAX`] bytes are announced in the record and lie in the body, one
//! behind the other. When the record is full, the rest of the command follows in the body, in RESP.

use model::Message;

use super::{
    session::Database,
    wire::{self, Bulk, SMALL_MAX},
};

/// Bytes of the head of either record.
pub const HEAD: usize = 8;
/// Bytes of arguments kept in a command's record.
pub const ARGUMENTS_MAX: usize = 1 << 10;
/// Bytes of a line kept in a reply's record.
pub const LINE_KEPT_MAX: usize = 1 << 10;
/// Bytes of attributes kept in a reply's record.
pub const ATTRIBUTES_MAX: usize = 240;
/// First byte of a command's record; no type of a reply.
const COMMAND: u8 = b'c';
/// Type of a snapshot that a replica is sent.
pub const SNAPSHOT: u8 = b'R';

/// The flag of a null string or array.
pub const NULL: u8 = 1;
/// The flag of a value whose size was not announced.
pub const STREAMED: u8 = 2;
/// The flag of a value after attributes.
pub const ATTRIBUTED: u8 = 4;

/// The record of a command, read again.
#[derive(Clone, Copy, Debug)]
pub struct Command<'m> {
    /// How many arguments it said to have, its name included.
    pub count: u32,
    /// The database that was selected before.
    pub db: Option<u16>,
    arguments: Arguments<'m>,
}

/// The arguments of a command; ends where nothing more was kept.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'m> {
    record: &'m [u8],
    body: &'m [u8],
}

/// One argument: its size, and as much of it as was kept.
#[derive(Clone, Copy, Debug)]
pub struct Argument<'m> {
    /// The bytes.
    pub text: &'m [u8],
    /// Whether there were more.
    pub cut: bool,
}

/// The record of a reply, read again.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'m> {
    /// The type byte.
    pub kind: u8,
    /// What else is known.
    pub flags: u8,
    /// Elements announced by an aggregate.
    pub elements: u32,
    /// Attributes sent before it, in RESP.
    pub attributes: &'m [u8],
    /// The line of a scalar; the kind and the channel of a push, in RESP.
    pub text: &'m [u8],
}

/// The head of a command's record.
pub fn command_head(count: u32, db: Option<Database>) -> [u8; HEAD] {
    let [d0, d1] = db.map_or(0, Database::successor).to_le_bytes();
    let [c0, c1, c2, c3] = count.to_le_bytes();
    [COMMAND, 0, d0, d1, c0, c1, c2, c3]
}

/// The head of a reply's record.
pub fn reply_head(kind: u8, flags: u8, attribute_bytes: u8, elements: u32) -> [u8; HEAD] {
    let [e0, e1, e2, e3] = elements.to_le_bytes();
    [kind, flags, 0, attribute_bytes, e0, e1, e2, e3]
}

// === impl Command ===

impl<'m> Command<'m> {
    /// The command in `message`, if it is one.
    pub fn of(message: &'m Message) -> Option<Self> {
        let (head, record) = message.record.split_first_chunk::<HEAD>()?;
        let [COMMAND, _, d0, d1, count @ ..] = *head else { return None };
        let db = u16::from_le_bytes([d0, d1]).checked_sub(1);
        let arguments = Arguments { record, body: &message.body.kept };
        Some(Self { count: u32::from_le_bytes(count), db, arguments })
    }

    /// All that was kept of its arguments, its name first.
    pub fn arguments(&self) -> Arguments<'m> {
        self.arguments
    }

    /// Its name.
    pub fn name(&self) -> &'m [u8] {
        self.text(0)
    }

    /// The argument at `index`, as far as it was kept; empty if it was not.
    pub fn text(&self, index: usize) -> &'m [u8] {
        self.arguments().nth(index).map_or(&[], |argument| argument.text)
    }
}

// === impl Arguments ===

impl<'m> Iterator for Arguments<'m> {
    type Item = Argument<'m>;

    fn next(&mut self) -> Option<Argument<'m>> {
        if let Ok(bulk) = wire::bulk(self.record) {
            let rest = self.record.get(bulk.head..)?;
            return if bulk.is_small() { self.small(rest, bulk) } else { self.large(rest, bulk) };
        }
        let bulk = wire::bulk(self.body).ok()?;
        let rest = self.body.get(bulk.head..)?;
        let (text, rest) = front(rest, bulk.len);
        self.body = rest.get(2..).unwrap_or_default();
        Some(Argument { text, cut: (text.len() as u64) < bulk.len })
    }
}

impl<'m> Arguments<'m> {
    fn small(&mut self, rest: &'m [u8], bulk: Bulk) -> Option<Argument<'m>> {
        let (text, rest) = front(rest, bulk.len);
        self.record = rest.get(2..).unwrap_or_default();
        Some(Argument { text, cut: (text.len() as u64) < bulk.len })
    }

    fn large(&mut self, rest: &'m [u8], bulk: Bulk) -> Option<Argument<'m>> {
        let (text, body) = front(self.body, bulk.len);
        (self.record, self.body) = (rest, body);
        Some(Argument { text, cut: (text.len() as u64) < bulk.len })
    }
}

// === impl Reply ===

impl<'m> Reply<'m> {
    /// The reply in `message`, if it is one.
    pub fn of(message: &'m Message) -> Option<Self> {
        let (head, rest) = message.record.split_first_chunk::<HEAD>()?;
        let [kind, flags, _, attribute_bytes, elements @ ..] = *head;
        if kind == COMMAND {
            return None;
        }
        let (attributes, text) = front(rest, u64::from(attribute_bytes));
        Some(Self { kind, flags, elements: u32::from_le_bytes(elements), attributes, text })
    }

    /// Whether it is a null.
    pub fn is_null(&self) -> bool {
        self.kind == b'_' || self.flags & NULL != 0
    }

    /// Whether it is an array or the like.
    pub fn is_aggregate(&self) -> bool {
        matches!(self.kind, b'*' | b'~' | b'>' | b'%') && !self.is_null()
    }

    /// The kind and the channel of a push, which may be empty; `None` for everything else.
    pub fn push(&self) -> Option<(&'m [u8], &'m [u8])> {
        if !self.is_aggregate() {
            return None;
        }
        let mut leaves = Leaves::of(self.text);
        let kind = leaves.next()?;
        Some((kind.text, leaves.last().map_or(&[], |channel| channel.text)))
    }
}

/// The scalars of a value in RESP, in order, however deep they are; ends where nothing more was
/// kept.
#[derive(Clone, Copy, Debug)]
pub struct Leaves<'m>(&'m [u8]);

/// One scalar.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'m> {
    /// Its text; empty for a null.
    pub text: &'m [u8],
    /// Whether there was more of it.
    pub cut: bool,
}

// === impl Leaves ===

impl<'m> Leaves<'m> {
    /// Those of `resp`.
    pub fn of(resp: &'m [u8]) -> Self {
        Self(resp)
    }
}

impl<'m> Iterator for Leaves<'m> {
    type Item = Leaf<'m>;

    fn next(&mut self) -> Option<Leaf<'m>> {
        // Every turn takes at least one byte.
        loop {
            let (kind, rest) = self.0.split_first()?;
            let (line, size) = wire::line(rest).ok()?;
            let rest = rest.get(size..)?;
            self.0 = rest;
            match kind {
                b'*' | b'~' | b'>' | b'%' | b'|' | b'.' if line != b"-1" => {}
                b'$' | b';' if line == b"?" || *kind == b';' && line == b"0" => {}
                b'$' | b'=' | b'!' | b';' => return Some(self.string(*kind, line, rest)),
                b'*' | b'~' | b'>' | b'%' => return Some(Leaf::null()),
                _ => return Some(Leaf { text: line, cut: false }),
            }
        }
    }
}

impl<'m> Leaves<'m> {
    /// The string announced by `line`.
    fn string(&mut self, kind: u8, line: &[u8], rest: &'m [u8]) -> Leaf<'m> {
        let Some(len) = std::str::from_utf8(line).ok().and_then(|line| line.parse().ok()) else {
            return Leaf::null();
        };
        let (text, rest) = front(rest, len);
        self.0 = rest.get(2..).unwrap_or_default();
        let cut = (text.len() as u64) < len;
        Leaf { text: if kind == b'=' { without_format(text) } else { text }, cut }
    }
}

// === impl Leaf ===

impl Leaf<'_> {
    fn null() -> Self {
        Leaf { text: &[], cut: false }
    }
}

/// A verbatim string without its `txt:`.
pub fn without_format(text: &[u8]) -> &[u8] {
    match text {
        [_, _, _, b':', text @ ..] => text,
        text => text,
    }
}

/// The first `len` bytes, or as many as there are, and the rest.
fn front(bytes: &[u8], len: u64) -> (&[u8], &[u8]) {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    bytes.split_at_checked(len).unwrap_or((bytes, &[]))
}

/// Bytes of an argument's announcement and its text and line end, written down.
const _: () = assert!(SMALL_MAX as usize + 16 < ARGUMENTS_MAX);
