//! Where a dissector puts the messages it found.

use model::{Mark, Message, Side};

use crate::{Context, Limits, Pair, pairs::Pairs, reader::Open};

/// What a dissector may do while it reads: begin a message, write it down, finish it, look at the
/// question that an answer belongs to.
pub struct Sink<'r, 'c> {
    pub(crate) from: Side,
    /// Where the first byte of the input was.
    pub(crate) first: Mark,
    /// Bytes of this datagram that were cut off.
    pub(crate) cut: u32,
    pub(crate) open: &'r mut Option<Open>,
    /// The other side's open message.
    pub(crate) opposite: &'r Option<Open>,
    pub(crate) finished: bool,
    pub(crate) refused: bool,
    pub(crate) pairs: &'r mut Pairs,
    pub(crate) cx: &'r mut Context<'c>,
}

// === impl Sink ===

impl Sink<'_, '_> {
    /// A message of the side that is being read begins with the first byte of `input`.
    ///
    /// One that is still open is finished as it is.
    pub fn begin(&mut self, pair: Pair) {
        debug_assert!(self.open.is_none(), "finish the message before the next begins");
        let Some(held) = self.cx.pool.take(self.from, self.first, self.cx.budget) else {
            self.cx.counts.budget_messages += 1;
            self.refused = true;
            return;
        };
        let ticket = self.pairs.begin(self.from, pair, self.first.at, self.cx);
        *self.open = Some(Open { held, ticket, frozen: false });
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

    /// The record of the open message so far.
    #[must_use]
    pub fn recorded(&self) -> &[u8] {
        self.open.as_ref().map_or(&[], |open| &open.held.record)
    }

    /// Appends payload to the body of the open message; for payload that is not announced by
    /// [`Step::Body`](crate::Step) or [`Step::Part`](crate::Step).
    pub fn body(&mut self, bytes: &[u8]) {
        let Some(open) = self.open else { return };
        open.body(bytes, bytes.len() as u64, self.cx);
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
            let (number, request) = self.pairs.next_question()?;
            return request.or_else(|| self.still_open(number));
        };
        self.pairs.question(open.ticket).or_else(|| self.still_open(open.ticket.answers()?))
    }

    /// The pending request under `id`.
    #[must_use]
    pub fn question_by_id(&self, id: u64) -> Option<&Message> {
        self.pairs.question_by_id(id)
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

    /// The request with this number if it is still being read.
    fn still_open(&self, number: u64) -> Option<&Message> {
        let open = self.opposite.as_ref()?;
        (open.ticket.asks() == Some(number)).then_some(&*open.held)
    }
}
