//! What is told of a command, when somebody asks.

use std::borrow::Cow;

use model::{BodyFacts, Headline, Message, Outcome, Status, Tell};
use serde_json::Value as Json;

use super::{
    codes,
    head::{self, Front, PREFIX},
};
use crate::fields::{fields, integer, some_text, text};

fields! {
    System = "messaging.system" Text, "Always rocketmq";
    Operation = "messaging.operation.name" Text, "The request: SEND_MESSAGE_V2, PULL_MESSAGE";
    Topic = "messaging.destination.name" Text, "The topic";
    Group = "messaging.consumer.group.name" Text, "The group of consumers or producers";
    Queue = "messaging.destination.partition.id" Text, "The queue of the topic";
    MessageId = "messaging.message.id" Text, "The message's id";
    Code = "rocketmq.code" Integer, "The code of the request or the response";
    CodeName = "rocketmq.response" Text, "The response by name: SUCCESS, TOPIC_NOT_EXIST";
    Opaque = "rocketmq.opaque" Integer, "The number that question and answer share";
    Flag = "rocketmq.flag" Integer, "Bit 0: a response; bit 1: nobody answers";
    Language = "rocketmq.language" Text, "What the sender is written in";
    Version = "rocketmq.version" Integer, "The sender's version, as a number";
    Remark = "rocketmq.remark" Text, "What the server says about it";
    Size = "rocketmq.body_size" Integer, "Bytes of the body";
}

/// A head taken apart.
#[derive(Debug, Default)]
struct Head {
    language: String,
    version: i64,
    remark: String,
    fields: Vec<(String, String)>,
}

// === impl Head ===

impl Head {
    fn of(record: &[u8]) -> Self {
        let head = record.get(PREFIX..).unwrap_or_default();
        if record.get(4) == Some(&1) {
            return Self::of_binary(head).unwrap_or_default();
        }
        let Ok(Json::Object(all)) = serde_json::from_slice::<Json>(head) else {
            return Self::default();
        };
        let plain =
            |name: &str| all.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let fields = all.get("extFields").and_then(Json::as_object);
        let fields = fields.into_iter().flatten().map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), value)
        });
        Self {
            language: plain("language"),
            version: all.get("version").and_then(Json::as_i64).unwrap_or(0),
            remark: plain("remark"),
            fields: fields.collect(),
        }
    }

    fn of_binary(head: &[u8]) -> Option<Self> {
        let (remark, fields) = head::binary_parts(head)?;
        let plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(Self {
            language: codes::language(*head.get(2)?).to_owned(),
            version: crate::framed::u16_at(head, 3)?.into(),
            remark: plain(remark),
            fields: fields.into_iter().map(|(name, value)| (plain(name), plain(value))).collect(),
        })
    }

    /// The first field of these names that there is.
    fn field(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| {
            self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| &value[..])
        })
    }

    /// The topic; messages are sent with names of one letter (`SendMessageRequestHeaderV2`).
    fn topic(&self, code: i32) -> Option<&str> {
        self.field(if is_short(code) { &["b"] } else { &["topic"] })
    }

    fn group(&self, code: i32) -> Option<&str> {
        let names: &[&str] =
            if is_short(code) { &["a"] } else { &["consumerGroup", "producerGroup", "group"] };
        self.field(names)
    }
}

fn is_short(code: i32) -> bool {
    matches!(code, 310 | 320 | 325)
}

/// What fits in one line.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let mut line = Headline::default();
    if let Some((front, record)) = request.and_then(of) {
        line.method = Some(name(codes::request(front.code), front.code));
        let head = Head::of(record);
        let endpoint = head.topic(front.code).or_else(|| head.group(front.code));
        line.endpoint = endpoint.map(|endpoint| endpoint.as_bytes().to_vec().into());
    }
    line.status = response.and_then(of).map(|(front, record)| Status {
        code: name(codes::response(front.code), front.code),
        text: Head::of(record).remark.into_bytes().into(),
        outcome: if codes::is_fine(front.code) { Outcome::Ok } else { Outcome::Error },
    });
    line
}

fn of(message: &Message) -> Option<(Front, &[u8])> {
    Some((Front::read(&message.record).ok()?, &message.record))
}

fn name(known: Option<&'static str>, code: i32) -> Cow<'static, [u8]> {
    match known {
        Some(name) => name.as_bytes().into(),
        None => code.to_string().into_bytes().into(),
    }
}

/// Tells everything known of one command.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let Some((front, record)) = of(message) else { return };
    let head = Head::of(record);
    text(to, At::System, "rocketmq");
    let answers = front.flag & 1 != 0;
    if !answers {
        text(to, At::Operation, name(codes::request(front.code), front.code));
        some_text(to, At::Topic, head.topic(front.code).unwrap_or_default());
        some_text(to, At::Group, head.group(front.code).unwrap_or_default());
    }
    let queue = head.field(if is_short(front.code) && !answers { &["e"] } else { &["queueId"] });
    some_text(to, At::Queue, queue.unwrap_or_default());
    some_text(to, At::MessageId, head.field(&["msgId"]).unwrap_or_default());
    integer(to, At::Code, front.code);
    if answers {
        text(to, At::CodeName, name(codes::response(front.code), front.code));
    }
    integer(to, At::Opaque, front.opaque.cast_signed());
    integer(to, At::Flag, front.flag);
    some_text(to, At::Language, &head.language);
    integer(to, At::Version, head.version);
    some_text(to, At::Remark, &head.remark);
    integer(to, At::Size, i64::try_from(front.body).unwrap_or(i64::MAX));
    for (name, value) in &head.fields {
        to.header(name.as_bytes(), value.as_bytes());
    }
    if message.body.kept.first() == Some(&b'{') {
        to.body(BodyFacts { media_type: Some("application/json"), encoding: None });
    }
}
