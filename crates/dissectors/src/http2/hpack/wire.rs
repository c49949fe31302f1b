//! Integers and strings of HPACK (RFC 7541 §5).

use super::huffman;

/// Bytes of an integer after its prefix; 28 bits and more are nobody's length or index.
const MORE_MAX: usize = 4;

/// The block can't be read on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Flaw;

/// A string as it is on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Text<'b> {
    /// As it is.
    Plain(&'b [u8]),
    /// Huffman-coded.
    Coded(&'b [u8]),
}

/// Takes an integer with a prefix of `bits` bits off the front (§5.1).
#[inline]
pub(crate) fn integer(block: &mut &[u8], bits: u32) -> Result<usize, Flaw> {
    let (first, rest) = block.split_first().ok_or(Flaw)?;
    *block = rest;
    let most = 0xff_u8 >> (8 - bits);
    let prefix = first & most;
    if prefix < most {
        return Ok(usize::from(prefix));
    }
    more(block, usize::from(prefix))
}

/// The bytes after a full prefix.
fn more(block: &mut &[u8], prefix: usize) -> Result<usize, Flaw> {
    let mut sum = prefix;
    for n in 0..MORE_MAX {
        let (byte, rest) = block.split_first().ok_or(Flaw)?;
        *block = rest;
        sum += usize::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Ok(sum);
        }
    }
    Err(Flaw)
}

/// Takes a string off the front (§5.2).
#[inline]
pub(super) fn text<'b>(block: &mut &'b [u8]) -> Result<Text<'b>, Flaw> {
    text_in(block, 7)
}

/// The same, with a length whose prefix has `bits` bits, and the bit before them for its coding.
#[inline]
pub(crate) fn text_in<'b>(block: &mut &'b [u8], bits: u32) -> Result<Text<'b>, Flaw> {
    let coded = block.first().is_some_and(|first| first >> bits & 1 != 0);
    let len = integer(block, bits)?;
    let (text, rest) = block.split_at_checked(len).ok_or(Flaw)?;
    *block = rest;
    Ok(if coded { Text::Coded(text) } else { Text::Plain(text) })
}

// === impl Text ===

impl Text<'_> {
    /// Appends the string itself.
    pub(crate) fn write(self, out: &mut Vec<u8>) -> Result<(), Flaw> {
        match self {
            Self::Plain(text) => out.extend_from_slice(text),
            Self::Coded(code) => huffman::decode(code, out).map_err(|_| Flaw)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_the_specification() {
        for (bytes, bits, want) in [
            (&[0b0000_1010_u8][..], 5, 10),
            (&[0b0001_1111, 0b1001_1010, 0b0000_1010], 5, 1337),
            (&[0b0010_1010], 8, 42),
            (&[0x7f, 0], 7, 127),
        ] {
            let mut block = bytes;
            assert_eq!(integer(&mut block, bits), Ok(want));
            assert!(block.is_empty());
        }
    }

    #[test]
    fn integers_that_do_not_end_or_are_absurd_are_none() {
        for bytes in [&[][..], &[0x7f], &[0x7f, 0x80], &[0x7f, 0xff, 0xff, 0xff, 0xff, 0x01]] {
            let mut block = bytes;
            assert_eq!(integer(&mut block, 7), Err(Flaw), "{bytes:?}");
        }
    }

    #[test]
    fn a_string_that_is_cut_is_none() {
        assert_eq!(text(&mut &b"\x03ab"[..]), Err(Flaw));
        assert_eq!(text(&mut &b"\x02abc"[..]), Ok(Text::Plain(b"ab")));
        assert_eq!(text(&mut &b"\x82\x1f\x1f"[..]), Ok(Text::Coded(b"\x1f\x1f")));
    }
}
