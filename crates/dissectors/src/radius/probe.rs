//! Is this RADIUS? A known code, a length that fits, and attributes that end with the packet; attributes that
//! don't fit where the length says exactly where the datagram ends.

use dissect::{Hello, Role, Verdict};
use model::Side;

use super::{
    codes,
    wire::{Attributes, HEAD, Head, VENDOR},
};

/// What a datagram looks like.
pub(super) fn probe(hello: &Hello<'_>) -> Verdict {
    let Some(head) = Head::read(hello.bytes, 0) else { return Verdict::No };
    let Some((_, role)) = codes::kind(head.code) else { return Verdict::No };
    let side = if role == Role::Asks { Side::Client } else { Side::Server };
    let exact = head.len == hello.bytes.len() && head.len > HEAD + 2;
    let is_ours = match Attributes::are_sound(hello.bytes) {
        true => hello.usual_port() || exact && is_usual(hello.bytes),
        // Whoever made it made a mistake, or it was damaged: what pairing needs is there.
        false => exact && (hello.usual_port() || begins_usual(hello.bytes)),
    };
    match is_ours {
        true if hello.from.is_none_or(|from| from == side) => Verdict::Is(side),
        _ => Verdict::No,
    }
}

/// Attributes in a row that somebody has defined, after which the others may be anything.
const USUAL_MIN: usize = 3;

/// Whether the first attributes are all ones that somebody has defined.
fn begins_usual(packet: &[u8]) -> bool {
    let mut at = HEAD;
    for _ in 0..USUAL_MIN {
        let Some(&[kind, len @ 3..=u8::MAX, first, ..]) = packet.get(at..) else { return false };
        // Vendors have numbers of 24 bits.
        let known = if kind == VENDOR {
            len >= 8 && first == 0
        } else {
            super::attributes::find(kind).is_some()
        };
        at += usize::from(len);
        if !known || at > packet.len() {
            return false;
        }
    }
    true
}

/// Whether all attributes are ones that somebody has defined, and two of them at least (or the one
/// that signs an answer).
fn is_usual(packet: &[u8]) -> bool {
    let mut count = 0;
    let known = Attributes::of(packet).all(|attribute| {
        count += if attribute.vendor == 0 && attribute.kind == 80 { 2 } else { 1 };
        attribute.vendor != 0 || super::attributes::find(attribute.kind).is_some()
    });
    known && count >= 2
}

#[cfg(test)]
mod tests {
    use model::Transport;

    use super::*;

    /// A request with these attributes, and so many bytes behind its length.
    fn request(attributes: &[u8], behind: usize) -> Vec<u8> {
        let len = u16::try_from(HEAD + attributes.len()).unwrap().to_be_bytes();
        [&[1, 1, len[0], len[1]], &[7; 16][..], attributes, &vec![0; behind]].concat()
    }

    fn verdict(bytes: &[u8], at_home: bool) -> Verdict {
        probe(&Hello {
            bytes,
            from: None,
            transport: Transport::Udp,
            to_usual_port: at_home,
            from_usual_port: false,
            more: false,
        })
    }

    #[test]
    fn attributes_need_not_fit_where_the_length_does() {
        let is = |bytes: &[u8], at_home| verdict(bytes, at_home) == Verdict::Is(Side::Client);
        let damaged = b"\x01\x03a\x04\x06\x0a\0\0\x01\x05\x06\0\0\0\x01\0\0";
        assert!(is(&request(damaged, 0), true));
        assert!(is(&request(damaged, 0), false));
        assert!(!is(&request(damaged, 1), true));
        // Two are too few for a port of somebody else.
        let few = b"\x01\x03a\x04\x06\x0a\0\0\x01\0\0";
        assert!(is(&request(few, 0), true));
        assert!(!is(&request(few, 0), false));
    }
}
