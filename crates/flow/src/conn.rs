//! Flows as entries of their own: how each went, told as a call of the table `conn` when it is over.
//!
//! ```text
//! record = one after the other: index of a field 1, length 1, value (8 bytes if it is a number)
//! ```

use std::borrow::Cow;

use model::{
    Dir, Field, Headline, Kind, Message, Outcome, Protocol, Side, Status, Tell, Transport, Value,
};
use stream::{State, Watch, Way};

/// What everybody may know of connections.
pub static CONN: Protocol = Protocol {
    name: "conn",
    about: "connections, flows of datagrams, associations: how each of them went",
    specification: "RFC 9293, RFC 768, RFC 792, RFC 9260",
    fields: FIELDS,
    headline,
    tell,
};

/// Declares the fields and, in one breath, their indexes.
macro_rules! fields {
    ($($name:ident = $text:literal $kind:ident, $about:literal;)*) => {
        /// A field, by its index.
        #[derive(Clone, Copy, Debug)]
        enum At { $($name),* }

        const FIELDS: &[Field] = &[$(Field {
            name: $text, kind: Kind::$kind, many: false, about: $about,
        }),*];
    };
}

fields! {
    Transport = "conn.transport" Text, "tcp, udp, icmp, sctp";
    State = "conn.state" Text, "opening, open, closing, closed, reset, refused; answered, unanswered";
    Protocol = "conn.protocol" Text, "What was spoken, where it was recognised";
    Recognised = "conn.recognised" Text, "By what: its first bytes (start), bytes in its midst (midst), what was said before (named)";
    Calls = "conn.calls" Integer, "Calls that were told of it";
    Handshake = "conn.handshake_ns" Integer, "From the request for the connection to its confirmation, in nanoseconds";
    Grant = "conn.grant_ns" Integer, "From the request for the connection to the server's answer, in nanoseconds";
    IcmpErrors = "conn.icmp_errors" Integer, "ICMP errors about its packets";
    ClientPackets = "conn.client.packets" Integer, "Packets of the client";
    ClientBytes = "conn.client.bytes" Integer, "Bytes of payload of the client, those sent again included";
    ClientRetransmissions = "conn.client.retransmissions" Integer, "Packets of the client whose bytes were sent before";
    ClientRetransmittedBytes = "conn.client.retransmitted_bytes" Integer, "Bytes of payload that the client had sent before";
    ClientZeroWindows = "conn.client.zero_windows" Integer, "How often the client said that it has no room";
    ClientKeepAlives = "conn.client.keep_alives" Integer, "Probes of the client whether the other one is there";
    ClientResets = "conn.client.resets" Integer, "Resets of the client";
    ClientLostBytes = "conn.client.lost_bytes" Integer, "Bytes of the client that the capture does not hold";
    ClientRttLeast = "conn.client.rtt_min_ns" Integer, "The shortest time from bytes of the client to their acknowledgment, in nanoseconds";
    ClientRttMean = "conn.client.rtt_mean_ns" Integer, "The mean of those times";
    ServerPackets = "conn.server.packets" Integer, "Packets of the server";
    ServerBytes = "conn.server.bytes" Integer, "Bytes of payload of the server, those sent again included";
    ServerRetransmissions = "conn.server.retransmissions" Integer, "Packets of the server whose bytes were sent before";
    ServerRetransmittedBytes = "conn.server.retransmitted_bytes" Integer, "Bytes of payload that the server had sent before";
    ServerZeroWindows = "conn.server.zero_windows" Integer, "How often the server said that it has no room";
    ServerKeepAlives = "conn.server.keep_alives" Integer, "Probes of the server whether the other one is there";
    ServerResets = "conn.server.resets" Integer, "Resets of the server";
    ServerLostBytes = "conn.server.lost_bytes" Integer, "Bytes of the server that the capture does not hold";
    ServerRttLeast = "conn.server.rtt_min_ns" Integer, "The shortest time from bytes of the server to their acknowledgment, in nanoseconds";
    ServerRttMean = "conn.server.rtt_mean_ns" Integer, "The mean of those times";
}

/// Fields of one direction.
struct Places {
    packets: At,
    bytes: At,
    retransmissions: At,
    retransmitted_bytes: At,
    zero_windows: At,
    keep_alives: At,
    resets: At,
    lost_bytes: At,
    rtt_least: At,
    rtt_mean: At,
}

const CLIENT: Places = Places {
    packets: At::ClientPackets,
    bytes: At::ClientBytes,
    retransmissions: At::ClientRetransmissions,
    retransmitted_bytes: At::ClientRetransmittedBytes,
    zero_windows: At::ClientZeroWindows,
    keep_alives: At::ClientKeepAlives,
    resets: At::ClientResets,
    lost_bytes: At::ClientLostBytes,
    rtt_least: At::ClientRttLeast,
    rtt_mean: At::ClientRttMean,
};

const SERVER: Places = Places {
    packets: At::ServerPackets,
    bytes: At::ServerBytes,
    retransmissions: At::ServerRetransmissions,
    retransmitted_bytes: At::ServerRetransmittedBytes,
    zero_windows: At::ServerZeroWindows,
    keep_alives: At::ServerKeepAlives,
    resets: At::ServerResets,
    lost_bytes: At::ServerLostBytes,
    rtt_least: At::ServerRttLeast,
    rtt_mean: At::ServerRttMean,
};

/// A flow that is watched.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    pub(crate) watch: Watch,
    /// What was spoken last, and how it was recognised.
    pub(crate) spoken: Option<(&'static str, Recognised)>,
    pub(crate) icmp_errors: u64,
}

/// How it is known what a flow speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Recognised {
    /// Its first bytes say so.
    Start,
    /// Bytes in its midst say so.
    Midst,
    /// It was said before: by another protocol, or by a number.
    Named,
}

// === impl Watched ===

impl Watched {
    /// What one is charged to the budget.
    pub(crate) const COST: usize = size_of::<Self>();

    /// How it stands.
    pub(crate) fn state(&self, transport: Transport) -> State {
        match transport {
            Transport::Udp | Transport::Icmp if self.icmp_errors > 0 => match self.watch.exchange()
            {
                State::Unanswered => State::Refused,
                state => state,
            },
            Transport::Udp | Transport::Icmp => self.watch.exchange(),
            Transport::Tcp | Transport::Sctp => self.watch.state(),
        }
    }

    /// Both halves: what the client sent, and what the server did. What concerns both is told of the
    /// first that there is.
    pub(crate) fn halves(
        &self,
        client: Dir,
        transport: Transport,
        calls: u64,
    ) -> [Option<Message>; 2] {
        let mut first = Record::default();
        self.whole(transport, calls, &mut first);
        let mut half = |side: Side| {
            let (dir, places) = match side {
                Side::Client => (client, &CLIENT),
                Side::Server => (client.flip(), &SERVER),
            };
            let way = self.watch.of(dir);
            let mut message = Message::new(side, way.first?);
            let mut record = std::mem::take(&mut first);
            record.way(way, places);
            message.last = way.last;
            message.wire_bytes = way.bytes;
            message.missing_bytes = way.lost_bytes;
            message.record = record.0;
            Some(message)
        };
        [half(Side::Client), half(Side::Server)]
    }

    fn whole(&self, transport: Transport, calls: u64, to: &mut Record) {
        to.text(At::Transport, transport.name());
        to.text(At::State, self.state(transport).name());
        if let Some((protocol, how)) = self.spoken {
            to.text(At::Protocol, protocol);
            to.text(At::Recognised, how.name());
        }
        to.some(At::Calls, calls);
        if let Some(ns) = self.watch.handshake_ns() {
            to.number(At::Handshake, ns);
        }
        if let Some(ns) = self.watch.grant_ns() {
            to.number(At::Grant, ns);
        }
        to.some(At::IcmpErrors, self.icmp_errors);
    }
}

// === impl Recognised ===

impl Recognised {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Midst => "midst",
            Self::Named => "named",
        }
    }
}

/// What is written down of a half.
#[derive(Debug, Default)]
struct Record(Vec<u8>);

// === impl Record ===

impl Record {
    fn way(&mut self, way: &Way, at: &Places) {
        self.number(at.packets, way.packets);
        self.number(at.bytes, way.bytes);
        self.some(at.retransmissions, way.retransmissions);
        self.some(at.retransmitted_bytes, way.retransmitted_bytes);
        self.some(at.zero_windows, way.zero_windows);
        self.some(at.keep_alives, way.keep_alives);
        self.some(at.resets, way.resets);
        self.some(at.lost_bytes, way.lost_bytes);
        if let Some(mean_ns) = way.rtt.mean_ns() {
            self.number(at.rtt_least, way.rtt.least_ns);
            self.number(at.rtt_mean, mean_ns);
        }
    }

    fn some(&mut self, at: At, value: u64) {
        if value > 0 {
            self.number(at, value);
        }
    }

    fn number(&mut self, at: At, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.push(at, &value.to_be_bytes());
    }

    fn text(&mut self, at: At, text: &str) {
        self.push(at, text.as_bytes());
    }

    fn push(&mut self, at: At, value: &[u8]) {
        let Ok(len) = u8::try_from(value.len()) else { return };
        self.0.extend([at as u8, len]);
        self.0.extend_from_slice(value);
    }
}

/// The fields of a record, by index.
fn read(mut record: &[u8]) -> impl Iterator<Item = (usize, Value<'_>)> {
    std::iter::from_fn(move || {
        let (&[at, len], rest) = record.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(len.into())?;
        record = rest;
        let at = usize::from(at);
        let value = match FIELDS.get(at)?.kind {
            Kind::Integer => Value::Integer(i64::from_be_bytes(*value.first_chunk()?)),
            Kind::Text | Kind::Bool => Value::Text(value),
        };
        Some((at, value))
    })
}

fn text(message: &Message, at: At) -> Option<Cow<'_, [u8]>> {
    read(&message.record).find_map(|(index, value)| match value {
        Value::Text(text) if index == at as usize => Some(Cow::Borrowed(text)),
        _ => None,
    })
}

fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let Some(first) = request.or(response) else { return Headline::default() };
    let state = text(first, At::State).unwrap_or_default();
    let failed = State::FAILED.iter().any(|one| one.name().as_bytes() == &*state);
    let outcome = if failed { Outcome::Error } else { Outcome::Ok };
    Headline {
        method: text(first, At::Transport),
        endpoint: text(first, At::Protocol),
        version: None,
        status: Some(Status { code: state, text: Cow::default(), outcome }),
    }
}

fn tell(message: &Message, to: &mut dyn Tell) {
    for (at, value) in read(&message.record) {
        to.field(at, value);
    }
}
