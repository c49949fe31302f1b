//! Who pings itself: both ends of the flow are one address.

use std::hash::{DefaultHasher, Hash, Hasher};

use model::{Side, Timestamp};

use super::wire::{Head, What};

/// How long a host takes to answer itself, at most.
const OWN_NS: u64 = 1_000_000;

/// What one side asked last, as long as the other one has said nothing.
#[derive(Debug, Default)]
pub(super) struct Own {
    last: Option<Asked>,
    /// Who spoke first.
    first: Option<Side>,
    /// The other side spoke, too: there are two.
    are_two: bool,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    what: What,
    sequence: u16,
    /// Of the data, which the answer repeats (RFC 792).
    hash: u64,
    at: Timestamp,
}

// === impl Own ===

impl Own {
    /// `from` asks.
    pub(super) fn asked(&mut self, from: Side, head: &Head, data: &[u8], at: Timestamp) {
        self.heard(from);
        let (what, sequence) = (head.what, head.sequence);
        self.last = Some(Asked { what, sequence, hash: hash(data), at });
    }

    /// Whether `from` answers what it asked itself: the same number and data at once after the question,
    /// on a flow where nobody else has ever spoken. Two hosts that ask each other the same in the same
    /// moment, only one of whom was captured, would look like it.
    pub(super) fn is_answer(
        &mut self,
        from: Side,
        head: &Head,
        data: &[u8],
        at: Timestamp,
    ) -> bool {
        self.heard(from);
        let asked = self.last.take().filter(|_| !self.are_two);
        asked.is_some_and(|asked| {
            head.what == What::Echo
                && (asked.what, asked.sequence) == (head.what, head.sequence)
                && at.since(asked.at) < OWN_NS
                && asked.hash == hash(data)
        })
    }

    fn heard(&mut self, from: Side) {
        self.are_two |= *self.first.get_or_insert(from) != from;
    }
}

fn hash(data: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    hasher.finish()
}
