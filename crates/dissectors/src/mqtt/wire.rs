//! The fixed header of a packet (MQTT 5 §2.1) and the types of data (§1.5).

use dissect::Step;
use model::Side;

/// Bytes of a remaining length at most (§1.5.5).
const LENGTH_MAX: usize = 4;

/// The type of a packet (§2.1.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Kind {
    /// A client wants a connection.
    Connect = 1,
    /// It has one, or not.
    Connack,
    /// A message.
    Publish,
    /// `QoS` 1: it came.
    Puback,
    /// `QoS` 2: it came.
    Pubrec,
    /// `QoS` 2: its id is free.
    Pubrel,
    /// `QoS` 2: done.
    Pubcomp,
    /// What a client wants to hear.
    Subscribe,
    /// What it is granted.
    Suback,
    /// What a client does not want to hear any more.
    Unsubscribe,
    /// Taken note of.
    Unsuback,
    /// Is anybody there?
    Pingreq,
    /// Yes.
    Pingresp,
    /// The end.
    Disconnect,
    /// A turn of an extended authentication (MQTT 5 only).
    Auth,
}

/// A fixed header.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The type.
    pub kind: Kind,
    /// The low half of the first byte.
    pub flags: u8,
    /// Bytes of the fixed header.
    pub head: usize,
    /// Bytes behind it.
    pub len: usize,
}

/// Why something can't be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Halt {
    /// There are not as many bytes.
    Short(usize),
    /// It is not as it should be.
    Bad,
}

/// Walks over the bytes of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'b>(pub &'b [u8]);

// === impl Kind ===

impl Kind {
    /// All of them, in the order of their numbers.
    const ALL: [Self; 15] = [
        Self::Connect,
        Self::Connack,
        Self::Publish,
        Self::Puback,
        Self::Pubrec,
        Self::Pubrel,
        Self::Pubcomp,
        Self::Subscribe,
        Self::Suback,
        Self::Unsubscribe,
        Self::Unsuback,
        Self::Pingreq,
        Self::Pingresp,
        Self::Disconnect,
        Self::Auth,
    ];

    /// The type in the high half of a first byte; none is reserved but 0.
    #[inline]
    pub fn of(first: u8) -> Option<Self> {
        Self::ALL.get(usize::from(first >> 4).checked_sub(1)?).copied()
    }

    /// Its name in the specification.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Connack => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::Puback => "PUBACK",
            Self::Pubrec => "PUBREC",
            Self::Pubrel => "PUBREL",
            Self::Pubcomp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::Suback => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::Unsuback => "UNSUBACK",
            Self::Pingreq => "PINGREQ",
            Self::Pingresp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }

    /// The only side that sends it, if there is only one. A DISCONNECT of the server and AUTH are of
    /// MQTT 5.
    #[inline]
    pub fn sender(self) -> Option<Side> {
        match self {
            Self::Connect | Self::Subscribe | Self::Unsubscribe | Self::Pingreq => {
                Some(Side::Client)
            }
            Self::Connack | Self::Suback | Self::Unsuback | Self::Pingresp => Some(Side::Server),
            _ => None,
        }
    }

    /// Whether `flags` may stand beside it (§2.1.3). MQTT 3.1 (§2.1) marks what is sent again: `dup`.
    #[inline]
    pub fn takes(self, flags: u8, dup: bool) -> bool {
        match self {
            Self::Publish => flags & 0b0110 != 0b0110,
            Self::Pubrel | Self::Subscribe | Self::Unsubscribe => {
                flags == 0b0010 || dup && flags == 0b1010
            }
            _ => flags == 0,
        }
    }
}

// === impl Frame ===

impl Frame {
    /// Reads the fixed header at the front of `input`.
    #[inline]
    pub fn read(input: &[u8]) -> Result<Self, Halt> {
        let (first, rest) = input.split_first().ok_or(Halt::Short(1))?;
        let kind = Kind::of(*first).ok_or(Halt::Bad)?;
        let (len, size) = variable(rest)?.ok_or(Halt::Short(input.len() + 1))?;
        Ok(Self { kind, flags: first & 0x0f, head: 1 + size, len })
    }

    /// The first byte again.
    #[inline]
    pub fn first(self) -> u8 {
        (self.kind as u8) << 4 | self.flags
    }

    /// The quality of service of a PUBLISH.
    #[inline]
    pub fn qos(self) -> u8 {
        self.flags >> 1 & 3
    }

    /// Whether it is marked as sent again.
    #[inline]
    pub fn is_dup(self) -> bool {
        self.flags & 8 != 0
    }
}

/// A variable byte integer and its size; nothing if bytes are missing. More than four bytes, or more
/// than it takes, are an error (§1.5.5).
#[inline]
fn variable(input: &[u8]) -> Result<Option<(usize, usize)>, Halt> {
    let mut value = 0;
    for (at, byte) in input.iter().take(LENGTH_MAX).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let wasteful = at > 0 && *byte == 0;
            return if wasteful { Err(Halt::Bad) } else { Ok(Some((value, at + 1))) };
        }
    }
    if input.len() < LENGTH_MAX { Ok(None) } else { Err(Halt::Bad) }
}

// === impl Halt ===

impl Halt {
    /// What the engine is told.
    pub fn step(self) -> Step {
        match self {
            Self::Short(need) => Step::Need(need),
            Self::Bad => Step::Lost,
        }
    }
}

// === impl Cursor ===

impl<'b> Cursor<'b> {
    /// Whether all was read.
    pub fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes `len` bytes.
    #[inline]
    pub fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// A byte.
    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// A two byte integer (§1.5.2).
    #[inline]
    pub fn two(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().copied().map(u16::from_be_bytes)
    }

    /// A four byte integer (§1.5.3).
    pub fn four(&mut self) -> Option<u32> {
        self.take(4)?.first_chunk().copied().map(u32::from_be_bytes)
    }

    /// A variable byte integer (§1.5.5).
    pub fn variable(&mut self) -> Option<usize> {
        let (value, size) = variable(self.0).ok()??;
        self.take(size)?;
        Some(value)
    }

    /// A string or binary data: two bytes of length, then as many bytes (§1.5.4, §1.5.6).
    #[inline]
    pub fn sized(&mut self) -> Option<&'b [u8]> {
        let len = self.two()?;
        self.take(len.into())
    }

    /// Properties without their length (§2.2.2).
    pub fn properties(&mut self) -> Option<&'b [u8]> {
        let len = self.variable()?;
        self.take(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_four_bytes_at_most() {
        assert_eq!(variable(&[0x7f]), Ok(Some((127, 1))));
        assert_eq!(variable(&[0x80, 0x01]), Ok(Some((128, 2))));
        assert_eq!(variable(&[0xff, 0xff, 0xff, 0x7f]), Ok(Some((268_435_455, 4))));
        assert_eq!(variable(&[0xff, 0xff, 0xff]), Ok(None));
        assert_eq!(variable(&[0xff, 0xff, 0xff, 0xff]), Err(Halt::Bad));
        assert_eq!(variable(&[0x80, 0x00]), Err(Halt::Bad));
    }
}
