//! The flows of one shard, and everything that is bounded about them.

mod aliases;
mod associations;
mod datagrams;
mod learned;
mod moves;
mod told;

use std::sync::Arc;

use dissect::{Dissection, Heritage, Inner, Lens, Limits, Pool, Secrets, Taught};
use hashbrown::HashMap;
use model::{Budget, CallSink, Dir, Endpoint, FlowKey, Mark, Timestamp, Translated, Why};
use packet::{Datagram, Segment};
use stream::{Association, AssociationCounts, Connection, Outcome};

use self::{
    aliases::{is_group, opener},
    associations::{Owner, Tag},
    moves::Moves,
};
use crate::{
    Share,
    aim::Aimed,
    deliver::{Commons, Deliver, Start},
    detect::{Memory, Unknown},
    flow::{Carrier, Flow, Names, Rare, Speech, Talk},
    lores::{self, Heard},
    table::Table,
    tally::Tally,
    twins::{self, Openers},
    wheel::Wheel,
};

pub(crate) use self::moves::Name;

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
    /// Flows are entries of their own, too: calls of the table [`CONN`](crate::CONN).
    pub connections: bool,
}

/// The flows whose hash falls on this shard.
pub(crate) struct Shard {
    table: Table,
    wheel: Wheel,
    commons: Commons,
    /// For segments out of order; apart from the conversations' budget.
    held: Budget,
    flows_max: usize,
    /// Flows are watched, and told when they are over.
    connections: bool,
    /// Which new flows are read.
    share: Share,
    /// Which of them anybody wants; all, if nobody says.
    aim: Option<Aimed>,
    /// Who asked a group: answers come from members, not from the group's address.
    groups: HashMap<(Endpoint, u16), u32>,
    /// Flows of datagrams by other addresses, and whether their directions have other names there.
    twins: HashMap<FlowKey, (u32, bool)>,
    /// Flows of datagrams that go on between other addresses.
    moves: Moves,
    /// Associations by what their packets are told by, and which way those go.
    tags: HashMap<Tag, Owner>,
    /// The first datagrams of flows that were opened a moment ago.
    openers: Openers,
    pub(crate) stream_counts: stream::Counts,
    pub(crate) association_counts: AssociationCounts,
    pub(crate) counts: ShardCounts,
}

/// What a shard counts by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShardCounts {
    pub(crate) flows: u64,
    pub(crate) captured_twice: u64,
    pub(crate) translated: u64,
    pub(crate) evicted: u64,
    pub(crate) without_connection: u64,
    pub(crate) notices: u64,
    pub(crate) notices_of_nobody: u64,
    pub(crate) unwatched: u64,
}

/// What is known of a packet beside its segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) mark: Mark,
    /// Ordinal in the whole input, from 1.
    pub(crate) ordinal: u64,
    pub(crate) source: u32,
    pub(crate) order: u64,
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
                known: lores::Known::default(),
                names: Vec::new(),
                heard: Heard::default(),
                taught: Taught::default(),
                found: 0,
                uncovered: HashMap::new(),
            },
            held: Budget::new(memory / 4),
            flows_max: (settings.flows_max / shards).max(1),
            connections: settings.connections,
            share: Share::default(),
            aim: None,
            groups: HashMap::new(),
            twins: HashMap::new(),
            moves: Moves::default(),
            tags: HashMap::new(),
            openers: Openers::default(),
            stream_counts: stream::Counts::default(),
            association_counts: AssociationCounts::default(),
            counts: ShardCounts::default(),
        }
    }

    /// From now on this share of new flows is read.
    pub(crate) fn heed(&mut self, share: Share) {
        self.share = share;
    }

    /// From now on only flows that are meant are read.
    pub(crate) fn aim(&mut self, aim: Aimed) {
        self.aim = Some(aim);
    }

    /// Whether a new flow is read.
    pub(crate) fn is_read(&self, key: &FlowKey, hash: u64, at: Timestamp) -> bool {
        if self.aim.as_ref().is_some_and(|aim| !aim.is_meant(key, at)) {
            self.share.leave_out();
            return false;
        }
        self.share.takes(hash)
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
                if !self.is_read(&segment.key, segment.hash, arrival.mark.at) {
                    return;
                }
                self.open_connection(hash, segment, arrival, sink)
            }
            None => {
                self.counts.without_connection += 1;
                return;
            }
        };
        if self.connection(at, segment, arrival, sink) == Outcome::Same {
            self.note_birth(at, segment);
            return;
        }
        self.remove(at, arrival.mark, arrival.order, Why::Closed, sink);
        let at = self.open_connection(hash, segment, arrival, sink);
        // A connection takes the segment it was opened by.
        let _ = self.connection(at, segment, arrival, sink);
    }

    /// A server's answer to a SYN has both numbers that translation leaves as they are (see `twins`).
    /// Those of a connection's clear text are ours.
    fn note_birth(&mut self, at: u32, segment: &Segment<'_>) {
        if segment.flags.syn()
            && segment.flags.ack()
            && !segment.key.is_under_cover()
            && let Some(flow) = self.table.flow_mut(at)
        {
            let asked = segment.ack.wrapping_sub(1);
            flow.talk.birth = u64::from(asked) << 32 | u64::from(segment.seq);
        }
    }

    /// A connection of this shard was found to be the twin of another, which goes on alone.
    pub(crate) fn forget(
        &mut self,
        (key, hash): (FlowKey, u64),
        arrival: &Arrival,
        sink: &mut dyn CallSink,
    ) {
        let Some(at) = self.table.find(Table::hash(&key, hash), &key) else { return };
        self.counts.flows -= 1;
        self.unwatch(at);
        self.remove(at, arrival.mark, arrival.order, Why::Closed, sink);
    }

    /// A connection of this shard is seen elsewhere under other addresses, too.
    pub(crate) fn translated(&mut self, found: &twins::Found) {
        let (key, hash) = found.kept;
        let Some(at) = self.table.find(Table::hash(&key, hash), &key) else { return };
        let Some(flow) = self.table.flow_mut(at) else { return };
        let talk = &mut flow.talk;
        let others = Translated { client: talk.client(), server: found.server };
        let names = Names::new(found.client, talk.server(), others);
        talk.rare.get_or_insert_default().translated = Some(Box::new(names));
        self.counts.translated += 1;
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
        let Self { table, commons, held, stream_counts, association_counts, .. } = self;
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
        if let Carrier::Association(association) = carrier {
            association.expire(mark, (held, association_counts), &mut deliver);
            if association.closed() {
                deliver.close(mark);
            }
            next = earlier(next, association.deadline());
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
        self.forget_cover(&talk.key);
        self.forget_group(&talk.key, at);
        if let Some(names) = talk.rare.as_ref().and_then(|rare| rare.translated.as_ref()) {
            for twin in &names.twins {
                self.twins.remove(twin);
            }
        }
        if let Carrier::Association(association) = &carrier {
            self.forget_tags(association, &talk);
        }
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
            Carrier::Association(association) => {
                let lent = (&mut self.held, &mut self.association_counts);
                association.flush(mark, lent, &mut deliver);
            }
            Carrier::Datagrams(_) => deliver.talk.ended = Some(why),
        }
        deliver.close(mark);
        if self.connections {
            self.tell(talk, order, why, sink);
        }
    }

    /// A flow of a connection's clear text is over.
    fn forget_cover(&mut self, key: &FlowKey) {
        let ends = (key.a, key.b);
        if !key.is_under_cover() {
            return;
        }
        if let Some(count) = self.commons.uncovered.get_mut(&ends) {
            *count -= 1;
            if *count == 0 {
                self.commons.uncovered.remove(&ends);
            }
        }
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
        if let Some(watched) = talk.watched() {
            watched.watch.segment(segment, segment.dir, arrival.mark);
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
        print: u64,
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
        if datagram.id != 0 && client == datagram.dir {
            self.openers.add(opener(datagram, print), (at, arrival.ordinal), arrival.mark.at);
        }
        // An answer to all is no question: nobody answers it.
        if is_group(dst.ip) && client == datagram.dir && self.groups.len() < GROUPS_MAX {
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
        if key.is_under_cover() {
            *self.commons.uncovered.entry((key.a, key.b)).or_default() += 1;
        }
        let mut talk = Talk {
            key,
            stream: arrival.ordinal,
            birth: 0,
            per_mille: self.share.per_mille(),
            source: arrival.source,
            client,
            numbers: (0, 0),
            sealed: false,
            ended: None,
            withdrawn: 0,
            speech: Speech::Unknown(Unknown::default()),
            rare: key.is_under_cover().then(Rare::uncovered),
        };
        self.watch(&mut talk);
        self.table.insert(hash, Flow { last_at: arrival.mark.at, timed: false, carrier, talk })
    }
}

fn start_of(carrier: &Carrier) -> Start {
    match carrier {
        Carrier::Connection(connection) => start_of_connection(connection),
        Carrier::Association(association) => start_of_association(association),
        Carrier::Datagrams(_) => Start::Unseen,
    }
}

fn start_of_association(association: &Association) -> Start {
    if Dir::BOTH.into_iter().all(|dir| association.from_start(dir)) {
        Start::Seen
    } else if association.opener().is_some() {
        Start::Opener
    } else {
        Start::Unseen
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
