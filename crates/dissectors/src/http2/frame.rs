//! The header of a frame (RFC 9113 §4.1), and which of them are plausible.
//!
//! ```text
//!  0        3      4       5           9
//! ┌────────┬──────┬───────┬─┬─────────┐
//! │ length │ type │ flags │R│ stream  │ payload
//! └────────┴──────┴───────┴─┴─────────┘
//! ```

/// Bytes of the header.
pub(super) const HEADER_LEN: usize = 9;
/// What every receiver takes (§4.2).
pub(super) const PAYLOAD_MAX: usize = 16 << 10;

/// Set in DATA and HEADERS: the sender sends no more on this stream.
pub(super) const END_STREAM: u8 = 0x01;
/// Set in SETTINGS and PING: this is an answer.
pub(super) const ACK: u8 = 0x01;
/// Set in HEADERS, `PUSH_PROMISE` and CONTINUATION: the block ends here.
pub(super) const END_HEADERS: u8 = 0x04;
/// The payload ends with padding, and begins with its length.
pub(super) const PADDED: u8 = 0x08;
/// HEADERS begin with the stream's weight.
pub(super) const PRIORITY: u8 = 0x20;

const STREAM_MAX: u32 = 0x7fff_ffff;
const SETTING_LEN: usize = 6;

/// The types of frames (§6, RFC 7838, RFC 8336, RFC 9218).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Type {
    Data,
    Headers,
    Priority,
    RstStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    AltSvc,
    Origin,
    PriorityUpdate,
    /// To be ignored (§4.1).
    Unknown,
}

/// A frame's header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Frame {
    /// Bytes of the payload.
    pub(super) len: usize,
    pub(super) kind: Type,
    pub(super) flags: u8,
    /// 0 for the connection itself.
    pub(super) stream: u32,
    /// The bit that is to be 0 is.
    reserved_clear: bool,
}

// === impl Type ===

impl Type {
    fn of(byte: u8) -> Self {
        match byte {
            0x0 => Self::Data,
            0x1 => Self::Headers,
            0x2 => Self::Priority,
            0x3 => Self::RstStream,
            0x4 => Self::Settings,
            0x5 => Self::PushPromise,
            0x6 => Self::Ping,
            0x7 => Self::GoAway,
            0x8 => Self::WindowUpdate,
            0x9 => Self::Continuation,
            0xa => Self::AltSvc,
            0xc => Self::Origin,
            0x10 => Self::PriorityUpdate,
            _ => Self::Unknown,
        }
    }

    /// The flags that are defined for it.
    fn flags(self) -> u8 {
        match self {
            Self::Data => END_STREAM | PADDED,
            Self::Headers => END_STREAM | END_HEADERS | PADDED | PRIORITY,
            Self::Settings | Self::Ping => ACK,
            Self::PushPromise => END_HEADERS | PADDED,
            Self::Continuation => END_HEADERS,
            _ => 0,
        }
    }
}

// === impl Frame ===

impl Frame {
    /// The header at the front of `input`, whatever it says.
    #[inline]
    pub(super) fn of(input: &[u8]) -> Option<Self> {
        let header = input.first_chunk::<HEADER_LEN>()?;
        let [a, b, c, kind, flags, d, e, f, g] = *header;
        let word = u32::from_be_bytes([d, e, f, g]);
        Some(Self {
            len: usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c),
            kind: Type::of(kind),
            flags,
            stream: word & STREAM_MAX,
            reserved_clear: word <= STREAM_MAX,
        })
    }

    /// Bytes of header and payload.
    pub(super) fn whole(self) -> usize {
        HEADER_LEN + self.len
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whose bytes these are: a stream's where the frame is part of a message, else nobody's.
    pub(super) fn lane(self) -> u64 {
        match self.kind {
            Type::Data | Type::Headers | Type::PushPromise | Type::RstStream => self.stream.into(),
            _ => 0,
        }
    }

    /// Whether its length and its stream are legal for its type.
    pub(super) fn is_legal(self) -> bool {
        let (len, of_a_stream) = (self.len, self.stream != 0);
        match self.kind {
            Type::Data | Type::Headers | Type::PushPromise | Type::Continuation => {
                of_a_stream && (!self.has(PADDED) || len > 0 || self.kind == Type::Continuation)
            }
            Type::Priority => of_a_stream && len == 5,
            Type::RstStream => of_a_stream && len == 4,
            Type::Settings => {
                !of_a_stream && len.is_multiple_of(SETTING_LEN) && (!self.has(ACK) || len == 0)
            }
            Type::Ping => !of_a_stream && len == 8,
            Type::GoAway => !of_a_stream && len >= 8,
            Type::WindowUpdate => len == 4,
            Type::Origin => !of_a_stream,
            Type::PriorityUpdate => !of_a_stream && len >= 4,
            Type::AltSvc | Type::Unknown => true,
        }
    }

    /// Whether it looks like a frame to somebody who does not know that one is there.
    pub(super) fn is_plausible(self, payload_max: usize) -> bool {
        let empty = self.len == 0;
        let said = match self.kind {
            Type::Unknown => false,
            Type::Headers | Type::PushPromise | Type::Continuation => !empty,
            Type::Data => !empty || self.has(END_STREAM),
            _ => true,
        };
        said && self.is_legal()
            && self.len <= payload_max
            && self.reserved_clear
            && self.flags & !self.kind.flags() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &[u8; HEADER_LEN]) -> Frame {
        Frame::of(bytes).unwrap()
    }

    #[test]
    fn a_header_is_read() {
        let frame = frame(b"\x01\x02\x03\x01\x25\x80\x00\x00\x07");
        assert_eq!((frame.len, frame.kind, frame.stream), (0x0001_0203, Type::Headers, 7));
        assert!(frame.has(END_STREAM) && frame.has(PRIORITY) && !frame.has(PADDED));
        assert!(frame.is_legal() && !frame.is_plausible(PAYLOAD_MAX));
        assert_eq!(Frame::of(b"\0\0\0\0\0\0\0\0"), None);
    }

    #[test]
    fn each_type_has_its_lengths_and_streams() {
        let legal: [&[u8; 9]; 9] = [
            b"\0\0\x05\x00\x01\0\0\0\x01",
            b"\0\0\x00\x00\x01\0\0\0\x01",
            b"\0\0\x05\x02\x00\0\0\0\x01",
            b"\0\0\x04\x03\x00\0\0\0\x01",
            b"\0\0\x0c\x04\x00\0\0\0\x00",
            b"\0\0\x00\x04\x01\0\0\0\x00",
            b"\0\0\x08\x06\x01\0\0\0\x00",
            b"\0\0\x08\x07\x00\0\0\0\x00",
            b"\0\0\x04\x08\x00\0\0\0\x05",
        ];
        for bytes in legal {
            assert!(frame(bytes).is_plausible(PAYLOAD_MAX), "{}", bytes.escape_ascii());
        }
        let odd: [&[u8; 9]; 12] = [
            b"\0\0\x05\x00\x01\0\0\0\x00",
            b"\0\0\x05\x00\x10\0\0\0\x01",
            b"\0\0\x00\x00\x00\0\0\0\x01",
            b"\0\0\x00\x00\x08\0\0\0\x01",
            b"\0\0\x04\x02\x00\0\0\0\x01",
            b"\0\0\x05\x03\x00\0\0\0\x01",
            b"\0\0\x0b\x04\x00\0\0\0\x00",
            b"\0\0\x06\x04\x01\0\0\0\x00",
            b"\0\0\x08\x06\x00\0\0\0\x01",
            b"\0\0\x04\x08\x01\0\0\0\x05",
            b"\0\0\x05\x0b\x00\0\0\0\x01",
            b"\0\x41\x05\x00\x00\0\0\0\x01",
        ];
        for bytes in odd {
            assert!(!frame(bytes).is_plausible(PAYLOAD_MAX), "{}", bytes.escape_ascii());
        }
    }
}
