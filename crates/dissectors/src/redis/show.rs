//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{BodyFacts, Field, Headline, Kind, Message, Outcome, Status, Tell, Value};

use super::{
    names::{self, Key, Listed},
    record::{Command, Leaves, Reply, SNAPSHOT, STREAMED, without_format},
    session::is,
    text::{self, Text},
};

/// Elements of a reply told one by one, at most.
const ELEMENTS_MAX: usize = 64;
/// Bytes of a string that is told as a field, at most; the body holds it whole.
const REPLY_MAX: usize = 1 << 10;
/// Arguments looked at to find a key, at most.
const ARGUMENTS_MAX: usize = 64;

const SYSTEM: usize = 0;
const OPERATION: usize = 1;
const NAMESPACE: usize = 2;
const QUERY: usize = 3;
const KEY: usize = 4;
const COUNT: usize = 5;
const STATUS_CODE: usize = 6;
const REPLY: usize = 7;
const REPLY_TYPE: usize = 8;
const REPLY_SIZE: usize = 9;
const REPLY_ELEMENT: usize = 10;
const PUSH_KIND: usize = 11;
const CHANNEL: usize = 12;

const fn text(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Kind::Text, many: false, about }
}

const fn integer(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Kind::Integer, many: false, about }
}

/// The fields, in the order of the constants above.
pub const FIELDS: &[Field] = &[
    text("db.system.name", "Always redis"),
    text("db.operation.name", "The command in upper case: GET, CONFIG SET"),
    integer("db.namespace", "The database's number, if it was seen being selected"),
    text("db.query.text", "The command as redis-cli shows it; secrets are ***, long ones end in …"),
    text("redis.key", "The first key or the channel"),
    integer("redis.args.count", "How many arguments the command has, its name included"),
    text("db.response.status_code", "The first word of an error: WRONGTYPE, MOVED"),
    text("redis.reply", "The reply, if it is one value; the first KiB of it"),
    text("redis.reply.type", "string, bulk, integer, nil, array, map, set, push, error …"),
    integer("redis.reply.size", "Bytes of a string, elements of an array, pairs of a map"),
    Field {
        name: "redis.reply.element",
        kind: Kind::Text,
        many: true,
        about: "The first 64 values of an array, however deep",
    },
    text("redis.push.kind", "What was pushed: message, pmessage, invalidate, monitor"),
    text("redis.channel", "The channel of a message or a subscription"),
];

/// What fits in one line.
pub fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let reply = response.and_then(Reply::of);
    if let Some(command) = request.or(response).and_then(Command::of) {
        let status = response.zip(reply).and_then(|(message, reply)| status(message, reply));
        let listed = names::find(command.name());
        let endpoint = key_of(&command, listed).map(Cow::Borrowed);
        let method = Some(method_of(&command, listed));
        return Headline { method, endpoint, version: None, status };
    }
    let Some((message, reply)) = response.zip(reply) else { return Headline::default() };
    match push_of(&reply) {
        Some((kind, channel)) => Headline {
            method: Some(Cow::Borrowed(kind)),
            endpoint: Some(channel).filter(|channel| !channel.is_empty()).map(Cow::Borrowed),
            ..Headline::default()
        },
        None => Headline { status: status(message, reply), ..Headline::default() },
    }
}

/// Tells everything known of one message.
pub fn tell(message: &Message, to: &mut dyn Tell) {
    to.field(SYSTEM, "redis".into());
    if let Some(command) = Command::of(message) {
        tell_command(&command, to);
    } else if let Some(reply) = Reply::of(message) {
        tell_reply(message, &reply, to);
    }
}

// === commands ===

fn tell_command(command: &Command<'_>, to: &mut dyn Tell) {
    let listed = names::find(command.name());
    to.field(OPERATION, Value::Text(&method_of(command, listed)));
    if let Some(db) = command.db {
        to.field(NAMESPACE, Value::Integer(i64::from(db)));
    }
    let mut query = Text::default();
    let mut count = 0;
    for argument in command.arguments() {
        if query.is_full() {
            break;
        }
        query.word(argument.text, argument.cut);
        count += 1;
    }
    if count < command.count {
        query.cut();
    }
    to.field(QUERY, Value::Text(query.bytes()));
    if let Some(key) = key_of(command, listed) {
        to.field(KEY, Value::Text(key));
    }
    to.field(COUNT, Value::Integer(i64::from(command.count)));
}

/// The command's name in upper case, with its second word where that belongs to it.
fn method_of<'m>(command: &Command<'m>, listed: Option<&'static Listed>) -> Cow<'m, [u8]> {
    match listed {
        Some(listed) if listed.is_container && command.count > 1 => {
            let words = [listed.name.as_bytes(), b" ", command.text(1)].concat();
            Cow::Owned(words.to_ascii_uppercase())
        }
        Some(listed) => Cow::Borrowed(listed.name.as_bytes()),
        None if command.name().iter().any(u8::is_ascii_lowercase) => {
            Cow::Owned(command.name().to_ascii_uppercase())
        }
        None => Cow::Borrowed(command.name()),
    }
}

fn key_of<'m>(command: &Command<'m>, listed: Option<&'static Listed>) -> Option<&'m [u8]> {
    let at = |index: usize| command.arguments().nth(index).map(|argument| argument.text);
    match listed.map_or(Key::At(1), |listed| listed.key) {
        Key::None => None,
        Key::At(index) => at(index),
        Key::Counted(index) if at(index)? == b"0" => None,
        Key::Counted(index) => at(index + 1),
        Key::Streams => behind(command, "STREAMS"),
        Key::Migrate => match at(3)? {
            [] => behind(command, "KEYS"),
            key => Some(key),
        },
    }
}

fn behind<'m>(command: &Command<'m>, word: &str) -> Option<&'m [u8]> {
    let mut arguments = command.arguments().take(ARGUMENTS_MAX);
    arguments.find(|argument| is(argument.text, word))?;
    arguments.next().map(|argument| argument.text)
}

// === replies ===

fn tell_reply(message: &Message, reply: &Reply<'_>, to: &mut dyn Tell) {
    if let Some(status) = status(message, *reply)
        && status.outcome == Outcome::Error
    {
        to.field(STATUS_CODE, Value::Text(&status.code));
    }
    if let Some((value, cut)) = value_of(message, reply) {
        tell_value(value, cut, to);
    }
    to.field(REPLY_TYPE, type_of(reply).into());
    if let Some(size) = size_of_reply(message, reply) {
        to.field(REPLY_SIZE, Value::Integer(i64::try_from(size).unwrap_or(i64::MAX)));
    }
    if let Some((kind, channel)) = push_of(reply) {
        to.field(PUSH_KIND, Value::Text(kind));
        if !channel.is_empty() && !is(kind, "invalidate") {
            to.field(CHANNEL, Value::Text(channel));
        }
    }
    tell_attributes(reply, to);
    if reply.is_aggregate() {
        for leaf in Leaves::of(&message.body.kept).take(ELEMENTS_MAX) {
            to.field(REPLY_ELEMENT, Value::Text(leaf.text));
        }
        to.body(BodyFacts { media_type: Some("application/x-resp"), encoding: None });
    }
}

fn tell_value(value: &[u8], cut: bool, to: &mut dyn Tell) {
    if !cut && value.len() <= text::MAX {
        return to.field(REPLY, Value::Text(value));
    }
    let mut text = Text::default();
    text.raw(value, cut);
    to.field(REPLY, Value::Text(text.bytes()));
}

fn tell_attributes(reply: &Reply<'_>, to: &mut dyn Tell) {
    let mut leaves = Leaves::of(reply.attributes);
    while let (Some(name), Some(value)) = (leaves.next(), leaves.next()) {
        to.header(name.text, value.text);
    }
}

/// How the command ended.
fn status<'m>(message: &'m Message, reply: Reply<'m>) -> Option<Status<'m>> {
    let error = match reply.kind {
        b'|' => return None,
        b'-' => reply.text,
        b'!' => &message.body.kept,
        b'+' => return Some(ok(reply.text)),
        _ => return Some(ok(b"")),
    };
    let end = error.iter().position(|byte| *byte == b' ').unwrap_or(error.len());
    let (code, text) = error.split_at_checked(end)?;
    let is_code =
        !code.is_empty() && code.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let (code, text) = if is_code { (code, text.trim_ascii_start()) } else { (&b"ERR"[..], error) };
    Some(Status { code: code.into(), text: text.into(), outcome: Outcome::Error })
}

fn ok(text: &[u8]) -> Status<'_> {
    let text = if text == b"OK" { &[][..] } else { text };
    Status { code: b"OK"[..].into(), text: text.into(), outcome: Outcome::Ok }
}

/// The kind and the channel of what nobody asked for.
fn push_of<'m>(reply: &Reply<'m>) -> Option<(&'m [u8], &'m [u8])> {
    match reply.kind {
        SNAPSHOT => Some((b"snapshot", b"")),
        b'+' if super::reply::is_monitored(reply.text) => Some((b"monitor", b"")),
        _ => reply.push(),
    }
}

/// The value of a scalar, or what a message says; and whether there is more of it.
fn value_of<'m>(message: &'m Message, reply: &Reply<'m>) -> Option<(&'m [u8], bool)> {
    match reply.kind {
        _ if reply.is_null() => None,
        b'$' | b'!' | b'=' => {
            let kept = &message.body.kept;
            let text = kept.get(..REPLY_MAX).unwrap_or(kept);
            let cut = (text.len() as u64) < message.body.size;
            Some((if reply.kind == b'=' { without_format(text) } else { text }, cut))
        }
        b'*' | b'>' if push_of(reply).is_some_and(|(kind, _)| kind.ends_with(b"message")) => {
            let leaf = Leaves::of(&message.body.kept).take(4).last()?;
            Some((leaf.text, leaf.cut))
        }
        b'+' | b'-' | b':' | b',' | b'#' | b'(' => Some((reply.text, false)),
        _ => None,
    }
}

fn size_of_reply(message: &Message, reply: &Reply<'_>) -> Option<u64> {
    match reply.kind {
        _ if reply.is_null() => None,
        b'$' | b'!' | b'=' | SNAPSHOT => Some(message.body.size),
        b'*' | b'~' | b'>' | b'%' if reply.flags & STREAMED == 0 => Some(reply.elements.into()),
        _ => None,
    }
}

fn type_of(reply: &Reply<'_>) -> &'static str {
    match reply.kind {
        _ if reply.is_null() => "nil",
        b'+' => "string",
        b'-' | b'!' => "error",
        b':' => "integer",
        b'$' => "bulk",
        b'*' => "array",
        b'%' => "map",
        b'~' => "set",
        b'>' => "push",
        b',' => "double",
        b'#' => "boolean",
        b'(' => "big number",
        b'=' => "verbatim",
        SNAPSHOT => "snapshot",
        _ => "attributes",
    }
}
