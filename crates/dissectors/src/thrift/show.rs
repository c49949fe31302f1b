//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{Headline, Message, Outcome, Status, Tell};

use super::{
    walk::{Walker, kind},
    wire::{Front, Kind},
};
use crate::fields::{fields, integer, some_text, text};

/// Fields told one by one, at most.
const LIST_MAX: usize = 64;
/// Bytes of a text shown, at most.
const TEXT_MAX: usize = 256;

fields! {
    System = "rpc.system" Text, "Always thrift";
    Method = "rpc.method" Text, "The method that is called";
    Service = "rpc.service" Text, "The service, where several share a connection (SERVICE:METHOD)";
    Type = "thrift.message_type" Text, "call, reply, exception or oneway";
    Sequence = "thrift.sequence_id" Integer, "The number that question and answer share";
    Protocol = "thrift.protocol" Text, "binary or compact";
    Transport = "thrift.transport" Text, "framed or unframed";
    Arguments = "thrift.fields" Text many, "The fields of the arguments or the result: 1 i32 = 5, 2 struct";
    Error = "thrift.exception.type" Text, "What kind of exception it is: unknown method, internal error";
    Message = "thrift.exception.message" Text, "What the server says about it";
    Declared = "thrift.exception.field" Integer, "Which of the exceptions that the method declares it is";
}

fn of(message: &Message) -> Option<(Front, &[u8])> {
    Some((Front::read(&message.record).ok()?, &message.record))
}

/// Service and method of a name.
fn name<'m>(front: &Front, record: &'m [u8]) -> (Option<&'m [u8]>, &'m [u8]) {
    let name = record.get(front.name.0..front.name.1).unwrap_or_default();
    match name.iter().position(|byte| *byte == b':') {
        Some(at) => (name.get(..at), name.get(at + 1..).unwrap_or_default()),
        None => (None, name),
    }
}

/// What fits in one line.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let mut line = Headline::default();
    if let Some((front, record)) = request.or(response).and_then(of) {
        let (service, method) = name(&front, record);
        line.method = Some(Cow::Borrowed(method));
        line.endpoint = service.map(Cow::Borrowed);
    }
    line.status = response.and_then(of).map(|(front, record)| status(&front, record));
    line
}

fn status<'m>(front: &Front, record: &'m [u8]) -> Status<'m> {
    let (code, text, outcome) = match front.kind {
        Kind::Exception => {
            let (kind, said) = exception(front, record);
            (kind, said, Outcome::Error)
        }
        _ if declared(front, record).is_some() => ("EXCEPTION", &[][..], Outcome::Error),
        _ => ("OK", &[][..], Outcome::Ok),
    };
    Status { code: code.as_bytes().into(), text: text.into(), outcome }
}

/// The exception's kind and text (`TApplicationException`).
fn exception<'m>(front: &Front, record: &'m [u8]) -> (&'static str, &'m [u8]) {
    let mut walker = Walker::new(front.compact, record, front.head);
    let (mut number, mut said) = (0, &[][..]);
    while let Ok(Some(field)) = walker.field() {
        let read = match (field.id, field.kind) {
            (1, kind::STRING) => walker.text().map(|text| said = text),
            (2, kind::I32) => walker.i32().map(|value| number = value),
            _ => walker.skip(field),
        };
        if read.is_err() {
            break;
        }
    }
    let name = match number {
        1 => "UNKNOWN_METHOD",
        2 => "INVALID_MESSAGE_TYPE",
        3 => "WRONG_METHOD_NAME",
        4 => "BAD_SEQUENCE_ID",
        5 => "MISSING_RESULT",
        6 => "INTERNAL_ERROR",
        7 => "PROTOCOL_ERROR",
        8 => "INVALID_TRANSFORM",
        9 => "INVALID_PROTOCOL",
        10 => "UNSUPPORTED_CLIENT_TYPE",
        _ => "UNKNOWN",
    };
    (name, said)
}

/// The number of the declared exception that a reply carries: what worked is field 0.
fn declared(front: &Front, record: &[u8]) -> Option<i16> {
    if front.kind != Kind::Reply {
        return None;
    }
    let first = Walker::new(front.compact, record, front.head).field().ok()??;
    (first.id > 0 && first.kind == kind::STRUCT).then_some(first.id)
}

/// Tells everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let Some((front, record)) = of(message) else { return };
    text(to, At::System, "thrift");
    let (service, method) = name(&front, record);
    text(to, At::Method, method);
    some_text(to, At::Service, service.unwrap_or_default());
    let kind = match front.kind {
        Kind::Call => "call",
        Kind::Reply => "reply",
        Kind::Exception => "exception",
        Kind::OneWay => "oneway",
    };
    text(to, At::Type, kind);
    integer(to, At::Sequence, front.sequence.cast_signed());
    text(to, At::Protocol, if front.compact { "compact" } else { "binary" });
    text(to, At::Transport, if front.frame.is_some() { "framed" } else { "unframed" });
    if front.kind == Kind::Exception {
        let (kind, said) = exception(&front, record);
        text(to, At::Error, kind);
        return some_text(to, At::Message, said);
    }
    if let Some(field) = declared(&front, record) {
        integer(to, At::Declared, field);
    }
    let mut walker = Walker::new(front.compact, record, front.head);
    for _ in 0..LIST_MAX {
        let Ok(Some(field)) = walker.field() else { break };
        let mut line = format!("{} {}", field.id, name_of(field.kind));
        let read = match (field.kind, field.truth) {
            (_, Some(truth)) => {
                line += &format!(" = {truth}");
                Ok(())
            }
            (kind::STRING, _) => walker.text().map(|value| {
                let shown = value.get(..TEXT_MAX).unwrap_or(value);
                line += &match str::from_utf8(shown) {
                    Ok(text) => format!(" = {text}"),
                    Err(_) => format!(" ({} bytes)", value.len()),
                };
            }),
            (kind::I32, _) => walker.i32().map(|value| line += &format!(" = {value}")),
            _ => walker.skip(field),
        };
        text(to, At::Arguments, &line);
        if read.is_err() {
            break;
        }
    }
}

fn name_of(kind: u8) -> &'static str {
    match kind {
        kind::BOOL => "bool",
        kind::BYTE => "byte",
        kind::DOUBLE => "double",
        kind::I16 => "i16",
        kind::I32 => "i32",
        kind::I64 => "i64",
        kind::STRING => "string",
        kind::STRUCT => "struct",
        kind::MAP => "map",
        kind::SET => "set",
        kind::LIST => "list",
        _ => "uuid",
    }
}
