//! One thread's share of the shards.

use std::sync::Arc;

use dissect::Secrets;
use model::{CallSink, Mark, Timestamp, Why};
use packet::{Content, Decoder, DecoderLimits, Packet};

use crate::{
    Aim, Lores, Report, Settings, Share,
    aim::Aimed,
    deliver::order_of,
    shard::{Arrival, Shard},
    twins::Twins,
    unread,
    wheel::Wheel,
    whose::Whose,
};

/// Shards there are in all, however many workers share them.
pub const SHARDS: usize = 16;

/// How far the capture's clock may go back before it is believed to have been set back.
const CLOCK_BACK_NS_MAX: u64 = 10_000_000_000;

/// Decodes every packet and keeps the flows of its own shards.
pub struct Worker {
    decoder: Decoder,
    shards: Vec<Shard>,
    /// Of all connections: a twin may fall on another worker than what it is a twin of.
    twins: Twins,
    index: usize,
    workers: usize,
    /// Number of the latest packet, in the whole input.
    ordinal: u64,
    /// The number before that of the first packet.
    before: u64,
    wire_bytes: u64,
    /// The latest time stamp so far.
    now: Timestamp,
    /// The wheel slot that the flows were looked at for.
    slot: u64,
    settings: Settings,
    secrets: Arc<Secrets>,
    lores: Lores,
    /// Flows of datagrams may go on between other addresses.
    may_move: bool,
    slots: Vec<u32>,
    due: Vec<(u64, u32)>,
}

// === impl Worker ===

impl Worker {
    /// Worker number `index` of `workers`.
    ///
    /// # Panics
    /// If `workers` is 0 or more than [`SHARDS`], or `index` is not below it.
    #[must_use]
    pub fn new(index: usize, workers: usize, settings: &Settings) -> Self {
        assert!(index < workers && workers <= SHARDS, "worker {index} of {workers}");
        let own = (0..SHARDS).filter(|shard| shard % workers == index).count();
        Self {
            decoder: Decoder::new(DecoderLimits::default()),
            shards: (0..own).map(|_| Shard::new(settings, SHARDS)).collect(),
            twins: Twins::default(),
            index,
            workers,
            ordinal: 0,
            before: 0,
            wire_bytes: 0,
            now: Timestamp(0),
            slot: 0,
            settings: settings.clone(),
            secrets: Arc::default(),
            lores: Lores::default(),
            may_move: false,
            slots: Vec::new(),
            due: Vec::new(),
        }
    }

    /// Key material (a key log's lines) that decrypts what comes from now on. `origin` is told of the
    /// calls inside: `keylog`, `embedded`.
    pub fn secrets(&mut self, keylog: &[u8], origin: &'static str) {
        // Nobody else holds it for the moment, so that it is not copied.
        self.shards.iter_mut().for_each(|shard| shard.learn(&Arc::default()));
        Arc::make_mut(&mut self.secrets).add(keylog, origin);
        self.shards.iter_mut().for_each(|shard| shard.learn(&self.secrets));
    }

    /// What all workers of the input have learned of servers is there.
    pub fn share(&mut self, lores: &Lores) {
        self.lores = lores.clone();
    }

    /// A round of the input begins, the same for all workers: what was learned [`ROUNDS_BEHIND`] rounds
    /// before is known in it.
    ///
    /// [`ROUNDS_BEHIND`]: crate::ROUNDS_BEHIND
    pub fn begin(&mut self, round: usize) {
        if let Some(before) = round.checked_sub(1) {
            self.shards.iter_mut().for_each(|shard| self.lores.put(before, shard.heard()));
        }
        for news in self.lores.due(round) {
            self.shards.iter_mut().for_each(|shard| shard.learn_of(news.clone()));
        }
    }

    /// Packets are counted from the one behind `before`, instead of from 1: flows and calls of one run
    /// then have other numbers than those of another.
    pub fn count_from(&mut self, before: u64) {
        self.before = before;
        self.ordinal = before;
    }

    /// The next packet of the input, of which is known whose it is.
    #[inline]
    pub fn packet_of(&mut self, whose: Whose, packet: &Packet<'_>, sink: &mut dyn CallSink) {
        if self.is_foreign(whose) {
            return self.arrive(packet, sink);
        }
        self.packet(packet, sink);
    }

    /// From now on this share of new flows is read.
    pub fn heed(&mut self, share: &Share) {
        self.shards.iter_mut().for_each(|shard| shard.heed(share.clone()));
    }

    /// From now on only flows that are meant are read.
    pub fn aim(&mut self, aim: impl Aim + 'static) {
        let aim = Aimed::new(aim);
        self.shards.iter_mut().for_each(|shard| shard.aim(aim.clone()));
    }

    /// The next packet of the input. Calls that it finishes go to `sink`.
    pub fn packet(&mut self, packet: &Packet<'_>, sink: &mut dyn CallSink) {
        self.arrive(packet, sink);
        let arrival = Arrival {
            mark: Mark { at: packet.at, frame: packet.frame },
            ordinal: self.ordinal,
            source: packet.source,
            order: order_of(self.ordinal),
        };
        match self.decoder.decode(packet) {
            Content::Tcp(mut segment) => {
                let found = match self.twins.concerns(&segment) {
                    true => self.twins.segment(&mut segment, packet.at),
                    false => None,
                };
                if let Some(found) = &found
                    && let Some(shard) =
                        own(&mut self.shards, found.twin.1, self.index, self.workers)
                {
                    shard.forget(found.twin, &arrival, sink);
                }
                if let Some(shard) = own(&mut self.shards, segment.hash, self.index, self.workers) {
                    shard.segment(&segment, &arrival, sink);
                    found.iter().for_each(|found| shard.translated(found));
                }
            }
            Content::Udp(datagram) | Content::Icmp(datagram) => {
                if self.may_move {
                    let shards = self.shards.iter_mut().filter(|shard| shard.may_move());
                    shards.for_each(|shard| shard.moved(&datagram, &arrival, sink));
                }
                if let Some(shard) = own(&mut self.shards, datagram.hash, self.index, self.workers)
                {
                    shard.datagram(&datagram, &arrival, sink);
                    self.may_move |= shard.may_move();
                }
            }
            Content::Quote(quote) => {
                if let Some(shard) = own(&mut self.shards, quote.hash, self.index, self.workers) {
                    shard.noticed(&quote, packet.at);
                }
            }
            Content::Sctp(bundle) => {
                if let Some(shard) = own(&mut self.shards, bundle.hash, self.index, self.workers) {
                    shard.bundle(&bundle, &arrival, sink);
                }
            }
            Content::Nothing => {}
        }
    }

    /// Time has gone on to `now` without packets: whatever has waited long enough leaves.
    pub fn tick(&mut self, now: Timestamp, sink: &mut dyn CallSink) {
        if now > self.now {
            self.clock(now, (self.ordinal + 1) * 2, sink);
        }
    }

    /// The input is at its end: everything unfinished leaves.
    pub fn finish(&mut self, sink: &mut dyn CallSink) {
        // As tight as can be: there may be millions, and memory is at its peak here.
        let flows = self.shards.iter().map(Shard::flows).sum();
        let mut all: Vec<(u64, u32, u8)> = Vec::with_capacity(flows);
        for (shard, index) in self.shards.iter().zip(0..) {
            all.extend(shard.all().map(|(stream, at)| (stream, at, index)));
        }
        all.sort_unstable();
        let mark = Mark { at: self.now, frame: 0 };
        for (_, at, shard) in all {
            self.shards[usize::from(shard)].remove(at, mark, u64::MAX, Why::CaptureEnd, sink);
        }
    }

    /// What was counted. What concerns packets is counted alike by every worker, and told by the
    /// first alone.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut report = Report::default();
        if self.index == 0 {
            report.packets = self.ordinal - self.before;
            report.wire_bytes = self.wire_bytes;
            self.report_packets(&mut report);
        }
        for shard in &self.shards {
            report.flows += shard.counts.flows;
            report.memory_peak += shard.memory_peak();
            report.tally(self.settings.list, &shard.commons().tally);
            for (name, words, value, loss) in shard.stream_counts.named() {
                report.count(name, words, value, loss);
            }
            for (name, words, value, loss) in shard.association_counts.named() {
                report.count(name, words, value, loss);
            }
            for (name, words, value, loss) in shard.commons().counts.named() {
                report.count(name, words, value, loss);
            }
            report.count(
                "captured_twice",
                "datagrams captured twice",
                shard.counts.captured_twice,
                false,
            );
            report.count(
                "translated",
                "connections seen at two places, with translated addresses",
                shard.counts.translated,
                false,
            );
            report.count("notices", "ICMP errors about flows", shard.counts.notices, false);
            report.count(
                "notices_of_nobody",
                "ICMP errors about flows not seen",
                shard.counts.notices_of_nobody,
                false,
            );
            report.count(
                "unwatched",
                "flows without an entry of their own: memory limit",
                shard.counts.unwatched,
                true,
            );
            report.count("evicted", "flows given up: memory limit", shard.counts.evicted, true);
            report.count(
                "without_connection",
                "TCP segments without data of connections not seen",
                shard.counts.without_connection,
                false,
            );
        }
        unread::join(&mut report.unread);
        report
    }

    /// Whether a packet is another worker's, without doubt: no flow of this one has twins.
    #[inline]
    fn is_foreign(&self, whose: Whose) -> bool {
        let Some(shard) = whose.shard() else { return false };
        let may_be_ours = if whose.is_segment() { self.twins.any_known() } else { self.may_move };
        usize::from(shard) % self.workers != self.index && !may_be_ours
    }

    /// Counts a packet, and moves the clock to it.
    #[inline]
    fn arrive(&mut self, packet: &Packet<'_>, sink: &mut dyn CallSink) {
        self.ordinal += 1;
        self.wire_bytes += u64::from(packet.wire_len);
        if self.ordinal == self.before + 1 {
            self.slot = Wheel::slot_of(packet.at);
        }
        self.clock(packet.at, self.ordinal * 2, sink);
    }

    /// Moves the clock, and looks at the flows that are due; what leaves takes this place in the order.
    fn clock(&mut self, at: Timestamp, order: u64, sink: &mut dyn CallSink) {
        if at <= self.now {
            // A little back is disorder; far back is another capture behind this one.
            if self.now.since(at) > CLOCK_BACK_NS_MAX {
                self.now = at;
                self.slot = Wheel::slot_of(at);
            }
            return;
        }
        self.now = at;
        if Wheel::slot_of(at) > self.slot {
            self.slot = Wheel::slot_of(at);
            self.fire(order, sink);
        }
    }

    #[cold]
    fn fire(&mut self, order: u64, sink: &mut dyn CallSink) {
        let mut all = Vec::new();
        for (index, shard) in self.shards.iter_mut().enumerate() {
            shard.due(self.now, &mut self.slots, &mut self.due);
            all.extend(self.due.drain(..).map(|(stream, at)| (stream, index, at)));
        }
        all.sort_unstable();
        for (stream, shard, at) in all {
            self.shards[shard].fire(at, stream, self.now, order, sink);
        }
    }

    fn report_packets(&self, report: &mut Report) {
        for line in self.decoder.counts().iter() {
            report.count(&line.name, "", line.count, line.is_loss);
        }
        let words = "connections seen at two places that were not joined: their calls come twice";
        report.count("twins_not_kept", words, self.twins.not_kept, true);
    }
}

/// The shard that a hash falls on: its highest four bits, since there are sixteen.
pub(crate) fn shard_of(hash: u64) -> u8 {
    const { assert!(SHARDS == 1 << 4) };
    (hash >> 60) as u8
}

/// The shard that a hash falls on, if it is one of this worker's.
fn own(shards: &mut [Shard], hash: u64, index: usize, workers: usize) -> Option<&mut Shard> {
    let shard = usize::from(shard_of(hash));
    if shard % workers != index {
        return None;
    }
    shards.get_mut(shard / workers)
}
