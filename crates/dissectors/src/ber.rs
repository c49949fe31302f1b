//! The basic encoding rules of ASN.1 (X.690), as far as protocols here use them: one-byte tags,
//! definite lengths.

use crate::framed::{Halt, Read};

/// Tags that everybody uses.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const OCTETS: u8 = 0x04;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const ENUMERATED: u8 = 0x0a;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;
}

/// Bytes of a length at most, the first one included.
const LENGTH_MAX: usize = 5;
/// Numbers of an object identifier shown at most.
const ARCS_MAX: usize = 128;

/// What stands in front of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Front {
    pub(crate) tag: u8,
    /// Bytes of tag and length.
    pub(crate) head: usize,
    /// Bytes of the value.
    pub(crate) len: u32,
}

/// A value, as much of it as is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'b> {
    pub(crate) tag: u8,
    pub(crate) value: &'b [u8],
}

/// The values one after the other in some bytes, as far as they can be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Items<'b>(pub(crate) &'b [u8]);

// === impl Front ===

impl Front {
    /// Reads tag and length.
    pub(crate) fn read(input: &[u8]) -> Read<Self> {
        let (&tag, rest) = input.split_first().ok_or(Halt::Short(2))?;
        let (&first, rest) = rest.split_first().ok_or(Halt::Short(2))?;
        if tag & 0x1f == 0x1f {
            return Err(Halt::Bad);
        }
        if first < 0x80 {
            return Ok(Self { tag, head: 2, len: first.into() });
        }
        let more = usize::from(first & 0x7f);
        if more == 0 || more >= LENGTH_MAX {
            return Err(Halt::Bad);
        }
        let bytes = rest.get(..more).ok_or(Halt::Short(2 + more))?;
        let len = bytes.iter().fold(0u32, |len, byte| len << 8 | u32::from(*byte));
        Ok(Self { tag, head: 2 + more, len })
    }

    /// Bytes of the whole.
    pub(crate) fn size(self) -> u64 {
        self.head as u64 + u64::from(self.len)
    }
}

// === impl Item ===

impl<'b> Item<'b> {
    /// The item at the front of `input`, cut where that ends, and what follows it.
    pub(crate) fn read(input: &'b [u8]) -> Read<(Self, &'b [u8])> {
        let front = Front::read(input)?;
        let rest = input.get(front.head..).unwrap_or_default();
        let len = usize::try_from(front.len).unwrap_or(usize::MAX);
        let (value, rest) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        Ok((Self { tag: front.tag, value }, rest))
    }

    /// The values inside.
    pub(crate) fn items(self) -> Items<'b> {
        Items(self.value)
    }

    /// Its value as a number.
    pub(crate) fn number(self) -> Option<i64> {
        number(self.value)
    }
}

impl<'b> Iterator for Items<'b> {
    type Item = Item<'b>;

    fn next(&mut self) -> Option<Item<'b>> {
        let (item, rest) = Item::read(self.0).ok()?;
        self.0 = rest;
        Some(item)
    }
}

impl<'b> Items<'b> {
    /// The next one, if it has this tag.
    pub(crate) fn wanted(&mut self, tag: u8) -> Option<&'b [u8]> {
        let mut ahead = *self;
        let item = ahead.next().filter(|item| item.tag == tag)?;
        *self = ahead;
        Some(item.value)
    }
}

/// A signed number of at most eight bytes (nine, where the first is 0: unsigned ones).
pub(crate) fn number(bytes: &[u8]) -> Option<i64> {
    let bytes = match bytes {
        [0, rest @ ..] if rest.len() == 8 => return Some(rest.iter().fold(0, push)),
        [] | [_, _, _, _, _, _, _, _, _, ..] => return None,
        bytes => bytes,
    };
    let sign = if bytes.first().is_some_and(|first| first & 0x80 != 0) { -1 } else { 0 };
    Some(bytes.iter().fold(sign, push))
}

fn push(number: i64, byte: &u8) -> i64 {
    number << 8 | i64::from(*byte)
}

/// An object identifier in dotted form; what can't be read is left out.
pub(crate) fn oid(bytes: &[u8]) -> String {
    use std::fmt::Write;

    let mut text = String::with_capacity(bytes.len() * 2);
    let (mut arc, mut count) = (0u64, 0);
    for byte in bytes {
        arc = arc.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if count == 0 {
            let first = (arc / 40).min(2);
            let _ = write!(text, "{first}.{}", arc - first * 40);
        } else {
            let _ = write!(text, ".{arc}");
        }
        arc = 0;
        count += 1;
        if count == ARCS_MAX {
            text.push('…');
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_identifiers_are_dotted() {
        assert_eq!(oid(&[0x2b, 6, 1, 4, 1, 0x82, 0x37]), "1.3.6.1.4.1.311");
        assert_eq!(oid(&[0x55, 4, 3]), "2.5.4.3");
        assert_eq!(oid(&[0x88, 0x37]), "2.999");
        assert_eq!(oid(&[]), "");
    }

    #[test]
    fn numbers_have_a_sign() {
        assert_eq!(number(&[0xff]), Some(-1));
        assert_eq!(number(&[0, 0xff]), Some(255));
        assert_eq!(number(&[0; 10]), None);
        assert_eq!(number(&[0, 0xff, 0, 0, 0, 0, 0, 0, 0]), Some(0xff00_0000_0000_0000u64 as i64));
    }

    #[test]
    fn lengths_that_are_none_are_refused() {
        assert_eq!(Front::read(&[0x30, 0x80]), Err(Halt::Bad));
        assert_eq!(Front::read(&[0x30, 0x82, 1]), Err(Halt::Short(4)));
        assert_eq!(Front::read(&[0x30, 0x82, 1, 0]), Ok(Front { tag: 0x30, head: 4, len: 256 }));
    }
}
