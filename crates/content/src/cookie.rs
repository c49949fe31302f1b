//! Cookies as both sides send them (RFC 6265 §4 and §5.2), bytes as sent.

use memchr::memchr;

/// One cookie as a server sets it.
#[derive(Clone, Debug)]
pub struct SetCookie<'a> {
    /// Its name; empty when there is no `=`, as browsers read it (RFC 6265bis §5.6).
    pub name: &'a [u8],
    /// Its value, quotes kept.
    pub value: &'a [u8],
    /// `Path`, `Expires`, `HttpOnly` and the others.
    pub attributes: Attributes<'a>,
}

/// The attributes of a [`SetCookie`], in order: name, and value where there is a `=`.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

/// The pairs of a Cookie header, in order.
#[derive(Clone, Debug)]
pub struct Cookies<'a> {
    rest: &'a [u8],
}

/// The cookies of a `Cookie` header value.
#[must_use]
pub fn cookies(header: &[u8]) -> Cookies<'_> {
    Cookies { rest: header }
}

/// The cookie of a `Set-Cookie` header value.
#[must_use]
pub fn set_cookie(header: &[u8]) -> SetCookie<'_> {
    let (pair, rest) = cut(header);
    let (name, value) = name_and_value(pair);
    SetCookie { name, value, attributes: Attributes { rest } }
}

// === iterators ===

impl<'a> Iterator for Cookies<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        next_piece(&mut self.rest).map(name_and_value)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let piece = next_piece(&mut self.rest)?;
        Some(match split_pair(piece) {
            Some((name, value)) => (name, Some(value)),
            None => (piece, None),
        })
    }
}

fn next_piece<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    while !rest.is_empty() {
        let (piece, after) = cut(rest);
        *rest = after;
        if !piece.is_empty() {
            return Some(piece);
        }
    }
    None
}

fn cut(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b';', bytes) {
        Some(index) => (bytes[..index].trim_ascii(), &bytes[index + 1..]),
        None => (bytes.trim_ascii(), &[]),
    }
}

fn name_and_value(pair: &[u8]) -> (&[u8], &[u8]) {
    split_pair(pair).unwrap_or((&[], pair))
}

fn split_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let index = memchr(b'=', pair)?;
    Some((pair[..index].trim_ascii(), pair[index + 1..].trim_ascii()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cookie_header_is_split() {
        let all: Vec<_> = cookies(b"sid=abc=; theme = \"dark\";; lone").collect();
        let want: [(&[u8], &[u8]); 3] =
            [(b"sid", b"abc="), (b"theme", b"\"dark\""), (b"", b"lone")];
        assert_eq!(all, want);
    }

    #[test]
    fn a_set_cookie_header_is_split() {
        let cookie =
            set_cookie(b"sid=abc; Path=/; HttpOnly; Expires=Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!((cookie.name, cookie.value), (b"sid".as_slice(), b"abc".as_slice()));
        let all: Vec<_> = cookie.attributes.collect();
        assert_eq!(all[0], (b"Path".as_slice(), Some(b"/".as_slice())));
        assert_eq!(all[1], (b"HttpOnly".as_slice(), None));
        assert_eq!(all[2].1, Some(b"Wed, 21 Oct 2026 07:28:00 GMT".as_slice()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_split_without_panic(header: Vec<u8>) {
            prop_assert!(cookies(&header).count() <= header.len());
            prop_assert!(set_cookie(&header).attributes.count() <= header.len());
        }
    }
}
