//! Everything known of a message, told when somebody asks.

use model::{BodyFacts, Field, Headline, Kind, Message, Outcome, Status, Tell, Value};

use super::{frame::Opcode, record::View};

/// Columns of their own.
pub(super) const FIELDS: &[Field] = &[
    Field {
        name: "websocket.opcode",
        kind: Kind::Text,
        many: false,
        about: "text, binary, close, ping, pong",
    },
    Field {
        name: "websocket.fragments",
        kind: Kind::Integer,
        many: false,
        about: "frames that the message came in",
    },
    Field {
        name: "websocket.compressed",
        kind: Kind::Bool,
        many: false,
        about: "whether it was compressed (permessage-deflate)",
    },
    Field {
        name: "websocket.opaque",
        kind: Kind::Bool,
        many: false,
        about: "whether it could not be decompressed, because earlier messages were not seen",
    },
    Field {
        name: "websocket.close.code",
        kind: Kind::Integer,
        many: false,
        about: "why the connection is closed, as a status code",
    },
    Field {
        name: "websocket.subprotocol",
        kind: Kind::Text,
        many: false,
        about: "the sub-protocol that the opening handshake chose",
    },
    Field {
        name: "url.path",
        kind: Kind::Text,
        many: false,
        about: "the path that the opening handshake asked for",
    },
    Field {
        name: "websocket.handshake.id",
        kind: Kind::Text,
        many: false,
        about: "the id of the call that was the opening handshake, without the node and the time that the API adds",
    },
];

/// Indices into the table.
#[derive(Clone, Copy)]
enum At {
    Opcode,
    Fragments,
    Compressed,
    Opaque,
    CloseCode,
    Subprotocol,
    Path,
    Handshake,
}

/// The line of a message in a table.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let Some(view) = request.or(response).and_then(View::of) else { return Headline::default() };
    Headline {
        method: Some(view.opcode().name().as_bytes().into()),
        endpoint: Some(view.path()).filter(|path| !path.is_empty()).map(Into::into),
        version: None,
        status: view.close().map(status),
    }
}

/// Everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(view) = View::of(message) else { return };
    let opcode = view.opcode();
    to.field(At::Opcode as usize, Value::from(opcode.name()));
    if !opcode.is_control() {
        to.field(At::Fragments as usize, Value::Integer(view.fragments().into()));
    }
    for (at, is) in [(At::Compressed, view.is_compressed()), (At::Opaque, view.is_opaque())] {
        if is {
            to.field(at as usize, Value::Bool(true));
        }
    }
    if let Some(code) = view.close() {
        to.field(At::CloseCode as usize, Value::Integer(code.into()));
    }
    for (at, text) in [
        (At::Subprotocol, view.protocol()),
        (At::Path, view.path()),
        (At::Handshake, view.handshake()),
    ] {
        if !text.is_empty() {
            to.field(at as usize, Value::Text(text));
        }
    }
    to.body(BodyFacts { media_type: media_type(opcode, message), encoding: None });
}

/// What the body is: the protocol says only whether it is text.
fn media_type(opcode: Opcode, message: &Message) -> Option<&'static str> {
    match (opcode, message.body.kept.first()) {
        (Opcode::Text, Some(b'{' | b'[')) => Some("application/json"),
        (Opcode::Text | Opcode::Close, _) => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}

/// A close frame's code (RFC 6455 §7.4.1, and the registry it founds).
fn status(code: u16) -> Status<'static> {
    let text = match code {
        1000 => "Normal Closure",
        1001 => "Going Away",
        1002 => "Protocol error",
        1003 => "Unsupported Data",
        1005 => "No Status Rcvd",
        1006 => "Abnormal Closure",
        1007 => "Invalid frame payload data",
        1008 => "Policy Violation",
        1009 => "Message Too Big",
        1010 => "Mandatory Ext.",
        1011 => "Internal Error",
        1012 => "Service Restart",
        1013 => "Try Again Later",
        1014 => "Bad Gateway",
        _ => "",
    };
    let outcome = match code {
        1000 | 1001 => Outcome::Ok,
        1002..=2999 => Outcome::Error,
        // Libraries and applications have their own.
        _ => Outcome::Unknown,
    };
    Status { code: code.to_string().into_bytes().into(), text: text.as_bytes().into(), outcome }
}
