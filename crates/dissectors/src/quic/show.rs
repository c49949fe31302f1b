//! What is shown of a handshake, or of a connection that failed: its line in a table, and its fields.

use std::borrow::Cow;

use model::{Field, Headline, Kind, Message, Outcome, Status, Tell, Value};

use super::{
    record::{Closed, View, note},
    version,
};
use crate::{
    spell::hex,
    tls::{
        record::What,
        show::{self as tls, headline_of, tell_view},
    },
};

/// Fields of QUIC itself; those of TLS come before them.
const OWN: [Field; 9] = [
    text("quic.version", "the version of QUIC: 1, 2, draft-29"),
    text(
        "quic.destination_connection_id",
        "the connection ID that the client made up for the server, in hexadecimal",
    ),
    text(
        "quic.source_connection_id",
        "the sender's own connection ID, in hexadecimal; empty where it has none",
    ),
    Field {
        name: "quic.retry",
        kind: Kind::Bool,
        many: false,
        about: "true if the server wanted the client's address proved (Retry)",
    },
    Field {
        name: "quic.versions",
        kind: Kind::Text,
        many: true,
        about: "the versions that the server speaks, where it does not speak the client's",
    },
    text(
        "quic.close.error",
        "the error by which this side closed the connection: FLOW_CONTROL_ERROR, H3_INTERNAL_ERROR, CRYPTO_ERROR",
    ),
    Field {
        name: "quic.close.code",
        kind: Kind::Integer,
        many: false,
        about: "the number of that error",
    },
    text("quic.close.by", "who closed the connection: transport or application"),
    text("quic.close.reason", "the words by which this side closed the connection"),
];

const VERSION: usize = tls::FIELDS.len();
const DESTINATION: usize = VERSION + 1;
const SOURCE: usize = VERSION + 2;
const RETRY: usize = VERSION + 3;
const VERSIONS: usize = VERSION + 4;
const ERROR: usize = VERSION + 5;
const CODE: usize = VERSION + 6;
const BY: usize = VERSION + 7;
const REASON: usize = VERSION + 8;

const COUNT: usize = tls::FIELDS.len() + OWN.len();

/// What a message tells.
pub const FIELDS: &[Field] = &ALL;

const ALL: [Field; COUNT] = {
    let mut all = [const { text("", "") }; COUNT];
    let mut at = 0;
    while at < COUNT {
        let from = if at < VERSION { &tls::FIELDS[at] } else { &OWN[at - VERSION] };
        all[at] = Field { name: from.name, kind: from.kind, many: from.many, about: from.about };
        at += 1;
    }
    all
};

const fn text(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Kind::Text, many: false, about }
}

/// What fits in one line.
pub fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let is_whole = request.is_none_or(|request| request.missing.is_none());
    let request = request.and_then(View::of);
    let response = response.and_then(View::of);
    let Some(one) = response.or(request) else { return Headline::default() };
    let told = headline_of(request.map(|view| view.tls), response.map(|view| view.tls), is_whole);
    let method: &[u8] = if one.facts.tls.what == What::Alert { b"close" } else { b"handshake" };
    let name = one.note(note::NAME).filter(|name| !name.is_empty());
    Headline {
        method: Some(method.into()),
        endpoint: name.map(Cow::Borrowed).or(told.endpoint),
        version: Some(bytes(version::name(one.facts.version))),
        status: closed_status(request, response).or(told.status),
    }
}

/// Tells the fields.
pub fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(view) = View::of(message) else { return };
    tell_view(view.tls, 'q', to);
    to.field(VERSION, Value::Text(version::name(view.facts.version).as_bytes()));
    for (at, kind) in [(DESTINATION, note::DESTINATION), (SOURCE, note::SOURCE)] {
        if let Some(cid) = view.note(kind) {
            to.field(at, Value::Text(hex(cid).as_bytes()));
        }
    }
    if view.facts.is_retried {
        to.field(RETRY, Value::Bool(true));
    }
    for version in view.note(note::VERSIONS).unwrap_or_default().as_chunks().0 {
        let name = version::name(u32::from_be_bytes(*version));
        to.field(VERSIONS, Value::Text(name.as_bytes()));
    }
    tell_close(view, to);
}

fn tell_close(view: View<'_>, to: &mut dyn Tell) {
    let (by, code) = match view.facts.closed {
        Closed::No | Closed::Version => return,
        Closed::Transport(code) => ("transport", code),
        Closed::App(code) => ("application", code),
    };
    to.field(ERROR, Value::Text(error(view.facts.closed).as_bytes()));
    to.field(CODE, Value::Integer(i64::try_from(code).unwrap_or(i64::MAX)));
    to.field(BY, Value::Text(by.as_bytes()));
    if let Some(reason) = view.note(note::REASON) {
        to.field(REASON, Value::Text(reason));
    }
}

/// How it ended, where a side closed the connection; alerts of TLS are its own.
fn closed_status<'m>(request: Option<View<'m>>, response: Option<View<'m>>) -> Option<Status<'m>> {
    let halves = [(request, "client"), (response, "server")];
    let halves = halves.into_iter().filter_map(|(view, side)| Some((view?, side)));
    let (view, side) = halves.into_iter().find(|(view, _)| view.facts.closed != Closed::No)?;
    let code = match view.facts.closed {
        Closed::Transport(_) if view.facts.tls.alert.is_some() => return None,
        Closed::Version => Cow::Borrowed("VERSION_NEGOTIATION"),
        closed => error(closed),
    };
    let is_error = !matches!(view.facts.closed, Closed::Transport(0) | Closed::App(0 | 0x100));
    let outcome = if is_error { Outcome::Error } else { Outcome::Ok };
    let reason = view.note(note::REASON).map(String::from_utf8_lossy);
    let text = match reason {
        Some(reason) => format!("closed by the {side}: {reason}"),
        None => format!("closed by the {side}"),
    };
    Some(Status { code: bytes(code), text: text.into_bytes().into(), outcome })
}

/// The name of an error (RFC 9000 §20, RFC 9114 §8.1, RFC 9204 §6, RFC 9250 §4.3).
fn error(closed: Closed) -> Cow<'static, str> {
    let name = match closed {
        Closed::No | Closed::Version => "",
        Closed::App(code) => return app_error(code),
        Closed::Transport(code) => match code {
            0x00 => "NO_ERROR",
            0x01 => "INTERNAL_ERROR",
            0x02 => "CONNECTION_REFUSED",
            0x03 => "FLOW_CONTROL_ERROR",
            0x04 => "STREAM_LIMIT_ERROR",
            0x05 => "STREAM_STATE_ERROR",
            0x06 => "FINAL_SIZE_ERROR",
            0x07 => "FRAME_ENCODING_ERROR",
            0x08 => "TRANSPORT_PARAMETER_ERROR",
            0x09 => "CONNECTION_ID_LIMIT_ERROR",
            0x0a => "PROTOCOL_VIOLATION",
            0x0b => "INVALID_TOKEN",
            0x0c => "APPLICATION_ERROR",
            0x0d => "CRYPTO_BUFFER_EXCEEDED",
            0x0e => "KEY_UPDATE_ERROR",
            0x0f => "AEAD_LIMIT_REACHED",
            0x10 => "NO_VIABLE_PATH",
            0x11 => "VERSION_NEGOTIATION_ERROR",
            0x0100..=0x01ff => "CRYPTO_ERROR",
            code => return format!("{code:#x}").into(),
        },
    };
    name.into()
}

/// HTTP/3 is what is spoken over QUIC, nearly always; others count their errors from 0.
fn app_error(code: u64) -> Cow<'static, str> {
    let code = u32::try_from(code).unwrap_or(u32::MAX);
    match crate::http::cut_off::http3_error(code) {
        Some(name) => name.into(),
        None => format!("{code:#x}").into(),
    }
}

fn bytes(text: Cow<'static, str>) -> Cow<'static, [u8]> {
    match text {
        Cow::Borrowed(text) => text.as_bytes().into(),
        Cow::Owned(text) => text.into_bytes().into(),
    }
}
