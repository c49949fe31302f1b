//! Packets, and the numbers and strings in them.
//!
//! ```text
//!  0       3     4
//! ┌───────┬─────┬─────────────────┐
//! │ len   │ seq │ payload (len) … │
//! └───────┴─────┴─────────────────┘
//! ```
//!
//! A payload of [`LEN_MAX`] bytes goes on in the next packet. Numbers are little-endian.

/// Bytes before a payload.
pub const HEADER: usize = 4;
/// The most that one packet holds; such a payload goes on in the next.
pub const LEN_MAX: usize = 0xff_ffff;

/// The head of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Bytes of payload.
    pub len: usize,
    /// Its number within the exchange, from 0; wraps around.
    pub seq: u8,
}

/// Reads a payload from its front; nothing once it is too short.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor<'b>(pub &'b [u8]);

/// The head of the packet at the front.
#[inline]
pub fn header(input: &[u8]) -> Option<Header> {
    let [a, b, c, seq, ..] = input else { return None };
    Some(Header { len: u32::from_le_bytes([*a, *b, *c, 0]) as usize, seq: *seq })
}

// === impl Header ===

impl Header {
    /// Bytes of the packet, its head included.
    pub fn size(self) -> usize {
        HEADER + self.len
    }

    /// Whether the payload goes on in the next packet.
    pub fn goes_on(self) -> bool {
        self.len == LEN_MAX
    }
}

// === impl Cursor ===

impl<'b> Cursor<'b> {
    /// What was not read.
    pub fn rest(self) -> &'b [u8] {
        self.0
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next bytes, as many as fit the array.
    pub fn array<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Two bytes.
    pub fn short(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Three bytes.
    pub fn medium(&mut self) -> Option<u32> {
        self.array().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    /// Four bytes.
    pub fn long(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    pub fn quad(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// `int<lenenc>`: in 1, 3, 4 or 9 bytes; `fb` and `ff` begin none.
    pub fn count(&mut self) -> Option<u64> {
        match self.byte()? {
            small @ 0..=0xfa => Some(small.into()),
            0xfc => self.short().map(u64::from),
            0xfd => self.medium().map(u64::from),
            0xfe => self.quad(),
            0xfb | 0xff => None,
        }
    }

    /// `string<lenenc>`.
    pub fn text(&mut self) -> Option<&'b [u8]> {
        let len = usize::try_from(self.count()?).ok()?;
        self.take(len)
    }

    /// `string<lenenc>`, or as much of it as is there.
    pub fn text_or_less(&mut self) -> Option<(&'b [u8], bool)> {
        let len = usize::try_from(self.count()?).ok()?;
        let whole = len <= self.0.len();
        self.take(len.min(self.0.len())).map(|text| (text, !whole))
    }

    /// `string<NUL>`.
    pub fn until_nul(&mut self) -> Option<&'b [u8]> {
        let end = memchr::memchr(0, self.0)?;
        let text = self.take(end)?;
        self.take(1)?;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_four_sizes() {
        for (bytes, number) in [
            (&b"\xfa"[..], Some(250)),
            (b"\xfb", None),
            (b"\xfc\xfb\x00", Some(251)),
            (b"\xfd\x00\x00\x01", Some(65_536)),
            (b"\xfe\x01\x00\x00\x00\x00\x00\x00\x00", Some(1)),
            (b"\xfe\x01", None),
            (b"\xff", None),
            (b"", None),
        ] {
            assert_eq!(Cursor(bytes).count(), number, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_length_is_no_promise() {
        assert_eq!(Cursor(b"\x05abc").text(), None);
        assert_eq!(Cursor(b"\x05abc").text_or_less(), Some((&b"abc"[..], true)));
        assert_eq!(Cursor(b"\x03abcd").text_or_less(), Some((&b"abc"[..], false)));
        assert_eq!(Cursor(b"\xfe\xff\xff\xff\xff\xff\xff\xff\xffa").text(), None);
        assert_eq!(Cursor(b"abc").until_nul(), None);
    }

    #[test]
    fn the_head_is_four_bytes() {
        assert_eq!(header(b"\x01\x02\x03"), None);
        assert_eq!(header(b"\x01\x02\x00\x07"), Some(Header { len: 513, seq: 7 }));
    }
}
