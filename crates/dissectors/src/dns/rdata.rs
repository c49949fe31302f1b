//! Record data in presentation form, one row a type.

mod data;
mod odd;
mod svcb;

use std::ops::Range;

use content::short::push_few;

pub use self::data::Data;
use super::{
    codes::{self, kind},
    encode,
    name::Pointers,
    wire::{Bad, Read, Record},
};
use crate::spell::push_hex;

/// What a type's data is made of, in order; parts are written with a space between them.
enum Part {
    /// A name that may be compressed: the types of RFC 1035, and those which receivers shall
    /// understand all the same (RFC 3597 §4, RFC 6762 §18.14).
    Name,
    /// A name that may not.
    PlainName,
    U8,
    U16,
    U32,
    Ip4,
    Ip6,
    /// A type's name.
    Kind,
    /// Seconds since 1970, as a date.
    Date,
    /// One character string in quotes.
    Text,
    /// Character strings up to the end.
    Texts,
    /// All that is left as one string in quotes.
    Quoted,
    /// All that is left as hexadecimal.
    Hex,
    /// All that is left as Base64.
    Base64,
    /// A length and that many bytes, in hexadecimal; `-` for none.
    Salt,
    /// A length and that many bytes, in Base32.
    Base32,
    /// A length of two bytes and that many, as length and Base64.
    Sized64,
    /// Types in windows, up to the end (RFC 4034 §4.1.2).
    Kinds,
    /// Eight bytes as four groups (RFC 6742).
    Node,
    /// So many bytes, `00-00-5e`.
    Dashed(usize),
    /// What fits no row.
    Odd(fn(&mut Data<'_>, &mut Vec<u8>) -> Read<()>),
}

fn parts(record: &Record) -> Option<&'static [Part]> {
    use Part::*;
    Some(match record.kind {
        // In CHAOS an address is a network's name and a number in octal (RFC 1035 §3.4 is for IN).
        1 if record.class == 3 => &[Name, Odd(odd::octal)],
        1 => &[Ip4],
        2..=5 | 7..=9 | 12 | 23 | 39 => &[Name],
        6 => &[Name, Name, U32, U32, U32, U32, U32],
        11 => &[Ip4, U8, Odd(odd::ports)],
        13 => &[Text, Text],
        14 | 17 => &[Name, Name],
        15 | 18 | 21 | 36 => &[U16, Name],
        16 | 20 | 27 | 56 | 99 | 258 | 261 | 262 | 263 => &[Texts],
        19 => &[Text],
        22 => &[Odd(odd::nsap)],
        24 => &[Kind, U8, U8, U32, Date, Date, U16, Name, Base64],
        25 | 48 | 57 | 60 => &[U16, U8, U8, Base64],
        26 => &[U16, Name, Name],
        28 => &[Ip6],
        29 => &[Odd(odd::location)],
        30 => &[Name, Odd(odd::bitmap)],
        31 | 32 => &[Hex],
        33 => &[U16, U16, U16, Name],
        35 => &[U16, U16, Text, Text, Text, Name],
        37 => &[U16, U16, U8, Base64],
        38 => &[Odd(odd::a6)],
        42 => &[Odd(odd::prefixes)],
        43 | 59 | 32_768 | 32_769 => &[U16, U8, U8, Hex],
        44 => &[U8, U8, Hex],
        45 => &[Odd(odd::ipsec_gateway), Base64],
        46 => &[Kind, U8, U8, U32, Date, Date, U16, PlainName, Base64],
        47 => &[Name, Kinds],
        49 | 61 => &[Base64],
        50 => &[U8, U8, U16, Salt, Base32, Kinds],
        51 => &[U8, U8, U16, Salt],
        52 | 53 => &[U8, U8, U8, Hex],
        55 => &[Odd(odd::host_identity)],
        58 => &[PlainName, PlainName],
        62 => &[U32, U16, Kinds],
        63 => &[U32, U8, U8, Hex],
        64 | 65 => &[U16, PlainName, Odd(svcb::parameters)],
        66 => &[Kind, U8, U16, PlainName],
        104 | 106 => &[U16, Node],
        105 => &[U16, Ip4],
        107 => &[U16, PlainName],
        108 => &[Dashed(6)],
        109 => &[Dashed(8)],
        249 => &[PlainName, U32, U32, U16, U16, Sized64, Sized64],
        250 => &[PlainName, Odd(odd::signature)],
        256 => &[U16, U16, Quoted],
        257 => &[U8, Odd(odd::tag), Quoted],
        259 => &[U32, U32, U8, Text, Base64],
        260 => &[Odd(odd::relay)],
        _ => return None,
    })
}

/// Writes the data of `record`; `false` if it is not what its type says. It is then written as for a
/// type that nobody knows (RFC 3597 §5).
pub fn write(message: &[u8], record: &Record, out: &mut Vec<u8>) -> bool {
    let bytes = message.get(record.data.clone()).unwrap_or(&[]);
    // In an UPDATE these classes stand for conditions and deletions, without data (RFC 2136 §2.4).
    if bytes.is_empty() && matches!(record.class, 254 | 255) {
        return true;
    }
    let Some(parts) = parts(record) else {
        write_unknown(bytes, out);
        return true;
    };
    let start = out.len();
    if write_known(message, record.data.clone(), parts, out).is_ok() {
        return true;
    }
    out.truncate(start);
    write_unknown(bytes, out);
    false
}

/// `name. ttl class TYPE data`; `false` if it is not what its type says.
pub fn write_record(message: &[u8], record: &Record, class: u16, out: &mut Vec<u8>) -> bool {
    let named = super::name::write(message, record.name_at, Pointers::Followed, out).is_ok();
    out.push(b' ');
    encode::decimal(record.ttl, out);
    out.push(b' ');
    push_few(out, &codes::class(class));
    out.push(b' ');
    push_few(out, &codes::kind(record.kind));
    out.push(b' ');
    let whole = write(message, record, out);
    if out.last() == Some(&b' ') {
        out.pop();
    }
    named && whole
}

/// The address in an A or AAAA record.
pub fn write_address(message: &[u8], record: &Record, out: &mut Vec<u8>) -> bool {
    let bytes = message.get(record.data.clone()).unwrap_or(&[]);
    match (record.kind, bytes.len(), record.class & 0x7fff) {
        (kind::A, 4, 1) | (kind::AAAA, 16, 1) => write(message, record, out),
        _ => false,
    }
}

fn write_unknown(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\# ");
    encode::decimal(bytes.len() as u64, out);
    if !bytes.is_empty() {
        out.push(b' ');
        push_hex(bytes, out);
    }
}

fn write_known(message: &[u8], range: Range<usize>, parts: &[Part], out: &mut Vec<u8>) -> Read<()> {
    let mut data = Data::new(message, range);
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            out.push(b' ');
        }
        write_part(part, &mut data, out)?;
    }
    if out.last() == Some(&b' ') {
        out.pop();
    }
    if data.is_empty() { Ok(()) } else { Err(Bad::Damaged) }
}

fn write_part(part: &Part, data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    match part {
        Part::Name => data.name(Pointers::Followed, out)?,
        Part::PlainName => data.name(Pointers::Forbidden, out)?,
        Part::U8 => encode::decimal(data.u8()?, out),
        Part::U16 => encode::decimal(data.u16()?, out),
        Part::U32 => encode::decimal(data.u32()?, out),
        Part::Ip4 => encode::ip4(data.array()?, out),
        Part::Ip6 => encode::ip6(data.array()?, out),
        Part::Kind => out.extend_from_slice(&codes::kind(data.u16()?)),
        Part::Date => encode::date(data.u32()?, out),
        Part::Text => encode::quoted(data.sized()?, out),
        Part::Texts => {
            data.separated(out, |data, out| data.sized().map(|text| encode::quoted(text, out)))?
        }
        Part::Quoted => encode::quoted(data.rest(), out),
        Part::Hex => push_hex(data.rest(), out),
        Part::Base64 => encode::base64(data.rest(), out),
        Part::Salt => match data.sized()? {
            [] => out.push(b'-'),
            salt => push_hex(salt, out),
        },
        Part::Base32 => encode::base32hex(data.sized()?, out),
        Part::Sized64 => {
            let bytes = data.sized_long()?;
            encode::decimal(bytes.len() as u64, out);
            if !bytes.is_empty() {
                out.push(b' ');
                encode::base64(bytes, out);
            }
        }
        Part::Kinds => odd::kinds(data, out)?,
        Part::Node => joined(data.take(8)?.chunks(2), b':', out),
        Part::Dashed(len) => joined(data.take(*len)?.chunks(1), b'-', out),
        Part::Odd(write) => write(data, out)?,
    }
    Ok(())
}

fn joined<'d>(groups: impl Iterator<Item = &'d [u8]>, between: u8, out: &mut Vec<u8>) {
    for (n, group) in groups.enumerate() {
        if n > 0 {
            out.push(between);
        }
        push_hex(group, out);
    }
}
