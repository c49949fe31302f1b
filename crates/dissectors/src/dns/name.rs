//! Domain names: stepped over on the hot path, written out when shown (RFC 1035 §3.1, §4.1.4).

use content::short::push_few;

use super::wire::{Bad, HEADER, Read};

/// Bytes of a name on the wire, its root label included.
pub const BYTES_MAX: usize = 255;
/// Pointers followed in one name. Real names need two or three; a pointer that does not lead to a
/// label is only made to cost time.
const POINTERS_MAX: usize = 64;

/// Whether pointers are followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pointers {
    /// They are, backwards.
    Followed,
    /// This place must not hold any (RFC 3597 §4).
    Forbidden,
}

/// Where the name at `start` ends. A pointer ends it and is not followed.
#[inline]
pub fn skip(message: &[u8], start: usize) -> Read<usize> {
    let mut at = start;
    // Each turn moves on, and not further than a name is long.
    while at - start < BYTES_MAX {
        match *message.get(at).ok_or(Bad::Short)? {
            0 => return Ok(at + 1),
            len @ 1..=63 => at += 1 + usize::from(len),
            0xc0.. => {
                return if at + 2 <= message.len() { Ok(at + 2) } else { Err(Bad::Short) };
            }
            _ => return Err(Bad::Damaged),
        }
    }
    Err(Bad::Damaged)
}

/// Writes the name at `start` with its final dot; where it ends. What was readable stays written.
pub fn write(message: &[u8], start: usize, pointers: Pointers, out: &mut Vec<u8>) -> Read<usize> {
    let (mut at, mut floor, mut after) = (start, start, None);
    let (mut length, mut followed) = (1, 0);
    loop {
        match *message.get(at).ok_or(Bad::Short)? {
            0 => {
                if length == 1 {
                    out.push(b'.');
                }
                return Ok(after.unwrap_or(at + 1));
            }
            len @ 1..=63 => {
                let end = at + 1 + usize::from(len);
                let label = message.get(at + 1..end).ok_or(Bad::Short)?;
                length += 1 + label.len();
                if length > BYTES_MAX {
                    return Err(Bad::Damaged);
                }
                write_label(label, out);
                out.push(b'.');
                at = end;
            }
            high @ 0xc0.. if pointers == Pointers::Followed => {
                let low = *message.get(at + 1).ok_or(Bad::Short)?;
                let target = usize::from(u16::from_be_bytes([high & 0x3f, low]));
                followed += 1;
                // Only backwards, so it ends; never into the header, where no name can be.
                if target >= floor || target < HEADER || followed > POINTERS_MAX {
                    return Err(Bad::Damaged);
                }
                after.get_or_insert(at + 2);
                (at, floor) = (target, target);
            }
            _ => return Err(Bad::Damaged),
        }
    }
}

/// The same without the final dot; the root is `.`.
pub fn write_bare(message: &[u8], start: usize, out: &mut Vec<u8>) -> Read<usize> {
    let from = out.len();
    let end = write(message, start, Pointers::Followed, out);
    if out.len() > from + 1 {
        out.pop();
    }
    end
}

/// A label in presentation form: `\.` and the like for what master files give a meaning to, `\DDD`
/// for what can't be printed (RFC 1035 §5.1, RFC 4343 §2.1). Multicast names are UTF-8 (RFC 6762 §16,
/// RFC 4795 §2.1) and stay so.
fn write_label(label: &[u8], out: &mut Vec<u8>) {
    // Nearly every label there is.
    if label.iter().all(|byte| PLAIN[usize::from(*byte)]) {
        return push_few(out, label);
    }
    write_odd_label(label, out);
}

/// What stands for itself in a name.
static PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        byte += 1;
    }
    table
};

fn write_odd_label(label: &[u8], out: &mut Vec<u8>) {
    let utf8 = !label.is_ascii()
        && std::str::from_utf8(label)
            .is_ok_and(|text| !text.contains(|c: char| !c.is_ascii() && c.is_control()));
    for &byte in label {
        match byte {
            b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                out.extend_from_slice(&[b'\\', byte]);
            }
            b'!'..=b'~' => out.push(byte),
            0x80.. if utf8 => out.push(byte),
            _ => write_decimal_escape(byte, out),
        }
    }
}

/// `\DDD`.
pub fn write_decimal_escape(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'\\', b'0' + byte / 100, b'0' + byte / 10 % 10, b'0' + byte % 10]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(message: &[u8], at: usize) -> (String, Read<usize>) {
        let mut out = Vec::new();
        let end = write(message, at, Pointers::Followed, &mut out);
        (String::from_utf8(out).unwrap(), end)
    }

    fn after_header(bytes: &[u8]) -> Vec<u8> {
        [&[0; HEADER], bytes].concat()
    }

    #[test]
    fn a_name_is_escaped_as_in_a_master_file() {
        let message = after_header(b"\x05a.b\\\xff\x01 \0");
        assert_eq!(shown(&message, HEADER), (r"a\.b\\\255.\032.".to_owned(), Ok(HEADER + 9)));
        assert_eq!(skip(&message, HEADER), Ok(HEADER + 9));
    }

    #[test]
    fn a_name_in_utf_8_is_shown_in_utf_8() {
        let message = after_header("\x07B\u{fc}ro 1\0".as_bytes());
        assert_eq!(shown(&message, HEADER).0, "B\u{fc}ro\\0321.");
    }

    #[test]
    fn a_pointer_leads_backwards_and_ends_the_name() {
        let message = after_header(b"\x03com\0\x01a\xc0\x0cz");
        assert_eq!(shown(&message, HEADER + 5), ("a.com.".to_owned(), Ok(HEADER + 9)));
    }

    #[test]
    fn a_pointer_to_itself_forwards_or_into_the_header_is_damage() {
        for bytes in [&b"\xc0\x0c"[..], b"\x01a\xc0\x0c", b"\xc0\x0e\0", b"\xc0\x02", b"\x80\0"] {
            assert_eq!(shown(&after_header(bytes), HEADER).1, Err(Bad::Damaged), "{bytes:?}");
        }
    }

    #[test]
    fn a_chain_of_pointers_is_cut() {
        let mut bytes = vec![0];
        for n in 0..2_000u16 {
            let target = if n == 0 { 12 } else { 13 + 2 * (n - 1) };
            bytes.extend_from_slice(&(0xc000 | target).to_be_bytes());
        }
        let message = after_header(&bytes);
        assert_eq!(shown(&message, 13 + 2 * 10).0, ".");
        assert_eq!(shown(&message, 13 + 2 * 1_999).1, Err(Bad::Damaged));
    }

    #[test]
    fn a_name_longer_than_255_bytes_is_damage() {
        let message = after_header(&[&[63; 64][..]; 5].concat());
        assert_eq!(skip(&message, HEADER), Err(Bad::Damaged));
        assert_eq!(shown(&message, HEADER).1, Err(Bad::Damaged));
    }

    #[test]
    fn the_root_is_a_dot() {
        let mut out = Vec::new();
        assert_eq!(write_bare(&after_header(b"\0"), HEADER, &mut out), Ok(HEADER + 1));
        assert_eq!(out, b".");
    }
}
