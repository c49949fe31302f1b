//! A protocol that is nothing but its record: for tests and measurements of what is exported.
#![allow(dead_code, missing_docs, reason = "shared by several programs, none of which uses all")]

use std::borrow::Cow;

use model::{
    BodyFacts, Call, Endpoint, Field, Headline, Kind, Mark, Message, Outcome, PairedBy, Pairing,
    Protocol, Side, Status, Tell, Timestamp, Transport, Value,
};

pub const ID: usize = 0;
pub const IS_LAST: usize = 1;
pub const NAMES: usize = 2;
pub const PATH: usize = 3;

pub static PROTOCOL: Protocol = Protocol {
    name: "test",
    about: "For tests",
    specification: "this file",
    fields: &[
        Field { name: "test.id", kind: Kind::Integer, many: false, about: "A number" },
        Field { name: "test.is_last", kind: Kind::Bool, many: false, about: "A truth" },
        Field { name: "test.names", kind: Kind::Text, many: true, about: "Texts" },
        Field { name: "url.path", kind: Kind::Text, many: false, about: "A text" },
    ],
    headline,
    tell,
};

/// 2026-01-29T11:08:21.123456789Z
pub const BEGIN: Timestamp = Timestamp(1_769_684_901_123_456_789);

/// A message and what its protocol will tell of it.
pub struct Half(pub Message);

impl Half {
    pub fn of(from: Side, after_ns: u64) -> Self {
        let mark = Mark { at: BEGIN.after(after_ns), frame: 0 };
        Self(Message::new(from, mark))
    }

    pub fn sizes(mut self, wire_bytes: u64, head_bytes: u64) -> Self {
        (self.0.wire_bytes, self.0.head_bytes) = (wire_bytes, head_bytes);
        self
    }

    pub fn frames(mut self, first: u64, last: u64) -> Self {
        (self.0.first.frame, self.0.last.frame) = (first, last);
        self
    }

    pub fn method(self, text: &[u8]) -> Self {
        self.put(b'm', text)
    }

    pub fn endpoint(self, text: &[u8]) -> Self {
        self.put(b'e', text)
    }

    pub fn version(self, text: &[u8]) -> Self {
        self.put(b'v', text)
    }

    pub fn status(self, code: &[u8], text: &[u8], outcome: &[u8]) -> Self {
        self.put(b'c', code).put(b't', text).put(b'o', outcome)
    }

    pub fn header(self, name: &[u8], value: &[u8]) -> Self {
        self.put(b'n', name).put(b'h', value)
    }

    pub fn text(self, index: usize, value: &[u8]) -> Self {
        self.put(b'0' + index as u8, &[b"t", value].concat())
    }

    pub fn integer(self, index: usize, value: i64) -> Self {
        self.put(b'0' + index as u8, &[&b"i"[..], &value.to_le_bytes()].concat())
    }

    pub fn truth(self, index: usize, value: bool) -> Self {
        self.put(b'0' + index as u8, &[b'b', value.into()])
    }

    pub fn body(mut self, media_type: &str, encoding: &str, kept: &[u8], size: u64) -> Self {
        self.0.body.kept = kept.to_vec();
        self.0.body.size = size;
        self.put(b'y', media_type.as_bytes()).put(b'z', encoding.as_bytes())
    }

    fn put(mut self, tag: u8, bytes: &[u8]) -> Self {
        self.0.record.push(tag);
        self.0.record.extend((bytes.len() as u32).to_le_bytes());
        self.0.record.extend(bytes);
        self
    }
}

/// A call of the two halves, matched if both are there.
pub fn call<'s>(request: Option<&'s Half>, response: Option<&'s Half>) -> Call<'s> {
    let pairing = match (request, response) {
        (Some(_), Some(_)) => Pairing::Matched,
        (Some(_), None) => Pairing::Unanswered,
        _ => Pairing::Orphan,
    };
    Call {
        protocol: &PROTOCOL,
        transport: Transport::Tcp,
        client: Endpoint { ip: [10, 0, 37, 237].into(), port: 43_282 },
        translated: None,
        server: Endpoint { ip: [10, 0, 24, 164].into(), port: 80 },
        stream: 12,
        inside: 0,
        cover: None,
        number: 3,
        order: 1,
        source: 0,
        request: request.map(|half| &half.0),
        response: response.map(|half| &half.0),
        pairing,
        paired_by: (pairing == Pairing::Matched).then_some(PairedBy::Order),
        missing: None,
        noticed: None,
        goes_on: false,
        birth: 0,
        per_mille: 1000,
    }
}

fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let find = |message: Option<&'m Message>, tag| {
        let (_, text) = items(message?).take_while(|item| item.0 != b'n').find(|i| i.0 == tag)?;
        Some(Cow::Borrowed(text))
    };
    Headline {
        method: find(request, b'm'),
        endpoint: find(request, b'e'),
        version: find(request, b'v').or(find(response, b'v')),
        status: find(response, b'c').map(|code| Status {
            code,
            text: find(response, b't').unwrap_or_default(),
            outcome: match find(response, b'o').as_deref() {
                Some(b"ok") => Outcome::Ok,
                Some(b"error") => Outcome::Error,
                _ => Outcome::Unknown,
            },
        }),
    }
}

fn tell(message: &Message, to: &mut dyn Tell) {
    let (mut name, mut media_type): (&[u8], _) = (&[], None);
    for (tag, bytes) in items(message) {
        match (tag, bytes) {
            (b'n', _) => name = bytes,
            (b'h', _) => to.header(name, bytes),
            (b'y', _) => media_type = said(bytes),
            (b'z', _) => to.body(BodyFacts { media_type, encoding: said(bytes) }),
            (b'0'..=b'9', [kind, bytes @ ..]) => {
                to.field(usize::from(tag - b'0'), value(*kind, bytes));
            }
            _ => {}
        }
    }
}

fn said(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

fn value(kind: u8, bytes: &[u8]) -> Value<'_> {
    match (kind, bytes) {
        (b'i', _) => Value::Integer(bytes.try_into().map_or(0, i64::from_le_bytes)),
        (b'b', [truth, ..]) => Value::Bool(*truth != 0),
        _ => Value::Text(bytes),
    }
}

fn items(message: &Message) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = message.record.as_slice();
    std::iter::from_fn(move || {
        let (&[tag, a, b, c, d], behind) = rest.split_first_chunk()?;
        let (bytes, behind) = behind.split_at_checked(u32::from_le_bytes([a, b, c, d]) as usize)?;
        rest = behind;
        Some((tag, bytes))
    })
}
