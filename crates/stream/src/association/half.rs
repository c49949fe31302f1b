//! One direction of an association: chunks of data in the order of their numbers, put together to
//! messages.

use std::collections::BTreeMap;

use model::{Dir, Mark, Timestamp, Why};

use super::{Lent, Messages};
use crate::{
    End, RETRANSMISSION_NS, WAIT_NS, WAIT_PACKETS,
    chunk::{Data, Of},
    seq::Seq,
};

/// Chunks that one direction may hold.
const HELD_CHUNKS_MAX: usize = 4_096;
/// How far ahead a number may be; what is farther is of no sane sender.
const AHEAD_MAX: i32 = 1 << 20;
/// Messages that are put together at a time.
const PARTS_MAX: usize = 64;
/// Bytes of a message that is put together.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// What its packets are told by.
    pub(super) tag: Option<u32>,
    /// The tag was told by an INIT, or its answer.
    pub(super) invited: bool,
    /// Its first number was told.
    pub(super) from_start: bool,
    /// Data was seen.
    pub(super) spoken: bool,
    pub(super) ended: bool,
    /// Its first number, once that is known.
    base: Option<Seq>,
    /// How many chunks of data were delivered or given up: the next one's place.
    at: u64,
    /// Chunks behind a hole, by place.
    held: BTreeMap<u64, Held>,
    /// Since when there is a hole.
    hole_since: Option<Timestamp>,
    /// The receiver has everything before this place, since when, and how many packets came since.
    owed: Option<Owed>,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug)]
struct Owed {
    until: u64,
    since: Timestamp,
    packets: u8,
}

/// A chunk that waits for those before it.
#[derive(Debug)]
struct Held {
    mark: Mark,
    data: Data<'static>,
    bytes: Vec<u8>,
}

/// A message that is put together.
#[derive(Debug)]
struct Part {
    of: Of,
    mark: Mark,
    protocol: u32,
    /// Parts so far.
    count: u32,
    bytes: Vec<u8>,
}

/// Why chunks are not waited for any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ahead {
    /// They are not in the capture.
    Lost,
    /// Their sender gave them up (RFC 3758).
    Abandoned,
}

// === impl Half: what comes ===

impl Half {
    /// Its sender tells where it begins to count.
    pub(super) fn begin(&mut self, tsn: u32) {
        if !self.spoken {
            (self.base, self.from_start) = (Some(Seq(tsn)), true);
        }
    }

    pub(super) fn data<M: Messages>(&mut self, dir: Dir, data: &Data<'_>, lent: &mut Lent<'_, M>) {
        if self.ended {
            return;
        }
        self.spoken = true;
        let ahead = self.ahead(data.tsn);
        let Ok(ahead_by) = u64::try_from(ahead) else {
            lent.counts.repeated_chunks += 1;
            return;
        };
        if ahead > AHEAD_MAX {
            lent.counts.other_tags += 1;
            return;
        }
        if ahead == 0 {
            self.take(dir, lent.now, data, lent);
            self.at += 1;
        } else {
            self.hold(dir, self.at + ahead_by, data, lent);
        }
        self.advance(dir, lent);
    }

    /// The receiver has everything up to `tsn`: what of it was not seen comes at once or not at all.
    pub(super) fn acknowledged<M: Messages>(&mut self, dir: Dir, tsn: u32, lent: &mut Lent<'_, M>) {
        if self.base.is_none() || self.ended {
            return;
        }
        let ahead = self.ahead(tsn);
        if !(0..=AHEAD_MAX).contains(&ahead) {
            return;
        }
        let until = self.at + u64::from(ahead.cast_unsigned()) + 1;
        let since = lent.now.at;
        let owed = self.owed.get_or_insert(Owed { until, since, packets: 0 });
        owed.until = owed.until.max(until);
        self.expire(dir, lent);
    }

    /// Its sender gave up everything up to `tsn`.
    pub(super) fn skip_to<M: Messages>(
        &mut self,
        dir: Dir,
        tsn: u32,
        why: Ahead,
        lent: &mut Lent<'_, M>,
    ) {
        let ahead = self.ahead(tsn);
        if (0..=AHEAD_MAX).contains(&ahead) && !self.ended {
            self.go_to(dir, self.at + u64::from(ahead.cast_unsigned()) + 1, why, lent);
        }
    }

    /// One more packet of the association was seen.
    pub(super) fn count_packet<M: Messages>(&mut self, dir: Dir, lent: &mut Lent<'_, M>) {
        if let Some(owed) = &mut self.owed {
            owed.packets = owed.packets.saturating_add(1);
        }
        self.expire(dir, lent);
    }

    /// Nothing more comes.
    pub(super) fn end<M: Messages>(&mut self, dir: Dir, how: End, lent: &mut Lent<'_, M>) {
        if self.ended {
            return;
        }
        if let Some((last, _)) = self.held.last_key_value() {
            self.go_to(dir, last + 1, Ahead::Lost, lent);
        }
        self.break_parts(lent);
        self.ended = true;
        lent.out.end(dir, lent.now, how);
    }

    /// How far ahead of the next one a number is. The first one seen is the next.
    fn ahead(&mut self, tsn: u32) -> i32 {
        let base = *self.base.get_or_insert(Seq(tsn));
        let low = u32::try_from(self.at & u64::from(u32::MAX)).unwrap_or_default();
        Seq(tsn).ahead_of(base.plus(low))
    }
}

// === impl Half: holes ===

impl Half {
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let hole = self.hole_since.map(|since| since.after(RETRANSMISSION_NS));
        let owed = self.owed.map(|owed| owed.since.after(WAIT_NS));
        hole.into_iter().chain(owed).min()
    }

    /// Gives up what was waited for too long.
    pub(super) fn expire<M: Messages>(&mut self, dir: Dir, lent: &mut Lent<'_, M>) {
        let now = lent.now.at;
        if let Some(owed) = self.owed
            && (owed.packets >= WAIT_PACKETS || now >= owed.since.after(WAIT_NS))
        {
            self.go_to(dir, owed.until, Ahead::Lost, lent);
        }
        let overdue = self.hole_since.is_some_and(|since| now >= since.after(RETRANSMISSION_NS));
        if overdue && let Some((first, _)) = self.held.first_key_value() {
            self.go_to(dir, *first, Ahead::Lost, lent);
        }
    }

    fn hold<M: Messages>(&mut self, dir: Dir, place: u64, data: &Data<'_>, lent: &mut Lent<'_, M>) {
        if self.held.contains_key(&place) {
            lent.counts.repeated_chunks += 1;
            return;
        }
        if self.held.len() >= HELD_CHUNKS_MAX
            && let Some((first, _)) = self.held.first_key_value()
        {
            self.go_to(dir, *first, Ahead::Lost, lent);
        }
        if !lent.budget.charge(cost(data.bytes.len())) {
            // It is missing then when its turn comes.
            lent.counts.budget_messages += 1;
            return;
        }
        let held = Held { mark: lent.now, data: data.with(&[]), bytes: data.bytes.to_vec() };
        self.held.insert(place, held);
        self.hole_since.get_or_insert(lent.now.at);
    }

    /// Delivers what is held before `place`, and gives up what is not.
    fn go_to<M: Messages>(&mut self, dir: Dir, place: u64, why: Ahead, lent: &mut Lent<'_, M>) {
        while let Some(entry) = self.held.first_entry() {
            let next = *entry.key();
            if next >= place {
                break;
            }
            let held = entry.remove();
            self.give_up(dir, next, why, lent);
            self.take_held(dir, &held, lent);
        }
        self.give_up(dir, place, why, lent);
        self.advance(dir, lent);
    }

    /// What is before `place` does not come.
    fn give_up<M: Messages>(&mut self, dir: Dir, place: u64, why: Ahead, lent: &mut Lent<'_, M>) {
        let missing = place.saturating_sub(self.at);
        if missing == 0 {
            return;
        }
        self.at = place;
        self.break_parts(lent);
        if why == Ahead::Lost {
            lent.counts.lost_chunks += missing;
            lent.out.gap(dir, lent.now, missing, Why::Gap);
        }
    }

    /// Delivers what is held and next.
    fn advance<M: Messages>(&mut self, dir: Dir, lent: &mut Lent<'_, M>) {
        while let Some(entry) = self.held.first_entry() {
            if *entry.key() != self.at {
                break;
            }
            let held = entry.remove();
            self.take_held(dir, &held, lent);
        }
        if self.held.is_empty() {
            self.hole_since = None;
        }
        self.owed = self.owed.filter(|owed| owed.until > self.at);
    }

    fn take_held<M: Messages>(&mut self, dir: Dir, held: &Held, lent: &mut Lent<'_, M>) {
        lent.budget.release(cost(held.bytes.len()));
        self.take(dir, held.mark, &held.data.with(&held.bytes), lent);
        self.at += 1;
    }
}

// === impl Half: messages ===

impl Half {
    /// A chunk of data whose turn it is.
    fn take<M: Messages>(&mut self, dir: Dir, mark: Mark, data: &Data<'_>, lent: &mut Lent<'_, M>) {
        let open = self.parts.iter().position(|part| part.of == data.of);
        match (data.first, open) {
            (true, open) => {
                if let Some(open) = open {
                    self.break_part(open, lent);
                    lent.out.gap(dir, mark, 1, Why::Gap);
                }
                if data.last {
                    lent.out.message(dir, mark, data.protocol, data.bytes, data.cut);
                } else {
                    self.begin_part(dir, mark, data, lent);
                }
            }
            (false, Some(open)) => self.go_on(open, dir, data, lent),
            // Its beginning was not seen.
            (false, None) => lent.counts.broken_messages += u64::from(data.last),
        }
    }

    fn begin_part<M: Messages>(
        &mut self,
        dir: Dir,
        mark: Mark,
        data: &Data<'_>,
        lent: &mut Lent<'_, M>,
    ) {
        if data.cut > 0 {
            return lent.out.gap(dir, mark, u64::from(data.cut), Why::Snaplen);
        }
        if self.parts.len() >= PARTS_MAX || !lent.budget.charge(cost(data.bytes.len())) {
            lent.counts.budget_messages += 1;
            return lent.out.gap(dir, mark, 1, Why::Budget);
        }
        let (of, protocol, bytes) = (data.of, data.protocol, data.bytes.to_vec());
        self.parts.push(Part { of, mark, protocol, count: 1, bytes });
    }

    fn go_on<M: Messages>(
        &mut self,
        open: usize,
        dir: Dir,
        data: &Data<'_>,
        lent: &mut Lent<'_, M>,
    ) {
        let Some(part) = self.parts.get_mut(open) else { return };
        let fits = data.place.is_none_or(|place| place == part.count)
            && part.bytes.len() + data.bytes.len() <= MESSAGE_BYTES_MAX
            && (data.cut == 0 || data.last);
        if !fits || !lent.budget.charge(data.bytes.len()) {
            self.break_part(open, lent);
            lent.out.gap(dir, lent.now, 1, Why::Gap);
            return;
        }
        part.bytes.extend_from_slice(data.bytes);
        part.count += 1;
        if data.last {
            let part = self.parts.swap_remove(open);
            lent.budget.release(cost(part.bytes.len()));
            lent.out.message(dir, part.mark, part.protocol, &part.bytes, data.cut);
        }
    }

    fn break_parts<M: Messages>(&mut self, lent: &mut Lent<'_, M>) {
        while !self.parts.is_empty() {
            self.break_part(self.parts.len() - 1, lent);
        }
    }

    fn break_part<M: Messages>(&mut self, at: usize, lent: &mut Lent<'_, M>) {
        let part = self.parts.swap_remove(at);
        lent.budget.release(cost(part.bytes.len()));
        lent.counts.broken_messages += 1;
    }
}

/// What is charged for bytes that are kept.
fn cost(bytes: usize) -> usize {
    bytes + size_of::<Held>()
}
