//! A search filter as text (RFC 4515).

use crate::ber::Item;

/// How deep filters are followed.
const DEPTH_MAX: u32 = 16;
/// Bytes of text at most.
const TEXT_MAX: usize = 4 << 10;

/// Writes `filter` as text behind what is in `text`.
pub(super) fn write(filter: Item<'_>, depth: u32, text: &mut Vec<u8>) {
    if text.len() > TEXT_MAX || depth > DEPTH_MAX {
        return text.extend_from_slice("…".as_bytes());
    }
    text.push(b'(');
    match filter.tag {
        0xa0..=0xa2 => {
            text.push(match filter.tag {
                0xa0 => b'&',
                0xa1 => b'|',
                _ => b'!',
            });
            for inner in filter.items() {
                write(inner, depth + 1, text);
                if text.len() > TEXT_MAX {
                    break;
                }
            }
        }
        0xa3 => compare(filter, b"=", text),
        0xa5 => compare(filter, b">=", text),
        0xa6 => compare(filter, b"<=", text),
        0xa8 => compare(filter, b"~=", text),
        0xa4 => substrings(filter, text),
        0x87 => {
            escape(filter.value, text);
            text.extend_from_slice(b"=*");
        }
        0xa9 => extensible(filter, text),
        _ => text.push(b'?'),
    }
    text.push(b')');
}

fn compare(filter: Item<'_>, sign: &[u8], text: &mut Vec<u8>) {
    let mut items = filter.items();
    escape(items.next().map_or(&[], |item| item.value), text);
    text.extend_from_slice(sign);
    escape(items.next().map_or(&[], |item| item.value), text);
}

fn substrings(filter: Item<'_>, text: &mut Vec<u8>) {
    let mut items = filter.items();
    escape(items.next().map_or(&[], |item| item.value), text);
    text.push(b'=');
    let Some(pieces) = items.next() else { return };
    let mut open = false;
    for piece in pieces.items() {
        if piece.tag != 0x80 {
            text.push(b'*');
        }
        escape(piece.value, text);
        open = piece.tag != 0x82;
        if text.len() > TEXT_MAX {
            break;
        }
    }
    if open {
        text.push(b'*');
    }
}

fn extensible(filter: Item<'_>, text: &mut Vec<u8>) {
    let (mut rule, mut name, mut value, mut with_dn) = (&[][..], &[][..], &[][..], false);
    for item in filter.items() {
        match item.tag {
            0x81 => rule = item.value,
            0x82 => name = item.value,
            0x83 => value = item.value,
            0x84 => with_dn = item.value != [0],
            _ => {}
        }
    }
    escape(name, text);
    if with_dn {
        text.extend_from_slice(b":dn");
    }
    if !rule.is_empty() {
        text.push(b':');
        escape(rule, text);
    }
    text.extend_from_slice(b":=");
    escape(value, text);
}

/// Writes a value with what would be misread, or is no text, in hexadecimal.
fn escape(value: &[u8], text: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let is_text = str::from_utf8(value).is_ok();
    for byte in value.iter().take(TEXT_MAX) {
        let plain = match byte {
            b'(' | b')' | b'\\' | 0..=0x1f => false,
            0x80.. => is_text,
            _ => true,
        };
        if plain {
            text.push(*byte);
        } else {
            let nibble = |n: u8| HEX.get(usize::from(n)).copied().unwrap_or(b'?');
            text.extend_from_slice(&[b'\\', nibble(byte >> 4), nibble(byte & 15)]);
        }
    }
}
