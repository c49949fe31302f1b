//! Bytes as text: the few encodings that record data is written in.

use std::{io::Write, net::Ipv6Addr};

use content::short::{push_ip6, push_number};
use model::Date;

use super::name::write_decimal_escape;

/// RFC 4648 §4, with padding.
pub fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for three in bytes.chunks(3) {
        let mut word = [0; 4];
        word[1..=three.len()].copy_from_slice(three);
        let word = u32::from_be_bytes(word);
        let digits = [18, 12, 6, 0].map(|shift| DIGITS[(word >> shift & 63) as usize]);
        out.extend_from_slice(&digits[..=three.len()]);
        out.extend_from_slice(&b"=="[..3 - three.len()]);
    }
}

/// RFC 4648 §7, small letters, no padding: as NSEC3 writes its hashes (RFC 5155 §3.3).
pub fn base32hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    for five in bytes.chunks(5) {
        let mut word = [0; 8];
        word[3..3 + five.len()].copy_from_slice(five);
        let word = u64::from_be_bytes(word);
        let digits = (8 * five.len()).div_ceil(5);
        out.extend((0..digits).map(|digit| DIGITS[(word >> (35 - 5 * digit) & 31) as usize]));
    }
}

/// A character string in quotes (RFC 1035 §5.1).
pub fn quoted(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(bytes, out);
    out.push(b'"');
}

/// The inside of the quotes.
pub fn escaped(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len());
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            _ => write_decimal_escape(byte, out),
        }
    }
}

/// Text that is meant to be UTF-8, without its control characters.
pub fn escaped_utf8(bytes: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(char::is_control) => out.extend_from_slice(bytes),
        _ => escaped(bytes, out),
    }
}

/// A decimal number.
#[inline]
pub fn decimal(number: impl Into<u64>, out: &mut Vec<u8>) {
    push_number(out, number);
}

/// `192.0.2.1`.
pub fn ip4(bytes: [u8; 4], out: &mut Vec<u8>) {
    for (n, byte) in bytes.into_iter().enumerate() {
        if n > 0 {
            out.push(b'.');
        }
        decimal(byte, out);
    }
}

/// `2001:db8::1`.
pub fn ip6(bytes: [u8; 16], out: &mut Vec<u8>) {
    push_ip6(out, Ipv6Addr::from(bytes));
}

/// An address of which only the first bytes were sent; the rest is zero.
pub fn ip_prefix<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let mut whole = [0; N];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(whole)
}

/// Seconds since 1970 as `YYYYMMDDHHmmSS` (RFC 4034 §3.2).
pub fn date(seconds: u32, out: &mut Vec<u8>) {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let Date { year, month, day } = Date::of_day(days.into());
    let (hours, minutes, seconds) = (rest / 3_600, rest / 60 % 60, rest % 60);
    let _ = write!(out, "{year:04}{month:02}{day:02}{hours:02}{minutes:02}{seconds:02}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn encodings_are_those_of_rfc_4648() {
        for (plain, in_64, in_32) in [
            ("", "", ""),
            ("f", "Zg==", "co"),
            ("fo", "Zm8=", "cpng"),
            ("foo", "Zm9v", "cpnmu"),
            ("foob", "Zm9vYg==", "cpnmuog"),
            ("fooba", "Zm9vYmE=", "cpnmuoj1"),
            ("foobar", "Zm9vYmFy", "cpnmuoj1e8"),
        ] {
            assert_eq!(text(|out| base64(plain.as_bytes(), out)), in_64);
            assert_eq!(text(|out| base32hex(plain.as_bytes(), out)), in_32);
        }
    }

    #[test]
    fn dates_are_utc() {
        assert_eq!(text(|out| date(0, out)), "19700101000000");
        assert_eq!(text(|out| date(951_827_696, out)), "20000229123456");
        assert_eq!(text(|out| date(u32::MAX, out)), "21060207062815");
    }
}
