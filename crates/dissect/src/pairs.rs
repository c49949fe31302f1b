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
    by_id::{ById, Waiting},
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

/// Who a message is in a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// It asks.
    Asks,
    /// It answers.
    Answers,
}

/// Where an open message belongs: a [`Place`], packed, since every message is moved about with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ticket {
    key: u64,
    number: u32,
    kind: Kind,
    /// The server asks in its call.
    reversed: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Asks,
    Answers,
    AsksId,
    AnswersId,
    AsksDatagram,
    AnswersDatagram,
    Alone,
    Orphan,
    Refused,
}

/// Where an open message belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// The request of the in-order exchange with this number.
    Asks(u64),
    /// The response of the in-order exchange with this number.
    Answers(u64),
    /// A question under an id, and the end of its number.
    AsksId(u64, u32),
    /// An answer under an id.
    AnswersId(u64),
    /// A question under an id, by datagram.
    AsksDatagram(u64),
    /// An answer under an id, by datagram.
    AnswersDatagram(u64),
    /// A message of its own.
    Alone(u64),
    /// An answer to nothing that is known.
    Orphan(u64),
    /// A question too many.
    Refused(u64),
}

/// The calls of one conversation that are not finished.
#[derive(Debug)]
pub(crate) struct Pairs {
    protocol: &'static Protocol,
    /// Who asks here.
    asker: Side,
    /// The calls in which the other side asks; `None` in most protocols.
    reverse: Option<Box<Self>>,
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
            asker: Side::Client,
            reverse: None,
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
        if let Some(reverse) = &mut self.reverse {
            reverse.active(at);
        }
    }

    /// A message of `side` begins. `role` is told where it is not the usual one: clients ask, servers
    /// answer.
    pub(crate) fn begin(
        &mut self,
        side: Side,
        role: Option<Role>,
        pair: Pair,
        at: Timestamp,
        cx: &mut Context<'_>,
    ) -> Ticket {
        let usual = if side == Side::Client { Role::Asks } else { Role::Answers };
        let role = role.unwrap_or(usual);
        if role == usual {
            return Ticket::new(false, self.begin_here(role, pair, at, cx));
        }
        let place = self.with_reverse(|reverse| reverse.begin_here(role, pair, at, cx));
        Ticket::new(true, place)
    }

    /// A message is at its end, whole or broken.
    pub(crate) fn complete(&mut self, ticket: Ticket, held: Held, cx: &mut Context<'_>) {
        self.active(held.last.at);
        if ticket.reversed {
            self.with_reverse(|reverse| reverse.complete_here(ticket.place(), held, cx));
        } else {
            self.complete_here(ticket.place(), held, cx);
        }
    }

    /// An open message is given up without being finished.
    pub(crate) fn drop_open(&mut self, ticket: Ticket, cx: &mut Context<'_>) {
        if ticket.reversed {
            self.with_reverse(|reverse| reverse.drop_here(ticket.place(), cx));
        } else {
            self.drop_here(ticket.place(), cx);
        }
    }

    /// What is pending under `id` leaves as it is, because of `why`.
    pub(crate) fn abandon(&mut self, role: Role, id: u64, why: Why, cx: &mut Context<'_>) {
        if role == Role::Answers {
            if self.reverse.is_some() {
                self.with_reverse(|reverse| reverse.abandon(Role::Asks, id, why, cx));
            }
            return;
        }
        if let Some(waiting) = self.ids.as_mut().and_then(|ids| ids.take(id)) {
            self.leave_waiting(waiting, why, cx);
        }
    }

    /// Shows a call that goes on: `open` is its half that is being read, `peer` the other one, where
    /// that is being read too.
    pub(crate) fn show(
        &mut self,
        ticket: Ticket,
        open: &Message,
        peer: Option<&Message>,
        cx: &mut Context<'_>,
    ) {
        let pairs = if ticket.reversed { self.reverse.as_deref() } else { Some(&*self) };
        let Some(pairs) = pairs else { return };
        let (number, request, response) = match ticket.place() {
            Place::Asks(number) => (number, Some(open), peer),
            Place::AsksId(id, _) => {
                let Some(waiting) = pairs.ids.as_ref().and_then(|ids| ids.get(id)) else { return };
                (waiting.number, Some(open), peer)
            }
            Place::Answers(number) => {
                let Some(exchange) = pairs.position(number).and_then(|at| pairs.queue.get(at))
                else {
                    return;
                };
                if exchange.standing != Standing::Sure {
                    return;
                }
                (number, exchange.request.as_deref().or(peer), Some(open))
            }
            Place::AnswersId(id) => {
                let Some(waiting) = pairs.ids.as_ref().and_then(|ids| ids.get(id)) else { return };
                (waiting.number, waiting.request.as_deref().or(peer), Some(open))
            }
            Place::Alone(number) if open.from == pairs.asker => (number, Some(open), None),
            Place::Alone(number) => (number, None, Some(open)),
            _ => return,
        };
        let pairing = match (request, response, ticket.place()) {
            (_, _, Place::Alone(_)) => Pairing::OneWay,
            (Some(_), Some(_), _) => Pairing::Matched,
            (_, None, _) => Pairing::Unanswered,
            (None, ..) => return,
        };
        cx.outlet.done(&Done {
            protocol: pairs.protocol,
            number,
            asker: pairs.asker,
            request,
            response,
            pairing,
            paired_by: (pairing == Pairing::Matched).then(|| pairs.paired_by(ticket.place())),
            missing: missing(request, response, None),
            goes_on: true,
        });
    }

    /// The request that the response behind `ticket` answers; `None` while it is still being read,
    /// or where it is not known.
    pub(crate) fn question(&self, ticket: Ticket) -> Option<&Message> {
        let pairs = if ticket.reversed { self.reverse.as_deref()? } else { self };
        match ticket.place() {
            Place::Answers(number) => pairs.queue.get(pairs.position(number)?)?.request.as_deref(),
            Place::AnswersId(id) | Place::AnswersDatagram(id) => pairs.ids.as_ref()?.question(id),
            _ => None,
        }
    }

    /// The request that the next in-order answer of `side` would be to, and its ticket, where that is
    /// known.
    pub(crate) fn next_question(&self, side: Side) -> Option<(Ticket, Option<&Message>)> {
        let reversed = side == Side::Client;
        let pairs = if reversed { self.reverse.as_deref()? } else { self };
        let exchange = match pairs.trust {
            Trust::Exact => pairs.unanswered().next()?,
            Trust::Until(barrier) => pairs.unanswered().next().filter(|e| e.number < barrier)?,
            Trust::Adrift => pairs.candidate()?,
        };
        let ticket = Ticket::new(reversed, Place::Asks(exchange.number));
        Some((ticket, exchange.request.as_deref()))
    }

    /// The pending question under `id` that `side` would answer.
    pub(crate) fn question_by_id(&self, side: Side, id: u64) -> Option<&Message> {
        let pairs = if side == Side::Client { self.reverse.as_deref()? } else { self };
        pairs.ids.as_ref()?.question(id)
    }

    /// Bytes of `side` were lost that may have held whole messages.
    pub(crate) fn gap(&mut self, side: Side, why: Why, cx: &mut Context<'_>) {
        if side == self.asker {
            self.lost_questions(why, cx);
        } else {
            self.lost_answers(why, cx);
        }
        if self.reverse.is_some() {
            self.with_reverse(|reverse| reverse.gap(side, why, cx));
        }
    }

    /// Bytes of `side` were skipped to find a message: they may have held answers to what was asked
    /// since they were lost.
    pub(crate) fn skipped(&mut self, side: Side, cx: &mut Context<'_>) {
        if side != self.asker && self.trust != Trust::Adrift {
            self.lost_answers(self.evidence.why, cx);
        }
        if self.reverse.is_some() {
            self.with_reverse(|reverse| reverse.skipped(side, cx));
        }
    }

    /// The conversation is over: everything leaves.
    pub(crate) fn close(&mut self, why: Why, cx: &mut Context<'_>) {
        if self.reverse.is_some() {
            self.with_reverse(|reverse| reverse.close(why, cx));
        }
        if self.evidence.speaks_for_pairs() {
            self.commit(cx);
        }
        while let Some(exchange) = self.queue.pop_front() {
            // What could not be paired was lost before the end came.
            let why = if exchange.standing == Standing::Sure { why } else { self.evidence.why };
            self.leave(exchange, why, cx);
        }
        let Some(mut ids) = self.ids.take() else { return };
        for waiting in ids.drain() {
            self.leave_waiting(waiting, why, cx);
        }
    }

    /// When something leaves by itself.
    pub(crate) fn deadline(&self, answer_ns_max: u64) -> Option<Timestamp> {
        let adrift = self.trust != Trust::Exact;
        let provisional = (adrift && self.has_provisional() && self.at_rest())
            .then(|| self.evidence.last_at.after(adrift::SETTLED_NS));
        let unanswered = self
            .ids
            .as_ref()
            .and_then(|ids| ids.oldest_datagram())
            .map(|at| at.after(answer_ns_max));
        let reverse = self.reverse.as_ref().and_then(|reverse| reverse.deadline(answer_ns_max));
        [provisional, unanswered, reverse].into_iter().flatten().min()
    }

    /// The clock reached `now`.
    pub(crate) fn tick(&mut self, now: Timestamp, cx: &mut Context<'_>) {
        if self.reverse.is_some() {
            self.with_reverse(|reverse| reverse.tick(now, cx));
        }
        if self.has_provisional()
            && now >= self.evidence.last_at.after(adrift::SETTLED_NS)
            && self.at_rest()
        {
            self.re_anchor(cx);
        }
        let Some(mut ids) = self.ids.take() else { return };
        while let Some(waiting) = ids.pop_older(now, cx.limits.answer_ns_max) {
            self.leave_waiting(waiting, Why::Timeout, cx);
        }
        self.ids = Some(ids);
    }

    /// Lets the calls in which the other side asks do something. Both draw their numbers from one
    /// sequence.
    fn with_reverse<R>(&mut self, act: impl FnOnce(&mut Self) -> R) -> R {
        let mut reverse = self.reverse.take().unwrap_or_else(|| Box::new(self.reversed()));
        reverse.last_number = self.last_number;
        let result = act(&mut reverse);
        self.last_number = reverse.last_number;
        self.reverse = Some(reverse);
        result
    }

    /// The same flow with the roles changed: what was lost so far may have concerned it, too.
    fn reversed(&self) -> Self {
        let mut reverse = Self::new(self.protocol);
        reverse.asker = self.asker.other();
        if self.trust != Trust::Exact {
            reverse.joined_late(self.evidence.last_at, self.evidence.why);
        }
        reverse
    }

    fn begin_here(&mut self, role: Role, pair: Pair, at: Timestamp, cx: &mut Context<'_>) -> Place {
        match (pair, role) {
            (Pair::OneWay, _) => Place::Alone(self.number()),
            (Pair::Id(id), Role::Asks) => self.ask_by_id(id, cx),
            (Pair::Id(id), Role::Answers) => Place::AnswersId(id),
            (Pair::Datagram(id), Role::Asks) => Place::AsksDatagram(id),
            (Pair::Datagram(id), Role::Answers) => Place::AnswersDatagram(id),
            (Pair::InOrder, Role::Asks) => self.ask(at, cx),
            (Pair::InOrder, Role::Answers) => self.answer(at, cx),
        }
    }

    fn complete_here(&mut self, place: Place, held: Held, cx: &mut Context<'_>) {
        match place {
            Place::Asks(number) => self.put(number, Role::Asks, held, cx),
            Place::Answers(number) => self.put(number, Role::Answers, held, cx),
            Place::AsksId(id, end) => self.put_question(id, end, held, cx),
            Place::AnswersId(id) => self.put_answer(id, held, cx),
            Place::AsksDatagram(id) => self.ask_by_datagram(id, held, cx),
            Place::AnswersDatagram(id) => self.answer_by_datagram(id, held, cx),
            Place::Alone(number) => self.leave_alone(number, Pairing::OneWay, held, cx),
            Place::Orphan(number) => self.leave_alone(number, Pairing::Orphan, held, cx),
            Place::Refused(number) => {
                self.leave_alone_why(number, Pairing::Unanswered, held, Some(Why::Budget), cx);
            }
        }
    }

    fn drop_here(&mut self, place: Place, cx: &mut Context<'_>) {
        match place {
            Place::Asks(number) | Place::Answers(number) => {
                if let Some(at) = self.position(number)
                    && let Some(exchange) = self.queue.remove(at)
                {
                    self.leave(exchange, Why::Budget, cx);
                }
            }
            Place::AsksId(id, _) => self.abandon(Role::Asks, id, Why::Budget, cx),
            _ => {}
        }
    }
}

// === impl Pairs: in order ===

impl Pairs {
    fn ask(&mut self, at: Timestamp, cx: &mut Context<'_>) -> Place {
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
        Place::Asks(number)
    }

    fn answer(&mut self, _at: Timestamp, cx: &mut Context<'_>) -> Place {
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
        let Some(number) = number else { return Place::Orphan(self.number()) };
        if let Some(at) = self.position(number) {
            self.queue[at].answered = true;
        }
        Place::Answers(number)
    }

    fn put(&mut self, number: u64, role: Role, held: Held, cx: &mut Context<'_>) {
        let Some(at) = self.position(number) else {
            // The exchange left while this half was still being read (a gap took its partner).
            let pairing = role.alone();
            self.leave_alone_why(number, pairing, held, Some(self.evidence.why), cx);
            return;
        };
        let exchange = &mut self.queue[at];
        match role {
            Role::Asks => exchange.request = Some(held),
            Role::Answers => exchange.response = Some(held),
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
    /// A question under an id begins. One that is open under the same id was answered unseen.
    fn ask_by_id(&mut self, id: u64, cx: &mut Context<'_>) -> Place {
        let number = self.number();
        let mut ids = self.ids.take().unwrap_or_default();
        let before = ids.take(id);
        let refused = ids.len() >= cx.limits.pending_max;
        if refused {
            cx.counts.budget_messages += 1;
        } else {
            ids.insert(id, Waiting::new(number));
        }
        self.ids = Some(ids);
        if let Some(lost) = before {
            self.leave_waiting(lost, Why::Gap, cx);
        }
        if refused { Place::Refused(number) } else { Place::AsksId(id, end_of(number)) }
    }

    fn put_question(&mut self, id: u64, end: u32, held: Held, cx: &mut Context<'_>) {
        let waiting = self.ids.as_mut().and_then(|ids| ids.get_mut(id));
        let Some(waiting) = waiting.filter(|waiting| end_of(waiting.number) == end) else {
            let number = self.number();
            let why = Some(self.evidence.why);
            return self.leave_alone_why(number, Pairing::Unanswered, held, why, cx);
        };
        let number = waiting.number;
        let Some(response) = waiting.response.take() else {
            waiting.request = Some(held);
            return;
        };
        let _ = self.ids.as_mut().and_then(|ids| ids.take(id));
        self.emit_by_id(number, held, response, cx);
    }

    fn put_answer(&mut self, id: u64, held: Held, cx: &mut Context<'_>) {
        let waiting = self.ids.as_mut().and_then(|ids| ids.get_mut(id));
        let Some(waiting) = waiting.filter(|waiting| waiting.response.is_none()) else {
            let number = self.number();
            return self.leave_alone(number, Pairing::Orphan, held, cx);
        };
        let number = waiting.number;
        let Some(request) = waiting.request.take() else {
            // The request is still being read.
            waiting.response = Some(held);
            return;
        };
        let _ = self.ids.as_mut().and_then(|ids| ids.take(id));
        self.emit_by_id(number, request, held, cx);
    }

    fn ask_by_datagram(&mut self, id: u64, held: Held, cx: &mut Context<'_>) {
        let mut ids = self.ids.take().unwrap_or_default();
        if let Some(first) = ids.get_mut(id).and_then(|waiting| waiting.request.as_mut()) {
            first.edit().repeats += 1;
            cx.counts.repeated_questions += 1;
            cx.pool.give(held, cx.budget);
            self.ids = Some(ids);
            return;
        }
        let number = self.number();
        if ids.len() >= cx.limits.pending_max {
            cx.counts.budget_messages += 1;
            self.leave_alone_why(number, Pairing::Unanswered, held, Some(Why::Budget), cx);
        } else {
            ids.insert(id, Waiting { request: Some(held), datagram: true, ..Waiting::new(number) });
        }
        self.ids = Some(ids);
    }

    fn answer_by_datagram(&mut self, id: u64, held: Held, cx: &mut Context<'_>) {
        let mut ids = self.ids.take().unwrap_or_default();
        let at = held.first.at;
        match ids.take(id) {
            Some(Waiting { number, request: Some(request), .. }) => {
                ids.remember(id, at);
                self.emit_by_id(number, request, held, cx);
            }
            _ if ids.answered_lately(id, at) => {
                cx.counts.repeated_answers += 1;
                cx.pool.give(held, cx.budget);
            }
            _ => {
                let number = self.number();
                self.leave_alone(number, Pairing::Orphan, held, cx);
            }
        }
        self.ids = Some(ids);
    }

    fn emit_by_id(&mut self, number: u64, request: Held, response: Held, cx: &mut Context<'_>) {
        let by = Some(PairedBy::Id);
        self.emit(number, Some(request), Some(response), Pairing::Matched, by, None, cx);
    }

    /// Halves that found nobody.
    fn leave_waiting(&mut self, waiting: Waiting, why: Why, cx: &mut Context<'_>) {
        let Waiting { number, request, response, .. } = waiting;
        if let Some(request) = request {
            self.leave_alone_why(number, Pairing::Unanswered, request, Some(why), cx);
        }
        if let Some(response) = response {
            let number = self.number();
            self.leave_alone_why(number, Pairing::Orphan, response, Some(why), cx);
        }
    }
}

// === impl Pairs: what leaves ===

impl Pairs {
    /// An exchange leaves: paired if both halves are there and known to belong together.
    fn leave(&mut self, exchange: Exchange, why: Why, cx: &mut Context<'_>) {
        let Exchange { number, request, response, standing, .. } = exchange;
        match (request, response) {
            (Some(request), Some(response)) if standing == Standing::Sure => {
                let by = self.paired_in_order();
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

    fn paired_in_order(&self) -> PairedBy {
        if self.evidence.resumed { PairedBy::Alternation } else { PairedBy::Order }
    }

    fn paired_by(&self, place: Place) -> PairedBy {
        match place {
            Place::Asks(_) | Place::Answers(_) => self.paired_in_order(),
            _ => PairedBy::Id,
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
        let answers = match pairing {
            Pairing::Orphan => true,
            Pairing::OneWay => held.from != self.asker,
            Pairing::Matched | Pairing::Unanswered => false,
        };
        let (request, response) = if answers { (None, Some(held)) } else { (Some(held), None) };
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
            asker: self.asker,
            request: request.as_deref(),
            response: response.as_deref(),
            pairing,
            paired_by,
            missing,
            goes_on: false,
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
    fn new(reversed: bool, place: Place) -> Self {
        let (kind, key, number) = match place {
            Place::Asks(number) => (Kind::Asks, number, 0),
            Place::Answers(number) => (Kind::Answers, number, 0),
            Place::AsksId(id, number) => (Kind::AsksId, id, number),
            Place::AnswersId(id) => (Kind::AnswersId, id, 0),
            Place::AsksDatagram(id) => (Kind::AsksDatagram, id, 0),
            Place::AnswersDatagram(id) => (Kind::AnswersDatagram, id, 0),
            Place::Alone(number) => (Kind::Alone, number, 0),
            Place::Orphan(number) => (Kind::Orphan, number, 0),
            Place::Refused(number) => (Kind::Refused, number, 0),
        };
        Self { key, number, kind, reversed }
    }

    fn place(self) -> Place {
        match self.kind {
            Kind::Asks => Place::Asks(self.key),
            Kind::Answers => Place::Answers(self.key),
            Kind::AsksId => Place::AsksId(self.key, self.number),
            Kind::AnswersId => Place::AnswersId(self.key),
            Kind::AsksDatagram => Place::AsksDatagram(self.key),
            Kind::AnswersDatagram => Place::AnswersDatagram(self.key),
            Kind::Alone => Place::Alone(self.key),
            Kind::Orphan => Place::Orphan(self.key),
            Kind::Refused => Place::Refused(self.key),
        }
    }

    /// Whether `self` is the answer to the question behind `other`.
    pub(crate) fn answers(self, other: Self) -> bool {
        let fits = matches!(
            (self.kind, other.kind),
            (Kind::Answers, Kind::Asks) | (Kind::AnswersId, Kind::AsksId)
        );
        fits && self.reversed == other.reversed && self.key == other.key
    }

    /// Whether it is a question, still being read, under `id`, that `side` would answer.
    pub(crate) fn asks_under(self, side: Side, id: u64) -> bool {
        let asked_by_other = self.reversed == (side == Side::Client);
        asked_by_other && self.kind == Kind::AsksId && self.key == id
    }
}

/// The end of a call's number: enough to tell two that have one id.
fn end_of(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

// === impl Role ===

impl Role {
    /// What a message in this role is without the other half.
    fn alone(self) -> Pairing {
        match self {
            Self::Asks => Pairing::Unanswered,
            Self::Answers => Pairing::Orphan,
        }
    }
}
