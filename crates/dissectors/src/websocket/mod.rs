//! `WebSocket` (RFC 6455), with compressed messages (RFC 7692): one entry per message.
//!
//! The opening handshake is a call of HTTP; its path and the sub-protocol agreed on are told of each
//! message, where it was seen.

use dissect::{Dissection, Framing, Reader};
use model::{Protocol, Transport};

mod frame;
mod inflate;
mod origin;
mod probe;
mod record;
mod talk;
mod tell;
#[cfg(test)]
mod tests;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "websocket",
    about: "WebSocket: each message, in its direction; fragments joined, unmasked, decompressed",
    specification: "RFC 6455, RFC 7692",
    fields: tell::FIELDS,
    headline: tell::headline,
    tell: tell::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "websocket",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["websocket"],
    ports: &[],
    probe: probe::probe,
    open: |opening| Reader::open(&PROTOCOL, talk::Talk::new(opening), Framing::Stream),
};
