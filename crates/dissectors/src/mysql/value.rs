//! Values as JSON: those of text rows, and those in the binary form.

use std::io::Write;

use content::json;

use super::wire::Cursor;
use crate::spell;

/// Bytes of one value shown.
pub const VALUE_MAX: usize = 1 << 10;

/// Whether values of this type are written as numbers.
fn is_number(kind: u8) -> bool {
    matches!(kind, 0..=5 | 8 | 9 | 13 | 246)
}

/// Appends a value that came as text.
pub fn push_text(out: &mut Vec<u8>, kind: u8, value: &[u8], is_cut: bool) {
    if is_number(kind) && !is_cut && is_json_number(value) {
        out.extend_from_slice(value);
    } else {
        push_string(out, value, is_cut);
    }
}

/// Appends text as a string, bytes that are none in hexadecimal.
pub fn push_string(out: &mut Vec<u8>, value: &[u8], is_cut: bool) {
    let shown = value.get(..VALUE_MAX).unwrap_or(value);
    let is_cut = is_cut || shown.len() < value.len();
    let text = match std::str::from_utf8(shown) {
        Ok(text) => text,
        // A character may be cut in two.
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(shown.get(..error.valid_up_to()).unwrap_or_default())
                .unwrap_or_default()
        }
        Err(_) => return push_hex(out, shown, is_cut),
    };
    if text.bytes().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace()) {
        return push_hex(out, shown, is_cut);
    }
    out.push(b'"');
    json::push_escaped(out, text);
    if is_cut {
        out.extend_from_slice("…".as_bytes());
    }
    out.push(b'"');
}

fn push_hex(out: &mut Vec<u8>, bytes: &[u8], is_cut: bool) {
    out.extend_from_slice(b"\"0x");
    spell::push_hex(bytes, out);
    if is_cut {
        out.extend_from_slice("…".as_bytes());
    }
    out.push(b'"');
}

/// RFC 8259 §6.
fn is_json_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let Some((first, rest)) = digits.split_at_checked(whole) else { return false };
    let leads = first.len() == 1 || first.first().is_some_and(|byte| *byte != b'0');
    let rest_is_fine = match rest {
        [] => true,
        [b'.', fraction @ ..] => !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    leads && rest_is_fine
}

/// Appends a value in the binary form; nothing once it can't be read.
pub fn push_binary(
    out: &mut Vec<u8>,
    kind: u8,
    is_unsigned: bool,
    cursor: &mut Cursor<'_>,
) -> Option<()> {
    match kind {
        1 => push_integer(out, cursor.array::<1>()?, is_unsigned),
        2 | 13 => push_integer(out, cursor.array::<2>()?, is_unsigned),
        3 | 9 => push_integer(out, cursor.array::<4>()?, is_unsigned),
        8 => push_integer(out, cursor.array::<8>()?, is_unsigned),
        4 => push_float(out, f32::from_le_bytes(cursor.array()?)),
        5 => push_float(out, f64::from_le_bytes(cursor.array()?)),
        6 => out.extend_from_slice(b"null"),
        7 | 10 | 12 | 14 => push_date(out, cursor)?,
        11 => push_time(out, cursor)?,
        _ => {
            let (text, is_cut) = cursor.text_or_less()?;
            push_text(out, if kind == 0 || kind == 246 { kind } else { 253 }, text, is_cut);
        }
    }
    Some(())
}

fn push_integer<const LEN: usize>(out: &mut Vec<u8>, bytes: [u8; LEN], is_unsigned: bool) {
    let is_negative = !is_unsigned && bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut wide = if is_negative { [0xff; 8] } else { [0; 8] };
    if let Some(low) = wide.get_mut(..LEN) {
        low.copy_from_slice(&bytes);
    }
    let _ = if is_unsigned {
        write!(out, "{}", u64::from_le_bytes(wide))
    } else {
        write!(out, "{}", i64::from_le_bytes(wide))
    };
}

fn push_float(out: &mut Vec<u8>, number: impl Into<f64> + std::fmt::Display + Copy) {
    let _ = if number.into().is_finite() {
        write!(out, "{number}")
    } else {
        write!(out, "\"{number}\"")
    };
}

/// A length, then a date, perhaps a time of day, perhaps microseconds.
fn push_date(out: &mut Vec<u8>, cursor: &mut Cursor<'_>) -> Option<()> {
    let len = cursor.byte()?;
    let mut part = Cursor(cursor.take(len.into())?);
    let (year, month, day) = match len {
        0 => (0, 0, 0),
        _ => (part.short()?, part.byte()?, part.byte()?),
    };
    let _ = write!(out, "\"{year:04}-{month:02}-{day:02}");
    if let Some([hour, minute, second]) = part.array() {
        let _ = write!(out, " {hour:02}:{minute:02}:{second:02}");
    }
    push_micros(out, &mut part);
    out.push(b'"');
    Some(())
}

/// A length, a sign, days, and a time of day.
fn push_time(out: &mut Vec<u8>, cursor: &mut Cursor<'_>) -> Option<()> {
    let len = cursor.byte()?;
    let mut part = Cursor(cursor.take(len.into())?);
    if len == 0 {
        out.extend_from_slice(b"\"00:00:00\"");
        return Some(());
    }
    let (is_negative, days) = (part.byte()? != 0, part.long()?);
    let [hour, minute, second] = part.array()?;
    let hours = u64::from(days) * 24 + u64::from(hour);
    let sign = if is_negative { "-" } else { "" };
    let _ = write!(out, "\"{sign}{hours:02}:{minute:02}:{second:02}");
    push_micros(out, &mut part);
    out.push(b'"');
    Some(())
}

fn push_micros(out: &mut Vec<u8>, cursor: &mut Cursor<'_>) {
    if let Some(micros) = cursor.long() {
        let _ = write!(out, ".{micros:06}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(kind: u8, is_unsigned: bool, bytes: &[u8]) -> Option<String> {
        let mut out = Vec::new();
        push_binary(&mut out, kind, is_unsigned, &mut Cursor(bytes))?;
        Some(String::from_utf8(out).unwrap())
    }

    fn text(kind: u8, value: &[u8]) -> String {
        let mut out = Vec::new();
        push_text(&mut out, kind, value, false);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn binary_values_are_as_wide_as_their_type() {
        for (kind, is_unsigned, bytes, shown) in [
            (1, false, &b"\xff"[..], "-1"),
            (1, true, b"\xff", "255"),
            (2, false, b"\xfe\xff", "-2"),
            (3, false, b"\x01\0\0\0", "1"),
            (8, true, b"\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"),
            (5, false, b"\0\0\0\0\0\0\xf8\x3f", "1.5"),
            (253, false, b"\x03abc", "\"abc\""),
            (246, false, b"\x041.50", "1.50"),
            (12, false, b"\x04\xe8\x07\x01\x02", "\"2024-01-02\""),
            (
                12,
                false,
                b"\x0b\xe8\x07\x01\x02\x03\x04\x05\x01\0\0\0",
                "\"2024-01-02 03:04:05.000001\"",
            ),
            (11, false, b"\x08\x01\x01\0\0\0\x01\x02\x03", "\"-25:02:03\""),
            (11, false, b"\0", "\"00:00:00\""),
        ] {
            assert_eq!(binary(kind, is_unsigned, bytes).as_deref(), Some(shown));
        }
        assert_eq!(binary(8, false, b"\x01"), None);
    }

    #[test]
    fn only_numbers_are_written_as_numbers() {
        assert_eq!(text(3, b"-12"), "-12");
        assert_eq!(text(3, b"007"), "\"007\"");
        assert_eq!(text(246, b"1.50"), "1.50");
        assert_eq!(text(246, b"1."), "\"1.\"");
        assert_eq!(text(253, b"12"), "\"12\"");
        assert_eq!(text(253, b"\x00\xff"), "\"0x00ff\"");
        assert_eq!(text(3, b""), "\"\"");
    }
}
