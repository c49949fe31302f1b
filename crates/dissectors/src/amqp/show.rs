//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{BodyFacts, Headline, Message, Outcome, Status, Tell};

use super::{
    args::{Arg, Args, Kind, Value},
    field_table,
    fields::At,
    method,
    properties::Header,
    record::{self, Record},
};
use crate::amqp1;

/// The version that is read.
const VERSION: &[u8] = b"0-9-1";
/// The reply code that says that all is well (§1.2).
const REPLY_SUCCESS: u64 = 200;
/// The method of a server's own protocol header.
const REFUSED: &[u8] = b"protocol-header";

/// What fits in one line.
pub fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    if request.or(response).is_some_and(amqp1::record::is_ours) {
        return amqp1::show::headline(request, response);
    }
    let (asked, answered) = (request.and_then(Record::of), response.and_then(Record::of));
    let version = Some(Cow::Borrowed(VERSION));
    if let Some(wanted) = request.or(response).and_then(record::refusal) {
        let status = status(b"VERSION", wanted_version(wanted), Outcome::Error);
        return Headline {
            method: Some(Cow::Borrowed(REFUSED)),
            status: Some(status),
            ..Headline::default()
        };
    }
    let method = asked.or(answered.filter(|_| request.is_none())).map(|record| name(&record));
    let endpoint = asked.and_then(|record| self::endpoint(record.args()));
    // A queue or a consumer may have been named by the server.
    let endpoint = endpoint.or_else(|| self::endpoint(answered?.args()));
    Headline { method, endpoint, version, status: judge(asked, answered) }
}

/// Tells everything known of one message.
pub fn tell(message: &Message, to: &mut dyn Tell) {
    if amqp1::record::is_ours(message) {
        return amqp1::show::tell(message, to);
    }
    to.field(At::System as usize, "rabbitmq".into());
    if let Some(wanted) = record::refusal(message) {
        to.field(At::Operation as usize, model::Value::Text(REFUSED));
        to.field(At::Version as usize, model::Value::Text(&wanted_version(wanted)));
    }
    let Some(record) = Record::of(message) else { return };
    to.field(At::Channel as usize, model::Value::Integer(record.channel.into()));
    match record.method() {
        Some(method) => to.field(At::Operation as usize, method.operation().into()),
        None => to.field(At::Operation as usize, model::Value::Text(&name(&record))),
    }
    if let Some(destination) = destination(record.args(), b":") {
        to.field(At::Destination as usize, model::Value::Text(&destination));
    }
    record.args().for_each(|(arg, value)| tell_value(arg, value, to));
    if let Some(header) = Header::of(record.header) {
        tell_header(header, to);
    }
}

// === the headline ===

fn name<'m>(record: &Record<'m>) -> Cow<'m, [u8]> {
    match record.method() {
        Some(method) => Cow::Borrowed(method.name.as_bytes()),
        None => Cow::Owned(numbers(record.key)),
    }
}

fn numbers(key: u32) -> Vec<u8> {
    format!("{}.{}", key >> 16, key & 0xffff).into_bytes()
}

/// The exchange and the routing key, the queue, the exchange, the virtual host, the consumer.
fn endpoint<'m>(args: Args<'m>) -> Option<Cow<'m, [u8]>> {
    destination(args, b"/").or_else(|| {
        let fields = [At::VirtualHost, At::ConsumerTag];
        fields.into_iter().find_map(|field| filled(args, field)).map(Cow::Borrowed)
    })
}

/// Where a message goes or came from, or what else a method is about.
fn destination<'m>(args: Args<'m>, between: &[u8]) -> Option<Cow<'m, [u8]>> {
    if let Some(queue) = filled(args, At::Queue) {
        return Some(Cow::Borrowed(queue));
    }
    let exchange = filled(args, At::Exchange);
    // A binding is named by its ends: its routing key is a pattern.
    let key = filled(args, At::RoutingKey).filter(|_| args.text(At::Source).is_none());
    match (exchange, key) {
        (Some(exchange), Some(key)) => Some(Cow::Owned([exchange, between, key].concat())),
        (one, other) => one.or(other).map(Cow::Borrowed),
    }
}

fn filled<'m>(args: Args<'m>, field: At) -> Option<&'m [u8]> {
    args.text(field).filter(|text| !text.is_empty())
}

/// A close or a return says itself how it went; everything else is judged by its answer.
fn judge<'m>(asked: Option<Record<'m>>, answered: Option<Record<'m>>) -> Option<Status<'m>> {
    let said = asked.and_then(|record| {
        let args = record.args();
        Some((args.number(At::ReplyCode)?, args.text(At::ReplyText).unwrap_or_default()))
    });
    if let Some((code, text)) = said {
        // Some clients (pika) say 0 where they mean that all is well.
        let outcome = if matches!(code, 0 | REPLY_SUCCESS) { Outcome::Ok } else { Outcome::Error };
        return Some(status(code.to_string().into_bytes(), text, outcome));
    }
    let (code, outcome): (&[u8], _) = match answered?.key {
        method::ACK => (b"ack", Outcome::Ok),
        method::NACK => (b"nack", Outcome::Error),
        method::REJECT => (b"reject", Outcome::Error),
        method::GET_EMPTY => (b"EMPTY", Outcome::Ok),
        _ if answered?.method()?.answers().is_some() => (b"OK", Outcome::Ok),
        _ => return None,
    };
    Some(status(code, &b""[..], outcome))
}

fn status<'m>(
    code: impl Into<Cow<'m, [u8]>>,
    text: impl Into<Cow<'m, [u8]>>,
    outcome: Outcome,
) -> Status<'m> {
    Status { code: code.into(), text: text.into(), outcome }
}

fn wanted_version(version: &[u8]) -> Vec<u8> {
    let numbers: Vec<String> = version.iter().map(u8::to_string).collect();
    numbers.join("-").into_bytes()
}

// === the fields ===

fn tell_value(arg: Arg, value: Value<'_>, to: &mut dyn Tell) {
    let Some(field) = arg.field else {
        if let (Kind::Table, Value::Table(table)) = (arg.kind, value) {
            field_table::walk(table, &mut |path, text| to.header(path, text));
        }
        return;
    };
    let value = match value {
        Value::Number(key) if field == At::FailedMethod => return tell_failed(key, to),
        Value::Number(number) => model::Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)),
        Value::Bit(bit) => model::Value::Bool(bit),
        Value::Text(b"") | Value::Table(_) => return,
        Value::Text(text) => model::Value::Text(text),
    };
    to.field(field as usize, value);
}

/// The class and the method that were the reason; 0 for none.
fn tell_failed(key: u64, to: &mut dyn Tell) {
    let Some(key) = u32::try_from(key).ok().filter(|key| *key > 0) else { return };
    let name = match method::find(key) {
        Some(method) => Cow::Borrowed(method.name.as_bytes()),
        None => Cow::Owned(numbers(key)),
    };
    to.field(At::FailedMethod as usize, model::Value::Text(&name));
}

fn tell_header(header: Header<'_>, to: &mut dyn Tell) {
    let size = i64::try_from(header.size).unwrap_or(i64::MAX);
    to.field(At::BodySize as usize, model::Value::Integer(size));
    for (arg, value) in header.properties() {
        tell_value(arg, value, to);
    }
    let text = |field| header.text(field).and_then(|text| std::str::from_utf8(text).ok());
    let media_type = text(At::ContentType).filter(|text| !text.is_empty());
    let encoding = text(At::ContentEncoding).filter(|text| !text.is_empty());
    to.body(BodyFacts { media_type, encoding });
}
