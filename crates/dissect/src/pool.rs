//! Messages on their way, charged to the budget, and used again so that the straight line never
//! asks the allocator.

use std::ops::Deref;

use model::{Body, Budget, Lore, Mark, Message, Moment, Moments, Side, Timestamp};

/// Spare messages kept at most.
const SPARE_MAX: usize = 64;
/// Buffers larger than this leave a spare message: a small request must not hold a large body's
/// buffer while it waits.
const SPARE_BYTES_MAX: usize = 4 << 10;
/// Moments of a body made room for first.
const MOMENTS_MIN: usize = 8;
/// Large body buffers kept at most.
const LARGE_MAX: usize = 4;

/// Spare messages and large buffers of a shard.
#[derive(Debug, Default)]
pub struct Pool {
    #[expect(
        clippy::vec_box,
        reason = "messages stay where they are when a list grows or is popped"
    )]
    spare: Vec<Box<Message>>,
    large: Vec<Vec<u8>>,
}

/// A message that somebody keeps; its bytes are charged to the budget until it is given back.
#[derive(Debug)]
pub(crate) struct Held {
    message: Box<Message>,
}

// === impl Pool ===

impl Pool {
    /// An empty message, or nothing if the budget is used up.
    pub(crate) fn take(&mut self, from: Side, first: Mark, budget: &mut Budget) -> Option<Held> {
        let message = match self.spare.pop() {
            Some(mut message) => {
                message.reset(from, first);
                message
            }
            None => Box::new(Message::new(from, first)),
        };
        budget.charge(cost(&message)).then_some(Held { message })
    }

    /// Takes a message back.
    pub(crate) fn give(&mut self, held: Held, budget: &mut Budget) {
        let Held { mut message } = held;
        budget.release(cost(&message));
        message.body.moments = None;
        message.lore = Lore::default();
        if message.body.kept.capacity() > SPARE_BYTES_MAX {
            let large = std::mem::take(&mut message.body.kept);
            if self.large.len() < LARGE_MAX {
                self.large.push(large);
            }
        }
        if self.spare.len() < SPARE_MAX && message.record.capacity() <= SPARE_BYTES_MAX {
            self.spare.push(message);
        }
    }

    /// An empty buffer for at least `bytes` bytes, and not much larger.
    fn buffer(&mut self, bytes: usize) -> Vec<u8> {
        let fits = |buffer: &Vec<u8>| {
            bytes <= buffer.capacity() && buffer.capacity() <= bytes.saturating_mul(2)
        };
        match self.large.iter().position(fits) {
            Some(at) => {
                let mut buffer = self.large.swap_remove(at);
                buffer.clear();
                buffer
            }
            None => Vec::with_capacity(bytes),
        }
    }
}

// === impl Held ===

impl Held {
    pub(crate) fn edit(&mut self) -> &mut Message {
        &mut self.message
    }

    /// Appends to the record; `false` if the budget is used up.
    pub(crate) fn record(&mut self, bytes: &[u8], budget: &mut Budget) -> bool {
        let record = &mut self.message.record;
        let need = record.len() + bytes.len();
        if need > record.capacity() {
            let want = need.max(2 * record.capacity()).max(128);
            let extra = want - record.capacity();
            if !budget.charge(extra) {
                return false;
            }
            record.reserve_exact(want - record.len());
        }
        record.extend_from_slice(bytes);
        true
    }

    /// Bytes of the body come at `at`; remembered where the protocol asked for it.
    pub(crate) fn moment(&mut self, at: Timestamp, budget: &mut Budget) {
        let Body { size, moments, .. } = &mut self.message.body;
        let Some(Moments(known)) = moments.as_deref_mut() else { return };
        if known.len() >= Body::MOMENTS_MAX || known.last().is_some_and(|last| last.at == at) {
            return;
        }
        if known.len() == known.capacity() {
            let more = known.capacity().max(MOMENTS_MIN);
            if !budget.charge(more * size_of::<Moment>()) {
                budget.release(known.capacity() * size_of::<Moment>());
                *moments = None;
                return;
            }
            known.reserve_exact(more);
        }
        known.push(Moment { offset: *size, at });
    }

    /// Makes room for `bytes` bytes of body; `false` if the budget is used up.
    pub(crate) fn expect_body(
        &mut self,
        bytes: usize,
        pool: &mut Pool,
        budget: &mut Budget,
    ) -> bool {
        let kept = &mut self.message.body.kept;
        if bytes <= kept.capacity() - kept.len() {
            return true;
        }
        let want = kept.len() + bytes;
        let mut grown =
            if want > SPARE_BYTES_MAX { pool.buffer(want) } else { Vec::with_capacity(want) };
        if !budget.charge(grown.capacity()) {
            return false;
        }
        grown.extend_from_slice(kept);
        budget.release(kept.capacity());
        *kept = grown;
        true
    }
}

/// What a message is charged: itself and its buffers, used or not.
fn cost(message: &Message) -> usize {
    let moments = message.body.moments.as_ref().map_or(0, |moments| moments.0.capacity());
    size_of::<Message>()
        + message.record.capacity()
        + message.body.kept.capacity()
        + moments * size_of::<Moment>()
}

impl Deref for Held {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_charged_is_released() {
        let (mut pool, mut budget) = (Pool::default(), Budget::new(1 << 20));
        for size in [10usize, 5_000, 64 << 10, 3] {
            let mut held = pool.take(Side::Client, Mark::default(), &mut budget).unwrap();
            assert!(held.record(&vec![1; size], &mut budget));
            assert!(held.expect_body(size, &mut pool, &mut budget));
            assert!(budget.used() >= 2 * size);
            pool.give(held, &mut budget);
            assert_eq!(budget.used(), 0, "after {size}");
        }
    }

    #[test]
    fn a_used_up_budget_refuses() {
        let (mut pool, mut budget) = (Pool::default(), Budget::new(1_000));
        let mut held = pool.take(Side::Client, Mark::default(), &mut budget).unwrap();
        assert!(!held.record(&[0; 2_000], &mut budget));
        assert!(!held.expect_body(2_000, &mut pool, &mut budget));
        pool.give(held, &mut budget);
        assert_eq!(budget.used(), 0);
    }
}
