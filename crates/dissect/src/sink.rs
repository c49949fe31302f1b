//! Where a dissector puts the messages it found.

use model::{Lore, Mark, Message, Side, Timestamp, Why};

use crate::{
    Context, Limits, Opens, Pair, Role, Secrets,
    inner::What,
    pairs::{Pairs, Ticket},
    reader::{Lanes, Mask, Open},
};

/// What a dissector may do while it reads: begin a message, write it down, finish it, look at the
/// question that an answer belongs to.
pub struct Sink<'r, 'c> {
    pub(crate) from: Side,
    /// Where the first byte of the input was.
    pub(crate) first: Mark,
    /// Bytes of this datagram that were cut off.
    pub(crate) cut: u32,
    pub(crate) open: &'r mut Option<Open>,
    pub(crate) lanes: &'r mut Option<Box<Lanes>>,
    /// The other side's open message.
    pub(crate) opposite: &'r Option<Open>,
    pub(crate) opposite_lanes: &'r Option<Box<Lanes>>,
    pub(crate) finished: bool,
    pub(crate) refused: bool,
    pub(crate) abandoned: Option<Abandoned>,
    /// What the dissector holds itself, in KiB.
    pub(crate) held: &'r mut u16,
    pub(crate) pairs: &'r mut Pairs,
    pub(crate) cx: &'r mut Context<'c>,
}

/// An exchange that was broken off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abandoned {
    pub(crate) lane: u64,
    pub(crate) id: u64,
    pub(crate) why: Why,
}

// === impl Sink ===

impl Sink<'_, '_> {
    /// A message of the side that is being read begins with the first byte of `input`.
    ///
    /// Clients ask, servers answer; see [`begin_as`](Self::begin_as).
    pub fn begin(&mut self, pair: Pair) {
        self.begin_of(self.from, None, pair);
    }

    /// The same where the server asks or the client answers: a broker that delivers, a subscriber
    /// that acknowledges. Ids and order of these calls are apart from the usual ones.
    pub fn begin_as(&mut self, role: Role, pair: Pair) {
        self.begin_of(self.from, Some(role), pair);
    }

    /// The same for an answer to what this very side asked: who talks to itself sends both from one
    /// address, and nothing tells its sides apart.
    pub fn begin_own_answer(&mut self, pair: Pair) {
        self.begin_of(self.from.other(), Some(Role::Answers), pair);
    }

    fn begin_of(&mut self, side: Side, role: Option<Role>, pair: Pair) {
        debug_assert!(self.open.is_none(), "finish the message before the next begins");
        let Some(held) = self.cx.pool.take(self.from, self.first, self.cx.budget) else {
            self.cx.counts.budget_messages += 1;
            self.refused = true;
            return;
        };
        let ticket = self.pairs.begin(side, role, pair, self.first.at, self.cx);
        *self.open = Some(Open { held, ticket, frozen: false, shown: false });
    }

    /// Turns to another lane of this side: the message that is open there is the open one now, and
    /// the current one waits. For protocols that interleave messages on one stream. Lane 0 is the one
    /// before the first turn.
    pub fn turn_to(&mut self, lane: u64) {
        let lanes = self.lanes.get_or_insert_default();
        if lanes.current == lane {
            return;
        }
        let parked = self.open.take().map_or(Ok(()), |open| lanes.park(open, self.cx.budget));
        *self.open = lanes.take(lane, self.cx.budget);
        lanes.current = lane;
        if let Err(mut open) = parked {
            self.cx.counts.budget_messages += 1;
            open.lose(0, Why::Budget);
            self.pairs.complete(open.ticket, open.held, self.cx);
        }
    }

    /// The exchange whose messages are on `lane`, and which is pending under `id`, was broken off
    /// because of `why`: its open halves end after this call of `read`, incomplete.
    pub fn abandon(&mut self, lane: u64, id: u64, why: Why) {
        self.abandoned = Some(Abandoned { lane, id, why });
    }

    /// The body of the open message remembers when its bytes came
    /// ([`Body::moments`](model::Body::moments)).
    pub fn timed(&mut self) {
        if let Some(open) = self.open {
            open.held.edit().body.moments.get_or_insert_default();
        }
    }

    /// The open message is read with what the conversation has learned
    /// ([`Message::lore`](model::Message::lore)).
    pub fn attach(&mut self, lore: Lore) {
        if let Some(open) = self.open {
            open.held.edit().lore = lore;
        }
    }

    /// What earlier conversations with this server learned of it, on whatever connection.
    #[must_use]
    pub fn known(&self) -> &Lore {
        &self.cx.taught.known
    }

    /// What this conversation has learned of the server serves later ones, too; it takes `bytes` bytes. It
    /// replaces what was [`known`](Self::known).
    pub fn teach(&mut self, lore: Lore, bytes: usize) {
        self.cx.taught.news = Some((lore, bytes));
    }

    /// Datagrams to the server that have `name` at `at` are of this flow, wherever they come from.
    pub fn known_by(&mut self, at: usize, name: &[u8]) {
        self.cx.taught.names.push((at, name.into()));
    }

    /// Appends to the record of the open message.
    pub fn record(&mut self, bytes: &[u8]) {
        let Some(open) = self.open else { return };
        if !open.held.record(bytes, self.cx.budget) {
            self.cx.counts.budget_bytes += bytes.len() as u64;
            open.lose(bytes.len() as u64, model::Why::Budget);
        }
    }

    /// Rewrites `bytes` at `at` of the open message's record; what lies outside it is ignored. For
    /// facts that are only known at a message's end.
    pub fn amend(&mut self, at: usize, bytes: &[u8]) {
        let Some(open) = self.open else { return };
        let record = &mut open.held.edit().record;
        if let Some(place) = at.checked_add(bytes.len()).and_then(|end| record.get_mut(at..end)) {
            place.copy_from_slice(bytes);
        }
    }

    /// Rewrites bytes in the record of what this side asked under `id` and nobody answered yet, where
    /// all of it was read: for what is said of a question after its end.
    pub fn amend_asked(&mut self, id: u64, at: usize, bytes: &[u8]) {
        let Some(asked) = self.pairs.asked_by_id(self.from, id) else { return };
        let record = &mut asked.edit().record;
        if let Some(place) = at.checked_add(bytes.len()).and_then(|end| record.get_mut(at..end)) {
            place.copy_from_slice(bytes);
        }
    }

    /// What this side asked under `id`, if all of it was read and nobody has answered yet.
    #[must_use]
    pub fn asked_by_id(&self, id: u64) -> Option<&Message> {
        self.pairs.question_by_id(self.from.other(), id)
    }

    /// Part of a head was too large to be written down; it is counted.
    pub fn over_limit(&mut self) {
        self.cx.counts.heads_over_limit += 1;
    }

    /// The record of the open message so far.
    #[must_use]
    pub fn recorded(&self) -> &[u8] {
        self.open.as_ref().map_or(&[], |open| &open.held.record)
    }

    /// Appends payload to the body of the open message; for payload that is not announced by
    /// [`Step::Body`](crate::Step) or [`Step::Part`](crate::Step).
    pub fn body(&mut self, bytes: &[u8]) {
        let Some(open) = self.open else { return };
        open.body(bytes, bytes.len() as u64, self.first.at, self.cx);
    }

    /// `bytes` bytes of the body of the open message are not there, because of `why`. For payload that
    /// is not announced, and comes another way than from the front of the input.
    pub fn lose(&mut self, bytes: u64, why: Why) {
        let Some(open) = self.open else { return };
        open.lose_on_wire(bytes, why);
        open.held.edit().body.size += bytes;
    }

    /// The open message has `head` bytes, and `body` bytes of payload, that this call of `read` takes
    /// for somebody else, or that were taken earlier: those of a stream that is cut into pieces.
    pub fn book(&mut self, head: u64, body: u64) {
        let Some(open) = self.open else { return };
        let message = open.held.edit();
        message.wire_bytes += head + body;
        message.head_bytes += head;
        message.last = self.first;
    }

    /// The open message ends with the last byte that this call of `read` takes.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Whether a message of the side that is being read is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The request that the open response answers, or, before it is begun, that the next in-order
    /// response will answer; `None` where that is not known.
    #[must_use]
    pub fn question(&self) -> Option<&Message> {
        let Some(open) = self.open.as_ref() else {
            let (ticket, request) = self.pairs.next_question(self.from)?;
            return request.or_else(|| self.still_open(|asks| asks == ticket));
        };
        self.pairs
            .question(open.ticket)
            .or_else(|| self.still_open(|asks| open.ticket.answers(asks)))
    }

    /// The pending request under `id` that this side would answer.
    #[must_use]
    pub fn question_by_id(&self, id: u64) -> Option<&Message> {
        let from = self.from;
        self.pairs
            .question_by_id(from, id)
            .or_else(|| self.still_open(|asks| asks.asks_under(from, id)))
    }

    /// What the conversation after [`Step::Become`](crate::Step) is to know: the name under which
    /// its protocol is known ([`Dissection::names`](crate::Dissection)), where that came from the
    /// wire, and what was agreed on.
    pub fn bequeath(&mut self, name: &[u8], bytes: &[u8]) {
        name.clone_into(&mut self.cx.heritage.name);
        bytes.clone_into(&mut self.cx.heritage.bytes);
        self.cx.heritage.by = self.number();
    }

    /// The number of the call that the open message belongs to, where that is known.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        self.pairs.number_of(self.open.as_ref()?.ticket)
    }

    /// The dissector's own state (tables, windows) takes `bytes` bytes in all from now on; `false` if
    /// the budget refuses, and nothing changes then. Given back when the conversation ends. Not for
    /// what is a few hundred bytes.
    #[must_use]
    pub fn hold(&mut self, bytes: usize) -> bool {
        let Ok(wanted) = u16::try_from(bytes.div_ceil(1 << 10)) else { return false };
        let more = usize::from(wanted.saturating_sub(*self.held)) << 10;
        if !self.cx.budget.charge(more) {
            return false;
        }
        self.cx.budget.release(usize::from(self.held.saturating_sub(wanted)) << 10);
        *self.held = wanted;
        true
    }

    /// The payload that this step announces is XORed with `key`, over and over (RFC 6455 §5.3): it is
    /// kept without.
    pub fn masked(&mut self, key: [u8; 4]) {
        self.lanes.get_or_insert_default().mask = Mask::new(key);
    }

    /// `bytes` bytes are encrypted, and no secret opens them.
    pub fn sealed(&mut self, bytes: u64) {
        self.cx.counts.sealed_bytes += bytes;
    }

    /// `bytes` bytes are payload in a form that is the application's own, and are told in no call.
    pub fn passed_by(&mut self, bytes: u64) {
        self.cx.counts.passed_by_bytes += bytes;
    }

    /// By what this flow may be decrypted.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        self.cx.secrets
    }

    /// A byte stream inside this one begins. `channel` is the conversation's own number for it.
    pub fn inner_opens(&mut self, channel: u64, opens: Opens) {
        self.cx.inner.push(channel, self.from, self.first, What::Opens(Box::new(opens)));
    }

    /// Bytes of this side on a stream inside.
    pub fn inner(&mut self, channel: u64, bytes: &[u8]) {
        self.inner_with(channel, |all| all.extend_from_slice(bytes));
    }

    /// The same, written in place: `write` appends them to what it is given, and changes nothing
    /// before.
    pub fn inner_with(&mut self, channel: u64, write: impl FnOnce(&mut Vec<u8>)) {
        self.cx.inner.says(channel, self.from, self.first, write);
    }

    /// `len` bytes of this side on a stream inside were lost (at least one; an unknown number is 1).
    pub fn inner_gap(&mut self, channel: u64, len: u64, why: Why) {
        self.cx.inner.push(channel, self.from, self.first, What::Gap(len, why));
    }

    /// The payload that this step announces is what this side sends next on a stream inside. It is no
    /// body of the open message. With [`Step::Body`](crate::Step) the side ends there.
    pub fn inner_payload(&mut self, channel: u64) {
        self.lanes.get_or_insert_default().inside = Some(channel);
    }

    /// A stream inside was broken off: neither side sends more on it.
    pub fn inner_breaks(&mut self, channel: u64, why: Why) {
        for side in [self.from, self.from.other()] {
            self.cx.inner.push(channel, side, self.first, What::Ends(why));
        }
    }

    /// This side sends nothing more on a stream inside.
    pub fn inner_ends(&mut self, channel: u64, why: Why) {
        self.cx.inner.push(channel, self.from, self.first, What::Ends(why));
    }

    /// When the first byte of the input came.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.first.at
    }

    /// Bytes of this datagram that the snap length took; 0 for streams.
    #[must_use]
    pub fn cut(&self) -> u32 {
        self.cut
    }

    /// How much one flow may keep.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.cx.limits
    }

    /// The other side's message whose ticket is as wanted, if it is still being read. Looked for on
    /// its current lane and on this side's.
    fn still_open(&self, wanted: impl Fn(Ticket) -> bool) -> Option<&Message> {
        let lane = self.lanes.as_ref().map_or(0, |lanes| lanes.current);
        let parked = self.opposite_lanes.as_ref().and_then(|lanes| lanes.get(lane));
        let open = self.opposite.iter().chain(parked).find(|open| wanted(open.ticket))?;
        Some(&open.held)
    }
}
