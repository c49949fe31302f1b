//! Which response answers which request: the one implementation that all protocols share.
//!
//! In order, a pair is made only while it is *known* what is outstanding. A flow joined late, or one
//! that lost bytes, is adrift: nothing is paired until question and answer have alternated for a
//! while with nothing else in sight, or the flow was silent, and not at all while it shows that it
//! pipelines. A missing half is honest, a guessed pair is not.

mod adrift;
mod by_id;
mod exchange;
mod in_order;
mod leave;
mod numbered;
mod queue;
mod ticket;

use model::{Message, Pairing, Protocol, Side, Timestamp, Why};

pub(crate) use self::ticket::Ticket;
use self::{
    adrift::{Evidence, Sign, Trust},
    by_id::ById,
    exchange::Standing,
    leave::missing,
    queue::Queue,
    ticket::Place,
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

/// How clients of a protocol take turns with their servers, where answers come in order.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Turns {
    /// They may ask before they were answered, and some do all the time.
    #[default]
    Free,
    /// They ask when they were answered; hardly any does otherwise, whatever the specification allows.
    Usual,
}

/// Who a message is in a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// It asks.
    Asks,
    /// It answers.
    Answers,
}

/// The calls of one conversation that are not finished.
#[derive(Debug)]
pub(crate) struct Pairs {
    protocol: &'static Protocol,
    /// The calls in which the other side asks; `None` in most protocols.
    reverse: Option<Box<Self>>,
    /// In-order exchanges, oldest first, by rising number.
    queue: Queue,
    ids: Option<Box<ById>>,
    last_number: u64,
    trust: Trust,
    evidence: Evidence,
}

// === impl Pairs ===

impl Pairs {
    pub(crate) fn new(protocol: &'static Protocol, turns: Turns) -> Self {
        Self {
            protocol,
            reverse: None,
            queue: Queue::default(),
            ids: None,
            last_number: 0,
            trust: Trust::Exact,
            evidence: Evidence::new(turns),
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
        self.evidence.set(Sign::Resumed, true);
        self.evidence.set(Sign::Strange, true);
        self.evidence.set(Sign::Gapped, why != Why::CaptureStart);
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
            Place::Alone(number) if open.from == pairs.evidence.asker => (number, Some(open), None),
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
            asker: pairs.evidence.asker,
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

    /// The number of the call behind `ticket`; `None` for an answer to what is not pending.
    pub(crate) fn number_of(&self, ticket: Ticket) -> Option<u64> {
        let pairs = if ticket.reversed { self.reverse.as_deref()? } else { self };
        match ticket.place() {
            Place::Asks(number)
            | Place::Answers(number)
            | Place::Alone(number)
            | Place::Orphan(number)
            | Place::Refused(number) => Some(number),
            Place::AsksId(id, _) | Place::AnswersId(id) => {
                Some(pairs.ids.as_ref()?.get(id)?.number)
            }
            // They are numbered when they are whole.
            Place::AsksDatagram(_) | Place::AnswersDatagram(_) => None,
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

    /// What `side` asked under `id` and nobody has answered, if all of it was read.
    pub(crate) fn asked_by_id(&mut self, side: Side, id: u64) -> Option<&mut Held> {
        let pairs = if side == Side::Server { self.reverse.as_deref_mut()? } else { self };
        pairs.ids.as_mut()?.get_mut(id)?.request.as_mut()
    }

    /// Bytes of `side` were lost that may have held whole messages.
    pub(crate) fn gap(&mut self, side: Side, why: Why, cx: &mut Context<'_>) {
        if side == self.evidence.asker {
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
        if side != self.evidence.asker
            && (self.trust != Trust::Adrift || self.unanswered().next().is_some())
        {
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
        if self.evidence.speaks_for_pairs(why) {
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
        let mut reverse = Self::new(self.protocol, self.evidence.turns());
        reverse.evidence.asker = self.evidence.asker.other();
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
