//! The small pieces of a JSON line: numbers, addresses and short strings.

use std::{io::Write, net::IpAddr};

use content::json;

/// A whole number in decimal.
#[inline]
pub(crate) fn push_number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// `"name":number,` where `key` is all before the number.
#[inline]
pub(crate) fn push_count(out: &mut Vec<u8>, key: &[u8], number: u64) {
    out.extend_from_slice(key);
    push_number(out, number);
    out.push(b',');
}

/// Text from the wire as a JSON string; what is not UTF-8 becomes U+FFFD.
#[inline]
pub(crate) fn push_text(out: &mut Vec<u8>, bytes: &[u8]) {
    if !is_plain(bytes) {
        return json::push_bytes_lossy(out, bytes);
    }
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    out.extend_from_slice(bytes);
    out.push(b'"');
}

/// An address without quotes.
pub(crate) fn push_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            push_octet(out, a, b'.');
            push_octet(out, b, b'.');
            push_octet(out, c, b'.');
            push_number(out, d);
        }
        // Writing to a vector can't fail.
        IpAddr::V6(ip) => write!(out, "{ip}").unwrap_or_default(),
    }
}

/// Makes the comma after the last member the end of its object.
#[inline]
pub(crate) fn close_object(out: &mut [u8]) {
    debug_assert_eq!(out.last(), Some(&b','));
    if let Some(last) = out.last_mut() {
        *last = b'}';
    }
}

// === the parts of push_text and push_ip ===

fn push_octet(out: &mut Vec<u8>, octet: u8, then: u8) {
    push_number(out, octet);
    out.push(then);
}

/// Whether the bytes are ASCII that a JSON string holds as it is.
///
/// Most names and values are, and are a few words long: then this is all there is to do.
#[inline]
fn is_plain(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let marked = words.iter().fold(0, |found, word| found | marks(u64::from_le_bytes(*word)));
    let last = match (bytes.last_chunk::<8>(), bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(last), ..) => u64::from_le_bytes(*last),
        (None, Some(front), Some(back)) => {
            u64::from(u32::from_le_bytes(*front)) << 32 | u64::from(u32::from_le_bytes(*back))
        }
        _ => rest
            .iter()
            .fold(u64::from_le_bytes(*b"________"), |word, &byte| word << 8 | u64::from(byte)),
    };
    marked | marks(last) == 0
}

/// The top bit of every byte that can't be copied as it is: controls, `"`, `\` and all above ASCII.
#[inline]
fn marks(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = word & (0x7F * ONES);
    let not_control = low + (0x80 - 0x20) * ONES;
    let not_quote = (low ^ (0x22 * ONES)) + 0x7F * ONES;
    let not_backslash = (low ^ (0x5C * ONES)) + 0x7F * ONES;
    (!(not_control & not_quote & not_backslash) | word) & (0x80 * ONES)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_byte_that_needs_an_escape_is_seen_at_every_place() {
        for len in 0..40 {
            assert!(is_plain(&vec![b'a'; len]), "{len}");
            for place in 0..len {
                for byte in [0, 0x1F, b'"', b'\\', 0x80, 0xFF] {
                    let mut bytes = vec![b'~'; len];
                    bytes[place] = byte;
                    assert!(!is_plain(&bytes), "{byte} at {place} of {len}");
                }
            }
        }
    }

    #[test]
    fn addresses_are_written_as_the_standard_library_does() {
        for ip in ["0.0.0.0", "10.0.37.237", "255.255.255.255", "2001:db8::1", "::ffff:1.2.3.4"] {
            let mut out = Vec::new();
            push_ip(&mut out, ip.parse().unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), ip);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_what_content_makes_of_it(bytes: Vec<u8>) {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            push_text(&mut ours, &bytes);
            json::push_bytes_lossy(&mut theirs, &bytes);
            prop_assert_eq!(ours, theirs);
        }
    }
}
