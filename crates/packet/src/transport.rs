//! What IP carries: TCP and UDP, and who else must be sent to whom.

use model::Transport;

use crate::{
    Content, Datagram, Header, Segment, TcpFlags, Unread,
    address::{Address, Addresses, Context, Pair},
    hash, icmp, ip, sctp, tunnel,
    view::{Layer, Read, Step, View},
};

pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const SCTP: u8 = 132;

/// Reads what an IP header announced by its protocol number.
pub(crate) fn read(
    context: Context,
    addresses: Addresses,
    protocol: u8,
    view: View<'_>,
) -> Read<'_> {
    match (protocol, addresses) {
        (TCP, Addresses::V4(pair)) => Ok(Step::Found(Content::Tcp(tcp(context, pair, view)?))),
        (TCP, Addresses::V6(pair)) => Ok(Step::Found(Content::Tcp(tcp(context, pair, view)?))),
        (UDP, Addresses::V4(pair)) => datagram_or_tunnel(context, pair, view),
        (UDP, Addresses::V6(pair)) => datagram_or_tunnel(context, pair, view),
        (4, _) => Ok(Step::Inside(Layer::Ipv4, view)),
        (41, _) => Ok(Step::Inside(Layer::Ipv6, view)),
        (47, _) => tunnel::gre(view),
        (97, _) => tunnel::ether_ip(view),
        (137, _) => tunnel::mpls_in_ip(view),
        (50, _) => Err(Unread::Esp),
        (51, _) => ip::authentication(view),
        (0 | 43 | 60 | 135 | 139 | 140, Addresses::V6(_)) => ip::extension(view),
        (44, Addresses::V6(_)) => ip::fragment(addresses, view),
        (SCTP, _) => sctp::read(context, addresses, view),
        (ICMP, _) => icmp::v4(context, addresses, view),
        (ICMPV6, _) => icmp::v6(context, addresses, view),
        (n, _) => Err(Unread::IpProtocol(n)),
    }
}

/// RFC 9293 §3.1.
///
/// ```text
///  0 | source port          | destination port |
///  4 | sequence number                         |
///  8 | acknowledgment number                   |
/// 12 | words, flags         | window           |
/// 16 | checksum             | urgent pointer   | options…
/// ```
#[inline(always)]
pub(crate) fn tcp<A: Address>(
    context: Context,
    pair: Pair<A>,
    view: View<'_>,
) -> Result<Segment<'_>, Unread> {
    let (head, rest) = view.head::<20>(Header::Tcp)?;
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, words, flags, w0, w1, ..] = *head;
    let Some(options) = usize::from(words >> 4).checked_sub(5) else {
        return Err(Unread::Bad(Header::Tcp));
    };
    let payload = rest.skip(options * 4, Header::Tcp)?;
    let ports = [u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])];
    Ok(Segment {
        key: context.key(pair, ports, Transport::Tcp),
        dir: pair.dir(ports),
        hash: context.hash(pair, ports, Transport::Tcp),
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        flags: TcpFlags(flags),
        window: u16::from_be_bytes([w0, w1]),
        payload: payload.bytes,
        cut: payload.cut(),
    })
}

/// A UDP header read.
#[derive(Clone, Copy)]
pub(crate) struct Udp<'a> {
    pub src_port: u16,
    pub dst_port: u16,
    pub payload: View<'a>,
}

/// RFC 768.
///
/// ```text
/// | source port 2 | destination port 2 | length 2 | checksum 2 |
/// ```
#[inline]
pub(crate) fn udp(view: View<'_>) -> Result<Udp<'_>, Unread> {
    let (&[s0, s1, d0, d1, l0, l1, _, _], rest) = view.head::<8>(Header::Udp)?;
    let payload = match u16::from_be_bytes([l0, l1]) {
        // In a jumbogram (RFC 2675 §4).
        0 => rest,
        length @ 8.. => rest.limit(usize::from(length) - 8),
        _ => return Err(Unread::Bad(Header::Udp)),
    };
    Ok(Udp {
        src_port: u16::from_be_bytes([s0, s1]),
        dst_port: u16::from_be_bytes([d0, d1]),
        payload,
    })
}

#[inline(always)]
pub(crate) fn datagram<A: Address>(
    context: Context,
    pair: Pair<A>,
    id: u16,
    udp: Udp<'_>,
) -> Datagram<'_> {
    let ports = [udp.src_port, udp.dst_port];
    Datagram {
        key: context.key(pair, ports, Transport::Udp),
        dir: pair.dir(ports),
        hash: hash::of_ports(context.seed, udp.src_port, udp.dst_port),
        id,
        payload: udp.payload.bytes,
        cut: udp.payload.cut(),
    }
}

fn datagram_or_tunnel<A: Address>(context: Context, pair: Pair<A>, view: View<'_>) -> Read<'_> {
    let udp = udp(view)?;
    match tunnel::in_udp(udp) {
        Some((layer, inner)) => Ok(Step::Inside(layer, inner)),
        None => Ok(Step::Found(Content::Udp(datagram(context, pair, 0, udp)))),
    }
}
