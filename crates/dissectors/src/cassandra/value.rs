//! Types, and values written as JSON (§6 of v4 and of v5).
//!
//! What can't be read as its type says is written as `"0x…"`, as are blobs.

use ::content::json;
use model::Date;

use super::cursor::Cursor;
use crate::spell::{self, push_hex};

/// Types within one another, at most.
const DEPTH_MAX: usize = 8;
/// Elements of a collection that are written, at most.
const ELEMENTS_MAX: usize = VALUE_MAX / 4;
/// Fields of a type at most; Cassandra allows 32,768, nobody has them.
const FIELDS_MAX: u16 = 256;
/// Bytes of a text or a blob that are written, at most.
pub const VALUE_MAX: usize = 4 << 10;
/// Days from the epoch to the middle of the range of dates (§6, "date").
const DATE_EPOCH: i64 = 1 << 31;

/// What values of a column are.
#[derive(Clone, Debug, PartialEq)]
pub enum Type<'b> {
    /// A type of the server's own, by its class.
    Custom(&'b [u8]),
    /// One that has no parts.
    Simple(u16),
    /// `list<…>`, `set<…>`
    Elements(u16, Box<Self>),
    /// `map<…, …>`
    Map(Box<(Self, Self)>),
    /// A type of the user's: its name and its fields.
    Udt(&'b [u8], Vec<(&'b [u8], Self)>),
    /// `tuple<…>`
    Tuple(Vec<Self>),
}

// === impl Type ===

impl<'b> Type<'b> {
    /// Reads an `[option]` that is a type (§4.2.5.2).
    pub fn read(cursor: &mut Cursor<'b>) -> Option<Self> {
        Self::within(cursor, DEPTH_MAX)
    }

    fn within(cursor: &mut Cursor<'b>, depth: usize) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        let id = cursor.short()?;
        Some(match id {
            0x0000 => Self::Custom(cursor.string()?),
            0x0020 | 0x0022 => Self::Elements(id, Box::new(Self::within(cursor, depth)?)),
            0x0021 => {
                let key = Self::within(cursor, depth)?;
                Self::Map(Box::new((key, Self::within(cursor, depth)?)))
            }
            0x0030 => {
                let (_keyspace, name) = (cursor.string()?, cursor.string()?);
                let count = cursor.short().filter(|count| *count <= FIELDS_MAX)?;
                let field = |_| Some((cursor.string()?, Self::within(cursor, depth)?));
                Self::Udt(name, (0..count).map(field).collect::<Option<_>>()?)
            }
            0x0031 => {
                let count = cursor.short().filter(|count| *count <= FIELDS_MAX)?;
                let part = |_| Self::within(cursor, depth);
                Self::Tuple((0..count).map(part).collect::<Option<_>>()?)
            }
            id => Self::Simple(id),
        })
    }

    /// As CQL writes it.
    pub fn name(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self {
            Self::Custom(class) => text(class),
            Self::Simple(id) => simple_name(*id).to_owned(),
            Self::Elements(id, of) => {
                format!("{}<{}>", if *id == 0x20 { "list" } else { "set" }, of.name())
            }
            Self::Map(of) => format!("map<{}, {}>", of.0.name(), of.1.name()),
            Self::Udt(name, _) => text(name),
            Self::Tuple(of) => {
                let parts: Vec<_> = of.iter().map(Self::name).collect();
                format!("tuple<{}>", parts.join(", "))
            }
        }
    }

    /// Writes a value as JSON; `None` is a null.
    pub fn write(&self, value: Option<&[u8]>, out: &mut Vec<u8>) {
        let Some(value) = value else { return out.extend_from_slice(b"null") };
        let begin = out.len();
        if self.write_read(value, out).is_none() {
            out.truncate(begin);
            write_hex(value, out);
        }
    }

    fn write_read(&self, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Custom(_) => None,
            Self::Simple(id) => write_simple(*id, value, out),
            Self::Elements(_, of) => write_parts(value, out, [b'[', b']'], |cursor, out| {
                of.write(cursor.bytes()?, out);
                Some(())
            }),
            Self::Map(of) => write_parts(value, out, [b'{', b'}'], |cursor, out| {
                write_key(&of.0, cursor.bytes()?, out);
                out.push(b':');
                of.1.write(cursor.bytes()?, out);
                Some(())
            }),
            Self::Udt(_, fields) => {
                let mut cursor = Cursor(value);
                out.push(b'{');
                for (at, (name, of)) in fields.iter().enumerate() {
                    separate(at, out);
                    json::push_bytes_lossy(out, name);
                    out.push(b':');
                    // Fields that were added later are not there.
                    of.write(cursor.bytes().flatten(), out);
                }
                out.push(b'}');
                Some(())
            }
            Self::Tuple(parts) => {
                let mut cursor = Cursor(value);
                out.push(b'[');
                for (at, of) in parts.iter().enumerate() {
                    separate(at, out);
                    of.write(cursor.bytes().flatten(), out);
                }
                out.push(b']');
                Some(())
            }
        }
    }
}

/// Writes a value whose type is not known: text if it looks so.
pub fn write_unknown(value: Option<&[u8]>, out: &mut Vec<u8>) {
    match value {
        None => out.extend_from_slice(b"null"),
        Some(value) => match std::str::from_utf8(value) {
            Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => {
                out.push(b'"');
                json::push_inner_lossy(out, front(value));
                end_string(value, out);
            }
            _ => write_hex(value, out),
        },
    }
}

fn separate(at: usize, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
}

/// A collection: how many, then each.
fn write_parts(
    value: &[u8],
    out: &mut Vec<u8>,
    around: [u8; 2],
    mut part: impl FnMut(&mut Cursor<'_>, &mut Vec<u8>) -> Option<()>,
) -> Option<()> {
    let mut cursor = Cursor(value);
    let count = usize::try_from(cursor.int()?).ok()?;
    out.push(around[0]);
    for at in 0..count.min(ELEMENTS_MAX) {
        separate(at, out);
        part(&mut cursor, out)?;
    }
    if count > ELEMENTS_MAX {
        out.extend_from_slice(if around == *b"{}" { ",\"…\":null" } else { ",\"…\"" }.as_bytes());
    }
    out.push(around[1]);
    Some(())
}

/// Names in JSON are strings.
fn write_key(of: &Type<'_>, value: Option<&[u8]>, out: &mut Vec<u8>) {
    let mut key = Vec::new();
    of.write(value, &mut key);
    if key.first() == Some(&b'"') {
        out.extend_from_slice(&key);
    } else {
        json::push_bytes_lossy(out, &key);
    }
}

fn write_simple(id: u16, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    match id {
        0x0001 | 0x000a | 0x000d => {
            std::str::from_utf8(value).ok()?;
            out.push(b'"');
            json::push_inner_lossy(out, front(value));
            end_string(value, out);
        }
        0x0002 | 0x0005 | 0x0009 | 0x0013 | 0x0014 => push(out, integer(value)?),
        0x000e => push(out, integer(value)?),
        0x0004 => push(out, *value.first()? != 0),
        0x0006 => return write_decimal(value, out),
        0x0007 => return write_float(f64::from_be_bytes(value.try_into().ok()?), out),
        0x0008 => return write_float(f32::from_be_bytes(value.try_into().ok()?).into(), out),
        0x000b => quoted(out, &timestamp(integer(value)?)?),
        0x000c | 0x000f if value.len() == 16 => quoted(out, &spell::uuid(value)),
        0x000c | 0x000f => return None,
        0x0010 => quoted(out, &spell::ip(value)?.to_string()),
        0x0011 => {
            let days = i64::from(u32::from_be_bytes(value.try_into().ok()?)) - DATE_EPOCH;
            quoted(out, &Date::of_day(days).to_string());
        }
        0x0012 => quoted(out, &time(integer(value)?)?),
        0x0015 => quoted(out, &duration(value)?),
        _ => return None,
    }
    Some(())
}

/// A signed number of at most 16 bytes (`varint` may have more).
fn integer(value: &[u8]) -> Option<i128> {
    let first = *value.first()?;
    if value.len() > 16 {
        return None;
    }
    let sign = if first & 0x80 == 0 { 0 } else { -1 };
    Some(value.iter().fold(sign, |n: i128, byte| n << 8 | i128::from(*byte)))
}

fn write_decimal(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut cursor = Cursor(value);
    let scale = cursor.int()?;
    let number = integer(cursor.0)?;
    let digits = number.unsigned_abs().to_string();
    let sign = if number < 0 { "-" } else { "" };
    let Some(scale) = usize::try_from(scale).ok().filter(|scale| *scale < 64) else {
        quoted(out, &format!("{number}E{}", -i64::from(scale)));
        return Some(());
    };
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, part) = digits.split_at_checked(digits.len() - scale)?;
    let dot = if part.is_empty() { "" } else { "." };
    out.extend_from_slice(format!("{sign}{whole}{dot}{part}").as_bytes());
    Some(())
}

fn write_float(value: f64, out: &mut Vec<u8>) -> Option<()> {
    if value.is_finite() {
        push(out, value)
    } else {
        quoted(out, &value.to_string())
    }
    Some(())
}

/// Milliseconds since 1970 as ISO 8601 writes them.
fn timestamp(millis: i128) -> Option<String> {
    let millis = i64::try_from(millis).ok()?;
    let of_day = millis.rem_euclid(86_400_000);
    let clock = time(i128::from(of_day) * 1_000_000)?;
    let clock = clock.get(..12)?;
    Some(format!("{}T{clock}Z", Date::of_day(millis.div_euclid(86_400_000))))
}

/// Nanoseconds since midnight.
fn time(nanos: i128) -> Option<String> {
    let nanos = u64::try_from(nanos).ok().filter(|nanos| *nanos < 86_400_000_000_000)?;
    let (seconds, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    Some(format!("{hours:02}:{minutes:02}:{:02}.{nanos:09}", seconds % 60))
}

/// Months, days and nanoseconds.
fn duration(value: &[u8]) -> Option<String> {
    let mut cursor = Cursor(value);
    let (months, days, nanos) = (cursor.signed()?, cursor.signed()?, cursor.signed()?);
    Some(format!("{months}mo{days}d{nanos}ns"))
}

fn write_hex(value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"0x");
    push_hex(front(value), out);
    end_string(value, out);
}

/// Ends the string of a value, and says if not all of it is there.
fn end_string(value: &[u8], out: &mut Vec<u8>) {
    if value.len() > VALUE_MAX {
        out.extend_from_slice("…".as_bytes());
    }
    out.push(b'"');
}

fn front(value: &[u8]) -> &[u8] {
    value.get(..VALUE_MAX).unwrap_or(value)
}

fn push(out: &mut Vec<u8>, what: impl std::fmt::Display) {
    out.extend_from_slice(what.to_string().as_bytes());
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    json::push_str(out, text);
}

fn simple_name(id: u16) -> &'static str {
    match id {
        0x0001 => "ascii",
        0x0002 => "bigint",
        0x0003 => "blob",
        0x0004 => "boolean",
        0x0005 => "counter",
        0x0006 => "decimal",
        0x0007 => "double",
        0x0008 => "float",
        0x0009 => "int",
        0x000a | 0x000d => "text",
        0x000b => "timestamp",
        0x000c => "uuid",
        0x000e => "varint",
        0x000f => "timeuuid",
        0x0010 => "inet",
        0x0011 => "date",
        0x0012 => "time",
        0x0013 => "smallint",
        0x0014 => "tinyint",
        0x0015 => "duration",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(of: &Type<'_>, value: &[u8]) -> String {
        let mut out = Vec::new();
        of.write(Some(value), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_written_as_their_types_say() {
        let text = b"\0\0\0\x01a";
        let list = [b"\0\0\0\x02", &text[..], &text[..]].concat();
        let map = [b"\0\0\0\x01", &text[..], b"\0\0\0\x04\0\0\0\x07"].concat();
        let simple = |id| Type::Simple(id);
        for (of, value, wanted) in [
            (simple(0x0d), &b"a\"b"[..], r#""a\"b""#),
            (simple(0x09), b"\xff\xff\xff\xfe", "-2"),
            (simple(0x0e), b"\x01\0\0\0\0\0\0\0\0", "18446744073709551616"),
            (simple(0x06), b"\0\0\0\x02\x30\x39", "123.45"),
            (simple(0x06), b"\0\0\0\x04\xfb", "-0.0005"),
            (simple(0x04), b"\x01", "true"),
            (simple(0x07), b"\x3f\xf8\0\0\0\0\0\0", "1.5"),
            (simple(0x0b), b"\0\0\x01\x8c\xf2\x1b\xd4\x80", "\"2024-01-10T06:42:39.360Z\""),
            (simple(0x11), b"\x80\0\0\0", "\"1970-01-01\""),
            (simple(0x11), b"\x7f\xff\xff\xff", "\"1969-12-31\""),
            (simple(0x12), b"\0\0\0\0\0\0\0\x01", "\"00:00:00.000000001\""),
            (simple(0x10), b"\x7f\0\0\x01", "\"127.0.0.1\""),
            (simple(0x03), b"\x01\xff", "\"0x01ff\""),
            (simple(0x09), b"", "\"0x\""),
            (Type::Elements(0x20, Box::new(simple(0x0d))), &list, r#"["a","a"]"#),
            (Type::Map(Box::new((simple(0x0d), simple(0x09)))), &map, r#"{"a":7}"#),
            (Type::Tuple(vec![simple(0x0d), simple(0x09)]), text, r#"["a",null]"#),
            (Type::Udt(b"u", vec![(b"n", simple(0x0d))]), text, r#"{"n":"a"}"#),
        ] {
            assert_eq!(shown(&of, value), wanted);
        }
        let text = shown(&simple(0x0c), &[0x11; 16]);
        assert_eq!(text, "\"11111111-1111-1111-1111-111111111111\"");
    }

    #[test]
    fn types_within_types_end_somewhere() {
        assert_eq!(Type::read(&mut Cursor(&[0, 0x20].repeat(50))), None);
        let deep = [&[0, 0x20].repeat(3)[..], &[0, 9]].concat();
        assert_eq!(Type::read(&mut Cursor(&deep)).unwrap().name(), "list<list<list<int>>>");
    }
}
