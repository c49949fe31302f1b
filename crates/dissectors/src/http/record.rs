//! What is written down of a message: facts of fixed size, then its head, then its trailers; and how
//! all of `HTTP` is read again, whatever its version.
//!
//! ```text
//!  0     1      2  3    4      6..8  8..12  12..16  16..20     20..24    24..32
//! ┌─────┬──────┬──────┬───────┬─────┬──────┬───────┬──────────┬─────────┬──────────┐
//! │kind │minor │status│ flags │type │  at  │  len  │ fields_at│ head_len│ interims │ head … trailers
//! └─────┴──────┴──────┴───────┴─────┴──────┴───────┴──────────┴─────────┴──────────┘
//! ```
//!
//! `at` and `len` are the target's in a request and the reason phrase's in a response; the interims
//! are up to four status codes. `type` is where the content type is, from the first field on and from
//! 1; 0 where there is none. All numbers are little-endian. Nothing in it depends on the other
//! side, so that the same bytes always give the same record.
//!
//! There are two kinds of heads. Those of HTTP/1 are as sent. Where heads are compressed (HTTP/2) it
//! is the [list](super::list) of the decoded fields; `at` is then the stream's number, `len` the error
//! code of a reset. What a server promises is written before its answer, and ends at
//! `fields_at`.

use std::borrow::Cow;

use model::Message;

use super::{
    cut_off::CutOff,
    head::{Coding, Head, Length},
    lines::Lines,
    list::{List, UNKNOWN},
    start::What,
    target::Target,
};

const FACTS_LEN: usize = 32;
const KIND_AT: usize = 0;
const MINOR_AT: usize = 1;
const STATUS_AT: usize = 2;
const FLAGS_AT: usize = 4;
const MORE_FLAGS_AT: usize = 5;
const CONTENT_TYPE_AT: usize = 6;
const TEXT_AT: usize = 8;
const TEXT_LEN_AT: usize = 12;
const FIELDS_AT: usize = 16;
const HEAD_LEN_AT: usize = 20;
const INTERIMS_AT: usize = 24;

const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
const REQUEST_LIST: u8 = 3;
const RESPONSE_LIST: u8 = 4;

/// The stream's number, in a list.
const STREAM_AT: usize = TEXT_AT;
/// Why its stream was reset, in a list.
const ERROR_AT: usize = TEXT_LEN_AT;

/// Set in a request's flags: its method is `HEAD`.
const HEAD: u8 = 1;
/// Its method is `CONNECT`.
const CONNECT: u8 = 2;
/// It has an `Upgrade` field.
const UPGRADE: u8 = 4;
/// In a list: it answers the request by which the connection was upgraded.
const UPGRADED: u8 = 4;
/// Its head announced a body.
const ANNOUNCED: u8 = 8;
/// Fields of it are not known, or were too many.
const PARTIAL: u8 = 16;
/// The server made up the request (RFC 9113 §8.4).
const PUSHED: u8 = 32;
/// The stream was reset.
const RESET: u8 = 64;
/// The connection was given up.
const GOAWAY: u8 = 128;

/// Set in an HTTP/1 message's second flags: there is a `Content-Encoding` field.
const CODED: u8 = 1;

/// Interim answers remembered for one request.
pub(crate) const INTERIMS_MAX: usize = 4;

/// Status codes of interim answers, in order; 0 where there is none.
pub(crate) type Interims = [u16; INTERIMS_MAX];

/// The fixed part of a record.
pub(crate) type Facts = [u8; FACTS_LEN];

/// The facts of a message whose head is a list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Listed {
    /// A request, not a response.
    pub(crate) request: bool,
    /// The digit of its version: 2 or 3.
    pub(crate) version: u8,
    /// The stream it is sent on.
    pub(crate) stream: u32,
    /// Of a response; 0 where it is not known.
    pub(crate) status: u16,
    /// Bytes of the list.
    pub(crate) list_len: usize,
    /// How many of them are not of this message: what was promised, before its answer.
    pub(crate) skipped: usize,
    /// Fields of it are not known, or were too many.
    pub(crate) partial: bool,
    /// The server made up the request.
    pub(crate) pushed: bool,
    /// The request was sent before HTTP/2 was spoken.
    pub(crate) upgraded: bool,
    /// A body was announced.
    pub(crate) announced: bool,
    /// Asks for a tunnel.
    pub(crate) connect: bool,
    /// Interim answers before it.
    pub(crate) interims: Interims,
    /// Where in its list the content type is.
    pub(crate) content_type_at: Option<usize>,
    /// How it was ended before its end.
    pub(crate) cut_off: Option<CutOff>,
}

/// What a response has to know of its request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question(u8);

/// A record, read again. All of it may be shorter than its facts say.
///
/// The same for all versions: what is asked of it is what HTTP says (RFC 9110), not how it was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'m> {
    facts: &'m Facts,
    rest: &'m [u8],
}

/// Fields in order, as sent: names, and values without the white space around them. Those of a
/// compressed head begin with the pseudo-header fields (`:path`), and have `?` for a name or a value
/// that is not known.
#[derive(Clone, Debug)]
pub(crate) enum Fields<'m> {
    /// Of HTTP/1.
    Lines(Lines<'m>),
    /// Of a compressed head.
    List(List<'m>),
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
    facts[MORE_FLAGS_AT] = if head.is_coded { CODED } else { 0 };
    put(&mut facts, STATUS_AT, status.to_le_bytes());
    put(&mut facts, CONTENT_TYPE_AT, place(head.content_type_at));
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

/// Of a field, from 1; the highest number says that it has to be looked for.
fn place(at: Option<usize>) -> [u8; 2] {
    at.map_or(0, |at| u16::try_from(at).unwrap_or(u16::MAX).saturating_add(1)).to_le_bytes()
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

// === impl Listed ===

impl Listed {
    /// As they are written down.
    pub(crate) fn facts(&self) -> Facts {
        let mut facts = [0; FACTS_LEN];
        facts[KIND_AT] = if self.request { REQUEST_LIST } else { RESPONSE_LIST };
        facts[MINOR_AT] = self.version;
        let flags = [
            (self.connect, CONNECT),
            (self.announced, ANNOUNCED),
            (self.partial, PARTIAL),
            (self.pushed, PUSHED),
            (self.upgraded, UPGRADED),
        ];
        facts[FLAGS_AT] = flags.iter().map(|(is, flag)| if *is { *flag } else { 0 }).sum();
        put(&mut facts, STATUS_AT, self.status.to_le_bytes());
        put(&mut facts, CONTENT_TYPE_AT, place(self.content_type_at));
        put(&mut facts, STREAM_AT, self.stream.to_le_bytes());
        put(&mut facts, FIELDS_AT, short(self.skipped));
        put(&mut facts, HEAD_LEN_AT, short(self.list_len));
        let [a, b, c, d] = self.interims.map(u16::to_le_bytes);
        put(&mut facts, INTERIMS_AT, [a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]]);
        if let Some(how) = self.cut_off {
            end_early(&mut facts, how);
        }
        facts
    }
}

/// Writes down that a message was ended early, in the facts of its record.
pub(crate) fn end_early(facts: &mut Facts, how: CutOff) {
    let (flag, code) = match how {
        CutOff::Reset(code) => (RESET, code),
        CutOff::GoAway(code) => (GOAWAY, code),
    };
    facts[FLAGS_AT] |= flag;
    put(facts, ERROR_AT, code.to_le_bytes());
}

/// Whether the server promised it.
pub(crate) fn is_pushed(facts: &Facts) -> bool {
    facts[FLAGS_AT] & PUSHED != 0
}

/// Writes down that fields are not known, in the facts of a message's record.
pub(crate) fn mark_partial(facts: &mut Facts) {
    facts[FLAGS_AT] |= PARTIAL;
}

// === impl View ===

impl<'m> View<'m> {
    /// The record of a message of the protocol `http`.
    pub(crate) fn of(message: &'m Message) -> Option<Self> {
        Self::of_record(&message.record)
    }

    /// The same, of the record alone.
    pub(crate) fn of_record(record: &'m [u8]) -> Option<Self> {
        let (facts, rest) = record.split_first_chunk()?;
        Some(Self { facts, rest })
    }

    /// A request, not a response.
    pub(crate) fn is_request(self) -> bool {
        matches!(self.facts[KIND_AT], REQUEST | REQUEST_LIST)
    }

    /// `1.1`, `2`, `3`
    pub(crate) fn version(self) -> &'static [u8] {
        match self.facts[MINOR_AT] {
            b'3' if self.is_list() => b"3",
            _ if self.is_list() => b"2",
            b'0' => b"1.0",
            b'1' => b"1.1",
            _ => b"1",
        }
    }

    /// The status code of a response; 0 where it is not known.
    pub(crate) fn status(self) -> u16 {
        self.short(STATUS_AT)
    }

    /// The status code's three digits, `?` where it is not known; empty where there is none.
    pub(crate) fn code(self) -> &'m [u8] {
        match self.list() {
            None => self.rest.get(9..12).unwrap_or_default(),
            Some(list) => list.pseudo(b":status").unwrap_or_default(),
        }
    }

    /// The method of a request: in HTTP/1 everything up to the first space; a line without one is a
    /// method alone.
    pub(crate) fn method(self) -> &'m [u8] {
        if let Some(list) = self.asked() {
            return list.pseudo(b":method").unwrap_or(UNKNOWN);
        }
        let end = self.rest.iter().position(|b| matches!(b, b' ' | b'\r' | b'\n')).unwrap_or(0);
        self.rest.get(..end).unwrap_or_default()
    }

    /// Asks for a tunnel, not for a resource.
    pub(crate) fn is_connect(self) -> bool {
        self.facts[FLAGS_AT] & CONNECT != 0
    }

    /// Whether a body was announced.
    pub(crate) fn announced_a_body(self) -> bool {
        self.facts[FLAGS_AT] & ANNOUNCED != 0
    }

    /// What a request asks for, as sent: `/path?query`, of a tunnel the authority, of HTTP/1 perhaps
    /// a whole URL.
    pub(crate) fn target(self) -> &'m [u8] {
        match self.asked() {
            None => self.text(),
            Some(list) if self.is_connect() => list.pseudo(b":authority").unwrap_or(UNKNOWN),
            Some(list) => list.pseudo(b":path").unwrap_or(UNKNOWN),
        }
    }

    /// The scheme of a request, where it is named.
    pub(crate) fn scheme(self) -> Option<&'m [u8]> {
        self.origin(&Target::of(self.target(), self.is_connect())).0
    }

    /// Whom a request asks, with the port if there is one: the target's, else the field `Host`.
    pub(crate) fn authority(self) -> Option<Cow<'m, [u8]>> {
        let (_, named) = self.origin(&Target::of(self.target(), self.is_connect()));
        let named = named.map(Cow::Borrowed).or_else(|| self.field(b"host"));
        named.filter(|name| !name.is_empty())
    }

    /// Scheme and authority of a request where they are named beside its fields: in its `target`, or
    /// for a compressed head on their own.
    pub(super) fn origin(self, target: &Target<'m>) -> (Option<&'m [u8]>, Option<&'m [u8]>) {
        match self.asked() {
            None => (target.scheme, target.authority),
            Some(list) => (list.pseudo(b":scheme"), list.pseudo(b":authority")),
        }
    }

    /// What an extended CONNECT wants to speak (RFC 8441).
    pub(crate) fn protocol(self) -> Option<&'m [u8]> {
        self.list()?.pseudo(b":protocol")
    }

    /// What a response says beside its code.
    pub(crate) fn reason(self) -> &'m [u8] {
        if self.list().is_some() { &[] } else { self.text() }
    }

    /// The fields of the head.
    pub(crate) fn fields(self) -> Fields<'m> {
        self.fields_from(0)
    }

    /// What its body is, as the first field says. Costs less than [`field`](Self::field).
    #[inline]
    pub(crate) fn content_type(self) -> Option<Cow<'m, [u8]>> {
        let name: &[u8] = b"content-type";
        match self.short(CONTENT_TYPE_AT) {
            0 => None,
            u16::MAX => self.field(name),
            at => {
                let mut fields = self.fields_from(usize::from(at - 1));
                if let Fields::Lines(lines) = &fields
                    && let Some(value) = lines.plain_value(name.len())
                {
                    return Some(value.into());
                }
                let (found, value) = fields.next()?;
                found.eq_ignore_ascii_case(name).then_some(value)
            }
        }
    }

    /// The bytes of all fields: what is not in them is in none, which is found out at once.
    #[inline]
    pub(crate) fn head(self) -> &'m [u8] {
        let end = self.long(HEAD_LEN_AT).min(self.rest.len());
        self.rest.get(self.long(FIELDS_AT)..end).unwrap_or_default()
    }

    /// The first `Content-Encoding` (RFC 9110 §8.4). That there is none costs nothing in HTTP/1.
    #[inline]
    pub(crate) fn content_encoding(self) -> Option<Cow<'m, [u8]>> {
        let may = self.is_list() || self.facts[MORE_FLAGS_AT] & CODED != 0;
        if may { self.field(b"content-encoding") } else { None }
    }

    fn fields_from(self, at: usize) -> Fields<'m> {
        let head = self.head().get(at..).unwrap_or_default();
        if self.is_list() { Fields::List(List::of(head)) } else { Fields::Lines(Lines::of(head)) }
    }

    /// The value of the first field `name` (of any case).
    pub(crate) fn field(self, name: &[u8]) -> Option<Cow<'m, [u8]>> {
        self.fields().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The fields after the body.
    pub(crate) fn trailers(self) -> Fields<'m> {
        let tail = self.rest.get(self.long(HEAD_LEN_AT)..).unwrap_or_default();
        if self.is_list() { Fields::List(List::of(tail)) } else { Fields::Lines(Lines::of(tail)) }
    }

    /// Whether fields followed the body.
    pub(crate) fn has_trailers(self) -> bool {
        self.rest.len() > self.long(HEAD_LEN_AT)
    }

    /// The status codes of the interim answers before a response.
    pub(crate) fn interims(self) -> impl Iterator<Item = u16> {
        (0..INTERIMS_MAX).map(move |n| self.short(INTERIMS_AT + 2 * n)).take_while(|code| *code > 0)
    }

    /// Whether fields are not known: they were said before the capture began, or in a gap.
    pub(crate) fn is_partial(self) -> bool {
        self.facts[FLAGS_AT] & PARTIAL != 0
    }

    /// Whether this is a response that tells of its request, too.
    pub(crate) fn tells_of_both(self) -> bool {
        self.is_pushed() || self.is_list() && self.facts[FLAGS_AT] & UPGRADED != 0
    }

    /// Whether this is the answer to a request that the server made up.
    pub(crate) fn is_pushed(self) -> bool {
        is_pushed(self.facts)
    }

    /// The number of its stream, where there are several.
    pub(crate) fn stream(self) -> Option<u32> {
        self.is_list().then(|| self.number(STREAM_AT))
    }

    /// How its stream was ended early.
    pub(crate) fn cut_off(self) -> Option<CutOff> {
        let code = self.number(ERROR_AT);
        match self.facts[FLAGS_AT] {
            _ if !self.is_list() => None,
            flags if flags & GOAWAY != 0 => Some(CutOff::GoAway(code)),
            flags if flags & RESET != 0 => Some(CutOff::Reset(code)),
            _ => None,
        }
    }

    /// The compressed head of a request: of this one, or of the one that was promised.
    fn asked(self) -> Option<List<'m>> {
        let before = || self.rest.get(..self.long(FIELDS_AT)).map(List::of);
        if self.tells_of_both() { before() } else { self.list() }
    }

    fn is_list(self) -> bool {
        matches!(self.facts[KIND_AT], REQUEST_LIST | RESPONSE_LIST)
    }

    /// The fields of a compressed head.
    fn list(self) -> Option<List<'m>> {
        match self.fields() {
            Fields::List(list) => Some(list),
            Fields::Lines(_) => None,
        }
    }

    /// The target of a request line, the reason phrase of a status line.
    fn text(self) -> &'m [u8] {
        let (at, len) = (self.long(TEXT_AT), self.long(TEXT_LEN_AT));
        self.rest.get(at..at.saturating_add(len)).unwrap_or_default()
    }

    fn short(self, at: usize) -> u16 {
        let bytes = self.facts.get(at..).and_then(|facts| facts.first_chunk());
        bytes.map_or(0, |bytes| u16::from_le_bytes(*bytes))
    }

    fn number(self, at: usize) -> u32 {
        let bytes = self.facts.get(at..).and_then(|facts| facts.first_chunk());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    fn long(self, at: usize) -> usize {
        self.number(at) as usize
    }
}

// === impl Fields ===

impl<'m> Iterator for Fields<'m> {
    type Item = (&'m [u8], Cow<'m, [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::List(list) => list.next().map(|(name, value)| (name, value.into())),
        }
    }

    /// Asks once what kind of head it is, not for every field.
    #[inline]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, begin: B, mut each: F) -> B {
        match self {
            Self::Lines(lines) => lines.fold(begin, each),
            Self::List(list) => {
                list.fold(begin, |so_far, (name, value)| each(so_far, (name, value.into())))
            }
        }
    }
}
