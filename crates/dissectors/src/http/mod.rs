//! HTTP/1.0 and HTTP/1.1 (RFC 9110, RFC 9112), and what calls of all versions have in common: the
//! field table, and `View`, through which messages are read again.
//!
//! The frames of HTTP/2 are read in [`http2`](crate::http2), those of HTTP/3 in
//! [`http3`](crate::http3).

use dissect::{Dissection, Framing, Reader};
use model::{Protocol, Transport};

mod chunks;
pub(crate) mod cut_off;
mod fields;
pub(crate) mod head;
mod lines;
pub(crate) mod list;
mod probe;
pub(crate) mod record;
mod start;
pub(crate) mod switch;
mod talk;
mod target;
mod tell;
#[cfg(test)]
mod tests;

pub(crate) use fields::FIELDS;
pub(crate) use record::View;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "http",
    about: "HTTP/1.0, 1.1, 2 and 3: requests and responses, bodies dechunked, headers decompressed",
    specification: "RFC 9110, RFC 9112, RFC 9113, RFC 9114",
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
