//! A fingerprint of the bytes delivered last, to tell a retransmission that says something else.

/// Enough of the last part delivered to tell whether a retransmission of it says the same.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Print {
    len: u32,
    hash: u32,
}

// === impl Print ===

impl Print {
    /// A hash of the length and the first, middle and last eight bytes.
    #[inline]
    pub fn of(bytes: &[u8]) -> Self {
        let len = bytes.len();
        let middle = bytes.get((len / 2).saturating_sub(4)..).and_then(|rest| rest.first_chunk());
        let words = match (bytes.first_chunk(), middle, bytes.last_chunk()) {
            (Some(first), Some(middle), Some(last)) => [*first, *middle, *last],
            _ => [short(bytes), [0; 8], [0; 8]],
        };
        let mix = words.into_iter().fold(len as u64, |sum, word| {
            (sum ^ u64::from_le_bytes(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_right(29)
        });
        Self { len: len as u32, hash: (mix ^ (mix >> 32)) as u32 }
    }

    /// Whether `bytes` are as many, and not the same as far as can be told.
    pub fn contradicts(&self, bytes: &[u8]) -> bool {
        self.len as usize == bytes.len() && self.hash != Self::of(bytes).hash
    }
}

/// Fewer than eight bytes, filled up with zeros.
fn short(bytes: &[u8]) -> [u8; 8] {
    let mut word = [0; 8];
    word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_other_bytes_contradict() {
        for len in [1, 7, 8, 9, 20, 1460] {
            let bytes = vec![7_u8; len];
            let print = Print::of(&bytes);
            assert!(!print.contradicts(&bytes) && !print.contradicts(&bytes[1..]));
            for at in [0, len / 2, len - 1] {
                let mut other = bytes.clone();
                other[at] ^= 1;
                assert!(print.contradicts(&other), "{at} of {len}");
            }
        }
    }
}
