//! What the OPT record says (RFC 6891): not a record of the zone but a second header.

use std::io::Write;

use super::{
    codes::{self, kind},
    encode,
    name::Pointers,
    rdata::Data,
    wire::{Bad, Header, Item, Read, Record, Section, Walk},
};
use crate::spell::push_hex;

/// The fixed part of an OPT record.
#[derive(Clone, Debug)]
pub struct Edns {
    /// The largest datagram the sender takes.
    pub udp_size: u16,
    /// The eight high bits of the response code.
    pub rcode_high: u8,
    pub version: u8,
    /// DNSSEC records are wanted (RFC 3225).
    pub dnssec_ok: bool,
    /// Where the options are.
    pub record: Record,
}

// === impl Edns ===

impl Edns {
    /// That of a message, if it has one and it can be reached.
    pub fn of(message: &[u8], header: &Header) -> Option<Self> {
        // RFC 6891 §6.1.1: in the additional section.
        if header.counts[3] == 0 {
            return None;
        }
        Walk::new(message, header).find_map(|item| match item {
            Item::Record(record) => Self::from_record(&record),
            Item::Question(_) => None,
        })
    }

    /// What the record says, if it is an OPT.
    pub fn from_record(record: &Record) -> Option<Self> {
        if record.kind != kind::OPT || record.section != Section::Additional {
            return None;
        }
        let record = record.clone();
        let [rcode_high, version, high, _] = record.ttl.to_be_bytes();
        let (udp_size, dnssec_ok) = (record.class, high & 0x80 != 0);
        Some(Self { udp_size, rcode_high, version, dnssec_ok, record })
    }

    /// Offers each option as text; whether all could be read.
    pub fn options(&self, message: &[u8], out: &mut Vec<u8>, mut each: impl FnMut(&[u8])) -> bool {
        let mut data = Data::new(message, self.record.data.clone());
        while !data.is_empty() {
            out.clear();
            let read = write_option(message, &mut data, out);
            each(out);
            if read.is_err() {
                return false;
            }
        }
        true
    }
}

/// The response code of a message: twelve bits with EDNS, four without.
pub fn rcode(message: &[u8], header: &Header) -> u16 {
    full_rcode(header, Edns::of(message, header).as_ref())
}

/// The same where the OPT was looked for already.
pub fn full_rcode(header: &Header, edns: Option<&Edns>) -> u16 {
    u16::from(edns.map_or(0, |edns| edns.rcode_high)) << 4 | header.rcode()
}

/// Takes one option off `data`. Damage inside it is shown as bytes and does not end the list.
fn write_option(message: &[u8], data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    let (code, len) = (data.u16()?, data.u16()?);
    match codes::option_name(code) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => write!(out, "option{code}").unwrap_or_default(),
    }
    let at = data.position();
    let value = data.take(usize::from(len))?;
    if value.is_empty() && code != codes::option::PADDING {
        return Ok(());
    }
    out.push(b' ');
    let start = out.len();
    let mut inside = Data::new(message, at..at + value.len());
    if write_value(code, &mut inside, out).is_err() || !inside.is_empty() {
        out.truncate(start);
        push_hex(value, out);
    }
    Ok(())
}

fn write_value(code: u16, value: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    use codes::option;
    match code {
        option::NSID => {
            let id = value.rest();
            push_hex(id, out);
            if id.iter().all(|byte| matches!(byte, b' '..=b'~')) {
                out.push(b' ');
                encode::quoted(id, out);
            }
        }
        option::DAU | option::DHU | option::N3U => {
            value.separated(out, |value, out| value.u8().map(|n| encode::decimal(n, out)))?;
        }
        option::CLIENT_SUBNET => client_subnet(value, out)?,
        option::EXPIRE => encode::decimal(value.u32()?, out),
        // Tenths of a second (RFC 7828 §3.1).
        option::TCP_KEEPALIVE => {
            let tenths = value.u16()?;
            let _ = write!(out, "{}.{}s", tenths / 10, tenths % 10);
        }
        option::PADDING => encode::decimal(value.rest().len() as u64, out),
        option::CHAIN | option::REPORT_CHANNEL => value.name(Pointers::Forbidden, out)?,
        option::KEY_TAG => {
            value.separated(out, |value, out| value.u16().map(|n| encode::decimal(n, out)))?;
        }
        option::EDE => extended_error(value, out)?,
        _ => push_hex(value.rest(), out),
    }
    Ok(())
}

/// Address, bits of it that are meant, bits that the answer holds for (RFC 7871 §6).
fn client_subnet(value: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    let family = value.u16()?;
    let [source, scope] = value.array()?;
    let address = value.rest();
    match family {
        1 => encode::ip4(encode::ip_prefix(address).ok_or(Bad::Damaged)?, out),
        2 => encode::ip6(encode::ip_prefix(address).ok_or(Bad::Damaged)?, out),
        _ => return Err(Bad::Damaged),
    }
    let _ = write!(out, "/{source}/{scope}");
    Ok(())
}

/// `18 (Prohibited): text` (RFC 8914 §2), as dig writes it.
fn extended_error(value: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    let code = value.u16()?;
    encode::decimal(code, out);
    if let Some(meaning) = codes::extended_error(code) {
        let _ = write!(out, " ({meaning})");
    }
    let text = value.rest();
    if !text.is_empty() {
        out.extend_from_slice(b": ");
        encode::escaped_utf8(text, out);
    }
    Ok(())
}
