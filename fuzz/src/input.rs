//! Numbers and pieces from the front of a fuzzer's bytes.

/// The rest of an input. At its end numbers are 0 and pieces are short, so that no input is invalid.
#[derive(Clone, Copy, Debug)]
pub struct Input<'d>(pub &'d [u8]);

// === impl Input ===

impl<'d> Input<'d> {
    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// Two bytes, the high one first.
    pub fn short(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    /// At most `len` bytes.
    pub fn piece(&mut self, len: usize) -> &'d [u8] {
        let (piece, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        piece
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let piece = self.piece(N);
        array[..piece.len()].copy_from_slice(piece);
        array
    }
}
