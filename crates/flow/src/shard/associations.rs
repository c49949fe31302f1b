//! Associations of SCTP: found by their ends, or by their tags where they go between other addresses.

use model::{CallSink, Dir, Why};
use packet::Bundle;
use stream::{Association, Belongs};

use super::{Arrival, Shard, earlier, likely_client, start_of_association};
use crate::{
    deliver::Deliver,
    flow::{Carrier, Flow, LINGER_NS, Speech, Talk},
    table::Table,
};

/// What packets of one direction of an association are told by: the verification tag, the sender's
/// port, the receiver's.
pub(super) type Tag = (u32, u16, u16);

/// Whose packets these are: its number, its stream (numbers are used again), and which way they go.
pub(super) type Owner = (u32, u64, Dir);

/// Tags that are remembered.
const TAGS_MAX: usize = 1 << 14;
/// Types of chunks without which no association is begun: data, and who asks for it and grants it
/// (RFC 9260 §3.2, RFC 8260 §2).
const TELLING: [u8; 4] = [0, 1, 2, 64];

// === impl Shard ===

impl Shard {
    pub(crate) fn bundle(
        &mut self,
        bundle: &Bundle<'_>,
        arrival: &Arrival,
        sink: &mut dyn CallSink,
    ) {
        let hash = Table::hash(&bundle.key, bundle.hash);
        let known = self.table.find(hash, &bundle.key).map(|at| (at, bundle.dir));
        let (at, dir) = match known.or_else(|| self.tagged(bundle)) {
            Some(found) => found,
            None if bundle.chunks().any(|chunk| TELLING.contains(&chunk.kind)) => {
                (self.open_association(hash, bundle, arrival, sink), bundle.dir)
            }
            None => {
                self.counts.without_connection += 1;
                return;
            }
        };
        if self.association((at, dir), bundle, arrival, sink) != Belongs::ToAnother {
            return;
        }
        self.remove(at, arrival.mark, arrival.order, Why::Closed, sink);
        let at = self.open_association(hash, bundle, arrival, sink);
        // An association takes the packet it was opened by.
        let _ = self.association((at, bundle.dir), bundle, arrival, sink);
    }

    /// An association is over.
    pub(super) fn forget_tags(&mut self, association: &Association, talk: &Talk) {
        for dir in Dir::BOTH {
            let Some(tag) = association.tag(dir) else { continue };
            let tag = (tag, talk.key.src(dir).port, talk.key.dst(dir).port);
            if self.tags.get(&tag).is_some_and(|(_, stream, _)| *stream == talk.stream) {
                self.tags.remove(&tag);
            }
        }
    }

    fn association(
        &mut self,
        (at, dir): (u32, Dir),
        bundle: &Bundle<'_>,
        arrival: &Arrival,
        sink: &mut dyn CallSink,
    ) -> Belongs {
        let Self { table, commons, held, association_counts, wheel, tags, .. } = self;
        let Some(flow) = table.flow_mut(at) else { return Belongs::Nowhere };
        let Flow { carrier: Carrier::Association(association), talk, last_at, timed } = flow else {
            return Belongs::Nowhere;
        };
        let mut deliver = Deliver {
            start: start_of_association(association),
            talk,
            commons,
            sink,
            order: arrival.order,
            last_at: *last_at,
            flushed: Why::CaptureEnd,
            depth: 0,
        };
        let lent = (held, association_counts);
        let belongs = association.bundle(bundle, dir, arrival.mark, lent, &mut deliver);
        if belongs != Belongs::Yes {
            return belongs;
        }
        if association.closed() && !matches!(deliver.talk.speech, Speech::Over) {
            deliver.close(arrival.mark);
        }
        *last_at = arrival.mark.at.max(*last_at);
        if !*timed {
            let over = matches!(deliver.talk.speech, Speech::Over);
            let linger = over.then(|| last_at.after(LINGER_NS));
            if let Some(due) = earlier(earlier(association.deadline(), linger), deliver.deadline())
            {
                *timed = true;
                wheel.add(at, due, arrival.mark.at);
            }
        }
        for way in Dir::BOTH {
            let Some(tag) = association.tag(way) else { continue };
            let tag = (tag, talk.key.src(way).port, talk.key.dst(way).port);
            if tags.contains_key(&tag) || tags.len() < TAGS_MAX {
                tags.insert(tag, (at, talk.stream, way));
            }
        }
        if let Some(watched) = talk.watched() {
            watched.watch.bundle(bundle, dir, arrival.mark);
        }
        belongs
    }

    fn open_association(
        &mut self,
        hash: u64,
        bundle: &Bundle<'_>,
        arrival: &Arrival,
        sink: &mut dyn CallSink,
    ) -> u32 {
        let asks = bundle.chunks().any(|chunk| chunk.kind == 1);
        let grants = bundle.chunks().any(|chunk| chunk.kind == 2);
        let client = match (asks, grants) {
            (true, _) => bundle.dir,
            (_, true) => bundle.dir.flip(),
            _ => likely_client(&bundle.key, bundle.dir),
        };
        let carrier = Carrier::Association(Box::default());
        self.open(hash, bundle.key, client, carrier, arrival, sink)
    }

    /// The association with this tag, and which way its packets go.
    fn tagged(&self, bundle: &Bundle<'_>) -> Option<(u32, Dir)> {
        let (src, dst) = (bundle.key.src(bundle.dir), bundle.key.dst(bundle.dir));
        let (at, stream, dir) = *self.tags.get(&(bundle.tag, src.port, dst.port))?;
        // An association may have had this tag before its server chose another one.
        let is_there = self.table.flow(at).is_some_and(|flow| flow.talk.stream == stream);
        is_there.then_some((at, dir))
    }
}
