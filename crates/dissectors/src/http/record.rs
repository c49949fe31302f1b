//! What is written down of a message: facts of fixed size, then its head as sent, then its trailers.
//!
//! ```text
//!  0     1      2  3    4      5..8  8..12  12..16  16..20     20..24    24..32
//! ┌─────┬──────┬──────┬───────┬─────┬──────┬───────┬──────────┬─────────┬──────────┐
//! │kind │minor │status│ flags │  0  │  at  │  len  │ fields_at│ head_len│ interims │ head … trailers
//! └─────┴──────┴──────┴───────┴─────┴──────┴───────┴──────────┴─────────┴──────────┘
//! ```
//!
//! `at` and `len` are the target's in a request and the reason phrase's in a response; the interims
//! are up to four status codes. All numbers are little-endian. Nothing in it depends on the other
//! side, so that the same bytes always give the same record.

use model::Message;

use super::{
    head::{Coding, Head, Length},
    start::What,
};

const FACTS_LEN: usize = 32;
const KIND_AT: usize = 0;
const MINOR_AT: usize = 1;
const STATUS_AT: usize = 2;
const FLAGS_AT: usize = 4;
const TEXT_AT: usize = 8;
const TEXT_LEN_AT: usize = 12;
const FIELDS_AT: usize = 16;
const HEAD_LEN_AT: usize = 20;
const INTERIMS_AT: usize = 24;

const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;

/// Set in a request's flags: its method is `HEAD`.
const HEAD: u8 = 1;
/// Its method is `CONNECT`.
const CONNECT: u8 = 2;
/// It has an `Upgrade` field.
const UPGRADE: u8 = 4;
/// Its head announced a body.
const ANNOUNCED: u8 = 8;

/// Interim answers remembered for one request.
pub(super) const INTERIMS_MAX: usize = 4;

/// Status codes of interim answers, in order; 0 where there is none.
pub(super) type Interims = [u16; INTERIMS_MAX];

/// The fixed part of a record.
pub(super) type Facts = [u8; FACTS_LEN];

/// What a response has to know of its request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question(u8);

/// A record, read again. All of it may be shorter than its facts say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'m> {
    facts: &'m Facts,
    rest: &'m [u8],
}

/// Writes down the facts of a head.
pub(super) fn facts(head: &Head, input: &[u8], interims: Interims) -> Facts {
    let mut facts = [0; FACTS_LEN];
    let (kind, status, text) = match &head.start.what {
        What::Request { target, .. } => (REQUEST, 0, target),
        What::Response { status, reason } => (RESPONSE, *status, reason),
    };
    facts[KIND_AT] = kind;
    facts[MINOR_AT] = head.start.minor;
    facts[FLAGS_AT] = flags(head, input);
    put(&mut facts, STATUS_AT, status.to_le_bytes());
    put(&mut facts, TEXT_AT, short(text.start));
    put(&mut facts, TEXT_LEN_AT, short(text.len()));
    put(&mut facts, FIELDS_AT, short(head.fields_at));
    put(&mut facts, HEAD_LEN_AT, short(head.len));
    let [a, b, c, d] = interims.map(u16::to_le_bytes);
    put(&mut facts, INTERIMS_AT, [a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]]);
    facts
}

#[inline]
fn put<const LEN: usize>(facts: &mut Facts, at: usize, bytes: [u8; LEN]) {
    if let Some(place) = facts.get_mut(at..at + LEN) {
        place.copy_from_slice(&bytes);
    }
}

fn flags(head: &Head, input: &[u8]) -> u8 {
    let flag = |is: bool, flag: u8| if is { flag } else { 0 };
    let announced = head.length != Length::Absent || head.coding != Coding::Absent;
    flag(head.is_method(input, b"HEAD"), HEAD)
        | flag(head.is_method(input, b"CONNECT"), CONNECT)
        | flag(head.upgrade, UPGRADE)
        | flag(announced, ANNOUNCED)
}

fn short(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

// === impl Question ===

impl Question {
    /// Reads it off the request's record.
    pub(super) fn of(request: &Message) -> Option<Self> {
        request.record.get(FLAGS_AT).copied().map(Self)
    }

    pub(super) fn is_head(self) -> bool {
        self.0 & HEAD != 0
    }

    pub(super) fn is_connect(self) -> bool {
        self.0 & CONNECT != 0
    }

    pub(super) fn asks_to_switch(self) -> bool {
        self.0 & (CONNECT | UPGRADE) != 0
    }
}

// === impl View ===

impl<'m> View<'m> {
    pub(super) fn of(message: &'m Message) -> Option<Self> {
        Self::of_record(&message.record)
    }

    pub(super) fn of_record(record: &'m [u8]) -> Option<Self> {
        let (facts, rest) = record.split_first_chunk()?;
        Some(Self { facts, rest })
    }

    pub(super) fn is_request(self) -> bool {
        self.facts[KIND_AT] == REQUEST
    }

    /// `1.1`
    pub(super) fn version(self) -> &'static [u8] {
        match self.facts[MINOR_AT] {
            b'0' => b"1.0",
            b'1' => b"1.1",
            _ => b"1",
        }
    }

    pub(super) fn status(self) -> u16 {
        self.short(STATUS_AT)
    }

    /// The status code's three digits.
    pub(super) fn code(self) -> &'m [u8] {
        self.rest.get(9..12).unwrap_or_default()
    }

    /// Everything up to the first space; a line without one is a method alone.
    pub(super) fn method(self) -> &'m [u8] {
        let end = self.rest.iter().position(|b| matches!(b, b' ' | b'\r' | b'\n')).unwrap_or(0);
        self.rest.get(..end).unwrap_or_default()
    }

    pub(super) fn is_connect(self) -> bool {
        self.facts[FLAGS_AT] & CONNECT != 0
    }

    pub(super) fn announced_a_body(self) -> bool {
        self.facts[FLAGS_AT] & ANNOUNCED != 0
    }

    /// The target of a request, the reason phrase of a response.
    pub(super) fn text(self) -> &'m [u8] {
        let (at, len) = (self.long(TEXT_AT), self.long(TEXT_LEN_AT));
        self.rest.get(at..at.saturating_add(len)).unwrap_or_default()
    }

    /// The field lines of the head.
    pub(super) fn fields(self) -> &'m [u8] {
        let end = self.long(HEAD_LEN_AT).min(self.rest.len());
        self.rest.get(self.long(FIELDS_AT)..end).unwrap_or_default()
    }

    /// The field lines after a chunked body.
    pub(super) fn trailers(self) -> &'m [u8] {
        self.rest.get(self.long(HEAD_LEN_AT)..).unwrap_or_default()
    }

    pub(super) fn interims(self) -> impl Iterator<Item = u16> {
        (0..INTERIMS_MAX).map(move |n| self.short(INTERIMS_AT + 2 * n)).take_while(|code| *code > 0)
    }

    fn short(self, at: usize) -> u16 {
        let bytes = self.facts.get(at..).and_then(|facts| facts.first_chunk());
        bytes.map_or(0, |bytes| u16::from_le_bytes(*bytes))
    }

    fn long(self, at: usize) -> usize {
        let bytes = self.facts.get(at..).and_then(|facts| facts.first_chunk());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
    }
}
