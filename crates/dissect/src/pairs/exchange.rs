//! One in-order exchange while it is pending.

use crate::pool::Held;

/// A question and, perhaps, its answer.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) number: u64,
    /// `None` while the request is still being read.
    pub(super) request: Option<Held>,
    /// `None` until the response was read to its end.
    pub(super) response: Option<Held>,
    /// A response to it has begun.
    pub(super) answered: bool,
    pub(super) standing: Standing,
}

/// How much is known about which answer belongs to a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// Its answer is the next one in order.
    Sure,
    /// Joined adrift: its answer may be the next one, if alternation holds.
    Candidate,
    /// Its answer can't be told: it leaves alone as soon as it is read to its end.
    Unknown,
}

// === impl Exchange ===

impl Exchange {
    pub(super) fn new(number: u64, standing: Standing) -> Self {
        Self { number, request: None, response: None, answered: false, standing }
    }

    pub(super) fn complete(&self) -> bool {
        self.request.is_some() && self.response.is_some()
    }
}
