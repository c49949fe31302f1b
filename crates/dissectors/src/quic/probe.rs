//! Whether a datagram is QUIC.
//!
//! A client's Initial packet can be opened by everybody, and is authenticated: nothing else looks
//! like it. Other long headers of a known version whose lengths add up to the datagram are taken for
//! it on a usual port alone; short headers look like anything.

use dissect::{Hello, Verdict};
use model::Side;

use super::{
    keys::Keys,
    wire::{Kind, Long, Packet},
};

/// What QUIC thinks of a datagram.
pub fn probe(hello: &Hello<'_>) -> Verdict {
    let Some((Packet::Long(long), size)) = Packet::read(hello.bytes) else { return Verdict::No };
    if long.kind == Kind::Initial && is_opened(&long) {
        return said_by(hello, Side::Client);
    }
    let adds_up = hello.bytes.get(size..).is_some_and(|rest| adds_up(rest, &long));
    match (hello.to_usual_port, hello.from_usual_port) {
        (true, false) if adds_up => said_by(hello, Side::Client),
        (false, true) if adds_up => said_by(hello, Side::Server),
        _ => Verdict::No,
    }
}

fn said_by(hello: &Hello<'_>, side: Side) -> Verdict {
    if hello.from.is_none_or(|from| from == side) { Verdict::Is(side) } else { Verdict::No }
}

fn is_opened(long: &Long<'_>) -> bool {
    let keys = Keys::initial(long.version, long.dcid);
    keys.is_some_and(|[client, _]| {
        client.open(long.bytes, long.number_at, None, &mut Vec::new()).is_some()
    })
}

/// Whether what follows a packet are others to the same connection ID (RFC 9000 §12.2), or zeros.
fn adds_up(mut rest: &[u8], first: &Long<'_>) -> bool {
    // Every turn takes a packet.
    while let Some(byte) = rest.first() {
        match Packet::read(rest) {
            Some((Packet::Long(long), size)) if long.dcid == first.dcid => {
                rest = rest.get(size..).unwrap_or_default();
            }
            // Its fixed bit is set (§17.3.1).
            Some((Packet::Short(bytes), _)) if byte & 0x40 != 0 => {
                return bytes.get(1..).is_some_and(|rest| rest.starts_with(first.dcid));
            }
            _ => return rest.iter().all(|byte| *byte == 0),
        }
    }
    true
}
