//! Payload that is XORed with four bytes, over and over (RFC 6455 §5.3).

/// The key, turned so that its first byte is the next one's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mask([u8; 4]);

// === impl Mask ===

impl Mask {
    pub(crate) fn new(key: [u8; 4]) -> Self {
        Self(key)
    }

    /// Undoes it in the next bytes; the key stays where it is.
    pub(super) fn undo(self, bytes: &mut [u8]) {
        if self.0 == [0; 4] {
            return;
        }
        for (byte, key) in bytes.iter_mut().zip(self.0.iter().cycle()) {
            *byte ^= key;
        }
    }

    /// `bytes` more bytes are behind us.
    pub(super) fn advance(&mut self, bytes: u64) {
        self.0.rotate_left((bytes % 4) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_on_where_it_stopped() {
        let (mut mask, mut bytes) = (Mask::new([1, 2, 3, 4]), [0_u8; 7]);
        let (first, rest) = bytes.split_at_mut(3);
        mask.undo(first);
        mask.advance(3);
        mask.undo(rest);
        assert_eq!(bytes, [1, 2, 3, 4, 1, 2, 3]);
    }
}
