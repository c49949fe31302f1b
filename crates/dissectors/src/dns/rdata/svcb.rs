//! The parameters of SVCB and HTTPS (RFC 9460 §2.1, §14.3.2).

use std::borrow::Cow;

use super::data::Data;
use crate::dns::{
    encode,
    wire::{Bad, Read},
};

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6HINT: u16 = 6;
const DOHPATH: u16 = 7;
const OHTTP: u16 = 8;
const TLS_SUPPORTED_GROUPS: u16 = 9;

/// `alpn="h2,h3" port=443 ipv4hint=192.0.2.1`.
pub fn parameters(data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    data.separated(out, |data, out| {
        let key = data.u16()?;
        let value = data.sized_long()?;
        out.extend_from_slice(name(key).as_bytes());
        if matches!(key, NO_DEFAULT_ALPN | OHTTP) && value.is_empty() {
            return Ok(());
        }
        out.push(b'=');
        let mut value = Data::new(value, 0..value.len());
        write_value(key, &mut value, out)?;
        if value.is_empty() { Ok(()) } else { Err(Bad::Damaged) }
    })
}

fn name(key: u16) -> Cow<'static, str> {
    Cow::Borrowed(match key {
        MANDATORY => "mandatory",
        ALPN => "alpn",
        NO_DEFAULT_ALPN => "no-default-alpn",
        PORT => "port",
        IPV4HINT => "ipv4hint",
        ECH => "ech",
        IPV6HINT => "ipv6hint",
        DOHPATH => "dohpath",
        OHTTP => "ohttp",
        TLS_SUPPORTED_GROUPS => "tls-supported-groups",
        _ => return Cow::Owned(format!("key{key}")),
    })
}

fn write_value(key: u16, value: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    match key {
        MANDATORY => listed(value, out, |value, out| {
            out.extend_from_slice(name(value.u16()?).as_bytes());
            Ok(())
        }),
        ALPN => {
            out.push(b'"');
            listed(value, out, |value, out| value.sized().map(|id| protocol_id(id, out)))?;
            out.push(b'"');
            Ok(())
        }
        PORT => value.u16().map(|n| encode::decimal(n, out)),
        IPV4HINT => listed(value, out, |value, out| value.array().map(|ip| encode::ip4(ip, out))),
        IPV6HINT => listed(value, out, |value, out| value.array().map(|ip| encode::ip6(ip, out))),
        TLS_SUPPORTED_GROUPS => {
            listed(value, out, |value, out| value.u16().map(|n| encode::decimal(n, out)))
        }
        ECH => {
            encode::base64(value.rest(), out);
            Ok(())
        }
        _ => {
            encode::quoted(value.rest(), out);
            Ok(())
        }
    }
}

/// A protocol in a list: a comma or backslash of its own is escaped twice (RFC 9460, appendix A.1).
fn protocol_id(id: &[u8], out: &mut Vec<u8>) {
    for byte in id {
        match byte {
            b',' => out.extend_from_slice(b"\\\\,"),
            b'\\' => out.extend_from_slice(b"\\\\\\\\"),
            _ => encode::escaped(&[*byte], out),
        }
    }
}

/// Things with commas between them, at least one.
fn listed(
    value: &mut Data<'_>,
    out: &mut Vec<u8>,
    write: impl Fn(&mut Data<'_>, &mut Vec<u8>) -> Read<()>,
) -> Read<()> {
    loop {
        write(value, out)?;
        if value.is_empty() {
            return Ok(());
        }
        out.push(b',');
    }
}
