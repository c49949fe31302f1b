//! JSON-RPC 2.0 on a connection of its own (<https://www.jsonrpc.org/specification>): one value after
//! the other, as a rule one a line, or each with a header that tells its length, as language servers do
//! (<https://microsoft.github.io/language-server-protocol/>, "Base Protocol").
//!
//! Either side may ask. What messages say is told by the table of JSON-RPC over HTTP.

mod probe;
mod said;
mod talk;
#[cfg(test)]
mod tests;
mod wire;

use dissect::{Dissection, Framing, Reader};
use model::{Message, Transport};

use crate::over_http::jsonrpc::PROTOCOL;

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "jsonrpc",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["jsonrpc"],
    ports: &[],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, talk::Talk::default(), Framing::Stream),
};

/// The first byte of a record; those of HTTP begin otherwise.
const RECORD: u8 = b'J';

/// Whether a message was on a connection of its own: its body is JSON, and there is no head of HTTP.
pub(crate) fn is_bare(message: &Message) -> bool {
    message.record.first() == Some(&RECORD)
}
