//! What is told of a command, when somebody asks.

use std::borrow::Cow;

use model::{Headline, Message, Outcome, Status, Tell};

use super::{codes, wire};
use crate::{
    fields::{fields, integer, signed, some_text, text},
    framed::{u16_at, u32_at},
    protobuf::{Fields, Value},
};

/// Marks a checksum in front of a message's metadata.
const CHECKSUM: u16 = 0x0e01;

fields! {
    System = "messaging.system" Text, "Always pulsar";
    Operation = "messaging.operation.name" Text, "The command: SEND, SUBSCRIBE, LOOKUP";
    Topic = "messaging.destination.name" Text, "The topic";
    Subscription = "messaging.destination.subscription.name" Text, "The subscription";
    MessageId = "messaging.message.id" Text, "The message's id: ledger:entry";
    RequestId = "pulsar.request_id" Integer, "The number that question and answer share";
    Producer = "pulsar.producer_id" Integer, "The producer's number on this connection";
    Sequence = "pulsar.sequence_id" Integer, "The message's number for its producer";
    Consumer = "pulsar.consumer_id" Integer, "The consumer's number on this connection";
    Permits = "pulsar.permits" Integer, "Messages that the consumer will take";
    Client = "pulsar.client_version" Text, "The client's program and version";
    Server = "pulsar.server_version" Text, "The broker's program and version";
    AuthMethod = "pulsar.auth_method" Text, "How a client shows who it is";
    Error = "pulsar.error" Text, "The error by name: TopicNotFound";
    Message = "pulsar.error_message" Text, "What the broker says about it";
    Broker = "pulsar.broker" Text, "Where a lookup leads to";
    Partitions = "pulsar.partitions" Integer, "Partitions of a topic";
    Key = "messaging.pulsar.message.key" Text, "The message's key";
    Name = "pulsar.producer_name" Text, "The producer's name";
}

/// A command that can be asked for its fields.
#[derive(Clone, Copy, Debug)]
struct Command<'m> {
    kind: u64,
    inside: &'m [u8],
}

impl<'m> Command<'m> {
    fn of(message: &'m Message) -> Option<Self> {
        wire::of(&message.record).map(|(kind, inside)| Self { kind, inside })
    }

    fn number(&self, field: u64) -> Option<u64> {
        Fields::of(self.inside).number(field)
    }

    fn bytes(&self, field: u64) -> Option<&'m [u8]> {
        Fields::of(self.inside).bytes(field)
    }

    /// The topic; a namespace where that is asked for.
    fn topic(&self) -> Option<&'m [u8]> {
        match self.kind {
            codes::SUBSCRIBE | codes::PRODUCER | 21 | 23 => self.bytes(1),
            32 | 34 | 39 => self.bytes(2),
            _ => None,
        }
    }

    /// The error's number and what is said about it.
    fn error(&self) -> Option<(u64, &'m [u8])> {
        let (code, said) = match self.kind {
            codes::ERROR => (self.number(2)?, self.bytes(3)),
            codes::SEND_ERROR => (self.number(3)?, self.bytes(4)),
            codes::PARTITIONS_RESPONSE => (self.number(4)?, self.bytes(5)),
            codes::LOOKUP_RESPONSE => (self.number(6)?, self.bytes(7)),
            26 | 35 | 40 => (self.number(2)?, self.bytes(3)),
            38 => (self.number(4)?, self.bytes(5)),
            _ => return None,
        };
        Some((code, said.unwrap_or_default()))
    }
}

/// What fits in one line.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let asked = request.and_then(Command::of);
    let answered = response.and_then(Command::of);
    let mut line = Headline::default();
    if let Some(either) = asked.or(answered) {
        line.method = codes::name(either.kind).map(|name| name.as_bytes().into());
        line.endpoint = either.topic().map(Cow::Borrowed);
    }
    let answers = |command: &Command<'_>| codes::side(command.kind) == Some(codes::Says::Answers);
    line.status = answered.filter(answers).map(|command| match command.error() {
        Some((code, said)) => Status {
            code: codes::error(code).as_bytes().into(),
            text: said.into(),
            outcome: Outcome::Error,
        },
        None => {
            let code =
                if asked.is_some() { "OK" } else { codes::name(command.kind).unwrap_or("OK") };
            Status { code: code.as_bytes().into(), text: b""[..].into(), outcome: Outcome::Ok }
        }
    });
    line
}

/// Tells everything known of one command.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(command) = Command::of(message) else { return };
    let kind = command.kind;
    text(to, At::System, "pulsar");
    text(to, At::Operation, codes::name(kind).unwrap_or_default());
    some_text(to, At::Topic, command.topic().unwrap_or_default());
    if kind == codes::SUBSCRIBE {
        some_text(to, At::Subscription, command.bytes(2).unwrap_or_default());
    }
    let id = match kind {
        codes::SEND_RECEIPT => command.bytes(3),
        codes::MESSAGE => command.bytes(2),
        10 => command.bytes(3),
        30 => command.bytes(1),
        _ => None,
    };
    if let Some(id) = id {
        let part = |field| signed(Fields::of(id).number(field).unwrap_or(0));
        text(to, At::MessageId, format!("{}:{}", part(1), part(2)));
    }
    let mut tell_number = |at: At, value: Option<u64>| {
        if let Some(value) = value {
            integer(to, at, value.cast_signed());
        }
    };
    tell_number(At::RequestId, codes::request_id(kind).and_then(|field| command.number(field)));
    let is_send = matches!(kind, codes::SEND | codes::SEND_RECEIPT | codes::SEND_ERROR);
    tell_number(
        At::Producer,
        match kind {
            codes::PRODUCER => command.number(2),
            15 => command.number(1),
            _ if is_send => command.number(1),
            _ => None,
        },
    );
    tell_number(At::Sequence, command.number(2).filter(|_| is_send));
    tell_number(
        At::Consumer,
        match kind {
            codes::SUBSCRIBE | 25 => command.number(4),
            codes::MESSAGE | 10..=12 | 16 | 20 | 27..=29 | 31 | 38 => command.number(1),
            _ => None,
        },
    );
    tell_number(At::Permits, command.number(2).filter(|_| kind == 11));
    let partitions = command.number(1).filter(|_| kind == codes::PARTITIONS_RESPONSE);
    tell_number(At::Partitions, partitions);
    let mut tell_text = |at: At, wanted: bool, field: u64| {
        if wanted {
            some_text(to, at, command.bytes(field).unwrap_or_default());
        }
    };
    tell_text(At::Client, kind == codes::CONNECT, 1);
    tell_text(At::AuthMethod, kind == codes::CONNECT, 5);
    tell_text(At::Server, kind == codes::CONNECTED, 1);
    tell_text(At::Broker, kind == codes::LOOKUP_RESPONSE, 1);
    tell_text(At::Name, kind == 17, 2);
    tell_text(At::Name, kind == codes::PRODUCER, 4);
    if let Some((code, said)) = command.error() {
        text(to, At::Error, codes::error(code));
        some_text(to, At::Message, said);
    }
    if matches!(kind, codes::SEND | codes::MESSAGE) {
        tell_metadata(&message.body.kept, to);
    }
}

/// What is said of a message in front of it (`MessageMetadata`).
fn tell_metadata(body: &[u8], to: &mut dyn Tell) {
    let at = if u16_at(body, 0) == Some(CHECKSUM) { 6 } else { 0 };
    let Some(len) = u32_at(body, at).and_then(|len| usize::try_from(len).ok()) else { return };
    let Some(metadata) = body.get(at + 4..).and_then(|rest| rest.get(..len)) else { return };
    some_text(to, At::Name, Fields::of(metadata).bytes(1).unwrap_or_default());
    some_text(to, At::Key, Fields::of(metadata).bytes(6).unwrap_or_default());
    for (field, value) in Fields::of(metadata) {
        if let (4, Value::Bytes(pair)) = (field, value) {
            to.header(
                Fields::of(pair).bytes(1).unwrap_or_default(),
                Fields::of(pair).bytes(2).unwrap_or_default(),
            );
        }
    }
}
