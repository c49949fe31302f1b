//! The head that all numbered messages share.
//!
//! ```text
//! | type 1 | code 1 | checksum 2 | identifier 2 | sequence 2 | …
//! ```

/// Bytes of it.
pub(super) const HEAD: usize = 8;

/// A head read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub what: What,
    pub asks: bool,
    pub code: u8,
    pub identifier: u16,
    pub sequence: u16,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum What {
    /// RFC 792, RFC 4443 §4.
    Echo,
    /// RFC 792.
    Timestamp,
    /// RFC 950.
    Mask,
}

// === impl Head ===

impl Head {
    /// `None` if it is none of those that have a number.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let &[kind, code, _, _, i0, i1, s0, s1] = bytes.first_chunk::<HEAD>()?;
        let (what, asks) = match kind {
            8 | 128 => (What::Echo, true),
            0 | 129 => (What::Echo, false),
            13 => (What::Timestamp, true),
            14 => (What::Timestamp, false),
            17 => (What::Mask, true),
            18 => (What::Mask, false),
            _ => return None,
        };
        let (identifier, sequence) = (u16::from_be_bytes([i0, i1]), u16::from_be_bytes([s0, s1]));
        Some(Self { what, asks, code, identifier, sequence })
    }
}
