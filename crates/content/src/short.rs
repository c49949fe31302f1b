//! Short texts, numbers and addresses, appended without a call each.
//!
//! What is a few words long is copied in pieces whose size the compiler knows: a call to copy so
//! little costs more than the copy.

use std::{io::Write, net::Ipv6Addr, ops::Range};

/// Bytes that are looked at together: one vector of every machine we run on.
pub(crate) const BLOCK: usize = 16;
/// The first number with more digits.
const EIGHT_DIGITS: u32 = 100_000_000;
/// A blank in each byte.
const BLANKS: u64 = u64::from_le_bytes([b' '; 8]);
/// The digit zero in each byte.
const ZEROS: u64 = u64::from_le_bytes(*b"00000000");

/// A text that is appended again and again: up to 64 bytes by a copy whose size the compiler knows.
#[derive(Clone, Debug)]
pub struct Short {
    block: [u8; SHORT],
    /// All of it.
    text: Vec<u8>,
}

/// Bytes of a text that is copied at once.
const SHORT: usize = 64;

// === impl Short ===

impl Short {
    /// This text.
    #[must_use]
    pub fn of(text: impl Into<Vec<u8>>) -> Self {
        let (text, mut block) = (text.into(), [b' '; SHORT]);
        let len = text.len().min(SHORT);
        block[..len].copy_from_slice(&text[..len]);
        Self { block, text }
    }

    /// Appends it.
    #[inline]
    pub fn push(&self, out: &mut Vec<u8>) {
        match self.text.len() {
            len @ ..=SHORT => {
                out.extend_from_slice(&self.block);
                out.truncate((out.len() + len).saturating_sub(SHORT));
            }
            _ => out.extend_from_slice(&self.text),
        }
    }
}

/// Appends `bytes`, which are few: without a call, in pieces whose size the compiler knows.
#[inline]
pub fn push_few(out: &mut Vec<u8>, bytes: &[u8]) {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for block in blocks {
        out.extend_from_slice(block);
    }
    match bytes.last_chunk::<BLOCK>() {
        Some(last) => push_overlapping(out, last, rest.len()),
        None => push_part(out, rest),
    }
}

/// A whole number in decimal.
#[inline]
pub fn push_number(out: &mut Vec<u8>, number: impl Into<u64>) {
    let number = number.into();
    match u32::try_from(number) {
        Ok(number @ ..EIGHT_DIGITS) => push_short_number(out, number),
        _ => push_long_number(out, number),
    }
}

/// The same for one that may be below zero.
#[inline]
pub fn push_signed(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    push_number(out, number.unsigned_abs());
}

/// An IPv6 address in its one form: small letters, the longest run of zero groups left out (RFC 5952).
pub fn push_ip6(out: &mut Vec<u8>, ip: Ipv6Addr) {
    if ip.to_ipv4_mapped().is_some() {
        // Rare enough for the standard library, which writes the last two groups as IPv4 (§5).
        return write!(out, "{ip}").unwrap_or_default();
    }
    let groups = ip.segments();
    let zeros = longest_zeros(&groups);
    for (at, group) in groups.into_iter().enumerate() {
        if zeros.contains(&at) {
            if at == zeros.start {
                out.extend_from_slice(b"::");
            }
            continue;
        }
        if at > 0 && at != zeros.end {
            out.push(b':');
        }
        push_group(out, group);
    }
}

/// The last eight decimal digits of a number, zeros in front.
#[inline]
pub fn eight_digits(number: u32) -> [u8; 8] {
    (digits_of(number % EIGHT_DIGITS) | ZEROS).to_le_bytes()
}

// === the parts of push_few ===

/// Appends the last `len` bytes of `block`, all before which is in `out`.
#[inline]
pub(crate) fn push_overlapping<const LEN: usize>(out: &mut Vec<u8>, block: &[u8; LEN], len: usize) {
    out.truncate((out.len() + len).saturating_sub(LEN));
    out.extend_from_slice(block);
}

/// Appends less than a block.
#[inline]
pub(crate) fn push_part(out: &mut Vec<u8>, part: &[u8]) {
    push_front(out, &padded(part), part.len());
}

/// Appends the first `len` bytes of `block`.
#[inline]
pub(crate) fn push_front(out: &mut Vec<u8>, block: &[u8; BLOCK], len: usize) {
    out.extend_from_slice(block);
    out.truncate((out.len() + len).saturating_sub(BLOCK));
}

/// Less than a block, filled up with blanks.
#[inline]
pub(crate) fn padded(part: &[u8]) -> [u8; BLOCK] {
    let (low, high) = match (part.first_chunk(), part.last_chunk()) {
        (Some(front), Some(back)) => (u64::from_le_bytes(*front), behind(*back, part.len())),
        _ => (word_of(part), BLANKS),
    };
    (u128::from(low) | u128::from(high) << 64).to_le_bytes()
}

/// What follows the first eight of `len` bytes, which end with `back`.
#[inline]
fn behind(back: [u8; 8], len: usize) -> u64 {
    let (known, blanks) = (8 * (16 - len), 8 * (len - 8));
    u64::from_le_bytes(back) >> 8 >> (known - 8) | BLANKS << blanks
}

/// Less than eight bytes, filled up with blanks.
#[inline]
fn word_of(part: &[u8]) -> u64 {
    match (part.first_chunk(), part.last_chunk()) {
        (Some(front), Some(back)) => {
            let (front, back) = (u32::from_le_bytes(*front), u32::from_le_bytes(*back));
            let (begin, end) = (8 * (part.len() - 4), 8 * part.len());
            u64::from(front) | u64::from(back) << begin | BLANKS << end
        }
        _ => part.iter().rev().fold(BLANKS, |word, byte| word << 8 | u64::from(*byte)),
    }
}

// === the parts of push_number ===

/// Eight bytes at once, and back to where the number ends.
#[inline]
fn push_short_number(out: &mut Vec<u8>, number: u32) {
    let digits = digits_of(number);
    let absent = (digits | 1 << 63).trailing_zeros() / 8;
    out.extend_from_slice(&((digits | ZEROS) >> (8 * absent)).to_le_bytes());
    out.truncate(out.len() - absent as usize);
}

#[inline(never)]
fn push_long_number(out: &mut Vec<u8>, number: u64) {
    let eight = u64::from(EIGHT_DIGITS);
    push_number(out, number / eight);
    out.extend_from_slice(&eight_digits((number % eight) as u32));
}

/// The eight digits of a number in a byte each, the first one lowest: halved into fours, twos and
/// ones, all parts of a word at once. The factors divide by 100 and 10 as far as these parts go.
#[inline]
fn digits_of(number: u32) -> u64 {
    let fours = u64::from(number / 10_000) | u64::from(number % 10_000) << 32;
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let twos = hundreds | (fours - 100 * hundreds) << 16;
    let tens = ((twos * 103) >> 10) & 0x000F_000F_000F_000F;
    tens | (twos - 10 * tens) << 8
}

// === the parts of push_ip6 ===

/// The first of the longest runs of at least two zeros (§4.2).
fn longest_zeros(groups: &[u16; 8]) -> Range<usize> {
    let (mut longest, mut run) = (0..0, 0..0);
    for (at, group) in groups.iter().enumerate() {
        run = if *group == 0 { run.start..at + 1 } else { at + 1..at + 1 };
        if run.len() > longest.len().max(1) {
            longest = run.clone();
        }
    }
    longest
}

/// Without zeros in front.
fn push_group(out: &mut Vec<u8>, group: u16) {
    let digits = [12, 8, 4, 0].map(|shift| b"0123456789abcdef"[usize::from(group >> shift & 0xf)]);
    let absent = (group.leading_zeros() / 4).min(3) as usize;
    out.extend_from_slice(&digits[absent..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_bytes_are_copied_whatever_their_number() {
        for len in 0..70_u8 {
            let (bytes, mut out) = ((100..100 + len).collect::<Vec<u8>>(), vec![b'>']);
            push_few(&mut out, &bytes);
            assert_eq!(out, [b">", &bytes[..]].concat());
        }
    }

    #[test]
    fn a_short_text_is_appended_whatever_its_length() {
        for len in 0..140_u8 {
            let (bytes, mut out) = ((0..len).collect::<Vec<u8>>(), vec![b'>']);
            Short::of(&bytes[..]).push(&mut out);
            assert_eq!(out, [b">", &bytes[..]].concat());
        }
    }

    #[test]
    fn every_number_of_digits_is_written() {
        for power in 0..20 {
            for number in [10_u64.pow(power) - 1, 10_u64.pow(power), 10_u64.pow(power) + 1] {
                let mut out = Vec::new();
                push_number(&mut out, number);
                assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
            }
        }
    }

    proptest! {
        #[test]
        fn an_address_is_written_as_the_standard_library_does(
            groups: [u16; 8],
            zeros: [bool; 8],
        ) {
            let at = |n: usize| if zeros[n] { 0 } else { groups[n] >> (4 * (n % 4)) };
            let ip = Ipv6Addr::from(std::array::from_fn(at));
            let mut out = Vec::new();
            push_ip6(&mut out, ip);
            prop_assert_eq!(String::from_utf8(out).unwrap(), ip.to_string());
        }

        #[test]
        fn any_number_is_written_as_the_standard_library_does(number: i64, bits in 0..64) {
            let number = number >> bits;
            let (mut signed, mut unsigned) = (Vec::new(), Vec::new());
            push_signed(&mut signed, number);
            push_number(&mut unsigned, number.cast_unsigned());
            prop_assert_eq!(String::from_utf8(signed).unwrap(), number.to_string());
            let wanted = number.cast_unsigned().to_string();
            prop_assert_eq!(String::from_utf8(unsigned).unwrap(), wanted);
        }
    }
}
