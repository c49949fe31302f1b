//! The point-to-point protocol and its framings.

use crate::{
    Header, Unread, link,
    view::{Layer, Read, Step, View},
};

/// RFC 1661 §2: a protocol of one byte when that is odd, otherwise of two.
///
/// ```text
/// ( | address 0xff | control 0x03 | ) protocol 1 or 2 | …
/// ```
pub(crate) fn ppp(view: View<'_>) -> Read<'_> {
    let view = match view.bytes {
        [0xff, 0x03, ..] => view.skip(2, Header::Ppp)?,
        _ => view,
    };
    let ([first], after) = view.head::<1>(Header::Ppp)?;
    if first & 1 != 0 {
        return protocol(u16::from(*first), after);
    }
    let (number, rest) = view.head::<2>(Header::Ppp)?;
    protocol(u16::from_be_bytes(*number), rest)
}

fn protocol(number: u16, view: View<'_>) -> Read<'_> {
    match number {
        0x0021 => Ok(Step::Next(Layer::Ipv4, view)),
        0x0057 => Ok(Step::Next(Layer::Ipv6, view)),
        0x0281 | 0x0283 => Ok(Step::Next(Layer::EtherType(link::ETHER_MPLS), view)),
        n => Err(Unread::Ppp(n)),
    }
}

/// PPP in HDLC-like framing (RFC 1662), or Cisco's HDLC, told apart by the address.
///
/// ```text
/// | address 1 | control 1 | EtherType 2 | …        address 0x0f one peer, 0x8f all
/// ```
pub(crate) fn hdlc(view: View<'_>) -> Read<'_> {
    let ([address, _, t0, t1], rest) = view.head::<4>(Header::Hdlc)?;
    match address {
        0x0f | 0x8f => Ok(Step::Next(Layer::EtherType(u16::from_be_bytes([*t0, *t1])), rest)),
        _ => Ok(Step::Next(Layer::Ppp, view)),
    }
}

/// RFC 2516 §4.
///
/// ```text
/// | version 4 bits, type 4 bits | code 1 | session 2 | length 2 | …
/// ```
pub(crate) fn pppoe(view: View<'_>) -> Read<'_> {
    const DISCOVERY: u16 = 0x8863;
    let ([version, code, _, _, l0, l1], rest) = view.head::<6>(Header::Pppoe)?;
    match (*version, *code) {
        (0x11, 0) => {
            let length = usize::from(u16::from_be_bytes([*l0, *l1]));
            Ok(Step::Next(Layer::Ppp, rest.limit(length)))
        }
        (0x11, _) => Err(Unread::EtherType(DISCOVERY)),
        _ => Err(Unread::Bad(Header::Pppoe)),
    }
}
