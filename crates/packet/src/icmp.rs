//! ICMP and ICMPv6: questions that have a number, and errors with the packet that they quote.
//!
//! ```text
//! | type 1 | code 1 | checksum 2 | identifier 2 | sequence 2 | …      a question or its answer
//! | type 1 | code 1 | checksum 2 | … 4                       | IP header, 8 bytes or more
//! ```

use model::{Notice, Says, Transport};

use crate::{
    Content, Datagram, Header, Quote, Unread,
    address::{Address, Addresses, Context, Pair},
    hash, ip, transport,
    view::{Layer, Read, Step, View},
};

/// Extension headers of a quoted packet.
const EXTENSIONS_MAX: usize = 8;

/// Both versions' numbers of the same things.
struct Numbers {
    /// Types of questions and answers that carry an identifier and a sequence number.
    numbered: &'static [u8],
    /// What the error of this type and code says.
    says: fn(u8, u8) -> Option<Says>,
    /// What the rest is counted as.
    rest: Unread,
}

/// RFC 792: echo, timestamps; RFC 950: masks.
const V4: Numbers =
    Numbers { numbered: &[0, 8, 13, 14, 17, 18], says: says_v4, rest: Unread::Icmp };
/// RFC 4443 §4.
const V6: Numbers = Numbers { numbered: &[128, 129], says: says_v6, rest: Unread::Icmpv6 };

/// What ICMP for IPv4 tells of a flow.
pub(crate) fn v4(context: Context, addresses: Addresses, view: View<'_>) -> Read<'_> {
    read(context, addresses, view, &V4)
}

/// What ICMPv6 tells of a flow.
pub(crate) fn v6(context: Context, addresses: Addresses, view: View<'_>) -> Read<'_> {
    read(context, addresses, view, &V6)
}

fn read<'a>(context: Context, addresses: Addresses, view: View<'a>, numbers: &Numbers) -> Read<'a> {
    let (&[kind, code, _, _, i0, i1, m0, m1], rest) = view.head::<8>(Header::Icmp)?;
    if numbers.numbered.contains(&kind) {
        let identifier = u16::from_be_bytes([i0, i1]);
        let datagram = match addresses {
            Addresses::V4(pair) => numbered(context, pair, identifier, view),
            Addresses::V6(pair) => numbered(context, pair, identifier, view),
        };
        return Ok(Step::Found(Content::Icmp(datagram)));
    }
    let says = (numbers.says)(kind, code).ok_or(numbers.rest)?;
    let from = addresses.src();
    let mtu = u32::from_be_bytes([i0, i1, m0, m1]);
    let notice = Notice { from, says, mtu: (says == Says::TooBig).then_some(mtu & mtu_bits(kind)) };
    let quote = quoted(context, rest, notice).ok_or(numbers.rest)?;
    Ok(Step::Found(Content::Quote(quote)))
}

/// The identifier stands where others have ports, as address translators see it (RFC 5508 §3.1).
fn numbered<A: Address>(
    context: Context,
    pair: Pair<A>,
    identifier: u16,
    view: View<'_>,
) -> Datagram<'_> {
    let ports = [identifier; 2];
    Datagram {
        key: context.key(pair, ports, Transport::Icmp),
        dir: pair.dir(ports),
        hash: hash::of_ports(context.seed, identifier, identifier),
        id: 0,
        payload: view.bytes,
        cut: view.cut(),
    }
}

/// The flow of the packet that an error quotes: its IP header and at least 8 bytes of what it
/// carries (RFC 792, RFC 4443 §3).
fn quoted(context: Context, view: View<'_>, notice: Notice) -> Option<Quote> {
    match view.bytes.first()? >> 4 {
        4 => {
            let ip = ip::read_v4(view).ok()?;
            // Only a first fragment has ports.
            if ip.offset() != 0 {
                return None;
            }
            flow_of(context, ip.pair, ip.protocol, ip.payload, notice)
        }
        6 => {
            let ip = ip::read_v6(view).ok()?;
            let (protocol, payload) = behind_extensions(ip.protocol, ip.payload)?;
            flow_of(context, ip.pair, protocol, payload, notice)
        }
        _ => None,
    }
}

/// What IPv6 carries behind its extension headers.
fn behind_extensions(mut protocol: u8, mut view: View<'_>) -> Option<(u8, View<'_>)> {
    for _ in 0..EXTENSIONS_MAX {
        match protocol {
            0 | 43 | 60 => {
                protocol = *view.bytes.first()?;
                let Ok(Step::Next(Layer::Protocol(_), rest)) = ip::extension(view) else {
                    return None;
                };
                view = rest;
            }
            44 => {
                let (&[next, _, o0, o1, _, _, _, _], rest) =
                    view.head::<8>(Header::Fragment).ok()?;
                if u16::from_be_bytes([o0, o1]) & !7 != 0 {
                    return None;
                }
                (protocol, view) = (next, rest);
            }
            _ => return Some((protocol, view)),
        }
    }
    None
}

fn flow_of<A: Address>(
    context: Context,
    pair: Pair<A>,
    protocol: u8,
    view: View<'_>,
    notice: Notice,
) -> Option<Quote> {
    let [b0, b1, b2, b3, b4, b5, ..] = *view.bytes else { return None };
    let (transport, ports) = match protocol {
        transport::TCP => (Transport::Tcp, [[b0, b1], [b2, b3]]),
        transport::UDP => (Transport::Udp, [[b0, b1], [b2, b3]]),
        transport::SCTP => (Transport::Sctp, [[b0, b1], [b2, b3]]),
        transport::ICMP if V4.numbered.contains(&b0) => (Transport::Icmp, [[b4, b5]; 2]),
        transport::ICMPV6 if V6.numbered.contains(&b0) => (Transport::Icmp, [[b4, b5]; 2]),
        _ => return None,
    };
    let ports = ports.map(u16::from_be_bytes);
    let hash = match transport {
        Transport::Tcp => context.hash(pair, ports, transport),
        _ => hash::of_ports(context.seed, ports[0], ports[1]),
    };
    Some(Quote { key: context.key(pair, ports, transport), dir: pair.dir(ports), hash, notice })
}

/// Which bits of the last word of the header are the size of packets that would pass: RFC 1191 §4,
/// RFC 4443 §3.2.
fn mtu_bits(kind: u8) -> u32 {
    if kind == 2 { u32::MAX } else { 0xffff }
}

/// RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1.
fn says_v4(kind: u8, code: u8) -> Option<Says> {
    match (kind, code) {
        (3, 0 | 6 | 8 | 11) => Some(Says::NetUnreachable),
        (3, 1 | 5 | 7 | 12) => Some(Says::HostUnreachable),
        (3, 2) => Some(Says::ProtocolUnreachable),
        (3, 3) => Some(Says::PortUnreachable),
        (3, 4) => Some(Says::TooBig),
        (3, 9 | 10 | 13..=15) => Some(Says::Prohibited),
        (3, _) => Some(Says::Unreachable),
        (4, _) => Some(Says::SourceQuench),
        (5, _) => Some(Says::Redirect),
        (11, 0) => Some(Says::TimeExceeded),
        (11, _) => Some(Says::ReassemblyTimeExceeded),
        (12, _) => Some(Says::ParameterProblem),
        _ => None,
    }
}

/// RFC 4443 §3. A redirect (RFC 4861 §4.5) has its quote elsewhere.
fn says_v6(kind: u8, code: u8) -> Option<Says> {
    match (kind, code) {
        (1, 0) => Some(Says::NetUnreachable),
        (1, 1 | 5 | 6) => Some(Says::Prohibited),
        (1, 3) => Some(Says::HostUnreachable),
        (1, 4) => Some(Says::PortUnreachable),
        (1, _) => Some(Says::Unreachable),
        (2, _) => Some(Says::TooBig),
        (3, 0) => Some(Says::TimeExceeded),
        (3, _) => Some(Says::ReassemblyTimeExceeded),
        (4, _) => Some(Says::ParameterProblem),
        _ => None,
    }
}
