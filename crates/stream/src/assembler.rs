//! One direction of a connection: where it has got to, and what it holds back.
//!
//! ```text
//!  start          gap           next
//!    │ delivered ┌───┐ delivered │ hole │ held │ hole │ held │      far away: stray
//! ───┴───────────┴───┴───────────┼──────┴──────┴──────┴──────┴──────────────────────►
//!    old, down to -1 GiB ◄───────┴──────► ahead, up to 16 MiB
//! ```

use model::{Budget, Dir, Mark, Why};

use crate::{
    Counts, End, Outlet,
    held::{Held, Piece, Stray, Wait},
    part::Part,
    print::Print,
    seq::Seq,
};

/// One direction of a connection.
#[derive(Debug, Default)]
pub struct Assembler {
    /// The place of the next byte to deliver.
    pub(crate) next: Seq,
    /// Where it began, as far as we know.
    pub(crate) start: Seq,
    /// The last gap: from here …
    gap_from: Seq,
    /// … to here.
    gap_to: Seq,
    /// The last part delivered, which ended at `next`.
    print: Print,
    /// What it knows of itself.
    pub(crate) phase: Phase,
    /// Whether `start` is the first byte of the direction.
    pub(crate) from_start: bool,
    /// Whether the other side was seen to acknowledge any of it.
    is_acked: bool,
    /// What came before its turn; `None` while everything is in order.
    pub(crate) held: Option<Box<Held>>,
}

/// What a direction knows of itself. The order matters: from `Touched` on, it has been seen.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Phase {
    /// Nothing.
    #[default]
    Unknown,
    /// Where it is, by what the other direction acknowledged.
    Pinned,
    /// Where it is, by its own segments without payload.
    Touched,
    /// It is under way.
    Open,
    /// One place before `next` was acknowledged and not seen: a FIN, or a byte that was lost.
    Doubtful,
    /// It sends nothing more.
    Ended,
}

/// What the handling of a segment needs from around.
pub(crate) struct Around<'w, O> {
    pub now: Mark,
    pub budget: &'w mut Budget,
    pub counts: &'w mut Counts,
    pub out: &'w mut O,
}

// === impl Assembler: where it begins ===

impl Assembler {
    /// Farther ahead than this is somewhere else.
    pub(crate) const AHEAD_MAX: i32 = 16 << 20;
    /// Farther back than any window (RFC 7323 §2.3) is no retransmission.
    const BEHIND_MAX: i32 = 1 << 30;

    /// Whether a segment of it was seen, so that its place is certain.
    pub(crate) fn is_seen(&self) -> bool {
        self.phase >= Phase::Touched
    }

    /// Begins at `seq`.
    pub(crate) fn begin(&mut self, seq: Seq, phase: Phase, from_start: bool) {
        (self.start, self.next) = (seq, seq);
        (self.phase, self.from_start) = (phase, from_start);
    }

    /// A segment without payload was seen: it says where its sender is.
    pub(crate) fn touch(&mut self, seq: Seq) {
        match self.phase {
            Phase::Unknown => self.begin(seq, Phase::Touched, false),
            Phase::Pinned => self.phase = Phase::Touched,
            _ => {}
        }
    }

    /// Its first payload or FIN comes, or more of them.
    ///
    /// Joined late, what we took for its place may have been that of a keep-alive: one short.
    pub(crate) fn wake(&mut self, part: &Part<'_>) {
        let ahead = part.seq.ahead_of(self.next);
        let in_reach = self.is_in_reach(part.seq);
        match self.phase {
            Phase::Unknown => self.begin(part.seq, Phase::Open, false),
            Phase::Pinned if !self.from_start && !in_reach => {
                self.begin(part.seq, Phase::Open, false);
            }
            Phase::Touched if ahead == 1 && self.may_be_one_short() => {
                self.begin(part.seq, Phase::Open, false);
            }
            Phase::Pinned | Phase::Touched => self.phase = Phase::Open,
            Phase::Open | Phase::Doubtful | Phase::Ended => {}
        }
    }

    /// A direction is seen itself at last: what was acknowledged before, since it was joined, the capture does
    /// not hold.
    pub(crate) fn catch_up<O: Outlet>(&mut self, dir: Dir, around: &mut Around<'_, O>) {
        let is_first = matches!(self.phase, Phase::Pinned | Phase::Touched);
        let acked = self.next;
        // What is known to start here has been given up already.
        if is_first && acked != self.start && !self.ends_in_gap() {
            self.next = self.start;
            self.lose(dir, acked, Why::Gap, around.now, around);
        }
    }

    /// The other side has received it up to `acked`. If that is the first we hear of it, and nothing of the
    /// direction, which was joined late, has left yet, it goes on from there: what it was joined with came out
    /// of order.
    pub(crate) fn note_first_ack(&mut self, acked: Seq) {
        let is_first = !std::mem::replace(&mut self.is_acked, true);
        let holds = || self.held.as_deref().is_some_and(|held| held.first().is_some());
        let is_before = (1..=Self::AHEAD_MAX).contains(&self.start.ahead_of(acked));
        if is_first && is_before && !self.from_start && self.next == self.start && holds() {
            (self.start, self.next) = (acked, acked);
        }
    }

    /// Whether the place where it was joined late may be that of a keep-alive.
    pub(crate) fn may_be_one_short(&self) -> bool {
        !self.from_start && self.held.is_none() && self.next == self.start
    }

    /// Whether a direction that was joined late may go on there.
    pub(crate) fn is_in_reach(&self, seq: Seq) -> bool {
        (-Self::AHEAD_MAX..=Self::AHEAD_MAX).contains(&seq.ahead_of(self.next))
    }

    /// Whether `seq` is no place where this direction can be.
    pub(crate) fn is_far(&self, seq: Seq) -> bool {
        !(-Self::BEHIND_MAX..=Self::AHEAD_MAX).contains(&seq.ahead_of(self.next))
    }

    /// Notes that something far away was seen; whether that is enough to follow it.
    pub(crate) fn stray(&mut self, at: Seq, acked: bool, budget: &mut Budget) -> bool {
        let Some(held) = self.held_or_new(budget) else { return false };
        let near = |last: &Stray| at.ahead_of(last.at).unsigned_abs() <= 1 << 20;
        let last = held.stray.filter(near).unwrap_or(Stray { at, count: 0, acked: false });
        let stray = Stray { at, count: last.count + 1, acked: last.acked | acked };
        held.stray = Some(stray);
        stray.count >= 3 || (stray.acked && stray.count == 2)
    }

    /// What is held, made when needed; `None` if the shard has no memory left.
    pub(crate) fn held_or_new(&mut self, budget: &mut Budget) -> Option<&mut Held> {
        if self.held.is_none() {
            self.held = Held::new(budget);
        }
        self.held.as_deref_mut()
    }
}

// === impl Assembler: what leaves ===

impl Assembler {
    /// Delivers `part`, which begins at `next`.
    #[inline]
    pub(crate) fn deliver<O: Outlet>(
        &mut self,
        dir: Dir,
        part: Part<'_>,
        mark: Mark,
        counts: &mut Counts,
        out: &mut O,
    ) {
        debug_assert_eq!(part.seq, self.next);
        self.next = part.end();
        self.print = if part.cut == 0 { Print::of(part.bytes) } else { Print::default() };
        if !part.bytes.is_empty() {
            out.data(dir, mark, part.bytes);
        }
        if part.cut > 0 {
            counts.snaplen_bytes += u64::from(part.cut);
            out.gap(dir, mark, u64::from(part.cut), Why::Snaplen);
        }
    }

    /// Gives up everything before `upto`.
    pub(crate) fn lose<O: Outlet>(
        &mut self,
        dir: Dir,
        upto: Seq,
        why: Why,
        mark: Mark,
        around: &mut Around<'_, O>,
    ) {
        let from = if self.phase == Phase::Doubtful { self.next.before() } else { self.next };
        let len = u64::from(upto.forward_from(from));
        if len == 0 {
            return;
        }
        if self.gap_to != from {
            self.gap_from = from;
        }
        self.gap_to = upto;
        self.next = upto;
        self.print = Print::default();
        if self.is_seen() {
            self.phase = Phase::Open;
        }
        around.counts.gaps += 1;
        if why == Why::Budget {
            around.counts.budget_bytes += len;
        } else {
            around.counts.gap_bytes += len;
        }
        around.out.gap(dir, mark, len, why);
    }

    /// The one place at `next` was acknowledged and did not come: a FIN, or a byte. Nothing is said
    /// of it until we know.
    pub(crate) fn doubt(&mut self) {
        self.next = self.next.plus(1);
        self.phase = Phase::Doubtful;
        self.print = Print::default();
    }

    /// Settles the doubt, if it is one, now that `part` (and a FIN after it) is here.
    pub(crate) fn undoubt<O: Outlet>(
        &mut self,
        dir: Dir,
        part: &Part<'_>,
        fin: bool,
        around: &mut Around<'_, O>,
    ) {
        if self.phase != Phase::Doubtful {
            return;
        }
        let doubted = self.next.before();
        let end = part.end().plus(u32::from(fin));
        if part.seq.ahead_of(doubted) <= 0 && end.ahead_of(doubted) > 0 {
            self.next = doubted;
            self.phase = Phase::Open;
        } else if end.ahead_of(self.next) > 0 {
            self.lose(dir, self.next, Why::Gap, around.now, around);
        }
    }

    /// It sends nothing more; what is held after its end was never its own.
    pub(crate) fn end<O: Outlet>(
        &mut self,
        dir: Dir,
        how: End,
        mark: Mark,
        around: &mut Around<'_, O>,
    ) {
        self.phase = Phase::Ended;
        self.print = Print::default();
        if let Some(held) = self.held.take() {
            around.counts.after_end += held.discard(around.budget);
        }
        around.out.end(dir, mark, how);
    }

    /// Takes the first held piece out, if it is its turn.
    pub(crate) fn pop(&mut self, budget: &mut Budget) -> Option<Piece> {
        let held = self.held.as_deref_mut()?;
        (held.front()?.part().seq == self.next).then(|| held.pop(budget))?
    }

    /// Whether the FIN that was held is reached.
    pub(crate) fn at_fin(&self) -> bool {
        let fin = self.held.as_deref().and_then(|held| held.fin);
        fin.is_some_and(|fin| fin.seq.ahead_of(self.next) <= 0)
    }
}

// === impl Assembler: what is old ===

impl Assembler {
    /// Drops what of `part` was delivered or given up before, and counts it.
    pub(crate) fn without_old<'s>(&self, part: Part<'s>, counts: &mut Counts) -> Part<'s> {
        let (old, new) = part.split_at(self.next);
        if old.is_empty() {
            return new;
        }
        let late = u64::from(self.in_gap(&old));
        counts.late_bytes += late;
        counts.retransmitted_bytes += u64::from(old.len()) - late;
        if new.is_empty() {
            counts.retransmitted_segments += u64::from(late == 0);
            counts.conflicts += u64::from(self.is_contradicted(&old));
        }
        new
    }

    /// How many bytes of `old` are in the last gap.
    fn in_gap(&self, old: &Part<'_>) -> u32 {
        let (_, tail) = old.split_at(self.gap_from);
        if tail.seq.ahead_of(self.gap_from) < 0 {
            return 0;
        }
        tail.split_at(self.gap_to).0.len()
    }

    /// Whether `old` is the last part delivered, with other bytes.
    fn is_contradicted(&self, old: &Part<'_>) -> bool {
        old.cut == 0 && old.end() == self.next && self.print.contradicts(old.bytes)
    }

    /// Whether the place before `next` may have been a FIN: it was given up, or we joined there.
    pub(crate) fn may_follow_fin(&self) -> bool {
        self.ends_in_gap() || (self.next == self.start && !self.from_start)
    }

    /// Whether what is before `next` was given up.
    #[inline]
    pub(crate) fn ends_in_gap(&self) -> bool {
        self.gap_to == self.next && self.gap_from != self.gap_to
    }
}

// === impl Assembler: what it waits for ===

impl Assembler {
    /// Where the hole at `next` ends, if there is one: at what is held, or at what was received.
    pub(crate) fn hole(&self) -> Option<Seq> {
        let held = self.held.as_deref()?;
        let first = held.first();
        if first.is_some_and(|first| first.ahead_of(self.next) <= 0) {
            return None;
        }
        let acked = held.wait.acked_after(self.next);
        match (first, acked) {
            (Some(first), Some(acked)) => Some(first.first(acked)),
            (first, acked) => first.or(acked),
        }
    }

    /// Whether it holds something that gets it ahead, or waits for something.
    pub(crate) fn can_advance(&self) -> bool {
        let Some(held) = self.held.as_deref() else { return false };
        held.first().is_some() || held.wait.acked_after(self.next).is_some()
    }

    /// The wait of the hole at `next`, if there is one.
    pub(crate) fn waiting(&self) -> Option<Wait> {
        self.hole()?;
        self.held.as_deref().map(|held| held.wait)
    }

    /// Counts a packet of the connection.
    pub(crate) fn count_packet(&mut self) {
        let wait = self.held.as_deref_mut().map(|held| &mut held.wait);
        if let Some(Wait::Reordered { packets, .. }) = wait {
            *packets = packets.saturating_add(1);
        }
    }

    /// The receiver has acknowledged everything up to `acked`, which is ahead; `false` if there is
    /// no memory to remember it.
    pub(crate) fn note_acked(&mut self, acked: Seq, now: Mark, budget: &mut Budget) -> bool {
        let Some(held) = self.held_or_new(budget) else { return false };
        held.wait.note_acked(acked, now);
        true
    }

    /// Brings the wait up to date after `next` moved, and lets go of what is not needed any more.
    pub(crate) fn settle(&mut self, budget: &mut Budget) {
        let Some(held) = self.held.as_deref_mut() else { return };
        held.settle(self.next);
        if held.is_idle()
            && let Some(held) = self.held.take()
        {
            held.discard(budget);
        }
    }
}
