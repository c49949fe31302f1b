//! Whether the first bytes of a side are AMQP 0-9-1.

use dissect::{Hello, Verdict};
use model::Side;

use super::{
    chain::{Chain, End},
    frame::{Frame, HEAD, HELLO_LEN, Halt, Type, is_hello},
};

/// Looks at the first bytes of a side, or at a later packet of it.
///
/// The protocol header is nobody else's; which versions follow it tells AMQP 1.0 apart. In between, a
/// method is believed that is known, can be read to its end and has its end octet there; or the
/// header of a message and what follows it up to the packet's end.
pub fn probe(hello: &Hello<'_>) -> Verdict {
    let bytes = hello.bytes;
    if is_hello(bytes) {
        return match bytes.len() {
            HELLO_LEN.. => Verdict::Is(hello.from.unwrap_or(Side::Client)),
            _ => maybe(hello),
        };
    }
    let chain = Chain::of(bytes);
    if chain.frames == 0 {
        return if chain.end == End::Beyond && is_begun(bytes) {
            maybe(hello)
        } else {
            Verdict::No
        };
    }
    if chain.end == End::Broken || hello.from.is_some_and(|from| !chain.is_by(from)) {
        return Verdict::No;
    }
    let side = chain.by.or(hello.from).or_else(|| by_port(hello));
    match side {
        Some(side) if chain.methods > 0 => Verdict::Is(side),
        // Both sides may say it, but nobody else.
        None if chain.methods > 0 => Verdict::Either,
        _ => maybe(hello),
    }
}

/// Whether what is not whole may still be a frame.
fn is_begun(bytes: &[u8]) -> bool {
    match Frame::of(bytes) {
        Ok(frame) => frame.kind == Type::Method || bytes.len() > HEAD && frame.kind == Type::Header,
        Err(Halt::Short(_)) => bytes.first() == Some(&1) || bytes.first() == Some(&8),
        Err(Halt::Bad) => false,
    }
}

/// Brokers listen on the usual port.
fn by_port(hello: &Hello<'_>) -> Option<Side> {
    match (hello.to_usual_port, hello.from_usual_port) {
        (true, false) => Some(Side::Client),
        (false, true) => Some(Side::Server),
        _ => None,
    }
}

fn maybe(hello: &Hello<'_>) -> Verdict {
    if hello.more { Verdict::Maybe } else { Verdict::No }
}

#[cfg(test)]
mod tests {
    use model::Transport;

    use super::*;

    fn look(bytes: &[u8], from: Option<Side>, home: bool, more: bool) -> Verdict {
        let transport = Transport::Tcp;
        probe(&Hello { bytes, from, transport, to_usual_port: home, from_usual_port: false, more })
    }

    const OPEN: &[u8] = b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xce";
    const ACK: &[u8] = b"\x01\0\x01\0\0\0\x0d\0\x3c\0\x50\0\0\0\0\0\0\0\x01\0\xce";

    #[test]
    fn the_header_is_nobody_elses() {
        let hello = b"AMQP\0\0\x09\x01";
        assert_eq!(look(hello, None, false, true), Verdict::Is(Side::Client));
        assert_eq!(look(hello, Some(Side::Server), false, true), Verdict::Is(Side::Server));
        for cut in 1..8 {
            assert_eq!(look(&hello[..cut], None, false, true), Verdict::Maybe);
            assert_eq!(look(&hello[..cut], None, false, false), Verdict::No);
        }
    }

    #[test]
    fn a_method_tells_who_sends_it() {
        assert_eq!(look(OPEN, None, false, false), Verdict::Is(Side::Client));
        assert_eq!(look(OPEN, Some(Side::Server), false, false), Verdict::No);
        assert_eq!(look(&OPEN[..9], None, false, true), Verdict::Maybe);
        assert_eq!(look(ACK, None, false, false), Verdict::Either);
        assert_eq!(look(ACK, None, true, false), Verdict::Is(Side::Client));
        assert_eq!(look(&[ACK, OPEN].concat(), None, false, false), Verdict::Is(Side::Client));
    }

    #[test]
    fn its_neighbours_are_not_it() {
        let neighbours: [&[u8]; 12] = [
            b"AMQP\0\x01\0\0",
            b"AMQP\x03\x01\0\0",
            b"AMQ",
            b"\x16\x03\x01\x00\x05\x01\0\0\x01\0",
            b"\x01\0\0\0\x0e\0\0\0\0\0\0\0\0",
            b"\x01\0\x01\0\0\0\x04\xff\xff\xff\xff\xce",
            b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xcd",
            b"\x08\0\0\0\0\0\0\xce",
            b"\x03\0\x01\0\0\0\x02hi\xce",
            &[0; 64],
            &[1; 64],
            b"\x02\0\x01\0\0\0\x0e\0\x3d\0\0\0\0\0\0\0\0\0\x01\0\0\xce",
        ];
        for bytes in neighbours {
            for (from, home) in
                [(None, false), (Some(Side::Client), true), (Some(Side::Server), true)]
            {
                let verdict = look(bytes, from, home, false);
                assert_eq!(verdict, Verdict::No, "{}", bytes.escape_ascii());
            }
        }
    }
}
