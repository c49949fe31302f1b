//! Values as JSON, cut where they are long.

use content::json;

use super::{
    composite::{self, Composite},
    decimal,
    types::{Items, Value, value},
};
use crate::spell::{hex, uuid};

/// Bytes of text, at most, closing brackets aside.
const TEXT_MAX: usize = 8 << 10;
/// Bytes of one value, at most.
const VALUE_MAX: usize = 1 << 10;
/// Values inside each other, at most.
const DEPTH_MAX: usize = 12;
/// Says that something was left out.
const CUT: &str = "…";

/// A value as JSON. What the specification describes has the names of its fields.
pub fn text(of: Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    push(of, DEPTH_MAX, &mut out);
    out
}

/// The text of a value that is neither a list nor a map; `None` for those and for nothing.
pub fn scalar(of: Value<'_>) -> Option<Vec<u8>> {
    Some(match of {
        Value::Text(text) | Value::Symbol(text) => text.to_vec(),
        Value::Binary(octets) => octets_as_text(octets),
        Value::Bool(value) => value.to_string().into_bytes(),
        Value::Unsigned(number) => number.to_string().into_bytes(),
        Value::Signed(number) | Value::Timestamp(number) => number.to_string().into_bytes(),
        Value::Float(number) => number.to_string().into_bytes(),
        Value::Double(number) => number.to_string().into_bytes(),
        Value::Decimal(octets) => decimal::text(octets)?.into_bytes(),
        Value::Char(code) => char::from_u32(code)?.to_string().into_bytes(),
        Value::Uuid(octets) => uuid(octets).into_bytes(),
        _ => return None,
    })
}

/// Calls `visit` with the path and the text of every value in a map: `product`, `RabbitMQ`.
pub fn walk(map: Value<'_>, visit: &mut dyn FnMut(&[u8], &[u8])) {
    let Value::Map(mut items) = map else { return };
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        let Some(key) = scalar(key) else { continue };
        match scalar(value) {
            Some(text) => visit(&key, &text),
            None if value == Value::Null => visit(&key, b""),
            None => visit(&key, &text(value)),
        }
    }
}

/// Octets as text, where they are text; else their digits.
pub fn octets_as_text(octets: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(octets) {
        Ok(text) if !text.chars().any(char::is_control) => text.as_bytes().to_vec(),
        _ => hex(octets).into_bytes(),
    }
}

fn push(of: Value<'_>, depth: usize, out: &mut Vec<u8>) {
    let Some(depth) = depth.checked_sub(1).filter(|_| out.len() < TEXT_MAX) else {
        return push_text(CUT.as_bytes(), out);
    };
    match of {
        Value::Null => out.extend_from_slice(b"null"),
        Value::List(items) | Value::Array(items) => push_list(items, depth, out),
        Value::Map(items) => push_map(items, depth, out),
        Value::Described { descriptor, value } => push_described(descriptor, value, depth, out),
        Value::Bool(_) | Value::Unsigned(_) | Value::Signed(_) | Value::Timestamp(_) => {
            out.extend(scalar(of).unwrap_or_default());
        }
        Value::Float(number) if number.is_finite() => out.extend(number.to_string().into_bytes()),
        Value::Double(number) if number.is_finite() => out.extend(number.to_string().into_bytes()),
        _ => push_text(&scalar(of).unwrap_or_default(), out),
    }
}

fn push_list(items: Items<'_>, depth: usize, out: &mut Vec<u8>) {
    out.push(b'[');
    for (n, value) in items.enumerate() {
        if n > 0 {
            out.push(b',');
        }
        push(value, depth, out);
        if out.len() >= TEXT_MAX {
            break;
        }
    }
    out.push(b']');
}

fn push_map(mut items: Items<'_>, depth: usize, out: &mut Vec<u8>) {
    out.push(b'{');
    let mut first = true;
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        push_text(&scalar(key).unwrap_or_else(|| text(key)), out);
        out.push(b':');
        push(value, depth, out);
        if out.len() >= TEXT_MAX {
            break;
        }
    }
    out.push(b'}');
}

fn push_described(descriptor: &[u8], mut of: &[u8], depth: usize, out: &mut Vec<u8>) {
    let inside = value(&mut of).unwrap_or(Value::Null);
    if let (Some(composite), Value::List(items)) = (composite::described(descriptor), inside) {
        return push_composite(composite, items, depth, out);
    }
    let mut descriptor = descriptor;
    let name = value(&mut descriptor).ok().and_then(scalar).unwrap_or_default();
    out.push(b'{');
    push_text(&name, out);
    out.push(b':');
    push(inside, depth, out);
    out.push(b'}');
}

/// `{"open":{"container-id":"c"}}`; what is not there is left out.
fn push_composite(composite: &Composite, items: Items<'_>, depth: usize, out: &mut Vec<u8>) {
    out.push(b'{');
    push_text(composite.name.as_bytes(), out);
    out.extend_from_slice(b":{");
    let there = composite.fields.iter().zip(items).filter(|(_, value)| *value != Value::Null);
    for (n, (named, value)) in there.enumerate() {
        if n > 0 {
            out.push(b',');
        }
        push_text(named.name.as_bytes(), out);
        out.push(b':');
        push(value, depth, out);
    }
    out.extend_from_slice(b"}}");
}

fn push_text(text: &[u8], out: &mut Vec<u8>) {
    let kept = text.get(..VALUE_MAX).unwrap_or(text);
    let mut kept = String::from_utf8_lossy(kept).into_owned();
    if text.len() > VALUE_MAX {
        kept.push_str(CUT);
    }
    json::push_str(out, &kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(mut bytes: &[u8]) -> String {
        String::from_utf8(text(value(&mut bytes).unwrap())).unwrap()
    }

    #[test]
    fn composites_have_names() {
        let close = b"\0\x53\x18\xc0\x0d\x01\0\x53\x1d\xc0\x07\x02\xa3\x01e\xa1\x01d";
        let text = r#"{"close":{"error":{"error":{"condition":"e","description":"d"}}}}"#;
        assert_eq!(json(close), text);
    }

    #[test]
    fn values_of_all_kinds() {
        assert_eq!(json(b"\xc1\x08\x04\xa1\x01a\x54\xff\x43\x40"), r#"{"a":-1,"0":null}"#);
        assert_eq!(json(b"\xe0\x06\x02\xa1\x01x\x01y"), r#"["x","y"]"#);
        assert_eq!(json(b"\xa0\x02\x01\xff"), r#""01ff""#);
        assert_eq!(json(b"\0\xa3\x01f\x41"), r#"{"f":true}"#);
        assert_eq!(json(b"\x72\x7f\xc0\0\0"), r#""NaN""#);
        let uuid = b"\x98\0\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff";
        assert_eq!(json(uuid), r#""00112233-4455-6677-8899-aabbccddeeff""#);
    }

    #[test]
    fn long_ones_are_cut() {
        let mut bytes = b"\xd0\0\0\xff\xff\0\0\x40\0".to_vec();
        bytes.extend(b"\xa1\x01x".repeat(0x4000));
        let size = u32::try_from(bytes.len() - 5).unwrap().to_be_bytes();
        bytes[1..5].copy_from_slice(&size);
        assert!(json(&bytes).len() < 9 << 10);
        assert!(json(&[b"\xb1\0\0\x10\0", &[b'x'; 4096][..]].concat()).ends_with("…\""));
    }
}
