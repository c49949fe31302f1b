//! Text from the wire made safe for a terminal, and measured in its columns.

use std::{fmt::Write, net::IpAddr};

use model::Endpoint;
use unicode_width::UnicodeWidthChar;

use super::Style;

/// More characters of one text are not shown in a line, however wide it is.
const CHARS_MAX: usize = 4096;

/// An address with more columns is shortened in its middle.
const ADDRESS_WIDTH_MAX: usize = 28;

/// Appends `bytes` so that they can do nothing to a terminal: what is not printable is shown by its
/// number, and so is all above ASCII unless `unicode`.
pub(crate) fn push_clean(to: &mut String, bytes: &[u8], unicode: bool) {
    push_chars(to, bytes, unicode, CHARS_MAX);
}

/// The same without an end.
pub(crate) fn push_clean_whole(to: &mut String, bytes: &[u8], unicode: bool) {
    push_chars(to, bytes, unicode, usize::MAX);
}

/// Appends an address with its port, shortened in the middle when it is for a narrow place.
pub(crate) fn push_endpoint(to: &mut String, end: Endpoint, style: Style) {
    let begin = to.len();
    push_fmt(to, format_args!("{end}"));
    let excess = (to.len() - begin).saturating_sub(ADDRESS_WIDTH_MAX);
    if let (IpAddr::V6(ip), 1.., Some(_)) = (end.ip, excess, style.width) {
        to.truncate(begin);
        push_short_v6(to, &ip.to_string(), end.port, style);
    }
}

/// Appends a name, or the address where there is none.
pub(crate) fn push_host(to: &mut String, ip: IpAddr, name: Option<&str>, style: Style) {
    match name {
        Some(name) => push_clean(to, name.as_bytes(), style.unicode),
        None => push_fmt(to, format_args!("{ip}")),
    }
}

/// Appends a name with the port, or the address with it where there is none.
pub(crate) fn push_end(to: &mut String, end: Endpoint, name: Option<&str>, style: Style) {
    let Some(name) = name else { return push_endpoint(to, end, style) };
    push_clean(to, name.as_bytes(), style.unicode);
    push_fmt(to, format_args!(":{}", end.port));
}

/// How many columns a text takes.
pub(crate) fn width_of(text: &str) -> usize {
    text.chars().map(width_of_char).sum()
}

/// The front of `text` that fits into `width`, with a column to spare for an ellipsis if it is not
/// all; and its columns.
pub(crate) fn clip(text: &str, width: usize) -> (&str, usize) {
    let (mut used, mut fits) = (0, (0, 0));
    for (at, c) in text.char_indices() {
        if used < width {
            fits = (at, used);
        }
        used += width_of_char(c);
        if used > width {
            return (&text[..fits.0], fits.1);
        }
    }
    (text, used)
}

// === the parts ===

fn push_chars(to: &mut String, bytes: &[u8], unicode: bool, chars_max: usize) {
    let mut left = chars_max;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if left == 0 {
                return;
            }
            left -= 1;
            push_char(to, c, unicode);
        }
        for byte in chunk.invalid() {
            push_fmt(to, format_args!("\\x{byte:02x}"));
        }
        left = left.saturating_sub(chunk.invalid().len());
    }
}

fn push_char(to: &mut String, c: char, unicode: bool) {
    match c {
        ' '..='~' => to.push(c),
        '\n' => to.push_str("\\n"),
        '\r' => to.push_str("\\r"),
        '\t' => to.push_str("\\t"),
        '\0'..='\x7f' => push_fmt(to, format_args!("\\x{:02x}", u32::from(c))),
        c if unicode && !is_deceptive(c) => to.push(c),
        c => push_fmt(to, format_args!("\\u{{{:x}}}", u32::from(c))),
    }
}

/// What moves, hides or reorders text without being seen (Unicode's Cc, most of Cf, and separators),
/// and what no font shows.
fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
}

/// The selector of emoji presentation (U+FE0F) makes some signs one column wider.
fn width_of_char(c: char) -> usize {
    match c {
        ' '..='~' => 1,
        '\u{fe0f}' => 1,
        _ => c.width().unwrap_or(0),
    }
}

fn push_short_v6(to: &mut String, ip: &str, port: u16, style: Style) {
    let ellipsis = if style.unicode { "…" } else { "~" };
    let port = format!("]:{port}");
    let room = ADDRESS_WIDTH_MAX.saturating_sub(port.len() + 2);
    let (front, back) = (room / 2, room - room / 2);
    let front = ip.get(..front).unwrap_or_default();
    let back = ip.get(ip.len().saturating_sub(back)..).unwrap_or_default();
    push_fmt(to, format_args!("[{front}{ellipsis}{back}{port}"));
}

/// Writing to a string can't fail.
pub(crate) fn push_fmt(to: &mut String, text: std::fmt::Arguments<'_>) {
    to.write_fmt(text).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn what_could_act_on_a_terminal_is_shown_by_its_number() {
        for (bytes, shown) in [
            (&b"\x1b[2J"[..], "\\x1b[2J"),
            (b"a\r\n\tb\x7f\0", "a\\r\\n\\tb\\x7f\\x00"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            ("evil\u{202e}txt".as_bytes(), "evil\\u{202e}txt"),
            (b"caf\xE9", "caf\\xe9"),
            ("日本".as_bytes(), "日本"),
        ] {
            assert_eq!(clean(bytes, true), shown);
        }
        assert_eq!(clean("é".as_bytes(), false), "\\u{e9}");
    }

    #[test]
    fn a_text_is_cut_by_columns_not_characters() {
        assert_eq!(clip("abcdef", 6), ("abcdef", 6));
        assert_eq!(clip("abcdef", 5), ("abcd", 4));
        assert_eq!(clip("日本語", 6), ("日本語", 6));
        assert_eq!(clip("日本語", 5), ("日本", 4));
        assert_eq!(clip("日本語", 4), ("日", 2));
        assert_eq!(clip("a", 0), ("", 0));
    }

    #[test]
    fn a_long_address_loses_its_middle() {
        let end =
            Endpoint { ip: "2001:db8:1234:5678:9abc:def0:1234:5678".parse().unwrap(), port: 443 };
        let style = Style { colour: false, width: Some(80), unicode: true };
        let mut text = String::new();
        push_endpoint(&mut text, end, style);
        assert_eq!(text, "[2001:db8:1…0:1234:5678]:443");
        assert_eq!(width_of(&text), ADDRESS_WIDTH_MAX);
    }

    proptest! {
        #[test]
        fn what_is_clean_has_no_controls(bytes: Vec<u8>, text in "\\PC*|.*", unicode: bool) {
            for input in [&bytes[..], text.as_bytes()] {
                let shown = clean(input, unicode);
                prop_assert!(!shown.chars().any(char::is_control));
                prop_assert!(unicode || shown.is_ascii());
            }
        }

        #[test]
        fn what_is_clipped_fits(text in ".*|[a-c日本❤\u{fe0f}👩\u{200d}]{0,30}", width in 1..40_usize) {
            let shown = clean(text.as_bytes(), true);
            let (kept, used) = clip(&shown, width);
            prop_assert!(kept.width() <= used);
            prop_assert!(used + usize::from(kept.len() < shown.len()) <= width);
        }
    }

    fn clean(bytes: &[u8], unicode: bool) -> String {
        let mut text = String::new();
        push_clean(&mut text, bytes, unicode);
        text
    }
}
