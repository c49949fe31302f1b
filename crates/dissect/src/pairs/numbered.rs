//! Exchanges whose halves carry a number.

use model::{PairedBy, Pairing, Why};

use super::{
    Pairs,
    by_id::Waiting,
    ticket::{Place, end_of},
};
use crate::{Context, pool::Held};

// === impl Pairs: by id ===

impl Pairs {
    /// A question under an id begins. One that is open under the same id was answered unseen.
    pub(super) fn ask_by_id(&mut self, id: u64, cx: &mut Context<'_>) -> Place {
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

    pub(super) fn put_question(&mut self, id: u64, end: u32, held: Held, cx: &mut Context<'_>) {
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

    pub(super) fn put_answer(&mut self, id: u64, held: Held, cx: &mut Context<'_>) {
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

    pub(super) fn ask_by_datagram(&mut self, id: u64, held: Held, cx: &mut Context<'_>) {
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

    pub(super) fn answer_by_datagram(&mut self, id: u64, held: Held, cx: &mut Context<'_>) {
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
    pub(super) fn leave_waiting(&mut self, waiting: Waiting, why: Why, cx: &mut Context<'_>) {
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
