//! Whether the first bytes of a side are AMQP 1.0.

use dissect::{Hello, Verdict};
use model::Side;

use super::{
    chain::{Chain, End},
    frame::{HELLO_LEN, begins_hello},
};

/// Looks at the first bytes of a side, or at a later packet of it.
///
/// The protocol header is nobody else's. In between, a frame is believed whose performative is known
/// and has fields of the right types, and that fills its packet or is followed by others.
pub fn probe(hello: &Hello<'_>) -> Verdict {
    let bytes = hello.bytes;
    if begins_hello(bytes) {
        return match bytes.len() {
            HELLO_LEN.. => side(hello, None).map_or(Verdict::Is(Side::Client), Verdict::Is),
            _ => maybe(hello),
        };
    }
    let chain = Chain::of(bytes);
    if chain.end == End::Broken || hello.from.is_some_and(|from| !chain.is_by(from)) {
        return Verdict::No;
    }
    match side(hello, chain.by) {
        Some(side) if chain.performatives > 0 => Verdict::Is(side),
        // What both sides say is nobody else's either, once a frame is whole.
        None if chain.performatives > 0 && chain.frames > 0 => Verdict::Either,
        _ => maybe(hello),
    }
}

/// Who sent it: brokers listen on the usual port.
fn side(hello: &Hello<'_>, by: Option<Side>) -> Option<Side> {
    let by_port = match (hello.to_usual_port, hello.from_usual_port) {
        (true, false) => Some(Side::Client),
        (false, true) => Some(Side::Server),
        _ => None,
    };
    by.or(hello.from).or(by_port)
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

    const END: &[u8] = b"\0\0\0\x0c\x02\0\0\x05\0\x53\x17\x45";
    const BEGIN: &[u8] = b"\0\0\0\x13\x02\0\0\0\0\x53\x11\xc0\x06\x04\x40\x43\x52\x64\x43";

    #[test]
    fn the_header_is_nobody_elses() {
        for hello in [b"AMQP\0\x01\0\0", b"AMQP\x02\x01\0\0", b"AMQP\x03\x01\0\0"] {
            assert_eq!(look(hello, None, false, true), Verdict::Is(Side::Client));
            assert_eq!(look(hello, Some(Side::Server), false, true), Verdict::Is(Side::Server));
            for cut in 1..8 {
                assert_eq!(look(&hello[..cut], None, false, true), Verdict::Maybe);
                assert_eq!(look(&hello[..cut], None, false, false), Verdict::No);
            }
        }
    }

    #[test]
    fn a_performative_is_known_by_its_fields() {
        assert_eq!(look(END, None, false, false), Verdict::Either);
        assert_eq!(look(&END[..11], None, false, false), Verdict::No);
        assert_eq!(look(END, None, true, false), Verdict::Is(Side::Client));
        assert_eq!(look(END, Some(Side::Server), false, false), Verdict::Is(Side::Server));
        assert_eq!(look(BEGIN, None, false, false), Verdict::Is(Side::Client));
        assert_eq!(look(BEGIN, Some(Side::Server), false, false), Verdict::No);
    }

    #[test]
    fn its_neighbours_are_not_it() {
        let neighbours: [&[u8]; 9] = [
            b"AMQP\0\0\x09\x01",
            b"AMQP\x01\x01\0\x0a",
            b"\x16\x03\x01\x00\x05\x01\0\0\x01\0",
            b"\0\0\0\x0e\0\0\0\0\0\0\0\0\0\0",
            b"\0\0\0\x0c\x02\0\0\x05\0\x53\x19\x45",
            b"\0\0\0\x0c\x01\0\0\x05\0\x53\x17\x45",
            b"\0\0\0\x08\x02\x01\0\0",
            &[0; 64],
            &[1; 64],
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
