//! `application/x-www-form-urlencoded` bodies and query strings (WHATWG URL §5.1).

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// The pairs of a form or a query, in order.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    rest: &'a [u8],
}

/// The pairs of `form`: a body, or what follows the `?` of a URL. Bytes, since the character set of
/// a form is its page's.
#[must_use]
pub fn pairs(form: &[u8]) -> Pairs<'_> {
    Pairs { rest: form }
}

/// Undoes percent-encoding (RFC 3986 §2.1); a `%` without two hexadecimal digits stays.
#[must_use]
pub fn percent_decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    match memchr(b'%', bytes) {
        None => bytes.into(),
        Some(first) => unescape(bytes, first).into(),
    }
}

// === impl Pairs ===

impl<'a> Iterator for Pairs<'a> {
    type Item = (Cow<'a, [u8]>, Cow<'a, [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (pair, rest) = cut(self.rest, b'&');
            self.rest = rest;
            if !pair.is_empty() {
                let (name, value) = cut(pair, b'=');
                return Some((decode(name), decode(value)));
            }
        }
        None
    }
}

fn cut(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    match memchr(at, bytes) {
        Some(index) => (&bytes[..index], &bytes[index + 1..]),
        None => (bytes, &[]),
    }
}

fn decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr2(b'+', b'%', bytes).is_none() {
        return bytes.into();
    }
    let spaced: Vec<u8> = bytes.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
    unescape(&spaced, 0).into()
}

fn unescape(bytes: &[u8], first: usize) -> Vec<u8> {
    let (plain, mut rest) = bytes.split_at(first);
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(plain);
    while let [byte, after @ ..] = rest {
        let (byte, after) = escaped(rest).unwrap_or((*byte, after));
        out.push(byte);
        rest = after;
    }
    out
}

fn escaped(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, after @ ..] = bytes else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
    Some((byte, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_form_is_split_and_decoded() {
        assert_eq!(
            texts(b"name=J%C3%BCrgen+K&empty=&&flag&a=b=c"),
            [("name", "Jürgen K"), ("empty", ""), ("flag", ""), ("a", "b=c")]
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn half_an_escape_stays_as_it_is() {
        assert_eq!(percent_decode(b"100%"), b"100%".as_slice());
        assert_eq!(percent_decode(b"%2"), b"%2".as_slice());
        assert_eq!(percent_decode(b"%zz%41%25%4"), b"%zzA%%4".as_slice());
    }

    #[test]
    fn nothing_to_decode_is_borrowed() {
        assert!(matches!(percent_decode(b"a+b"), Cow::Borrowed(b"a+b")));
    }

    proptest! {
        #[test]
        fn any_form_is_read_as_form_urlencoded_reads_it(form in "[a-c%0-9A-F+&=é]{0,60}") {
            let theirs: Vec<_> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
            prop_assert_eq!(texts(form.as_bytes()), theirs);
        }

        #[test]
        fn any_bytes_are_read_as_form_urlencoded_reads_them(form: Vec<u8>) {
            let theirs: Vec<_> = form_urlencoded::parse(&form).into_owned().collect();
            prop_assert_eq!(texts(&form), theirs);
        }
    }

    fn texts(form: &[u8]) -> Vec<(String, String)> {
        let text = |bytes: Cow<'_, [u8]>| String::from_utf8_lossy(&bytes).into_owned();
        pairs(form).map(|(name, value)| (text(name), text(value))).collect()
    }
}
