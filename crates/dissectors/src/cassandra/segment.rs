//! Segments: what frames travel in from version 5 on, once `STARTUP` was answered.
//!
//! ```text
//!  plain:       17 bits length, 1 bit self-contained, 6 bits 0; CRC24 │ payload │ CRC32
//!  compressed:  17 bits length, 17 bits length before compression, 1 bit self-contained, 5 bits 0;
//!               CRC24 │ payload │ CRC32
//! ```
//!
//! All little-endian (`native_protocol_v5.spec` §2.1). A payload that would not shrink is sent as it is
//! and says 0 for its length before compression. Which of the two forms a segment has is told by its
//! CRC, so that it need not be known what was agreed on.

/// Bytes of a checksum over a payload.
pub const TRAILER: usize = 4;
/// Bytes of a plain segment's head.
pub const PLAIN: usize = 6;
/// Bytes of the other's.
pub const PACKED: usize = 8;

const CRC_INIT: u32 = 0x0087_5060;
const CRC_POLYNOMIAL: u32 = 0x0197_4f0b;
const LENGTH_BITS: u32 = 17;
const LENGTH_MASK: u64 = (1 << LENGTH_BITS) - 1;

/// A segment's head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Segment {
    /// Bytes of the head.
    pub head: usize,
    /// Bytes of payload, as sent.
    pub len: usize,
    /// Bytes of payload before compression, if it is compressed.
    pub unpacked: Option<usize>,
    /// Whether it holds whole frames.
    pub whole: bool,
}

// === impl Segment ===

impl Segment {
    /// The head at the front of `input`; how many bytes are needed if it may still be one.
    pub fn read(input: &[u8]) -> Result<Self, Option<usize>> {
        if let Some(bits) = checked::<3>(input) {
            return Ok(Self {
                head: PLAIN,
                len: part(bits, 0),
                unpacked: None,
                whole: bits >> LENGTH_BITS & 1 == 1,
            });
        }
        if let Some(bits) = checked::<5>(input) {
            let unpacked = part(bits, LENGTH_BITS);
            return Ok(Self {
                head: PACKED,
                len: part(bits, 0),
                unpacked: Some(unpacked).filter(|len| *len > 0),
                whole: bits >> (2 * LENGTH_BITS) & 1 == 1,
            });
        }
        Err((input.len() < PACKED).then_some(if input.len() < PLAIN { PLAIN } else { PACKED }))
    }

    /// Bytes of the whole.
    pub fn size(&self) -> usize {
        self.head + self.len + TRAILER
    }
}

/// The bits of a head of `LEN` bytes, if its checksum is right and the bits that are not used are 0.
fn checked<const LEN: usize>(input: &[u8]) -> Option<u64> {
    let (head, rest) = input.split_first_chunk::<LEN>()?;
    let [a, b, c, ..] = *rest else { return None };
    let used = if LEN == 3 { LENGTH_BITS + 1 } else { 2 * LENGTH_BITS + 1 };
    let bits = head.iter().rev().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    let right = || crc24(head) == u32::from_le_bytes([a, b, c, 0]);
    (bits >> used == 0 && right()).then_some(bits)
}

fn part(bits: u64, shift: u32) -> usize {
    usize::try_from(bits >> shift & LENGTH_MASK).unwrap_or(0)
}

/// The checksum of a head (§2.1, "CRC24").
fn crc24(bytes: &[u8]) -> u32 {
    bytes.iter().fold(CRC_INIT, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 16, |crc, _| {
            let crc = crc << 1;
            if crc & 0x0100_0000 == 0 { crc } else { crc ^ CRC_POLYNOMIAL }
        })
    }) & 0x00ff_ffff
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// The payload in a segment; the checksum over the payload is not looked at.
    pub fn plain(payload: &[u8], whole: bool) -> Vec<u8> {
        let bits = payload.len() | usize::from(whole) << 17;
        sealed(&(bits as u64).to_le_bytes()[..3], payload)
    }

    /// The same, compressed from `unpacked` bytes.
    pub fn packed(payload: &[u8], unpacked: usize) -> Vec<u8> {
        let bits = payload.len() as u64 | (unpacked as u64) << 17 | 1 << 34;
        sealed(&bits.to_le_bytes()[..5], payload)
    }

    fn sealed(head: &[u8], payload: &[u8]) -> Vec<u8> {
        [head, &crc24(head).to_le_bytes()[..3], payload, &[0; 4]].concat()
    }

    #[test]
    fn both_forms_are_told_apart() {
        let segment = Segment::read(&plain(b"abc", true)).unwrap();
        assert_eq!((segment.len, segment.unpacked, segment.whole), (3, None, true));
        let segment = Segment::read(&packed(b"abc", 70_000)).unwrap();
        assert_eq!((segment.len, segment.unpacked, segment.whole), (3, Some(70_000), true));
        assert_eq!(segment.size(), 15);
    }

    #[test]
    fn every_prefix_is_short_and_nonsense_is_none() {
        for whole in [plain(b"abc", false), packed(b"abc", 9)] {
            let head = whole.len() - 7;
            for cut in 0..head {
                let got = Segment::read(&whole[..cut]);
                assert!(matches!(got, Err(Some(n)) if n > cut && n <= 8), "{cut} {got:?}");
            }
        }
        assert_eq!(Segment::read(b"GET / HTTP"), Err(None));
    }
}
