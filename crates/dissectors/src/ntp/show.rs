//! What is told of a packet, when somebody asks.

use std::borrow::Cow;

use model::{Headline, Message, Outcome, Side, Status, Tell};

use super::wire::{CONTROL, PRIVATE, Packet, TIME, mode};
use crate::{
    fields::{fields, integer, some_text, text},
    framed::{u16_at, u32_at, u64_at},
};

/// Seconds between 1900, when the era began, and 1970 (RFC 5905 §6).
const TO_1970: u64 = 2_208_988_800;

fields! {
    Version = "ntp.version" Integer, "The version: 4, 3";
    Mode = "ntp.mode" Text, "client, server, active, passive, broadcast, control, private";
    Leap = "ntp.leap" Text, "none, insert, delete (a leap second today), unsynchronized";
    Stratum = "ntp.stratum" Integer, "How far from a reference clock; 0: none, or a kiss-o'-death";
    Poll = "ntp.poll_seconds" Integer, "Seconds between questions";
    Precision = "ntp.precision" Integer, "The clock's precision as a power of two, in seconds";
    Delay = "ntp.root_delay_ns" Integer, "Time to the reference clock and back, in nanoseconds";
    Dispersion = "ntp.root_dispersion_ns" Integer, "The most that the clock may be off, in nanoseconds";
    Reference = "ntp.reference_id" Text, "The clock or server that it was set by: GPS, 192.0.2.1; the code of a kiss-o'-death";
    ReferenceTime = "ntp.reference_time" Text, "When the clock was set last: seconds since 1970";
    Origin = "ntp.origin_time" Text, "When the question was sent: seconds since 1970, by the client's clock";
    Received = "ntp.receive_time" Text, "When the question came: seconds since 1970, by the server's clock";
    Sent = "ntp.transmit_time" Text, "When this was sent: seconds since 1970, by its sender's clock";
    KeyId = "ntp.key_id" Integer, "The number of the key that it is signed with";
    Extensions = "ntp.extensions" Text many, "Extension fields by type";
    Operation = "ntp.control.operation" Text, "What a control message asks: readvar, readstat";
    Association = "ntp.control.association" Integer, "The association that it is about; 0 for the server";
    Data = "ntp.control.data" Text, "Variables, as sent";
    Request = "ntp.private.request" Integer, "The number of a private request; 42 is monlist";
    Items = "ntp.private.items" Integer, "Items in a private message";
}

/// What fits in one line.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let Some(either) = request.or(response) else { return Headline::default() };
    let Some(packet) = Packet::read(&either.record) else { return Headline::default() };
    let method = match packet.mode {
        mode::CONTROL => operation(&either.record),
        mode::PRIVATE if either.record.get(3) == Some(&42) => "monlist",
        mode::PRIVATE => "private",
        mode::BROADCAST => "broadcast",
        mode::ACTIVE | mode::PASSIVE => "symmetric",
        _ => "time",
    };
    Headline {
        method: Some(method.as_bytes().into()),
        endpoint: None,
        version: Some(packet.version.to_string().into_bytes().into()),
        status: response.and_then(|message| status(&message.record)),
    }
}

fn status(record: &[u8]) -> Option<Status<'_>> {
    let packet = Packet::read(record)?;
    let (code, outcome): (Cow<'_, [u8]>, Outcome) = match packet.mode {
        mode::CONTROL if record.get(1)? & 0x40 != 0 => {
            let code = record.get(4).copied().unwrap_or(0);
            (code.to_string().into_bytes().into(), Outcome::Error)
        }
        mode::PRIVATE if record.get(4)? >> 4 != 0 => {
            ((record.get(4)? >> 4).to_string().into_bytes().into(), Outcome::Error)
        }
        mode::CONTROL | mode::PRIVATE => (b"OK"[..].into(), Outcome::Ok),
        // A kiss-o'-death (RFC 5905 §7.4).
        _ if record.get(1) == Some(&0) => {
            let code = record.get(12..16)?;
            (code.trim_ascii_end().into(), Outcome::Error)
        }
        _ if record.first()? >> 6 == 3 => (b"unsynchronized"[..].into(), Outcome::Error),
        _ => (b"OK"[..].into(), Outcome::Ok),
    };
    Some(Status { code, text: b""[..].into(), outcome })
}

/// Tells everything known of one packet.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let record = &message.record;
    let Some(packet) = Packet::read(record) else { return };
    integer(to, At::Version, packet.version);
    let name = match packet.mode {
        mode::ACTIVE => "active",
        mode::PASSIVE => "passive",
        mode::CLIENT => "client",
        mode::SERVER => "server",
        mode::BROADCAST => "broadcast",
        mode::CONTROL => "control",
        _ => "private",
    };
    text(to, At::Mode, name);
    match packet.mode {
        mode::CONTROL => {
            text(to, At::Operation, operation(record));
            integer(to, At::Association, u16_at(record, 6).unwrap_or(0));
            let len = usize::from(u16_at(record, 10).unwrap_or(0));
            let data = record.get(CONTROL..).unwrap_or_default();
            some_text(to, At::Data, data.get(..len).unwrap_or(data));
        }
        mode::PRIVATE => {
            integer(to, At::Request, record.get(3).copied().unwrap_or(0));
            if message.from == Side::Server {
                integer(to, At::Items, u16_at(record, 4).unwrap_or(0) & 0xfff);
            }
            debug_assert!(record.len() >= PRIVATE);
        }
        _ => tell_time(record, to),
    }
}

fn tell_time(record: &[u8], to: &mut dyn Tell) {
    let &[first, stratum, poll, precision, ..] = record else { return };
    let leap = ["none", "insert", "delete", "unsynchronized"];
    text(to, At::Leap, leap.get(usize::from(first >> 6)).copied().unwrap_or_default());
    integer(to, At::Stratum, stratum);
    if (1..=17).contains(&poll) {
        integer(to, At::Poll, 1i64 << poll);
    }
    integer(to, At::Precision, precision.cast_signed());
    for (at, from) in [(At::Delay, 4), (At::Dispersion, 8)] {
        let short = u64::from(u32_at(record, from).unwrap_or(0));
        integer(to, at, i64::try_from((short * 1_000_000_000) >> 16).unwrap_or(i64::MAX));
    }
    if let Some(id @ [a, b, c, d]) = record.get(12..16) {
        let id = match stratum {
            _ if id == [0; 4] => String::new(),
            0 | 1 => String::from_utf8_lossy(id).trim_end_matches('\0').to_owned(),
            _ => format!("{a}.{b}.{c}.{d}"),
        };
        some_text(to, At::Reference, id);
    }
    let times = [(At::ReferenceTime, 16), (At::Origin, 24), (At::Received, 32), (At::Sent, 40)];
    for (at, from) in times {
        if let Some(time @ 1..) = u64_at(record, from) {
            text(to, at, since_1970(time));
        }
    }
    tell_rest(record.get(TIME..).unwrap_or_default(), to);
}

/// Extension fields (RFC 7822), then a key's number and a digest.
fn tell_rest(mut rest: &[u8], to: &mut dyn Tell) {
    while rest.len() > 24 {
        let (Some(kind), Some(len)) = (u16_at(rest, 0), u16_at(rest, 2)) else { return };
        let len = usize::from(len);
        if len < 16 || len % 4 != 0 || len > rest.len() {
            break;
        }
        let name = match kind {
            0x0104 => "unique-identifier".to_owned(),
            0x0204 => "nts-cookie".to_owned(),
            0x0304 => "nts-cookie-placeholder".to_owned(),
            0x0404 => "nts-authenticator".to_owned(),
            kind => format!("0x{kind:04x}"),
        };
        text(to, At::Extensions, name);
        rest = rest.get(len..).unwrap_or_default();
    }
    if [4, 20, 24].contains(&rest.len()) {
        integer(to, At::KeyId, u32_at(rest, 0).unwrap_or(0));
    }
}

/// A time stamp in seconds since 1970. The first era ends in 2036; stamps with the highest bit clear
/// belong to the next (RFC 4330 §3).
fn since_1970(stamp: u64) -> String {
    let era = if stamp >> 63 == 0 { 1u64 << 32 } else { 0 };
    let seconds = (stamp >> 32) + era;
    let nanos = ((stamp & 0xffff_ffff) * 1_000_000_000) >> 32;
    format!("{}.{nanos:09}", seconds.saturating_sub(TO_1970))
}

fn operation(record: &[u8]) -> &'static str {
    match record.get(1).map_or(0, |flags| flags & 0x1f) {
        1 => "readstat",
        2 => "readvar",
        3 => "writevar",
        4 => "readclock",
        5 => "writeclock",
        6 => "settrap",
        7 => "asynchronous",
        8 => "configure",
        9 => "saveconfig",
        10 => "read-mru",
        11 => "read-ordlist",
        12 => "request-nonce",
        31 => "unsettrap",
        _ => "control",
    }
}
