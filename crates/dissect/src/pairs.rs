//! Which response answers which request: the one implementation that all protocols share.
//!
//! In order, a pair is made only while it is *known* what is outstanding. A flow joined late, or one
//! that lost bytes, is adrift: nothing is paired until question and answer have alternated for a
//! while with nothing else in sight, or the flow was silent, and not at all while it shows that it
//! pipelines. A missing half is honest, a guessed pair is not.

mod adrift;
mod by_id;
mod exchange;

use std::collections::VecDeque;

use model::{Message, Missing, PairedBy, Pairing, Protocol, Side, Timestamp, Why};

use self::{
    adrift::{Evidence, Trust},
    by_id::ById,
    exchange::{Exchange, Standing},
};
use crate::{Context, Done, pool::Held};

/// How the two messages of a call find each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pair {
    /// Answers come in the order of the questions.
    InOrder,
    /// Question and answer carry the same number on a stream. A number that is used again while its
    /// question is open means that its answer was lost.
    Id(u64),
    /// Question and answer carry the same number in datagrams: a number seen again is the same
    /// question (or the same answer) sent again.
    Datagram(u64),
    /// Nobody answers.
    OneWay,
}

/// Where an open message belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ticket {
    /// The request of the in-order exchange with this number.
    Asks(u64),
    /// The response of the in-order exchange with this number.
    Answers(u64),
    /// A question under an id.
    AsksId(u64, bool),
    /// An answer under an id.
    AnswersId(u64, bool),
    /// A message of its own.
    Alone(u64),
    /// An answer to nothing that is known.
    Orphan(u64),
}

/// The calls of one conversation that are not finished.
#[derive(Debug)]
pub(crate) struct Pairs {
    protocol: &'static Protocol,
    /// In-order exchanges, oldest first, by rising number.
    queue: VecDeque<Exchange>,
    ids: Option<Box<ById>>,
    last_number: u64,
    trust: Trust,
    evidence: Evidence,
}

// === impl Pairs ===

impl Pairs {
    pub(crate) fn new(protocol: &'static Protocol) -> Self {
        Self {
            protocol,
            queue: VecDeque::new(),
            ids: None,
            last_number: 0,
            trust: Trust::Exact,
            evidence: Evidence::default(),
        }
    }

    /// What is spoken.
    pub(crate) fn protocol(&self) -> &'static Protocol {
        self.protocol
    }

    /// The flow is not read from its start; it was silent since `quiet_since`.
    pub(crate) fn joined_late(&mut self, quiet_since: Timestamp, why: Why) {
        self.trust = Trust::Adrift;
        self.evidence.why = why;
        self.evidence.last_at = quiet_since;
        self.evidence.resumed = true;
        self.evidence.gapped = why != Why::CaptureStart;
    }

    /// Something was said or lost at `at`: the flow is not silent.
    pub(crate) fn active(&mut self, at: Timestamp) {
        self.evidence.last_at = self.evidence.last_at.max(at);
    }

    /// A message of `side` begins.
    pub(crate) fn begin(
        &mut self,
        side: Side,
        pair: Pair,
        at: Timestamp,
        cx: &mut Context<'_>,
    ) -> Ticket {
        match (pair, side) {
            (Pair::OneWay, _) => Ticket::Alone(self.number()),
            (Pair::Id(id), Side::Client) => Ticket::AsksId(id, false),
            (Pair::Datagram(id), Side::Client) => Ticket::AsksId(id, true),
            (Pair::Id(id), Side::Server) => Ticket::AnswersId(id, false),
            (Pair::Datagram(id), Side::Server) => Ticket::AnswersId(id, true),
            (Pair::InOrder, Side::Client) => self.ask(at, cx),
            (Pair::InOrder, Side::Server) => self.answer(at, cx),
        }
    }

    /// A message is at its end, whole or broken.
    pub(crate) fn complete(&mut self, ticket: Ticket, held: Held, cx: &mut Context<'_>) {
        self.active(held.last.at);
        match ticket {
            Ticket::Asks(number) => self.put(number, Side::Client, held, cx),
            Ticket::Answers(number) => self.put(number, Side::Server, held, cx),
            Ticket::AsksId(id, again) => self.ask_id(id, again, held, cx),
            Ticket::AnswersId(id, again) => self.answer_id(id, again, held, cx),
            Ticket::Alone(number) => self.leave_alone(number, Pairing::OneWay, held, cx),
            Ticket::Orphan(number) => self.leave_alone(number, Pairing::Orphan, held, cx),
        }
    }

    /// An open message is given up without being finished.
    pub(crate) fn drop_open(&mut self, ticket: Ticket, cx: &mut Context<'_>) {
        if let Ticket::Asks(number) | Ticket::Answers(number) = ticket
            && let Some(at) = self.position(number)
            && let Some(exchange) = self.queue.remove(at)
        {
            self.leave(exchange, Why::Budget, cx);
        }
    }

    /// The request that the response behind `ticket` answers; `None` while it is still being read,
    /// or where it is not known.
    pub(crate) fn question(&self, ticket: Ticket) -> Option<&Message> {
        match ticket {
            Ticket::Answers(number) => self.queue.get(self.position(number)?)?.request.as_deref(),
            Ticket::AnswersId(id, _) => self.ids.as_ref()?.question(id),
            _ => None,
        }
    }

    /// The request that the next in-order response would answer, and its number, where that is known.
    pub(crate) fn next_question(&self) -> Option<(u64, Option<&Message>)> {
        let exchange = match self.trust {
            Trust::Exact => self.unanswered().next()?,
            Trust::Until(barrier) => self.unanswered().next().filter(|e| e.number < barrier)?,
            Trust::Adrift => self.candidate()?,
        };
        Some((exchange.number, exchange.request.as_deref()))
    }

    /// The pending question under `id`.
    pub(crate) fn question_by_id(&self, id: u64) -> Option<&Message> {
        self.ids.as_ref()?.question(id)
    }

    /// Bytes of `side` were lost that may have held whole messages.
    pub(crate) fn gap(&mut self, side: Side, why: Why, cx: &mut Context<'_>) {
        match side {
            Side::Client => self.lost_questions(why, cx),
            Side::Server => self.lost_answers(why, cx),
        }
    }

    /// Bytes of `side` were skipped to find a message: they may have held answers to what was asked
    /// since they were lost.
    pub(crate) fn skipped(&mut self, side: Side, cx: &mut Context<'_>) {
        if side == Side::Server && self.trust != Trust::Adrift {
            self.lost_answers(self.evidence.why, cx);
        }
    }

    /// The conversation is over: everything leaves.
    pub(crate) fn close(&mut self, why: Why, cx: &mut Context<'_>) {
        if self.evidence.speaks_for_pairs() {
            self.commit(cx);
        }
        while let Some(exchange) = self.queue.pop_front() {
            // What could not be paired was lost before the end came.
            let why = if exchange.standing == Standing::Sure { why } else { self.evidence.why };
            self.leave(exchange, why, cx);
        }
        let Some(mut ids) = self.ids.take() else { return };
        for (held, number) in ids.drain() {
            self.leave_alone_why(number, Pairing::Unanswered, held, Some(why), cx);
        }
    }

    /// When something leaves by itself.
    pub(crate) fn deadline(&self, answer_ns_max: u64) -> Option<Timestamp> {
        let provisional = (self.has_provisional() && self.at_rest())
            .then(|| self.evidence.last_at.after(adrift::SETTLED_NS));
        let unanswered = self
            .ids
            .as_ref()
            .and_then(|ids| ids.oldest_datagram())
            .map(|at| at.after(answer_ns_max));
        match (provisional, unanswered) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The clock reached `now`.
    pub(crate) fn tick(&mut self, now: Timestamp, cx: &mut Context<'_>) {
        if self.has_provisional()
            && now >= self.evidence.last_at.after(adrift::SETTLED_NS)
            && self.at_rest()
        {
            self.re_anchor(cx);
        }
        let Some(mut ids) = self.ids.take() else { return };
        while let Some((held, number)) = ids.pop_older(now, cx.limits.answer_ns_max) {
            self.leave_alone_why(number, Pairing::Unanswered, held, Some(Why::Timeout), cx);
        }
        self.ids = Some(ids);
    }
}

// === impl Pairs: in order ===

impl Pairs {
    fn ask(&mut self, at: Timestamp, cx: &mut Context<'_>) -> Ticket {
        if self.queue.len() >= cx.limits.pending_max {
            cx.counts.budget_messages += 1;
            self.lost_answers(Why::Budget, cx);
        }
        let outstanding = self.queue.iter().any(|e| e.response.is_none());
        let standing = match self.trust {
            Trust::Exact => {
                self.evidence.pipelines |= outstanding;
                Standing::Sure
            }
            Trust::Until(_) if outstanding => {
                self.evidence.pipelines = true;
                Standing::Unknown
            }
            Trust::Until(_) | Trust::Adrift => self.ask_adrift(at, outstanding, cx),
        };
        let number = self.number();
        self.queue.push_back(Exchange::new(number, standing));
        Ticket::Asks(number)
    }

    fn answer(&mut self, _at: Timestamp, cx: &mut Context<'_>) -> Ticket {
        let sure = match self.trust {
            Trust::Exact => self.unanswered().next().map(|e| e.number),
            Trust::Until(barrier) => {
                self.unanswered().next().map(|e| e.number).filter(|number| *number < barrier)
            }
            Trust::Adrift => None,
        };
        if let Trust::Until(_) = self.trust
            && sure.is_none()
        {
            self.trust = Trust::Adrift;
        }
        let number = match self.trust {
            Trust::Adrift => self.answer_adrift(cx),
            _ => sure,
        };
        let Some(number) = number else { return Ticket::Orphan(self.number()) };
        if let Some(at) = self.position(number) {
            self.queue[at].answered = true;
        }
        Ticket::Answers(number)
    }

    fn put(&mut self, number: u64, side: Side, held: Held, cx: &mut Context<'_>) {
        let Some(at) = self.position(number) else {
            // The exchange left while this half was still being read (a gap took its partner).
            let pairing = if side == Side::Client { Pairing::Unanswered } else { Pairing::Orphan };
            self.leave_alone_why(number, pairing, held, Some(self.evidence.why), cx);
            return;
        };
        let exchange = &mut self.queue[at];
        match side {
            Side::Client => exchange.request = Some(held),
            Side::Server => exchange.response = Some(held),
        }
        let gone = match exchange.standing {
            Standing::Sure => exchange.complete(),
            Standing::Candidate => false,
            Standing::Unknown => exchange.request.is_some(),
        };
        if !gone {
            return;
        }
        let Some(exchange) = self.queue.remove(at) else { return };
        match exchange.standing {
            Standing::Unknown if exchange.response.is_none() => self.leave_as_ghost(exchange, cx),
            _ => self.leave(exchange, self.evidence.why, cx),
        }
    }

    fn lost_questions(&mut self, why: Why, cx: &mut Context<'_>) {
        self.evidence.resumed = true;
        self.evidence.gapped = true;
        self.evidence.owed = true;
        match self.trust {
            Trust::Exact if self.unanswered().next().is_some() => {
                self.evidence.why = why;
                self.trust = Trust::Until(self.last_number + 1);
            }
            Trust::Exact => {
                self.evidence.why = why;
                self.trust = Trust::Adrift;
            }
            Trust::Until(_) => {}
            Trust::Adrift => {
                self.evidence.why = why;
                self.give_up_provisional(cx);
                self.distrust_unanswered(cx);
            }
        }
    }

    fn lost_answers(&mut self, why: Why, cx: &mut Context<'_>) {
        self.evidence.resumed = true;
        self.evidence.owed = false;
        self.evidence.gapped = true;
        self.evidence.why = why;
        self.trust = Trust::Adrift;
        self.give_up_provisional(cx);
        for _ in 0..self.queue.len() {
            let Some(mut exchange) = self.queue.pop_front() else { break };
            if exchange.answered {
                self.queue.push_back(exchange);
            } else if exchange.request.is_none() {
                exchange.standing = Standing::Unknown;
                self.queue.push_back(exchange);
            } else {
                cx.counts.unpaired += 1;
                self.leave(exchange, why, cx);
            }
        }
    }

    fn unanswered(&self) -> impl Iterator<Item = &Exchange> {
        self.queue.iter().filter(|e| !e.answered && e.standing != Standing::Unknown)
    }

    /// Index of the exchange with this number; numbers rise along the queue.
    fn position(&self, number: u64) -> Option<usize> {
        match self.queue.front() {
            Some(front) if front.number == number => Some(0),
            _ => self.queue.binary_search_by_key(&number, |e| e.number).ok(),
        }
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

// === impl Pairs: by id ===

impl Pairs {
    fn ask_id(&mut self, id: u64, again: bool, held: Held, cx: &mut Context<'_>) {
        let number = self.number();
        let mut ids = self.ids.take().unwrap_or_default();
        if let Some(first) = ids.pending(id) {
            if again {
                first.edit().repeats += 1;
                cx.counts.repeated_questions += 1;
                cx.pool.give(held, cx.budget);
                self.last_number -= 1;
                self.ids = Some(ids);
                return;
            }
            if let Some((lost, number)) = ids.take(id) {
                self.leave_alone_why(number, Pairing::Unanswered, lost, Some(Why::Gap), cx);
            }
        }
        if ids.len() >= cx.limits.pending_max {
            cx.counts.budget_messages += 1;
            self.leave_alone_why(number, Pairing::Unanswered, held, Some(Why::Budget), cx);
        } else {
            ids.insert(id, held, number, again);
        }
        self.ids = Some(ids);
    }

    fn answer_id(&mut self, id: u64, again: bool, held: Held, cx: &mut Context<'_>) {
        let mut ids = self.ids.take().unwrap_or_default();
        let at = held.first.at;
        if let Some((request, number)) = ids.take(id) {
            if again {
                ids.remember(id, at);
            }
            self.emit(
                number,
                Some(request),
                Some(held),
                Pairing::Matched,
                Some(PairedBy::Id),
                None,
                cx,
            );
        } else if again && ids.answered_lately(id, at) {
            cx.counts.repeated_answers += 1;
            cx.pool.give(held, cx.budget);
        } else {
            let number = self.number();
            self.leave_alone(number, Pairing::Orphan, held, cx);
        }
        self.ids = Some(ids);
    }
}

// === impl Pairs: what leaves ===

impl Pairs {
    /// An exchange leaves: paired if both halves are there and known to belong together.
    fn leave(&mut self, exchange: Exchange, why: Why, cx: &mut Context<'_>) {
        let Exchange { number, request, response, standing, .. } = exchange;
        match (request, response) {
            (Some(request), Some(response)) if standing == Standing::Sure => {
                let by =
                    if self.evidence.resumed { PairedBy::Alternation } else { PairedBy::Order };
                self.emit(
                    number,
                    Some(request),
                    Some(response),
                    Pairing::Matched,
                    Some(by),
                    None,
                    cx,
                );
            }
            (request, response) => {
                if let Some(request) = request {
                    self.leave_alone_why(number, Pairing::Unanswered, request, Some(why), cx);
                }
                if let Some(response) = response {
                    let number = self.number();
                    self.leave_alone_why(number, Pairing::Orphan, response, Some(why), cx);
                }
            }
        }
    }

    fn leave_alone(&mut self, number: u64, pairing: Pairing, held: Held, cx: &mut Context<'_>) {
        let known = self.trust == Trust::Exact || pairing == Pairing::OneWay;
        let why = if known { None } else { Some(self.evidence.why) };
        self.leave_alone_why(number, pairing, held, why, cx);
    }

    fn leave_alone_why(
        &mut self,
        number: u64,
        pairing: Pairing,
        held: Held,
        why: Option<Why>,
        cx: &mut Context<'_>,
    ) {
        let (request, response) = match (pairing, held.from) {
            (Pairing::Orphan, _) | (Pairing::OneWay, Side::Server) => (None, Some(held)),
            _ => (Some(held), None),
        };
        self.emit(number, request, response, pairing, None, why, cx);
    }

    #[expect(clippy::too_many_arguments, reason = "the one place where everything comes together")]
    fn emit(
        &mut self,
        number: u64,
        request: Option<Held>,
        response: Option<Held>,
        pairing: Pairing,
        paired_by: Option<PairedBy>,
        why: Option<Why>,
        cx: &mut Context<'_>,
    ) {
        let missing = missing(request.as_deref(), response.as_deref(), why);
        cx.outlet.done(&Done {
            protocol: self.protocol,
            number,
            request: request.as_deref(),
            response: response.as_deref(),
            pairing,
            paired_by,
            missing,
        });
        for held in [request, response].into_iter().flatten() {
            cx.pool.give(held, cx.budget);
        }
    }
}

fn missing(
    request: Option<&Message>,
    response: Option<&Message>,
    why: Option<Why>,
) -> Option<Missing> {
    let of = |message: Option<&Message>| message.and_then(|m| m.missing);
    let why = why.or(of(request)).or(of(response))?;
    let bytes = |message: Option<&Message>| message.map_or(0, |m| m.missing_bytes);
    Some(Missing { why, request_bytes: bytes(request), response_bytes: bytes(response) })
}

// === impl Ticket ===

impl Ticket {
    /// The in-order exchange whose request this is.
    pub(crate) fn asks(self) -> Option<u64> {
        match self {
            Self::Asks(number) => Some(number),
            _ => None,
        }
    }

    /// The in-order exchange whose response this is.
    pub(crate) fn answers(self) -> Option<u64> {
        match self {
            Self::Answers(number) => Some(number),
            _ => None,
        }
    }
}
