//! What OP_COMPRESSED holds, unpacked: all of it up to a limit, or only its first bytes. Bytes may be
//! missing at the end; what comes before them is unpacked all the same.

use std::cell::RefCell;

use content::Scratch;

/// Bytes needed of a zstd frame before its first block is known (RFC 8878 §3.1.1).
const ZSTD_HEAD_MAX: usize = 18 + 3;
/// Compressed bytes that give the first few hundred in the other forms.
const FRONT: usize = 512;

thread_local! {
    /// Decoders are large and slow to make; there is one set for each thread.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// `compressorId`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Packer {
    Noop,
    Snappy,
    Zlib,
    Zstd,
}

// === impl Packer ===

impl Packer {
    /// The one with this number.
    pub fn of(id: u8) -> Option<Self> {
        [Self::Noop, Self::Snappy, Self::Zlib, Self::Zstd].get(usize::from(id)).copied()
    }

    /// Its name in the handshake.
    pub fn name(self) -> &'static str {
        ["noop", "snappy", "zlib", "zstd"].get(self as usize).copied().unwrap_or_default()
    }

    /// How many bytes of `packed` are needed to unpack the first few hundred bytes.
    pub fn needed(self, packed: &[u8]) -> usize {
        match self {
            Self::Zstd => first_block_end(packed).unwrap_or(ZSTD_HEAD_MAX),
            _ => FRONT,
        }
    }

    /// Unpacks at most `limit` bytes of what is there.
    pub fn unpack(self, packed: &[u8], limit: usize) -> Vec<u8> {
        let coding = match self {
            Self::Noop => return packed.get(..limit).unwrap_or(packed).to_vec(),
            Self::Snappy => return snappy(packed, limit),
            Self::Zlib => "deflate",
            Self::Zstd => "zstd",
        };
        SCRATCH.with_borrow_mut(|scratch| {
            let decoded = content::decode(packed, false, Some(coding), limit, scratch);
            match decoded.form {
                content::Form::AsSent(_) => Vec::new(),
                _ => decoded.bytes.to_vec(),
            }
        })
    }

    /// Whether `packed` can be the start of `size` bytes.
    pub fn fits(self, packed: &[u8], size: u32) -> bool {
        match self {
            Self::Noop => true,
            Self::Snappy => varint(packed).is_none_or(|(length, _)| length == u64::from(size)),
            // RFC 1950 §2.2: method 8, a window of at most 32 KiB, a sum that divides by 31.
            Self::Zlib => match packed {
                [a, b, ..] => {
                    a & 0xf == 8 && a >> 4 < 8 && (u16::from(*a) << 8 | u16::from(*b)) % 31 == 0
                }
                _ => true,
            },
            Self::Zstd => packed.iter().zip([0x28, 0xb5, 0x2f, 0xfd]).all(|(a, b)| *a == b),
        }
    }
}

/// Where the first block of a zstd frame ends.
fn first_block_end(packed: &[u8]) -> Option<usize> {
    let descriptor = *packed.get(4)?;
    let single_segment = descriptor >> 5 & 1 == 1;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content = match descriptor >> 6 {
        0 => usize::from(single_segment),
        size => 1 << size,
    };
    let at = 5 + usize::from(!single_segment) + dictionary + content;
    let [a, b, c] = *packed.get(at..)?.first_chunk()?;
    let block = u32::from_le_bytes([a, b, c, 0]);
    // Type 1 repeats one byte.
    let size = if block >> 1 & 3 == 1 { 1 } else { block >> 3 };
    Some(at + 3 + usize::try_from(size).ok()?)
}

/// Snappy without frames (google/snappy, format_description.txt).
fn snappy(packed: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let Some((length, mut rest)) = varint(packed) else { return out };
    let limit = usize::try_from(length).unwrap_or(usize::MAX).min(limit);
    // Every turn takes at least one byte.
    while out.len() < limit {
        let Some(behind) = snappy_element(rest, limit, &mut out) else { break };
        rest = behind;
    }
    out
}

fn snappy_element<'b>(rest: &'b [u8], limit: usize, out: &mut Vec<u8>) -> Option<&'b [u8]> {
    let (tag, rest) = rest.split_first()?;
    let high = usize::from(tag >> 2);
    let (offset, length, rest) = match tag & 3 {
        0 => return snappy_literal(high, rest, limit, out),
        1 => {
            let (low, rest) = rest.split_first()?;
            (usize::from(tag >> 5) << 8 | usize::from(*low), (high & 7) + 4, rest)
        }
        2 => {
            let (offset, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_le_bytes(*offset)), high + 1, rest)
        }
        _ => {
            let (offset, rest) = rest.split_first_chunk()?;
            (usize::try_from(u32::from_le_bytes(*offset)).ok()?, high + 1, rest)
        }
    };
    let from = out.len().checked_sub(offset).filter(|_| offset > 0)?;
    // A copy may run into what it writes.
    for at in from..from + length.min(limit - out.len()) {
        let byte = *out.get(at)?;
        out.push(byte);
    }
    Some(rest)
}

fn snappy_literal<'b>(
    high: usize,
    rest: &'b [u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Option<&'b [u8]> {
    let more = high.saturating_sub(59);
    let (length, rest) = rest.split_at_checked(more)?;
    let length = match more {
        0 => high,
        _ => length.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
    };
    let (literal, rest) = rest.split_at_checked(length.saturating_add(1)).unwrap_or((rest, &[]));
    out.extend_from_slice(literal.get(..limit - out.len()).unwrap_or(literal));
    Some(rest)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Vec<u8>> {
        let word = prop::sample::select(vec!["insert", "documents", "a", "\0\0\0", "xyzzyxyzzy"]);
        prop::collection::vec(word, 0..400).prop_map(|words| words.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn snappy_is_what_its_encoder_packed(text in text(), cut in 0usize..2_000, limit in 0usize..2_000) {
            let packed = snap::raw::Encoder::new().compress_vec(&text).unwrap();
            prop_assert_eq!(&snappy(&packed, usize::MAX), &text);
            let part = snappy(packed.get(..cut).unwrap_or(&packed), limit);
            prop_assert!(part.len() <= limit && text.starts_with(&part));
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>, limit in 0usize..10_000) {
            for packer in [Packer::Noop, Packer::Snappy, Packer::Zlib, Packer::Zstd] {
                prop_assert!(packer.unpack(&bytes, limit).len() <= limit);
                let _ = (packer.needed(&bytes), packer.fits(&bytes, 9));
            }
        }
    }
}
