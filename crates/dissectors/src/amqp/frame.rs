//! Frames (AMQP 0-9-1 §4.2.3) and the protocol header before them (§4.2.2).
//!
//! ```text
//!  0      1         3        7            size+7
//! ┌──────┬─────────┬────────┬────────────┬──────┐
//! │ type │ channel │ size   │ payload …  │ 0xCE │
//! └──────┴─────────┴────────┴────────────┴──────┘
//! ```

/// Bytes before the payload.
pub const HEAD: usize = 7;
/// The octet behind the payload.
pub const END: u8 = 0xce;
/// Bytes of a protocol header.
pub const HELLO_LEN: usize = 8;
/// How every protocol header begins.
pub const HELLO: &[u8; 4] = b"AMQP";
/// Bytes of a payload that is read at once, at most: a method, or the header of a message.
pub const WHOLE_MAX: usize = 48 << 10;
/// Bytes of a payload, at most: far above what anybody agrees on.
pub const SIZE_MAX: u32 = 256 << 20;

/// The versions that are read: 0-9-1, 0-9, and 0-9 as Qpid says it.
const VERSIONS: [[u8; 4]; 3] = [[0, 0, 9, 1], [1, 1, 0, 9], [1, 1, 9, 1]];

/// What a frame holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Type {
    /// A method.
    Method,
    /// The size and the properties of a message.
    Header,
    /// A part of a message.
    Body,
    /// Nothing.
    Heartbeat,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Frame {
    /// What it holds.
    pub kind: Type,
    /// The channel it belongs to.
    pub channel: u16,
    /// Bytes of its payload.
    pub size: u32,
}

/// Why there is no frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Halt {
    /// So many bytes are needed.
    Short(usize),
    /// This is none.
    Bad,
}

/// Whether these are the first bytes of a protocol header that is read here; as far as they go.
pub fn is_hello(bytes: &[u8]) -> bool {
    VERSIONS.iter().any(|version| {
        let hello = HELLO.iter().chain(version);
        hello.zip(bytes).all(|(want, have)| want == have)
    })
}

// === impl Frame ===

impl Frame {
    /// The frame at the front.
    pub fn of(input: &[u8]) -> Result<Self, Halt> {
        let kind = input.first().and_then(|kind| Type::of(*kind)).ok_or(Halt::Bad)?;
        let Some([_, c0, c1, size @ ..]) = input.first_chunk::<HEAD>() else {
            return Err(Halt::Short(HEAD));
        };
        let frame =
            Self { kind, channel: u16::from_be_bytes([*c0, *c1]), size: u32::from_be_bytes(*size) };
        if frame.is_legal() { Ok(frame) } else { Err(Halt::Bad) }
    }

    /// Its payload, where it is all there and ends as it must.
    pub fn payload(self, input: &[u8]) -> Result<&[u8], Halt> {
        let len = usize::try_from(self.size).map_err(|_| Halt::Bad)?;
        let end = HEAD + len;
        match (input.get(HEAD..end), input.get(end)) {
            (Some(payload), Some(&END)) => Ok(payload),
            (_, Some(_)) => Err(Halt::Bad),
            _ => Err(Halt::Short(end + 1)),
        }
    }

    /// Bytes of the frame.
    pub fn whole(self) -> usize {
        usize::try_from(self.size).map_or(usize::MAX, |size| size.saturating_add(HEAD + 1))
    }

    fn is_legal(self) -> bool {
        let at_once = u32::try_from(WHOLE_MAX).unwrap_or(u32::MAX);
        match self.kind {
            Type::Method => (4..=at_once).contains(&self.size),
            // A class, a weight, a size, flags.
            Type::Header => (14..=at_once).contains(&self.size) && self.channel > 0,
            Type::Body => self.size <= SIZE_MAX && self.channel > 0,
            Type::Heartbeat => self.size == 0,
        }
    }
}

// === impl Type ===

impl Type {
    /// Heartbeats are 8 in §4.2.7's grammar.
    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Method,
            2 => Self::Header,
            3 => Self::Body,
            8 => Self::Heartbeat,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_ends_with_its_octet() {
        let whole = b"\x01\0\x01\0\0\0\x04\0\x14\0\x0b\xce";
        let frame = Frame::of(whole).unwrap();
        assert_eq!(frame, Frame { kind: Type::Method, channel: 1, size: 4 });
        assert_eq!(frame.payload(whole), Ok(&b"\0\x14\0\x0b"[..]));
        assert_eq!(frame.payload(&whole[..11]), Err(Halt::Short(12)));
        assert_eq!(frame.payload(b"\x01\0\x01\0\0\0\x04\0\x14\0\x0b\xcd"), Err(Halt::Bad));
    }

    #[test]
    fn odd_heads_are_no_frames() {
        for bytes in [
            &b"\x04\0\0\0\0\0\0"[..],
            b"\x08\0\0\0\0\0\x01",
            b"\x02\0\0\0\0\0\x0e",
            b"\x01\0\x01\0\0\0\x03",
            b"\x03\0\x01\xff\0\0\0",
            b"AMQP\0\0\x09",
        ] {
            assert_eq!(Frame::of(bytes), Err(Halt::Bad), "{}", bytes.escape_ascii());
        }
        assert_eq!(Frame::of(b"\x01\0"), Err(Halt::Short(7)));
    }

    #[test]
    fn only_its_versions_are_ours() {
        assert!(is_hello(b"AMQP\0\0\x09\x01") && is_hello(b"AM"));
        assert!(!is_hello(b"AMQP\0\x01\0\0") && !is_hello(b"AMQP\x03\x01\0\0"));
    }
}
