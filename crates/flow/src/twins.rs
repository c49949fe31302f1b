//! Connections and questions that a capture sees at two places with different addresses, because they were
//! translated in between (RFC 2663): before and behind a service's address, in and out of a tunnel.
//!
//! Translation changes addresses and ports, not sequence numbers. A connection is another one's twin
//! when its SYN had the same number and came before the other's SYN was answered, and when its own
//! answer has the number of the other's. The answer that is seen first is the one nearest to the
//! server: that connection is kept, and what its twins carry is taken for its own. A client alone
//! can't make a twin, since the server chooses the second number (RFC 9293 §3.4.1).
//!
//! A datagram that opens a flow is known by its sender, its payload and IPv4's identification, within a
//! millisecond. Only the address it was sent to may differ; there it is the last one that is nearest to
//! the server.

use hashbrown::HashMap;
use model::{Dir, Endpoint, FlowKey, Timestamp};
use packet::Segment;

/// How long a SYN may wait for its answer, to be known again.
const SHAKE_NS: u64 = 3_000_000_000;
/// Peers choose numbers that can't be guessed (RFC 9293 §3.4.1). Lower ones are those of captures written by
/// hand, where all connections have the same.
const NUMBER_MIN: u32 = 1 << 16;
/// SYNs remembered in that time.
const SHAKES_MAX: usize = 8_192;
/// Places at which one SYN may be seen.
const PLACES: usize = 4;
/// Twins known at once, and how long they may be silent when there are that many.
const KNOWN_MAX: usize = 65_536;
const TWIN_IDLE_NS: u64 = 60_000_000_000;
/// Other addresses of one flow of datagrams.
pub(crate) const TWINS_MAX: usize = 2;
/// Openers remembered.
const OPENERS: usize = 256;
/// How long.
const OPENER_NS: u64 = 1_000_000;

/// Finds twins, and knows them again.
#[derive(Default)]
pub(crate) struct Twins {
    /// By the number of their SYN: those of now, and those of a moment ago.
    shakes: [HashMap<u32, Shake>; 2],
    turned_at: Timestamp,
    known: HashMap<FlowKey, Known>,
    /// Twins that there was no room for: their calls are told twice.
    pub(crate) not_kept: u64,
}

/// A twin was found: the same connection as `kept`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Found {
    /// The flow that goes on, and its hash.
    pub(crate) kept: (FlowKey, u64),
    /// The twin, and its hash.
    pub(crate) twin: (FlowKey, u64),
    /// The client as it is called where the twin was seen.
    pub(crate) client: Endpoint,
    /// The server, likewise.
    pub(crate) server: Endpoint,
}

/// A SYN, and where it was seen.
#[derive(Clone, Copy)]
struct Shake {
    places: [Option<FlowKey>; PLACES],
    /// The first answer to it.
    answer: Option<Answer>,
}

#[derive(Clone, Copy)]
struct Answer {
    key: FlowKey,
    hash: u64,
    dir: Dir,
    seq: u32,
}

/// Whose twin a connection is.
#[derive(Clone, Copy)]
struct Known {
    key: FlowKey,
    hash: u64,
    /// Directions have other names there.
    flips: bool,
    /// The number of the SYN.
    isn: u32,
    last_at: Timestamp,
}

/// First datagrams of flows; each is remembered until another takes its place.
pub(crate) struct Openers(Box<[Opener; OPENERS]>);

#[derive(Clone, Copy, Default)]
struct Opener {
    print: u64,
    at: Timestamp,
    /// Number and stream of the flow.
    flow: (u32, u64),
}

// === impl Answer ===

impl Answer {
    /// Whether translation left something as it was: an end, or the client's port (which
    /// masquerading keeps if it can).
    fn is_alike(&self, other: &Segment<'_>) -> bool {
        let [server, client] = [self.key.src(self.dir), self.key.dst(self.dir)];
        server == other.key.src(other.dir) || client.port == other.key.dst(other.dir).port
    }
}

// === impl Openers ===

impl Default for Openers {
    fn default() -> Self {
        Self(Box::new([Opener::default(); OPENERS]))
    }
}

impl Openers {
    /// A datagram opened a flow.
    pub(crate) fn add(&mut self, print: u64, flow: (u32, u64), at: Timestamp) {
        self.0[place(print)] = Opener { print, at, flow };
    }

    /// The flow that such a datagram opened just now.
    pub(crate) fn find(&self, print: u64, at: Timestamp) -> Option<(u32, u64)> {
        let opener = &self.0[place(print)];
        let is_it = opener.print == print && at.since(opener.at) <= OPENER_NS;
        is_it.then_some(opener.flow)
    }
}

/// The place of a print: its highest bits are the best mixed.
fn place(print: u64) -> usize {
    (print >> 32) as usize % OPENERS
}

// === impl Twins ===

impl Twins {
    /// Whether a segment may change what is known here, or be changed by it.
    #[inline]
    pub(crate) fn concerns(&self, segment: &Segment<'_>) -> bool {
        segment.flags.syn() || self.any_known()
    }

    /// Whether a segment may belong to another connection than its addresses say.
    #[inline]
    pub(crate) fn any_known(&self) -> bool {
        !self.known.is_empty()
    }

    /// Takes notice of `segment`. If it belongs to a twin it is made one of the connection that is
    /// kept; the twin itself is told when it is found.
    pub(crate) fn segment(&mut self, segment: &mut Segment<'_>, at: Timestamp) -> Option<Found> {
        let found = match (segment.flags.syn(), segment.flags.ack()) {
            (true, false) if segment.key.is_under_cover() => self.cover(segment, at),
            (true, false) => {
                self.asks(segment, at);
                None
            }
            (true, true) => self.answers(segment, at),
            (false, _) => None,
        };
        if let Some(known) = self.known.get_mut(&segment.key) {
            known.last_at = at;
            segment.dir = if known.flips { segment.dir.flip() } else { segment.dir };
            (segment.key, segment.hash) = (known.key, known.hash);
        }
        found
    }

    /// A SYN: a place more, unless it was answered already.
    fn asks(&mut self, segment: &Segment<'_>, at: Timestamp) {
        if segment.seq < NUMBER_MIN {
            return;
        }
        self.turn(at);
        // Another connection between the same ports is not known to be a twin yet.
        if self.known.get(&segment.key).is_some_and(|known| known.isn != segment.seq) {
            self.known.remove(&segment.key);
        }
        let [young, old] = &mut self.shakes;
        let shake = match old.get_mut(&segment.seq) {
            Some(shake) => shake,
            None => {
                young.entry(segment.seq).or_insert(Shake { places: [None; PLACES], answer: None })
            }
        };
        let own = Some(segment.key);
        if shake.answer.is_none()
            && !shake.places.contains(&own)
            && let Some(place) = shake.places.iter_mut().find(|place| place.is_none())
        {
            *place = own;
        }
    }

    /// The answer to a SYN that was seen at several places.
    fn answers(&mut self, segment: &Segment<'_>, at: Timestamp) -> Option<Found> {
        if segment.seq < NUMBER_MIN {
            return None;
        }
        let asked = segment.ack.wrapping_sub(1);
        let shake = self.shakes.iter_mut().find_map(|shakes| shakes.get_mut(&asked))?;
        if !shake.places.contains(&Some(segment.key)) {
            return None;
        }
        let Segment { key, hash, dir, seq, .. } = *segment;
        let first = *shake.answer.get_or_insert(Answer { key, hash, dir, seq });
        if first.key == key || first.seq != seq || !first.is_alike(segment) {
            return None;
        }
        let known = Known {
            key: first.key,
            hash: first.hash,
            flips: first.dir != dir,
            isn: asked,
            last_at: at,
        };
        if !self.make_room(at) {
            self.not_kept += 1;
            return None;
        }
        self.known.insert(key, known).is_none().then_some(Found {
            kept: (first.key, first.hash),
            twin: (key, hash),
            client: key.dst(dir),
            server: key.src(dir),
        })
    }

    /// The clear text of a connection begins: its addresses are translated as those of its wire are.
    fn cover(&mut self, segment: &Segment<'_>, at: Timestamp) -> Option<Found> {
        let Segment { key, dir, hash, seq, .. } = *segment;
        self.known.remove(&key);
        let wire = FlowKey { scope: key.scope & !FlowKey::UNDER_COVER, ..key };
        let wire = *self.known.get(&wire)?;
        let kept = FlowKey { scope: key.scope, ..wire.key };
        self.known.insert(key, Known { key: kept, isn: seq, last_at: at, ..wire });
        let (client, server) = (key.src(dir), key.dst(dir));
        Some(Found { kept: (kept, wire.hash), twin: (key, hash), client, server })
    }

    /// Forgets SYNs of long ago.
    fn turn(&mut self, at: Timestamp) {
        let over = at < self.turned_at || at.since(self.turned_at) > SHAKE_NS;
        if over || self.shakes[0].len() >= SHAKES_MAX {
            self.turned_at = at;
            self.shakes.swap(0, 1);
            self.shakes[0].clear();
        }
    }

    /// Whether one more may be known.
    fn make_room(&mut self, at: Timestamp) -> bool {
        if self.known.len() >= KNOWN_MAX {
            self.known.retain(|_, known| at.since(known.last_at) <= TWIN_IDLE_NS);
        }
        self.known.len() < KNOWN_MAX
    }
}
