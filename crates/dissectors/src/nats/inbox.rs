//! Which reply subjects were used, so that an answer is only taken for one where it must be.
//!
//! Most clients make a subject for each request: what comes there is its answer. Some (pulls of
//! JetStream) use one subject for many requests, and get many messages for each: then no one knows
//! which message is to which request.

/// Reply subjects remembered for one connection.
const REMEMBERED: usize = 32;

/// Reply subjects lately used, by hash.
#[derive(Debug, Default)]
pub struct Inboxes {
    used: [Use; REMEMBERED],
    next: usize,
}

/// One of them.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    hash: u64,
    /// A request waits for its answer there.
    open: bool,
    /// Requests and messages did not alternate.
    many: bool,
}

/// FNV-1a. Not keyed: whoever makes two subjects collide is found out when they are compared.
pub fn hash(subject: &[u8]) -> u64 {
    subject.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

// === impl Inboxes ===

impl Inboxes {
    /// A request names this subject for its answer: whether the next message there is sure to be it.
    pub fn asked(&mut self, hash: u64) -> bool {
        if let Some(used) = self.used.iter_mut().find(|used| used.hash == hash) {
            used.many |= used.open;
            used.open = true;
            return !used.many;
        }
        if let Some(place) = self.used.get_mut(self.next) {
            *place = Use { hash, open: true, many: false };
        }
        self.next = (self.next + 1) % REMEMBERED;
        true
    }

    /// Bytes were lost: they may have held requests for, or messages at, each of them.
    pub fn distrust(&mut self) {
        for used in &mut self.used {
            used.many = true;
        }
    }

    /// A message came there: whether it is sure to be the answer to the last request.
    pub fn heard(&mut self, hash: u64) -> bool {
        let Some(used) = self.used.iter_mut().find(|used| used.hash == hash) else { return true };
        used.many |= !used.open;
        used.open = false;
        !used.many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_of_its_own_is_sure() {
        let mut inboxes = Inboxes::default();
        assert!((1..100).all(|n| inboxes.asked(n) && inboxes.heard(n)));
        // Long ago: whoever compares subjects knows.
        assert!(inboxes.heard(1));
    }

    #[test]
    fn one_by_one_is_sure_and_many_are_not() {
        let mut inboxes = Inboxes::default();
        assert!(inboxes.asked(7) && inboxes.heard(7));
        assert!(inboxes.asked(7) && inboxes.heard(7));
        assert!(!inboxes.heard(7), "nobody asked");
        assert!(!inboxes.asked(7) && !inboxes.heard(7));
        assert!(inboxes.asked(8) && !inboxes.asked(8) && !inboxes.heard(8));
    }
}
