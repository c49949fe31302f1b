//! HTTP/1.0 and HTTP/1.1 (RFC 9110, RFC 9112).
//!
//! Not HTTP/2, which shares the words and nothing else.

use dissect::{Dissection, Framing, Reader};
use model::{Protocol, Transport};

mod chunks;
mod fields;
mod head;
mod lines;
mod probe;
mod record;
mod start;
pub(crate) mod switch;
mod talk;
mod target;
mod tell;
#[cfg(test)]
mod tests;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "http",
    about: "HTTP/1.0 and HTTP/1.1: requests and responses, bodies dechunked",
    specification: "RFC 9110, RFC 9112",
    fields: fields::FIELDS,
    headline: tell::headline,
    tell: tell::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "http",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["http/1.1", "http/1.0"],
    ports: &[80, 8080, 8000, 3000, 8008, 8888, 5000],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, talk::Talk::default(), Framing::Stream),
};
