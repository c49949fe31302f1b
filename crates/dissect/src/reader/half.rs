//! What is kept of one side of a conversation between two packets.

use std::num::NonZeroU32;

use model::{Budget, Mark, Side, Timestamp, Why};

use super::{Lanes, Mask};
use crate::{
    Context, UNTIL_END,
    inner::What,
    pairs::{Pairs, Ticket},
    pool::{Held, Pool},
};

/// Below this many unread bytes every packet is worth a try.
const EAGER_BYTES: usize = 4 << 10;
/// Body bytes made room for before any of them came.
const BODY_BYTES_AHEAD: usize = 4 << 10;

/// One side.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// Offered but not taken. Nothing as long as messages end where packets do.
    pub(super) straddle: Option<Box<Straddle>>,
    /// The message that is being read.
    pub(super) open: Option<Open>,
    /// Others that are open, where the protocol has several at a time.
    pub(super) lanes: Option<Box<Lanes>>,
    /// Bytes of payload still to come before the dissector is called again.
    pub(super) body: u64,
    /// Bytes worth waiting for, as the dissector said last.
    pub(super) need: Option<NonZeroU32>,
    /// The message ends with its body.
    pub(super) ends: bool,
    /// The dissector finished the message in its last call.
    pub(super) finished: bool,
    /// Whether it is known where the next message starts.
    pub(super) place: Place,
    /// Nothing can be read before the other side has spoken.
    pub(super) waiting: bool,
}

/// Whether it is known where the next message of a side starts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Place {
    #[default]
    Known,
    /// Not since the conversation was joined late; nothing was lost since.
    Late,
    /// Not since bytes were lost.
    Lost,
}

/// A message that is being read.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) held: Held,
    pub(crate) ticket: Ticket,
    /// A byte of the body was lost: what comes after it is not kept.
    pub(crate) frozen: bool,
    /// It was shown while it goes on.
    pub(crate) shown: bool,
}

/// Unread bytes, and where each of them came from.
#[derive(Debug)]
pub(super) struct Straddle {
    pub(super) bytes: Vec<u8>,
    pub(super) need: u32,
    first: Mark,
    /// Later packets: the offset of their first byte, rising.
    later: Vec<(usize, Mark)>,
    /// How many bytes there were at the last try.
    tried: u32,
    charged: u32,
}

// === impl Half ===

impl Half {
    /// Takes payload of `from` off the front of `input`; how much.
    pub(super) fn read_body(
        &mut self,
        from: Side,
        input: &[u8],
        mark: Mark,
        cx: &mut Context<'_>,
    ) -> usize {
        let take = usize::try_from(self.body).map_or(input.len(), |left| left.min(input.len()));
        if self.body != UNTIL_END {
            self.body -= take as u64;
        }
        if let Some(channel) = self.inside() {
            cx.inner.says(channel, from, mark, |all| all.extend_from_slice(&input[..take]));
            if let Some(open) = &mut self.open {
                open.took(take, mark);
            }
        } else if let Some(open) = &mut self.open {
            let ahead = if self.body == UNTIL_END { u64::MAX } else { take as u64 + self.body };
            let kept = open.held.body.kept.len();
            open.body(&input[..take], ahead, mark.at, cx);
            let message = open.held.edit();
            message.wire_bytes += take as u64;
            if let Some(lanes) = &self.lanes {
                lanes.mask.undo(&mut message.body.kept[kept..]);
            }
        }
        self.turn_mask(take as u64);
        if self.body == 0 {
            self.end_inside(from, mark, cx);
            self.unmask();
        }
        take
    }

    /// The stream inside whose bytes the payload is.
    pub(super) fn inside(&self) -> Option<u64> {
        self.lanes.as_ref()?.inside
    }

    /// A payload of a stream inside is at its end, and the stream too, if the message is.
    fn end_inside(&mut self, from: Side, mark: Mark, cx: &mut Context<'_>) {
        if let Some(channel) = self.inside().filter(|_| self.ends) {
            cx.inner.push(channel, from, mark, What::Ends(Why::Closed));
        }
    }

    /// `bytes` of masked payload are behind us.
    fn turn_mask(&mut self, bytes: u64) {
        if let Some(lanes) = &mut self.lanes {
            lanes.mask.advance(bytes);
        }
    }

    /// What comes next is not masked, and nothing of a stream inside.
    pub(super) fn unmask(&mut self) {
        if let Some(lanes) = &mut self.lanes {
            lanes.mask = Mask::default();
            lanes.inside = None;
        }
    }

    /// Makes room for a body of which `at_hand` bytes are already there.
    pub(super) fn expect_body(&mut self, at_hand: usize, cx: &mut Context<'_>) {
        let Some(open) = &mut self.open else { return };
        let kept_max =
            usize::try_from(cx.limits.body_bytes_max.min(self.body)).unwrap_or(usize::MAX);
        let soon = at_hand.saturating_mul(4).max(BODY_BYTES_AHEAD);
        // A refusal shows when the bytes come.
        let _ = open.held.expect_body(kept_max.min(soon), cx.pool, cx.budget);
    }

    /// Books `len` lost bytes of `from` against the body; how many of them belong to it.
    pub(super) fn lose_body(
        &mut self,
        from: Side,
        (mark, len): (Mark, u64),
        why: Why,
        cx: &mut Context<'_>,
    ) -> u64 {
        let in_body = self.body.min(len);
        if in_body == 0 {
            return 0;
        }
        if self.body != UNTIL_END {
            self.body -= in_body;
        }
        self.turn_mask(in_body);
        let inside = self.inside();
        if let Some(channel) = inside {
            cx.inner.push(channel, from, mark, What::Gap(in_body, why));
        }
        if let Some(open) = &mut self.open {
            open.lose_on_wire(in_body, why);
            let size = if inside.is_some() { 0 } else { in_body };
            open.held.edit().body.size += size;
        }
        if self.body == 0 {
            self.end_inside(from, mark, cx);
            self.unmask();
        }
        in_body
    }

    /// The open message on a lane.
    pub(super) fn on_lane(&self, lane: u64) -> Option<&Open> {
        match &self.lanes {
            Some(lanes) if lanes.current != lane => lanes.get(lane),
            _ => self.open.as_ref(),
        }
    }

    fn on_lane_mut(&mut self, lane: u64) -> Option<&mut Open> {
        match &mut self.lanes {
            Some(lanes) if lanes.current != lane => lanes.get_mut(lane),
            _ => self.open.as_mut(),
        }
    }

    /// Takes the open message off a lane.
    pub(super) fn take_lane(&mut self, lane: u64, cx: &mut Context<'_>) -> Option<Open> {
        match &mut self.lanes {
            Some(lanes) if lanes.current != lane => lanes.take(lane, cx.budget),
            _ => {
                // What is left of its body belongs to nobody.
                self.ends = false;
                self.open.take()
            }
        }
    }

    /// Since when messages are in doubt.
    pub(super) fn doubtful_since(&self) -> Option<Timestamp> {
        self.lanes.as_ref()?.doubtful_since
    }

    /// When the oldest open message began that was not shown yet.
    pub(super) fn oldest_unshown(&self) -> Option<Timestamp> {
        let parked = self.lanes.iter().flat_map(|lanes| lanes.parked());
        let open = self.open.iter().chain(parked);
        open.filter(|open| !open.shown).map(|open| open.held.first.at).min()
    }

    /// Shows the calls whose half here has been open for `after` nanoseconds.
    pub(super) fn show_long(
        &mut self,
        theirs: &mut Self,
        now: Timestamp,
        after: u64,
        pairs: &mut Pairs,
        cx: &mut Context<'_>,
    ) {
        let current = self.lanes.as_ref().map_or(0, |lanes| lanes.current);
        let parked = self.lanes.iter_mut().flat_map(|lanes| lanes.parked_mut());
        for (lane, open) in self.open.iter_mut().map(|open| (current, open)).chain(parked) {
            if open.shown || now.since(open.held.first.at) < after {
                continue;
            }
            open.shown = true;
            let peer = theirs.on_lane_mut(lane).filter(|peer| {
                open.ticket.answers(peer.ticket) || peer.ticket.answers(open.ticket)
            });
            let peer = peer.map(|peer| {
                peer.shown = true;
                &*peer.held
            });
            pairs.show(open.ticket, &open.held, peer, cx);
        }
    }

    /// Drops what was not read; how many bytes.
    pub(super) fn drop_unread(&mut self, budget: &mut Budget) -> u64 {
        self.waiting = false;
        self.need = None;
        self.straddle.take().map_or(0, |straddle| straddle.release(budget).len() as u64)
    }
}

// === impl Open ===

impl Open {
    /// `bytes` of head were read, the last of them at `last`.
    pub(super) fn took(&mut self, bytes: usize, last: Mark) {
        let message = self.held.edit();
        message.last = last;
        message.wire_bytes += bytes as u64;
        message.head_bytes += bytes as u64;
    }

    /// Payload; `ahead` is how much of it is to come in all, as far as known.
    pub(crate) fn body(&mut self, bytes: &[u8], ahead: u64, at: Timestamp, cx: &mut Context<'_>) {
        self.held.moment(at, cx.budget);
        let body = &mut self.held.edit().body;
        body.size += bytes.len() as u64;
        let room = cx.limits.body_bytes_max.saturating_sub(body.kept.len() as u64);
        if self.frozen || room == 0 {
            return;
        }
        let keep = usize::try_from(room).map_or(bytes.len(), |room| room.min(bytes.len()));
        if keep > body.kept.capacity() - body.kept.len() {
            let double = (body.kept.capacity() as u64).max(BODY_BYTES_AHEAD as u64);
            let want = ahead.min(room).min(double).max(keep as u64);
            let want = usize::try_from(want).unwrap_or(keep);
            if !expect(&mut self.held, want, keep, cx.pool, cx.budget) {
                cx.counts.budget_bytes += keep as u64;
                self.frozen = true;
                self.lose(keep as u64, Why::Budget);
                return;
            }
        }
        self.held.edit().body.kept.extend_from_slice(&bytes[..keep]);
    }

    /// `bytes` of it are not there, because of `why`.
    pub(crate) fn lose(&mut self, bytes: u64, why: Why) {
        self.frozen = true;
        let message = self.held.edit();
        message.missing_bytes += bytes;
        message.missing.get_or_insert(why);
    }

    /// `bytes` that it had on the wire are not there, because of `why`.
    pub(crate) fn lose_on_wire(&mut self, bytes: u64, why: Why) {
        self.held.edit().wire_bytes += bytes;
        self.lose(bytes, why);
    }
}

/// Makes room for `want` bytes of body, or at least `keep`.
fn expect(held: &mut Held, want: usize, keep: usize, pool: &mut Pool, budget: &mut Budget) -> bool {
    held.expect_body(want, pool, budget) || held.expect_body(keep, pool, budget)
}

// === impl Straddle ===

impl Straddle {
    pub(super) fn new(first: Mark) -> Self {
        Self { bytes: Vec::new(), need: 0, first, later: Vec::new(), tried: 0, charged: 0 }
    }

    /// Appends the bytes of one packet; `false` if the budget is used up.
    pub(super) fn push(&mut self, mark: Mark, bytes: &[u8], budget: &mut Budget) -> bool {
        let need = self.bytes.len() + bytes.len();
        if need > self.bytes.capacity() {
            let want = need.max(2 * self.bytes.capacity());
            let extra = want - self.bytes.capacity();
            if !budget.charge(extra) {
                return false;
            }
            self.charged += short(extra);
            self.bytes.reserve_exact(want - self.bytes.len());
        }
        if self.bytes.is_empty() {
            self.first = mark;
            // What is put down first was just tried.
            self.tried = short(bytes.len());
        } else {
            self.later.push((self.bytes.len(), mark));
        }
        self.bytes.extend_from_slice(bytes);
        true
    }

    /// Where the byte at `at` came from.
    pub(super) fn mark_at(&self, at: usize) -> Mark {
        match self.later.partition_point(|(from, _)| *from <= at) {
            0 => self.first,
            n => self.later[n - 1].1,
        }
    }

    /// Whether enough came since the last try. Retries get rarer as a head grows, so that hostile
    /// drops of bytes don't cost the square of its length.
    pub(super) fn worth_a_try(&self) -> bool {
        let (have, tried) = (self.bytes.len(), self.tried as usize);
        let grown = if have <= EAGER_BYTES { 1 } else { tried / 8 };
        have >= self.need as usize && have >= tried + grown
    }

    /// Whether bytes came that were not tried.
    pub(super) fn put_off(&self) -> bool {
        self.bytes.len() > self.tried as usize && self.bytes.len() >= self.need as usize
    }

    /// Drops `n` bytes off the front, after a try.
    pub(super) fn drop_front(&mut self, n: usize) {
        self.first = self.mark_at(n);
        self.later.retain_mut(|(from, _)| {
            let stays = *from > n;
            *from = from.saturating_sub(n);
            stays
        });
        self.bytes.drain(..n);
        self.tried = short(self.bytes.len());
    }

    /// Gives the memory back to the budget.
    pub(super) fn release(self, budget: &mut Budget) -> Vec<u8> {
        budget.release(self.charged as usize);
        self.bytes
    }
}

/// Unread bytes are limited far below 4 GiB.
pub(super) fn short(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
