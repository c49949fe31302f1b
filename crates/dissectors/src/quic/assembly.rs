//! The bytes of one direction of a stream, put in order.
//!
//! Pieces come in any order, again and overlapping (RFC 9000 §2.2). What was lost on the way is sent
//! again in other packets; so a hole is a loss only when it stays.

use std::collections::BTreeMap;

use model::Timestamp;

/// Pieces kept behind a hole.
const PIECES_MAX: usize = 512;
/// Bytes kept behind a hole.
const BYTES_MAX: usize = 512 << 10;
/// How long a hole may stay open. Senders probe after a few round trips (RFC 9002 §6.2).
const HOLE_NS_MAX: u64 = 3_000_000_000;
/// What a piece is charged beside its bytes.
const PIECE_COST: usize = 64;

/// What was put in order so far, and what waits behind a hole.
#[derive(Debug, Default)]
pub struct Assembly {
    /// Bytes that were handed out, or given up.
    next: u64,
    pieces: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
    /// Where it ends.
    end: Option<u64>,
    /// Since when bytes wait behind a hole.
    since: Timestamp,
}

/// What comes next of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next<'b> {
    /// These bytes; whether they are the last ones.
    Bytes(&'b [u8], bool),
    /// So many bytes that did not come.
    Lost(u64),
}

// === impl Assembly ===

impl Assembly {
    /// Takes a piece that comes at `now`, and hands out what is in order by it.
    pub fn add(
        &mut self,
        offset: u64,
        bytes: &[u8],
        is_last: bool,
        now: Timestamp,
        to: &mut impl FnMut(Next<'_>),
    ) {
        let end = offset.saturating_add(bytes.len() as u64);
        if is_last {
            self.end.get_or_insert(end);
        }
        let before = self.next;
        if end > self.next {
            if offset <= self.next {
                self.hand_out(offset, bytes, to);
            } else {
                self.keep(offset, bytes, now);
            }
        }
        self.drain(to);
        if self.next > before {
            // What waits now waits for another hole.
            self.since = now;
        }
        let is_late = !self.pieces.is_empty() && now.since(self.since) > HOLE_NS_MAX;
        if self.pieces.len() > PIECES_MAX || self.bytes > BYTES_MAX || is_late {
            self.give_up_hole(to);
        }
    }

    /// Gives up the first hole: nobody fills it any more.
    pub fn give_up_hole(&mut self, to: &mut impl FnMut(Next<'_>)) {
        let Some((first, _)) = self.pieces.first_key_value() else { return };
        let lost = first.saturating_sub(self.next);
        self.next = *first;
        if lost > 0 {
            to(Next::Lost(lost));
        }
        self.drain(to);
    }

    /// Gives up all holes.
    pub fn give_up(&mut self, to: &mut impl FnMut(Next<'_>)) {
        // Every turn takes a piece.
        while !self.pieces.is_empty() {
            self.give_up_hole(to);
        }
    }

    /// Whether its end was handed out.
    pub fn is_over(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }

    /// Since when something waits; nothing if nothing does.
    pub fn waits_since(&self) -> Option<Timestamp> {
        (!self.pieces.is_empty()).then_some(self.since)
    }

    /// Whether a hole is open for so long that nobody fills it.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.waits_since().is_some_and(|since| now.since(since) > HOLE_NS_MAX)
    }

    /// Bytes of memory for what waits.
    pub fn held(&self) -> usize {
        self.bytes + self.pieces.len() * PIECE_COST
    }

    fn keep(&mut self, offset: u64, bytes: &[u8], now: Timestamp) {
        if self.pieces.is_empty() {
            self.since = now;
        }
        let known = self.pieces.get(&offset).map_or(0, Vec::len);
        if known < bytes.len() {
            self.bytes += bytes.len() - known;
            self.pieces.insert(offset, bytes.to_vec());
        }
    }

    fn hand_out(&mut self, offset: u64, bytes: &[u8], to: &mut impl FnMut(Next<'_>)) {
        let known = usize::try_from(self.next - offset).unwrap_or(usize::MAX);
        let Some(new) = bytes.get(known..).filter(|new| !new.is_empty()) else { return };
        self.next = self.next.saturating_add(new.len() as u64);
        to(Next::Bytes(new, self.is_over()));
    }

    fn drain(&mut self, to: &mut impl FnMut(Next<'_>)) {
        while let Some(entry) = self.pieces.first_entry().filter(|entry| *entry.key() <= self.next)
        {
            let (offset, bytes) = entry.remove_entry();
            self.bytes -= bytes.len();
            self.hand_out(offset, &bytes, to);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1_000_000_000)
    }

    fn collect(all: &mut Vec<u8>) -> impl FnMut(Next<'_>) {
        |next| match next {
            Next::Bytes(bytes, _) => all.extend_from_slice(bytes),
            Next::Lost(len) => all.extend(std::iter::repeat_n(b'?', usize::try_from(len).unwrap())),
        }
    }

    #[test]
    fn a_hole_is_waited_for_and_then_lost() {
        let (mut assembly, mut all) = (Assembly::default(), Vec::new());
        assembly.add(0, b"ab", false, at(1), &mut collect(&mut all));
        assembly.add(4, b"ef", true, at(2), &mut collect(&mut all));
        assert_eq!((&all[..], assembly.is_over()), (&b"ab"[..], false));
        assembly.add(4, b"ef", true, at(4), &mut collect(&mut all));
        assert_eq!(all, b"ab");
        assembly.add(0, b"a", false, at(6), &mut collect(&mut all));
        assert_eq!((&all[..], assembly.is_over()), (&b"ab??ef"[..], true));
    }

    #[test]
    fn what_waits_is_bounded() {
        let (mut assembly, mut all) = (Assembly::default(), Vec::new());
        for n in 1..5_000 {
            assembly.add(n * 2, b"x", false, at(1), &mut collect(&mut all));
            assert!(assembly.held() < 200_000);
        }
        assembly.add(1 << 40, &vec![0; BYTES_MAX + 1], false, at(1), &mut |_| {});
        assert!(assembly.held() < 2 * BYTES_MAX);
    }

    #[test]
    fn the_highest_offsets_do_no_harm() {
        let mut assembly = Assembly::default();
        assembly.add(u64::MAX, b"ab", true, at(1), &mut |_| {});
        assembly.add(u64::MAX - 1, b"abc", true, at(9), &mut |_| {});
        assembly.give_up(&mut |_| {});
        assert_eq!(assembly.held(), 0);
    }

    proptest! {
        #[test]
        fn in_whatever_order_they_come_the_bytes_are_the_same(
            text in prop::collection::vec(any::<u8>(), 1..300),
            cuts in prop::collection::vec((0usize..300, 1usize..80), 1..60),
        ) {
            let (mut assembly, mut all) = (Assembly::default(), Vec::new());
            for (start, len) in cuts {
                let Some(rest) = text.get(start..) else { continue };
                let piece = rest.get(..len).unwrap_or(rest);
                assembly.add(start as u64, piece, false, at(1), &mut collect(&mut all));
                prop_assert!(text.starts_with(&all));
            }
            assembly.add(0, &text, true, at(1), &mut collect(&mut all));
            prop_assert_eq!(&all, &text);
            prop_assert!(assembly.is_over() && assembly.held() == 0);
        }
    }
}
