//! Payload with its place in the sequence space: the captured bytes, then those that were cut.
//!
//! ```text
//! seq                      end
//!  │ bytes (captured) │ cut │
//! ```

use crate::seq::Seq;

/// A run of consecutive bytes of one direction.
#[derive(Clone, Copy, Debug)]
pub struct Part<'s> {
    /// The place of the first byte.
    pub seq: Seq,
    /// What was captured.
    pub bytes: &'s [u8],
    /// How many more the segment had.
    pub cut: u32,
}

// === impl Part ===

impl<'s> Part<'s> {
    /// No more than this is one segment; what claims more is damaged.
    pub const LEN_MAX: usize = 1 << 24;

    /// The part of a segment; `None` if it claims more bytes than a segment can have.
    pub fn new(seq: Seq, bytes: &'s [u8], cut: u32) -> Option<Self> {
        let len = bytes.len().checked_add(cut as usize)?;
        (len <= Self::LEN_MAX).then_some(Self { seq, bytes, cut })
    }

    /// Bytes in all. Fits, as [`Part::new`] checked.
    pub fn len(&self) -> u32 {
        self.bytes.len() as u32 + self.cut
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place after the last byte.
    pub fn end(&self) -> Seq {
        self.seq.plus(self.len())
    }

    /// What is before `at`, and what is from there on.
    pub fn split_at(self, at: Seq) -> (Self, Self) {
        let head_len = at.ahead_of(self.seq).max(0).cast_unsigned().min(self.len());
        let (head, tail) = self.bytes.split_at(self.bytes.len().min(head_len as usize));
        let head_cut = head_len - head.len() as u32;
        (
            Self { seq: self.seq, bytes: head, cut: head_cut },
            Self { seq: self.seq.plus(head_len), bytes: tail, cut: self.cut - head_cut },
        )
    }

    /// Whether some byte that both captured is not the same.
    pub fn contradicts(&self, other: &Part<'_>) -> bool {
        let (_, mine) = self.split_at(other.seq);
        let (_, theirs) = other.split_at(self.seq);
        mine.bytes.iter().zip(theirs.bytes).any(|(a, b)| a != b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_part_splits_in_its_bytes_and_in_its_cut() {
        let part = Part::new(Seq(10), b"abcd", 4).unwrap();
        let (head, tail) = part.split_at(Seq(12));
        assert_eq!((head.bytes, head.cut, head.end()), (&b"ab"[..], 0, Seq(12)));
        assert_eq!((tail.bytes, tail.cut, tail.end()), (&b"cd"[..], 4, Seq(18)));
        let (head, tail) = part.split_at(Seq(15));
        assert_eq!((head.bytes, head.cut), (&b"abcd"[..], 1));
        assert_eq!((tail.bytes, tail.cut, tail.seq), (&b""[..], 3, Seq(15)));
        assert!(part.split_at(Seq(5)).0.is_empty());
        assert!(part.split_at(Seq(99)).1.is_empty());
    }

    #[test]
    fn only_bytes_that_both_have_contradict() {
        let part = Part::new(Seq(10), b"abcd", 0).unwrap();
        assert!(!part.contradicts(&Part::new(Seq(12), b"cdXX", 0).unwrap()));
        assert!(part.contradicts(&Part::new(Seq(8), b"XXab!", 0).unwrap()));
        assert!(!part.contradicts(&Part::new(Seq(8), b"XX", 8).unwrap()));
    }
}
