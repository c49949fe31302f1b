//! Heads of frames and of streams (RFC 9114 §6.2, §7.1).

use crate::{quic::wire::varint, tls::wire::Cursor};

/// Bytes of a head: two numbers.
pub(super) const HEAD_MAX: usize = 16;
/// What the other side may insert (RFC 9204 §5).
const MAX_TABLE_CAPACITY: u64 = 1;

/// What a frame is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Type {
    Data,
    Headers,
    Settings,
    PushPromise,
    GoAway,
    /// A stream of `WebTransport`: what follows is no frame (draft-ietf-webtrans-http3 §4.2).
    Foreign,
    /// One that says nothing here, or that nobody knows: it is passed over (§9).
    Other,
}

/// What a stream is that one side alone sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum OneWay {
    Control,
    Push,
    Encoder,
    /// One of `WebTransport` (draft-ietf-webtrans-http3 §4.1).
    Foreign,
    /// Acknowledgments of QPACK, or one that nobody knows.
    Other,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Head {
    pub(super) kind: Type,
    /// Bytes of the frame after its head.
    pub(super) len: u64,
    /// Bytes of the head itself.
    pub(super) size: usize,
}

/// Reads a frame's head off the front of `bytes`, and how long it is; nothing if it is not all there.
pub(super) fn head(bytes: &[u8]) -> Option<(Head, usize)> {
    let mut cursor = Cursor(bytes);
    let kind = match varint(&mut cursor)? {
        0x00 => Type::Data,
        0x01 => Type::Headers,
        0x04 => Type::Settings,
        0x05 => Type::PushPromise,
        0x07 => Type::GoAway,
        0x41 => Type::Foreign,
        _ => Type::Other,
    };
    let len = if kind == Type::Foreign { 0 } else { varint(&mut cursor)? };
    let size = bytes.len() - cursor.0.len();
    Some((Head { kind, len, size }, size))
}

/// Reads the type of a stream off the front of `bytes`; with a push, its number (§6.2.2).
pub(super) fn one_way(bytes: &[u8]) -> Option<(OneWay, u64, usize)> {
    let mut cursor = Cursor(bytes);
    let (kind, push) = match varint(&mut cursor)? {
        0x00 => (OneWay::Control, 0),
        0x01 => (OneWay::Push, varint(&mut cursor)?),
        0x02 => (OneWay::Encoder, 0),
        0x54 => (OneWay::Foreign, 0),
        _ => (OneWay::Other, 0),
    };
    Some((kind, push, bytes.len() - cursor.0.len()))
}

/// How much the sender of these SETTINGS keeps of what the other side inserts.
pub(super) fn table_capacity(settings: &[u8]) -> u64 {
    let mut cursor = Cursor(settings);
    let mut each = std::iter::from_fn(|| Some((varint(&mut cursor)?, varint(&mut cursor)?)));
    each.find(|(setting, _)| *setting == MAX_TABLE_CAPACITY).map_or(0, |(_, value)| value)
}

/// The number that a frame begins with, and what follows it.
pub(super) fn number(payload: &[u8]) -> Option<(u64, &[u8])> {
    let mut cursor = Cursor(payload);
    let number = varint(&mut cursor)?;
    Some((number, cursor.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_two_numbers() {
        assert_eq!(
            head(b"\x01\x41\x00rest"),
            Some((Head { kind: Type::Headers, len: 256, size: 3 }, 3))
        );
        assert_eq!(head(b"\x40\x21\x05"), Some((Head { kind: Type::Other, len: 5, size: 3 }, 3)));
        assert_eq!(head(b"\x00"), None);
        assert_eq!(one_way(b"\x01\x07x"), Some((OneWay::Push, 7, 2)));
        assert_eq!(one_way(b"\x03x"), Some((OneWay::Other, 0, 1)));
        assert_eq!(one_way(b"\x01"), None);
    }

    #[test]
    fn settings_come_in_any_order() {
        assert_eq!(table_capacity(b"\x06\x44\x00\x01\x50\x00\x07\x10"), 4_096);
        assert_eq!((table_capacity(b"\x06\x44\x00"), table_capacity(b"\x01")), (0, 0));
    }
}
