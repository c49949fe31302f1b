//! Messages of one side that are open beside the current one: the streams of HTTP/2, the channels of
//! AMQP.

use hashbrown::HashMap;
use model::{Budget, Timestamp, Why};

use super::{Mask, half::Open};

/// What a parked message is charged.
const COST: usize = size_of::<(u64, Open)>() + 8;

/// The lanes of one side. A side that never turns to another lane has none of this.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    /// The lane of the current message.
    pub(crate) current: u64,
    /// What the payload that is being read is XORed with.
    pub(crate) mask: Mask,
    /// The stream inside whose bytes the payload that is being read is.
    pub(crate) inside: Option<u64>,
    parked: HashMap<u64, Open>,
    /// When bytes were lost last that may have ended any of them.
    pub(super) doubtful_since: Option<Timestamp>,
}

// === impl Lanes ===

impl Lanes {
    /// Puts the current lane's message aside; gives it back if the budget is used up.
    pub(crate) fn park(&mut self, open: Open, budget: &mut Budget) -> Result<(), Open> {
        if !budget.charge(COST) {
            return Err(open);
        }
        self.parked.insert(self.current, open);
        Ok(())
    }

    /// Takes up the message of a lane.
    pub(crate) fn take(&mut self, lane: u64, budget: &mut Budget) -> Option<Open> {
        let open = self.parked.remove(&lane)?;
        budget.release(COST);
        Some(open)
    }

    /// The message of a lane that is not the current one.
    pub(crate) fn get(&self, lane: u64) -> Option<&Open> {
        self.parked.get(&lane)
    }

    /// The same, to change it.
    pub(super) fn get_mut(&mut self, lane: u64) -> Option<&mut Open> {
        self.parked.get_mut(&lane)
    }

    /// All messages put aside, with their lanes; in no order.
    pub(super) fn parked_mut(&mut self) -> impl Iterator<Item = (u64, &mut Open)> {
        self.parked.iter_mut().map(|(lane, open)| (*lane, open))
    }

    /// All messages put aside.
    pub(super) fn parked(&self) -> impl Iterator<Item = &Open> {
        self.parked.values()
    }

    /// The lanes of the messages for which `which` says so, in order.
    pub(super) fn select(&self, which: impl Fn(&Open) -> bool) -> Vec<u64> {
        let mut lanes: Vec<u64> =
            self.parked.iter().filter(|(_, open)| which(open)).map(|(lane, _)| *lane).collect();
        lanes.sort_unstable();
        lanes
    }

    /// Bytes were lost at `at` that may belong to any message: each goes on, and is known to lack
    /// something. How many.
    pub(super) fn doubt(&mut self, at: Timestamp, why: Why) -> u64 {
        self.doubtful_since = Some(at);
        self.parked.values_mut().for_each(|open| open.lose(0, why));
        self.parked.len() as u64
    }
}
