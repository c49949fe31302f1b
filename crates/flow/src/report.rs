//! What was read, said and lost, for people.

use dissect::Dissection;

use crate::{Unread, tally::Tally, unread};

/// The counts of all workers together.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Packets offered.
    pub packets: u64,
    /// Bytes of them on the wire.
    pub wire_bytes: u64,
    /// Flows met.
    pub flows: u64,
    /// By protocol: its name, flows, and calls matched, unanswered, orphaned, one-way.
    pub protocols: Vec<(&'static str, u64, [u64; 4])>,
    /// Flows that nobody recognised.
    pub unknown_flows: u64,
    /// Named counts: (name, words for people, value, whether something was lost).
    pub counts: Vec<(String, String, u64, bool)>,
    /// What could not be read, by server and reason: those with the most bytes first.
    pub unread: Vec<Unread>,
    /// Bytes of buffers in use at most.
    pub memory_peak: usize,
}

// === impl Report ===

impl Report {
    /// Adds what another worker counted of its own flows.
    pub fn add(&mut self, other: &Self) {
        self.flows += other.flows;
        self.unknown_flows += other.unknown_flows;
        self.memory_peak += other.memory_peak;
        for (name, flows, calls) in &other.protocols {
            let mine = match self.protocols.iter().position(|(known, ..)| known == name) {
                Some(at) => &mut self.protocols[at],
                None => {
                    self.protocols.push((name, 0, [0; 4]));
                    self.protocols.last_mut().expect("just pushed")
                }
            };
            mine.1 += flows;
            for (sum, more) in mine.2.iter_mut().zip(calls) {
                *sum += more;
            }
        }
        self.unread.extend_from_slice(&other.unread);
        unread::join(&mut self.unread);
        for (name, words, value, loss) in &other.counts {
            self.count(name, words, *value, *loss);
        }
    }

    /// Adds `value` to the count called `name`.
    pub fn count(&mut self, name: &str, words: &str, value: u64, loss: bool) {
        match self.counts.iter_mut().find(|(known, ..)| known == name) {
            Some(count) => count.2 += value,
            None => self.counts.push((name.into(), words.into(), value, loss)),
        }
    }

    /// Calls of all protocols and kinds.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.protocols.iter().map(|(_, _, calls)| calls.iter().sum::<u64>()).sum()
    }

    pub(crate) fn tally(&mut self, list: &[&'static Dissection], tally: &Tally) {
        for (number, dissection) in list.iter().enumerate() {
            let calls = tally.calls.get(number).copied().unwrap_or_default();
            let flows = tally.flows.get(number).copied().unwrap_or_default();
            if flows > 0 || calls.iter().any(|n| *n > 0) {
                let one = Self {
                    protocols: vec![(dissection.protocol.name, flows, calls)],
                    ..Self::default()
                };
                self.add(&one);
            }
        }
        for (protocol, calls) in &tally.seen_through {
            let one = Self { protocols: vec![(protocol.name, 0, *calls)], ..Self::default() };
            self.add(&one);
        }
        self.unknown_flows += tally.flows.get(list.len()).copied().unwrap_or_default();
        self.unread.extend(tally.unread.all());
        self.count(
            "withdrawn",
            "flows that turned out not to speak what they began like",
            tally.withdrawn,
            false,
        );
        self.count(
            "unknown_bytes",
            "bytes of flows in no known protocol",
            tally.unknown_bytes,
            false,
        );
    }
}
