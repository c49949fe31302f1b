//! HTTP/2 (RFC 9113): the frames, and what they say of requests and responses.
//!
//! Its calls are calls of `http`, with version 2.

use dissect::{Dissection, Framing, Reader};
use model::Transport;

use self::talk::Talk;
use crate::http::{self, switch::Switch};

mod block;
mod chain;
mod frame;
pub(crate) mod headers;
pub(crate) mod hpack;
mod probe;
mod talk;
#[cfg(test)]
mod tests;
pub(crate) mod tunnel;

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "http2",
    protocol: &http::PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["h2", "h2c"],
    ports: &[80, 8080, 50051, 3000, 8000],
    probe: probe::probe,
    open: |opening| {
        let talk = Talk::new(Switch::of(opening.heritage));
        Reader::open(&http::PROTOCOL, talk, Framing::Stream)
    },
};
