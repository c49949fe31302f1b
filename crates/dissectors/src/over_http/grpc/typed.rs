//! A message of protocol buffers read with its descriptor, as JSON
//! (<https://protobuf.dev/programming-guides/json/>).

use std::borrow::Cow;

use content::json;
use prost_reflect::{
    DescriptorPool, DynamicMessage, Kind, MapKey, MessageDescriptor, ReflectMessage,
    SerializeOptions, Value,
};

/// Messages in messages that are written.
const DEPTH_MAX: usize = 100;
/// Numbers of unknown fields that are named.
const UNKNOWN_MAX: usize = 16;
const ANY: &str = "google.protobuf.Any";

/// What came of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Outcome {
    /// All that is known is there.
    pub(super) whole: bool,
    /// Fields of the message itself that its descriptor does not have.
    pub(super) unknown: Vec<u32>,
}

/// Appends `payload` to `out` as a JSON object, until `out` has `limit` bytes or a little more; `None`,
/// and nothing is appended, if it does not fit.
pub(super) fn push(
    kind: &MessageDescriptor,
    payload: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Option<Outcome> {
    let message = DynamicMessage::decode(kind.clone(), payload).ok()?;
    let mut unknown: Vec<_> = message.unknown_fields().map(|field| field.number()).collect();
    // Not one field of another message may be one of this.
    if !unknown.is_empty() && message.fields().next().is_none() {
        return None;
    }
    unknown.sort_unstable();
    unknown.dedup();
    unknown.truncate(UNKNOWN_MAX);
    let mut writer = Writer { out, limit, whole: true, pool: kind.parent_pool() };
    writer.message(&message, 0);
    Some(Outcome { whole: writer.whole, unknown })
}

/// Writes until there is enough.
struct Writer<'o> {
    out: &'o mut Vec<u8>,
    limit: usize,
    whole: bool,
    pool: &'o DescriptorPool,
}

// === impl Writer ===

impl Writer<'_> {
    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Whether there is room for more; that there was none is remembered.
    fn has_room(&mut self, depth: usize) -> bool {
        let room = self.out.len() <= self.limit && depth < DEPTH_MAX;
        self.whole &= room;
        room
    }

    /// What begins the next of several.
    fn separate(&mut self, at: usize) {
        if at > 0 {
            self.out.push(b',');
        }
    }

    fn message(&mut self, message: &DynamicMessage, depth: usize) {
        let kind = message.descriptor();
        match kind.full_name() {
            ANY => self.any(message, depth),
            name if name.starts_with("google.protobuf.") => self.well_known(message),
            _ => {
                self.out.push(b'{');
                self.members(message, 0, depth);
                self.out.push(b'}');
            }
        }
    }

    /// Fields by their JSON names, in the order of their numbers; `before` members are there already.
    fn members(&mut self, message: &DynamicMessage, before: usize, depth: usize) {
        for (at, (field, value)) in message.fields().enumerate() {
            if !self.has_room(depth) {
                return;
            }
            self.separate(before + at);
            json::push_str(self.out, field.json_name());
            self.out.push(b':');
            self.value(&field.kind(), value, depth + 1);
        }
    }

    fn value(&mut self, kind: &Kind, value: &Value, depth: usize) {
        match value {
            Value::Message(message) if self.has_room(depth) => self.message(message, depth),
            Value::Message(_) => self.push("null"),
            Value::List(items) => self.list(kind, items, depth),
            Value::Map(entries) => {
                let mut entries: Vec<_> =
                    entries.iter().map(|(key, value)| (key_text(key), value)).collect();
                entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
                self.map(kind, &entries, depth);
            }
            Value::Bool(is) => self.push(if *is { "true" } else { "false" }),
            Value::I32(number) => self.push(&number.to_string()),
            Value::U32(number) => self.push(&number.to_string()),
            // Beyond what JSON's numbers are sure to hold.
            Value::I64(number) => json::push_str(self.out, &number.to_string()),
            Value::U64(number) => json::push_str(self.out, &number.to_string()),
            Value::F32(number) => self.float(f64::from(*number), &number.to_string()),
            Value::F64(number) => self.float(*number, &number.to_string()),
            Value::String(text) => self.text(text),
            Value::Bytes(bytes) => {
                let room = self.limit.saturating_sub(self.out.len()) / 4 * 3;
                let shown = bytes.get(..room).unwrap_or(bytes);
                self.whole &= shown.len() == bytes.len();
                json::push_base64(self.out, shown);
            }
            Value::EnumNumber(number) => {
                let name = kind.as_enum().and_then(|kind| kind.get_value(*number));
                match name {
                    Some(value) => json::push_str(self.out, value.name()),
                    None => self.push(&number.to_string()),
                }
            }
        }
    }

    fn list(&mut self, kind: &Kind, items: &[Value], depth: usize) {
        self.out.push(b'[');
        for (at, item) in items.iter().enumerate() {
            if !self.has_room(depth) {
                break;
            }
            self.separate(at);
            self.value(kind, item, depth + 1);
        }
        self.out.push(b']');
    }

    /// The entries of a map are messages of a key and a value.
    fn map(&mut self, kind: &Kind, entries: &[(Cow<'_, str>, &Value)], depth: usize) {
        let value_kind = kind.as_message().map(|entry| entry.map_entry_value_field().kind());
        let value_kind = value_kind.as_ref().unwrap_or(kind);
        self.out.push(b'{');
        for (at, (key, value)) in entries.iter().enumerate() {
            if !self.has_room(depth) {
                break;
            }
            self.separate(at);
            json::push_str(self.out, key);
            self.out.push(b':');
            self.value(value_kind, value, depth + 1);
        }
        self.out.push(b'}');
    }

    /// JSON has no infinity.
    fn float(&mut self, number: f64, written: &str) {
        match number {
            _ if number.is_nan() => self.push("\"NaN\""),
            f64::INFINITY => self.push("\"Infinity\""),
            f64::NEG_INFINITY => self.push("\"-Infinity\""),
            _ => self.push(written),
        }
    }

    fn text(&mut self, text: &str) {
        let room = self.limit.saturating_sub(self.out.len());
        let shown = &text[..text.floor_char_boundary(room)];
        self.whole &= shown.len() == text.len();
        json::push_str(self.out, shown);
    }

    /// A message of any type, with its name; one that is not known stays as it came.
    fn any(&mut self, message: &DynamicMessage, depth: usize) {
        let field = |name| message.get_field_by_name(name);
        let (url, value) = (field("type_url"), field("value"));
        let url = url.as_deref().and_then(Value::as_str).unwrap_or_default();
        let value = value.as_deref().and_then(Value::as_bytes).cloned().unwrap_or_default();
        self.push("{\"@type\":");
        self.text(url);
        let kind = self.pool.get_message_by_name(url.rsplit('/').next().unwrap_or_default());
        let inner = kind.and_then(|kind| DynamicMessage::decode(kind, &value[..]).ok());
        match inner {
            Some(inner) if !self.has_room(depth) => drop(inner),
            Some(inner) if is_plain(&inner) => self.members(&inner, 1, depth + 1),
            Some(inner) => {
                self.push(",\"value\":");
                self.message(&inner, depth + 1);
            }
            None => {
                self.push(",\"base64\":");
                self.value(&Kind::Bytes, &Value::Bytes(value), depth);
            }
        }
        self.out.push(b'}');
    }

    /// Timestamps, durations, structures, wrappers have a form of their own.
    fn well_known(&mut self, message: &DynamicMessage) {
        let options = SerializeOptions::new();
        let value = message.serialize_with_options(serde_json::value::Serializer, &options);
        match value {
            Ok(value) => self.json(&value),
            // A timestamp beyond the year 9999.
            Err(_) => {
                self.out.push(b'{');
                self.members(message, 0, DEPTH_MAX - 2);
                self.out.push(b'}');
            }
        }
    }

    /// Members sorted by name: the library has them in no order.
    fn json(&mut self, value: &serde_json::Value) {
        match value {
            serde_json::Value::Array(items) => {
                self.out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if !self.has_room(0) {
                        break;
                    }
                    self.separate(at);
                    self.json(item);
                }
                self.out.push(b']');
            }
            serde_json::Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_unstable_by_key(|(name, _)| *name);
                self.out.push(b'{');
                for (at, (name, value)) in members.into_iter().enumerate() {
                    if !self.has_room(0) {
                        break;
                    }
                    self.separate(at);
                    json::push_str(self.out, name);
                    self.out.push(b':');
                    self.json(value);
                }
                self.out.push(b'}');
            }
            serde_json::Value::String(text) => self.text(text),
            other => self.push(&other.to_string()),
        }
    }
}

fn is_plain(message: &DynamicMessage) -> bool {
    !message.descriptor().full_name().starts_with("google.protobuf.")
}

fn key_text(key: &MapKey) -> Cow<'_, str> {
    match key {
        MapKey::Bool(is) => if *is { "true" } else { "false" }.into(),
        MapKey::I32(number) => number.to_string().into(),
        MapKey::I64(number) => number.to_string().into(),
        MapKey::U32(number) => number.to_string().into(),
        MapKey::U64(number) => number.to_string().into(),
        MapKey::String(text) => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::descriptors, *};

    fn order() -> MessageDescriptor {
        let known = descriptors::Descriptors::of_sets(&[descriptors::tests::shop()]).unwrap();
        known.method("shop.Orders", "Get").unwrap().1
    }

    fn shown(payload: &[u8]) -> String {
        let mut out = Vec::new();
        let outcome = push(&order(), payload, 1 << 16, &mut out).unwrap();
        assert!(outcome.whole);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_have_names_and_values_their_json_form() {
        assert_eq!(shown(b"\x0a\x06\x0a\x02ab\x10\x07"), r#"{"items":[{"sku":"ab","amount":7}]}"#);
        assert_eq!(shown(b"\x18\x01\x22\x02\xff\xfe"), r#"{"state":"SENT","raw":"//4="}"#);
        assert_eq!(shown(b"\x18\x09\x48\x05"), r#"{"state":9,"large":"5"}"#);
        assert_eq!(
            shown(b"\x52\x02\x00\x01\x60\x00"),
            r#"{"states":["UNKNOWN","SENT"],"flag":false}"#
        );
        let price = |price: f64| shown(&[&b"\x29"[..], &price.to_le_bytes()].concat());
        assert_eq!(price(2.5), r#"{"price":2.5}"#);
        assert_eq!(price(f64::INFINITY), r#"{"price":"Infinity"}"#);
        assert_eq!(shown(b""), "{}");
    }

    #[test]
    fn entries_of_a_map_are_in_one_order() {
        let entry = |key: &str, n: u8| {
            let len = u8::try_from(key.len()).unwrap();
            [&[0x12, len + 4, 0x0a, len][..], key.as_bytes(), &[0x10, n]].concat()
        };
        let many: Vec<_> = (0..40).map(|n| format!("k{n:02}")).collect();
        let bytes: Vec<u8> = many.iter().rev().flat_map(|key| entry(key, 1)).collect();
        let want: Vec<_> = many.iter().map(|key| format!("\"{key}\":1")).collect();
        assert_eq!(shown(&bytes), format!("{{\"counts\":{{{}}}}}", want.join(",")));
    }

    #[test]
    fn well_known_types_have_their_own_form() {
        assert_eq!(shown(b"\x32\x02\x08\x01"), r#"{"sentAt":"1970-01-01T00:00:01Z"}"#);
        assert_eq!(
            shown(b"\x3a\x1e\x0a\x0d\x0a\x01b\x12\x08\x1a\x06hello!\x0a\x0d\x0a\x01a\x12\x08\x1a\x06hello!"),
            r#"{"more":{"a":"hello!","b":"hello!"}}"#
        );
    }

    #[test]
    fn any_is_told_by_its_name_or_left_as_it_came() {
        let any = |url: &str, value: &[u8]| {
            let len = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
            let inner =
                [&[0x0a, len(url.as_bytes())][..], url.as_bytes(), &[0x12, len(value)], value]
                    .concat();
            shown(&[&[0x42, len(&inner)][..], &inner].concat())
        };
        assert_eq!(
            any("t.io/shop.Item", b"\x0a\x01x"),
            r#"{"any":{"@type":"t.io/shop.Item","sku":"x"}}"#
        );
        assert_eq!(
            any("t.io/no.Item", b"\xff"),
            r#"{"any":{"@type":"t.io/no.Item","base64":"/w=="}}"#
        );
    }

    #[test]
    fn what_does_not_fit_is_nothing() {
        let mut out = Vec::new();
        assert_eq!(push(&order(), b"\x0a\x09abc", 100, &mut out), None);
        assert_eq!(push(&order(), b"\x12\xff\xff", 100, &mut out), None);
        // Another message altogether.
        assert_eq!(push(&order(), b"\xa2\x06\x01a", 100, &mut out), None);
        assert!(out.is_empty());
        let outcome = push(&order(), b"\x18\x01\xa2\x06\x01a", 100, &mut out).unwrap();
        assert_eq!((outcome.unknown, &out[..]), (vec![100], &br#"{"state":"SENT"}"#[..]));
    }

    #[test]
    fn output_is_bounded_and_still_json() {
        let many: Vec<u8> = (0..20_000).flat_map(|_| *b"\x0a\x00").collect();
        let mut out = Vec::new();
        assert!(!push(&order(), &many, 100, &mut out).unwrap().whole);
        assert!(out.len() < 200, "{}", out.len());
        assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
        let long = [&b"\x5a\x80\x08"[..], &[b'x'; 1024]].concat();
        let mut out = Vec::new();
        assert!(!push(&order(), &long, 100, &mut out).unwrap().whole && out.len() < 200);
    }

    proptest! {
        #[test]
        fn any_bytes_give_json_or_nothing(bytes: Vec<u8>) {
            let mut out = Vec::new();
            if push(&order(), &bytes, 1 << 12, &mut out).is_some() {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
            }
        }
    }
}
