//! Streams that are tunnels: CONNECT (RFC 9113 §8.5), and the extended one (RFC 8441), by which both
//! sides agree on what is spoken inside. Their DATA is no body, but a stream of bytes of its own.

use dissect::{Heritage, Opens, Sink};
use model::{Side, Transport, Why};

use crate::http::{View, switch};

/// Tunnels of one connection that are followed.
const TUNNELS_MAX: usize = 256;

/// The tunnels of a connection.
#[derive(Debug, Default)]
pub(crate) struct Tunnels {
    all: Vec<Tunnel>,
    /// As what their bytes come, where that is not what carries the connection.
    transport: Option<Transport>,
}

/// What a list of header fields says of a tunnel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// Asks for one.
    pub(crate) asks: bool,
    /// The status of an answer.
    pub(crate) status: u16,
    /// Its side says nothing more on the stream.
    pub(crate) ends: bool,
}

/// One of them.
#[derive(Debug)]
struct Tunnel {
    stream: u64,
    state: State,
    /// Bytes of a side were lost that may have been its own.
    lost: [bool; 2],
    ended: [bool; 2],
}

/// What a tunnel waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// An answer; whether the client sent something already that is not read.
    Answer { late: bool },
    /// What is said in it.
    Bytes,
}

// === impl Tunnels ===

impl Tunnels {
    /// Those of a connection over datagrams, whose streams are in order all the same.
    pub(crate) fn in_streams() -> Self {
        Self { transport: Some(Transport::Tcp), ..Self::default() }
    }

    /// Whether what is said on `stream` is a tunnel's.
    pub(crate) fn has(&self, stream: u64) -> bool {
        let open = |tunnel: &&Tunnel| tunnel.stream == stream && tunnel.state == State::Bytes;
        self.all.iter().any(|tunnel| open(&tunnel))
    }

    /// A side says nothing more on a stream.
    pub(crate) fn ends(&mut self, from: Side, stream: u64, sink: &mut Sink<'_, '_>) {
        if self.has(stream) {
            sink.inner_ends(stream, Why::Closed);
            self.end(from, stream);
        } else if from == Side::Server {
            self.forget(stream);
        }
    }

    /// A list of header fields was read: perhaps one that asks for a tunnel, or grants it.
    pub(crate) fn head(&mut self, from: Side, stream: u64, head: Head, sink: &mut Sink<'_, '_>) {
        let Head { asks, status, ends } = head;
        if from == Side::Client {
            if asks && !ends && !has_capsules(sink) && self.all.len() < TUNNELS_MAX {
                self.forget(stream);
                let state = State::Answer { late: false };
                self.all.push(Tunnel { stream, state, lost: [false; 2], ended: [false; 2] });
            }
            return;
        }
        let Some(tunnel) = self.all.iter_mut().find(|tunnel| tunnel.stream == stream) else {
            return;
        };
        match (tunnel.state, status) {
            (State::Answer { .. }, 100..200) => {}
            (State::Answer { late }, 200..300) if !ends => {
                tunnel.state = State::Bytes;
                sink.inner_opens(
                    stream,
                    Opens {
                        late,
                        speaks: agreed(sink),
                        transport: self.transport,
                        ..Opens::default()
                    },
                );
            }
            (State::Answer { .. }, _) => self.forget(stream),
            // Trailers end it.
            (State::Bytes, _) => {
                sink.inner_ends(stream, Why::Closed);
                self.end(from, stream);
            }
        }
    }

    /// DATA of a stream: whether there is any, and whether its side ends with it.
    pub(crate) fn data(
        &mut self,
        from: Side,
        stream: u64,
        (any, ends): (bool, bool),
        sink: &mut Sink<'_, '_>,
    ) {
        let Some(tunnel) = self.all.iter_mut().find(|tunnel| tunnel.stream == stream) else {
            return;
        };
        if let State::Answer { late } = &mut tunnel.state {
            *late |= any;
            return;
        }
        let channel = stream;
        if std::mem::take(&mut tunnel.lost[from as usize]) {
            sink.inner_gap(channel, 1, Why::Gap);
        }
        match (any, ends) {
            (true, _) => sink.inner_payload(channel),
            (false, true) => sink.inner_ends(channel, Why::Closed),
            (false, false) => {}
        }
        if ends {
            self.end(from, stream);
        }
    }

    /// A stream was reset.
    pub(crate) fn reset(&mut self, stream: u64, sink: &mut Sink<'_, '_>) {
        if self.all.iter().any(|tunnel| tunnel.stream == stream) {
            sink.inner_breaks(stream, Why::Reset);
            self.forget(stream);
        }
    }

    /// Nobody knows whose bytes were lost.
    pub(crate) fn lose(&mut self, from: Side) {
        self.all.iter_mut().for_each(|tunnel| tunnel.lost[from as usize] = true);
    }

    /// One side is done.
    fn end(&mut self, from: Side, stream: u64) {
        let Some(tunnel) = self.all.iter_mut().find(|tunnel| tunnel.stream == stream) else {
            return;
        };
        tunnel.ended[from as usize] = true;
        if tunnel.ended == [true; 2] {
            self.forget(stream);
        }
    }

    fn forget(&mut self, stream: u64) {
        self.all.retain(|tunnel| tunnel.stream != stream);
    }
}

/// Whether what is asked for is spoken in capsules (RFC 9297 §3.2): WebTransport, tunnels of datagrams. A body
/// like others, then.
fn has_capsules(sink: &Sink<'_, '_>) -> bool {
    let protocol = View::of_record(sink.recorded()).and_then(View::protocol);
    protocol.is_some_and(|protocol| {
        [&b"webtransport"[..], b"connect-udp", b"connect-ip", b"connect-ethernet"]
            .contains(&protocol)
    })
}

/// What both sides agreed to speak, with the exchange by which they did.
fn agreed(sink: &Sink<'_, '_>) -> Option<Heritage> {
    let name = sink.question().and_then(View::of).and_then(View::protocol)?.to_vec();
    Some(Heritage { name, bytes: switch::written(sink), by: sink.number() })
}
