//! Frames of the protocol, version 3: a type, a length that counts itself, a payload.
//!
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use dissect::Step;

/// Bytes before the payload.
pub const HEAD: usize = 5;
/// The longest payload; the server's own limit (`MaxAllocSize`) is this, too.
const PAYLOAD_MAX: u32 = 0x3fff_ffff;
/// The longest payload of what is short by nature (libpq: `VALID_LONG_MESSAGE_TYPE`).
const SHORT_MAX: u32 = 64 << 10;
/// The longest error, notice or description that is believed.
const MEDIUM_MAX: u32 = 512 << 10;

/// Code in place of a version: asks for TLS.
pub const SSL_REQUEST: u32 = 80_877_103;
/// Asks for encryption by GSSAPI.
pub const GSSENC_REQUEST: u32 = 80_877_104;
/// Asks to cancel what another connection does.
pub const CANCEL_REQUEST: u32 = 80_877_102;

/// A typed message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// Its type.
    pub kind: u8,
    /// Bytes of its payload.
    pub len: usize,
}

/// Why nothing can be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Halt {
    /// So many bytes are needed.
    Short(usize),
    /// It is no message.
    Bad,
}

/// What a client sends first, without a type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Opening {
    /// The version, or a code in its place.
    pub code: u32,
    /// Bytes of all of it.
    pub size: usize,
}

// === impl Halt ===

impl Halt {
    /// What to tell the engine.
    pub fn step(self) -> Step {
        match self {
            Self::Short(need) => Step::Need(need),
            Self::Bad => Step::Lost,
        }
    }
}

// === impl Head ===

impl Head {
    /// A message of the client.
    #[inline]
    pub fn of_client(input: &[u8]) -> Result<Self, Halt> {
        Self::read(input, client_lengths)
    }

    /// A message of the server.
    #[inline]
    pub fn of_server(input: &[u8]) -> Result<Self, Halt> {
        Self::read(input, server_lengths)
    }

    #[inline]
    fn read(input: &[u8], lengths: fn(u8) -> Option<(u32, u32)>) -> Result<Self, Halt> {
        let [kind, rest @ ..] = input else { return Err(Halt::Short(HEAD)) };
        let (least, most) = lengths(*kind).ok_or(Halt::Bad)?;
        let Some(len) = rest.first_chunk() else { return Err(Halt::Short(HEAD)) };
        let len = u32::from_be_bytes(*len).checked_sub(4).ok_or(Halt::Bad)?;
        if len < least || len > most {
            return Err(Halt::Bad);
        }
        Ok(Self { kind: *kind, len: len as usize })
    }

    /// Bytes of the whole message.
    pub fn size(self) -> usize {
        HEAD + self.len
    }

    /// The payload, as far as it is there.
    pub fn payload(self, input: &[u8]) -> &[u8] {
        let rest = input.get(HEAD..).unwrap_or_default();
        rest.get(..self.len).unwrap_or(rest)
    }
}

/// The shortest and the longest payload of each type that a client sends.
fn client_lengths(kind: u8) -> Option<(u32, u32)> {
    Some(match kind {
        b'Q' => (1, PAYLOAD_MAX),
        b'P' => (4, PAYLOAD_MAX),
        b'B' => (8, PAYLOAD_MAX),
        b'd' => (0, PAYLOAD_MAX),
        b'F' => (10, PAYLOAD_MAX),
        b'D' | b'C' => (2, SHORT_MAX),
        b'E' => (5, SHORT_MAX),
        b'f' => (1, SHORT_MAX),
        b'p' => (0, SHORT_MAX),
        b'H' | b'S' | b'c' | b'X' => (0, 0),
        _ => return None,
    })
}

/// The same for the server.
fn server_lengths(kind: u8) -> Option<(u32, u32)> {
    Some(match kind {
        b'D' => (2, PAYLOAD_MAX),
        b'd' => (0, PAYLOAD_MAX),
        b'V' => (4, PAYLOAD_MAX),
        b'T' => (2, MEDIUM_MAX),
        b'E' | b'N' => (1, MEDIUM_MAX),
        b'A' => (6, SHORT_MAX),
        b'C' | b'S' => (2, SHORT_MAX),
        b't' => (2, MEDIUM_MAX),
        b'R' => (4, SHORT_MAX),
        // Version 3.2 has keys of up to 256 bytes.
        b'K' => (8, 260),
        b'v' => (8, SHORT_MAX),
        b'G' | b'H' | b'W' => (3, SHORT_MAX),
        b'Z' => (1, 1),
        b'1' | b'2' | b'3' | b'n' | b'I' | b's' | b'c' => (0, 0),
        _ => return None,
    })
}

// === impl Opening ===

impl Opening {
    /// What a client sends first.
    pub fn read(input: &[u8]) -> Result<Self, Halt> {
        if input.first().is_some_and(|byte| *byte != 0) {
            return Err(Halt::Bad);
        }
        let (Some(size), Some(code)) = (long(input, 0), long(input, 4)) else {
            return Err(Halt::Short(8));
        };
        let ok = match code {
            SSL_REQUEST | GSSENC_REQUEST => size == 8,
            CANCEL_REQUEST => (13..=268).contains(&size),
            // The server's limit (MAX_STARTUP_PACKET_LENGTH) is 10,000.
            _ => code >> 16 == 3 && (9..=10_000 + 4).contains(&size),
        };
        if ok { Ok(Self { code, size: size as usize }) } else { Err(Halt::Bad) }
    }
}

// === pieces of payload ===

/// A 32-bit number at `at`.
pub fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// A 16-bit number at `at`.
pub fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// The text up to the zero byte, and what is behind it; all of it where there is none.
#[inline]
pub fn text(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(0, bytes) {
        Some(end) => (&bytes[..end], bytes.get(end + 1..).unwrap_or_default()),
        None => (bytes, &[]),
    }
}

/// A text that must end in a zero byte.
pub fn ended(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    memchr::memchr(0, bytes).map(|_| text(bytes))
}

/// Takes a 16-bit number off the front.
pub fn take_short(bytes: &mut &[u8]) -> Option<u16> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u16::from_be_bytes(*head))
}

/// Takes a 32-bit number off the front.
pub fn take_long(bytes: &mut &[u8]) -> Option<u32> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_be_bytes(*head))
}

/// The pairs of an error or a notice: a letter and a text.
pub fn parts(payload: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = payload;
    std::iter::from_fn(move || {
        let (letter, behind) = rest.split_first()?;
        if *letter == 0 {
            return None;
        }
        let value;
        (value, rest) = text(behind);
        Some((*letter, value))
    })
}

/// A column of a row description.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Column<'m> {
    /// Its name.
    pub name: &'m [u8],
    /// Its type's object id.
    pub oid: u32,
    /// Whether its values are binary.
    pub binary: bool,
}

/// The columns of a row description, as far as they are there.
pub fn columns(payload: &[u8]) -> impl Iterator<Item = Column<'_>> {
    let mut rest = payload.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (name, behind) = ended(rest)?;
        let oid = long(behind, 6)?;
        let binary = short(behind, 16)? == 1;
        rest = behind.get(18..).unwrap_or_default();
        Some(Column { name, oid, binary })
    })
}

/// The values of a row or the parameters of a bind, from behind their count; nothing for null, and
/// whether a value was cut.
pub fn values(bytes: &[u8]) -> impl Iterator<Item = Option<(&[u8], bool)>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let len = take_long(&mut rest)?;
        if len == u32::MAX {
            return Some(None);
        }
        let value = rest.get(..len as usize).unwrap_or(rest);
        rest = rest.get(len as usize..).unwrap_or_default();
        Some(Some((value, value.len() < len as usize)))
    })
}
