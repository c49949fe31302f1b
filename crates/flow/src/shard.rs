//! The flows of one shard, and everything that is bounded about them.

use std::sync::Arc;

use dissect::{Dissection, Heritage, Inner, Lens, Limits, Pool, Secrets};
use hashbrown::HashMap;
use model::{Budget, CallSink, Dir, Endpoint, FlowKey, Mark, Timestamp, Why};
use packet::{Datagram, Segment};
use stream::{Connection, Outcome};

use crate::{
    deliver::{Commons, Deliver, Start, Tally},
    detect::{Memory, Unknown},
    flow::{Carrier, Flow, Seen, Speech, Talk},
    table::Table,
    wheel::Wheel,
};

/// The same datagram within this time was captured twice, not sent twice.
const TWICE_NS: u64 = 1_000_000;
/// Flows looked at to find one to give up.
const EVICT_LOOKS: u32 = 64;
/// Above this share of its budget, in percent, a shard gives up idle flows.
const CROWDED_PERCENT: usize = 90;
/// Questions to a group whose answers come from somebody else, remembered at most.
const GROUPS_MAX: usize = 4_096;

/// How a shard is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The protocols, in the order in which they are tried.
    pub list: &'static [&'static Dissection],
    /// Protocols spoken in the messages of others.
    pub lenses: &'static [Lens],
    /// How much one flow may keep.
    pub limits: Limits,
    /// Bytes for all buffers of all shards.
    pub memory: usize,
    /// Flows of all shards; the idlest leave when there are more.
    pub flows_max: usize,
}

/// The flows whose hash falls on this shard.
pub(crate) struct Shard {
    table: Table,
    wheel: Wheel,
    commons: Commons,
    /// For segments out of order; apart from the conversations' budget.
    held: Budget,
    flows_max: usize,
    /// Who asked a group: answers come from members, not from the group's address.
    groups: HashMap<(Endpoint, u16), u32>,
    pub(crate) stream_counts: stream::Counts,
    pub(crate) counts: ShardCounts,
}

/// What a shard counts by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShardCounts {
    pub(crate) flows: u64,
    pub(crate) captured_twice: u64,
    pub(crate) evicted: u64,
    pub(crate) without_connection: u64,
}

/// What is known of a packet beside its segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) mark: Mark,
    /// Ordinal in the whole input, from 1.
    pub(crate) ordinal: u64,
    pub(crate) source: u32,
    pub(crate) order: u64,
    /// Where the client sent it, if it was translated on the way.
    pub(crate) asked: Option<Endpoint>,
}

// === impl Shard ===

impl Shard {
    pub(crate) fn new(settings: &Settings, shards: usize) -> Self {
        let memory = settings.memory / shards;
        Self {
            table: Table::default(),
            wheel: Wheel::new(),
            commons: Commons {
                list: settings.list,
                lenses: settings.lenses,
                limits: settings.limits.clone(),
                budget: Budget::new(memory - memory / 4),
                pool: Pool::default(),
                memory: Memory::new(),
                counts: dissect::Counts::default(),
                tally: Tally::default(),
                secrets: Arc::default(),
                inner: Inner::default(),
                heritage: Heritage::default(),
            },
            held: Budget::new(memory / 4),
            flows_max: (settings.flows_max / shards).max(1),
            groups: HashMap::new(),
            stream_counts: stream::Counts::default(),
            counts: ShardCounts::default(),
        }
    }

    pub(crate) fn segment(
        &mut self,
        segment: &Segment<'_>,
        arrival: &Arrival,
        sink: &mut dyn CallSink,
    ) {
        let hash = Table::hash(&segment.key, segment.hash);
        let at = match self.table.find(hash, &segment.key) {
            Some(at) => at,
            None if segment.flags.syn() || !segment.payload.is_empty() || segment.cut > 0 => {
                self.open_connection(hash, segment, arrival, sink)
            }
            None => {
                self.counts.without_connection += 1;
                return;
            }
        };
        if self.connection(at, segment, arrival, sink) == Outcome::Same {
            return;
        }
        self.remove(at, arrival.mark, arrival.order, Why::Closed, sink);
        let at = self.open_connection(hash, segment, arrival, sink);
        // A connection takes the segment it was opened by.
        let _ = self.connection(at, segment, arrival, sink);
    }

    /// A flow was seen to be another one before its translation: nothing was said on it yet.
    pub(crate) fn is_twin(
        &mut self,
        key: &FlowKey,
        hash: u64,
        arrival: &Arrival,
        sink: &mut dyn CallSink,
    ) {
        if let Some(at) = self.table.find(Table::hash(key, hash), key) {
            self.remove(at, arrival.mark, arrival.order, Why::Closed, sink);
            self.counts.flows -= 1;
        }
    }

    pub(crate) fn datagram(
        &mut self,
        datagram: &Datagram<'_>,
        arrival: &Arrival,
        sink: &mut dyn CallSink,
    ) {
        if datagram.payload.is_empty() {
            return;
        }
        let hash = Table::hash(&datagram.key, datagram.hash);
        let (at, dir) = match self.table.find(hash, &datagram.key) {
            Some(at) => (at, datagram.dir),
            None => match self.group_of(datagram) {
                Some(found) => found,
                None => (self.open_datagrams(hash, datagram, arrival, sink), datagram.dir),
            },
        };
        let Some(flow) = self.table.flow_mut(at) else { return };
        let Flow { carrier: Carrier::Datagrams(seen), talk, last_at, timed } = flow else { return };
        let print = fingerprint(datagram.payload);
        let before =
            std::mem::replace(&mut seen[dir as usize], Seen { print, at: arrival.mark.at });
        if before.print == print && arrival.mark.at.since(before.at) <= TWICE_NS && before.at.0 != 0
        {
            self.counts.captured_twice += 1;
            return;
        }
        let mut deliver = Deliver {
            talk,
            commons: &mut self.commons,
            sink,
            order: arrival.order,
            last_at: *last_at,
            start: Start::Unseen,
            flushed: Why::CaptureEnd,
            depth: 0,
        };
        deliver.say(dir, arrival.mark, datagram.payload, datagram.cut);
        *last_at = arrival.mark.at.max(*last_at);
        if !*timed {
            *timed = true;
            let due = deliver
                .deadline()
                .into_iter()
                .chain([last_at.after(crate::flow::DATAGRAM_IDLE_NS)])
                .min();
            self.wheel.add(at, due.unwrap_or(*last_at), arrival.mark.at);
        }
    }

    /// Flows that the clock makes due, with their stream numbers.
    pub(crate) fn due(&mut self, now: Timestamp, slots: &mut Vec<u32>, due: &mut Vec<(u64, u32)>) {
        slots.clear();
        self.wheel.turn(now, slots);
        due.extend(slots.drain(..).filter_map(|at| Some((self.table.flow(at)?.talk.stream, at))));
    }

    /// The clock made a flow due.
    pub(crate) fn fire(
        &mut self,
        at: u32,
        stream: u64,
        now: Timestamp,
        order: u64,
        sink: &mut dyn CallSink,
    ) {
        let Self { table, commons, held, stream_counts, .. } = self;
        let Some(flow) = table.flow_mut(at).filter(|flow| flow.talk.stream == stream) else {
            return;
        };
        flow.timed = false;
        let mark = Mark { at: now.max(flow.last_at), frame: 0 };
        let expires = flow.expires();
        let Flow { carrier, talk, last_at, timed } = flow;
        let mut deliver = Deliver {
            start: start_of(carrier),
            talk,
            commons,
            sink,
            order,
            last_at: *last_at,
            flushed: Why::CaptureEnd,
            depth: 0,
        };
        let mut next = None;
        if let Carrier::Connection(connection) = carrier {
            connection.expire(mark, held, stream_counts, &mut deliver);
            if connection.closed() {
                deliver.close(mark);
            }
            next = earlier(next, connection.deadline());
        }
        deliver.tick(now);
        next = earlier(next, deliver.deadline());
        if next.is_none() && expires.is_some_and(|at| at <= now) {
            // Nothing is pending any more.
            self.remove(at, mark, order, Why::Timeout, sink);
        } else if let Some(due) = next.or(expires) {
            *timed = true;
            self.wheel.add(at, due, now);
        }
    }

    /// Flows now.
    pub(crate) fn flows(&self) -> usize {
        self.table.len()
    }

    /// All flows, with their stream numbers.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u64, u32)> {
        self.table.numbers().filter_map(|at| Some((self.table.flow(at)?.talk.stream, at)))
    }

    /// A flow ends because of `why`: what is held is delivered, what is pending leaves.
    pub(crate) fn remove(
        &mut self,
        at: u32,
        mark: Mark,
        order: u64,
        why: Why,
        sink: &mut dyn CallSink,
    ) {
        let Some(flow) = self.table.remove(at) else { return };
        let Flow { mut carrier, mut talk, last_at, .. } = flow;
        self.groups.retain(|_, flow| *flow != at);
        let start = start_of(&carrier);
        let mut deliver = Deliver {
            talk: &mut talk,
            commons: &mut self.commons,
            sink,
            order,
            last_at,
            start,
            flushed: why,
            depth: 0,
        };
        match &mut carrier {
            Carrier::Connection(connection) => {
                connection.flush(mark, &mut self.held, &mut self.stream_counts, &mut deliver);
            }
            Carrier::Datagrams(_) => deliver.talk.ended = Some(why),
        }
        deliver.close(mark);
    }

    /// Bytes charged at most.
    pub(crate) fn memory_peak(&self) -> usize {
        self.commons.budget.peak() + self.held.peak()
    }

    /// By what flows can be decrypted from now on.
    pub(crate) fn learn(&mut self, secrets: &Arc<Secrets>) {
        self.commons.secrets = Arc::clone(secrets);
    }

    pub(crate) fn commons(&self) -> &Commons {
        &self.commons
    }
}

impl Shard {
    fn connection(
        &mut self,
        at: u32,
        segment: &Segment<'_>,
        arrival: &Arrival,
        sink: &mut dyn CallSink,
    ) -> Outcome {
        let Self { table, commons, held, stream_counts, wheel, .. } = self;
        let Some(flow) = table.flow_mut(at) else { return Outcome::Same };
        let Flow { carrier: Carrier::Connection(connection), talk, last_at, timed } = flow else {
            return Outcome::Same;
        };
        if arrival.asked.is_some() {
            talk.rare.get_or_insert_default().asked = arrival.asked;
        }
        let mut deliver = Deliver {
            start: start_of_connection(connection),
            talk,
            commons,
            sink,
            order: arrival.order,
            last_at: *last_at,
            flushed: Why::CaptureEnd,
            depth: 0,
        };
        let outcome = connection.segment(segment, arrival.mark, held, stream_counts, &mut deliver);
        if outcome == Outcome::Reused {
            return outcome;
        }
        if connection.closed() && !matches!(deliver.talk.speech, Speech::Over) {
            deliver.close(arrival.mark);
        }
        *last_at = arrival.mark.at.max(*last_at);
        if !*timed {
            let over = matches!(deliver.talk.speech, Speech::Over);
            let linger = over.then(|| last_at.after(crate::flow::LINGER_NS));
            if let Some(due) = earlier(earlier(connection.deadline(), linger), deliver.deadline()) {
                *timed = true;
                wheel.add(at, due, arrival.mark.at);
            }
        }
        outcome
    }

    fn open_connection(
        &mut self,
        hash: u64,
        segment: &Segment<'_>,
        arrival: &Arrival,
        sink: &mut dyn CallSink,
    ) -> u32 {
        let connection = Connection::new(segment);
        let client =
            connection.opener().unwrap_or_else(|| likely_client(&segment.key, segment.dir));
        self.open(hash, segment.key, client, Carrier::Connection(connection), arrival, sink)
    }

    fn open_datagrams(
        &mut self,
        hash: u64,
        datagram: &Datagram<'_>,
        arrival: &Arrival,
        sink: &mut dyn CallSink,
    ) -> u32 {
        let client = likely_client(&datagram.key, datagram.dir);
        let at = self.open(
            hash,
            datagram.key,
            client,
            Carrier::Datagrams(Default::default()),
            arrival,
            sink,
        );
        let (src, dst) = (datagram.key.src(datagram.dir), datagram.key.dst(datagram.dir));
        if dst.ip.is_multicast() && self.groups.len() < GROUPS_MAX {
            self.groups.insert((src, dst.port), at);
        }
        at
    }

    fn open(
        &mut self,
        hash: u64,
        key: FlowKey,
        client: Dir,
        carrier: Carrier,
        arrival: &Arrival,
        sink: &mut dyn CallSink,
    ) -> u32 {
        let crowded =
            self.commons.budget.used() > self.commons.budget.limit() / 100 * CROWDED_PERCENT;
        if (crowded || self.table.len() >= self.flows_max)
            && let Some(idlest) = self.table.idlest(EVICT_LOOKS)
        {
            self.counts.evicted +=
                u64::from(self.table.flow(idlest).is_some_and(|flow| !flow.over()));
            self.remove(idlest, arrival.mark, arrival.order, Why::Budget, sink);
        }
        self.counts.flows += 1;
        let talk = Talk {
            key,
            stream: arrival.ordinal,
            source: arrival.source,
            client,
            numbers: (0, 0),
            ended: None,
            withdrawn: 0,
            speech: Speech::Unknown(Unknown::default()),
            rare: None,
        };
        self.table.insert(hash, Flow { last_at: arrival.mark.at, timed: false, carrier, talk })
    }

    /// The flow of a question to a group that this datagram may answer, and which way it goes there.
    fn group_of(&self, datagram: &Datagram<'_>) -> Option<(u32, Dir)> {
        if self.groups.is_empty() {
            return None;
        }
        let (src, dst) = (datagram.key.src(datagram.dir), datagram.key.dst(datagram.dir));
        let at = *self.groups.get(&(dst, src.port))?;
        let talk = &self.table.flow(at)?.talk;
        let asked = if talk.key.a == dst { Dir::Ab } else { Dir::Ba };
        Some((at, asked.flip()))
    }
}

fn start_of(carrier: &Carrier) -> Start {
    match carrier {
        Carrier::Connection(connection) => start_of_connection(connection),
        Carrier::Datagrams(_) => Start::Unseen,
    }
}

fn start_of_connection(connection: &Connection) -> Start {
    if connection.from_start(Dir::Ab) && connection.from_start(Dir::Ba) {
        Start::Seen
    } else if connection.opener().is_some() {
        Start::Opener
    } else {
        Start::Unseen
    }
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Who asks, as long as nobody has said anything: the one with the higher port, or who spoke first.
fn likely_client(key: &FlowKey, dir: Dir) -> Dir {
    if key.src(dir).port < key.dst(dir).port && key.src(dir).port < 1_024 {
        dir.flip()
    } else {
        dir
    }
}

/// Not a checksum against forgery: it tells a copy from another datagram.
fn fingerprint(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut print = (bytes.len() as u64).wrapping_mul(PRIME);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        print = (print.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(PRIME);
    }
    for byte in rest {
        print = (print.rotate_left(7) ^ u64::from(*byte)).wrapping_mul(PRIME);
    }
    print
}
