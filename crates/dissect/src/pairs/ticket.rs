//! Where an open message belongs.

use model::Side;

/// Where an open message belongs: a [`Place`], packed, since every message is moved about with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ticket {
    key: u64,
    number: u32,
    kind: Kind,
    /// The server asks in its call.
    pub(super) reversed: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Asks,
    Answers,
    AsksId,
    AnswersId,
    AsksDatagram,
    AnswersDatagram,
    Alone,
    Orphan,
    Refused,
}

/// Where an open message belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// The request of the in-order exchange with this number.
    Asks(u64),
    /// The response of the in-order exchange with this number.
    Answers(u64),
    /// A question under an id, and the end of its number.
    AsksId(u64, u32),
    /// An answer under an id.
    AnswersId(u64),
    /// A question under an id, by datagram.
    AsksDatagram(u64),
    /// An answer under an id, by datagram.
    AnswersDatagram(u64),
    /// A message of its own.
    Alone(u64),
    /// An answer to nothing that is known.
    Orphan(u64),
    /// A question too many.
    Refused(u64),
}

// === impl Ticket ===

impl Ticket {
    pub(super) fn new(reversed: bool, place: Place) -> Self {
        let (kind, key, number) = match place {
            Place::Asks(number) => (Kind::Asks, number, 0),
            Place::Answers(number) => (Kind::Answers, number, 0),
            Place::AsksId(id, number) => (Kind::AsksId, id, number),
            Place::AnswersId(id) => (Kind::AnswersId, id, 0),
            Place::AsksDatagram(id) => (Kind::AsksDatagram, id, 0),
            Place::AnswersDatagram(id) => (Kind::AnswersDatagram, id, 0),
            Place::Alone(number) => (Kind::Alone, number, 0),
            Place::Orphan(number) => (Kind::Orphan, number, 0),
            Place::Refused(number) => (Kind::Refused, number, 0),
        };
        Self { key, number, kind, reversed }
    }

    pub(super) fn place(self) -> Place {
        match self.kind {
            Kind::Asks => Place::Asks(self.key),
            Kind::Answers => Place::Answers(self.key),
            Kind::AsksId => Place::AsksId(self.key, self.number),
            Kind::AnswersId => Place::AnswersId(self.key),
            Kind::AsksDatagram => Place::AsksDatagram(self.key),
            Kind::AnswersDatagram => Place::AnswersDatagram(self.key),
            Kind::Alone => Place::Alone(self.key),
            Kind::Orphan => Place::Orphan(self.key),
            Kind::Refused => Place::Refused(self.key),
        }
    }

    /// Whether `self` is the answer to the question behind `other`.
    pub(crate) fn answers(self, other: Self) -> bool {
        let fits = matches!(
            (self.kind, other.kind),
            (Kind::Answers, Kind::Asks) | (Kind::AnswersId, Kind::AsksId)
        );
        fits && self.reversed == other.reversed && self.key == other.key
    }

    /// Whether it is a question, still being read, under `id`, that `side` would answer.
    pub(crate) fn asks_under(self, side: Side, id: u64) -> bool {
        let asked_by_other = self.reversed == (side == Side::Client);
        asked_by_other && self.kind == Kind::AsksId && self.key == id
    }
}

/// The end of a call's number: enough to tell two that have one id.
pub(super) fn end_of(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
