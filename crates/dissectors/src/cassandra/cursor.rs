//! Reads the notations of the specification (§3) off the front of some bytes; none of them can fail
//! but by the end of the bytes.

/// What is still to be read.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'b>(pub &'b [u8]);

// === impl Cursor ===

impl<'b> Cursor<'b> {
    /// So many bytes.
    pub fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let (front, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(front)
    }

    fn array<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        let (front, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*front)
    }

    /// `[byte]`
    pub fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// `[short]`
    pub fn short(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// `[int]`
    pub fn int(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    /// `[long]`
    pub fn long(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// `[string]` and `[short bytes]`
    pub fn string(&mut self) -> Option<&'b [u8]> {
        let len = self.short()?;
        self.take(usize::from(len))
    }

    /// `[long string]`
    pub fn long_string(&mut self) -> Option<&'b [u8]> {
        let len = usize::try_from(self.int()?).ok()?;
        self.take(len)
    }

    /// `[long string]`, as much of it as is there.
    pub fn long_string_front(&mut self) -> Option<&'b [u8]> {
        let len = usize::try_from(self.int()?).ok()?;
        self.take(len.min(self.0.len()))
    }

    /// `[bytes]` and `[value]`: none if it is null or not set.
    pub fn bytes(&mut self) -> Option<Option<&'b [u8]>> {
        match usize::try_from(self.int()?) {
            Ok(len) => self.take(len).map(Some),
            Err(_) => Some(None),
        }
    }

    /// `[string list]`, as far as it is there.
    pub fn strings(&mut self) -> Vec<&'b [u8]> {
        let count = self.short().unwrap_or(0);
        (0..count).map_while(|_| self.string()).collect()
    }

    /// An unsigned variable-length number (`[unsigned vint]`, §3 of v5).
    pub fn unsigned(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let extra = first.leading_ones();
        let rest = self.take(usize::try_from(extra).ok()?)?;
        let front = if extra >= 7 { 0 } else { u64::from(first & (0xff >> (extra + 1))) };
        Some(rest.iter().fold(front, |n, byte| n << 8 | u64::from(*byte)))
    }

    /// The same with a sign, in zigzag (`[vint]`).
    pub fn signed(&mut self) -> Option<i64> {
        let n = self.unsigned()?;
        let half = i64::try_from(n >> 1).ok()?;
        Some(if n & 1 == 0 { half } else { !half })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_length_numbers_are_read() {
        for (bytes, wanted) in [
            (&[0x02][..], 1),
            (&[0x01], -1),
            (&[0x80, 0x80], 64),
            (&[0xff, 0, 0, 0, 0, 0, 0, 0, 4], 2),
        ] {
            assert_eq!(Cursor(bytes).signed(), Some(wanted), "{bytes:?}");
        }
        assert_eq!(Cursor(&[0xff, 1]).unsigned(), None);
    }

    #[test]
    fn a_length_that_is_not_there_is_not_read() {
        assert_eq!(Cursor(&[0x7f, 0xff, 0xff, 0xff, 1]).bytes(), None);
        assert_eq!(Cursor(&[0xff, 0xff, 0xff, 0xff]).bytes(), Some(None));
        assert_eq!(Cursor(&[0, 2, b'a']).string(), None);
    }
}
