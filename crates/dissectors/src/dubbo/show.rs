//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{Headline, Message, Outcome, Status, Tell};

use super::{
    HEAD, Head,
    body::{self, Texts},
};
use crate::fields::{fields, flag, integer, some_text, text};

fields! {
    System = "rpc.system" Text, "Always apache_dubbo";
    Service = "rpc.service" Text, "The interface that is called";
    Method = "rpc.method" Text, "The method that is called";
    Version = "dubbo.version" Text, "The client's version of Dubbo";
    ServiceVersion = "dubbo.service_version" Text, "The version of the interface";
    Parameters = "dubbo.parameter_types" Text, "The types of the arguments, as Java writes them";
    Id = "dubbo.id" Integer, "The number that question and answer share";
    Event = "dubbo.event" Bool, "A heartbeat or another message between the ends";
    OneWay = "dubbo.one_way" Bool, "Nobody waits for an answer";
    Serialization = "dubbo.serialization" Text, "How the body is written: hessian2, kryo, fastjson";
    StatusCode = "dubbo.status.code" Integer, "The status: 20 is OK";
    StatusName = "dubbo.status" Text, "The status by name";
    Result = "dubbo.result" Text, "What the body is: value, null, exception";
    Size = "dubbo.body_size" Integer, "Bytes of the body";
}

/// A status by its name.
pub(super) fn status(code: u8) -> Option<&'static str> {
    Some(match code {
        20 => "OK",
        25 => "SERIALIZATION_ERROR",
        30 => "CLIENT_TIMEOUT",
        31 => "SERVER_TIMEOUT",
        35 => "CHANNEL_INACTIVE",
        40 => "BAD_REQUEST",
        50 => "BAD_RESPONSE",
        60 => "SERVICE_NOT_FOUND",
        70 => "SERVICE_ERROR",
        80 => "SERVER_ERROR",
        90 => "CLIENT_ERROR",
        100 => "SERVER_THREADPOOL_EXHAUSTED_ERROR",
        _ => return None,
    })
}

/// A request's first texts.
#[derive(Debug, Default)]
struct Call<'m> {
    version: Cow<'m, [u8]>,
    service: Cow<'m, [u8]>,
    service_version: Cow<'m, [u8]>,
    method: Cow<'m, [u8]>,
    parameters: Cow<'m, [u8]>,
}

fn of(message: &Message) -> Option<(Head, &[u8])> {
    Some((Head::read(&message.record).ok()?, message.record.get(HEAD..)?))
}

fn call(head: Head, body: &[u8]) -> Option<Call<'_>> {
    if head.is_event() {
        return None;
    }
    let mut texts = Texts::of(head.flags, body);
    let is_marked = matches!(head.flags & 0x1f, 8 | 25);
    let mut next = || {
        let text = texts.text()?;
        let marked = is_marked && text.last().is_some_and(|last| last & 0x80 != 0);
        Some(if marked { Cow::Owned(body::unmarked(text)) } else { Cow::Borrowed(text) })
    };
    let mut call =
        Call { version: next()?, service: next()?, service_version: next()?, ..Call::default() };
    call.method = next()?;
    call.parameters = next().unwrap_or_default();
    Some(call)
}

/// What fits in one line.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let asked = request.and_then(of);
    let answered = response.and_then(of);
    let mut line = Headline::default();
    if asked.or(answered).is_some_and(|(head, _)| head.is_event()) {
        line.method = Some(b"heartbeat"[..].into());
    }
    if let Some(call) = asked.and_then(|(head, body)| call(head, body)) {
        line.method = Some(call.method);
        line.endpoint = Some(call.service);
    }
    line.status = answered.map(|(head, body)| {
        let name = status(head.status).unwrap_or("unknown");
        let fails = head.status != 20;
        let throws = !head.is_event() && result(head, body) == Some("exception");
        let code = if throws { "EXCEPTION" } else { name };
        let outcome = if fails || throws { Outcome::Error } else { Outcome::Ok };
        let said = if fails { Texts::of(head.flags, body).text().unwrap_or_default() } else { &[] };
        Status { code: code.as_bytes().into(), text: said.into(), outcome }
    });
    line
}

/// What the body of an answer that worked is.
fn result(head: Head, body: &[u8]) -> Option<&'static str> {
    let kind = match head.flags & 0x1f {
        // Numbers of Hessian 2 in one byte, and of JSON in one digit.
        2 | 10 => Texts::of(head.flags, body).byte()?.checked_sub(0x90)?,
        5 | 6 | 16 | 21 | 23 => body.trim_ascii_start().first()?.checked_sub(b'0')?,
        8 | 9 | 25 | 3 | 4 | 7 => *body.first()?,
        _ => return None,
    };
    Some(match kind {
        0 | 3 => "exception",
        1 | 4 => "value",
        2 | 5 => "null",
        _ => return None,
    })
}

/// Tells everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let Some((head, body)) = of(message) else { return };
    text(to, At::System, "apache_dubbo");
    if let Some(call) = call(head, body).filter(|_| head.asks()) {
        some_text(to, At::Service, call.service);
        some_text(to, At::Method, call.method);
        some_text(to, At::Version, call.version);
        some_text(to, At::ServiceVersion, call.service_version);
        some_text(to, At::Parameters, call.parameters);
    }
    integer(to, At::Id, head.id.cast_signed());
    if head.is_event() {
        flag(to, At::Event, true);
    }
    if head.asks() && !head.wants_answer() {
        flag(to, At::OneWay, true);
    }
    text(to, At::Serialization, body::serialization(head.flags).unwrap_or_default());
    if !head.asks() {
        integer(to, At::StatusCode, head.status);
        some_text(to, At::StatusName, status(head.status).unwrap_or_default());
        if head.status == 20 && !head.is_event() {
            some_text(to, At::Result, result(head, body).unwrap_or_default());
        }
    }
    integer(to, At::Size, head.len);
}
