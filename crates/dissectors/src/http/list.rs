//! Header lists as they are written down: decoded fields in order, pseudo-header fields among them
//! (RFC 9113 §8.3).
//!
//! ```text
//! ┌─────────┬──────────┬──────┬───────┐
//! │ name_len│ value_len│ name │ value │ …
//! └─────────┴──────────┴──────┴───────┘
//!  2 bytes   4 bytes
//! ```
//!
//! Little-endian; the highest bit of a length says that the text is not known.

/// What is shown where a name or a value is not known.
pub(crate) const UNKNOWN: &[u8] = b"?";
/// The lengths before an entry.
const LENGTHS: usize = 6;
/// Longer names are cut.
const NAME_MAX: usize = 0x7fff;
/// Set in a name's length.
const NAME_UNKNOWN: u16 = 0x8000;
/// Set in a value's length.
const VALUE_UNKNOWN: u32 = 0x8000_0000;

/// The fields of a list, which may be cut anywhere.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct List<'m> {
    rest: &'m [u8],
}

/// What one field takes.
pub(crate) fn cost(name: Option<&[u8]>, value: Option<&[u8]>) -> usize {
    LENGTHS + name.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len)
}

/// Hands out the bytes of one field, piece by piece.
#[inline]
pub(crate) fn write(name: Option<&[u8]>, value: Option<&[u8]>, to: &mut impl FnMut(&[u8])) {
    let cut = name.map(|name| name.get(..NAME_MAX).unwrap_or(name));
    let name_len = cut.map_or(NAME_UNKNOWN, |name| u16::try_from(name.len()).unwrap_or(0));
    let value_len = value.map_or(VALUE_UNKNOWN, |value| u32::try_from(value.len()).unwrap_or(0));
    let ([a, b], [c, d, e, f]) = (name_len.to_le_bytes(), value_len.to_le_bytes());
    to(&[a, b, c, d, e, f]);
    to(cut.unwrap_or_default());
    to(value.unwrap_or_default());
}

// === impl List ===

impl<'m> List<'m> {
    /// The fields in `bytes`.
    pub(crate) fn of(bytes: &'m [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The value of the pseudo-header field `name`; those come first. [`UNKNOWN`] where it may be
    /// there and is not known.
    pub(crate) fn pseudo(self, name: &[u8]) -> Option<&'m [u8]> {
        let mut hidden = None;
        for (found, value) in self {
            match found {
                _ if found == name => return Some(value),
                UNKNOWN => hidden = Some(UNKNOWN),
                [b':', ..] => {}
                _ => break,
            }
        }
        hidden
    }

    fn text(&mut self, len: usize) -> Option<&'m [u8]> {
        let (text, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(text)
    }
}

impl<'m> Iterator for List<'m> {
    /// Name and value, [`UNKNOWN`] where they are.
    type Item = (&'m [u8], &'m [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let ([a, b, c, d, e, f], rest) = self.rest.split_first_chunk::<LENGTHS>()?;
        self.rest = rest;
        let name_len = u16::from_le_bytes([*a, *b]);
        let value_len = u32::from_le_bytes([*c, *d, *e, *f]);
        let name = self.text(usize::from(name_len & !NAME_UNKNOWN))?;
        let value = self.text((value_len & !VALUE_UNKNOWN) as usize)?;
        Some((
            if name_len & NAME_UNKNOWN == 0 { name } else { UNKNOWN },
            if value_len & VALUE_UNKNOWN == 0 { value } else { UNKNOWN },
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Known<'k> = (Option<&'k [u8]>, Option<&'k [u8]>);

    fn list(fields: &[Known<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, value) in fields {
            let before = bytes.len();
            write(*name, *value, &mut |piece| bytes.extend_from_slice(piece));
            assert_eq!(bytes.len() - before, cost(*name, *value));
        }
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = list(&[
            (Some(b":path"), Some(b"/a")),
            (Some(b"x"), None),
            (None, Some(b"y")),
            (None, None),
            (Some(b""), Some(b"")),
        ]);
        let fields: Vec<_> = List::of(&bytes).collect();
        let want: [(&[u8], &[u8]); 5] =
            [(b":path", b"/a"), (b"x", b"?"), (b"?", b"y"), (b"?", b"?"), (b"", b"")];
        assert_eq!(fields, want);
    }

    #[test]
    fn a_list_that_is_cut_ends_before_the_cut() {
        let bytes = list(&[(Some(b"a"), Some(b"1")), (Some(b"b"), Some(b"2"))]);
        for cut in 0..bytes.len() {
            assert_eq!(List::of(&bytes[..cut]).count(), cut / 8);
        }
    }

    #[test]
    fn a_pseudo_field_that_may_be_hidden_is_unknown() {
        let bytes = list(&[(Some(b":method"), Some(b"GET")), (Some(b"a"), Some(b"b"))]);
        assert_eq!(List::of(&bytes).pseudo(b":method"), Some(&b"GET"[..]));
        assert_eq!(List::of(&bytes).pseudo(b":path"), None);
        let bytes = list(&[(None, None), (Some(b":method"), Some(b"GET")), (None, None)]);
        assert_eq!(List::of(&bytes).pseudo(b":method"), Some(&b"GET"[..]));
        assert_eq!(List::of(&bytes).pseudo(b":path"), Some(UNKNOWN));
    }
}
