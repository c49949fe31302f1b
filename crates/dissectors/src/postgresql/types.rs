//! Values of the common types, in text and in binary.
//!
//! Type numbers are those of PostgreSQL's `pg_type.dat`; binary forms are those of the types' send
//! functions.

use std::io::Write;

use model::Date;

use super::{
    text,
    wire::{self, long, short, take_long},
};
use crate::spell;

/// Days from 1970 to 2000, where PostgreSQL counts from.
const EPOCH_DAYS: i64 = 10_957;
const DAY_US: i64 = 86_400_000_000;
/// Elements of an array that are shown.
const ELEMENTS_MAX: usize = 64;
/// Digits of a number, in groups of four.
const GROUPS_MAX: usize = 64;

const BOOL: u32 = 16;
const BYTEA: u32 = 17;
const INT8: u32 = 20;
const INT2: u32 = 21;
const INT4: u32 = 23;
const OID: u32 = 26;
const FLOAT4: u32 = 700;
const FLOAT8: u32 = 701;
const INET: u32 = 869;
const CIDR: u32 = 650;
const DATE: u32 = 1082;
const TIME: u32 = 1083;
const TIMESTAMP: u32 = 1114;
const TIMESTAMPTZ: u32 = 1184;
const INTERVAL: u32 = 1186;
const NUMERIC: u32 = 1700;
const UUID: u32 = 2950;
const JSONB: u32 = 3802;

/// The name of a type; nothing for one that is not common.
pub fn name(oid: u32) -> Option<&'static str> {
    Some(match oid {
        BOOL => "bool",
        BYTEA => "bytea",
        18 => "char",
        19 => "name",
        INT8 => "int8",
        INT2 => "int2",
        INT4 => "int4",
        24 => "regproc",
        25 => "text",
        OID => "oid",
        114 => "json",
        142 => "xml",
        CIDR => "cidr",
        FLOAT4 => "float4",
        FLOAT8 => "float8",
        705 => "unknown",
        790 => "money",
        829 => "macaddr",
        INET => "inet",
        1000 => "bool[]",
        1005 => "int2[]",
        1007 => "int4[]",
        1009 => "text[]",
        1015 => "varchar[]",
        1016 => "int8[]",
        1021 => "float4[]",
        1022 => "float8[]",
        1028 => "oid[]",
        1042 => "bpchar",
        1043 => "varchar",
        DATE => "date",
        TIME => "time",
        TIMESTAMP => "timestamp",
        TIMESTAMPTZ => "timestamptz",
        INTERVAL => "interval",
        1266 => "timetz",
        1560 => "bit",
        1562 => "varbit",
        NUMERIC => "numeric",
        2205 => "regclass",
        2278 => "void",
        UUID => "uuid",
        2951 => "uuid[]",
        JSONB => "jsonb",
        3614 => "tsvector",
        _ => return None,
    })
}

/// Writes a value as JSON; `cut` if bytes of it are missing.
pub fn json(out: &mut Vec<u8>, oid: u32, binary: bool, value: &[u8], cut: bool) {
    if !binary {
        return written(out, oid, value, cut);
    }
    if cut || decoded(out, oid, value).is_none() {
        hex(out, value, cut);
    }
}

/// A value in text.
fn written(out: &mut Vec<u8>, oid: u32, value: &[u8], cut: bool) {
    match (oid, value) {
        (BOOL, b"t") => out.extend_from_slice(b"true"),
        (BOOL, b"f") => out.extend_from_slice(b"false"),
        (INT8 | INT2 | INT4 | OID | FLOAT4 | FLOAT8 | NUMERIC, _) => text::number(out, value, cut),
        _ => text::string(out, value, cut),
    }
}

/// Writes a parameter, of a type that is perhaps not known: 0.
pub fn parameter(out: &mut Vec<u8>, oid: u32, binary: bool, value: &[u8], cut: bool) {
    let is_text = |value: &[u8]| {
        std::str::from_utf8(value).is_ok_and(|text| !text.chars().any(char::is_control))
    };
    if binary && name(oid).is_none() && !cut {
        return match value.len() {
            2 => json(out, INT2, true, value, cut),
            4 => json(out, INT4, true, value, cut),
            8 => json(out, INT8, true, value, cut),
            _ if is_text(value) => text::string(out, value, cut),
            _ => hex(out, value, cut),
        };
    }
    json(out, oid, binary, value, cut);
}

fn hex(out: &mut Vec<u8>, value: &[u8], cut: bool) {
    let shown = value.get(..256).unwrap_or(value);
    let text = format!("\\x{}", spell::hex(shown));
    text::string(out, text.as_bytes(), cut || value.len() > 256);
}

/// A value in binary; nothing written if it is not one of its type.
fn decoded(out: &mut Vec<u8>, oid: u32, value: &[u8]) -> Option<()> {
    let fixed8 = || value.try_into().ok().map(i64::from_be_bytes);
    let fixed4 = || value.try_into().ok().map(i32::from_be_bytes);
    match oid {
        BOOL => match value {
            [0] => out.extend_from_slice(b"false"),
            [1] => out.extend_from_slice(b"true"),
            _ => return None,
        },
        INT2 => write_number(out, i16::from_be_bytes(value.try_into().ok()?)),
        INT4 => write_number(out, fixed4()?),
        INT8 => write_number(out, fixed8()?),
        OID | 24 | 2205 => write_number(out, u32::from_be_bytes(value.try_into().ok()?)),
        FLOAT4 => write_number(out, f32::from_be_bytes(value.try_into().ok()?)),
        FLOAT8 => write_number(out, f64::from_be_bytes(value.try_into().ok()?)),
        18 | 19 | 25 | 114 | 142 | 705 | 1042 | 1043 => text::string(out, value, false),
        JSONB => text::string(out, value.strip_prefix(&[1])?, false),
        UUID if value.len() == 16 => text::string(out, spell::uuid(value).as_bytes(), false),
        DATE => text::string(out, date(i64::from(fixed4()?)).as_bytes(), false),
        TIME => text::string(out, time(fixed8()?).as_bytes(), false),
        TIMESTAMP => text::string(out, timestamp(fixed8()?).as_bytes(), false),
        TIMESTAMPTZ => text::string(out, (timestamp(fixed8()?) + "+00").as_bytes(), false),
        INTERVAL => text::string(out, interval(value)?.as_bytes(), false),
        NUMERIC => text::number(out, numeric(value)?.as_bytes(), false),
        INET | CIDR => text::string(out, address(value)?.as_bytes(), false),
        1000 | 1005 | 1007 | 1009 | 1015 | 1016 | 1021 | 1022 | 1028 | 2951 => {
            let array = array(value)?;
            out.extend_from_slice(&array);
        }
        _ => return None,
    }
    Some(())
}

fn write_number(out: &mut Vec<u8>, number: impl std::fmt::Display) {
    text::number(out, number.to_string().as_bytes(), false);
}

/// A day counted from 2000.
fn date(days: i64) -> String {
    Date::of_day(days.saturating_add(EPOCH_DAYS)).to_string()
}

fn time(us: i64) -> String {
    let us = us.rem_euclid(DAY_US);
    let (seconds, part) = (us / 1_000_000, us % 1_000_000);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if part > 0 {
        text += format!(".{part:06}").trim_end_matches('0');
    }
    text
}

fn timestamp(us: i64) -> String {
    match us {
        i64::MAX => "infinity".into(),
        i64::MIN => "-infinity".into(),
        _ => format!("{} {}", date(us.div_euclid(DAY_US)), time(us)),
    }
}

fn interval(value: &[u8]) -> Option<String> {
    let (us, rest) = value.split_first_chunk()?;
    let us = i64::from_be_bytes(*us);
    let days = long(rest, 0)?.cast_signed();
    let months = long(rest, 4)?.cast_signed();
    let mut parts = Vec::new();
    if months != 0 {
        parts.push(format!("{months} mons"));
    }
    if days != 0 {
        parts.push(format!("{days} days"));
    }
    if us != 0 || parts.is_empty() {
        let sign = if us < 0 { "-" } else { "" };
        let us = us.unsigned_abs();
        let hours = us / 3_600_000_000;
        let below = time(i64::try_from(us % 3_600_000_000).ok()?);
        parts.push(format!("{sign}{hours:02}{}", below.get(2..)?));
    }
    Some(parts.join(" "))
}

/// Groups of four digits, the weight of the first, a sign, and the digits behind the point.
fn numeric(value: &[u8]) -> Option<String> {
    let groups = value.get(8..)?.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let count = usize::from(short(value, 0)?);
    let weight = i32::from(short(value, 2)?.cast_signed());
    let scale = usize::from(short(value, 6)?);
    if count > GROUPS_MAX || scale > 4 * GROUPS_MAX || weight.abs() > GROUPS_MAX as i32 {
        return None;
    }
    let mut text = match short(value, 4)? {
        0 => String::new(),
        0x4000 => "-".to_owned(),
        0xc000 => return Some("NaN".into()),
        0xd000 => return Some("Infinity".into()),
        0xf000 => return Some("-Infinity".into()),
        _ => return None,
    };
    let groups: Vec<u16> = groups.take(count).collect();
    let at = |n: i32| usize::try_from(n).ok().and_then(|n| groups.get(n)).copied().unwrap_or(0);
    if weight < 0 {
        text.push('0');
    }
    for n in 0..=weight {
        text += &if n == 0 { at(0).to_string() } else { format!("{:04}", at(n)) };
    }
    if scale > 0 {
        let mut behind = String::new();
        let mut n = weight + 1;
        while behind.len() < scale {
            behind += &format!("{:04}", at(n));
            n += 1;
        }
        text.push('.');
        text += behind.get(..scale)?;
    }
    Some(text)
}

fn address(value: &[u8]) -> Option<String> {
    let [_, bits, _, _, address @ ..] = value else { return None };
    let ip = spell::ip(address)?;
    let is_whole = usize::from(*bits) == address.len() * 8;
    Some(if is_whole { ip.to_string() } else { format!("{ip}/{bits}") })
}

/// An array of one dimension.
fn array(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![b'['];
    let element = long(value, 8)?;
    match long(value, 0)? {
        0 => {}
        // An array in an array has a type of its own only in text.
        1 if name(element).is_some_and(|name| !name.ends_with("[]")) => {
            let values = wire::values(value.get(20..)?);
            for (n, value) in values.take(ELEMENTS_MAX).enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                match value {
                    Some((value, cut)) => json(&mut out, element, true, value, cut),
                    None => out.extend_from_slice(b"null"),
                }
            }
        }
        _ => return None,
    }
    let _ = out.write_all(b"]");
    Some(out)
}

// === Bind ===

/// The parameters of a `Bind`: whether each is binary, and its value.
pub fn parameters(behind_name: &[u8]) -> impl Iterator<Item = (bool, Option<(&[u8], bool)>)> {
    let count = usize::from(short(behind_name, 0).unwrap_or(0));
    let formats = behind_name.get(2..2 + 2 * count).unwrap_or_default();
    let rest = behind_name.get(2 + 2 * count..).unwrap_or_default();
    let values = usize::from(short(rest, 0).unwrap_or(0));
    let binary = move |n: usize| match count {
        0 => false,
        1 => formats == [0, 1],
        _ => formats.get(2 * n..2 * n + 2) == Some(&[0, 1]),
    };
    let values = wire::values(rest.get(2..).unwrap_or_default()).take(values);
    values.enumerate().map(move |(n, value)| (binary(n), value))
}

/// What is behind the parameters of a `Bind`: the formats of the result.
pub fn behind_parameters(behind_name: &[u8]) -> &[u8] {
    let count = usize::from(short(behind_name, 0).unwrap_or(0));
    let mut rest = behind_name.get(2 + 2 * count..).unwrap_or_default();
    let values = short(rest, 0).unwrap_or(0);
    rest = rest.get(2..).unwrap_or_default();
    for _ in 0..values {
        match take_long(&mut rest) {
            Some(u32::MAX) => {}
            Some(len) => rest = rest.get(len as usize..).unwrap_or_default(),
            None => return &[],
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(oid: u32, value: &[u8]) -> String {
        let mut out = Vec::new();
        json(&mut out, oid, true, value, false);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn binary_values_as_the_server_sends_them() {
        for (oid, value, wanted) in [
            (BOOL, &[1][..], "true"),
            (INT2, &[0xff, 0xff], "-1"),
            (INT4, &[0, 0, 1, 0], "256"),
            (INT8, &[0, 0, 0, 0, 0, 0, 0, 7], "7"),
            (FLOAT8, &1.5_f64.to_be_bytes(), "1.5"),
            (FLOAT8, &f64::NAN.to_be_bytes(), "\"NaN\""),
            (25, b"a\"b", "\"a\\\"b\""),
            (JSONB, b"\x01{}", "\"{}\""),
            (DATE, &0_i32.to_be_bytes(), "\"2000-01-01\""),
            (DATE, &(-1_i32).to_be_bytes(), "\"1999-12-31\""),
            (DATE, &8_825_i32.to_be_bytes(), "\"2024-02-29\""),
            (TIME, &3_723_500_000_i64.to_be_bytes(), "\"01:02:03.5\""),
            (TIMESTAMPTZ, &86_400_000_001_i64.to_be_bytes(), "\"2000-01-02 00:00:00.000001+00\""),
            (NUMERIC, &[0, 2, 0, 0, 0, 0, 0, 2, 0, 123, 0x11, 0x94], "123.45"),
            (NUMERIC, &[0, 1, 0xff, 0xff, 0x40, 0, 0, 3, 0, 50], "-0.005"),
            (NUMERIC, &[0, 1, 0, 1, 0, 0, 0, 0, 0, 7], "70000"),
            (NUMERIC, &[0, 0, 0, 0, 0xc0, 0, 0, 0], "\"NaN\""),
            (INET, &[2, 24, 0, 4, 10, 0, 0, 1], "\"10.0.0.1/24\""),
            (
                1007,
                &[
                    0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0,
                    0, 5, 0xff, 0xff, 0xff, 0xff,
                ],
                "[5,null]",
            ),
            (INT4, b"abc", "\"\\\\x616263\""),
            (99_999, b"\x01", "\"\\\\x01\""),
        ] {
            assert_eq!(shown(oid, value), wanted, "{oid} {value:?}");
        }
        let mut interval = 3_600_000_000_i64.to_be_bytes().to_vec();
        interval.extend([0, 0, 0, 2, 0, 0, 0, 1]);
        assert_eq!(shown(INTERVAL, &interval), "\"1 mons 2 days 01:00:00\"");
        assert_eq!(shown(UUID, &[0xab; 16]), "\"abababab-abab-abab-abab-abababababab\"");
    }

    proptest::proptest! {
        #[test]
        fn no_value_makes_it_panic(oid in 0u32..4_000, value in proptest::collection::vec(0u8..=255, 0..60)) {
            for binary in [true, false] {
                let mut out = Vec::new();
                json(&mut out, oid, binary, &value, false);
                parameter(&mut out, oid, binary, &value, true);
            }
            let _ = parameters(&value).count();
            let _ = behind_parameters(&value);
        }
    }
}
