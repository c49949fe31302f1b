//! What records are compressed with, undone.
//!
//! gzip, snappy (bare, or in the frames of snappy-java), lz4 frames and zstd
//! (<https://kafka.apache.org/documentation/#recordbatch>). All outputs are capped; input that was
//! cut gives what can be had of it.

use std::io::Read;

use content::Scratch;

/// Bytes unpacked of one batch at most.
const UNPACKED_MAX: usize = 256 << 10;
/// What the frames of snappy-java begin with.
const XERIAL: &[u8] = b"\x82SNAPPY\0";
/// Bytes of their head: the magic and two versions.
const XERIAL_HEAD: usize = 16;
/// Bytes that a byte of snappy can stand for at most: a copy of 64 bytes takes three.
const SNAPPY_RATIO: usize = 32;

/// What LZ4 frames begin with, and the bytes in front of their descriptor.
const LZ4_MAGIC: &[u8] = b"\x04\x22\x4d\x18";

/// How a batch is compressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Coding {
    /// It is not.
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// RFC 8878.
    Zstd,
    /// Nobody knows.
    Unknown,
}

// === impl Coding ===

impl Coding {
    /// As the lowest bits of a batch's attributes say.
    pub fn of(attributes: i16) -> Self {
        match attributes & 7 {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            _ => Self::Unknown,
        }
    }

    /// Its name, if there is one.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Snappy => Some("snappy"),
            Self::Lz4 => Some("lz4"),
            Self::Zstd => Some("zstd"),
            Self::Unknown => Some("unknown"),
        }
    }

    /// Undoes it; `whole` says that `bytes` is all there is.
    pub fn undo(self, bytes: &[u8], whole: bool) -> Option<Vec<u8>> {
        match self {
            Self::None | Self::Unknown => None,
            Self::Gzip => content(bytes, whole, "gzip"),
            Self::Zstd => content(bytes, whole, "zstd"),
            Self::Lz4 => lz4(bytes),
            Self::Snappy if bytes.starts_with(XERIAL) => xerial(bytes),
            Self::Snappy => snappy(bytes, UNPACKED_MAX),
        }
    }
}

fn content(bytes: &[u8], whole: bool, coding: &str) -> Option<Vec<u8>> {
    let mut scratch = Scratch::default();
    let decoded = content::decode(bytes, whole, Some(coding), UNPACKED_MAX, &mut scratch);
    let undone = matches!(decoded.form, content::Form::Decoded | content::Form::Partly(_));
    undone.then(|| decoded.bytes.to_vec())
}

fn lz4(bytes: &[u8]) -> Option<Vec<u8>> {
    let cap = u64::try_from(UNPACKED_MAX).ok()?;
    let (head, rest) = lz4_head(bytes).unwrap_or_default();
    let rest = if head.is_empty() { bytes } else { rest };
    let mut decoder = lz4_flex::frame::FrameDecoder::new(head.chain(rest)).take(cap);
    let (mut unpacked, mut piece) = (Vec::new(), [0; 4 << 10]);
    // Every turn gives at least one byte, and there are no more than the cap.
    while let Ok(len @ 1..) = decoder.read(&mut piece) {
        unpacked.extend_from_slice(piece.get(..len).unwrap_or_default());
    }
    (!unpacked.is_empty()).then_some(unpacked)
}

/// The head of a frame with its checksum put right, and what is behind it. In messages of formats 0
/// and 1, clients took the checksum of the magic number too (KAFKA-3160).
fn lz4_head(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let behind = bytes.strip_prefix(LZ4_MAGIC)?;
    let flags = behind.first()?;
    // Flags, block size, then the content's size and a dictionary's id where they are announced.
    let len = 2 + if flags & 8 != 0 { 8 } else { 0 } + if flags & 1 != 0 { 4 } else { 0 };
    let (descriptor, rest) = behind.split_at_checked(len)?;
    let (_, rest) = rest.split_first()?;
    Some(([LZ4_MAGIC, descriptor, &[lz4_checksum(descriptor)]].concat(), rest))
}

/// The second byte of the xxHash (32 bits, seed 0) of less than 16 bytes, as the frame format wants it.
fn lz4_checksum(bytes: &[u8]) -> u8 {
    const PRIMES: [u32; 5] = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1];
    let [one, two, three, four, five] = PRIMES;
    let mut hash = five.wrapping_add(u32::try_from(bytes.len()).unwrap_or(0));
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        hash = hash.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(three));
        hash = hash.rotate_left(17).wrapping_mul(four);
    }
    for byte in rest {
        hash = hash.wrapping_add(u32::from(*byte).wrapping_mul(five));
        hash = hash.rotate_left(11).wrapping_mul(one);
    }
    hash = (hash ^ hash >> 15).wrapping_mul(two);
    hash = (hash ^ hash >> 13).wrapping_mul(three);
    let [_, second, ..] = (hash ^ hash >> 16).to_le_bytes();
    second
}

/// One block; it can't be undone if it was cut.
fn snappy(block: &[u8], room: usize) -> Option<Vec<u8>> {
    let size = snap::raw::decompress_len(block).ok()?;
    if size > room || size > block.len().saturating_mul(SNAPPY_RATIO) {
        return None;
    }
    snap::raw::Decoder::new().decompress_vec(block).ok()
}

/// Blocks, each behind its size.
fn xerial(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bytes.get(XERIAL_HEAD..)?;
    let mut unpacked = Vec::new();
    // Every turn takes at least the size of a block.
    while let Some((size, tail)) = rest.split_first_chunk() {
        let size = usize::try_from(i32::from_be_bytes(*size)).ok();
        let Some((block, tail)) = size.and_then(|size| tail.split_at_checked(size)) else { break };
        let Some(piece) = snappy(block, UNPACKED_MAX.saturating_sub(unpacked.len())) else { break };
        unpacked.extend_from_slice(&piece);
        rest = tail;
    }
    (!unpacked.is_empty()).then_some(unpacked)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"one two three one two three one two three one two three";

    fn packed(coding: Coding) -> Vec<u8> {
        match coding {
            Coding::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(TEXT).unwrap();
                encoder.finish().unwrap()
            }
            _ => snap::raw::Encoder::new().compress_vec(TEXT).unwrap(),
        }
    }

    #[test]
    fn a_checksum_of_the_magic_number_too_is_taken_for_right() {
        let right = packed(Coding::Lz4);
        let at = right.len() - lz4_head(&right).unwrap().1.len() - 1;
        assert_eq!(
            right[at],
            lz4_checksum(&right[4..at]),
            "the checksum of another implementation"
        );
        let mut old = right.clone();
        old[at] = lz4_checksum(&right[..at]);
        assert_ne!(old, right);
        assert_eq!(Coding::Lz4.undo(&old, true).unwrap(), TEXT);
        for cut in 0..=at {
            assert_eq!(Coding::Lz4.undo(&old[..cut], false), None);
        }
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        for coding in [Coding::Lz4, Coding::Snappy] {
            assert_eq!(coding.undo(&packed(coding), true).unwrap(), TEXT, "{coding:?}");
        }
        let block = packed(Coding::Snappy);
        let mut framed = [XERIAL, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
        for _ in 0..2 {
            framed.extend(u32::try_from(block.len()).unwrap().to_be_bytes());
            framed.extend(&block);
        }
        assert_eq!(Coding::Snappy.undo(&framed, true).unwrap(), [TEXT, TEXT].concat());
        framed.truncate(framed.len() - 1);
        assert_eq!(Coding::Snappy.undo(&framed, false).unwrap(), TEXT);
    }

    #[test]
    fn a_size_that_lies_costs_nothing() {
        let huge = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
        assert_eq!(Coding::Snappy.undo(&huge, true), None);
        for coding in [Coding::Gzip, Coding::Snappy, Coding::Lz4, Coding::Zstd, Coding::Unknown] {
            assert_eq!(coding.undo(b"", true), None, "{coding:?}");
            assert_eq!(coding.undo(&[0x55; 40], true), None, "{coding:?}");
        }
    }

    #[test]
    fn a_bomb_is_cut() {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(&vec![0; 4 << 20]).unwrap();
        let bomb = encoder.finish().unwrap();
        assert_eq!(Coding::Lz4.undo(&bomb, true).unwrap().len(), UNPACKED_MAX);
    }
}
