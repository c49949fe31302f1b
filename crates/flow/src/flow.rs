//! One flow between two packets.

use dissect::Conversation;
use model::{
    CallId, Cover, Dir, Endpoint, FlowKey, Noticed, Side, Timestamp, Translated, Transport, Why,
};
use stream::{Association, Connection};

use crate::{conn::Watched, detect::Unknown};

/// How long a closed connection is remembered: late retransmissions are its, not a new flow's.
pub(crate) const LINGER_NS: u64 = 10_000_000_000;
/// How long a flow of datagrams may be silent. Nothing but pending questions is lost with it, and
/// those have their own time.
pub(crate) const DATAGRAM_IDLE_NS: u64 = 30_000_000_000;

/// A flow: what carries it, and what is said.
pub(crate) struct Flow {
    /// When its last packet came.
    pub(crate) last_at: Timestamp,
    /// An entry for it is in the wheel.
    pub(crate) timed: bool,
    pub(crate) carrier: Carrier,
    pub(crate) talk: Talk,
}

/// Who talks on a flow, and in what protocol.
pub(crate) struct Talk {
    pub(crate) key: FlowKey,
    /// Ordinal of its first packet in the whole input.
    pub(crate) stream: u64,
    /// What everybody who saw it begin calls it; 0 if that was not seen.
    pub(crate) birth: u64,
    /// Of so many thousandths of new flows it was one.
    pub(crate) per_mille: u16,
    /// Source of its first packet.
    pub(crate) source: u32,
    /// Which way the client sends; a guess until somebody spoke.
    pub(crate) client: Dir,
    /// The highest number a call of an earlier conversation had, and the highest so far.
    pub(crate) numbers: (u64, u64),
    /// Something on it could not be decrypted.
    pub(crate) sealed: bool,
    /// Why a side ended, if one did before its time.
    pub(crate) ended: Option<Why>,
    /// Bit n: protocol n of the list was tried and withdrawn.
    pub(crate) withdrawn: u64,
    pub(crate) speech: Speech,
    /// What most flows don't have.
    pub(crate) rare: Option<Box<Rare>>,
}

/// What only some talks have: streams inside, or that they are one themselves.
#[derive(Default)]
pub(crate) struct Rare {
    /// Which stream inside a flow this is, from 1; 0 for the flow itself.
    pub(crate) inside: u32,
    /// What it was wrapped in.
    pub(crate) cover: Option<Cover>,
    /// What the sides are called by each other.
    pub(crate) translated: Option<Box<Names>>,
    /// The last ICMP error about one of its packets.
    pub(crate) noticed: Option<Noticed>,
    /// How its packets went, where that is asked for.
    pub(crate) watched: Option<Box<Watched>>,
    /// It is not read from its first byte.
    pub(crate) late: bool,
    /// As what its bytes come, where that is not what carries the flow.
    pub(crate) transport: Option<Transport>,
    /// Sides that are done.
    pub(crate) done: [bool; 2],
    /// Streams inside the flow found so far, however deep.
    pub(crate) found: u32,
    /// Those that go on, by the conversation's own number.
    pub(crate) channels: Vec<(u64, Talk)>,
}

/// What a flow's sides are called where their addresses are translated between them.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The client as it calls itself.
    pub(crate) client: Endpoint,
    /// The server, likewise.
    pub(crate) server: Endpoint,
    /// For calls of the client, and for those of the server.
    pub(crate) others: [Translated; 2],
    /// Datagrams between these are the flow's, too.
    pub(crate) twins: Vec<FlowKey>,
}

/// What carries the bytes.
pub(crate) enum Carrier {
    /// TCP.
    Connection(Connection),
    /// SCTP.
    Association(Box<Association>),
    /// UDP: the last datagram of each direction, to know it when it is captured twice.
    Datagrams([Seen; 2]),
}

/// What was seen last in one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) print: u64,
    pub(crate) at: Timestamp,
}

/// What is spoken on a flow.
pub(crate) enum Speech {
    /// Not known yet, or given up and tried again now and then.
    Unknown(Unknown),
    /// Protocol number `.0` of the list.
    Speaks(u8, Box<dyn Conversation>),
    /// Nothing any more: both sides are done.
    Over,
}

// === impl Rare ===

impl Rare {
    /// Of a flow whose clear text was taken from its application.
    pub(crate) fn uncovered() -> Box<Self> {
        let cover = Cover { decrypted_by: "ebpf", ..Cover::default() };
        Box::new(Self { cover: Some(cover), ..Self::default() })
    }
}

// === impl Flow ===

impl Flow {
    pub(crate) fn over(&self) -> bool {
        matches!(self.talk.speech, Speech::Over)
    }

    /// When its life as a flow ends if nothing more comes.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        match self.carrier {
            Carrier::Datagrams(_) => Some(self.last_at.after(self.talk.idle_ns())),
            Carrier::Connection(_) | Carrier::Association(_) if self.over() => {
                Some(self.last_at.after(LINGER_NS))
            }
            Carrier::Connection(_) | Carrier::Association(_) => None,
        }
    }
}

// === impl Names ===

impl Names {
    /// `client` and `server` as they call themselves, and as the other one calls them.
    pub(crate) fn new(client: Endpoint, server: Endpoint, others: Translated) -> Self {
        Self { client, server, others: [others, others.reversed()], twins: Vec::new() }
    }
}

// === impl Talk ===

impl Talk {
    /// How its packets went, where that is asked for.
    pub(crate) fn watched(&mut self) -> Option<&mut Watched> {
        self.rare.as_deref_mut()?.watched.as_deref_mut()
    }

    pub(crate) fn side(&self, dir: Dir) -> Side {
        if dir == self.client { Side::Client } else { Side::Server }
    }

    pub(crate) fn dir(&self, side: Side) -> Dir {
        if side == Side::Client { self.client } else { self.client.flip() }
    }

    /// How long it may be silent where datagrams carry it.
    fn idle_ns(&self) -> u64 {
        let Speech::Speaks(_, conversation) = &self.speech else { return DATAGRAM_IDLE_NS };
        conversation.idle_ns().map_or(DATAGRAM_IDLE_NS, |own| own.max(DATAGRAM_IDLE_NS))
    }

    /// What a call of the conversation that goes on is known by. The talk is stream `inside` of its flow.
    pub(crate) fn call_id(&self, inside: u32, number: u64) -> CallId {
        CallId { stream: self.stream, inside, number: self.numbers.0 + number }
    }

    /// As what the bytes come.
    pub(crate) fn transport(&self) -> Transport {
        let own = self.rare.as_ref().and_then(|rare| rare.transport);
        own.unwrap_or(self.key.transport)
    }

    pub(crate) fn client(&self) -> Endpoint {
        self.key.src(self.client)
    }

    pub(crate) fn server(&self) -> Endpoint {
        self.key.dst(self.client)
    }
}
