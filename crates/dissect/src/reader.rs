//! Runs a dissector over both halves of a flow; the one loop that every protocol shares.
//!
//! It reads straight from the packet while nothing is unread, copies only what straddles packets,
//! counts bodies down without calling anyone, and turns every loss into arithmetic or honesty.

mod half;
mod lanes;
mod mask;

use std::num::NonZeroU32;

use model::{Mark, Protocol, Side, Timestamp, Why};

pub(crate) use self::half::Open;
use self::half::{Half, Place, Straddle, short};
pub(crate) use self::lanes::Lanes;
pub(crate) use self::mask::Mask;
use crate::{
    Context, Conversation, Dissector, Found, Leftover, Limits, Role, Sink, Standing, Step,
    UNTIL_END, pairs::Pairs, sink::Abandoned,
};

/// Bytes skipped in a row, with no message among them, after which the flow is not ours.
const STRAY_BYTES_MAX: u32 = 256 << 10;
/// The same after a head that was too large to be read: the rest of it is skipped first.
const STRAY_HEAD_MAX: u32 = 16 << 20;
/// Steps that a dissector may make in one datagram.
const DATAGRAM_STEPS_MAX: usize = 4_096;
/// How long after a loss an open message that goes on nowhere is waited for.
const DOUBTFUL_NS: u64 = 30_000_000_000;

/// Whether bytes come as a stream or one message a datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// TCP: messages may be cut anywhere.
    Stream,
    /// UDP: a datagram is taken whole or not at all.
    Datagram,
}

/// A conversation made of a dissector.
pub struct Reader<D> {
    dissector: D,
    pairs: Pairs,
    halves: [Half; 2],
    stray_bytes: u32,
    /// How many of these there may be.
    stray_max: u32,
    framing: Framing,
    /// What the dissector's own state is charged, in KiB.
    held_kib: u16,
}

/// What one call of the dissector came to.
struct Reading {
    step: Step,
    /// The message that it began was refused.
    refused: bool,
    /// It finished a message that was open before: it need not take bytes.
    may_stay: bool,
    /// What it broke off.
    abandoned: Option<Abandoned>,
}

/// What one pass over some bytes came to.
struct Pass {
    taken: usize,
    standing: Standing,
}

// === impl Reader ===

impl<D: Dissector> Reader<D> {
    /// A conversation in `protocol` that `dissector` reads.
    pub fn open(
        protocol: &'static Protocol,
        dissector: D,
        framing: Framing,
    ) -> Box<dyn Conversation> {
        Box::new(Self {
            dissector,
            pairs: Pairs::new(protocol, D::TURNS),
            halves: Default::default(),
            stray_bytes: 0,
            stray_max: STRAY_BYTES_MAX,
            framing,
            held_kib: 0,
        })
    }

    /// One datagram: a message, or several, or nothing.
    fn datagram(
        &mut self,
        from: Side,
        mark: Mark,
        chunk: &[u8],
        cut: u32,
        cx: &mut Context<'_>,
    ) -> Standing {
        let mut at = 0;
        for _ in 0..DATAGRAM_STEPS_MAX {
            let rest = chunk.get(at..).unwrap_or_default();
            let reading = (!rest.is_empty()).then(|| self.read(from, mark, rest, cut, cx));
            let (step, abandoned) =
                reading.map_or((Step::Lost, None), |reading| (reading.step, reading.abandoned));
            let half = &mut self.halves[from as usize];
            match step {
                Step::Leave => return Standing::NotOurs,
                Step::Took(_) => {}
                _ => {
                    cx.counts.strayed += 1;
                    cx.counts.skipped_bytes += rest.len() as u64;
                    self.discard(from, cx);
                    return Standing::Ours;
                }
            }
            let Step::Took(took) = step else { return Standing::Ours };
            let goes_on = took < rest.len() && (half.finished || half.lanes.is_some());
            let took = if goes_on { took } else { rest.len() };
            at += took;
            // Where messages have lanes, only the dissector knows where they end.
            let ends = half.finished || half.lanes.is_none();
            if let Some(open) = &mut half.open {
                open.took(took, mark);
                if cut > 0 && at == chunk.len() {
                    open.lose_on_wire(u64::from(cut), Why::Snaplen);
                }
            }
            if ends {
                self.complete(from, mark, cx);
            }
            if let Some(abandoned) = abandoned {
                self.abandon(abandoned, mark, cx);
            }
            if at == chunk.len() {
                return Standing::Ours;
            }
        }
        cx.counts.strayed += 1;
        cx.counts.skipped_bytes += chunk.len().saturating_sub(at) as u64;
        Standing::Ours
    }

    /// The next bytes of a stream.
    fn stream(&mut self, from: Side, mark: Mark, chunk: &[u8], cx: &mut Context<'_>) -> Standing {
        let half = &mut self.halves[from as usize];
        if half.straddle.is_none() {
            let pass = self.drain(from, chunk, &|_| mark, cx);
            let rest = &chunk[pass.taken..];
            if !rest.is_empty() {
                self.keep(from, mark, rest, cx);
            }
            return pass.standing;
        }
        self.keep(from, mark, chunk, cx);
        match &self.halves[from as usize].straddle {
            Some(straddle) if straddle.worth_a_try() => self.retry(from, cx),
            _ => Standing::Ours,
        }
    }

    /// Reads again what was left unread.
    fn retry(&mut self, side: Side, cx: &mut Context<'_>) -> Standing {
        let Some(mut straddle) = self.halves[side as usize].straddle.take() else {
            return Standing::Ours;
        };
        let pass = self.drain(side, &straddle.bytes, &|at| straddle.mark_at(at), cx);
        straddle.drop_front(pass.taken);
        straddle.need = self.halves[side as usize].need.take().map_or(0, NonZeroU32::get);
        if straddle.bytes.is_empty() {
            straddle.release(cx.budget);
        } else {
            self.halves[side as usize].straddle = Some(straddle);
        }
        pass.standing
    }

    /// Keeps bytes that can't be read yet, within the limits.
    fn keep(&mut self, side: Side, mark: Mark, bytes: &[u8], cx: &mut Context<'_>) {
        let half = &mut self.halves[side as usize];
        let need = half.need.take();
        let straddle = half.straddle.get_or_insert_with(|| Box::new(Straddle::new(mark)));
        if let Some(need) = need {
            straddle.need = need.get();
        }
        let too_large = straddle.bytes.len() + bytes.len() > cx.limits.unread_bytes_max;
        if !too_large && straddle.push(mark, bytes, cx.budget) {
            return;
        }
        if too_large {
            cx.counts.heads_over_limit += 1;
            self.stray_max = STRAY_HEAD_MAX;
        } else {
            cx.counts.budget_messages += 1;
        }
        let lost = half.drop_unread(cx.budget) + bytes.len() as u64;
        cx.counts.budget_bytes += lost;
        self.lose_place(side, mark, lost, Why::Budget, cx);
    }

    /// Reads messages off the front of `input` until the dissector wants more.
    fn drain(
        &mut self,
        from: Side,
        input: &[u8],
        mark_at: &dyn Fn(usize) -> Mark,
        cx: &mut Context<'_>,
    ) -> Pass {
        let mut at = 0;
        let mut found_at = None;
        while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
            let half = &mut self.halves[from as usize];
            if half.body > 0 {
                at += half.read_body(from, rest, mark_at(at), cx);
                if half.body == 0 && half.ends {
                    self.complete(from, mark_at(at - 1), cx);
                }
                continue;
            }
            if half.place != Place::Known {
                if half.place == Place::Lost {
                    // What the other side said meanwhile may have been answered in what was lost.
                    self.dissector.lost(from);
                }
                match self.dissector.resync(from, rest) {
                    Found::At(n) if n < rest.len() => {
                        self.skip(from, n, cx);
                        self.halves[from as usize].place = Place::Known;
                        at += n;
                        found_at = Some(at);
                        continue;
                    }
                    Found::Maybe(n) if n < rest.len() => {
                        self.skip(from, n, cx);
                        return Pass { taken: at + n, standing: self.standing() };
                    }
                    _ => {
                        self.skip(from, rest.len(), cx);
                        return Pass { taken: input.len(), standing: self.standing() };
                    }
                }
            }
            let Reading { step, refused, may_stay, abandoned } =
                self.read(from, mark_at(at), rest, 0, cx);
            let (took, body) = match step {
                Step::Took(n) if n > 0 || may_stay => (n, None),
                Step::Body { head, body } => (head, Some((body, true))),
                Step::Part { head, body } => (head, Some((body, false))),
                Step::Become { took, .. } => (took, None),
                Step::Need(n) => {
                    self.halves[from as usize].need = NonZeroU32::new(short(n));
                    return Pass { taken: at, standing: Standing::Ours };
                }
                Step::Wait => {
                    self.halves[from as usize].waiting = true;
                    return Pass { taken: at, standing: Standing::Ours };
                }
                Step::Leave => return Pass { taken: at, standing: Standing::NotOurs },
                Step::Lost | Step::Took(_) => {
                    cx.counts.strayed += 1;
                    self.lose_place(from, mark_at(at), 0, Why::Gap, cx);
                    if found_at == Some(at) {
                        // It was found here and can't be read here: look further on.
                        self.skip(from, rest.len(), cx);
                        return Pass { taken: input.len(), standing: self.standing() };
                    }
                    continue;
                }
            };
            let took = took.min(rest.len());
            debug_assert!(
                took > 0
                    || may_stay
                    || body.is_some_and(|(n, _)| n > 0)
                    || matches!(step, Step::Become { .. }),
                "a step must move"
            );
            let last = mark_at((at + took).saturating_sub(1));
            at += took;
            self.took(from, took, body, last, rest.len() - took, cx);
            if let Some(abandoned) = abandoned {
                self.abandon(abandoned, last, cx);
            }
            if refused {
                self.pairs.gap(from, Why::Budget, cx);
            }
            if let Step::Become { next, .. } = step {
                return Pass { taken: at, standing: Standing::Becomes(next) };
            }
        }
        Pass { taken: at, standing: Standing::Ours }
    }

    /// One call of the dissector.
    fn read(
        &mut self,
        from: Side,
        first: Mark,
        input: &[u8],
        cut: u32,
        cx: &mut Context<'_>,
    ) -> Reading {
        let [client, server] = &mut self.halves;
        let (mine, theirs) = match from {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        let was_open = mine.open.is_some() || mine.lanes.is_some();
        let mut sink = Sink {
            from,
            first,
            cut,
            open: &mut mine.open,
            lanes: &mut mine.lanes,
            opposite: &theirs.open,
            opposite_lanes: &theirs.lanes,
            finished: false,
            refused: false,
            abandoned: None,
            held: &mut self.held_kib,
            pairs: &mut self.pairs,
            cx,
        };
        let step = self.dissector.read(from, input, &mut sink);
        let Sink { finished, refused, abandoned, .. } = sink;
        mine.finished = finished;
        Reading { step, refused, may_stay: finished && was_open, abandoned }
    }

    /// Books what a step took: `took` bytes of head, then perhaps a body.
    fn took(
        &mut self,
        from: Side,
        took: usize,
        body: Option<(u64, bool)>,
        last: Mark,
        at_hand: usize,
        cx: &mut Context<'_>,
    ) {
        let half = &mut self.halves[from as usize];
        if let Some(open) = &mut half.open {
            open.took(took, last);
        }
        match body {
            Some((bytes, ends)) if bytes > 0 => {
                half.body = bytes;
                half.ends = ends;
                half.expect_body(at_hand, cx);
            }
            Some((_, true)) => self.complete(from, last, cx),
            _ if half.finished => self.complete(from, last, cx),
            _ => {}
        }
    }

    /// The open message of `side` ends at `last`.
    fn complete(&mut self, side: Side, last: Mark, cx: &mut Context<'_>) {
        let half = &mut self.halves[side as usize];
        half.ends = false;
        half.finished = false;
        let Some(mut open) = half.open.take() else { return };
        (self.stray_bytes, self.stray_max) = (0, STRAY_BYTES_MAX);
        open.held.edit().last = last;
        if let Some(lane) = half.lanes.as_ref().map(|lanes| lanes.current) {
            self.end_doubtful_question(side.other(), lane, &open, cx);
        }
        self.pairs.complete(open.ticket, open.held, cx);
    }

    /// An answer is at its end: where bytes were lost that may have held the end of its question,
    /// nothing more of it is waited for.
    fn end_doubtful_question(
        &mut self,
        side: Side,
        lane: u64,
        answer: &Open,
        cx: &mut Context<'_>,
    ) {
        let Some(question) = self.halves[side as usize].on_lane(lane) else { return };
        if question.frozen && answer.ticket.answers(question.ticket) {
            let question = self.halves[side as usize].take_lane(lane, cx);
            question.into_iter().for_each(|open| self.pairs.complete(open.ticket, open.held, cx));
        }
    }

    /// Ends both halves of an exchange that was broken off.
    fn abandon(&mut self, abandoned: Abandoned, mark: Mark, cx: &mut Context<'_>) {
        let Abandoned { lane, id, why } = abandoned;
        for side in [Side::Client, Side::Server] {
            if let Some(mut open) = self.halves[side as usize].take_lane(lane, cx) {
                open.lose(0, why);
                let message = open.held.edit();
                message.last = message.last.max_by_time(mark);
                self.pairs.complete(open.ticket, open.held, cx);
            }
        }
        for role in [Role::Asks, Role::Answers] {
            self.pairs.abandon(role, id, why, cx);
        }
    }

    /// Every message that is still open on a lane of `side` ends here, because of `why`.
    fn end_lanes(&mut self, side: Side, why: Why, cx: &mut Context<'_>) {
        let lanes = self.halves[side as usize].lanes.as_ref();
        for lane in lanes.map_or_else(Vec::new, |lanes| lanes.select(|_| true)) {
            let open = self.halves[side as usize].take_lane(lane, cx);
            if let Some(mut open) = open {
                open.lose(0, why);
                self.pairs.complete(open.ticket, open.held, cx);
            }
        }
    }

    /// Gives up open messages that a loss may have ended, and that went on nowhere since.
    fn end_doubtful(&mut self, now: Timestamp, cx: &mut Context<'_>) {
        for side in [Side::Client, Side::Server] {
            let half = &mut self.halves[side as usize];
            let Some(lanes) = half.lanes.as_deref_mut() else { continue };
            let due = lanes.doubtful_since.filter(|since| now >= since.after(DOUBTFUL_NS));
            let Some(since) = due else { continue };
            lanes.doubtful_since = None;
            for lane in lanes.select(|open| open.frozen && open.held.last.at <= since) {
                let open = self.halves[side as usize].take_lane(lane, cx);
                open.into_iter().for_each(|open| self.pairs.complete(open.ticket, open.held, cx));
            }
        }
    }

    /// Shows what has been going on for long.
    fn show_long(&mut self, now: Timestamp, cx: &mut Context<'_>) {
        let Some(after) = cx.limits.shown_after_ns else { return };
        let [client, server] = &mut self.halves;
        server.show_long(client, now, after, &mut self.pairs, cx);
        client.show_long(server, now, after, &mut self.pairs, cx);
    }

    /// The open message of `side` is nobody's.
    fn discard(&mut self, side: Side, cx: &mut Context<'_>) {
        if let Some(open) = self.halves[side as usize].open.take() {
            self.pairs.drop_open(open.ticket, cx);
            cx.pool.give(open.held, cx.budget);
        }
    }

    /// It is not known where the next message of `side` starts, nor how many were lost.
    fn lose_place(&mut self, side: Side, mark: Mark, lost: u64, why: Why, cx: &mut Context<'_>) {
        let half = &mut self.halves[side as usize];
        half.body = 0;
        half.unmask();
        half.place = Place::Lost;
        half.waiting = false;
        if let Some(lanes) = &mut half.lanes {
            // Nobody knows whose bytes these were: every message of the side may lack some, and goes
            // on where it can.
            cx.counts.doubtful += lanes.doubt(mark.at, why);
            if let Some(open) = &mut half.open {
                cx.counts.doubtful += 1;
                open.lose(0, why);
            }
        } else if let Some(open) = &mut half.open {
            open.lose(lost, why);
            let last = open.held.last.max_by_time(mark);
            self.complete(side, last, cx);
        }
        self.pairs.gap(side, why, cx);
        self.dissector.lost(side);
    }

    fn skip(&mut self, side: Side, bytes: usize, cx: &mut Context<'_>) {
        cx.counts.skipped_bytes += bytes as u64;
        self.stray_bytes = self.stray_bytes.saturating_add(short(bytes));
        if bytes > 0 {
            self.pairs.skipped(side, cx);
            self.halves[side as usize].place = Place::Lost;
            self.dissector.lost(side);
        }
    }

    fn standing(&self) -> Standing {
        if self.stray_bytes > self.stray_max { Standing::NotOurs } else { Standing::Ours }
    }

    /// Reads what waited on `side` for the other; that may be what the other waits for in turn. Goes
    /// on for as long as bytes are taken.
    fn settle(&mut self, mut side: Side, cx: &mut Context<'_>) -> Standing {
        while std::mem::take(&mut self.halves[side as usize].waiting) {
            let unread = |half: &Half| half.straddle.as_ref().map_or(0, |s| s.bytes.len());
            let before = unread(&self.halves[side as usize]);
            match self.retry(side, cx) {
                Standing::Ours if unread(&self.halves[side as usize]) < before => {}
                standing => return standing,
            }
            side = side.other();
        }
        Standing::Ours
    }

    /// Reads what was put off on `side`, so that nothing of the other side overtakes it.
    fn catch_up(&mut self, side: Side, cx: &mut Context<'_>) -> Standing {
        match &self.halves[side as usize].straddle {
            Some(straddle) if straddle.put_off() => self.retry(side, cx),
            _ => Standing::Ours,
        }
    }
}

impl<D: Dissector> Conversation for Reader<D> {
    fn data(
        &mut self,
        from: Side,
        mark: Mark,
        chunk: &[u8],
        cut: u32,
        cx: &mut Context<'_>,
    ) -> Standing {
        if self.framing == Framing::Datagram {
            return self.datagram(from, mark, chunk, cut, cx);
        }
        let other = from.other();
        if let changed @ (Standing::Becomes(_) | Standing::NotOurs) = self.catch_up(other, cx) {
            self.keep(from, mark, chunk, cx);
            return changed;
        }
        match self.stream(from, mark, chunk, cx) {
            Standing::Ours => self.settle(other, cx),
            standing => standing,
        }
    }

    fn gap(&mut self, from: Side, mark: Mark, len: u64, why: Why, cx: &mut Context<'_>) {
        if self.framing == Framing::Datagram {
            return;
        }
        let _ = self.catch_up(from.other(), cx);
        let _ = self.catch_up(from, cx);
        self.pairs.active(mark.at);
        let half = &mut self.halves[from as usize];
        let in_body = half.lose_body(from, (mark, len), why, cx);
        if in_body > 0 && half.body == 0 && half.ends {
            self.complete(from, mark, cx);
        }
        let beyond = len - in_body;
        if beyond == 0 {
            return;
        }
        let half = &mut self.halves[from as usize];
        cx.counts.broken_head_bytes += half.drop_unread(cx.budget);
        self.lose_place(from, mark, beyond, why, cx);
    }

    fn doubt(&mut self, from: Side, cx: &mut Context<'_>) {
        let _ = self.catch_up(from.other(), cx);
        // What was lost was not only bytes of a body.
        if self.halves[from as usize].place == Place::Lost {
            self.pairs.gap(from, Why::Gap, cx);
            self.dissector.lost(from);
        }
    }

    fn end(&mut self, from: Side, mark: Mark, why: Why, cx: &mut Context<'_>) {
        let _ = self.catch_up(from.other(), cx);
        let _ = self.catch_up(from, cx);
        let half = &mut self.halves[from as usize];
        let whole = half.body == UNTIL_END && why == Why::Closed;
        if whole {
            half.body = 0;
            let last = half.open.as_ref().map_or(mark, |open| open.held.last);
            self.complete(from, last.max_by_time(mark), cx);
        }
        self.read_end(from, mark, cx);
        let half = &mut self.halves[from as usize];
        cx.counts.broken_head_bytes += half.drop_unread(cx.budget);
        let unseen = std::mem::take(&mut half.body);
        if let Some(open) = &mut half.open {
            open.lose_on_wire(if unseen == UNTIL_END { 0 } else { unseen }, why);
            let last = open.held.last;
            self.complete(from, last, cx);
        }
        self.end_lanes(from, why, cx);
    }

    fn close(&mut self, mark: Mark, why: Why, cx: &mut Context<'_>) {
        self.end(Side::Client, mark, why, cx);
        self.end(Side::Server, mark, why, cx);
        self.pairs.close(why, cx);
        cx.budget.release(usize::from(std::mem::take(&mut self.held_kib)) << 10);
    }

    fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
        let doubtful = self.halves.iter().filter_map(Half::doubtful_since).min();
        let shown = limits.shown_after_ns.and_then(|after| {
            self.halves.iter().filter_map(Half::oldest_unshown).min().map(|at| at.after(after))
        });
        let pending = self.pairs.deadline(limits.answer_ns_max);
        [doubtful.map(|since| since.after(DOUBTFUL_NS)), shown, pending].into_iter().flatten().min()
    }

    fn tick(&mut self, now: Timestamp, cx: &mut Context<'_>) {
        self.end_doubtful(now, cx);
        self.show_long(now, cx);
        self.pairs.tick(now, cx);
    }

    fn leftover(&mut self, from: Side, cx: &mut Context<'_>) -> Leftover {
        let Some(straddle) = self.halves[from as usize].straddle.take() else {
            return Leftover::default();
        };
        let mark = straddle.mark_at(0);
        Leftover { bytes: straddle.release(cx.budget), mark }
    }

    fn idle_ns(&self) -> Option<u64> {
        self.dissector.idle_ns()
    }

    fn protocol(&self) -> &'static Protocol {
        self.pairs.protocol()
    }

    fn joined_late(&mut self, quiet_since: Timestamp, why: Why) {
        self.pairs.joined_late(quiet_since, why);
        for half in &mut self.halves {
            if self.framing == Framing::Stream {
                half.place = Place::Late;
            }
        }
    }
}

impl<D: Dissector> Reader<D> {
    /// Tells the dissector that `from` is done, and books what it finishes.
    fn read_end(&mut self, from: Side, mark: Mark, cx: &mut Context<'_>) {
        let [client, server] = &mut self.halves;
        let (mine, theirs) = match from {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        let mut sink = Sink {
            from,
            first: mark,
            cut: 0,
            open: &mut mine.open,
            lanes: &mut mine.lanes,
            opposite: &theirs.open,
            opposite_lanes: &theirs.lanes,
            finished: false,
            refused: false,
            abandoned: None,
            held: &mut self.held_kib,
            pairs: &mut self.pairs,
            cx,
        };
        self.dissector.end(from, &mut sink);
        let Sink { finished, abandoned, .. } = sink;
        if finished {
            // Its last byte was there before its sender was done.
            let half = &self.halves[from as usize];
            let last = half.open.as_ref().map_or(mark, |open| open.held.last);
            self.complete(from, last, cx);
        }
        if let Some(abandoned) = abandoned {
            self.abandon(abandoned, mark, cx);
        }
    }
}
