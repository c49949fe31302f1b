//! What is told of a packet: its line, its fields.

use std::borrow::Cow;

use model::{BodyFacts, Field, Headline, Kind as Type, Message, Outcome, Status, Tell, Value};

use super::{
    packet::{Coded, Connect, Letter, Publish, each_filter},
    property::{
        ASSIGNED_CLIENT, AUTHENTICATION_DATA, CONTENT_TYPE, PAYLOAD_FORMAT, Properties, USER,
        Value as Said,
    },
    reason,
    record::View,
    version::Version,
    wire::Kind,
};

/// Filters and codes told of one packet, at most.
const LISTED_MAX: usize = 64;
/// Filters in one line, at most.
const IN_LINE_MAX: usize = 4;
/// Bytes of a property or of what a will says, at most.
const TEXT_MAX: usize = 1 << 10;

const SYSTEM: usize = 0;
const OPERATION: usize = 1;
const DESTINATION: usize = 2;
const CLIENT: usize = 3;
const BODY_SIZE: usize = 4;
const VERSION: usize = 5;
const QOS: usize = 6;
const RETAIN: usize = 7;
const DUP: usize = 8;
const PACKET_ID: usize = 9;
const TOPIC_ALIAS: usize = 10;
const FILTER: usize = 11;
const REASON_CODE: usize = 12;
const REASON: usize = 13;
const CLEAN: usize = 14;
const SESSION_PRESENT: usize = 15;
const KEEP_ALIVE: usize = 16;
const USERNAME: usize = 17;
const PASSWORD: usize = 18;
const WILL_TOPIC: usize = 19;
const WILL_MESSAGE: usize = 20;
const WILL_QOS: usize = 21;
const WILL_RETAIN: usize = 22;
const WILL_PROPERTY: usize = 23;
const PROPERTY: usize = 24;

const fn text(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Type::Text, many: false, about }
}

const fn texts(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Type::Text, many: true, about }
}

const fn integer(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Type::Integer, many: false, about }
}

const fn flag(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Type::Bool, many: false, about }
}

/// The fields, in the order of the constants above.
pub const FIELDS: &[Field] = &[
    text("messaging.system", "Always mqtt"),
    text("messaging.operation.name", "The packet in lower case: publish, subscribe, connect"),
    text(
        "messaging.destination.name",
        "The topic, also where an alias stood for it; absent if it is not known",
    ),
    text("messaging.client.id", "The id of the client, its own or the one that the server gave it"),
    integer(
        "messaging.message.body.size",
        "Bytes of the payload; absent where the body may begin with properties, because the version is not known",
    ),
    text(
        "mqtt.version",
        "5, 3, or of a CONNECT exactly 3.1 or 3.1.1; absent where the packet is the same in all or it is not known",
    ),
    integer("mqtt.qos", "Quality of service: 0 at most once, 1 at least once, 2 exactly once"),
    flag(
        "mqtt.retain",
        "Whether the server keeps the message for those who subscribe later, or kept it",
    ),
    flag("mqtt.dup", "Whether the packet is marked as sent again"),
    integer("mqtt.packet_id", "The packet identifier"),
    integer("mqtt.topic_alias", "The number that stands for the topic (MQTT 5)"),
    texts("mqtt.topic_filter", "The first 64 filters of a SUBSCRIBE (with options) or UNSUBSCRIBE"),
    Field {
        name: "mqtt.reason_code",
        kind: Type::Integer,
        many: true,
        about: "The reason code or return code; one for each filter, the first 64",
    },
    texts("mqtt.reason", "The same by name: Success, Granted QoS 1, Not authorized"),
    flag("mqtt.clean_start", "Whether the client wants a new session"),
    flag("mqtt.session_present", "Whether the server still had the session"),
    integer("mqtt.keep_alive", "Seconds of silence after which the client is given up"),
    text("mqtt.username", "The name of the user"),
    text("mqtt.password", "Always ***, if there is one"),
    text("mqtt.will.topic", "The topic of the message that is sent when the client is gone"),
    text("mqtt.will.message", "What it says; the first KiB of it"),
    integer("mqtt.will.qos", "Its quality of service"),
    flag("mqtt.will.retain", "Whether it is kept"),
    texts("mqtt.will.property", "Its properties, as name=value (MQTT 5)"),
    texts("mqtt.property", "The properties, as name=value (MQTT 5)"),
];

/// What fits in one line.
pub fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let (asked, answered) = (request.and_then(View::of), response.and_then(View::of));
    let version = asked.or(answered).and_then(|view| view.version.name());
    let status = answered.as_ref().or(asked.as_ref()).and_then(status);
    Headline {
        method: asked.map(|view| Cow::Borrowed(view.kind.name().as_bytes())),
        endpoint: asked.and_then(|view| endpoint(&view)),
        version: version.map(|name| Cow::Borrowed(name.as_bytes())),
        status,
    }
}

/// Tells everything known of one packet.
pub fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(view) = View::of(message) else { return };
    to.field(SYSTEM, "mqtt".into());
    to.field(OPERATION, Value::Text(view.kind.name().to_ascii_lowercase().as_bytes()));
    if let Some(name) = view.version.name() {
        to.field(VERSION, name.into());
    }
    match view.kind {
        Kind::Publish => tell_publish(&view, message, to),
        Kind::Connect => tell_connect(&view, to),
        Kind::Subscribe | Kind::Unsubscribe => tell_filters(&view, to),
        Kind::Suback | Kind::Unsuback => tell_codes(&view, to),
        Kind::Pingreq | Kind::Pingresp => {}
        _ => tell_coded(&view, to),
    }
}

fn endpoint<'m>(view: &View<'m>) -> Option<Cow<'m, [u8]>> {
    match view.kind {
        Kind::Publish => Some(Cow::Borrowed(match view.publish() {
            Some(publish) => view.topic(&publish).unwrap_or(b"?"),
            None => b"?",
        })),
        Kind::Connect => {
            let client = Connect::read(view.bytes)?.client?;
            (!client.is_empty()).then_some(Cow::Borrowed(client))
        }
        Kind::Subscribe | Kind::Unsubscribe => {
            let letter = letter(view)?;
            let mut each = each_filter(view.kind, letter.rest).map(|(filter, _)| filter);
            let first = each.next()?;
            let more: Vec<&[u8]> = each.take(IN_LINE_MAX).collect();
            if more.is_empty() {
                return Some(Cow::Borrowed(first));
            }
            let mut line = first.to_vec();
            for (at, filter) in more.iter().enumerate() {
                line.push(b',');
                line.extend_from_slice(if at + 1 < IN_LINE_MAX {
                    filter
                } else {
                    "…".as_bytes()
                });
            }
            Some(Cow::Owned(line))
        }
        _ => None,
    }
}

// === status ===

/// How it ended: the code of an answer or of a DISCONNECT, or the worst of several.
fn status<'m>(view: &View<'m>) -> Option<Status<'m>> {
    let code = match view.kind {
        Kind::Connack | Kind::Disconnect | Kind::Auth => coded(view)?.code?,
        Kind::Puback | Kind::Pubrec | Kind::Pubcomp => coded(view)?.code.unwrap_or(0),
        Kind::Pingresp => 0,
        Kind::Suback | Kind::Unsuback => {
            let letter = letter(view)?;
            match letter.rest.iter().max() {
                Some(worst) => *worst,
                None if view.kind == Kind::Unsuback && !view.version.is_5() => 0,
                None => return None,
            }
        }
        _ => return None,
    };
    let outcome = if reason::is_error(view.kind, code, view.version.is_5()) {
        Outcome::Error
    } else {
        Outcome::Ok
    };
    let text = reason_of(view, code).unwrap_or_default().as_bytes();
    Some(Status { code: code.to_string().into_bytes().into(), text: text.into(), outcome })
}

fn reason_of(view: &View<'_>, code: u8) -> Option<&'static str> {
    match view.version {
        Version::V5 => reason::name(view.kind, code),
        _ if matches!(view.kind, Kind::Connack | Kind::Suback) => {
            reason::name_of_3(view.kind, code)
        }
        _ => (code == 0).then_some("Success"),
    }
}

/// A packet with codes or filters; nothing where the version that says where they begin is unknown.
fn letter<'m>(view: &View<'m>) -> Option<Letter<'m>> {
    if view.version == Version::Unknown {
        return None;
    }
    Letter::read(view.bytes, view.version.is_5())
}

fn coded<'m>(view: &View<'m>) -> Option<Coded<'m>> {
    Coded::read(view.kind, view.bytes, view.version)
}

// === fields ===

fn tell_publish(view: &View<'_>, message: &Message, to: &mut dyn Tell) {
    to.field(QOS, Value::Integer((view.flags >> 1 & 3).into()));
    to.field(RETAIN, Value::Bool(view.flags & 1 != 0));
    to.field(DUP, Value::Bool(view.flags & 8 != 0));
    let Some(publish) = view.publish() else { return };
    if let Some(topic) = view.topic(&publish) {
        to.field(DESTINATION, Value::Text(topic));
    }
    if let Some(id) = publish.id {
        to.field(PACKET_ID, Value::Integer(id.into()));
    }
    if let Some(alias) = publish.properties.alias() {
        to.field(TOPIC_ALIAS, Value::Integer(alias.into()));
    }
    tell_properties(publish.properties, PROPERTY, to);
    if view.version != Version::Unknown && !view.is_cut {
        let size = i64::try_from(message.body.size).unwrap_or(i64::MAX);
        to.field(BODY_SIZE, Value::Integer(size));
    }
    to.body(BodyFacts { media_type: media_type(&publish), encoding: None });
}

/// §3.3.2.3.2: the payload is text, §3.3.2.3.9: its type.
fn media_type<'m>(publish: &Publish<'m>) -> Option<&'m str> {
    let named =
        publish.properties.text(CONTENT_TYPE).and_then(|name| std::str::from_utf8(name).ok());
    let is_text = publish.properties.find(PAYLOAD_FORMAT) == Some(Said::Number(1));
    named.filter(|name| !name.is_empty()).or(is_text.then_some("text/plain; charset=utf-8"))
}

fn tell_connect(view: &View<'_>, to: &mut dyn Tell) {
    let Some(connect) = Connect::read(view.bytes) else { return };
    if let Some(client) = connect.client {
        to.field(CLIENT, Value::Text(client));
    }
    to.field(CLEAN, Value::Bool(connect.flags & 2 != 0));
    to.field(KEEP_ALIVE, Value::Integer(connect.keep_alive.into()));
    if let Some(user) = connect.user {
        to.field(USERNAME, Value::Text(user));
    }
    if connect.has_password() {
        to.field(PASSWORD, "***".into());
    }
    if let Some((topic, says)) = connect.will {
        to.field(WILL_TOPIC, Value::Text(topic));
        to.field(WILL_MESSAGE, Value::Text(says.get(..TEXT_MAX).unwrap_or(says)));
        to.field(WILL_QOS, Value::Integer(connect.will_qos().into()));
        to.field(WILL_RETAIN, Value::Bool(connect.flags & 0x20 != 0));
    }
    tell_properties(Properties::of(connect.will_properties), WILL_PROPERTY, to);
    tell_properties(Properties::of(connect.properties), PROPERTY, to);
}

fn tell_filters(view: &View<'_>, to: &mut dyn Tell) {
    to.field(DUP, Value::Bool(view.flags & 8 != 0));
    let Some(letter) = letter(view) else { return };
    to.field(PACKET_ID, Value::Integer(letter.id.into()));
    for (filter, options) in each_filter(view.kind, letter.rest).take(LISTED_MAX) {
        let mut line = filter.to_vec();
        if view.kind == Kind::Subscribe {
            line.extend_from_slice(options_of(options, view.version).as_bytes());
        }
        to.field(FILTER, Value::Text(&line));
    }
    tell_properties(Properties::of(letter.properties), PROPERTY, to);
}

/// §3.8.3.1.
fn options_of(options: u8, version: Version) -> String {
    let mut text = format!(" qos={}", options & 3);
    if version.is_5() {
        for (bit, name) in [(4, " no-local"), (8, " retain-as-published")] {
            if options & bit != 0 {
                text += name;
            }
        }
        if options & 0x30 != 0 {
            text += &format!(" retain-handling={}", options >> 4 & 3);
        }
    }
    text
}

fn tell_codes(view: &View<'_>, to: &mut dyn Tell) {
    let id = Letter::read(view.bytes, false).map(|letter| letter.id);
    if let Some(id) = id {
        to.field(PACKET_ID, Value::Integer(id.into()));
    }
    let Some(letter) = letter(view) else { return };
    let codes = letter.rest.iter().take(LISTED_MAX);
    for code in codes.clone() {
        to.field(REASON_CODE, Value::Integer((*code).into()));
    }
    for code in codes {
        to.field(REASON, reason_of(view, *code).unwrap_or("?").into());
    }
    tell_properties(Properties::of(letter.properties), PROPERTY, to);
}

fn tell_coded(view: &View<'_>, to: &mut dyn Tell) {
    let Some(coded) = coded(view) else { return };
    if view.kind == Kind::Connack {
        to.field(SESSION_PRESENT, Value::Bool(coded.flags & 1 != 0));
    }
    if let Some(id) = coded.id {
        to.field(PACKET_ID, Value::Integer(id.into()));
    }
    if let Some(code) = coded.code {
        to.field(REASON_CODE, Value::Integer(code.into()));
        to.field(REASON, reason_of(view, code).unwrap_or("?").into());
    }
    let properties = Properties::of(coded.properties);
    if let Some(client) = properties.text(ASSIGNED_CLIENT) {
        to.field(CLIENT, Value::Text(client));
    }
    tell_properties(properties, PROPERTY, to);
}

/// Properties as `name=value`; what anybody may say, as headers too.
fn tell_properties(properties: Properties<'_>, field: usize, to: &mut dyn Tell) {
    for property in properties {
        let mut line = property.name.as_bytes().to_vec();
        line.push(b'=');
        match property.value {
            _ if property.id == AUTHENTICATION_DATA => line.extend_from_slice(b"***"),
            Said::Number(number) => line.extend_from_slice(number.to_string().as_bytes()),
            Said::Bytes(bytes) => line.extend_from_slice(bytes.get(..TEXT_MAX).unwrap_or(bytes)),
            Said::Pair(name, value) => {
                line.extend_from_slice(name);
                line.extend_from_slice(b": ");
                line.extend_from_slice(value.get(..TEXT_MAX).unwrap_or(value));
            }
        }
        to.field(field, Value::Text(&line));
    }
    if field != PROPERTY {
        return;
    }
    for property in properties.filter(|property| property.id == USER) {
        if let Said::Pair(name, value) = property.value {
            to.header(name, value);
        }
    }
}
