//! The body of a frame as it was before compression, and what stands in front of it.
//!
//! In v3 and v4 frames are compressed one by one: LZ4 blocks behind their length in four bytes, big
//! endian; Snappy without framing (§5). From v5 on segments are, as LZ4 blocks without a length.

use super::{cursor::Cursor, frame};

/// Bytes that come out of one body, at most.
const UNPACKED_MAX: usize = 1 << 20;
/// LZ4 makes no more of one byte.
const LZ4_RATIO: usize = 255;

/// How a body was compressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Packing {
    /// As LZ4 does.
    Lz4,
    /// As Snappy does.
    Snappy,
}

/// What stands in front of a body.
#[derive(Clone, Debug, Default)]
pub struct Prelude<'b> {
    /// The id of a trace.
    pub trace: Option<&'b [u8]>,
    /// Warnings of the server.
    pub warnings: Vec<&'b [u8]>,
    /// Names of custom payload, and its bytes.
    pub custom: Vec<(&'b [u8], &'b [u8])>,
}

/// The body of a frame before it was compressed, and how it was; nothing if it can't be had.
///
/// What was agreed on in `STARTUP` is not needed: LZ4 begins with a length that must be right, and that
/// a body of Snappy does not begin with.
pub fn unpacked(body: &[u8]) -> Option<(Vec<u8>, Packing)> {
    lz4(body).map(|body| (body, Packing::Lz4)).or_else(|| Some((snappy(body)?, Packing::Snappy)))
}

/// Undoes LZ4 of a block that becomes `len` bytes.
pub fn lz4_block(block: &[u8], len: usize) -> Option<Vec<u8>> {
    if len > UNPACKED_MAX || len > block.len().saturating_mul(LZ4_RATIO) {
        return None;
    }
    let mut out = vec![0; len];
    let size = lz4_flex::block::decompress_into(block, &mut out).ok()?;
    (size == len).then_some(out)
}

fn lz4(body: &[u8]) -> Option<Vec<u8>> {
    let mut cursor = Cursor(body);
    let len = usize::try_from(cursor.int()?).ok()?;
    lz4_block(cursor.0, len)
}

fn snappy(body: &[u8]) -> Option<Vec<u8>> {
    let len = snap::raw::decompress_len(body).ok().filter(|len| *len <= UNPACKED_MAX)?;
    // Snappy makes no more than 64 bytes of 3.
    if len > body.len().saturating_mul(32) {
        return None;
    }
    snap::raw::Decoder::new().decompress_vec(body).ok()
}

// === impl Prelude ===

impl<'b> Prelude<'b> {
    /// Reads what `flags` say is there (§2.2: trace, then warnings, then custom payload).
    pub fn read(cursor: &mut Cursor<'b>, flags: u8, is_answer: bool) -> Option<Self> {
        let mut prelude = Self::default();
        if is_answer && flags & frame::TRACING != 0 {
            prelude.trace = Some(cursor.take(16)?);
        }
        if is_answer && flags & frame::WARNING != 0 {
            prelude.warnings = cursor.strings();
        }
        if flags & frame::CUSTOM != 0 {
            let count = cursor.short()?;
            for _ in 0..count {
                let (name, value) = (cursor.string()?, cursor.bytes()?);
                prelude.custom.push((name, value.unwrap_or_default()));
            }
        }
        Some(prelude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_undone_without_being_told_which() {
        let text = b"SELECT * FROM t SELECT * FROM t SELECT * FROM t";
        let len = u32::try_from(text.len()).unwrap().to_be_bytes();
        let lz4 = [&len[..], &lz4_flex::block::compress(text)].concat();
        let snappy = snap::raw::Encoder::new().compress_vec(text).unwrap();
        assert_eq!(unpacked(&lz4), Some((text.to_vec(), Packing::Lz4)));
        assert_eq!(unpacked(&snappy), Some((text.to_vec(), Packing::Snappy)));
        assert_eq!(unpacked(b"abc"), None);
    }

    #[test]
    fn a_claim_of_gigabytes_is_not_believed() {
        assert_eq!(unpacked(b"\x7f\xff\xff\xff\x00\x00"), None);
        assert_eq!(unpacked(b"\xff\xff\xff\xff\x07\x00"), None);
    }
}
