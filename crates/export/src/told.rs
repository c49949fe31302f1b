//! What a protocol tells of a message, kept as long as one condition asks for it.

use std::ops::Range;

use model::{BodyFacts, BodyText, Field, Kind, Lore, Message, Tell, Value};

use crate::body::Facts;

/// Fields and headers of one half.
#[derive(Default)]
pub(crate) struct Told {
    text: Vec<u8>,
    fields: Vec<(usize, Piece)>,
    headers: Vec<[Range<usize>; 2]>,
    pub(crate) facts: Facts,
}

/// A value; text is a part of all text.
enum Piece {
    Text(Range<usize>),
    Integer(i64),
    Bool(bool),
}

/// Writes down what is told.
struct Ear<'o> {
    told: Told,
    fields: &'static [Field],
    other: Option<&'o Message>,
    lore: &'o Lore,
}

// === impl Told ===

impl Told {
    /// Asks the protocol for all that it tells of `message`.
    pub(crate) fn of(
        protocol: &model::Protocol,
        message: &Message,
        other: Option<&Message>,
        lore: &Lore,
    ) -> Self {
        let mut ear = Ear { told: Self::default(), fields: protocol.fields, other, lore };
        (protocol.tell)(message, &mut ear);
        ear.told
    }

    fn text(&self, range: &Range<usize>) -> filter::Value<'_> {
        filter::Value::lossy(self.text.get(range.clone()).unwrap_or_default())
    }

    /// The fields with their index in the protocol's table, as they were told.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (usize, filter::Value<'_>)> {
        self.fields.iter().map(|(index, piece)| {
            let value = match piece {
                Piece::Text(range) => self.text(range),
                Piece::Integer(number) => filter::Value::Int(*number),
                Piece::Bool(truth) => filter::Value::Bool(*truth),
            };
            (*index, value)
        })
    }

    /// Names and values as sent.
    pub(crate) fn headers(&self) -> impl Iterator<Item = [&[u8]; 2]> {
        let piece = |range: &Range<usize>| self.text.get(range.clone()).unwrap_or_default();
        self.headers.iter().map(move |[name, value]| [piece(name), piece(value)])
    }
}

// === impl Ear ===

impl Ear<'_> {
    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let from = self.told.text.len();
        self.told.text.extend_from_slice(bytes);
        from..self.told.text.len()
    }
}

impl Tell for Ear<'_> {
    fn field(&mut self, index: usize, value: Value<'_>) {
        let Some(field) = self.fields.get(index) else { return };
        let known = |(of, _): &(usize, Piece)| *of == index;
        // Only lists are told again.
        if !field.many && self.told.fields.iter().any(known) {
            return;
        }
        let piece = match value {
            Value::Text(text) => Piece::Text(self.keep(text)),
            Value::Integer(number) if field.kind == Kind::Integer => Piece::Integer(number),
            Value::Integer(number) => Piece::Text(self.keep(number.to_string().as_bytes())),
            Value::Bool(truth) => Piece::Bool(truth),
        };
        self.told.fields.push((index, piece));
    }

    fn header(&mut self, name: &[u8], value: &[u8]) {
        let header = [self.keep(name), self.keep(value)];
        self.told.headers.push(header);
    }

    fn body(&mut self, facts: BodyFacts<'_>) {
        self.told.facts.set(facts);
    }

    fn body_text(&mut self, text: BodyText<'_>) {
        self.told.facts.tell(text);
    }

    fn other(&self) -> Option<&Message> {
        self.other
    }

    fn lore(&self) -> Lore {
        self.lore.clone()
    }
}
