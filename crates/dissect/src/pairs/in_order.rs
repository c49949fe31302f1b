//! Exchanges whose halves belong together by their order.

use model::{Timestamp, Why};

use super::{
    Pairs, Role,
    adrift::{Sign, Trust},
    exchange::{Exchange, Standing},
    ticket::Place,
};
use crate::{Context, pool::Held};

// === impl Pairs: in order ===

impl Pairs {
    pub(super) fn ask(&mut self, at: Timestamp, cx: &mut Context<'_>) -> Place {
        if self.queue.len() >= cx.limits.pending_max {
            cx.counts.budget_messages += 1;
            self.lost_answers(Why::Budget, cx);
        }
        let outstanding = self.queue.iter().any(|e| e.response.is_none());
        let standing = match self.trust {
            Trust::Exact => {
                if outstanding {
                    self.evidence.set(Sign::Pipelines, true);
                }
                Standing::Sure
            }
            Trust::Until(_) if outstanding => {
                self.evidence.set(Sign::Pipelines, true);
                Standing::Unknown
            }
            Trust::Until(_) | Trust::Adrift => self.ask_adrift(at, outstanding, cx),
        };
        let number = self.number();
        self.queue.push_back(Exchange::new(number, standing));
        Place::Asks(number)
    }

    pub(super) fn answer(&mut self, at: Timestamp, cx: &mut Context<'_>) -> Place {
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
            Trust::Adrift => self.answer_adrift(at, cx),
            _ => sure,
        };
        let Some(number) = number else { return Place::Orphan(self.number()) };
        if let Some(at) = self.position(number) {
            self.queue[at].answered = true;
        }
        Place::Answers(number)
    }

    pub(super) fn put(&mut self, number: u64, role: Role, held: Held, cx: &mut Context<'_>) {
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

    pub(super) fn lost_questions(&mut self, why: Why, cx: &mut Context<'_>) {
        self.evidence.set(Sign::Resumed, true);
        self.evidence.set(Sign::Gapped, true);
        self.evidence.set(Sign::Owed, true);
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

    pub(super) fn lost_answers(&mut self, why: Why, cx: &mut Context<'_>) {
        self.evidence.set(Sign::Resumed, true);
        self.evidence.set(Sign::Owed, false);
        self.evidence.set(Sign::Gapped, true);
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

    pub(super) fn unanswered(&self) -> impl Iterator<Item = &Exchange> {
        self.queue.iter().filter(|e| !e.answered && e.standing != Standing::Unknown)
    }

    /// Index of the exchange with this number; numbers rise along the queue.
    pub(super) fn position(&self, number: u64) -> Option<usize> {
        match self.queue.front() {
            Some(front) if front.number == number => Some(0),
            _ => self.queue.binary_search_by_key(&number, |e| e.number).ok(),
        }
    }

    pub(super) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}
