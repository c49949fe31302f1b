//! What one direction holds back: copies of the segments that came before their turn, and what it
//! waits for. Exists only while there is something; every byte of it is charged.
//!
//! ```text
//!   next         pieces: sorted, apart or touching, never overlapping       fin
//!    │  hole   ┌──────┬─────┐   hole   ┌──────┐
//! ───┼─────────┤      │     ├──────────┤      ├──────────────────────────────┤
//! ```

use std::collections::VecDeque;

use model::{Budget, Mark, Timestamp};

use crate::{
    Counts, HELD_BYTES_MAX, HELD_SEGMENTS_MAX, RETRANSMISSION_NS, WAIT_NS, WAIT_PACKETS,
    part::Part, seq::Seq,
};

/// What is held back of one direction.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pieces: VecDeque<Piece>,
    bytes: usize,
    /// The end of the direction, if it was seen before its turn.
    pub fin: Option<Fin>,
    /// What the bytes at `next` wait for.
    pub wait: Wait,
    /// Segments or acknowledgments that agree on a place far away.
    pub stray: Option<Stray>,
}

/// A run of bytes that came before its turn.
#[derive(Debug)]
pub(crate) struct Piece {
    seq: Seq,
    cut: u32,
    /// Up to where the other direction must have got before this may leave.
    pub gate: Option<Seq>,
    /// The packet that carried it.
    pub mark: Mark,
    bytes: Box<[u8]>,
}

/// A FIN that came before its turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fin {
    /// Its place: after the last byte.
    pub seq: Seq,
    /// Up to where the other direction must have got before.
    pub gate: Option<Seq>,
    /// The packet that carried it.
    pub mark: Mark,
}

/// What a hole at `next` waits for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Wait {
    /// There is no hole.
    #[default]
    Nothing,
    /// The receiver lacks the bytes too: they will be sent again.
    Retransmission {
        /// The packet that showed the hole.
        since: Mark,
        /// Where the hole begins.
        hole: Seq,
    },
    /// The receiver has the bytes: they come now, by reordering, or never.
    Reordered {
        /// The packet that acknowledged them.
        since: Mark,
        /// Up to where it did.
        upto: Seq,
        /// The packet that acknowledged most since then.
        last: Mark,
        /// Up to where it did.
        acked: Seq,
        /// Packets of the connection since then.
        packets: u8,
    },
}

/// Evidence that a direction went on somewhere else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stray {
    /// Where the last one was.
    pub at: Seq,
    /// How many agree.
    pub count: u8,
    /// Whether one of them was an acknowledgment.
    pub acked: bool,
}

/// Why something can't be held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Full {
    /// The direction holds as much as it may.
    Direction,
    /// The shard has no memory left.
    Shard,
}

// === impl Held ===

impl Held {
    /// What the structure itself is charged with.
    const OWN_BYTES: usize = size_of::<Self>();
    /// What a piece is charged with besides its bytes: itself, room to grow, the allocator's share.
    const PIECE_BYTES: usize = 2 * size_of::<Piece>() + 16;

    /// An empty one, if the shard has memory left.
    pub fn new(budget: &mut Budget) -> Option<Box<Self>> {
        budget.charge(Self::OWN_BYTES).then(Box::default)
    }

    /// Lets everything go. Returns how many pieces were still held.
    pub fn discard(mut self, budget: &mut Budget) -> u64 {
        let mut left = 0;
        while self.pop(budget).is_some() {
            left += 1;
        }
        budget.release(Self::OWN_BYTES);
        left
    }

    /// Whether there is no reason to keep it.
    pub fn is_idle(&self) -> bool {
        self.pieces.is_empty()
            && self.fin.is_none()
            && self.stray.is_none()
            && matches!(self.wait, Wait::Nothing)
    }

    /// Whether it is within limits.
    #[cfg(test)]
    pub fn fits(&self, pieces: usize, bytes: usize) -> bool {
        let sum = self.pieces.iter().map(|piece| piece.bytes.len()).sum::<usize>();
        sum == self.bytes && sum <= bytes && self.pieces.len() <= pieces
    }

    /// The first piece.
    pub fn front(&self) -> Option<&Piece> {
        self.pieces.front()
    }

    /// Takes the first piece out.
    pub fn pop(&mut self, budget: &mut Budget) -> Option<Piece> {
        let piece = self.pieces.pop_front()?;
        self.bytes -= piece.bytes.len();
        budget.release(piece.bytes.len() + Self::PIECE_BYTES);
        Some(piece)
    }

    /// Where the first hole ends: at the first piece or the FIN.
    pub fn first(&self) -> Option<Seq> {
        let piece = self.pieces.front().map(|piece| piece.seq);
        let fin = self.fin.map(|fin| fin.seq);
        match (piece, fin) {
            (Some(piece), Some(fin)) => Some(piece.first(fin)),
            (piece, fin) => piece.or(fin),
        }
    }

    /// The packet that showed the first hole.
    pub fn first_mark(&self) -> Option<Mark> {
        self.pieces.front().map(|piece| piece.mark).or(self.fin.map(|fin| fin.mark))
    }

    /// Counts what of `part` contradicts or repeats the first piece; hands back what is after it.
    pub fn after_front<'s>(&self, part: Part<'s>, counts: &mut Counts) -> Part<'s> {
        let Some(front) = self.pieces.front() else { return part };
        let (same, rest) = part.split_at(front.part().end());
        front.compare(&same, counts);
        rest
    }

    /// Copies what of `part` is not held yet; what is stays (first bytes win). Says whether there
    /// was anything, or hands back the rest that there is no room for.
    pub fn add<'s>(
        &mut self,
        part: Part<'s>,
        gate: Option<Seq>,
        mark: Mark,
        budget: &mut Budget,
        counts: &mut Counts,
    ) -> Result<bool, (Part<'s>, Full)> {
        let held_before = self.pieces.len();
        let mut index = self.index_of(part.seq);
        let mut rest = part;
        while !rest.is_empty() {
            let (next_seq, next_end) = match self.pieces.get(index) {
                Some(next) => (next.seq, next.part().end()),
                None => (rest.end(), rest.end()),
            };
            let (fill, over) = rest.split_at(next_seq);
            if !fill.is_empty() {
                self.insert(index, fill, gate, mark, budget).map_err(|full| (rest, full))?;
                index += 1;
            }
            let (same, after) = over.split_at(next_end);
            if let Some(next) = self.pieces.get(index) {
                next.compare(&same, counts);
            }
            rest = after;
            index += 1;
        }
        Ok(self.pieces.len() > held_before)
    }

    /// Brings the wait up to date after `next` moved.
    pub fn settle(&mut self, next: Seq) {
        self.wait = match self.wait {
            Wait::Reordered { upto, .. } if upto.ahead_of(next) > 0 => return,
            Wait::Reordered { last, acked, .. } if acked.ahead_of(next) > 0 => {
                Wait::Reordered { since: last, upto: acked, last, acked, packets: 0 }
            }
            Wait::Retransmission { hole, .. } if hole == next => return,
            _ => match (self.first(), self.first_mark()) {
                (Some(first), Some(since)) if first.ahead_of(next) > 0 => {
                    Wait::Retransmission { since, hole: next }
                }
                _ => Wait::Nothing,
            },
        };
    }

    /// The first piece that ends after `seq`.
    fn index_of(&self, seq: Seq) -> usize {
        match self.pieces.back() {
            Some(last) if last.part().end().ahead_of(seq) > 0 => {
                self.pieces.partition_point(|piece| piece.part().end().ahead_of(seq) <= 0)
            }
            _ => self.pieces.len(),
        }
    }

    /// Copies `fill`, which overlaps nothing.
    fn insert(
        &mut self,
        index: usize,
        fill: Part<'_>,
        gate: Option<Seq>,
        mark: Mark,
        budget: &mut Budget,
    ) -> Result<(), Full> {
        let bytes = self.bytes + fill.bytes.len();
        if self.pieces.len() == HELD_SEGMENTS_MAX || bytes > HELD_BYTES_MAX {
            return Err(Full::Direction);
        }
        if !budget.charge(fill.bytes.len() + Self::PIECE_BYTES) {
            return Err(Full::Shard);
        }
        self.bytes = bytes;
        let piece = Piece { seq: fill.seq, cut: fill.cut, gate, mark, bytes: fill.bytes.into() };
        self.pieces.insert(index, piece);
        Ok(())
    }
}

// === impl Piece ===

impl Piece {
    /// Its bytes with their place.
    pub fn part(&self) -> Part<'_> {
        Part { seq: self.seq, bytes: &self.bytes, cut: self.cut }
    }

    /// Counts `same`, which lies inside this piece and came later.
    fn compare(&self, same: &Part<'_>, counts: &mut Counts) {
        counts.retransmitted_bytes += u64::from(same.len());
        counts.conflicts += u64::from(self.part().contradicts(same));
    }
}

// === impl Wait ===

impl Wait {
    /// Up to where the receiver is known to have the bytes, if that is ahead of `next`.
    pub fn acked_after(&self, next: Seq) -> Option<Seq> {
        let Self::Reordered { upto, acked, .. } = self else { return None };
        [*upto, *acked].into_iter().find(|known| known.ahead_of(next) > 0)
    }

    /// The receiver has everything before `acked`.
    pub fn note_acked(&mut self, acked: Seq, now: Mark) {
        match self {
            Self::Reordered { last, acked: known, .. } if acked.ahead_of(*known) > 0 => {
                (*last, *known) = (now, acked);
            }
            Self::Reordered { .. } => {}
            _ => *self = Self::Reordered { since: now, upto: acked, last: now, acked, packets: 0 },
        }
    }

    /// The packet it began with.
    pub fn since(&self) -> Option<Mark> {
        match self {
            Self::Nothing => None,
            Self::Retransmission { since, .. } | Self::Reordered { since, .. } => Some(*since),
        }
    }

    /// When it ends.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self {
            Self::Nothing => None,
            Self::Retransmission { since, .. } => Some(since.at.after(RETRANSMISSION_NS)),
            Self::Reordered { since, .. } => Some(since.at.after(WAIT_NS)),
        }
    }

    /// Whether it has lasted long enough.
    pub fn is_over(&self, now: Timestamp) -> bool {
        match self {
            Self::Nothing => false,
            Self::Retransmission { since, .. } => now.since(since.at) >= RETRANSMISSION_NS,
            Self::Reordered { since, packets, .. } => {
                *packets >= WAIT_PACKETS || now.since(since.at) >= WAIT_NS
            }
        }
    }
}
