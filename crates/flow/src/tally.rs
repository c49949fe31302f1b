//! What was seen of each protocol.

use model::Protocol;

use crate::unread::Ledger;

/// What was seen of each protocol, by its index in the list; the last one is for the unknown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) calls: Vec<[u64; 4]>,
    /// Calls of protocols that are spoken in others' messages.
    pub(crate) seen_through: Vec<(&'static Protocol, [u64; 4])>,
    pub(crate) flows: Vec<u64>,
    pub(crate) withdrawn: u64,
    pub(crate) unknown_bytes: u64,
    pub(crate) unread: Ledger,
}

// === impl Tally ===

impl Tally {
    pub(crate) fn spoken(&mut self, number: u8) -> &mut [u64; 4] {
        let at = usize::from(number);
        if self.calls.len() <= at {
            self.calls.resize(at + 1, [0; 4]);
        }
        &mut self.calls[at]
    }

    pub(crate) fn seen_as(&mut self, protocol: &'static Protocol) -> &mut [u64; 4] {
        let known = |(one, _): &(&'static Protocol, _)| std::ptr::eq(*one, protocol);
        let at = match self.seen_through.iter().position(known) {
            Some(at) => at,
            None => {
                self.seen_through.push((protocol, [0; 4]));
                self.seen_through.len() - 1
            }
        };
        &mut self.seen_through[at].1
    }
}

/// One more at `at`.
pub(crate) fn count(counts: &mut Vec<u64>, at: usize) {
    if counts.len() <= at {
        counts.resize(at + 1, 0);
    }
    counts[at] += 1;
}
