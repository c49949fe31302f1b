//! Whether bytes are TLS.
//!
//! A hello in a record can't be anything else, whoever listens on whatever port. Joined mid-stream,
//! records that follow each other can't either; one alone is enough where its end is seen or the port
//! is a usual one.

use dissect::{Hello, Verdict};
use model::Side;

use super::{
    hello::{ClientHello, ServerHello},
    names, resync,
    wire::{HEAD, Halt, Head, Kind, MESSAGE_HEAD, Messages},
};

/// What TLS thinks of the first bytes of one side.
pub fn probe(hello: &Hello<'_>) -> Verdict {
    let verdict = match Head::read(hello.bytes) {
        Ok(head) => record(hello, head),
        Err(Halt::Short(_)) => Verdict::Maybe,
        Err(Halt::Bad) => ssl2(hello.bytes),
    };
    match verdict {
        Verdict::Maybe if !hello.more => Verdict::No,
        Verdict::Is(side) if hello.from.is_some_and(|from| from != side) => Verdict::No,
        verdict => verdict,
    }
}

fn record(hello: &Hello<'_>, head: Head) -> Verdict {
    let fragment = hello.bytes.get(HEAD..).unwrap_or_default();
    match (head.kind, fragment) {
        (Kind::Handshake, [1, rest @ ..]) if head.len > MESSAGE_HEAD => {
            begun(hello, head, rest, Side::Client)
        }
        (Kind::Handshake, [2, rest @ ..]) if head.len > MESSAGE_HEAD => {
            begun(hello, head, rest, Side::Server)
        }
        (Kind::Handshake, []) => Verdict::Maybe,
        (Kind::Alert, [level, description, ..]) if head.len == 2 => {
            // A server that refuses a hello which was not seen.
            let is_alert = (1..=2).contains(level) && names::is_alert(*description);
            sender(hello).filter(|_| is_alert).map_or(Verdict::No, Verdict::Is)
        }
        _ => mid_stream(hello, head),
    }
}

/// A record that seems to begin with a hello of `side`; `rest` is what follows its type.
fn begun(hello: &Hello<'_>, head: Head, rest: &[u8], side: Side) -> Verdict {
    let [high, middle, low, major, minor, ..] = *rest else { return Verdict::Maybe };
    let size = u32::from_be_bytes([0, high, middle, low]);
    let fits = usize::try_from(size).is_ok_and(|size| {
        let message = size + MESSAGE_HEAD;
        (38..=1 << 17).contains(&message) && (side == Side::Server || message >= head.len)
    });
    let known = major == 3 && minor <= 4 || major == 0x7f && side == Side::Server;
    if !fits || !known {
        // Encrypted handshake messages may begin with anything.
        return mid_stream(hello, head);
    }
    let whole = hello.bytes.get(HEAD..head.size()).and_then(|all| Messages(all).next());
    let is_read = whole.is_none_or(|message| match side {
        Side::Client => ClientHello::read(message.body).is_some(),
        Side::Server => ServerHello::read(message.body).is_some(),
    });
    if is_read { Verdict::Is(side) } else { Verdict::No }
}

/// Records in the middle of a connection.
fn mid_stream(hello: &Hello<'_>, head: Head) -> Verdict {
    let from = sender(hello).unwrap_or(Side::Client);
    match resync::follows(hello.bytes, head) {
        // Two heads, or one whose record ends where the packet does.
        Some(true) if head.version > 0x0300 && head.version < 0x0304 => Verdict::Is(from),
        Some(_) => Verdict::No,
        None if hello.usual_port() => Verdict::Is(from),
        None => Verdict::Maybe,
    }
}

/// Who sent it, as far as that can be told.
fn sender(hello: &Hello<'_>) -> Option<Side> {
    hello.from.or(match (hello.to_usual_port, hello.from_usual_port) {
        (true, false) => Some(Side::Client),
        (false, true) => Some(Side::Server),
        _ => None,
    })
}

/// A hello in the form of SSL 2.0, of a client that speaks SSL 3.0 or TLS as well.
fn ssl2(bytes: &[u8]) -> Verdict {
    match ssl2_size(bytes) {
        Ok(size) => match bytes.get(2..size) {
            Some(message) if ClientHello::read_v2(message).is_some() => Verdict::Is(Side::Client),
            Some(_) => Verdict::No,
            None => Verdict::Maybe,
        },
        Err(Halt::Short(_)) => Verdict::Maybe,
        Err(Halt::Bad) => Verdict::No,
    }
}

/// Bytes of a hello in the form of SSL 2.0 at the start of `input`, its length included (RFC 5246
/// appendix E.2).
pub fn ssl2_size(input: &[u8]) -> Result<usize, Halt> {
    let [high, low, rest @ ..] = input else {
        let may_be = input.first().is_none_or(|byte| matches!(byte, 0x80 | 0x81));
        return Err(if may_be { Halt::Short(5) } else { Halt::Bad });
    };
    let size = usize::from(u16::from_be_bytes([high & 0x7f, *low])) + 2;
    let is_hello = matches!(high, 0x80 | 0x81) && size >= 11 + 3 + 16;
    match rest {
        [1, 3, minor, ..] if is_hello && *minor <= 3 => Ok(size),
        [] | [1] | [1, 3] if is_hello => Err(Halt::Short(5)),
        _ => Err(Halt::Bad),
    }
}
