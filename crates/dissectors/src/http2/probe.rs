//! Whether the first bytes of a side are HTTP/2.

use dissect::{Hello, Verdict};
use model::Side;

use super::{
    chain::{Chain, End, PREFACE},
    frame::{HEADER_LEN, PAYLOAD_MAX},
};

/// Looks at the first bytes of a side, or at a later packet of it.
///
/// The client's preface is nobody else's. The server begins with settings, which is believed where a
/// server is known to begin. In between, frames are believed where they follow each other to the end
/// of the packet, or for long enough, and one of them is a header list that can be read and that
/// names a method or a status.
pub(super) fn probe(hello: &Hello<'_>) -> Verdict {
    let bytes = hello.bytes;
    if bytes.starts_with(PREFACE) && hello.from != Some(Side::Server) {
        return Verdict::Is(Side::Client);
    }
    if PREFACE.starts_with(bytes) && hello.from != Some(Side::Server) {
        return maybe(hello);
    }
    if bytes.len() < HEADER_LEN {
        return if bytes.starts_with(b"\0") { maybe(hello) } else { Verdict::No };
    }
    let chain = Chain::of(bytes, PAYLOAD_MAX);
    if chain.end == End::Broken && chain.frames <= 3 {
        return Verdict::No;
    }
    let fits = |side| hello.from.is_none_or(|from| from == side);
    match chain.by {
        Some(side) if fits(side) && chain.end != End::Beyond => Verdict::Is(side),
        Some(side) if fits(side) && chain.frames > 2 => Verdict::Is(side),
        Some(side) if !fits(side) => Verdict::No,
        _ if chain.settings_first && chain.is_served(hello) => Verdict::Is(Side::Server),
        _ if chain.frames > 0 => maybe(hello),
        _ => Verdict::No,
    }
}

fn maybe(hello: &Hello<'_>) -> Verdict {
    if hello.more { Verdict::Maybe } else { Verdict::No }
}

// === impl Chain ===

impl Chain {
    /// Whether it is a server that begins with settings.
    fn is_served(self, hello: &Hello<'_>) -> bool {
        let server = match hello.from {
            Some(side) => side == Side::Server,
            None => hello.from_usual_port && !hello.to_usual_port,
        };
        server && (self.end == End::Here || self.frames > 2)
    }
}

#[cfg(test)]
mod tests {
    use model::Transport;

    use super::*;

    fn look(bytes: &[u8], from: Option<Side>, more: bool) -> Verdict {
        let (to_usual_port, from_usual_port) = (false, false);
        let transport = Transport::Tcp;
        probe(&Hello { bytes, from, transport, to_usual_port, from_usual_port, more })
    }

    const SETTINGS: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64";
    const ASKS: &[u8] = b"\0\0\x03\x01\x05\0\0\0\x0f\x82\x84\x86";
    const ANSWERS: &[u8] = b"\0\0\x01\x01\x04\0\0\0\x0f\x88\0\0\x02\0\x01\0\0\0\x0fok";

    #[test]
    fn the_preface_is_nobody_elses() {
        assert_eq!(look(PREFACE, None, true), Verdict::Is(Side::Client));
        assert_eq!(look(&[PREFACE, SETTINGS].concat(), None, false), Verdict::Is(Side::Client));
        assert_eq!(look(PREFACE, Some(Side::Server), true), Verdict::No);
        assert_eq!(look(b"PRI * HTT", None, true), Verdict::Maybe);
        assert_eq!(look(b"PRI * HTT", None, false), Verdict::No);
    }

    #[test]
    fn settings_are_believed_where_a_server_begins() {
        assert_eq!(look(SETTINGS, Some(Side::Server), true), Verdict::Is(Side::Server));
        assert_eq!(look(SETTINGS, Some(Side::Client), true), Verdict::Maybe);
        assert_eq!(look(SETTINGS, None, false), Verdict::No);
        assert_eq!(look(&SETTINGS[..5], Some(Side::Server), true), Verdict::Maybe);
    }

    #[test]
    fn a_list_in_between_tells_who_speaks() {
        for (bytes, side) in [(ASKS, Side::Client), (ANSWERS, Side::Server)] {
            assert_eq!(look(bytes, None, false), Verdict::Is(side));
            assert_eq!(look(bytes, Some(side.other()), false), Verdict::No);
            for cut in 1..9 {
                assert_eq!(look(&bytes[..cut], None, true), Verdict::Maybe, "{cut}");
            }
        }
        let pings = b"\0\0\x08\x06\0\0\0\0\0abcdefgh".repeat(4);
        assert_eq!(look(&pings, None, false), Verdict::No);
        assert_eq!(look(&[&pings[..], ASKS].concat(), None, false), Verdict::Is(Side::Client));
    }

    #[test]
    fn its_neighbours_are_not_it() {
        let neighbours: [&[u8]; 14] = [
            b"PRI /x HTTP/1.1\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x00\x05\x01\0\0\x01\0",
            b"\x4a\0\0\0\x0a8.0.30\0\x08\0\0\0abcdefgh\0",
            b"\x01\0\0\0\x0e",
            // A Kafka request: ApiVersions.
            b"\0\0\0\x14\0\x12\0\x03\0\0\0\x01\0\x04test\0\0\0\0",
            // A short PostgreSQL start.
            b"\0\0\0\x08\x04\xd2\x16\x2f",
            b"\0\0\0\x17\0\x03\0\0user\0me\0\0",
            // MongoDB.
            b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0",
            // DNS over TCP, Cassandra, SMB, zeros, a frame of zeros, AMQP.
            b"\0\x1d\xab\xcd\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01",
            b"\x04\0\0\x01\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0",
            b"\0\0\0\x45\xffSMB\x72\0\0\0\0\x18\x01\x28",
            &[0; 64],
            b"AMQP\0\0\x09\x01",
        ];
        for bytes in neighbours {
            for from in [None, Some(Side::Client), Some(Side::Server)] {
                let verdict = look(bytes, from, false);
                assert_eq!(verdict, Verdict::No, "{}", bytes.escape_ascii());
            }
        }
    }
}
