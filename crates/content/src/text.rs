//! Bytes read as text where they are text: the media type's character set, a byte order mark, or
//! what the bytes look like.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use crate::{MediaType, Nature};

/// A body as it can be shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reading<'a> {
    /// Characters, without a byte order mark.
    Text(Cow<'a, str>),
    /// No text, or none that we can read.
    Binary(&'a [u8]),
}

/// Reads decoded bytes of the given media type; `cut` says that they are only the start of the body,
/// so that a character may be missing its end, which is then left out.
///
/// A byte order mark is believed before the charset parameter (WHATWG Encoding §6), labels are the
/// WHATWG's (`ISO-8859-1` means windows-1252). Text in no known character set that is not UTF-8 is
/// taken for windows-1252 when its type is `text/*`. What is declared as text but is neither well
/// formed nor free of control characters is binary.
#[must_use]
pub fn read<'a>(bytes: &'a [u8], media_type: Option<&MediaType<'_>>, cut: bool) -> Reading<'a> {
    let nature = media_type.map_or(Nature::Unsaid, MediaType::nature);
    if nature == Nature::Binary {
        return Reading::Binary(bytes);
    }
    let said = media_type.and_then(encoding_said);
    let (said, text) = match Encoding::for_bom(bytes) {
        Some((encoding, mark_len)) => (Some(encoding), &bytes[mark_len..]),
        None => (said, bytes),
    };
    let encoding = said.unwrap_or(UTF_8);
    if encoding == UTF_8
        && let Some(valid) = utf8(text, cut)
    {
        let trusted = nature == Nature::Text || !has_controls(valid.as_bytes());
        return if trusted { Reading::Text(valid.into()) } else { Reading::Binary(bytes) };
    }
    if nature == Nature::Unsaid && said.is_none() {
        return Reading::Binary(bytes);
    }
    let encoding = if said.is_none() { encoding_guessed(media_type) } else { encoding };
    let unsaid = said.is_none() || nature == Nature::Unsaid;
    // A control character is the same byte before: what is no text need not be decoded first.
    if unsaid && encoding.is_ascii_compatible() && has_controls(text) {
        return Reading::Binary(bytes);
    }
    let (decoded, malformed) = transcode(encoding, text, cut);
    let guessed = malformed || unsaid;
    if guessed && has_controls(decoded.as_bytes()) {
        return Reading::Binary(bytes);
    }
    Reading::Text(decoded.into())
}

// === the parts of read ===

fn encoding_said(media_type: &MediaType<'_>) -> Option<&'static Encoding> {
    Encoding::for_label_no_replacement(media_type.charset?.as_bytes())
}

/// JSON and its like are UTF-8 with a mistake in it; pages were often never told what they are.
fn encoding_guessed(media_type: Option<&MediaType<'_>>) -> &'static Encoding {
    let is_text = media_type
        .and_then(|media_type| media_type.essence.get(..5))
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("text/"));
    if is_text { WINDOWS_1252 } else { UTF_8 }
}

/// The bytes as they are, less a cut last character.
fn utf8(bytes: &[u8], cut: bool) -> Option<&str> {
    match simdutf8::compat::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if cut && error.error_len().is_none() => {
            str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

/// The text, and whether U+FFFD stands for something in it.
fn transcode(encoding: &'static Encoding, bytes: &[u8], cut: bool) -> (String, bool) {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::new();
    text.reserve(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(0));
    let (_, _, malformed) = decoder.decode_to_string(bytes, &mut text, !cut);
    (text, malformed)
}

/// The binary data bytes of WHATWG MIME Sniffing §3: tab, line ends, form feed and escape are text.
fn has_controls(bytes: &[u8]) -> bool {
    const TEXT: u32 = 1 << b'\t' | 1 << b'\n' | 1 << 0x0C | 1 << b'\r' | 1 << 0x1B;
    bytes.chunks(64).any(|chunk| {
        let any_low = chunk.iter().fold(false, |found, &byte| found | (byte < 0x20));
        any_low && chunk.iter().any(|&byte| byte < 0x20 && TEXT >> byte & 1 == 0)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_declared_character_set_is_read() {
        for (value, bytes, text) in [
            ("text/plain; charset=ISO-8859-1", b"caf\xE9".as_slice(), "café"),
            ("text/plain; charset=windows-1251", b"\xCF\xF0\xE8\xE2\xE5\xF2", "Привет"),
            ("text/html; charset=Shift_JIS", b"\x93\xFA\x96\x7B\x8C\xEA", "日本語"),
            ("application/json; charset=utf-8", "\"日本\"".as_bytes(), "\"日本\""),
            ("application/json; charset=utf-16le", b"{\0}\0", "{}"),
        ] {
            assert_eq!(read_as(value, bytes, false), Reading::Text(text.into()), "{value}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_believed_and_left_out() {
        let text = Reading::Text("hé".into());
        assert_eq!(read(b"\xFF\xFEh\0\xE9\0", None, false), text);
        assert_eq!(read(b"\xFE\xFF\0h\0\xE9", None, false), text);
        assert_eq!(read(b"\xEF\xBB\xBFh\xC3\xA9", None, false), text);
        assert_eq!(
            read("\u{FEFF}\u{FEFF}".as_bytes(), None, true),
            Reading::Text("\u{FEFF}".into())
        );
        assert_eq!(read_as("text/plain; charset=latin1", b"\xEF\xBB\xBFh\xC3\xA9", false), text);
    }

    #[test]
    fn a_cut_last_character_is_left_out() {
        assert_eq!(
            read("aé".as_bytes().split_last().unwrap().1, None, true),
            Reading::Text("a".into())
        );
        assert_eq!(read(b"\xFF\xFEh\0\xE9", None, true), Reading::Text("h".into()));
        assert_eq!(
            read_as("text/plain; charset=shift_jis", b"\x93\xFA\x96", true),
            Reading::Text("日".into())
        );
    }

    #[test]
    fn without_a_media_type_text_is_what_looks_like_text() {
        assert!(matches!(read(b"{\"a\":\t1}\r\n", None, false), Reading::Text(_)));
        assert!(matches!(read(b"", None, false), Reading::Text(_)));
        assert!(matches!(read(b"\x08\x01\x12\x03abc", None, false), Reading::Binary(_)));
        assert!(matches!(read(b"caf\xE9", None, false), Reading::Binary(_)));
    }

    #[test]
    fn text_in_an_unsaid_character_set_is_still_shown() {
        assert_eq!(read_as("text/html", b"caf\xE9", false), Reading::Text("café".into()));
        assert_eq!(
            read_as("application/json", b"\"\xE9\"", false),
            Reading::Text("\"\u{FFFD}\"".into())
        );
        assert_eq!(
            read_as("text/html; charset=klingon", b"caf\xE9", false),
            Reading::Text("café".into())
        );
    }

    #[test]
    fn a_body_that_is_still_compressed_is_not_text() {
        let bytes = b"\x1F\x8B\x08\x00\x00\x00\x00\x00\x00\x03\xAB\x56";
        for value in ["application/json", "text/html", "text/html; charset=utf-8"] {
            assert_eq!(read_as(value, bytes, false), Reading::Binary(bytes), "{value}");
        }
    }

    #[test]
    fn an_image_is_never_text() {
        assert!(matches!(read_as("image/png", b"abc", false), Reading::Binary(b"abc")));
    }

    proptest! {
        #[test]
        fn cut_utf8_is_the_longest_whole_prefix(text in ".{0,40}", at in 0..200_usize) {
            let bytes = &text.as_bytes()[..at.min(text.len())];
            let whole = (0..=bytes.len()).rev().find(|&end| text.is_char_boundary(end)).unwrap();
            // Only the first is a mark; a second one is a character of the text.
            let unmarked = text[..whole].strip_prefix('\u{FEFF}').unwrap_or(&text[..whole]);
            prop_assert_eq!(read_as("application/json", bytes, true), Reading::Text(unmarked.into()));
        }

        #[test]
        fn any_bytes_in_any_character_set_are_read_without_panic(
            bytes: Vec<u8>, label in "utf-8|utf-16|gbk|big5|iso-2022-jp|euc-kr|x", cut: bool,
        ) {
            let value = format!("text/plain; charset={label}");
            if let Reading::Text(text) = read_as(&value, &bytes, cut) {
                prop_assert!(text.len() <= 3 * bytes.len() + 3);
            }
        }
    }

    fn read_as<'a>(value: &str, bytes: &'a [u8], cut: bool) -> Reading<'a> {
        read(bytes, Some(&MediaType::parse(value)), cut)
    }
}
