//! Datagrams, to the flows that they are of.

use model::{CallSink, Dir, Why};
use packet::Datagram;

use super::{
    Arrival, Shard, TWICE_NS,
    aliases::{fingerprint, opener},
};
use crate::{
    deliver::{Deliver, Start},
    flow::{Carrier, Flow, Seen},
    table::Table,
};

// === impl Shard ===

impl Shard {
    pub(crate) fn datagram(
        &mut self,
        datagram: &Datagram<'_>,
        arrival: &Arrival,
        sink: &mut dyn CallSink,
    ) {
        if datagram.payload.is_empty() {
            return;
        }
        let (hash, print) =
            (Table::hash(&datagram.key, datagram.hash), fingerprint(datagram.payload));
        let (at, dir) = match self.table.find(hash, &datagram.key) {
            Some(at) => (at, datagram.dir),
            None => {
                match self.group_of(datagram).or_else(|| self.twin_of(datagram, print, arrival)) {
                    Some(found) => found,
                    None if !self.is_read(&datagram.key, datagram.hash, arrival.mark.at) => return,
                    None => {
                        (self.open_datagrams(hash, datagram, print, arrival, sink), datagram.dir)
                    }
                }
            }
        };
        self.arrives((at, dir), datagram, print, arrival, sink);
    }

    /// A datagram, of this fingerprint, of the flow at `at`.
    pub(super) fn arrives(
        &mut self,
        (at, dir): (u32, Dir),
        datagram: &Datagram<'_>,
        print: u64,
        arrival: &Arrival,
        sink: &mut dyn CallSink,
    ) {
        let Some(flow) = self.table.flow_mut(at) else { return };
        let Flow { carrier: Carrier::Datagrams(seen), talk, last_at, timed } = flow else { return };
        if talk.birth == 0 {
            talk.birth = opener(datagram, print);
        }
        let before =
            std::mem::replace(&mut seen[dir as usize], Seen { print, at: arrival.mark.at });
        if before.print == print && arrival.mark.at.since(before.at) <= TWICE_NS && before.at.0 != 0
        {
            self.counts.captured_twice += 1;
            return;
        }
        if let Some(watched) = talk.watched() {
            let bytes = datagram.payload.len() as u64 + u64::from(datagram.cut);
            watched.watch.packet(bytes, dir, arrival.mark);
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
        if !self.commons.names.is_empty() {
            self.learn_names(at);
        }
    }
}
