//! What becomes of a segment's payload and FIN: delivered, held, or dropped because it is old.

use model::Dir;
use packet::Segment;

use crate::{
    Connection, Counts, End, Outlet,
    assembler::{Around, Phase},
    held::{Fin, Full},
    part::Part,
    seq::Seq,
};

// === impl Connection ===

impl Connection {
    /// Takes a segment whose payload begins at `seq`.
    pub(crate) fn take<O: Outlet>(
        &mut self,
        segment: &Segment<'_>,
        seq: Seq,
        around: &mut Around<'_, O>,
    ) {
        let (dir, fin) = (segment.dir, segment.flags.fin());
        let Some(part) = Part::new(seq, segment.payload, segment.cut) else {
            around.counts.outside_window += 1;
            return;
        };
        if self.half(dir).is_in_reach(part.seq) {
            self.half_mut(dir).catch_up(dir, around);
        }
        if self.is_probe(segment, &part) {
            around.counts.keep_alives += 1;
            self.half_mut(dir).touch(part.end());
            self.acknowledge(segment, around);
            return;
        }
        if part.is_empty() && !fin {
            self.half_mut(dir).touch(seq);
            self.acknowledge(segment, around);
            return;
        }
        if !self.is_near(dir, &part, around) {
            return;
        }
        self.half_mut(dir).wake(&part);
        self.half_mut(dir).undoubt(dir, &part, fin, around);
        let gate = self.acknowledge(segment, around);
        let acked = segment.flags.ack().then_some(Seq(segment.ack));
        self.take_payload(dir, part, (gate, acked), around);
        if fin {
            self.take_fin(dir, Fin { seq: part.end(), gate, mark: around.now }, around);
        }
    }

    fn take_payload<O: Outlet>(
        &mut self,
        dir: Dir,
        mut part: Part<'_>,
        (gate, acked): (Option<Seq>, Option<Seq>),
        around: &mut Around<'_, O>,
    ) {
        loop {
            part = self.half(dir).without_old(part, around.counts);
            part = self.without_ended(dir, part, around.counts);
            if part.is_empty() {
                return;
            }
            let is_next = part.seq == self.half(dir).next;
            if is_next && self.is_open(dir, gate) {
                part = self.deliver_until_held(dir, part, acked, around);
                continue;
            }
            match self.hold(dir, part, gate, around) {
                Ok(is_new) => {
                    around.counts.reordered_segments += u64::from(is_new && !is_next);
                    around.counts.early_answers += u64::from(is_new && is_next);
                    return;
                }
                Err((rest, full)) => {
                    part = rest;
                    self.make_room(dir, part.seq, full, around);
                }
            }
        }
    }

    /// Drops what of `part` is after the direction's end, and counts it.
    fn without_ended<'s>(&self, dir: Dir, part: Part<'s>, counts: &mut Counts) -> Part<'s> {
        let half = self.half(dir);
        let end = match half.held.as_deref().and_then(|held| held.fin) {
            Some(fin) => fin.seq,
            None if half.phase == Phase::Ended => half.next,
            None => return part,
        };
        let (before, after) = part.split_at(end);
        counts.after_end += u64::from(!after.is_empty());
        before
    }

    /// Delivers the part, which is next, up to what is held; hands back what is after that.
    fn deliver_until_held<'s, O: Outlet>(
        &mut self,
        dir: Dir,
        part: Part<'s>,
        acked: Option<Seq>,
        around: &mut Around<'_, O>,
    ) -> Part<'s> {
        let half = self.half_mut(dir);
        let Some(first) = half.held.as_deref().and_then(|held| held.first()) else {
            half.deliver(dir, part, around.now, around.counts, around.out);
            self.doubt(dir, acked, around);
            return part.split_at(part.end()).1;
        };
        let (ready, over) = part.split_at(first);
        if !ready.is_empty() {
            half.deliver(dir, ready, around.now, around.counts, around.out);
            self.doubt(dir, acked, around);
        }
        let half = self.half_mut(dir);
        let rest = match half.held.as_deref() {
            Some(held) if !over.is_empty() => held.after_front(over, around.counts),
            _ => over,
        };
        self.pump(around);
        rest
    }

    fn hold<'s, O: Outlet>(
        &mut self,
        dir: Dir,
        part: Part<'s>,
        gate: Option<Seq>,
        around: &mut Around<'_, O>,
    ) -> Result<bool, (Part<'s>, Full)> {
        let Some(held) = self.half_mut(dir).held_or_new(around.budget) else {
            return Err((part, Full::Shard));
        };
        held.add(part, gate, around.now, around.budget, around.counts)
    }

    fn take_fin<O: Outlet>(&mut self, dir: Dir, fin: Fin, around: &mut Around<'_, O>) {
        while self.half(dir).phase != Phase::Ended {
            let ahead = fin.seq.ahead_of(self.half(dir).next);
            if ahead == 0 && self.is_open(dir, fin.gate) {
                return self.end_by(dir, fin, around);
            }
            if ahead < 0 {
                return self.take_old_fin(dir, fin, around);
            }
            if let Some(held) = self.half_mut(dir).held_or_new(around.budget) {
                held.fin.get_or_insert(fin);
                return;
            }
            self.make_room(dir, fin.seq, Full::Shard, around);
        }
    }

    /// A FIN at a place that was passed: we took it for a byte, or its sender contradicts itself.
    fn take_old_fin<O: Outlet>(&mut self, dir: Dir, fin: Fin, around: &mut Around<'_, O>) {
        let half = self.half(dir);
        if fin.seq == half.next.before() && half.may_follow_fin() {
            return self.end_by(dir, fin, around);
        }
        around.counts.conflicts += 1;
    }

    /// Ends the direction by its FIN, which takes a place in the sequence (RFC 9293 §3.4).
    pub(crate) fn end_by<O: Outlet>(&mut self, dir: Dir, fin: Fin, around: &mut Around<'_, O>) {
        let half = self.half_mut(dir);
        half.next = half.next.last(fin.seq.plus(1));
        half.end(dir, End::Fin, fin.mark, around);
    }
}
