//! IPv4 and IPv6: addresses, true length, fragments, extension headers.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{
    Header, Unread,
    address::{Addresses, Pair},
    fragments::{Fragment, FragmentId},
    view::{Layer, Read, Step, View},
};

/// An IP header read.
#[derive(Clone, Copy)]
pub(crate) struct Ip<'a, A> {
    pub pair: Pair<A>,
    pub protocol: u8,
    /// IPv4 only: the second word of the header.
    pub id: u16,
    /// IPv4 only: flags and fragment offset.
    fragment: u16,
    pub payload: View<'a>,
}

/// "More fragments" in the word of flags and offset.
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

// === impl Ip ===

impl<A> Ip<'_, A> {
    /// Where in its packet it begins, in bytes.
    pub fn offset(&self) -> usize {
        usize::from(self.fragment & FRAGMENT_OFFSET) * 8
    }

    /// Whether it is a part of a packet only.
    #[inline]
    pub fn is_fragment(&self) -> bool {
        self.fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0
    }
}

/// IP of the version that its first nibble says.
pub(crate) fn any(view: View<'_>) -> Read<'_> {
    let ([first], _) = view.head::<1>(Header::Ip)?;
    match first >> 4 {
        4 => Ok(Step::Next(Layer::Ipv4, view)),
        6 => Ok(Step::Next(Layer::Ipv6, view)),
        _ => Err(Unread::Bad(Header::Ip)),
    }
}

/// What an IPv4 packet carries, or the fragment that it is.
pub(crate) fn v4(ip: Ip<'_, Ipv4Addr>) -> Read<'_> {
    let addresses = Addresses::V4(ip.pair);
    if !ip.is_fragment() {
        return Ok(Step::Carries(addresses, ip.protocol, ip.payload));
    }
    Ok(Step::Part(Fragment {
        id: FragmentId::v4(addresses, ip.id, ip.protocol),
        protocol: ip.protocol,
        offset: ip.offset(),
        more: ip.fragment & MORE_FRAGMENTS != 0,
        payload: ip.payload,
    }))
}

/// RFC 791 §3.1.
///
/// ```text
///  0 | 4 | words | class | total length  |
///  4 | identification    | flags, offset |
///  8 | TTL | protocol    | checksum      |
/// 12 | source                            |
/// 16 | destination                       | options…
/// ```
#[inline]
pub(crate) fn read_v4(view: View<'_>) -> Result<Ip<'_, Ipv4Addr>, Unread> {
    let (head, rest) = view.head::<20>(Header::Ipv4)?;
    let [first, _, l0, l1, i0, i1, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
        *head;
    let total = usize::from(u16::from_be_bytes([l0, l1]));
    let options = match first {
        0x45 => 0,
        0x46..=0x4f => usize::from(first & 0x0f) * 4 - 20,
        _ => return Err(Unread::Bad(Header::Ipv4)),
    };
    // A total length of 0 is left to the network card (TSO): what was captured is the packet.
    let rest = match total.checked_sub(20) {
        Some(after) if after >= options => rest.limit(after),
        None if total == 0 => rest,
        _ => return Err(Unread::Bad(Header::Ipv4)),
    };
    let payload = if options == 0 { rest } else { rest.skip(options, Header::Ipv4)? };
    Ok(Ip {
        pair: Pair { src: Ipv4Addr::new(s0, s1, s2, s3), dst: Ipv4Addr::new(d0, d1, d2, d3) },
        protocol,
        id: u16::from_be_bytes([i0, i1]),
        fragment: u16::from_be_bytes([f0, f1]),
        payload,
    })
}

/// RFC 8200 §3.
///
/// ```text
///  0 | 6 | class, flow label                |
///  4 | payload length | next header | hops  |
///  8 | source                            16 |
/// 24 | destination                       16 |
/// ```
#[inline]
pub(crate) fn read_v6(view: View<'_>) -> Result<Ip<'_, Ipv6Addr>, Unread> {
    let (&[first, _, _, _, l0, l1, protocol, _], rest) = view.head::<8>(Header::Ipv6)?;
    if first >> 4 != 6 {
        return Err(Unread::Bad(Header::Ipv6));
    }
    let (src, rest) = rest.head::<16>(Header::Ipv6)?;
    let (dst, rest) = rest.head::<16>(Header::Ipv6)?;
    // A length of 0 is a jumbogram (RFC 2675) or left to the network card.
    let payload = match u16::from_be_bytes([l0, l1]) {
        0 => rest,
        length => rest.limit(usize::from(length)),
    };
    Ok(Ip {
        pair: Pair { src: Ipv6Addr::from_octets(*src), dst: Ipv6Addr::from_octets(*dst) },
        protocol,
        id: 0,
        fragment: 0,
        payload,
    })
}

/// An IPv6 extension header with its length in words of eight bytes, the first not counted
/// (RFC 8200 §4.2, RFC 6275, RFC 7401, RFC 5533).
pub(crate) fn extension(view: View<'_>) -> Read<'_> {
    let (&[next, words], _) = view.head::<2>(Header::Ipv6Extension)?;
    let rest = view.skip(usize::from(words) * 8 + 8, Header::Ipv6Extension)?;
    Ok(Step::Next(Layer::Protocol(next), rest))
}

/// An authentication header with its length in words of four bytes, two not counted (RFC 4302 §2).
pub(crate) fn authentication(view: View<'_>) -> Read<'_> {
    let (&[next, words], _) = view.head::<2>(Header::Authentication)?;
    let rest = view.skip(usize::from(words) * 4 + 8, Header::Authentication)?;
    Ok(Step::Next(Layer::Protocol(next), rest))
}

/// RFC 8200 §4.5.
///
/// ```text
/// | next header 1 | 0 1 | offset 13 bits, 0 2 bits, more 1 bit | identification 4 |
/// ```
pub(crate) fn fragment(addresses: Addresses, view: View<'_>) -> Read<'_> {
    let (&[protocol, _, o0, o1, i0, i1, i2, i3], payload) = view.head::<8>(Header::Fragment)?;
    let word = u16::from_be_bytes([o0, o1]);
    let (offset, more) = (usize::from(word & !7), word & 1 != 0);
    if offset == 0 && !more {
        // An atomic fragment is a packet of its own (RFC 6946).
        return Ok(Step::Next(Layer::Protocol(protocol), payload));
    }
    let id = FragmentId::v6(addresses, u32::from_be_bytes([i0, i1, i2, i3]));
    Ok(Step::Part(Fragment { id, protocol, offset, more, payload }))
}
