//! JSON strings, written near memory speed.
//!
//! Not a JSON writer: braces and commas are the caller's.

use base64::{
    Engine,
    engine::{Simd, general_purpose::PAD},
};

use crate::short::{BLOCK, padded, push_front, push_overlapping};

/// Writes `text` as a JSON string, quotes included (RFC 8259 §7), byte for byte as `serde_json`
/// does.
pub fn push_str(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text);
    out.push(b'"');
}

/// Writes `bytes` as a JSON string, quotes included; what is not UTF-8 becomes U+FFFD, as in
/// [`String::from_utf8_lossy`].
#[inline]
pub fn push_bytes_lossy(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    push_inner_lossy(out, bytes);
    out.push(b'"');
}

/// Writes what [`push_bytes_lossy`] writes between the quotes.
#[inline]
pub fn push_inner_lossy(out: &mut Vec<u8>, bytes: &[u8]) {
    // Most names and values are plain, and a few words long: then this is all there is to do.
    let rest = push_plain(out, bytes);
    if !rest.is_empty() {
        push_mended(out, rest);
    }
}

/// Writes `bytes` in base64 (RFC 4648 §4, padded) as a JSON string, quotes included.
pub fn push_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let begin = out.len();
    out.resize(begin + bytes.len().div_ceil(3) * 4, 0);
    let wrote = Simd::standard(PAD).encode_slice(bytes, &mut out[begin..]);
    out.truncate(begin + wrote.unwrap_or(0));
    out.push(b'"');
}

/// Writes what goes between the quotes, so that a string can be put together from pieces.
pub fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let rest = push_plain(out, text.as_bytes());
    if !rest.is_empty() {
        push_blocks(out, rest);
    }
}

// === the parts of push_bytes_lossy and push_escaped ===

/// Copies what is ASCII without need of an escape, as far as whole blocks are; what is not copied.
#[inline]
fn push_plain<'b>(out: &mut Vec<u8>, bytes: &'b [u8]) -> &'b [u8] {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        if !is_plain(block) {
            return &bytes[index * BLOCK..];
        }
        out.extend_from_slice(block);
    }
    if let Some(last) = bytes.last_chunk::<BLOCK>() {
        if !is_plain(last) {
            return rest;
        }
        push_overlapping(out, last, rest.len());
    } else {
        let block = padded(rest);
        // In words: the bytes come in registers, and to compare sixteen they would be put together.
        let (words, _) = block.as_chunks();
        if words.iter().any(|word| !is_plain_word(u64::from_le_bytes(*word))) {
            return rest;
        }
        push_front(out, &block, rest.len());
    }
    &[]
}

#[inline(never)]
fn push_mended(out: &mut Vec<u8>, bytes: &[u8]) {
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        return push_blocks(out, text.as_bytes());
    }
    for chunk in bytes.utf8_chunks() {
        push_escaped(out, chunk.valid());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{FFFD}".as_bytes());
        }
    }
}

/// One in every byte.
const ONES: u64 = 0x0101_0101_0101_0101;

/// What a block may grow to, six bytes each, and room for the last words to be stored whole.
const ROOM: usize = 128 + 8;

/// Room made at once at most: so little that it is still at hand when it is written to.
const ROOM_AHEAD_MAX: usize = 4 << 10;

/// Keeps `out` longer than what is written, so that a block has its room without being asked for it;
/// the spare end is cut off afterwards.
fn push_blocks(out: &mut Vec<u8>, bytes: &[u8]) {
    let (blocks, rest) = bytes.as_chunks();
    let (mut at, mut left) = (out.len(), bytes.len());
    for block in blocks {
        if out.len() - at < ROOM {
            out.resize(at + (left + left / 4).min(ROOM_AHEAD_MAX) + ROOM, 0);
        }
        if let Some(room) = out[at..].first_chunk_mut() {
            at += escape_block(block, room);
        }
        left -= BLOCK;
    }
    out.truncate(at);
    for &byte in rest {
        let escape = ESCAPES[usize::from(byte)];
        // Eight bytes at once, and back to where it ends.
        out.extend_from_slice(&escape.to_le_bytes());
        out.truncate(out.len() + len_of(escape) - 8);
    }
}

#[inline]
fn escape_block(block: &[u8; BLOCK], room: &mut [u8; ROOM]) -> usize {
    if needs_escapes(block) {
        let (words, _) = block.as_chunks();
        return words.iter().fold(0, |at, word| escape_word(u64::from_le_bytes(*word), room, at));
    }
    room[..BLOCK].copy_from_slice(block);
    BLOCK
}

/// Stores the whole word, then from each marked byte on again, one escape further.
#[inline]
fn escape_word(mut word: u64, room: &mut [u8; ROOM], mut at: usize) -> usize {
    let (mut marks, mut left) = (marks(word), 8);
    put(word, room, at);
    while marks != 0 {
        let plain_bits = marks.trailing_zeros() & 56;
        let plain = (plain_bits / 8) as usize;
        let escape = ESCAPES[(word >> plain_bits & 0xFF) as usize];
        at += plain;
        put(escape, room, at);
        at += len_of(escape);
        word = word >> plain_bits >> 8;
        marks = marks >> plain_bits >> 8;
        left -= plain + 1;
        put(word, room, at);
    }
    at + left
}

/// The mask spares the bounds check; `at` is at most 6 × [`BLOCK`].
#[inline]
fn put(word: u64, room: &mut [u8; ROOM], at: usize) {
    room[at & 127..][..8].copy_from_slice(&word.to_le_bytes());
}

/// The top bit of every byte that needs an escape: no carry leaves a byte, so all marks are exact.
#[inline]
fn marks(word: u64) -> u64 {
    let low = word & (0x7F * ONES);
    let not_control = low + (0x80 - 0x20) * ONES;
    let not_quote = (low ^ (0x22 * ONES)) + 0x7F * ONES;
    let not_backslash = (low ^ (0x5C * ONES)) + 0x7F * ONES;
    !((not_control & not_quote & not_backslash) | word) & (0x80 * ONES)
}

/// Without a branch, so that the compiler compares sixteen at once.
#[inline]
fn needs_escapes(block: &[u8; BLOCK]) -> bool {
    block.iter().fold(false, |found, &byte| found | needs_escape(byte))
}

#[inline]
fn needs_escape(byte: u8) -> bool {
    (byte < 0x20) | is_quote_or_backslash(byte)
}

/// Whether all is ASCII that a JSON string holds as it is.
#[inline]
fn is_plain(block: &[u8; BLOCK]) -> bool {
    !block.iter().fold(false, |found, &byte| found | !is_plain_byte(byte))
}

/// The same for eight bytes.
#[inline]
fn is_plain_word(word: u64) -> bool {
    marks(word) | word & (0x80 * ONES) == 0
}

/// As signed numbers, controls and all above ASCII are below the blank.
#[inline]
fn is_plain_byte(byte: u8) -> bool {
    (byte.cast_signed() >= 0x20) & !is_quote_or_backslash(byte)
}

/// In one comparison, as two are compiled to more than twice as much where sixteen are made at once.
#[inline]
fn is_quote_or_backslash(byte: u8) -> bool {
    (byte ^ b'"').min(byte ^ b'\\') == 0
}

// === escapes ===

/// For each byte what stands for it, first byte lowest, and its length in the top byte.
static ESCAPES: [u64; 256] = escapes();

#[inline]
fn len_of(escape: u64) -> usize {
    (escape >> 56 & 7) as usize
}

const fn escapes() -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = u64::from_le_bytes(escape_of(byte));
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

const fn escape_of(byte: u8) -> [u8; 8] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let letter = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0C => b'f',
        b'\r' => b'r',
        0..0x20 => {
            let (high, low) = (HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]);
            return [b'\\', b'u', b'0', b'0', high, low, 0, 6];
        }
        _ => return [byte, 0, 0, 0, 0, 0, 0, 1],
    };
    [b'\\', letter, 0, 0, 0, 0, 0, 2]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_single_byte_is_escaped_as_serde_json_does_at_every_place_of_a_block() {
        for byte in 0..128_u8 {
            for place in 0..40 {
                let mut text = "x".repeat(place);
                text.push(char::from(byte));
                text += &"y".repeat(40 - place);
                assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
            }
        }
    }

    #[test]
    fn every_single_byte_is_seen_at_every_place_of_a_short_text() {
        for (len, byte) in (1..40).flat_map(|len| (0..=255).map(move |byte| (len, byte))) {
            for place in 0..len {
                let mut bytes = vec![b'~'; len];
                bytes[place] = byte;
                let mut out = vec![b'>'];
                push_bytes_lossy(&mut out, &bytes);
                let wanted = serde_json::to_string(&String::from_utf8_lossy(&bytes)).unwrap();
                assert_eq!(out, [b">", wanted.as_bytes()].concat());
            }
        }
    }

    #[test]
    fn what_is_there_already_stays() {
        let mut out = b"{\"a\":".to_vec();
        push_str(&mut out, "\"".repeat(1000).as_str());
        assert!(out.starts_with(b"{\"a\":\"\\\"\\\""));
        assert_eq!(out.len(), 5 + 2 + 2000);
    }

    #[test]
    fn base64_is_padded_and_quoted() {
        for (bytes, text) in
            [("", "\"\""), ("f", "\"Zg==\""), ("fo", "\"Zm8=\""), ("foo", "\"Zm9v\"")]
        {
            let mut out = Vec::new();
            push_base64(&mut out, bytes.as_bytes());
            assert_eq!(out, text.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_escaped_as_serde_json_does(text in "[\\x00-\\x7f\u{80}-\u{2ff}\"\\\\😀]{0,200}") {
            prop_assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
        }

        #[test]
        fn any_bytes_become_what_from_utf8_lossy_makes_of_them(bytes: Vec<u8>) {
            let mut out = Vec::new();
            push_bytes_lossy(&mut out, &bytes);
            let lossy = String::from_utf8_lossy(&bytes);
            prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&lossy).unwrap());
        }

        #[test]
        fn base64_is_what_the_plain_engine_writes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut out = Vec::new();
            push_base64(&mut out, &bytes);
            let plain = base64::engine::general_purpose::STANDARD.encode(&bytes);
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!("\"{plain}\""));
        }
    }

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        push_str(&mut out, text);
        String::from_utf8(out).unwrap()
    }
}
