//! The number under which a question waits: its id and its question (RFC 5452 §4.2), so that an
//! answer to another question is not taken for its own.

use super::{
    name,
    wire::{Bad, HEADER, Header},
};

/// The first question of a message, as pairing sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked {
    /// The message carries no question.
    Nothing,
    /// It can't be read, or only its start is there.
    Unclear(u64),
    /// It ends before `end`.
    This { hash: u64, kind: u16, end: usize },
}

/// Reads the first question.
#[inline]
pub fn asked(message: &[u8], header: &Header) -> Asked {
    if header.questions() == 0 {
        return Asked::Nothing;
    }
    let end = match first_name(message) {
        Ok(end) => end,
        // Both halves of a call are cut at the same place: what is there has to agree.
        Err(Bad::Short) => return Asked::Unclear(hash(message, message.len(), 0)),
        Err(Bad::Damaged) => return Asked::Unclear(0),
    };
    let Some(&[a, b, c, d]) = message.get(end..).and_then(|rest| rest.first_chunk()) else {
        return Asked::Unclear(hash(message, message.len(), 0));
    };
    let fixed = u32::from_be_bytes([a, b, c, d]);
    Asked::This { hash: hash(message, end, fixed), kind: u16::from_be_bytes([a, b]), end: end + 4 }
}

/// The first question of a message that was kept.
pub fn first_asked(message: &[u8]) -> Asked {
    Header::of(message).map_or(Asked::Nothing, |header| asked(message, &header))
}

/// The pair number of `id` and a question.
#[inline]
pub fn pair(id: u16, header: &Header, asked: Asked) -> u64 {
    let hash = match asked {
        // Where there is no question, the opcode has to agree at least.
        Asked::Nothing => mix(SEEDS[0], SEEDS[1] ^ u64::from(header.opcode())),
        Asked::Unclear(hash) => mix(SEEDS[0], SEEDS[0] ^ hash),
        Asked::This { hash, .. } => hash,
    };
    u64::from(id) << 48 | hash >> 16
}

/// The id in a pair number.
#[inline]
pub fn id(pair: u64) -> u16 {
    (pair >> 48) as u16
}

/// Whether two messages begin with the same question. Letters may differ in case: clients vary it so
/// that forgers have to guess it (draft-vixie-dnsext-dns0x20).
#[inline]
pub fn same_question(one: &[u8], other: &[u8], end: usize) -> bool {
    let (Some(one), Some(other)) = (one.get(HEADER..end), other.get(HEADER..end)) else {
        return false;
    };
    if one == other {
        return true;
    }
    let (Some((name, fixed)), Some((other_name, other_fixed))) =
        (one.split_last_chunk::<4>(), other.split_last_chunk::<4>())
    else {
        return false;
    };
    fixed == other_fixed && name.eq_ignore_ascii_case(other_name)
}

/// Where the name of the first question ends. No pointer can be in it: nothing was said before.
#[inline]
fn first_name(message: &[u8]) -> Result<usize, Bad> {
    let mut at = HEADER;
    // Each turn moves on, and not further than a name is long.
    while at < HEADER + name::BYTES_MAX {
        match *message.get(at).ok_or(Bad::Short)? {
            0 => return Ok(at + 1),
            len @ 1..=63 => at += 1 + usize::from(len),
            _ => return Err(Bad::Damaged),
        }
    }
    Err(Bad::Damaged)
}

/// A hash of the bytes from the header to `end`, a name, without regard to case, and of what follows
/// it. Not a secret one: who forges a collision only gets his answer compared, see [`same_question`].
#[inline]
fn hash(message: &[u8], end: usize, fixed: u32) -> u64 {
    let name = message.get(HEADER..end).unwrap_or(&[]);
    let (pairs, rest) = name.as_chunks::<16>();
    let mut hash = mix(SEEDS[0] ^ name.len() as u64, SEEDS[1] ^ u64::from(fixed));
    for pair in pairs {
        let pair = u128::from_le_bytes(*pair);
        hash = mix(SEEDS[1] ^ lower(pair as u64), hash ^ lower((pair >> 64) as u64));
    }
    let last = last_bytes(message.get(..end).unwrap_or(&[]), rest);
    mix(SEEDS[1] ^ lower(last as u64), hash ^ lower((last >> 64) as u64))
}

/// The bytes of `rest`, fewer than sixteen, with which `front` ends. In front of them is the header
/// at least: sixteen bytes are looked at in one go and those before `rest` shifted out.
#[inline]
fn last_bytes(front: &[u8], rest: &[u8]) -> u128 {
    match front.last_chunk::<16>() {
        Some(last) => {
            let surplus = 8 * (16 - rest.len() as u32);
            u128::from_le_bytes(*last).checked_shr(surplus).unwrap_or(0)
        }
        // Names of three bytes or fewer.
        None => rest.iter().fold(0, |word, byte| word << 8 | u128::from(*byte)),
    }
}

const SEEDS: [u64; 2] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db];

/// The halves of a long product, folded.
#[inline]
fn mix(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    (product as u64) ^ (product >> 64) as u64
}

/// Eight bytes with `A` to `Z` made small; the lengths of labels are smaller than any letter.
#[inline]
fn lower(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = word & (ONES * 0x7f);
    let from_a = low + ONES * (0x80 - 0x41);
    let beyond_z = low + ONES * (0x80 - 0x5b);
    let capitals = (from_a ^ beyond_z) & !word & (ONES * 0x80);
    word | capitals >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(message: &[u8]) -> u64 {
        let header = Header::of(message).unwrap();
        pair(header.id, &header, asked(message, &header))
    }

    fn question(id: u8, name: &[u8], kind: u8) -> Vec<u8> {
        let head = [0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        [&head, name, &[0, kind, 0, 1]].concat()
    }

    #[test]
    fn small_letters_are_what_ascii_says() {
        for byte in 0..=255u8 {
            let want = u64::from_le_bytes([byte.to_ascii_lowercase(); 8]);
            assert_eq!(lower(u64::from_le_bytes([byte; 8])), want, "{byte}");
        }
    }

    #[test]
    fn case_does_not_matter_and_all_else_does() {
        let plain = question(1, b"\x07example\x03com\0", 1);
        let mixed = question(1, b"\x07eXaMPle\x03cOm\0", 1);
        assert_eq!(key(&plain), key(&mixed));
        assert!(same_question(&plain, &mixed, plain.len()));
        for other in [
            question(2, b"\x07example\x03com\0", 1),
            question(1, b"\x07example\x03com\0", 28),
            question(1, b"\x07example\x03con\0", 1),
            question(1, b"\x03com\x07example\0", 1),
            question(1, b"\x07ex@mple\x03com\0", 1),
        ] {
            assert_ne!(key(&plain), key(&other));
            assert_eq!(same_question(&plain, &other, plain.len()), other[1] == 2);
        }
    }

    #[test]
    fn every_byte_of_a_name_counts_at_every_length() {
        for len in 1..60 {
            let name = [&[len][..], &vec![b'x'; usize::from(len)], &[0]].concat();
            let plain = key(&question(1, &name, 1));
            for at in 0..usize::from(len) {
                let mut other = name.clone();
                other[1 + at] = b'y';
                assert_ne!(plain, key(&question(1, &other, 1)), "byte {at} of {len}");
            }
        }
    }

    #[test]
    fn a_type_is_no_letter() {
        let https = question(1, b"\x01a\0", 0x41);
        let other = question(1, b"\x01a\0", 0x61);
        assert_ne!(key(&https), key(&other));
        assert!(!same_question(&https, &other, https.len()));
    }

    #[test]
    fn a_first_question_with_a_pointer_is_unclear() {
        let message = question(1, b"\x01a\xc0\x0c", 1);
        let header = Header::of(&message).unwrap();
        assert_eq!(asked(&message, &header), Asked::Unclear(0));
    }
}
