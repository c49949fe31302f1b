//! Data whose shape depends on itself.

use std::io::Write;

use super::data::Data;
use crate::dns::{
    codes, encode,
    name::Pointers,
    wire::{Bad, Read},
};
use crate::spell::push_hex;

/// Bytes of a bitmap of ports (WKS).
const PORT_BYTES_MAX: usize = 65_536 / 8;

/// A number in octal: a CHAOS address.
pub fn octal(data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    let _ = write!(out, "{:o}", data.u16()?);
    Ok(())
}

/// Ports as bits (RFC 1035 §3.4.2).
pub fn ports(data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    let bits = data.rest();
    if bits.len() > PORT_BYTES_MAX {
        return Err(Bad::Damaged);
    }
    numbers(bits, out, |port, out| encode::decimal(port as u64, out));
    Ok(())
}

/// Types as bits, the first 128 of them (RFC 2535 §5.2).
pub fn bitmap(data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    let bits = data.rest();
    if bits.len() > 16 {
        return Err(Bad::Damaged);
    }
    numbers(bits, out, |kind, out| out.extend_from_slice(&codes::kind(kind as u16)));
    Ok(())
}

/// Types as bits in windows of 256 (RFC 4034 §4.1.2).
pub fn kinds(data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    let mut above = None;
    data.separated(out, |data, out| {
        let window = data.u8()?;
        let bits = data.sized()?;
        // Windows rise, so no type comes twice.
        if bits.is_empty() || bits.len() > 32 || above.is_some_and(|above| window <= above) {
            return Err(Bad::Damaged);
        }
        above = Some(window);
        numbers(bits, out, |low, out| {
            out.extend_from_slice(&codes::kind(u16::from(window) << 8 | low as u16));
        });
        Ok(())
    })
}

/// Writes the numbers of the bits that are set, the highest bit of the first byte being 0.
fn numbers(bits: &[u8], out: &mut Vec<u8>, write: impl Fn(usize, &mut Vec<u8>)) {
    let start = out.len();
    for (n, byte) in bits.iter().enumerate() {
        for bit in (0..8).filter(|bit| byte & 0x80 >> bit != 0) {
            if out.len() > start {
                out.push(b' ');
            }
            write(8 * n + bit, out);
        }
    }
}

/// `0x47…` (RFC 1706 §5).
pub fn nsap(data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    out.extend_from_slice(b"0x");
    push_hex(data.rest(), out);
    Ok(())
}

/// A place on Earth (RFC 1876).
pub fn location(data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    let [version, size, across, up] = data.array()?;
    if version != 0 {
        return Err(Bad::Damaged);
    }
    angle(data.u32()?, ["N", "S"], out);
    angle(data.u32()?, ["E", "W"], out);
    let above = i64::from(data.u32()?) - 10_000_000;
    let sign = if above < 0 { "-" } else { "" };
    let _ = write!(out, "{sign}{}.{:02}m", above.abs() / 100, above.abs() % 100);
    for centimetres in [size, across, up] {
        let (digit, tens) = (centimetres >> 4, centimetres & 0xf);
        if digit > 9 || tens > 9 {
            return Err(Bad::Damaged);
        }
        let length = u64::from(digit) * 10u64.pow(u32::from(tens));
        let _ = write!(out, " {}.{:02}m", length / 100, length % 100);
    }
    Ok(())
}

/// Thousandths of a second of arc, 2^31 being the equator or Greenwich.
fn angle(from_wire: u32, [plus, minus]: [&str; 2], out: &mut Vec<u8>) {
    let side = if from_wire >= 1 << 31 { plus } else { minus };
    let thousandths = from_wire.abs_diff(1 << 31);
    let (seconds, fraction) = (thousandths / 1_000, thousandths % 1_000);
    let (degrees, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let _ = write!(out, "{degrees} {minutes} {}.{fraction:03} {side} ", seconds % 60);
}

/// An address in two parts (RFC 2874 §3.1).
pub fn a6(data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    let prefix = data.u8()?;
    if prefix > 128 {
        return Err(Bad::Damaged);
    }
    encode::decimal(prefix, out);
    let sent = data.take((128 - usize::from(prefix)).div_ceil(8))?;
    let mut whole = [0; 16];
    if let Some(low) = whole.get_mut(16 - sent.len()..) {
        low.copy_from_slice(sent);
    }
    if prefix < 128 {
        out.push(b' ');
        encode::ip6(whole, out);
    }
    if prefix > 0 {
        out.push(b' ');
        data.name(Pointers::Forbidden, out)?;
    }
    Ok(())
}

/// `1:192.0.2.0/24 !2:2001:db8::/32` (RFC 3123).
pub fn prefixes(data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    data.separated(out, |data, out| {
        let family = data.u16()?;
        let [bits, len] = data.array()?;
        let address = data.take(usize::from(len & 0x7f))?;
        if len & 0x80 != 0 {
            out.push(b'!');
        }
        encode::decimal(family, out);
        out.push(b':');
        match family {
            1 => encode::ip4(encode::ip_prefix(address).ok_or(Bad::Damaged)?, out),
            2 => encode::ip6(encode::ip_prefix(address).ok_or(Bad::Damaged)?, out),
            _ => push_hex(address, out),
        }
        out.push(b'/');
        encode::decimal(bits, out);
        Ok(())
    })
}

/// Precedence, kind of gateway, algorithm, gateway (RFC 4025 §2.1).
pub fn ipsec_gateway(data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    let [precedence, how, algorithm] = data.array()?;
    let _ = write!(out, "{precedence} {how} {algorithm} ");
    gateway(how, data, out)
}

/// Precedence, discovery, kind of relay, relay (RFC 8777 §4.1).
pub fn relay(data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    let [precedence, how] = data.array()?;
    let _ = write!(out, "{precedence} {} {} ", how >> 7, how & 0x7f);
    gateway(how & 0x7f, data, out)
}

fn gateway(how: u8, data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    match how {
        0 => out.push(b'.'),
        1 => encode::ip4(data.array()?, out),
        2 => encode::ip6(data.array()?, out),
        3 => data.name(Pointers::Forbidden, out)?,
        _ => return Err(Bad::Damaged),
    }
    Ok(())
}

/// Algorithm, tag, key, rendezvous servers (RFC 8005 §5).
pub fn host_identity(data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    let [tag_len, algorithm] = data.array()?;
    let key_len = data.u16()?;
    encode::decimal(algorithm, out);
    out.push(b' ');
    push_hex(data.take(usize::from(tag_len))?, out);
    out.push(b' ');
    encode::base64(data.take(usize::from(key_len))?, out);
    if !data.is_empty() {
        out.push(b' ');
    }
    data.separated(out, |data, out| data.name(Pointers::Forbidden, out))
}

/// The rest of a TSIG, behind its algorithm (RFC 8945 §4.2), as dig writes it.
pub fn signature(data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    let [a, b, c, d, e, f] = data.array()?;
    encode::decimal(u64::from_be_bytes([0, 0, a, b, c, d, e, f]), out);
    let fudge = data.u16()?;
    let mac = data.sized_long()?;
    let _ = write!(out, " {fudge} {} ", mac.len());
    encode::base64(mac, out);
    if !mac.is_empty() {
        out.push(b' ');
    }
    encode::decimal(data.u16()?, out);
    out.push(b' ');
    match data.u16()? {
        // The one code that means something else here than in a header.
        16 => out.extend_from_slice(b"BADSIG"),
        error => out.extend_from_slice(&codes::rcode(error)),
    }
    let other = data.sized_long()?;
    let _ = write!(out, " {} ", other.len());
    encode::base64(other, out);
    Ok(())
}

/// The tag of a CAA (RFC 8659 §4.1).
pub fn tag(data: &mut Data<'_>, out: &mut Vec<u8>) -> Read<()> {
    encode::escaped(data.sized()?, out);
    Ok(())
}
