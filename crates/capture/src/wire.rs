//! What both formats share: byte orders, limits, and how far a walk over a buffer came.

use crate::Damage;

/// The longest packet that is believed where the header's snap length doesn't ask for more.
pub(crate) const PACKET_BYTES_USUAL_MAX: u32 = 256 * 1024;

/// The longest packet, and the longest block that must be held whole, whatever the file says.
pub(crate) const PACKET_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// The byte order that a file or section was written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// Why a walk stopped.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    /// The next record is not there whole; it has this many bytes in total, or more.
    Need(usize),
    /// This many bytes are of no interest; they reach beyond the buffer.
    Skip(u64),
    /// Nothing after here can be read.
    Damaged(Damage),
}

// === impl Order ===

impl Order {
    /// Reads two bytes.
    pub(crate) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    /// Reads four bytes.
    #[inline]
    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// Reads eight bytes as a signed number.
    pub(crate) fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        }
    }

    /// Reads a row of four-byte numbers.
    #[inline]
    pub(crate) fn words<const N: usize, const W: usize>(self, bytes: &[u8; N]) -> [u32; W] {
        const { assert!(N == 4 * W) };
        let (words, _) = bytes.as_chunks::<4>();
        std::array::from_fn(|i| self.u32(words[i]))
    }
}
