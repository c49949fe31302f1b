//! What is written down of a message, and how it is read again.
//!
//! ```text
//! request   | 'q' | flags | 0 0 0 0             | the message behind its size …
//! response  | 'r' | flags | key (2) version (2) | the message behind its size …
//! orphan    | 'o' | flags | 0 0 0 0             | the number that it repeats
//! token     | 't' | 0     | 0 0 0 0             |
//! ```
//!
//! The start of a message is in the record, the rest in the body. Of a hidden message, only the head
//! is there.

use std::borrow::Cow;

use model::Message;

use super::{
    names::Names,
    schema::{self, Api, Field},
    walk::{Ending, Visit, walk},
    wire::{self, Request},
};

/// Bytes before the message.
pub const MARK: usize = 6;
/// The flag of a message of which only the head was written down.
const HIDDEN: u8 = 1;

/// A message, read again.
#[derive(Debug)]
pub enum View<'m> {
    /// A request.
    Request(Request<'m>, Text<'m>),
    /// A response to a known request.
    Response(i32, Text<'m>),
    /// A response, and nothing else is known.
    Orphan(i32),
    /// A token of SASL without a header.
    Token,
}

/// What a table describes of a message.
#[derive(Debug)]
pub struct Text<'m> {
    /// The API's number.
    pub key: i16,
    /// The version of the message.
    pub version: i16,
    /// The API, if it is known.
    pub api: Option<&'static Api>,
    /// Names of topics that the connection told before.
    pub names: Option<&'m Names>,
    fields: &'static [Field],
    bytes: Cow<'m, [u8]>,
    hidden: bool,
}

/// What goes before a request.
pub fn request() -> [u8; MARK] {
    [b'q', 0, 0, 0, 0, 0]
}

/// What goes before a response to the request of that API and version.
pub fn response(asked: Option<(i16, i16)>) -> [u8; MARK] {
    let Some((key, version)) = asked else { return [b'o', 0, 0, 0, 0, 0] };
    let ([k0, k1], [v0, v1]) = (key.to_be_bytes(), version.to_be_bytes());
    [b'r', 0, k0, k1, v0, v1]
}

/// What stands for a token.
pub fn token() -> [u8; MARK] {
    [b't', 0, 0, 0, 0, 0]
}

/// The same for a message of which only the head is written down.
pub fn hidden(mark: [u8; MARK]) -> [u8; MARK] {
    let [kind, flags, rest @ ..] = mark;
    let [a, b, c, d] = rest;
    [kind, flags | HIDDEN, a, b, c, d]
}

/// The API and the version of a request.
pub fn asked(request: &Message) -> Option<(i16, i16)> {
    match request.record.get(MARK..)? {
        [k0, k1, v0, v1, ..] => {
            Some((i16::from_be_bytes([*k0, *k1]), i16::from_be_bytes([*v0, *v1])))
        }
        _ => None,
    }
}

// === impl View ===

impl<'m> View<'m> {
    /// What was written down of `message`.
    pub fn of(message: &'m Message) -> Option<Self> {
        let (mark, head) = message.record.split_first_chunk::<MARK>()?;
        let [kind, flags, k0, k1, v0, v1] = *mark;
        let hidden = flags & HIDDEN != 0;
        match kind {
            b'q' => {
                let request = Request::read(head).ok()?;
                let Request { key, version, end, .. } = request;
                let api = schema::api(key);
                let fields = api.map_or(&[][..], |api| api.request);
                let bytes = joined(message, head, end);
                let names = message.lore.get();
                let text = Text { key, version, api, names, fields, bytes, hidden };
                Some(Self::Request(request, text))
            }
            b'r' => {
                let key = i16::from_be_bytes([k0, k1]);
                let version = i16::from_be_bytes([v0, v1]);
                Some(Self::Response(
                    correlation(head)?,
                    Text::response(key, version, message, head, hidden),
                ))
            }
            b'o' => Some(Self::Orphan(correlation(head)?)),
            b't' => Some(Self::Token),
            _ => None,
        }
    }
}

impl View<'_> {
    /// What a table describes of it.
    pub fn text(&self) -> Option<&Text<'_>> {
        match self {
            Self::Request(_, text) | Self::Response(_, text) => Some(text),
            Self::Orphan(_) | Self::Token => None,
        }
    }
}

// === impl Text ===

impl<'m> Text<'m> {
    fn response(
        key: i16,
        version: i16,
        message: &'m Message,
        head: &'m [u8],
        hidden: bool,
    ) -> Self {
        let api = schema::api(key);
        let begin = api.and_then(|api| wire::response_body(api, version, head).ok());
        let bytes = joined(message, head, begin.unwrap_or(head.len()));
        let fields = api.map_or(&[][..], |api| api.response);
        let version = api.map_or(version, |api| wire::response_version(api, version, &bytes));
        Self { key, version, api, names: message.lore.get(), fields, bytes, hidden }
    }

    /// Whether only its head was written down.
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Whether its API is known, but not in this version.
    pub fn is_of_unknown_version(&self) -> bool {
        self.api.is_some_and(|api| !api.knows(self.version))
    }

    /// Whether its table can be used.
    pub fn is_known(&self) -> bool {
        !self.hidden && self.api.is_some_and(|api| api.knows(self.version))
    }

    /// Whether bytes are left that a table does not describe, or a table describes more than there
    /// is, though all of it was written down.
    pub fn is_right(&self, ending: Ending, message: &Message) -> bool {
        let cut = message.missing.is_some() || message.body.truncated();
        match ending {
            Ending::Whole(used) => cut || used == self.bytes.len(),
            Ending::Rest => true,
            Ending::Short => cut,
            Ending::Bad => false,
        }
    }

    /// Reads it by its table.
    pub fn walk<'t>(&'t self, visit: &mut dyn Visit<'t>) -> Ending {
        if !self.is_known() {
            return Ending::Rest;
        }
        let flexible = self.api.is_some_and(|api| api.is_flexible(self.version));
        walk(self.fields, self.version, flexible, &self.bytes, visit)
    }
}

fn correlation(head: &[u8]) -> Option<i32> {
    head.first_chunk().copied().map(i32::from_be_bytes)
}

/// Record and body together, from `begin` on.
fn joined<'m>(message: &'m Message, head: &'m [u8], begin: usize) -> Cow<'m, [u8]> {
    let head = head.get(begin..).unwrap_or_default();
    if message.body.kept.is_empty() {
        head.into()
    } else {
        [head, &message.body.kept].concat().into()
    }
}
