//! What leaves: pairs, and halves that say why they are alone.

use model::{Message, Missing, PairedBy, Pairing, Why};

use super::{
    Pairs,
    adrift::{Sign, Trust},
    exchange::{Exchange, Standing},
    ticket::Place,
};
use crate::{Context, Done, pool::Held};

// === impl Pairs: what leaves ===

impl Pairs {
    /// An exchange leaves: paired if both halves are there and known to belong together.
    pub(super) fn leave(&mut self, exchange: Exchange, why: Why, cx: &mut Context<'_>) {
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
        if self.evidence.has(Sign::Resumed) { PairedBy::Alternation } else { PairedBy::Order }
    }

    pub(super) fn paired_by(&self, place: Place) -> PairedBy {
        match place {
            Place::Asks(_) | Place::Answers(_) => self.paired_in_order(),
            _ => PairedBy::Id,
        }
    }

    pub(super) fn leave_alone(
        &mut self,
        number: u64,
        pairing: Pairing,
        held: Held,
        cx: &mut Context<'_>,
    ) {
        let known = self.trust == Trust::Exact || pairing == Pairing::OneWay;
        let why = if known { None } else { Some(self.evidence.why) };
        self.leave_alone_why(number, pairing, held, why, cx);
    }

    pub(super) fn leave_alone_why(
        &mut self,
        number: u64,
        pairing: Pairing,
        held: Held,
        why: Option<Why>,
        cx: &mut Context<'_>,
    ) {
        let answers = match pairing {
            Pairing::Orphan => true,
            Pairing::OneWay => held.from != self.evidence.asker,
            Pairing::Matched | Pairing::Unanswered => false,
        };
        let (request, response) = if answers { (None, Some(held)) } else { (Some(held), None) };
        self.emit(number, request, response, pairing, None, why, cx);
    }

    #[expect(clippy::too_many_arguments, reason = "the one place where everything comes together")]
    pub(super) fn emit(
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
            asker: self.evidence.asker,
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

pub(super) fn missing(
    request: Option<&Message>,
    response: Option<&Message>,
    why: Option<Why>,
) -> Option<Missing> {
    let of = |message: Option<&Message>| message.and_then(|m| m.missing);
    let why = why.or(of(request)).or(of(response))?;
    let bytes = |message: Option<&Message>| message.map_or(0, |m| m.missing_bytes);
    Some(Missing { why, request_bytes: bytes(request), response_bytes: bytes(response) })
}
