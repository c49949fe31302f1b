//! What is shown of a message: its line in a table, and its fields.

mod batches;
mod facts;
mod json;
mod legacy;
mod lines;
mod name;
mod unpack;

use std::borrow::Cow;

use model::{Field, Headline, Kind, Message, Outcome, Side, Status, Tell, Value};

use self::{
    facts::{Facts, Fault},
    json::Json,
    lines::Lines,
};
use super::{
    errors,
    record::{Text, View},
    walk::{Ending, Event, Visit},
};

/// The method of a token that goes without a header.
const TOKEN: &str = "SaslToken";

macro_rules! fields {
    ($($index:ident $name:literal $kind:ident $many:ident $about:literal)*) => {
        /// An index into [`FIELDS`].
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum At { $($index),* }
        /// What a message tells.
        pub const FIELDS: &[Field] = &[$(Field {
            name: $name, kind: Kind::$kind, many: many!($many), about: $about,
        }),*];
    };
}

macro_rules! many {
    (once) => {
        false
    };
    (list) => {
        true
    };
}

fields! {
    System "messaging.system" Text once "kafka"
    Operation "messaging.operation.name" Text once "the API's name: Produce, Fetch, OffsetCommit"
    OperationType "messaging.operation.type" Text once "send, receive or settle, where it is one of them"
    Destination "messaging.destination.name" Text once "the topic, the first one of several"
    Partition "messaging.destination.partition.id" Text once "the partition, the first one of several"
    Offset "messaging.kafka.offset" Integer once "the offset that was written, read from or committed, the first one of several"
    Group "messaging.consumer.group.name" Text once "the group of consumers, the first one of several"
    Client "messaging.client.id" Text once "the client's name for itself"
    Messages "messaging.batch.message_count" Integer once "how many records there are, as far as their batches are seen"
    ApiKey "kafka.api_key" Integer once "the API's number"
    ApiVersion "kafka.api_version" Integer once "the version of the message"
    Correlation "kafka.correlation_id" Integer once "the number that the response repeats"
    Error "kafka.error" Text once "the name of the worst error, NONE if there is none"
    ErrorCode "kafka.error_code" Integer once "its number"
    ErrorMessage "kafka.error_message" Text once "what the broker says beside it"
    Errors "kafka.errors" Text list "all errors, each with what it is about: orders-3: NOT_LEADER_OR_FOLLOWER"
    Topics "kafka.topics" Text list "the topics, where there are several"
    TopicIds "kafka.topic_ids" Text list "the ids of topics, as Kafka's tools write them"
    Partitions "kafka.partitions" Text list "the partitions, where there are several: orders-3"
    Offsets "kafka.offsets" Text list "the offsets of partitions: orders-3 committed_offset=42"
    Groups "kafka.groups" Text list "the groups, where there are several"
    Records "kafka.records" Text list "the first records, each as JSON: topic, partition, offset, timestamp, key, value, headers"
    Compression "kafka.compression" Text list "what batches of records are compressed with: gzip, snappy, lz4, zstd"
    Acks "kafka.acks" Integer once "acknowledgements that the producer wants: 0, 1, -1 for all"
    TransactionalId "kafka.transactional_id" Text once "the name of the transactional producer"
    ProducerId "kafka.producer_id" Integer once "the producer's number"
    ProducerEpoch "kafka.producer_epoch" Integer once "how often the producer began anew"
    Isolation "kafka.isolation_level" Integer once "1 if only what was committed may be read"
    MemberId "kafka.member_id" Text once "the consumer's id in its group"
    Instance "kafka.group_instance_id" Text once "the consumer's name that stays when it restarts"
    Generation "kafka.generation_id" Integer once "how often the group was put together anew"
    MemberEpoch "kafka.member_epoch" Integer once "the state of the member in its group"
    ProtocolType "kafka.protocol_type" Text once "what the group is for: consumer, connect"
    ProtocolName "kafka.protocol_name" Text once "how the group shares out partitions"
    Leader "kafka.leader" Text once "the member that shares out partitions"
    Coordinator "kafka.coordinator_key" Text list "the group or transaction whose coordinator is looked for"
    Brokers "kafka.brokers" Text list "brokers: id=host:port"
    ClusterId "kafka.cluster_id" Text once "the cluster's id"
    Controller "kafka.controller_id" Integer once "the broker that controls the cluster"
    Session "kafka.session_id" Integer once "the session of fetches"
    Resource "kafka.resource" Text list "what is described or configured"
    Mechanism "kafka.sasl.mechanism" Text once "how the client proves who it is"
    Mechanisms "kafka.sasl.mechanisms" Text list "the ways that the broker takes"
    Software "kafka.client_software.name" Text once "the client's library"
    SoftwareVersion "kafka.client_software.version" Text once "its version"
    Throttle "kafka.throttle_time_ms" Integer once "milliseconds that the broker held the client back"
    Text "kafka.message" Text once "all fields of the message as JSON, without records; cut where it is long"
    Hidden "kafka.hidden" Bool once "true if what is in it was not written down, because secrets may be among it"
    UnknownVersion "kafka.unknown_version" Bool once "true if this version of the API is newer than what is known of it: only its head is read"
    Malformed "kafka.malformed" Bool once "true if the message does not fit its table"
}

/// What fits in one line.
pub fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let asked = request.and_then(View::of);
    let answered = response.and_then(View::of);
    let mut line = Headline::default();
    for view in [&asked, &answered].into_iter().flatten() {
        line.method = line.method.or_else(|| method(view));
        line.version = line.version.or_else(|| version(view));
    }
    let answer = answered.as_ref().and_then(View::text).map(|text| summary(text));
    let subject = asked.as_ref().and_then(View::text).and_then(|text| summary(text).endpoint());
    line.endpoint = subject
        .or_else(|| answer.as_ref().and_then(Facts::endpoint))
        .map(|name| name.into_bytes().into());
    line.status = answer.as_ref().and_then(status);
    line
}

/// Tells everything known of one message.
pub fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(view) = View::of(message) else { return };
    let mut teller = Teller { to };
    teller.text(At::System, b"kafka");
    if let Some(method) = method(&view) {
        teller.text(At::Operation, &method);
    }
    match &view {
        View::Request(request, text) => {
            teller.head(text, request.correlation);
            if let Some(client) = request.client {
                teller.text(At::Client, client);
            }
            teller.body(text, message);
        }
        View::Response(correlation, text) => {
            teller.head(text, *correlation);
            teller.body(text, message);
        }
        View::Orphan(correlation) => teller.integer(At::Correlation, (*correlation).into()),
        View::Token => {}
    }
}

fn method(view: &View<'_>) -> Option<Cow<'static, [u8]>> {
    match view {
        View::Token => Some(TOKEN.as_bytes().into()),
        View::Orphan(_) => None,
        View::Request(_, text) | View::Response(_, text) => Some(match text.api {
            Some(api) => api.name.as_bytes().into(),
            None => format!("Api{}", text.key).into_bytes().into(),
        }),
    }
}

fn version(view: &View<'_>) -> Option<Cow<'static, [u8]>> {
    let text = view.text()?;
    Some(text.version.to_string().into_bytes().into())
}

/// What the table says of a message.
fn summary<'t>(text: &'t Text<'_>) -> Facts<'t> {
    let mut facts = Facts::new(text);
    let ending = text.walk(&mut facts);
    facts.finish(ending);
    facts
}

fn status<'m>(facts: &Facts<'_>) -> Option<Status<'m>> {
    let fault = facts.fault()?;
    let Fault { code, .. } = fault;
    let text = facts.fault_text(&fault);
    let code_name = errors::name(code);
    Some(Status {
        code: match code_name {
            Cow::Borrowed(name) => name.as_bytes().into(),
            Cow::Owned(name) => name.into_bytes().into(),
        },
        text: text.into_bytes().into(),
        outcome: if code == 0 { Outcome::Ok } else { Outcome::Error },
    })
}

struct Teller<'t> {
    to: &'t mut dyn Tell,
}

/// Two who want to know the same.
struct Both<'a, A, B>(&'a mut A, &'a mut B);

// === impl Teller ===

impl Teller<'_> {
    fn head(&mut self, text: &Text<'_>, correlation: i32) {
        if let Some(kind) = operation_type(text.key) {
            self.text(At::OperationType, kind.as_bytes());
        }
        self.integer(At::ApiKey, text.key.into());
        self.integer(At::ApiVersion, text.version.into());
        self.integer(At::Correlation, correlation.into());
    }

    fn body(&mut self, text: &Text<'_>, message: &Message) {
        if text.is_hidden() {
            self.to.field(At::Hidden as usize, Value::Bool(true));
        }
        if text.is_of_unknown_version() {
            self.to.field(At::UnknownVersion as usize, Value::Bool(true));
        }
        if !text.is_known() {
            return;
        }
        let (mut facts, mut json) = (Facts::new(text), Json::default());
        let ending = text.walk(&mut Both(&mut facts, &mut json));
        facts.finish(ending);
        self.facts(&facts, message.from);
        self.records(&facts);
        self.text(At::Text, &json.finish(matches!(ending, Ending::Whole(_))));
        if !text.is_right(ending, message) {
            self.to.field(At::Malformed as usize, Value::Bool(true));
        }
    }

    fn facts(&mut self, facts: &Facts<'_>, from: Side) {
        if let Some(fault) = facts.fault().filter(|_| from == Side::Server) {
            self.text(At::Error, errors::name(fault.code).as_bytes());
            self.integer(At::ErrorCode, fault.code.into());
        }
        for (at, text) in facts.texts() {
            self.text(at, text);
        }
        for (at, number) in facts.numbers() {
            self.integer(at, number);
        }
        for (at, list) in facts.lists() {
            for line in list {
                self.text(at, line.as_bytes());
            }
        }
    }

    fn records(&mut self, facts: &Facts<'_>) {
        let mut lines = Lines::default();
        for place in facts.records() {
            lines.read(place);
        }
        if lines.batches() > 0 {
            self.integer(At::Messages, lines.count());
        }
        for coding in lines.codings() {
            self.text(At::Compression, coding.as_bytes());
        }
        for line in lines.lines() {
            self.text(At::Records, line);
        }
    }

    fn text(&mut self, at: At, text: &[u8]) {
        self.to.field(at as usize, Value::Text(text));
    }

    fn integer(&mut self, at: At, number: i64) {
        self.to.field(at as usize, Value::Integer(number));
    }
}

impl<'m, A: Visit<'m>, B: Visit<'m>> Visit<'m> for Both<'_, A, B> {
    fn meet(&mut self, field: &'static super::schema::Field, event: Event<'m>) {
        self.0.meet(field, event);
        self.1.meet(field, event);
    }
}

/// What an API does, in OpenTelemetry's words.
fn operation_type(key: i16) -> Option<&'static str> {
    match key {
        // Produce.
        0 => Some("send"),
        // Fetch and ShareFetch.
        1 | 78 => Some("receive"),
        // OffsetCommit, TxnOffsetCommit and ShareAcknowledge.
        8 | 28 | 79 => Some("settle"),
        _ => None,
    }
}
