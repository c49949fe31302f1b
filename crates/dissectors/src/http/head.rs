//! One head: its first line, and what its fields say about where the message ends.

use memchr::memchr;
use model::Side;

use super::start::{self, Start, What, without_cr};

/// What is gathered from a head in one pass. Everything else is split when somebody asks.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) start: Start,
    /// Where the first field line begins.
    pub(super) fields_at: usize,
    /// Bytes of the head, the empty line included.
    pub(super) len: usize,
    pub(super) length: Length,
    pub(super) coding: Coding,
    /// There is a `Content-Encoding` line.
    pub(super) is_coded: bool,
    /// Asks to speak something else after the answer.
    pub(super) upgrade: bool,
    /// Where the first `Content-Type` line begins, from the first field line on.
    pub(super) content_type_at: Option<usize>,
    /// When the pieces of its body come is of interest.
    pub(super) timed: bool,
}

/// What all `Content-Length` lines together say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Length {
    Absent,
    Bytes(u64),
    /// Not a number, or two different ones.
    Invalid,
}

/// What all `Transfer-Encoding` lines together say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Coding {
    Absent,
    /// `chunked` is the last coding.
    Chunked,
    /// Another coding is the last one: only the end of the stream ends the body.
    Other,
}

/// Why there is no head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flaw {
    /// Its end is not there yet.
    Short,
    /// It does not begin as a message of that side.
    Foreign,
    /// It is HTTP/2's preface (RFC 9113 §3.4).
    Http2,
}

/// The last line of HTTP/2's preface that looks like HTTP/1.
const HTTP2: &[u8] = b"PRI * HTTP/2.0";

// === impl Head ===

impl Head {
    /// Reads the head at the front of `input`.
    pub(super) fn read(from: Side, input: &[u8]) -> Result<Self, Flaw> {
        let Some(end) = memchr(b'\n', input) else {
            let fits = start::could_begin(from, input);
            return Err(if fits { Flaw::Short } else { Flaw::Foreign });
        };
        let line = without_cr(input.get(..end).unwrap_or_default());
        let broken = || (from == Side::Client).then(|| Start::broken_request(line)).flatten();
        let Some(start) = Start::of(from, line).or_else(broken) else {
            return Err(if line == HTTP2 { Flaw::Http2 } else { Flaw::Foreign });
        };
        let mut head = Self {
            start,
            fields_at: end + 1,
            len: 0,
            length: Length::Absent,
            coding: Coding::Absent,
            is_coded: false,
            upgrade: false,
            content_type_at: None,
            timed: false,
        };
        head.len = head.read_fields(input).ok_or(Flaw::Short)?;
        Ok(head)
    }

    /// Walks the field lines; where the head ends.
    fn read_fields(&mut self, input: &[u8]) -> Option<usize> {
        let mut at = self.fields_at;
        loop {
            let rest = input.get(at..)?;
            match rest {
                [b'\n', ..] => return Some(at + 1),
                [b'\r', b'\n', ..] => return Some(at + 2),
                _ => {}
            }
            let end = memchr(b'\n', rest)?;
            if let Some(b'c' | b'C' | b't' | b'T' | b'u' | b'U') = rest.first() {
                self.note(rest, end, at - self.fields_at);
            }
            at += end + 1;
        }
    }

    /// Looks whether the line at `at`, which ends at `end`, says something about the body.
    fn note(&mut self, rest: &[u8], end: usize, at: usize) {
        let line = rest.get(..end).unwrap_or_default();
        if begins(line, b"content-length") {
            if let Some(value) = value(rest, end, b"content-length".len()) {
                self.length = self.length.and(Length::of(value));
            }
        } else if begins(line, b"transfer-encoding") {
            if let Some(value) = value(rest, end, b"transfer-encoding".len()) {
                self.coding = self.coding.then(value);
            }
        } else if begins(line, b"content-type") {
            let value = value(rest, end, b"content-type".len());
            if let (Some(value), None) = (value, self.content_type_at) {
                self.content_type_at = Some(at);
                self.timed = comes_in_time(value);
            }
        } else if begins(line, b"content-encoding") {
            self.is_coded = true;
        } else if begins(line, b"upgrade") {
            self.upgrade |= value(rest, end, b"upgrade".len()).is_some();
        }
    }

    pub(super) fn is_method(&self, input: &[u8], method: &[u8]) -> bool {
        match self.start.what {
            What::Request { method_len, .. } => input.get(..method_len) == Some(method),
            What::Response { .. } => false,
        }
    }
}

// === impl Length ===

impl Length {
    /// Reads one line's value: a number, or the same one several times (RFC 9112 §6.3, rule 5).
    fn of(value: &[u8]) -> Self {
        value
            .split(|b| *b == b',')
            .map(|item| number(item.trim_ascii()))
            .fold(Self::Absent, |all, one| all.and(one.map_or(Self::Invalid, Self::Bytes)))
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Absent, other) => other,
            (Self::Bytes(a), Self::Bytes(b)) if a == b => self,
            _ => Self::Invalid,
        }
    }
}

// === impl Coding ===

impl Coding {
    /// What is true after one more line with this list of codings.
    fn then(self, value: &[u8]) -> Self {
        value.split(|b| *b == b',').fold(self, |before, item| {
            let name = item.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
            match name {
                // RFC 9112 §7: `identity` is no coding any more; it never changed anything.
                b"" => before,
                _ if name.eq_ignore_ascii_case(b"identity") => before,
                _ if name.eq_ignore_ascii_case(b"chunked") => Self::Chunked,
                _ => Self::Other,
            }
        })
    }
}

/// Whether the pieces of a body of this type are of interest one by one.
pub(crate) fn comes_in_time(media_type: &[u8]) -> bool {
    let begins = |with: &[u8]| {
        media_type.get(..with.len()).is_some_and(|front| front.eq_ignore_ascii_case(with))
    };
    begins(b"application/grpc") || begins(b"text/event-stream") || begins(b"application/x-ndjson")
}

/// Decimal digits, up to what a signed number holds.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let sum = digits.iter().try_fold(0u64, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })?;
    i64::try_from(sum).is_ok().then_some(sum)
}

#[inline]
fn begins(line: &[u8], name: &[u8]) -> bool {
    // The last letter tells most names apart.
    let letter = |bytes: &[u8]| bytes.get(name.len() - 1).map(u8::to_ascii_lowercase);
    letter(line) == letter(name)
        && line.get(..name.len()).is_some_and(|front| front.eq_ignore_ascii_case(name))
}

/// The value of the line that ends at `end` and whose name has `name_len` bytes, with its
/// continuation lines (RFC 9112 §5.2), their line ends as white space.
fn value(rest: &[u8], mut end: usize, name_len: usize) -> Option<&[u8]> {
    while let Some(b' ' | b'\t') = rest.get(end + 1) {
        let Some(more) = rest.get(end + 1..).and_then(|more| memchr(b'\n', more)) else { break };
        end += 1 + more;
    }
    let after = rest.get(name_len..end)?;
    // RFC 9112 §5.1 forbids space before the colon; some send it all the same.
    after.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii)
}
