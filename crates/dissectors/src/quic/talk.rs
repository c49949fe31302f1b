//! One flow: the packets of each datagram, and the connections that they belong to. A socket may be
//! used for several, one after the other or at once.

use dissect::{Dissector, Found, Sink, Step};
use model::{Side, Why};

use super::{
    connection::{Connection, tell_unseen},
    keys::Keys,
    late::Late,
    wire::{Kind, Long, Packet},
};

/// Connections of one flow that are followed at a time.
const CONNECTIONS_MAX: usize = 16;
/// How long a connection may be silent. Peers agree on 30 seconds, mostly; nobody on much more than
/// NATs would keep it for (RFC 9000 §10.1.2).
const IDLE_NS: u64 = 300_000_000_000;

/// One flow.
#[derive(Debug, Default)]
pub struct Talk {
    #[expect(clippy::vec_box, reason = "most flows have one, and grow by nothing for a second")]
    connections: Vec<Box<Connection>>,
    /// Connections so far.
    found: u64,
    /// The client's packets that came before its first one.
    early: Option<Box<Late>>,
    /// It was told that a connection's beginning was not seen.
    is_unseen_told: bool,
    /// Bytes charged for connections.
    held: usize,
}

// === impl Dissector ===

impl Dissector for Talk {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if self.wake(from, sink) {
            return Step::Took(0);
        }
        let Some((packet, size)) = Packet::read(input) else { return Step::Took(input.len()) };
        match packet {
            Packet::Unknown => sink.turn_to(0),
            Packet::Negotiation { dcid, versions } => {
                if let Some(connection) = self.find(from, dcid).filter(|_| from == Side::Server) {
                    connection.negotiate(versions, sink);
                }
            }
            Packet::Retry { dcid } => {
                if let Some(connection) = self.find(from, dcid).filter(|_| from == Side::Server) {
                    connection.retry();
                }
            }
            Packet::Long(long) => self.long(from, &long, sink),
            Packet::Short(bytes) => self.short(from, bytes, sink),
        }
        for connection in &mut self.connections {
            connection.take_finished();
            connection.tell_cids(sink);
        }
        self.charge(sink);
        Step::Took(size)
    }

    fn resync(&mut self, _: Side, _: &[u8]) -> Found {
        Found::At(0)
    }

    fn idle_ns(&self) -> Option<u64> {
        self.connections.iter().any(|connection| connection.is_up()).then_some(IDLE_NS)
    }

    fn end(&mut self, from: Side, sink: &mut Sink<'_, '_>) {
        let mut open = None;
        for connection in &mut self.connections {
            connection.end(from, Why::CaptureEnd, sink);
            if connection.take_finished() {
                open = Some(connection.number);
            }
        }
        if let Some(lane) = open {
            sink.turn_to(lane);
        }
    }
}

// === impl Talk ===

impl Talk {
    /// Goes on with what waited; whether a message was finished by that.
    fn wake(&mut self, from: Side, sink: &mut Sink<'_, '_>) -> bool {
        let now = sink.now();
        for connection in &mut self.connections {
            connection.wake(from, now, sink);
            if connection.take_finished() {
                return true;
            }
        }
        false
    }

    fn find(&mut self, from: Side, dcid: &[u8]) -> Option<&mut Connection> {
        let found = self.connections.iter_mut().rev().find(|one| one.is_for(from, dcid));
        found.map(|connection| &mut **connection)
    }

    fn long(&mut self, from: Side, long: &Long<'_>, sink: &mut Sink<'_, '_>) {
        let now = sink.now();
        if from == Side::Client && long.kind == Kind::Initial {
            return self.client_initial(long, sink);
        }
        if let Some(connection) = self.find(from, long.dcid) {
            connection.long(from, long, now, sink);
            return;
        }
        sink.turn_to(0);
        if from == Side::Client {
            let early = self.early.get_or_insert_default();
            early.put(from, long.kind, long.bytes, long.number_at);
        } else if self.connections.is_empty() && !std::mem::replace(&mut self.is_unseen_told, true)
        {
            self.found += 1;
            tell_unseen(self.found, long, sink);
        }
    }

    /// A client's first packets say by themselves what they are opened with.
    fn client_initial(&mut self, long: &Long<'_>, sink: &mut Sink<'_, '_>) {
        let now = sink.now();
        let known =
            self.find(Side::Client, long.dcid).filter(|known| !known.is_refused(long.version));
        if known.is_some_and(|connection| connection.long(Side::Client, long, now, sink)) {
            return;
        }
        let Some(keys) = opened(long) else { return sink.turn_to(0) };
        let again = self.connections.last_mut().filter(|last| last.begins_again(long));
        if let Some(connection) = again {
            // The server's Retry, or an answer to the client's first packet, was among what is lost.
            connection.begin_again(long, keys);
            connection.long(Side::Client, long, now, sink);
            return;
        }
        if self.connections.len() >= CONNECTIONS_MAX {
            let mut oldest = self.connections.remove(0);
            oldest.end(Side::Client, Why::Budget, sink);
        }
        self.found += 1;
        let mut connection = Box::new(Connection::new(self.found, long, keys));
        if let Some(early) = self.early.take() {
            connection.take_late(*early);
        }
        connection.long(Side::Client, long, now, sink);
        self.connections.push(connection);
    }

    fn short(&mut self, from: Side, bytes: &[u8], sink: &mut Sink<'_, '_>) {
        let now = sink.now();
        for named in [true, false] {
            let mut known = self.connections.iter_mut().rev();
            let found = known.find_map(|one| Some((one.short_number_at(from, bytes, named)?, one)));
            if let Some((number_at, connection)) = found {
                return connection.short(from, (bytes, number_at), now, sink);
            }
        }
        // Where its new connection ID was told in a packet that was lost, or can't be read yet.
        let last = self.connections.last_mut();
        if let Some((number_at, last)) = last.and_then(|l| Some((l.likely_number_at(from)?, l))) {
            return last.short(from, (bytes, number_at), now, sink);
        }
        sink.turn_to(0);
    }

    /// Charges what the connections keep; what the budget refuses is not kept.
    fn charge(&mut self, sink: &mut Sink<'_, '_>) {
        let now = self.connections.iter().map(|connection| connection.held()).sum();
        if now == self.held {
            return;
        }
        if !sink.hold(now) {
            self.connections.iter_mut().for_each(|connection| connection.shed());
        }
        self.held = now;
    }
}

/// The keys of a client's Initial packet, if it can be opened with them.
fn opened(long: &Long<'_>) -> Option<[Keys; 2]> {
    let keys = Keys::initial(long.version, long.dcid)?;
    keys[0].open(long.bytes, long.number_at, None, &mut Vec::new())?;
    Some(keys)
}
