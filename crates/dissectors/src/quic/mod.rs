//! QUIC, version 1 (RFC 9000, RFC 9001), version 2 (RFC 9369) and the drafts since the 22nd: who
//! talks to whom under which name, why it fails, and with the secrets of a key log what is said
//! inside.
//!
//! A handshake is one call: the client's hello and what follows it up to its last handshake message
//! is the request, the server's half the response. Without secrets both end with what can be read by
//! everybody: the hellos, in Initial packets. With them, streams are put in order and handed on: as
//! HTTP/3 ([`http3`](crate::http3)) where that was agreed on, else as byte streams of their own.

mod assembly;
mod connection;
mod direction;
mod frame;
mod handshake;
mod keys;
mod late;
pub(crate) mod mux;
mod probe;
mod record;
mod show;
mod streams;
mod talk;
#[cfg(test)]
mod tests;
mod version;
pub(crate) mod wire;

use dissect::{Dissection, Framing, Reader};
use model::{Protocol, Transport};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "quic",
    about: "QUIC: handshakes and how connections end, and with a key log what is inside",
    specification: "https://www.rfc-editor.org/rfc/rfc9000",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    protocol: &PROTOCOL,
    transports: &[Transport::Udp],
    folder: "quic",
    names: &["quic"],
    ports: &[443, 80, 784, 853, 4433, 8443, 8853],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, talk::Talk::default(), Framing::Datagram),
};
