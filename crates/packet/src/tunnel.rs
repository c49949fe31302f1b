//! Packets inside packets: GRE and its guests, and the tunnels that look like UDP.
//!
//! A UDP port proves nothing: whatever does not look exactly like its tunnel stays a datagram.

use crate::{
    Header, Unread, link,
    transport::Udp,
    view::{Layer, Read, Step, View},
};

const VXLAN_PORT: u16 = 4789;
/// Linux before it had a number; flannel and Cilium still use it.
const VXLAN_PORT_LINUX: u16 = 8472;
const GENEVE_PORT: u16 = 6081;
/// Tunnel brokers' "anything in anything" (draft-massar-v6ops-ayiya-02 §6).
const AYIYA_PORT: u16 = 5072;
/// IP protocol of an IPv6 packet (RFC 2473).
const IPV6_IN_IP: u8 = 41;
const GTP_PORT: u16 = 2152;
const TEREDO_PORT: u16 = 3544;

const GRE_ERSPAN_2: u16 = 0x88be;
const GRE_ERSPAN_3: u16 = 0x22eb;

/// Extension headers of one GTP packet.
const GTP_EXTENSIONS_MAX: usize = 8;

// === over IP ===

/// RFC 2784 §2, RFC 2890 §2; version 1 is PPTP's (RFC 2637 §4.1).
///
/// ```text
/// | C R K S, 9 bits, version 3 bits | EtherType 2 | C: checksum 4 | K: key 4 | S: sequence 4 | …
/// ```
pub(crate) fn gre(view: View<'_>) -> Read<'_> {
    const CHECKSUM: u8 = 0x80;
    const ROUTING: u8 = 0x40;
    const KEY: u8 = 0x20;
    const SEQUENCE: u8 = 0x10;
    let (&[flags, version, t0, t1], rest) = view.head::<4>(Header::Gre)?;
    match version & 7 {
        0 if flags & ROUTING == 0 => {}
        1 => return Err(Unread::Pptp),
        _ => return Err(Unread::Bad(Header::Gre)),
    }
    let fields = (flags & (CHECKSUM | KEY | SEQUENCE)).count_ones() as usize;
    let rest = rest.skip(fields * 4, Header::Gre)?;
    match u16::from_be_bytes([t0, t1]) {
        GRE_ERSPAN_2 => erspan_2(flags & SEQUENCE != 0, rest),
        GRE_ERSPAN_3 => erspan_3(rest),
        link::ETHER_BRIDGED => Ok(Step::Inside(Layer::Ethernet, rest)),
        // Not the length of an 802.3 frame here.
        number @ 0..=link::LENGTH_MAX => Err(Unread::EtherType(number)),
        number => Ok(Step::Inside(Layer::EtherType(number), rest)),
    }
}

/// A mirrored frame; type I has no header of its own, type II has one of 8 bytes
/// (draft-foschiano-erspan §4).
fn erspan_2(numbered: bool, view: View<'_>) -> Read<'_> {
    let view = if numbered { view.skip(8, Header::Erspan)? } else { view };
    Ok(Step::Inside(Layer::Ethernet, view))
}

/// A mirrored frame, type III.
///
/// ```text
/// | 10 bytes | P 1 bit, frame type 5 bits, 2 bits | 7 bits, O 1 bit | O: platform 8 | …
/// ```
fn erspan_3(view: View<'_>) -> Read<'_> {
    let (&[.., kind, options], rest) = view.head::<12>(Header::Erspan)?;
    let rest = if options & 1 == 0 { rest } else { rest.skip(8, Header::Erspan)? };
    match kind >> 2 & 0x1f {
        0 => Ok(Step::Inside(Layer::Ethernet, rest)),
        2 => Ok(Step::Inside(Layer::Ip, rest)),
        _ => Err(Unread::Bad(Header::Erspan)),
    }
}

/// RFC 3378 §3: a version and nothing else.
pub(crate) fn ether_ip(view: View<'_>) -> Read<'_> {
    Ok(Step::Inside(Layer::Ethernet, view.skip(2, Header::Ethernet)?))
}

/// RFC 4023 §3.
pub(crate) fn mpls_in_ip(view: View<'_>) -> Read<'_> {
    Ok(Step::Inside(Layer::EtherType(link::ETHER_MPLS), view))
}

// === over UDP ===

/// Whether a datagram to this port may be a tunnel; the straight path leaves it alone then.
#[inline]
pub(crate) fn is_port(src: u16, dst: u16) -> bool {
    matches!(dst, VXLAN_PORT | VXLAN_PORT_LINUX | GENEVE_PORT | GTP_PORT | TEREDO_PORT | AYIYA_PORT)
        || matches!(src, TEREDO_PORT | GENEVE_PORT | AYIYA_PORT)
}

/// The packet in the datagram, if it is a tunnel without doubt.
pub(crate) fn in_udp(udp: Udp<'_>) -> Option<(Layer, View<'_>)> {
    match udp.dst_port {
        VXLAN_PORT | VXLAN_PORT_LINUX => vxlan(udp.payload),
        GENEVE_PORT => geneve(udp.payload),
        GTP_PORT => gtp(udp.payload),
        TEREDO_PORT => teredo(udp.payload),
        AYIYA_PORT => ayiya(udp.payload),
        // The other end of these answers from the well-known port.
        _ => match udp.src_port {
            TEREDO_PORT => teredo(udp.payload),
            GENEVE_PORT => geneve(udp.payload),
            AYIYA_PORT => ayiya(udp.payload),
            _ => None,
        },
    }
}

/// RFC 7348 §5, with the group policy extension (draft-smith-vxlan-group-policy §2.1).
///
/// ```text
/// | flags 1 (G … I …) | reserved or policy 1 | reserved or group 2 | network 3 | reserved 1 | …
/// ```
fn vxlan(view: View<'_>) -> Option<(Layer, View<'_>)> {
    const NETWORK: u8 = 0x08;
    const GROUP: u8 = 0x80;
    /// Don't learn, applied.
    const POLICY: u8 = 0x48;
    let (head, rest) = view.head::<8>(Header::Udp).ok()?;
    match *head {
        [NETWORK, 0, 0, 0, _, _, _, 0] => {}
        [flags, policy, _, _, _, _, _, 0] if flags == NETWORK | GROUP && policy & !POLICY == 0 => {}
        _ => return None,
    }
    (rest.wire >= 14).then_some((Layer::Ethernet, rest))
}

/// RFC 8926 §3.4.
///
/// ```text
/// | version 2 bits, words of options 6 bits | O C 0… | EtherType 2 | network 3 | 0 | options | …
/// ```
fn geneve(view: View<'_>) -> Option<(Layer, View<'_>)> {
    const RESERVED: u8 = 0x3f;
    let (&[first, flags, t0, t1, _, _, _, zero], rest) = view.head::<8>(Header::Udp).ok()?;
    if first >> 6 != 0 || flags & RESERVED != 0 || zero != 0 {
        return None;
    }
    let inner = rest.skip(usize::from(first & 0x3f) * 4, Header::Udp).ok()?;
    match u16::from_be_bytes([t0, t1]) {
        link::ETHER_BRIDGED => Some((Layer::Ethernet, inner)),
        link::ETHER_IPV4 => Some((Layer::Ipv4, inner)),
        link::ETHER_IPV6 => Some((Layer::Ipv6, inner)),
        _ => None,
    }
}

/// draft-massar-v6ops-ayiya-02 §3, as it is deployed: identity of 16 bytes, signature of 20 (SHA-1).
///
/// ```text
/// | identity 4+4 bits | signature 4, hash 4 | authentication 4, operation 4 | next header 1 |
/// | time 4 | identity 16 | signature 20 | …
/// ```
fn ayiya(view: View<'_>) -> Option<(Layer, View<'_>)> {
    const WORDS_AND_KIND: u8 = 0x41;
    const SIGNATURE: u8 = 0x52;
    const FORWARD: u8 = 1;
    let (&[identity, signature, operation, next], rest) = view.head::<4>(Header::Udp).ok()?;
    if identity != WORDS_AND_KIND || signature != SIGNATURE || operation & 0x0f != FORWARD {
        return None;
    }
    let inner = rest.skip(4 + 16 + 20, Header::Udp).ok()?;
    (next == IPV6_IN_IP).then_some((Layer::Ipv6, inner))
}

/// A user's packet of a mobile network (3GPP TS 29.281 §5.1).
///
/// ```text
/// | 001 1 0 E S N | type 1 | length 2 | tunnel 4 | any of E S N: sequence 2, number 1, next 1 | …
/// ```
fn gtp(view: View<'_>) -> Option<(Layer, View<'_>)> {
    const USER_PACKET: u8 = 0xff;
    let (&[flags, kind, l0, l1, _, _, _, _], rest) = view.head::<8>(Header::Udp).ok()?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if flags & 0xf8 != 0x30 || kind != USER_PACKET || length > rest.wire {
        return None;
    }
    let rest = rest.limit(length);
    let inner = if flags & 7 == 0 { rest } else { gtp_optional(flags, rest)? };
    match inner.bytes.first()? >> 4 {
        4 => Some((Layer::Ipv4, inner)),
        6 => Some((Layer::Ipv6, inner)),
        _ => None,
    }
}

/// The optional fields, then extension headers: words of four bytes, the last byte says what is next.
fn gtp_optional(flags: u8, view: View<'_>) -> Option<View<'_>> {
    const EXTENSIONS: u8 = 0x04;
    let (&[_, _, _, mut next], mut rest) = view.head::<4>(Header::Udp).ok()?;
    if flags & EXTENSIONS == 0 {
        return Some(rest);
    }
    for _ in 0..GTP_EXTENSIONS_MAX {
        if next == 0 {
            return Some(rest);
        }
        let size = usize::from(*rest.bytes.first()?) * 4;
        next = *rest.bytes.get(size.checked_sub(1)?)?;
        rest = rest.skip(size, Header::Udp).ok()?;
    }
    None
}

/// IPv6 through NAT (RFC 4380 §5.1.1), perhaps behind an origin indication; its length must fit.
fn teredo(view: View<'_>) -> Option<(Layer, View<'_>)> {
    let inner = match view.bytes {
        [0, 0, _, _, _, _, _, _, 0x60..=0x6f, ..] => view.skip(8, Header::Udp).ok()?,
        _ => view,
    };
    match inner.bytes {
        [0x60..=0x6f, _, _, _, l0, l1, ..] => {
            let length = usize::from(u16::from_be_bytes([*l0, *l1]));
            (length + 40 == inner.wire).then_some((Layer::Ipv6, inner))
        }
        _ => None,
    }
}
