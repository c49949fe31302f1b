//! What the rest of the system may know of a protocol: its name, its fields, and how to ask for
//! them. One table is read by the filter, the store's columns, the docs and the dashboard.

use std::borrow::Cow;

use crate::{BodyFacts, BodyText, Lore, Message};

/// A protocol as everything above the dissectors sees it.
pub struct Protocol {
    /// The name in filters, metrics and URLs: `redis`.
    pub name: &'static str,
    /// One line for `callscope protocols`.
    pub about: &'static str,
    /// Where its specification is.
    pub specification: &'static str,
    /// The fields that [`tell`](Self::tell) may tell, by index.
    pub fields: &'static [Field],
    /// What fits in one line of a table. At least one of the two is there.
    pub headline:
        for<'m> fn(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m>,
    /// Tells everything known of one message. Called when somebody asks, never on the capture path.
    pub tell: fn(message: &Message, to: &mut dyn Tell),
}

/// A column that a protocol fills in.
#[derive(Debug)]
pub struct Field {
    /// Its name, after OpenTelemetry's semantic conventions where one exists: `http.request.method`.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Whether it may be told several times for one message; it is then a list.
    pub many: bool,
    /// One line for people.
    pub about: &'static str,
}

/// The type of a field's values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Text in UTF-8 (other bytes are replaced when shown).
    Text,
    /// A signed whole number.
    Integer,
    /// True or false.
    Bool,
}

/// One value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'m> {
    /// For [`Kind::Text`]; bytes from the wire, UTF-8 unless the peer erred.
    Text(&'m [u8]),
    /// For [`Kind::Integer`].
    Integer(i64),
    /// For [`Kind::Bool`].
    Bool(bool),
}

/// Listens to what a protocol tells of a message.
pub trait Tell {
    /// The value of the field at `index` of the protocol's table. Values of one list come one after
    /// the other.
    fn field(&mut self, index: usize, value: Value<'_>);
    /// A header, attribute or property as sent, in order, duplicates kept.
    fn header(&mut self, name: &[u8], value: &[u8]);
    /// How to read the body.
    fn body(&mut self, facts: BodyFacts<'_>);
    /// What the body says, where only the protocol can read its bytes: rows as JSON. It is shown in
    /// their place wherever the body is shown; sizes stay those of the bytes.
    fn body_text(&mut self, _text: BodyText<'_>) {}
    /// The other half of the call, where it was seen: what an answer is to, when it was asked for.
    fn other(&self) -> Option<&Message> {
        None
    }
    /// What the user gave to read payloads with.
    fn lore(&self) -> Lore {
        Lore::default()
    }
}

/// The columns that every protocol has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headline<'m> {
    /// `GET`, `SELECT`, `A`, `LRANGE`; absent when the request was not seen.
    pub method: Option<Cow<'m, [u8]>>,
    /// `/login`, a table, a question's name, a key; absent when there is none or it was not seen.
    pub endpoint: Option<Cow<'m, [u8]>>,
    /// The protocol's version as spoken: `1.1`.
    pub version: Option<Cow<'m, [u8]>>,
    /// How it ended; absent when the response was not seen.
    pub status: Option<Status<'m>>,
}

/// How a call ended, in the protocol's own terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Status<'m> {
    /// The protocol's own code as text: `404`, `NXDOMAIN`, `WRONGTYPE`, `OK`.
    pub code: Cow<'m, [u8]>,
    /// What the peer said beside the code; may be empty.
    pub text: Cow<'m, [u8]>,
    /// The code judged.
    pub outcome: Outcome,
}

/// A status judged.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// The protocol says it worked.
    Ok,
    /// The protocol says it failed.
    Error,
    /// The protocol does not say, or it was not seen.
    Unknown,
}

// === impl Outcome ===

impl Outcome {
    /// The word in the output contract: `ok`, `error`, `unknown`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }
}

// === impl Value ===

impl<'m> From<&'m str> for Value<'m> {
    fn from(text: &'m str) -> Self {
        Self::Text(text.as_bytes())
    }
}

impl<'m> From<&'m [u8]> for Value<'m> {
    fn from(text: &'m [u8]) -> Self {
        Self::Text(text)
    }
}

// === impl Protocol ===

impl std::fmt::Debug for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Protocol {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
