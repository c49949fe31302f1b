//! In-order pairing when it is not known what is outstanding, and how it becomes known again.
//!
//! No packet says how many lost questions still wait for an answer. What can be seen: a client that
//! asks only after it was answered (strict alternation), a second question before the first answer
//! (it pipelines), an answer with no question in sight (something hidden was outstanding), and
//! silence. Pairs made adrift are provisional: they leave only once [`ALTERNATIONS`] exchanges
//! alternated or the flow came to rest, and are taken apart at the first sign against them.

use model::{Side, Timestamp, Why};

use super::{
    Pairs,
    exchange::{Exchange, Standing},
};
use crate::Context;

/// Exchanges that must have alternated before pairs made adrift are believed.
const ALTERNATIONS: u8 = 4;
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

/// What the flow has shown of its habits.
#[derive(Debug)]
pub(super) struct Evidence {
    /// Why the flow was adrift last.
    pub(super) why: Why,
    /// A question was asked while another was open, ever.
    pub(super) pipelines: bool,
    /// Bytes were lost since pairing was last exact.
    pub(super) gapped: bool,
    /// The client lost bytes, and nothing of the server came since: a client that waits for its
    /// answers asks nothing now.
    pub(super) owed: bool,
    /// Pairing was not exact since the first byte.
    pub(super) resumed: bool,
    /// When something was last said or lost.
    pub(super) last_at: Timestamp,
    /// Provisional pairs that followed each other.
    alternated: u8,
    /// Questions that left alone although their answer may still come.
    ghosts: u8,
    /// Who asks here; for who shows these habits. It has its place here because there is room.
    pub(super) asker: Side,
}

// === impl Evidence ===

impl Default for Evidence {
    fn default() -> Self {
        Self {
            why: Why::Gap,
            pipelines: false,
            gapped: false,
            owed: false,
            resumed: false,
            last_at: Timestamp(0),
            alternated: 0,
            ghosts: 0,
            asker: Side::Client,
        }
    }
}

impl Evidence {
    /// How long a silence proves that nothing is outstanding.
    fn quiet_ns(&self) -> u64 {
        if self.pipelines || self.ghosts > 0 { QUIET_PIPELINED_NS } else { QUIET_NS }
    }

    /// Whether provisional pairs may leave as pairs at the end of the flow.
    pub(super) fn speaks_for_pairs(&self) -> bool {
        !self.pipelines && (!self.gapped || self.alternated > 1)
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
        if outstanding || self.evidence.owed || self.evidence.ghosts > 0 {
            self.evidence.pipelines = true;
            self.give_up_provisional(cx);
            self.distrust_unanswered(cx);
        }
        if self.evidence.pipelines {
            return Standing::Unknown;
        }
        if self.evidence.alternated >= ALTERNATIONS {
            self.re_anchor(cx);
            return Standing::Sure;
        }
        Standing::Candidate
    }

    /// An answer begins while adrift; the number of the question it may answer.
    pub(super) fn answer_adrift(&mut self, cx: &mut Context<'_>) -> Option<u64> {
        self.evidence.owed = false;
        if let Some(candidate) = self.candidate() {
            let number = candidate.number;
            self.evidence.alternated = self.evidence.alternated.saturating_add(1);
            return Some(number);
        }
        // An answer to something that was asked before we could see, or was lost: what looked like
        // alternation may have been shifted by it all along.
        if self.has_provisional() {
            self.evidence.pipelines = true;
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
        !self.evidence.pipelines
            && self.evidence.ghosts == 0
            && self.queue.iter().all(Exchange::complete)
    }

    /// Nothing is outstanding: provisional pairs were right, and from here on order is exact.
    pub(super) fn re_anchor(&mut self, cx: &mut Context<'_>) {
        self.commit(cx);
        self.evidence.ghosts = 0;
        self.evidence.gapped = false;
        self.evidence.owed = false;
        self.trust = Trust::Exact;
    }

    /// Provisional pairs leave as pairs.
    pub(super) fn commit(&mut self, cx: &mut Context<'_>) {
        self.evidence.alternated = 0;
        self.sweep(cx, |exchange| {
            if exchange.standing == Standing::Candidate {
                exchange.standing = Standing::Sure;
            }
            exchange.complete()
        });
    }

    /// Provisional pairs leave as what they are: a question and an answer that can't be paired.
    pub(super) fn give_up_provisional(&mut self, cx: &mut Context<'_>) {
        self.evidence.alternated = 0;
        self.sweep(cx, |exchange| {
            let gone = exchange.standing == Standing::Candidate && exchange.answered;
            if gone {
                exchange.standing = Standing::Unknown;
            }
            gone && exchange.complete()
        });
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
