//! Memcached: the text protocol with its meta commands, the binary protocol, and either over UDP;
//! what speaks like it (twemproxy, mcrouter, Couchbase's old ports) too.
//!
//! <https://github.com/memcached/memcached/blob/master/doc/protocol.txt>. Answers come in the order of
//! the questions. A command with `noreply` has none. A quiet command (meta flag `q`, binary `…q`) has
//! one only if something is to be said: it and what is said to it are one-way, so that no answer is
//! taken for that of another command. Which of both an answer is, is told by its operation (binary),
//! by `mn` and by opaque tokens; where it can't be told, nothing is paired.
//!
//! Secrets are never written down: SASL, and what a client of a server with passwords sets first.

mod answers;
mod asks;
mod binary;
mod probe;
mod record;
mod show;
#[cfg(test)]
mod tests;
mod text;
mod udp;

use dissect::{Dissection, Dissector, Found, Framing, Reader, Sink, Step};
use model::{Protocol, Side, Transport};

use self::{answers::Answers, asks::Asks};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "memcached",
    about: "memcached: text and meta commands, the binary protocol, and both over UDP",
    specification: "https://github.com/memcached/memcached/blob/master/doc/protocol.txt",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "memcached",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp, Transport::Udp],
    names: &["memcached"],
    ports: &[11211],
    probe: probe::probe,
    open: |opening| match opening.transport {
        Transport::Udp => Reader::open(&PROTOCOL, udp::Frames::default(), Framing::Datagram),
        _ => Reader::open(&PROTOCOL, Memcached::default(), Framing::Stream),
    },
};

/// Bytes of a line at most; a `get` may have many keys.
const LINE_MAX: usize = 16 << 10;
/// Values up to here are waited for.
const SMALL_MAX: u64 = 512;

/// One connection.
#[derive(Debug, Default)]
struct Memcached {
    asks: Asks,
    answers: Answers,
    session: Session,
}

/// What the two sides must know of each other.
#[derive(Debug)]
struct Session {
    /// Questions that are always answered, asked and answered so far.
    asked: u32,
    answered: u32,
    /// Quiet commands were asked before the question with this ordinal, or none if it is answered.
    quiet_from: u32,
    /// The last one before which there were some.
    quiet_to: u32,
    /// Something was asked or lost: what is set now is no password.
    begun: bool,
    anchor: Anchor,
}

/// Whether the start of a packet of the server can be the start of an answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Anchor {
    /// Nothing was seen of the server.
    #[default]
    Unseen,
    /// The flow was joined late, and the client was heard since.
    AskedLate,
    /// The server's bytes are read.
    Reading,
    /// Bytes of the server were lost and the client has not asked since.
    Lost,
    /// It has: what the server sends next was asked for.
    Asked,
}

/// There is one for every connection.
const _: () = assert!(size_of::<Memcached>() <= 48);

// === impl Session ===

impl Session {
    /// What is outstanding is not known any more.
    fn forget(&mut self) {
        self.answered = self.asked;
        (self.quiet_from, self.quiet_to) = (1, 0);
    }

    /// A quiet command is asked: it stands before the next question.
    fn ask_quietly(&mut self) {
        if self.quiet_to < self.answered || self.quiet_to < self.quiet_from {
            self.quiet_from = self.asked;
        }
        self.quiet_to = self.asked;
    }

    /// Whether a quiet command may be answered before the oldest question.
    fn is_after_quiet(&self) -> bool {
        (self.quiet_from..=self.quiet_to).contains(&self.answered)
    }
}

impl Default for Session {
    fn default() -> Self {
        Self {
            asked: 0,
            answered: 0,
            quiet_from: 1,
            quiet_to: 0,
            begun: false,
            anchor: Anchor::default(),
        }
    }
}

// === impl Dissector ===

impl Dissector for Memcached {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match from {
            Side::Client => self.asks.read(input, &mut self.session, sink),
            Side::Server => {
                self.session.anchor = Anchor::Reading;
                self.answers.read(input, &mut self.session, sink)
            }
        }
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        match from {
            Side::Client => {
                self.asks = Asks::default();
                self.session.begun = true;
                self.session.forget();
                if self.session.anchor == Anchor::Unseen {
                    self.session.anchor = Anchor::AskedLate;
                }
                probe::find_command(input)
            }
            Side::Server => {
                self.answers = Answers::default();
                self.session.forget();
                let anchor = &mut self.session.anchor;
                *anchor = match *anchor {
                    Anchor::Unseen | Anchor::Reading => Anchor::Lost,
                    Anchor::AskedLate => Anchor::Asked,
                    other => other,
                };
                let found = probe::find_answer(input, *anchor == Anchor::Asked);
                if found == Found::Nowhere {
                    *anchor = Anchor::Lost;
                }
                found
            }
        }
    }
}
