//! Records, and the cursor that everything inside them is read with.
//!
//! ```text
//!  0      1   2     3   4     5
//! ┌──────┬─────────┬─────────┬──────────────────────┐
//! │ kind │ version │ length  │ fragment …           │   RFC 8446 §5.1, RFC 5246 §6.2
//! └──────┴─────────┴─────────┴──────────────────────┘
//! ```

/// Bytes of a record before its fragment.
pub const HEAD: usize = 5;
/// Bytes of a fragment at most: 2^14 and 2048 for what protects it (RFC 5246 §6.2.3).
pub const FRAGMENT_MAX: usize = (1 << 14) + 2048;
/// Bytes of a handshake message before its body.
pub const MESSAGE_HEAD: usize = 4;

/// What is in a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Keys change after it; without meaning in TLS 1.3 (RFC 8446 §5).
    ChangeCipherSpec,
    /// Two bytes, unless encrypted.
    Alert,
    /// Handshake messages, or a part of one.
    Handshake,
    /// Payload; in TLS 1.3 everything that is encrypted.
    Data,
    /// RFC 6520.
    Heartbeat,
}

/// The head of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// What is in it.
    pub kind: Kind,
    /// As it stands there; says little in TLS 1.3.
    pub version: u16,
    /// Bytes of its fragment.
    pub len: usize,
}

/// Why a head can't be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Halt {
    /// So many bytes are needed.
    Short(usize),
    /// It is none.
    Bad,
}

/// Reads numbers and vectors off the front of bytes (RFC 8446 §3).
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'b>(pub &'b [u8]);

/// A handshake message of any type.
#[derive(Clone, Copy, Debug)]
pub struct Message<'b> {
    /// `client_hello(1)` and so on.
    pub kind: u8,
    /// Its body.
    pub body: &'b [u8],
}

/// Handshake messages one behind the other; ends at the first that is not whole.
#[derive(Clone, Copy, Debug)]
pub struct Messages<'b>(pub &'b [u8]);

// === impl Kind ===

impl Kind {
    /// The kind that this byte says.
    pub fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::Data,
            24 => Self::Heartbeat,
            _ => return None,
        })
    }

    /// The byte that says it.
    pub fn byte(self) -> u8 {
        match self {
            Self::ChangeCipherSpec => 20,
            Self::Alert => 21,
            Self::Handshake => 22,
            Self::Data => 23,
            Self::Heartbeat => 24,
        }
    }

    /// Whether a fragment of this length can be such a record, encrypted or not.
    fn takes(self, len: usize) -> bool {
        match self {
            Self::ChangeCipherSpec => (1..=256).contains(&len),
            // With the padding of CBC an alert may have up to 256 bytes more.
            Self::Alert => (2..=384).contains(&len),
            Self::Handshake | Self::Heartbeat => (1..=FRAGMENT_MAX).contains(&len),
            // Empty ones went before others against an attack on CBC in TLS 1.0.
            Self::Data => len <= FRAGMENT_MAX,
        }
    }
}

// === impl Head ===

impl Head {
    /// Reads it off the front of `input`.
    pub fn read(input: &[u8]) -> Result<Self, Halt> {
        let [kind, major, minor, high, low, ..] = *input else {
            let may_be = match *input {
                [] => true,
                [kind] => Kind::of(kind).is_some(),
                [kind, major] => Kind::of(kind).is_some() && major == 3,
                [kind, major, minor, ..] => Kind::of(kind).is_some() && major == 3 && minor <= 4,
            };
            return Err(if may_be { Halt::Short(HEAD) } else { Halt::Bad });
        };
        let len = usize::from(u16::from_be_bytes([high, low]));
        match Kind::of(kind) {
            Some(kind) if major == 3 && minor <= 4 && kind.takes(len) => {
                Ok(Self { kind, version: u16::from_be_bytes([major, minor]), len })
            }
            _ => Err(Halt::Bad),
        }
    }

    /// Bytes of the whole record.
    pub fn size(self) -> usize {
        HEAD + self.len
    }

    /// The five bytes again, as authenticated by AEADs.
    pub fn bytes(self) -> [u8; HEAD] {
        let [v0, v1] = self.version.to_be_bytes();
        let [l0, l1] = u16::try_from(self.len).unwrap_or(0).to_be_bytes();
        [self.kind.byte(), v0, v1, l0, l1]
    }
}

// === impl Cursor ===

impl<'b> Cursor<'b> {
    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Option<&'b [u8]> {
        let (front, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(front)
    }

    /// The next bytes, as many as the array has.
    pub fn array<const N: usize>(&mut self) -> Option<&'b [u8; N]> {
        let (front, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(front)
    }

    /// A number of one byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| *byte)
    }

    /// A number of two bytes.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(|bytes| u16::from_be_bytes(*bytes))
    }

    /// A number of three bytes.
    pub fn u24(&mut self) -> Option<usize> {
        let [a, b, c] = *self.array()?;
        usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()
    }

    /// A vector whose length stands before it in one byte.
    pub fn vec8(&mut self) -> Option<&'b [u8]> {
        let len = self.u8()?;
        self.take(usize::from(len))
    }

    /// A vector whose length stands before it in two bytes.
    pub fn vec16(&mut self) -> Option<&'b [u8]> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// A vector whose length stands before it in three bytes.
    pub fn vec24(&mut self) -> Option<&'b [u8]> {
        let len = self.u24()?;
        self.take(len)
    }
}

/// The numbers of two bytes in a vector.
pub fn numbers(vector: &[u8]) -> impl Iterator<Item = u16> + Clone {
    vector.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair))
}

// === impl Messages ===

impl<'b> Iterator for Messages<'b> {
    type Item = Message<'b>;

    fn next(&mut self) -> Option<Message<'b>> {
        let mut cursor = Cursor(self.0);
        let kind = cursor.u8()?;
        let body = cursor.vec24()?;
        self.0 = cursor.0;
        Some(Message { kind, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_or_refused_at_its_first_wrong_byte() {
        let good = [22, 3, 1, 0, 4];
        let head = Head::read(&good).unwrap();
        assert_eq!((head.kind, head.version, head.size()), (Kind::Handshake, 0x0301, 9));
        assert_eq!(head.bytes(), good);
        for bytes in [&good[..0], &good[..1], &good[..2], &good[..4]] {
            assert_eq!(Head::read(bytes), Err(Halt::Short(HEAD)), "{bytes:?}");
        }
        for bytes in [
            &[25][..],
            &[22, 2],
            &[22, 3, 5],
            &[22, 3, 1, 0, 0],
            &[21, 3, 3, 2, 0],
            &[20, 3, 3, 2, 0],
            &[23, 3, 3, 0x48, 1],
        ] {
            assert_eq!(Head::read(bytes), Err(Halt::Bad), "{bytes:?}");
        }
    }

    #[test]
    fn a_length_beyond_the_end_gives_nothing() {
        let mut cursor = Cursor(&[0, 3, 1, 2]);
        assert_eq!(cursor.vec16(), None);
        assert_eq!(Messages(&[1, 0, 0, 9, 1]).count(), 0);
        assert_eq!(Messages(&[14, 0, 0, 0, 20, 0, 0, 1, 7, 1]).count(), 2);
    }
}
