//! HTTP/3 (RFC 9114): the frames on the streams of a QUIC connection, and what they say of requests
//! and responses.
//!
//! Its calls are calls of `http`, with version 3. The streams come from [`quic`](crate::quic), all
//! together on one stream inside (`quic::mux`).

use dissect::{Dissection, Framing, Reader, Verdict};
use model::Transport;

use crate::{http, quic::mux};

mod flow;
mod frame;
mod qpack;
mod talk;
#[cfg(test)]
mod tests;

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "http3",
    protocol: &http::PROTOCOL,
    // The streams come in order; nothing else brings them.
    transports: &[Transport::Tcp],
    names: &[mux::HTTP3],
    ports: &[],
    probe: |_| Verdict::No,
    open: |_| Reader::open(&http::PROTOCOL, talk::Talk::default(), Framing::Stream),
};
