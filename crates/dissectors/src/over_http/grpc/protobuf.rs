//! A message of protocol buffers read without its schema, as JSON by field numbers.
//!
//! <https://protobuf.dev/programming-guides/encoding/>. The wire says little of what a field is: a
//! varint is written as an unsigned number, eight and four bytes as a number and as the floating
//! point number that they would be; bytes are a text where they are printable, else a message where
//! all of them can be read as one, else base64.

use content::{json, short::push_number};

/// Messages in messages that are looked into.
const DEPTH_MAX: usize = 16;
/// Fields of one message that are shown.
const FIELDS_MAX: usize = 256;
/// Bytes of one text that are shown.
const TEXT_MAX: usize = 512;

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;
const GROUP: u8 = 3;
const END_GROUP: u8 = 4;
const FIXED32: u8 = 5;

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value<'b> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(&'b [u8]),
    /// What is between the marks of a group.
    Group(&'b [u8]),
}

/// Takes fields off the front of a message.
#[derive(Clone, Copy, Debug)]
struct Reader<'b> {
    rest: &'b [u8],
}

/// Appends `message` to `out` as a JSON object, until `out` has `limit` bytes or a little more; whether
/// all of it is there.
pub(super) fn push(message: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
    push_message(message, 0, limit, out)
}

/// The payloads of the fields `number` of a message, as far as it can be read.
pub(super) fn payloads(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader { rest: message };
    std::iter::from_fn(move || reader.field()).filter_map(move |(found, value)| match value {
        Value::Bytes(bytes) if found == number => Some(bytes),
        _ => None,
    })
}

fn push_message(message: &[u8], depth: usize, limit: usize, out: &mut Vec<u8>) -> bool {
    let mut reader = Reader { rest: message };
    let mut fields = Vec::new();
    while fields.len() < FIELDS_MAX
        && let Some(field) = reader.field()
    {
        fields.push(field);
    }
    let mut whole = reader.rest.is_empty();
    fields.sort_by_key(|(number, _)| *number);
    out.push(b'{');
    for (at, same) in fields.chunk_by(|(a, _), (b, _)| a == b).enumerate() {
        let Some((number, _)) = same.first() else { continue };
        if out.len() > limit {
            whole = false;
            break;
        }
        out.extend_from_slice(if at > 0 { b",\"" } else { b"\"" });
        push_number(out, *number);
        out.extend_from_slice(b"\":");
        whole &= push_values(same, depth, limit, out);
    }
    out.push(b'}');
    whole
}

/// One value, or several as a list.
fn push_values(same: &[(u64, Value<'_>)], depth: usize, limit: usize, out: &mut Vec<u8>) -> bool {
    if let [(_, value)] = same {
        return push_value(*value, depth, limit, out);
    }
    let mut whole = true;
    out.push(b'[');
    for (at, (_, value)) in same.iter().enumerate() {
        if out.len() > limit {
            whole = false;
            break;
        }
        if at > 0 {
            out.push(b',');
        }
        whole &= push_value(*value, depth, limit, out);
    }
    out.push(b']');
    whole
}

fn push_value(value: Value<'_>, depth: usize, limit: usize, out: &mut Vec<u8>) -> bool {
    match value {
        Value::Varint(number) => push_number(out, number),
        Value::Fixed64(bytes) => push_fixed(
            &[("fixed64", u64::from_le_bytes(bytes))],
            ("double", f64::from_le_bytes(bytes)),
            out,
        ),
        Value::Fixed32(bytes) => push_fixed(
            &[("fixed32", u64::from(u32::from_le_bytes(bytes)))],
            ("float", f64::from(f32::from_le_bytes(bytes))),
            out,
        ),
        Value::Group(bytes) if depth < DEPTH_MAX => {
            return push_message(bytes, depth + 1, limit, out);
        }
        Value::Bytes(bytes) => return push_bytes(bytes, depth, limit, out),
        Value::Group(bytes) => return push_base64(bytes, out),
    }
    true
}

/// The number, and what it would be with a point; JSON has no infinity.
fn push_fixed(whole: &[(&str, u64)], (name, point): (&str, f64), out: &mut Vec<u8>) {
    for (name, number) in whole {
        out.extend_from_slice(format!("{{\"{name}\":{number}").as_bytes());
    }
    if point.is_finite() {
        out.extend_from_slice(format!(",\"{name}\":{point:e}").as_bytes());
    }
    out.push(b'}');
}

fn push_bytes(bytes: &[u8], depth: usize, limit: usize, out: &mut Vec<u8>) -> bool {
    let text = str::from_utf8(bytes).ok().filter(|text| is_printable(text));
    if let Some(text) = text {
        let cut = text.floor_char_boundary(TEXT_MAX);
        json::push_str(out, &text[..cut]);
        return cut == text.len();
    }
    if depth < DEPTH_MAX && is_message(bytes) {
        return push_message(bytes, depth + 1, limit, out);
    }
    match str::from_utf8(bytes) {
        Ok(text) => {
            let cut = text.floor_char_boundary(TEXT_MAX);
            json::push_str(out, &text[..cut]);
            cut == text.len()
        }
        Err(_) => push_base64(bytes, out),
    }
}

fn push_base64(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    out.extend_from_slice(b"{\"base64\":");
    json::push_base64(out, bytes.get(..TEXT_MAX).unwrap_or(bytes));
    out.push(b'}');
    bytes.len() <= TEXT_MAX
}

/// Text as people write it. A message may look like it; one that begins with its first field begins
/// with a line feed.
fn is_printable(text: &str) -> bool {
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    !text.starts_with(['\n', '\t']) && text.chars().all(plain)
}

/// Whether all of `bytes` can be read as fields.
fn is_message(bytes: &[u8]) -> bool {
    let mut reader = Reader { rest: bytes };
    while reader.field().is_some() {}
    reader.rest.is_empty() && !bytes.is_empty()
}

// === impl Reader ===

impl<'b> Reader<'b> {
    /// The next field and its number. Takes nothing where there is none.
    fn field(&mut self) -> Option<(u64, Value<'b>)> {
        let mut ahead = *self;
        let (number, kind) = ahead.tag()?;
        let value = match kind {
            GROUP => Value::Group(ahead.group(number)?),
            kind => ahead.value(kind)?,
        };
        *self = ahead;
        Some((number, value))
    }

    fn tag(&mut self) -> Option<(u64, u8)> {
        let tag = self.varint()?;
        let number = tag >> 3;
        let kind = u8::try_from(tag & 7).ok()?;
        (1..1 << 29).contains(&number).then_some((number, kind))
    }

    fn value(&mut self, kind: u8) -> Option<Value<'b>> {
        Some(match kind {
            VARINT => Value::Varint(self.varint()?),
            FIXED64 => Value::Fixed64(*self.take(8)?.first_chunk()?),
            FIXED32 => Value::Fixed32(*self.take(4)?.first_chunk()?),
            LENGTH => {
                let len = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(len)?)
            }
            _ => return None,
        })
    }

    /// What is before the end of group `number`; groups in it are passed by.
    fn group(&mut self, number: u64) -> Option<&'b [u8]> {
        let whole = self.rest;
        let mut open = vec![number];
        loop {
            let before = whole.len() - self.rest.len();
            match self.tag()? {
                (number, GROUP) if open.len() < DEPTH_MAX => open.push(number),
                (number, END_GROUP) if open.last() == Some(&number) => {
                    open.pop();
                    if open.is_empty() {
                        return whole.get(..before);
                    }
                }
                (_, kind) => _ = self.value(kind)?,
            }
        }
    }

    /// At most ten bytes; bits beyond the 64th are lost, as everybody loses them.
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in 0..10_u32 {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << (7 * shift);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(message: &[u8]) -> String {
        let mut out = Vec::new();
        push(message, 1 << 16, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_wire_type_is_shown() {
        assert_eq!(shown(b"\x08\x96\x01"), r#"{"1":150}"#);
        assert_eq!(shown(b"\x12\x07testing"), r#"{"2":"testing"}"#);
        assert_eq!(shown(b"\x1a\x03\x08\x96\x01"), r#"{"3":{"1":150}}"#);
        assert_eq!(shown(b"\x0d\x00\x00\x80\x3f"), r#"{"1":{"fixed32":1065353216,"float":1e0}}"#);
        let double = [&b"\x09"[..], &2.5_f64.to_le_bytes()].concat();
        assert_eq!(shown(&double), r#"{"1":{"fixed64":4612811918334230528,"double":2.5e0}}"#);
        assert_eq!(shown(b"\x0b\x10\x07\x0c"), r#"{"1":{"2":7}}"#);
        assert_eq!(shown(b"\x0a\x02\xff\xfe"), r#"{"1":{"base64":"//4="}}"#);
    }

    #[test]
    fn repeated_fields_are_a_list() {
        assert_eq!(shown(b"\x08\x01\x12\x01a\x08\x02"), r#"{"1":[1,2],"2":"a"}"#);
    }

    #[test]
    fn a_message_in_a_message_is_told_from_a_text() {
        assert_eq!(shown(b"\x0a\x07\x0a\x05hello"), r#"{"1":{"1":"hello"}}"#);
        assert_eq!(shown(b"\x0a\x05hello"), r#"{"1":"hello"}"#);
        assert_eq!(shown(b"\x0a\x03\x01\x02\x03"), "{\"1\":\"\\u0001\\u0002\\u0003\"}");
    }

    #[test]
    fn what_is_cut_or_too_deep_is_said() {
        let mut out = Vec::new();
        assert!(!push(b"\x08\x01\x12\x07tes", 1 << 16, &mut out));
        assert_eq!(out, br#"{"1":1}"#);
        let mut deep = b"\x08\x01".to_vec();
        for _ in 0..40 {
            let len = u8::try_from(deep.len()).unwrap();
            deep = [&[0x0a, len][..], &deep].concat();
        }
        let text = shown(&deep);
        assert_eq!(text.matches('{').count(), DEPTH_MAX + 1, "{text}");
    }

    #[test]
    fn groups_end_with_their_own_mark() {
        assert_eq!(shown(b"\x0b\x13\x08\x05\x14\x0c"), r#"{"1":{"2":{"1":5}}}"#);
        assert_eq!(shown(b"\x0b\x08\x05\x14"), "{}");
        assert_eq!(shown(&[0x0b; 100]), "{}");
    }

    #[test]
    fn output_is_bounded() {
        let many: Vec<u8> = (0..20_000).flat_map(|_| *b"\x0a\x02hi").collect();
        let mut out = Vec::new();
        assert!(!push(&many, 100, &mut out));
        assert!(out.len() < 200, "{}", out.len());
        let long = [&b"\x0a\x80\x08"[..], &[b'x'; 1024]].concat();
        let mut out = Vec::new();
        assert!(!push(&long, 1 << 16, &mut out));
        assert!(out.len() < TEXT_MAX + 20);
    }

    proptest! {
        #[test]
        fn any_bytes_give_json(bytes: Vec<u8>) {
            let text = shown(&bytes);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        }
    }
}
