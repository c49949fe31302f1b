//! Streams that are tunnels: CONNECT (RFC 9113 §8.5), and the extended one (RFC 8441), by which both
//! sides agree on what is spoken inside. Their DATA is no body, but a stream of bytes of its own.

use dissect::{Heritage, Opens, Sink};
use model::{Side, Why};

use crate::http::{View, switch};

/// Tunnels of one connection that are followed.
const TUNNELS_MAX: usize = 256;

/// The tunnels of a connection.
#[derive(Debug, Default)]
pub(super) struct Tunnels(Vec<Tunnel>);

/// What a list of header fields says of a tunnel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// Asks for one.
    pub(super) asks: bool,
    /// The status of an answer.
    pub(super) status: u16,
    /// Its side says nothing more on the stream.
    pub(super) ends: bool,
}

/// One of them.
#[derive(Debug)]
struct Tunnel {
    stream: u32,
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
    /// A list of header fields was read: perhaps one that asks for a tunnel, or grants it.
    pub(super) fn head(&mut self, from: Side, stream: u32, head: Head, sink: &mut Sink<'_, '_>) {
        let Head { asks, status, ends } = head;
        if from == Side::Client {
            if asks && !ends && self.0.len() < TUNNELS_MAX {
                self.forget(stream);
                let state = State::Answer { late: false };
                self.0.push(Tunnel { stream, state, lost: [false; 2], ended: [false; 2] });
            }
            return;
        }
        let Some(tunnel) = self.0.iter_mut().find(|tunnel| tunnel.stream == stream) else { return };
        match (tunnel.state, status) {
            (State::Answer { .. }, 100..200) => {}
            (State::Answer { late }, 200..300) if !ends => {
                tunnel.state = State::Bytes;
                sink.inner_opens(
                    stream.into(),
                    Opens { late, speaks: agreed(sink), ..Opens::default() },
                );
            }
            (State::Answer { .. }, _) => self.forget(stream),
            // Trailers end it.
            (State::Bytes, _) => {
                sink.inner_ends(stream.into(), Why::Closed);
                self.end(from, stream);
            }
        }
    }

    /// DATA of a stream: whether there is any, and whether its side ends with it.
    pub(super) fn data(
        &mut self,
        from: Side,
        stream: u32,
        (any, ends): (bool, bool),
        sink: &mut Sink<'_, '_>,
    ) {
        let Some(tunnel) = self.0.iter_mut().find(|tunnel| tunnel.stream == stream) else { return };
        if let State::Answer { late } = &mut tunnel.state {
            *late |= any;
            return;
        }
        let channel = stream.into();
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
    pub(super) fn reset(&mut self, stream: u32, sink: &mut Sink<'_, '_>) {
        if self.0.iter().any(|tunnel| tunnel.stream == stream) {
            sink.inner_breaks(stream.into(), Why::Reset);
            self.forget(stream);
        }
    }

    /// Nobody knows whose bytes were lost.
    pub(super) fn lose(&mut self, from: Side) {
        self.0.iter_mut().for_each(|tunnel| tunnel.lost[from as usize] = true);
    }

    /// One side is done.
    fn end(&mut self, from: Side, stream: u32) {
        let Some(tunnel) = self.0.iter_mut().find(|tunnel| tunnel.stream == stream) else { return };
        tunnel.ended[from as usize] = true;
        if tunnel.ended == [true; 2] {
            self.forget(stream);
        }
    }

    fn forget(&mut self, stream: u32) {
        self.0.retain(|tunnel| tunnel.stream != stream);
    }
}

/// What both sides agreed to speak, with the exchange by which they did.
fn agreed(sink: &Sink<'_, '_>) -> Option<Heritage> {
    let name = sink.question().and_then(View::of).and_then(View::protocol)?.to_vec();
    Some(Heritage { name, bytes: switch::written(sink), by: sink.number() })
}
