//! In-order pairing when it is not known what is outstanding, and how it becomes known again.
//!
//! No packet says how many lost questions still wait for an answer. What can be seen: a client that
//! asks only after it was answered (strict alternation), a second question before the first answer
//! (it pipelines), an answer with no question in sight (something hidden was outstanding), and
//! silence. Pairs made adrift are provisional: they leave only once enough exchanges alternated or
//! the flow came to rest, and are taken apart at the first sign against them.
//!
//! How much is enough depends on what is known of the client. Where its connection was seen before
//! the loss, or its protocol is one whose clients hardly ever pipeline, [`ALTERNATIONS`] will do. Where
//! neither is so, something may have been outstanding since before the capture began, one more
//! question going out for each answer that comes in: that alternates, too. Then only [`PAUSES`] tell,
//! in which the server had nothing to answer, or a very long run.

use model::{Side, Timestamp, Why};

use super::{
    Pairs,
    exchange::{Exchange, Standing},
};
use crate::{Context, Turns};

/// Exchanges that must have alternated before pairs made adrift are believed.
const ALTERNATIONS: u8 = 4;
/// The same for a connection of which nothing is known, whose client may well pipeline.
const ALTERNATIONS_UNKNOWN: u8 = u8::MAX;
/// Pauses of the client that show that nothing hidden is outstanding: it would have been answered in
/// one of them.
const PAUSES: u8 = 8;
/// A pause is as many times longer than it then takes to answer. An answer to a hidden question
/// comes at any time: so late by chance once in nine times, and [`PAUSES`] times once in 43 million.
const PAUSE_RATIO: u64 = 8;
/// Provisional pairs kept until there is enough; older ones leave as halves.
const PROVISIONAL_MAX: usize = 32;
/// Silence after which a client that was never seen to pipeline has nothing outstanding.
const QUIET_NS: u64 = 100_000_000;
/// The same for one that pipelines: longer than servers let anybody wait.
const QUIET_PIPELINED_NS: u64 = 10_000_000_000;
/// Silence after which a provisional pair is believed.
pub(super) const SETTLED_NS: u64 = 1_000_000_000;

/// Whether the next answer's question is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Trust {
    /// Everything outstanding is in the queue.
    Exact,
    /// The client lost bytes: exact for questions numbered below this, unknown after them.
    Until(u64),
    /// Unknown.
    Adrift,
}

/// What the flow has shown of its habits. Small: every flow has two of it.
#[derive(Debug)]
pub(super) struct Evidence {
    /// When something was last said or lost.
    pub(super) last_at: Timestamp,
    /// How long the client waited before the question that is open, in microseconds, up to 65 ms.
    pause_us: u16,
    /// Why the flow was adrift last.
    pub(super) why: Why,
    signs: u8,
    /// Provisional pairs that followed each other.
    alternated: u8,
    /// Pauses among them that speak for alternation.
    pauses: u8,
    /// Questions that left alone although their answer may still come.
    ghosts: u8,
    /// Who asks here; for who shows these habits. It has its place here because there is room.
    pub(super) asker: Side,
}

/// One thing that a flow has shown, or not.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Sign {
    /// A question was asked while another was open, ever.
    Pipelines = 1,
    /// Bytes were lost since pairing was last exact.
    Gapped = 2,
    /// The client lost bytes, and nothing of the server came since: a client that waits for its
    /// answers asks nothing now.
    Owed = 4,
    /// Pairing was not exact since the first byte.
    Resumed = 8,
    /// The flow was joined late, and pairing was never exact.
    Strange = 16,
    /// Clients of this protocol hardly ever pipeline.
    Waits = 32,
}

const _: () = assert!(size_of::<Evidence>() <= 16);

// === impl Evidence ===

impl Evidence {
    /// Nothing seen yet of a flow whose clients take turns as `turns` says.
    pub(super) fn new(turns: Turns) -> Self {
        let signs = match turns {
            Turns::Free => 0,
            Turns::Usual => Sign::Waits as u8,
        };
        Self {
            last_at: Timestamp(0),
            pause_us: 0,
            why: Why::Gap,
            signs,
            alternated: 0,
            pauses: 0,
            ghosts: 0,
            asker: Side::Client,
        }
    }

    pub(super) fn has(&self, sign: Sign) -> bool {
        self.signs & sign as u8 != 0
    }

    pub(super) fn set(&mut self, sign: Sign, shown: bool) {
        self.signs = if shown { self.signs | sign as u8 } else { self.signs & !(sign as u8) };
    }

    /// How clients of this protocol take turns.
    pub(super) fn turns(&self) -> Turns {
        if self.has(Sign::Waits) { Turns::Usual } else { Turns::Free }
    }

    /// How long a silence proves that nothing is outstanding.
    fn quiet_ns(&self) -> u64 {
        if self.has(Sign::Pipelines) || self.ghosts > 0 { QUIET_PIPELINED_NS } else { QUIET_NS }
    }

    /// Something may have been outstanding all along, with nothing to show it.
    fn may_be_shifted(&self) -> bool {
        self.has(Sign::Strange) && !self.has(Sign::Waits)
    }

    /// Whether pairs made adrift are believed.
    fn is_enough(&self) -> bool {
        if self.may_be_shifted() {
            self.pauses >= PAUSES || self.alternated == ALTERNATIONS_UNKNOWN
        } else {
            self.alternated >= ALTERNATIONS
        }
    }

    /// A question begins at `at`, after something else.
    fn asked(&mut self, at: Timestamp) {
        let pause_us = at.since(self.last_at) / 1_000;
        self.pause_us = u16::try_from(pause_us).unwrap_or(u16::MAX);
    }

    /// The only question in sight is answered at `at`.
    fn answered(&mut self, at: Timestamp) {
        self.alternated = self.alternated.saturating_add(1);
        let took_us = at.since(self.last_at).div_ceil(1_000).max(1);
        let telling = u64::from(self.pause_us) >= took_us.saturating_mul(PAUSE_RATIO);
        self.pauses = self.pauses.saturating_add(u8::from(telling));
    }

    fn forget_alternation(&mut self) {
        self.alternated = 0;
        self.pauses = 0;
    }

    /// Whether provisional pairs may leave as pairs at the end of the flow, which ended because of
    /// `why`.
    pub(super) fn speaks_for_pairs(&self, why: Why) -> bool {
        if self.has(Sign::Pipelines) {
            return false;
        }
        // What was outstanding is answered before a connection is closed in an orderly way.
        if self.may_be_shifted() && why != Why::Closed {
            return false;
        }
        !self.has(Sign::Gapped) || self.alternated > 1
    }
}

// === impl Pairs: adrift ===

impl Pairs {
    /// A question begins while adrift.
    pub(super) fn ask_adrift(
        &mut self,
        at: Timestamp,
        outstanding: bool,
        cx: &mut Context<'_>,
    ) -> Standing {
        self.trust = Trust::Adrift;
        if !outstanding && at.since(self.evidence.last_at) >= self.evidence.quiet_ns() {
            self.re_anchor(cx);
            return Standing::Sure;
        }
        if outstanding || self.evidence.has(Sign::Owed) || self.evidence.ghosts > 0 {
            self.evidence.set(Sign::Pipelines, true);
            self.give_up_provisional(cx);
            self.distrust_unanswered(cx);
        }
        if self.evidence.has(Sign::Pipelines) {
            return Standing::Unknown;
        }
        if self.evidence.is_enough() {
            self.re_anchor(cx);
            return Standing::Sure;
        }
        self.evidence.asked(at);
        self.give_up_oldest(cx);
        Standing::Candidate
    }

    /// An answer begins while adrift; the number of the question it may answer.
    pub(super) fn answer_adrift(&mut self, at: Timestamp, cx: &mut Context<'_>) -> Option<u64> {
        self.evidence.set(Sign::Owed, false);
        if let Some(candidate) = self.candidate() {
            let number = candidate.number;
            self.evidence.answered(at);
            return Some(number);
        }
        // An answer to something that was asked before we could see, or was lost: what looked like
        // alternation may have been shifted by it all along.
        if self.has_provisional() {
            self.evidence.set(Sign::Pipelines, true);
            self.give_up_provisional(cx);
        }
        self.distrust_unanswered(cx);
        self.evidence.ghosts = self.evidence.ghosts.saturating_sub(1);
        cx.counts.unpaired += 1;
        None
    }

    /// The only question in sight, if it may be answered next.
    pub(super) fn candidate(&self) -> Option<&Exchange> {
        let mut open = self.queue.iter().filter(|e| !e.answered);
        let only = open.next().filter(|e| e.standing == Standing::Candidate)?;
        open.next().is_none().then_some(only)
    }

    pub(super) fn has_provisional(&self) -> bool {
        self.queue.iter().any(|e| e.standing == Standing::Candidate && e.answered)
    }

    /// Nothing is open in either direction, and nothing hints at something hidden.
    pub(super) fn at_rest(&self) -> bool {
        !self.evidence.has(Sign::Pipelines)
            && self.evidence.ghosts == 0
            && self.queue.iter().all(Exchange::complete)
    }

    /// Nothing is outstanding: provisional pairs were right, and from here on order is exact.
    pub(super) fn re_anchor(&mut self, cx: &mut Context<'_>) {
        self.commit(cx);
        self.evidence.ghosts = 0;
        for past in [Sign::Gapped, Sign::Owed, Sign::Strange] {
            self.evidence.set(past, false);
        }
        self.trust = Trust::Exact;
    }

    /// Provisional pairs leave as pairs.
    pub(super) fn commit(&mut self, cx: &mut Context<'_>) {
        self.evidence.forget_alternation();
        self.sweep(cx, |exchange| {
            if exchange.standing == Standing::Candidate {
                exchange.standing = Standing::Sure;
            }
            exchange.complete()
        });
    }

    /// Provisional pairs leave as what they are: a question and an answer that can't be paired.
    pub(super) fn give_up_provisional(&mut self, cx: &mut Context<'_>) {
        self.evidence.forget_alternation();
        self.sweep(cx, |exchange| {
            let gone = exchange.standing == Standing::Candidate && exchange.answered;
            if gone {
                exchange.standing = Standing::Unknown;
            }
            gone && exchange.complete()
        });
    }

    /// Makes room for another provisional pair: what is held is bounded.
    fn give_up_oldest(&mut self, cx: &mut Context<'_>) {
        if self.queue.len() < PROVISIONAL_MAX {
            return;
        }
        if let Some(mut oldest) = self.queue.pop_front() {
            oldest.standing = Standing::Unknown;
            self.leave(oldest, self.evidence.why, cx);
        }
    }

    /// The answers of open questions can't be told any more.
    pub(super) fn distrust_unanswered(&mut self, cx: &mut Context<'_>) {
        let mut ghosts = 0_u8;
        self.sweep(cx, |exchange| {
            if exchange.answered {
                return false;
            }
            exchange.standing = Standing::Unknown;
            ghosts = ghosts.saturating_add(u8::from(exchange.request.is_some()));
            exchange.request.is_some()
        });
        self.evidence.ghosts = self.evidence.ghosts.saturating_add(ghosts);
        cx.counts.unpaired += u64::from(ghosts);
    }

    /// A question whose answer can't be told was read to its end.
    pub(super) fn leave_as_ghost(&mut self, exchange: Exchange, cx: &mut Context<'_>) {
        self.evidence.ghosts = self.evidence.ghosts.saturating_add(1);
        cx.counts.unpaired += 1;
        self.leave(exchange, self.evidence.why, cx);
    }

    /// Lets every exchange leave for which `gone` says so, oldest first.
    fn sweep(&mut self, cx: &mut Context<'_>, mut gone: impl FnMut(&mut Exchange) -> bool) {
        for _ in 0..self.queue.len() {
            let Some(mut exchange) = self.queue.pop_front() else { return };
            if gone(&mut exchange) {
                self.leave(exchange, self.evidence.why, cx);
            } else {
                self.queue.push_back(exchange);
            }
        }
    }
}
