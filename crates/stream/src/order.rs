//! Which held piece leaves next, and which hole is given up when.
//!
//! No two directions wait for each other for ever: a held piece waits either for a hole of its own
//! direction or for one of the other, and every hole has a deadline. A piece that waits for a
//! direction without a hole waits for a piece that waits for it; then the older one leaves.

use model::{Dir, Mark, Why};

use crate::{
    Connection, End, Outlet,
    assembler::{Around, Phase},
    held::{Full, Wait},
    seq::Seq,
};

/// The first held thing of a direction, if nothing is missing before it.
struct Head {
    dir: Dir,
    mark: Mark,
    is_open: bool,
}

// === impl Connection: what leaves ===

impl Connection {
    /// Whether what acknowledges `gate` may leave now: the other direction got there, or nothing
    /// could get it there.
    pub(crate) fn is_open(&self, dir: Dir, gate: Option<Seq>) -> bool {
        let Some(gate) = gate else { return true };
        let peer = self.half(dir.flip());
        peer.next.ahead_of(gate) >= 0 || !peer.can_advance()
    }

    /// Delivers what can be delivered, the oldest first.
    pub(crate) fn pump<O: Outlet>(&mut self, around: &mut Around<'_, O>) {
        while let Some(dir) = self.next_to_leave(around) {
            self.leave(dir, around);
        }
    }

    /// The direction whose head leaves next.
    fn next_to_leave<O: Outlet>(&mut self, around: &mut Around<'_, O>) -> Option<Dir> {
        let heads = [self.head(Dir::Ab), self.head(Dir::Ba)];
        let oldest = |only_open: bool| {
            let heads = heads.iter().flatten().filter(|head| head.is_open || !only_open);
            heads.min_by_key(|head| (head.mark.at, head.mark.frame)).map(|head| head.dir)
        };
        if let Some(dir) = oldest(true) {
            return Some(dir);
        }
        let dir = oldest(false)?;
        let waits_for_a_hole =
            heads.iter().flatten().any(|head| self.half(head.dir.flip()).hole().is_some());
        if waits_for_a_hole {
            return None;
        }
        around.counts.order_unknown += 1;
        Some(dir)
    }

    fn head(&self, dir: Dir) -> Option<Head> {
        let half = self.half(dir);
        let held = half.held.as_deref()?;
        if half.at_fin() {
            let fin = held.fin?;
            return Some(Head { dir, mark: fin.mark, is_open: self.is_open(dir, fin.gate) });
        }
        let piece = held.front().filter(|piece| piece.part().seq == half.next)?;
        Some(Head { dir, mark: piece.mark, is_open: self.is_open(dir, piece.gate) })
    }

    /// Delivers the head of `dir`.
    fn leave<O: Outlet>(&mut self, dir: Dir, around: &mut Around<'_, O>) {
        let half = self.half_mut(dir);
        if half.at_fin()
            && let Some(fin) = half.held.as_deref().and_then(|held| held.fin)
        {
            return self.end_by(dir, fin, around);
        }
        if let Some(piece) = half.pop(around.budget) {
            half.deliver(dir, piece.part(), piece.mark, around.counts, around.out);
            self.doubt(dir, piece.gate, around);
        }
    }

    /// Brings both directions' waits up to date.
    pub(crate) fn settle<O: Outlet>(&mut self, around: &mut Around<'_, O>) {
        self.halves.iter_mut().for_each(|half| half.settle(around.budget));
    }
}

// === impl Connection: what is given up ===

impl Connection {
    /// Gives up the holes whose wait is over, the oldest first.
    pub(crate) fn give_up_overdue<O: Outlet>(&mut self, around: &mut Around<'_, O>) {
        while let Some(dir) = self.oldest_hole(|wait| wait.is_over(around.now.at)) {
            self.give_up(dir, around);
        }
    }

    /// The direction with the oldest hole among those whose wait is as wanted.
    fn oldest_hole(&self, wanted: impl Fn(&Wait) -> bool) -> Option<Dir> {
        let since = |dir| {
            let wait = self.half(dir).waiting().filter(&wanted)?;
            Some((wait.since().map(|mark| (mark.at, mark.frame)), dir))
        };
        [since(Dir::Ab), since(Dir::Ba)]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
            .map(|(_, dir)| dir)
    }

    /// Gives up the hole of `dir` and delivers what comes after it.
    fn give_up<O: Outlet>(&mut self, dir: Dir, around: &mut Around<'_, O>) {
        let half = self.half_mut(dir);
        let Some(end) = half.hole() else { return };
        if self.may_be_fin(dir, end) {
            self.half_mut(dir).doubt();
        } else {
            self.lose(dir, end, Why::Gap, around);
        }
        self.pump(around);
        self.settle(around);
    }

    /// Whether the hole is one place that was acknowledged with nothing known after it.
    fn may_be_fin(&self, dir: Dir, end: Seq) -> bool {
        let half = self.half(dir);
        let Some(held) = half.held.as_deref() else { return false };
        let Wait::Reordered { acked, .. } = held.wait else { return false };
        half.phase != Phase::Doubtful
            && end == half.next.plus(1)
            && acked == end
            && held.first().is_none()
    }

    /// Gives up everything of `dir` before `upto`. What the other side says in between, having received a
    /// part of it, leaves in between: the rest was lost after that.
    fn lose<O: Outlet>(&mut self, dir: Dir, upto: Seq, why: Why, around: &mut Around<'_, O>) {
        while let Some(gate) = self.gate_within(dir, upto) {
            self.lose_to(dir, gate, why, around);
            self.pump(around);
        }
        self.lose_to(dir, upto, why, around);
    }

    /// Something of `dir` was delivered whose sender had received the other direction up to `acked`. If that
    /// is less than what was lost there last, what was lost may answer it.
    pub(crate) fn doubt<O: Outlet>(
        &self,
        dir: Dir,
        acked: Option<Seq>,
        around: &mut Around<'_, O>,
    ) {
        let peer = self.half(dir.flip());
        let is_later = |acked: Seq| acked.ahead_of(peer.next) >= 0;
        if peer.ends_in_gap() && !acked.is_some_and(is_later) {
            around.out.doubt(dir.flip());
        }
    }

    /// What of `dir` before `upto` the next piece of the other side waits for.
    fn gate_within(&self, dir: Dir, upto: Seq) -> Option<Seq> {
        let peer = self.half(dir.flip());
        let piece = peer.held.as_deref()?.front().filter(|piece| piece.part().seq == peer.next)?;
        let is_within =
            |gate: &Seq| gate.ahead_of(self.half(dir).next) > 0 && gate.ahead_of(upto) < 0;
        piece.gate.filter(is_within)
    }

    /// The same, at once; the mark is the packet that showed it.
    fn lose_to<O: Outlet>(&mut self, dir: Dir, upto: Seq, why: Why, around: &mut Around<'_, O>) {
        let half = self.half_mut(dir);
        let shown_by = half.held.as_deref().and_then(|held| match held.first() {
            Some(first) if first == upto => held.first_mark(),
            _ => held.wait.since(),
        });
        half.lose(dir, upto, why, shown_by.unwrap_or(around.now), around);
    }

    /// Makes room for a part of `dir` at `upto`: what it waits for is given up.
    pub(crate) fn make_room<O: Outlet>(
        &mut self,
        dir: Dir,
        upto: Seq,
        full: Full,
        around: &mut Around<'_, O>,
    ) {
        let half = self.half(dir);
        let hole = match half.held.as_deref().and_then(|held| held.first()) {
            Some(first) => first.first(upto),
            None => upto,
        };
        if hole.ahead_of(half.next) > 0 {
            let why = self.why_full(dir, full);
            self.lose(dir, hole, why, around);
            self.pump(around);
        } else {
            self.unblock(dir.flip(), full, around);
        }
    }

    /// Lets go on what waits for `dir`.
    fn unblock<O: Outlet>(&mut self, dir: Dir, full: Full, around: &mut Around<'_, O>) {
        match self.half(dir).hole() {
            Some(hole) => {
                let why = self.why_full(dir, full);
                self.lose(dir, hole, why, around);
            }
            None => {
                around.counts.order_unknown += 1;
                self.leave(dir, around);
            }
        }
        self.pump(around);
        self.settle(around);
    }

    /// Bytes that the receiver has will hardly come any more; others we would have had to wait for.
    fn why_full(&self, dir: Dir, full: Full) -> Why {
        match (full, self.half(dir).held.as_deref().map(|held| held.wait)) {
            (Full::Direction, Some(Wait::Reordered { .. })) => Why::Gap,
            _ => Why::Budget,
        }
    }

    /// Follows `dir` to `to`, far away: what is held leaves, everything up to there is a gap.
    pub(crate) fn jump<O: Outlet>(&mut self, dir: Dir, to: Seq, around: &mut Around<'_, O>) {
        while let Some(first) = self.half(dir).held.as_deref().and_then(|held| held.first()) {
            if first.ahead_of(self.half(dir).next) > 0 {
                self.lose(dir, first, Why::Gap, around);
                self.pump(around);
            } else {
                self.unblock(dir.flip(), Full::Direction, around);
            }
        }
        if self.half(dir).phase == Phase::Ended {
            return;
        }
        if let Some(held) = self.half_mut(dir).held.as_deref_mut() {
            held.stray = None;
            held.wait = Wait::Nothing;
        }
        self.half_mut(dir).lose(dir, to, Why::Gap, around.now, around);
        self.pump(around);
    }

    /// Everything held leaves in order, then both directions end.
    pub(crate) fn finish<O: Outlet>(&mut self, how: End, around: &mut Around<'_, O>) {
        self.pump(around);
        self.settle(around);
        while let Some(dir) = self.oldest_hole(|_| true) {
            self.give_up(dir, around);
        }
        for dir in [Dir::Ab, Dir::Ba] {
            let half = self.half_mut(dir);
            if half.phase != Phase::Ended {
                half.end(dir, how, around.now, around);
            }
        }
    }
}
