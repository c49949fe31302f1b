//! Bytes as text, in the ways that protocols share.

use std::net::IpAddr;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Hexadecimal digits without anything between: `0aff`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| digits(*byte)).map(char::from).collect()
}

/// Writes them behind what is there.
pub(crate) fn push_hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(2 * bytes.len());
    out.extend(bytes.iter().flat_map(|byte| digits(*byte)));
}

/// A UUID of 16 bytes in its usual groups (RFC 9562 §4).
pub(crate) fn uuid(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().take(16).enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend(digits(*byte).map(char::from));
    }
    text
}

/// The address that 4 or 16 bytes are.
pub(crate) fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 0xf].map(|digit| DIGITS[usize::from(digit)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_spelled() {
        let bytes: Vec<u8> = (0..16).map(|n| n * 17).collect();
        assert_eq!(hex(&bytes[..4]), "00112233");
        assert_eq!(uuid(&bytes), "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(ip(&[10, 0, 0, 1]).map(|ip| ip.to_string()).as_deref(), Some("10.0.0.1"));
        let six = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(ip(&six).map(|ip| ip.to_string()).as_deref(), Some("2001:db8::1"));
        assert_eq!(ip(&bytes[..5]), None);
    }
}
