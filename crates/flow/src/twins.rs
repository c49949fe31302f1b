//! Connections that are seen twice because their server's address is translated on the way: to a
//! service's address before, to a pod's behind.
//!
//! Both carry the same bytes under the same sequence numbers between other ends; the first packet of
//! a connection, its SYN, tells it by the client's end and the initial sequence number, which nobody
//! else has at that time. From then on all its packets are taken for those behind the translation,
//! where they are seen twice as on any two interfaces.

use std::collections::VecDeque;

use hashbrown::HashMap;
use model::{Endpoint, FlowKey, Timestamp};
use packet::Segment;

/// The same SYN on both sides of a translation is no further apart than this: its first repetition
/// comes after a second (RFC 6298 §2.1).
const APART_NS: u64 = 900_000_000;
/// SYNs remembered.
const SYNS_MAX: usize = 4_096;
/// Translated connections remembered; the longest known are forgotten.
const TWINS_MAX: usize = 1 << 16;

/// Remembers SYNs, and connections that were translated. Every worker has the same ones, as each
/// sees all packets.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    syns: HashMap<Syn, Seen>,
    syn_order: VecDeque<(Syn, Timestamp)>,
    /// By the connection before the translation, what is behind it.
    behind: HashMap<FlowKey, Behind>,
    order: VecDeque<FlowKey>,
}

/// What tells a new connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Syn {
    client: Endpoint,
    seq: u32,
    scope: u16,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Timestamp,
    /// Where it went, seen first,
    asked: Endpoint,
    /// and seen last; with the flow's hash.
    server: Endpoint,
    hash: u64,
}

/// What is behind a translation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Behind {
    client: Endpoint,
    server: Endpoint,
    asked: Endpoint,
    /// Of the flow between these ends.
    hash: u64,
}

/// A segment as it is behind the translation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Translated<'s> {
    /// The segment between the ends behind.
    pub(crate) segment: Segment<'s>,
    /// Where the client sent it.
    pub(crate) asked: Endpoint,
}

// === impl Twins ===

impl Twins {
    /// Takes note of a segment. Tells the flow, and its hash, that turns out to be another one before its
    /// translation: its packets come behind that from now on.
    pub(crate) fn note(&mut self, segment: &Segment<'_>, at: Timestamp) -> Option<(FlowKey, u64)> {
        if !segment.flags.syn() || segment.flags.ack() {
            return None;
        }
        let (client, server) = (segment.key.src(segment.dir), segment.key.dst(segment.dir));
        let syn = Syn { client, seq: segment.seq, scope: segment.key.scope };
        let Some(seen) = self.syns.get_mut(&syn).filter(|seen| at.since(seen.at) < APART_NS) else {
            // The ends may have been used before.
            self.behind.remove(&segment.key);
            self.remember(syn, Seen { at, asked: server, server, hash: segment.hash });
            return None;
        };
        if server == seen.server || server == seen.asked {
            return None;
        }
        let (before, asked) = ((seen.server, seen.hash), seen.asked);
        (seen.server, seen.hash) = (server, segment.hash);
        let behind = Behind { client, server, asked, hash: segment.hash };
        let key = |of| FlowKey::of(client, of, segment.key.transport, segment.key.scope).0;
        self.translate(key(before.0), behind);
        if before.0 != asked {
            // Translated twice: the first one leads to the last, too.
            self.translate(key(asked), behind);
        }
        Some((key(before.0), before.1))
    }

    /// The segment as it is behind the translation, if there is one.
    pub(crate) fn behind<'s>(&self, segment: &Segment<'s>) -> Option<Translated<'s>> {
        if self.behind.is_empty() {
            return None;
        }
        let Behind { client, server, asked, hash } = *self.behind.get(&segment.key)?;
        let is_asking = segment.key.src(segment.dir) == client;
        let (src, dst) = if is_asking { (client, server) } else { (server, client) };
        let (key, dir) = FlowKey::of(src, dst, segment.key.transport, segment.key.scope);
        Some(Translated { segment: Segment { key, dir, hash, ..*segment }, asked })
    }

    fn remember(&mut self, syn: Syn, seen: Seen) {
        if self.syn_order.len() >= SYNS_MAX
            && let Some((oldest, at)) = self.syn_order.pop_front()
            && self.syns.get(&oldest).is_some_and(|seen| seen.at == at)
        {
            self.syns.remove(&oldest);
        }
        self.syn_order.push_back((syn, seen.at));
        self.syns.insert(syn, seen);
    }

    fn translate(&mut self, key: FlowKey, behind: Behind) {
        if self.behind.insert(key, behind).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > TWINS_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            self.behind.remove(&oldest);
        }
    }
}
